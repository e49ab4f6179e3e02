"""The state of a training at an epoch's end, kept so that a killed run goes on from there."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from roskdbench.engine.networks import METADATA
from roskdbench.fingerprint import canonical_json

LONGEST = 300.0  # seconds without one, even where keeping it is slow


@dataclass
class Checkpoint:
    """A file that is replaced as a whole."""

    folder: Path
    share: float = 0.05  # of a training's time, that keeping its state may take
    earlier: float = field(default=0.0, init=False)
    """Seconds that earlier attempts took up to what was kept last."""
    _began: float = field(default_factory=time.monotonic, init=False)
    _took: float = field(default=0.0, init=False)
    _ended: float = field(default_factory=time.monotonic, init=False)

    @property
    def due(self) -> bool:
        """Whether enough was learnt since the last time, as things stand at an epoch's end."""
        return time.monotonic() - self._ended >= min(self._took / self.share, LONGEST)

    @property
    def _file(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    def save(self, facts: Mapping[str, Any], parts: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Keep named tensors, in named parts, and facts (JSON)."""
        started = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            f"{part}/{name}": value.detach().cpu().contiguous().clone()
            for part, state in parts.items()
            for name, value in state.items()
        }
        seconds = round(self.earlier + started - self._began, 3)
        kept = {"facts": facts, "made_with": made_with(), "digest": _digest(tensors), "seconds": seconds}
        draft = self._file.with_suffix(".draft")
        save_file(tensors, draft, metadata={METADATA: canonical_json(kept)})
        draft.replace(self._file)
        self._ended = time.monotonic()
        self._took = self._ended - started

    def load(self, device: torch.device) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]] | None:
        """What was kept last; None if there is nothing, its bytes are not those that were written, or what wrote them
        would go on otherwise.
        """
        try:
            with safe_open(self._file, framework="pt") as file:
                kept = json.loads(file.metadata()[METADATA])
            tensors = load_file(self._file)
            if kept["made_with"] != made_with() or kept["digest"] != _digest(tensors):
                return None
            self.earlier = float(kept.get("seconds", 0.0))
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return None
        parts: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            part, _, name = key.partition("/")
            parts.setdefault(part, {})[name] = value.to(device)
        return kept["facts"], parts


def made_with() -> str:
    """What a training cannot change in its middle without ending elsewhere."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else torch.backends.cpu.get_cpu_capability()
    return f"torch {torch.__version__}, timm {version('timm')} on {device}"


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Of all the bytes: the format has no sums of its own."""
    digest = sha256()
    for name, value in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()

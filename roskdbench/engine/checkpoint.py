"""The state of a training at an epoch's end, kept so that a killed run goes on from there."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """A file that is replaced as a whole. The same training state gives the same file content."""

    folder: Path
    share: float = 0.05  # of a training's time, that keeping its state may take
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
        draft = self._file.with_suffix(".draft")
        save_file(tensors, draft, metadata={METADATA: canonical_json({"facts": facts, "made_with": made_with()})})
        draft.replace(self._file)
        self._ended = time.monotonic()
        self._took = self._ended - started

    def load(self, device: torch.device) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]] | None:
        """What was kept last; None if there is nothing that can be read, or it was kept on another kind of device."""
        try:
            with safe_open(self._file, framework="pt") as file:
                kept = json.loads(file.metadata()[METADATA])
            if kept["made_with"] != made_with():
                return None
            tensors = load_file(self._file, device=str(device))
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return None
        parts: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            part, _, name = key.partition("/")
            parts.setdefault(part, {})[name] = value
        return kept["facts"], parts


def made_with() -> str:
    """What a training cannot change in its middle without ending elsewhere."""
    return f"torch {torch.__version__} on {'cuda' if torch.cuda.is_available() else 'cpu'}"

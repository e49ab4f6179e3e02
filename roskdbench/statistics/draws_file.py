"""Bootstrap draws in the store: one matrix [metrics, draws], and the metrics' names in the same file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

FILE = "draws.safetensors"


def write_draws(folder: Path, drawn: Mapping[str, NDArray[Any]]) -> None:
    """Keep the draws of each metric beside the numbers that they go with."""
    save_file({"draws": np.stack(list(drawn.values()))}, folder / FILE, metadata={"metrics": json.dumps(list(drawn))})


def read_draws(folder: Path) -> dict[str, NDArray[Any]]:
    """The draws of each metric; none where none were kept."""
    if not (folder / FILE).is_file():
        return {}
    with safe_open(folder / FILE, framework="numpy") as file:
        return dict(zip(json.loads(file.metadata()["metrics"]), file.get_tensor("draws"), strict=True))

"""Bootstrap draws in the store: one matrix [metrics, draws], and the metrics' names in the same file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from roskdbench.foreign import weights_head

FILE = "draws.safetensors"


def write_draws(folder: Path, drawn: Mapping[str, NDArray[Any]]) -> None:
    """Keep the draws of each metric beside the numbers that they go with."""
    save_file({"draws": np.stack(list(drawn.values()))}, folder / FILE, metadata={"metrics": json.dumps(list(drawn))})


def read_draws(path: Path) -> dict[str, NDArray[Any]]:
    """The draws of each metric; a UserError, ValueError, TypeError or KeyError for a file that has none."""
    names = json.loads(weights_head(path)["metrics"])
    draws = load_file(path)["draws"]
    if draws.ndim != 2 or draws.dtype.kind != "f" or not all(isinstance(name, str) for name in names):
        raise ValueError("it holds no draws")
    return dict(zip(names, draws, strict=True))

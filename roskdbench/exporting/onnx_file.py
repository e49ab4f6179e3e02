"""A network as ONNX: pixels from 0 to 1 in, logits out, held against the network itself before it is given away."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from roskdbench.engine.networks import Classifier
from roskdbench.errors import UserError, one_line

FILE = "model.onnx"
OPSET = 18
BATCH = 64
FAR = 1e-4
"""How far a logit may be from the network's own, beside 1 or its size."""


def write_onnx(network: Classifier, images: NDArray[np.uint8], folder: Path) -> float:
    """Write model.onnx; how far its logits of the images are from the network's. A UserError if that is too far, or
    it cannot be written; no file is left then.
    """
    if not (find_spec("onnx") and find_spec("onnxruntime")):
        raise UserError("ONNX takes onnx and onnxruntime: pip install 'roskdbench[onnx]'")
    pixels, path = torch.from_numpy(images).float() / 255, folder / FILE
    try:
        away = _written(network, pixels, path)
    except Exception as error:  # of torch's exporter, which knows not all layers, or of ONNX Runtime
        path.unlink(missing_ok=True)
        raise UserError(f"the network cannot be had as ONNX: {one_line(error)}") from None
    if not away <= FAR:  # nor NaN
        path.unlink(missing_ok=True)
        raise UserError(f"ONNX Runtime's logits are {away:.1e} away from the network's own: no ONNX file was written")
    return away


def _written(network: Classifier, pixels: torch.Tensor, path: Path) -> float:
    """How far the logits of the file are from the network's, beside 1 or their size."""
    import onnx
    import onnxruntime

    with _quiet():
        torch.onnx.export(
            network,
            (pixels[:2],),
            path,
            input_names=["pixels"],
            output_names=["logits"],
            dynamic_axes={"pixels": {0: "images"}, "logits": {0: "images"}},
            opset_version=OPSET,
            dynamo=False,
        )
    made = onnx.load(path)
    onnx.checker.check_model(made)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    parts = torch.split(pixels, BATCH)
    given = np.concatenate([session.run(["logits"], {"pixels": part.numpy()})[0] for part in parts])
    with torch.no_grad():
        wanted = torch.cat([network(part) for part in parts]).numpy()
    return float((np.abs(given - wanted) / np.maximum(1, np.abs(wanted))).max())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch's exporter says of itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        level = logging.getLogger("torch.onnx").level
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.getLogger("torch.onnx").setLevel(level)

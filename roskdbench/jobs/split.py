"""`split`: which samples train, validate and test, and the pixel statistics of those that train."""

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.splits import split_by
from roskdbench.errors import UserError
from roskdbench.fingerprint import canonical_json
from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext

KIND = Kind(revision=2, runs_locally=True)

CHUNK_BYTES = 8 << 20  # of pixels; counting takes several times that


def run(context: JobContext) -> None:
    """Write split.npz (train, validation, test) and statistics.json (mean and deviation a channel, of train)."""
    problem = context.problem()
    split = split_by(context.spec, problem.labels)
    for part in ("train", "validation", "test"):
        if len(getattr(split, part)) < 2:
            raise UserError(f"{context.job.label}: the {part} part has fewer than two samples; draw or load more")
    np.savez(context.folder / "split.npz", train=split.train, validation=split.validation, test=split.test)
    mean, deviation = _statistics(problem.images, split.train)
    facts = {
        "mean": [round(value, 6) for value in mean],
        "deviation": [round(value, 6) for value in deviation],
    }
    (context.folder / "statistics.json").write_text(canonical_json(facts), "utf-8")


def _statistics(images: NDArray[np.uint8], samples: NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the pixels in [0, 1], a channel each, in bounded memory."""
    channels = images.shape[1]
    total, squares = np.zeros(channels), np.zeros(channels)
    step = max(1, CHUNK_BYTES // images[0].nbytes)
    for start in range(0, len(samples), step):
        part = images[samples[start : start + step]]
        counts = np.stack([np.bincount(part[:, channel].ravel(), minlength=256) for channel in range(channels)])
        grey = np.arange(256) / 255
        total += counts @ grey
        squares += counts @ grey**2
    pixels = len(samples) * images.shape[2] * images.shape[3]
    mean = total / pixels
    deviation = np.sqrt(np.maximum(squares / pixels - mean**2, 1e-6))
    return mean.tolist(), deviation.tolist()

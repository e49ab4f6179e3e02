"""Banks at the size of ChestX-ray14: what filling and reading them takes of memory and time.

    python benchmarks/banks.py [SAMPLES] [VIEWS]

Five teachers' logits for 8 findings and every view of the training part (70 % of 112,120 images, 50 epochs) are
written in streams to float16 files, as the job `bank` does, and read back epoch by epoch, as a training does. Teachers
are a single linear layer and images 28 pixels wide, so that time is that of the banks. Memory is this process's own
(RssAnon), not pages of files that the system may drop at any time.
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from roskdbench.engine.bank import fill
from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.examples import Examples, batches, epoch_order
from roskdbench.engine.networks import Classifier
from roskdbench.engine.recipe import Recipe, Seeds
from roskdbench.engine.training import Training
from roskdbench.method import Exponential, Method

TEACHERS, FINDINGS, SIDE = 5, 8, 28
SEEDS = Seeds(order=1, views=2, method=3)


class Linear(nn.Module):
    """A network that costs next to nothing."""

    num_features = SIDE * SIDE

    def __init__(self) -> None:
        super().__init__()
        self.answer = nn.Linear(SIDE * SIDE, FINDINGS)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[B, C]"""
        return self.answer(images.flatten(1))


class Ours(Method):
    """Ours: five teachers, weighted at random."""

    weighting = Exponential()


class Memory:
    """The largest memory of this process's own while a block runs, above what it had before."""

    def __enter__(self) -> "Memory":
        self.before = self.highest = own()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.highest = max(self.highest, own())

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    @property
    def mebibytes(self) -> float:
        """How much it was."""
        return (self.highest - self.before) / 1024


def own() -> int:
    """KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon")))


def network() -> Classifier:
    return Classifier(Linear(), [0.5], [0.25])


def main(samples: int = 112_120, views: int = 50) -> None:
    torch.set_num_threads(1)
    count = round(samples * 0.7)
    pixels = np.random.default_rng(0).integers(0, 255, (count, 1, SIDE, SIDE), np.uint8)
    findings = np.zeros((count, FINDINGS), np.uint8)
    examples = Examples.place(pixels, findings, np.arange(count), torch.device("cpu"))
    recipe = Recipe(views, 64, 0.01, 0.9, 0.0, (), 0.1, (), None)
    with tempfile.TemporaryDirectory() as folder:
        start, memory = time.perf_counter(), Memory()
        with memory:
            for number in range(TEACHERS):
                path = Path(folder) / f"{number}.npy"
                bank = np.lib.format.open_memmap(path, "w+", np.float16, (views, count, FINDINGS))
                fill(bank, network(), examples, recipe, SEEDS, ComputeConfig(), lambda done, note: None)
                bank.flush()
                del bank
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
        seconds = time.perf_counter() - start
        images = TEACHERS * views * count
        print(f"{TEACHERS} banks of {views} views of {count:,} images: {size:.0f} MiB")
        print(f"  filled in {seconds:.0f} s ({images / seconds:,.0f} images/s), {memory.mebibytes:.0f} MiB of memory")
        banks = [np.load(Path(folder) / f"{number}.npy", mmap_mode="c") for number in range(TEACHERS)]
        student = network()
        training = Training("multi-label", Ours(), student, examples, banks, recipe, SEEDS)
        start, memory = time.perf_counter(), Memory()
        with memory:
            for epoch in range(views):
                read = training.lessons.teacher_logits(epoch)
                for positions in batches(epoch_order(count, epoch, SEEDS.order), recipe.batch):
                    read[:, positions].sum()
        seconds = time.perf_counter() - start
        print(f"  read in the order of {views} epochs in {seconds:.0f} s, {memory.mebibytes:.0f} MiB of memory")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

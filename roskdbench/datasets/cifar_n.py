"""`cifar10n` and `cifar100n`: CIFAR with the labels that people gave its training images (Wei et al., ICLR 2022)."""

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.catalogue import Catalogue
from roskdbench.data.human_labels import (
    CLEAN,
    NOISY,
    SINGLE,
    VOTE,
    WORST,
    draw_human_labels,
    read_human_labels,
    write_torch_file,
)
from roskdbench.data.patterns import patterns
from roskdbench.data.problem import TEST, TRAIN_OR_VALIDATION, Labels
from roskdbench.data.records import RecordImages
from roskdbench.datasets._cifar_classes import FINE
from roskdbench.errors import UserError
from roskdbench.plugins import register
from roskdbench.suite.problems import Card, RealProblem, Size, Task

SHAPE = (3, 32, 32)
HUMAN = dict(zip(("aggregate", "random1", "random2", "random3", "worst"), (VOTE, *SINGLE, WORST), strict=True))
_CITATION = "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009; Wei et al., CIFAR-N, ICLR 2022"
_LICENCE = "free use with citation (images), CC BY-NC 4.0 (labels by people)"


def _how(classes: int) -> str:
    return (
        f"cifar-{classes}-binary.tar.gz from cs.toronto.edu/~kriz/cifar.html, unpacked, and beside it "
        f"CIFAR-{classes}_human.pt from github.com/UCSC-REAL/cifar-10-100n"
    )


class CifarN(RealProblem):
    """CIFAR with labels by people: what both sets have in common."""

    channels: ClassVar[int | None] = 3
    task: ClassVar[Task | None] = "single-label"
    expected_samples: ClassVar[int] = 60_000
    has_noisy_copy: ClassVar[bool] = True
    folders: ClassVar[tuple[str, str]]
    """Of the binary version, and of the Python version."""
    files: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]]
    """For training, and for test."""
    label_bytes: ClassVar[int]
    """Before each image; the last one is its class."""

    size: Size = 32
    split: Literal["official"] = "official"
    """People labelled the training images only."""
    corrected: None = None

    @property
    def label_names(self) -> tuple[str, ...]:
        """What the noisy copy may be called in the file of labels."""
        raise NotImplementedError

    def catalogue(self, root: Path) -> Catalogue:
        """The training images in the order of their files, then the test images. Nothing groups them."""
        train, test = (RecordImages(paths, self.label_bytes, SHAPE) for paths in _binaries(self, root))
        images = RecordImages([*train.paths, *test.paths], self.label_bytes, SHAPE)
        targets, count = images.labels[:, -1].astype(np.int64), len(train)
        classes = len(self.known_classes)
        if targets.max() >= classes:
            raise UserError(f"{root}: a label is {targets.max()}; they go from 0 to {classes - 1}")
        clean = targets[:count]
        noisy, votes = read_human_labels(root, classes, self.label_names, clean)
        labels = Labels(
            task="single-label",
            classes=self.known_classes,
            targets=targets,
            groups=np.arange(len(targets)),
            noisy_targets=np.concatenate([noisy, targets[count:]]),
            parts=np.where(np.arange(len(targets)) < count, TRAIN_OR_VALIDATION, TEST).astype(np.int8),
            votes=_with_test(votes, len(test)) if self.has_votes and votes is not None else None,
        )
        wrong = f"{np.mean(noisy != clean):.2%} of the {count:,} training images"
        remark = f"Labels by people ({self.label_names[0]}) are wrong for {wrong}."
        return Catalogue(images, labels, 3, self.size, remark)

    @classmethod
    def generate(cls, folder: Path, groups: int, seed: int) -> None:
        """So many training images, one of each class at least, a fifth as many to test, and labels by three people."""
        random, classes = np.random.default_rng(seed), len(cls.known_classes)
        counts = [max(groups, classes), max(groups // 5, classes)]
        targets = [random.permutation(np.arange(count) % classes) for count in counts]
        images = patterns(np.eye(classes, dtype=np.int64)[np.concatenate(targets)], SHAPE[0], SHAPE[1], random)
        place = folder / cls.folders[0]
        place.mkdir(parents=True, exist_ok=True)
        for names, labels, pixels in zip(cls.files, targets, np.split(images, [counts[0]]), strict=True):
            for name, rows in zip(names, np.array_split(np.arange(len(labels)), len(names)), strict=True):
                heads = np.repeat(labels[rows, None], cls.label_bytes, axis=1).astype(np.uint8)
                planes = pixels[rows].transpose(0, 3, 1, 2).reshape(len(rows), -1)
                (place / name).write_bytes(np.hstack([heads, planes]).tobytes())
        people = draw_human_labels(targets[0], classes, random)
        names = (CLEAN, *HUMAN.values()) if cls.has_votes else (CLEAN, NOISY)
        write_torch_file(folder / f"CIFAR-{classes}_human.pt", {name: people[name] for name in names})


@register("cifar10n")
class Cifar10N(CifarN):
    """CIFAR-10N: photographs of 10 classes, each training image labelled by three people.

    Of the published labels 9.03 % are wrong by the vote of the three (aggregate), 17.23, 18.12 and 17.64 % by each of
    them (random1 to random3), and 40.21 % where a wrong label is taken whenever one of the three gave one (worst).
    """

    card: ClassVar[Card] = Card("CIFAR-10N: photographs, 10 classes, labels by people", _LICENCE, _CITATION, _how(10))
    has_votes: ClassVar[bool] = True
    known_classes: ClassVar[tuple[str, ...]] = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )
    folders: ClassVar[tuple[str, str]] = ("cifar-10-batches-bin", "cifar-10-batches-py")
    files: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]] = (
        tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        ("test_batch.bin",),
    )
    label_bytes: ClassVar[int] = 1

    human: Literal["aggregate", "random1", "random2", "random3", "worst"] = "worst"
    """Which labels by people `noise: own` trains on: the vote of three, one of them, or a wrong one if there is one."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The one that `human` says."""
        return (HUMAN[self.human],)


@register("cifar100n")
class Cifar100N(CifarN):
    """CIFAR-100N: photographs of 100 classes, each training image labelled by one person, 40.20 % of them wrongly."""

    card: ClassVar[Card] = Card(
        "CIFAR-100N: photographs, 100 classes, labels by people", _LICENCE, _CITATION, _how(100)
    )
    known_classes: ClassVar[tuple[str, ...]] = FINE
    folders: ClassVar[tuple[str, str]] = ("cifar-100-binary", "cifar-100-python")
    files: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]] = (("train.bin",), ("test.bin",))
    label_bytes: ClassVar[int] = 2

    @property
    def label_names(self) -> tuple[str, ...]:
        """Its name in torch's file, and in numpy's."""
        return (NOISY, "noise_label")


def _binaries(spec: CifarN, root: Path) -> tuple[list[Path], list[Path]]:
    """The files of both parts; a UserError for the Python version, which is pickles, and for one that is missing."""
    binary, python = spec.folders
    folder = root / binary if (root / binary).is_dir() else root
    first = spec.files[0][0]
    if not (folder / first).is_file():
        if any((each / first.removesuffix(".bin")).is_file() for each in (root, root / python)):
            wanted = spec.card.how.partition(",")[0]
            raise UserError(f"{root} has CIFAR's Python version, which is pickles and could run code; get {wanted}")
        raise UserError(f"{root} has no {binary}/{first}")
    train, test = ([folder / name for name in names] for names in spec.files)
    absent = [path.name for path in (*train, *test) if not path.is_file()]
    if absent:
        raise UserError(f"{folder} has no {absent[0]}; unpack all of CIFAR's binary version")
    return train, test


def _with_test(votes: NDArray[np.int8], count: int) -> NDArray[np.int8]:
    """With -1 for the test images, which nobody labelled again."""
    return np.concatenate([votes, np.full((count, votes.shape[1]), -1, np.int8)])

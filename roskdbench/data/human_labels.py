"""The labels that people gave CIFAR's training images (CIFAR-N), in each form that they are given out in."""

import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.array_pickles import read_arrays
from roskdbench.errors import UserError

CLEAN = "clean_label"
SINGLE = ("random_label1", "random_label2", "random_label3")
VOTE, WORST, NOISY = "aggre_label", "worse_label", "noisy_label"
SUBFOLDERS = ("", "data", "CIFAR-N")
"""Where they may lie in the folder of the images: beside them, as in their repository, or as in their zip."""

Named = dict[str, NDArray[Any]]


def read_human_labels(
    root: Path, classes: int, wanted: Sequence[str], clean: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int8] | None]:
    """The labels under the first of the wanted names that is there, in the order of the images, and what each of three
    people said [N, 3], None where that is not there. `clean` are the images' own labels: a file whose clean labels are
    others is in another order, and a UserError.
    """
    found, place = _found(root, classes, wanted)
    name = next((each for each in wanted if each in found), None)
    if name is None or CLEAN not in found:
        raise UserError(
            f"{place} has no {wanted[0] if name is None else CLEAN}; it has {', '.join(found) or 'no labels'}"
        )
    said = {each: _checked(found, each, len(clean), classes, place) for each in (name, *SINGLE, CLEAN) if each in found}
    differ = int((said[CLEAN] != clean).sum())
    if differ:
        raise UserError(
            f"{place}: {differ:,} of {len(clean):,} clean labels are not the images' own; it is in another order, "
            "or of other images"
        )
    votes = np.stack([said[each] for each in SINGLE], axis=1).astype(np.int8) if set(SINGLE) <= set(said) else None
    return said[name], votes


def _checked(found: Named, name: str, count: int, classes: int, place: Path) -> NDArray[np.int64]:
    labels = found[name].reshape(-1)
    if labels.dtype.kind not in "iu" or len(labels) != count:
        raise UserError(f"{place}: {name} is {labels.dtype} [{len(labels):,}]; it should be whole numbers [{count:,}]")
    if not 0 <= labels.min() <= labels.max() < classes:
        raise UserError(
            f"{place}: {name} goes from {labels.min()} to {labels.max()}; it should from 0 to {classes - 1}"
        )
    return labels.astype(np.int64)


def _found(root: Path, classes: int, wanted: Sequence[str]) -> tuple[Named, Path]:
    """What the first of these holds, and which it is: torch's file, numpy's in the order of TensorFlow, or a folder
    with a file for each array.
    """
    stem = f"CIFAR-{classes}_human"
    folders = [root / name for name in SUBFOLDERS]
    for path in (folder / f"{stem}.pt" for folder in folders):
        if path.is_file():
            return read_arrays(path), path
    for path in (folder / f"{stem}_ordered.npy" for folder in folders):
        if path.is_file():
            return _in_order(read_arrays(path), [path.parent, *folders], classes, path), path
    for folder in folders:
        paths = [path for name in (*wanted, *SINGLE, CLEAN) if (path := folder / f"{name}.npy").is_file()]
        if paths:
            return {path.stem: _alone(path) for path in paths}, folder
    raise UserError(f"{root} has no {stem}.pt, {stem}_ordered.npy or {wanted[0]}.npy, the labels by people")


def _alone(path: Path) -> NDArray[Any]:
    """The one array of a file."""
    arrays = read_arrays(path)
    if path.stem not in arrays:
        raise UserError(f"{path} holds {', '.join(arrays) or 'nothing'}, and not one array")
    return arrays[path.stem]


def _in_order(arrays: Named, folders: Sequence[Path], classes: int, path: Path) -> Named:
    """Arrays in the order of TensorFlow, brought into that of CIFAR's own files."""
    name = f"image_order_c{classes}"
    place = next((each for folder in folders if (each := folder / f"{name}.npy").is_file()), None)
    if place is None:
        raise UserError(
            f"{path} is in the order of TensorFlow; put {name}.npy beside it, or take CIFAR-{classes}_human.pt"
        )
    order = _alone(place).reshape(-1)
    if order.dtype.kind not in "iu" or not np.array_equal(np.sort(order), np.arange(len(order))):
        raise UserError(f"{place} does not number the images from 0 to {len(order) - 1:,}")
    wrong = next((each for each, labels in arrays.items() if labels.size != len(order)), None)
    if wrong is not None:
        raise UserError(f"{path}: {wrong} has {arrays[wrong].size:,} labels, and {place.name} {len(order):,}")
    return {each: labels.reshape(-1)[np.argsort(order)] for each, labels in arrays.items()}


def draw_human_labels(clean: NDArray[np.int64], classes: int, random: np.random.Generator) -> Named:
    """Made-up labels of three people who err in one of six; their vote, ties by lot; a wrong one of theirs where there
    is one; and those of the first alone.
    """
    said = np.stack([clean] * len(SINGLE), axis=1)
    errs = random.random(said.shape) < 1 / 6
    said[errs] = (said[errs] + random.integers(1, classes, int(errs.sum()))) % classes
    lots = random.random(said.shape)
    agreeing = (said[:, :, None] == said[:, None, :]).sum(2)
    by_vote, by_error = (agreeing + lots).argmax(1), ((said != clean[:, None]) + lots).argmax(1)
    everyone = np.arange(len(said))
    single = dict(zip(SINGLE, said.T.copy(), strict=True))
    return {
        CLEAN: clean,
        VOTE: said[everyone, by_vote],
        WORST: said[everyone, by_error],
        **single,
        NOISY: single[SINGLE[0]],
    }


def write_torch_file(path: Path, arrays: Named) -> None:
    """A dictionary of arrays as torch.save writes it; the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (("data.pkl", pickle.dumps(arrays, protocol=2)), ("version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(f"{path.stem}/{name}"), data)

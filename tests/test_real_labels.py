"""The real label files of ISIC 2019 and ChestX-ray14, where ROSKDBENCH_DATA has them: counts, splits, folds, subsets.

Images are not needed: empty files stand for them. What cannot be found is skipped; `tests/test_splits.py` holds the
same claims on made-up labels everywhere.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from roskdbench.data.datasets import catalogue
from roskdbench.data.labelfile import one_of, read_label_file
from roskdbench.data.splits import fold, holdout
from roskdbench.data.subsets import overlapping_subsets, subset_share
from roskdbench.datasets import chestxray14, isic2019
from roskdbench.datasets.chestxray14 import ChestXray14
from roskdbench.datasets.isic2019 import Isic2019

BASE = os.environ.get("ROSKDBENCH_DATA")
ISIC_COUNTS = [4522, 12875, 3323, 867, 2624, 239, 253, 628]
CHEST_COUNTS = [11559, 2776, 13317, 19894, 5782, 6331, 1431, 5302]
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}


def release(folder, dataset, files, column, place):
    """The label files of a dataset, and an empty file for each image that they list."""
    source = Path(BASE or "/nowhere") / dataset
    try:
        found = [one_of(source, names, "labels") for names in files]
    except Exception as error:
        pytest.skip(f"ROSKDBENCH_DATA: {error}")
    for path in found:
        (folder / path.name).write_bytes(path.read_bytes())
    for name in read_label_file(found[0], [column], column)[column]:
        path = folder / place(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.fixture(scope="module")
def skin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("isic")
    release(
        folder,
        "isic2019",
        [[isic2019.LABELS], [isic2019.METADATA]],
        "image",
        lambda name: f"{isic2019.IMAGES}/{name}.jpg",
    )
    return catalogue("lesion", Isic2019(), folder).labels


@pytest.fixture(scope="module")
def chest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nih")
    place = "images_{:03}/images/{}"
    release(
        folder, "chestxray14", [chestxray14.LABELS], "Image Index", lambda name: place.format(int(name[:4]) + 1, name)
    )
    return catalogue("cardio", ChestXray14(), folder).labels


def test_isic_has_the_counts_that_its_givers_name(skin):
    assert len(skin) == 25_331
    assert skin.indicators.sum(0).tolist() == ISIC_COUNTS
    _, sizes = np.unique(skin.groups, return_counts=True)
    assert len(sizes) == 11_847 + 25_331 - 23_247


def test_chestxray_has_the_counts_that_its_givers_name(chest):
    assert len(chest) == 112_120
    assert chest.targets.sum(0).tolist() == CHEST_COUNTS
    assert len(np.unique(chest.groups)) == 30_805
    assert (chest.targets.sum(1) == 0).mean() == pytest.approx(0.5839, abs=5e-5)


def assert_fair(labels, part, share, tolerance):
    """The size within half a percent of all samples; every class within so much of its share."""
    assert abs(len(part) - share * len(labels)) <= 0.005 * len(labels)
    fractions = labels.indicators[part].sum(0) / labels.indicators.sum(0)
    assert fractions == pytest.approx(share, rel=tolerance)


def assert_apart(labels, *parts):
    groups = [set(labels.groups[part].tolist()) for part in parts]
    assert sum(map(len, groups)) == len(set().union(*groups)) == len(np.unique(labels.groups))
    assert sum(map(len, parts)) == len(labels)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("problem", ["skin", "chest"])
def test_splits_are_disjoint_and_fair_to_every_class(request, problem, seed):
    labels = request.getfixturevalue(problem)
    split = holdout(labels, *SHARES.values(), seed)
    assert_apart(labels, split.train, split.validation, split.test)
    for name, share in SHARES.items():
        assert_fair(labels, getattr(split, name), share, 0.1)


@pytest.mark.parametrize("problem", ["skin", "chest"])
def test_test_parts_of_two_seeds_share_what_chance_has_them_share(request, problem):
    labels = request.getfixturevalue(problem)
    one, other, third = (set(holdout(labels, *SHARES.values(), seed).test) for seed in (0, 1, 2))
    shared = [len(a & b) / len(a) for a, b in ((one, other), (other, third), (third, one))]
    assert np.mean(shared) == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("problem", ["skin", "chest"])
def test_so_are_three_folds(request, problem):
    labels = request.getfixturevalue(problem)
    splits = [fold(labels, 3, number, 0.1, 0) for number in range(3)]
    assert_apart(labels, *(split.test for split in splits))
    for split in splits:
        assert_apart(labels, split.train, split.validation, split.test)
        assert_fair(labels, split.test, 1 / 3, 0.1)
        assert_fair(labels, split.validation, 0.1, 0.1)
        assert_fair(labels, split.train, 1 - 1 / 3 - 0.1, 0.1)


@pytest.mark.parametrize("problem", ["skin", "chest"])
def test_subsets_of_the_training_part_have_the_size_of_the_formula(request, problem):
    labels = request.getfixturevalue(problem)
    train = labels.take(holdout(labels, *SHARES.values(), 0).train)
    members = overlapping_subsets(train.indicators, train.groups, 5, 0.4, "core", 0)
    assert members.any(0).all()
    assert members.sum(1) == pytest.approx(subset_share("core", 5, 0.4) * len(train), rel=0.01)
    for one in range(5):
        for other in range(one):
            assert (members[one] & members[other]).sum() / members[one].sum() == pytest.approx(0.4, abs=0.01)

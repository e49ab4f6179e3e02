"""Splits, folds and overlapping subsets: disjoint where they must be, of the right size, fair to every class."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roskdbench.data.phantoms import draw_chest
from roskdbench.data.problem import TEST, TRAIN, TRAIN_OR_VALIDATION, VALIDATION, Labels
from roskdbench.data.splits import fold, holdout, official
from roskdbench.data.subsets import CONSTRUCTIONS, overlapping_subsets, subset_share
from roskdbench.errors import UserError

RATIOS = [0.0, 0.2, 0.4, 0.75, 1.0]


@st.composite
def labelled(draw):
    """Labels of either task with groups of one to five samples."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    samples, classes = draw(st.integers(60, 400)), draw(st.integers(2, 8))
    groups = np.sort(random.integers(0, max(20, samples // draw(st.integers(1, 5))), samples))
    if draw(st.booleans()):
        chances = random.dirichlet(np.ones(classes))
        targets = random.choice(classes, samples, p=chances)
        return Labels("single-label", tuple(map(str, range(classes))), targets, groups)
    targets = (random.random((samples, classes)) < random.uniform(0.02, 0.4, classes)).astype(np.uint8)
    return Labels("multi-label", tuple(map(str, range(classes))), targets, groups)


def largest_group(labels):
    return np.unique(labels.groups, return_counts=True)[1].max()


def assert_a_partition(labels, *parts):
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    groups = [set(labels.groups[part]) for part in parts]
    for one in range(len(groups)):
        for other in range(one):
            assert not groups[one] & groups[other]


@given(labelled(), st.integers(0, 5))
def test_a_holdout_split_is_a_partition_by_group_of_the_right_size(labels, seed):
    split = holdout(labels, 0.7, 0.1, 0.2, seed)
    assert_a_partition(labels, split.train, split.validation, split.test)
    for part, share in ((split.train, 0.7), (split.validation, 0.1), (split.test, 0.2)):
        assert abs(len(part) - share * len(labels)) <= 3 * largest_group(labels) + 0.03 * len(labels)


@given(labelled(), st.integers(2, 5))
def test_every_sample_is_tested_in_exactly_one_fold(labels, folds):
    splits = [fold(labels, folds, number, 0.1, 0) for number in range(folds)]
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(len(labels)))
    for split in splits:
        assert_a_partition(labels, split.train, split.validation, split.test)


@given(labelled(), st.integers(0, 5), st.sampled_from([TRAIN, TRAIN_OR_VALIDATION]))
def test_an_official_split_keeps_its_test_part_and_gives_validation_a_share_of_the_rest(labels, seed, rest):
    parts = np.where(labels.groups % 4 == 0, TEST, rest).astype(np.int8)
    given = replace(labels, parts=parts)
    split = official(given, 0.125, seed)
    assert_a_partition(labels, split.train, split.validation, split.test)
    assert np.array_equal(split.test, np.flatnonzero(parts == TEST))
    left = len(labels) - len(split.test)
    assert abs(len(split.validation) - 0.125 * left) <= 3 * largest_group(labels) + 0.03 * left


def test_an_official_split_with_three_parts_is_kept_as_it_is():
    labels = chest_labels(100)
    parts = np.random.default_rng(0).choice([TRAIN, VALIDATION, TEST], 100).astype(np.int8)
    split = official(replace(labels, parts=parts), 0.5, 0)
    for found, part in ((split.train, TRAIN), (split.validation, VALIDATION), (split.test, TEST)):
        assert np.array_equal(found, np.flatnonzero(parts == part))


def test_a_split_is_the_same_for_the_same_seed_only():
    _, targets, groups = draw_chest(600, 28, 0)
    labels = Labels("multi-label", tuple("abcdefgh"), targets, groups)
    one, again, other = (holdout(labels, 0.7, 0.1, 0.2, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.train, again.train)
    assert not np.array_equal(one.train, other.train)


def chest_labels(samples=20000, seed=0):
    """Findings and patients as the chest phantom draws them, without drawing a film."""
    from roskdbench.data.phantoms.chest import CLASSES, _findings

    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(samples), random.integers(1, 7, samples))[:samples]
    return Labels("multi-label", CLASSES, _findings(random, patient), patient)


def shared(labels, tests):
    """The share of a test part that another seed's has, too; on average over pairs."""
    inside = np.zeros((len(tests), len(labels)))
    for row, test in zip(inside, tests, strict=True):
        row[test] = 1
    both = inside @ inside.T
    return (both.sum() - np.trace(both)) / (np.trace(both) * (len(tests) - 1))


def few_patients_with_many_films(seed=0):
    """1,000 films of 264 patients, some with dozens; findings stay with a patient."""
    random = np.random.default_rng(seed)
    patient = np.sort(random.choice(264, 1000, p=random.dirichlet(np.full(264, 0.5))))
    prone = random.random((264, 8)) < np.linspace(0.02, 0.3, 8)
    targets = (prone[patient] & (random.random((1000, 8)) < 0.6)).astype(np.uint8)
    return Labels("multi-label", tuple("abcdefgh"), targets, patient)


@pytest.mark.parametrize("made", [lambda: chest_labels(1500), few_patients_with_many_films], ids=["phantom", "lumps"])
def test_test_parts_of_other_seeds_share_what_chance_has_them_share(made):
    """A fifth. Were it more, the spread over seeds would be that of trainings on the same patients."""
    labels = made()
    tests = [holdout(labels, 0.7, 0.1, 0.2, seed).test for seed in range(16)]
    assert 0.17 < shared(labels, tests) < 0.26
    ever = np.zeros(len(labels), bool)
    ever[np.concatenate(tests[:6])] = True
    assert ever.mean() > 0.6  # by chance .74
    off = [np.abs(labels.targets[test].mean(0) - labels.targets.mean(0)).mean() for test in tests]
    assert np.mean(off) < 0.011


def test_classes_keep_their_shares_in_a_large_multi_label_split():
    labels = chest_labels()
    split = holdout(labels, 0.7, 0.1, 0.2, 0)
    for part, share in ((split.train, 0.7), (split.validation, 0.1), (split.test, 0.2)):
        assert len(part) == pytest.approx(share * len(labels), abs=0.005 * len(labels))
        fractions = labels.targets[part].sum(0) / labels.targets.sum(0)
        assert fractions == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
@given(labels=labelled(), count=st.integers(2, 6), ratio=st.sampled_from(RATIOS))
@settings(max_examples=40)
def test_subsets_cover_everything_and_move_whole_groups(construction, labels, count, ratio):
    if construction == "ring" and ratio > 1 - 1 / count:
        return
    members = overlapping_subsets(labels.indicators, labels.groups, count, ratio, construction, 0)
    assert members.shape == (count, len(labels))
    assert members.any(0).all()
    for group in np.unique(labels.groups):
        inside = members[:, labels.groups == group]
        assert (inside == inside[:, :1]).all()
    if ratio == 0:
        assert (members.sum(0) == 1).all()
    if ratio == 1:
        assert members.all()


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
@pytest.mark.parametrize("ratio", [0.0, 0.2, 0.4, 0.6, 0.8])
def test_subsets_have_the_size_of_the_formula(construction, ratio):
    labels = chest_labels()
    members = overlapping_subsets(labels.indicators, labels.groups, 5, ratio, construction, 3)
    expected = subset_share(construction, 5, ratio) * len(labels)
    size, share = (0.05, 0.3) if construction == "borrow" else (0.01, 0.15)  # it is drawn for each group
    assert members.sum(1) == pytest.approx(expected, rel=size)
    fractions = labels.targets[members[0]].sum(0) / labels.targets.sum(0)
    assert fractions == pytest.approx(expected / len(labels), rel=share)


@pytest.mark.parametrize("ratio", [0.2, 0.4, 0.8])
def test_two_subsets_with_a_core_share_the_ratio_of_themselves(ratio):
    labels = chest_labels()
    members = overlapping_subsets(labels.indicators, labels.groups, 5, ratio, "core", 0)
    for one in range(5):
        for other in range(one):
            assert (members[one] & members[other]).sum() / members[one].sum() == pytest.approx(ratio, rel=0.02)


def test_neighbours_on_the_ring_share_the_ratio_and_the_others_less():
    labels = chest_labels()
    members = overlapping_subsets(labels.indicators, labels.groups, 5, 0.4, "ring", 0)
    size = members[0].sum()
    assert (members[0] & members[1]).sum() / size == pytest.approx(0.4, rel=0.02)
    assert (members[0] & members[2]).sum() == 0


def test_the_papers_subsets_hold_29_percent_each():
    assert subset_share("core", 5, 0.4) == pytest.approx(0.2941, abs=1e-4)


@pytest.mark.parametrize(
    ("construction", "ratio", "said"),
    [
        ("ring", 0.9, "overlap by at most 0.8, not 0.9; use 'core'"),
        ("core", 1.2, "an overlap of 1.2 is not a ratio"),
        ("cores", 0.4, "did you mean 'core'"),
    ],
)
def test_an_overlap_that_cannot_be_is_refused(construction, ratio, said):
    labels = chest_labels(100)
    with pytest.raises(UserError, match=said):
        overlapping_subsets(labels.indicators, labels.groups, 5, ratio, construction, 0)

"""Phantoms: reproducible, unbalanced like the real thing, and a matter of structure rather than of pixels."""

import numpy as np
import pytest

from roskdbench.data.phantoms import draw_chest, draw_lesions
from roskdbench.data.phantoms.chest import PREVALENCE, WITHOUT_FINDING
from roskdbench.data.phantoms.lesion import PREVALENCE as LESION_PREVALENCE
from roskdbench.data.problem import Problem
from roskdbench.datasets.phantom_chest import PhantomChest
from roskdbench.datasets.phantom_lesion import PhantomLesion


@pytest.mark.parametrize("draw", [draw_lesions, draw_chest])
@pytest.mark.parametrize("size", [28, 33, 64])
def test_the_same_seed_draws_the_same_images(draw, size):
    images, targets, groups = draw(70, size, 3)
    again = draw(70, size, 3)
    assert images.dtype == np.uint8
    assert images.shape == (70, 3 if draw is draw_lesions else 1, size, size)
    assert all(np.array_equal(one, other) for one, other in zip((images, targets, groups), again, strict=True))
    assert not np.array_equal(images, draw(70, size, 4)[0])
    assert images.std() > 10


def test_lesions_are_as_unbalanced_as_isic_and_come_in_several_images():
    _, classes, lesions = draw_lesions(8000, 28, 0)
    assert np.bincount(classes) / 8000 == pytest.approx(LESION_PREVALENCE, rel=0.25)
    assert 2 < 8000 / len(np.unique(lesions)) < 3
    for lesion in np.unique(lesions)[:200]:
        assert len(np.unique(classes[lesions == lesion])) == 1


def test_every_class_of_a_small_phantom_has_at_least_four_lesions():
    _, classes, lesions = draw_lesions(240, 28, 0)
    assert min(len(np.unique(lesions[classes == c])) for c in range(8)) >= 4


def test_findings_are_as_rare_as_in_chestxray14():
    _, findings, patients = draw_chest(20_000, 28, 0)
    assert findings.mean(0) == pytest.approx(PREVALENCE, rel=0.2)
    assert (findings.sum(1) == 0).mean() == pytest.approx(WITHOUT_FINDING, abs=0.02)
    assert 3 < 20_000 / len(np.unique(patients)) < 4


def test_the_noisy_copy_has_the_stated_noise():
    lesions = PhantomLesion(size=28, samples=4000, label_noise=0.3).draw().labels
    assert (lesions.targets != lesions.noisy_targets).mean() == pytest.approx(0.3, abs=0.02)
    wrong = lesions.noisy_targets[lesions.targets != lesions.noisy_targets]
    assert np.bincount(wrong, minlength=8).min() > 0
    chest = PhantomChest(size=28, samples=6000, label_noise=0.3).draw().labels
    found, reported = chest.targets == 1, chest.noisy_targets == 1
    assert (found & ~reported).sum() / found.sum() == pytest.approx(0.3, abs=0.03)
    assert (~found & reported).sum() / (~found).sum() == pytest.approx(0.03, abs=0.005)


def test_a_problem_is_read_back_as_it_was_written(tmp_path):
    problem = PhantomChest(size=28, samples=64).draw()
    problem.save(tmp_path)
    again = Problem.load(tmp_path)
    assert np.array_equal(problem.images, again.images)
    assert np.array_equal(problem.labels.noisy_targets, again.labels.noisy_targets)
    assert (again.labels.classes, again.labels.task) == (problem.labels.classes, "multi-label")


@pytest.mark.parametrize("spec", [PhantomLesion, PhantomChest])
def test_another_scanner_changes_images_and_nothing_that_they_show(spec):
    first, second, both = (spec(size=28, samples=200, scanner=each).draw() for each in ("a", "b", "both"))
    plain = spec(size=28, samples=200).draw()
    assert np.array_equal(first.images, plain.images)
    for other in (second, both):
        assert np.array_equal(other.labels.targets, plain.labels.targets)
        assert np.array_equal(other.labels.groups, plain.labels.groups)
    assert (second.images != plain.images).any((1, 2, 3)).all()
    taken_with = np.array(spec(size=28, samples=200, scanner="both").attributes()["scanner"])
    assert np.array_equal(both.images[taken_with == "a"], first.images[taken_with == "a"])
    assert np.array_equal(both.images[taken_with == "b"], second.images[taken_with == "b"])
    for group in np.unique(plain.labels.groups):
        assert len(set(taken_with[plain.labels.groups == group])) == 1


def test_the_second_scanner_does_what_it_says_to_every_pixel():
    from roskdbench.data.phantoms.scanners import second_scanner

    images = np.random.default_rng(0).integers(0, 256, (3, 3, 9, 9), dtype=np.uint8)
    found = second_scanner(images)
    spread = np.array([0.25, 0.5, 0.25])
    for number, channel, white in ((0, 0, 1.0), (1, 1, 0.92), (2, 2, 0.8)):
        padded = np.pad(images[number, channel] / 255, 1, mode="edge")
        for row, column in ((0, 0), (4, 4), (2, 7)):
            soft = spread @ padded[row : row + 3, column : column + 3] @ spread
            x, y = ((place + 0.5) / 9 * 2 - 1 for place in (column, row))
            wanted = min(1, soft**0.7 * (1 - 0.35 * (x * x + y * y) / 2) * white) * 255
            assert abs(found[number, channel, row, column] - wanted) <= 1


def test_sex_and_age_are_a_groups_and_have_no_part_in_what_is_drawn():
    spec = PhantomLesion(size=28, samples=400)
    people, labels = spec.attributes(), spec.draw().labels
    assert people.keys() == {"sex", "age"}
    for name, column in people.items():
        for group in np.unique(labels.groups):
            assert len({column[row] for row in np.flatnonzero(labels.groups == group)}) == 1, name
    women = np.array(people["sex"]) == "female"
    assert 0.35 < women.mean() < 0.65

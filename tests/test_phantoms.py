"""Phantoms: reproducible, unbalanced like the real thing, and a matter of structure rather than of pixels."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from tiny import ARCHITECTURE

from roskdbench.data.phantoms import draw_chest, draw_lesions
from roskdbench.data.phantoms.chest import PREVALENCE, WITHOUT_FINDING
from roskdbench.data.phantoms.lesion import PREVALENCE as LESION_PREVALENCE
from roskdbench.data.problem import Problem
from roskdbench.data.splits import holdout
from roskdbench.datasets.phantom_chest import PhantomChest
from roskdbench.datasets.phantom_lesion import PhantomLesion
from roskdbench.engine import networks
from roskdbench.engine.examples import Examples
from roskdbench.engine.prediction import logits_for
from roskdbench.engine.recipe import Recipe, Seeds
from roskdbench.engine.training import Training
from roskdbench.measuring.scores import auc
from roskdbench.method import Method
from roskdbench.suite.augmentation import PRESETS


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


@pytest.mark.slow
@pytest.mark.parametrize("spec", [PhantomLesion, PhantomChest])
def test_a_linear_model_on_pixels_stays_well_below_a_small_network(spec, cpu):
    """Mean AUC over the classes that are not too rare to be measured on the test part; both on true labels."""
    problem = spec(size=32, samples=2000).draw()
    labels = problem.labels
    split = holdout(labels, 0.7, 0.1, 0.2, 0)
    truth = labels.indicators[split.test] == 1
    common = truth.sum(0) >= 8

    pixels = problem.images.reshape(len(labels), -1) / 255.0
    pixels = StandardScaler().fit(pixels[split.train]).transform(pixels)
    model = OneVsRestClassifier(LogisticRegression(C=1e-3, max_iter=200))
    model.fit(pixels[split.train], labels.indicators[split.train])
    linear = auc(truth, model.decision_function(pixels[split.test]))[common].mean()

    architecture = {**ARCHITECTURE, "options": {"channels": [16, 32, 48, 64], "layers": [1, 1, 1, 1]}}
    statistics = {"mean": [0.5] * problem.images.shape[1], "deviation": [0.25] * problem.images.shape[1]}
    network = networks.build(architecture, problem.images.shape[1], 8, 32, "standard", statistics, 0)
    training = Training(
        task=labels.task,
        method=Method(),
        network=network,
        examples=Examples.place(problem.images, labels.targets, split.train, cpu),
        bank=[],
        recipe=Recipe(16, 32, 0.1, 0.9, 2e-4, (10, 14), 0.1, PRESETS["light"], None),
        seeds=Seeds(0, 1, 2),
    )
    training.run()
    small_network = auc(truth, logits_for(network, problem.images, split.test, torch.device("cpu")))[common].mean()
    print(f"{spec.name}: logistic regression {linear:.3f}, small network {small_network:.3f}")
    assert small_network > linear + 0.05  # .11 with these seeds, .07 to .14 with four others

"""Draws of what attacks and corruptions leave of scores: scikit-learn asked of the patients of each draw."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from roskdbench.attacks.fgsm import Fgsm
from roskdbench.attacks.pgd import Pgd
from roskdbench.data.problem import Labels
from roskdbench.measures.attacks import Attacks
from roskdbench.measures.corruptions import MEAN, Corruptions
from roskdbench.measuring import tested as parts
from roskdbench.measuring.predictions import Predictions
from roskdbench.measuring.scores import best_thresholds
from roskdbench.plugins import bundled_registry
from roskdbench.statistics.bootstrap import weights_of_groups
from roskdbench.suite.measure import Measure
from roskdbench.values import USUAL, Facts

CLASSES = ("a", "b", "c")
IMAGES, CHOSEN = 150, 90


def predicted(task, worse):
    """Predictions of a test part, and under each of these facts logits of some of its images, the more noise the less
    they say.
    """
    random = np.random.default_rng(0)
    shape = (IMAGES, len(CLASSES))
    groups = np.sort(random.integers(0, 40, IMAGES))
    truth = np.eye(3, dtype=np.uint8)[random.integers(0, 3, IMAGES)]
    if task == "multi-label":
        truth = (random.random(shape) < 0.4).astype(np.uint8)
    targets = truth.argmax(1) if task == "single-label" else truth
    labels = Labels(task, CLASSES, targets, groups)
    logits = (random.normal(size=shape) + 2 * truth - 1).astype(np.float32)
    chosen = np.sort(random.permutation(IMAGES)[:CHOSEN])
    kept = {"chosen": chosen}
    for strength, facts in enumerate(worse, 1):
        noise = random.normal(size=(CHOSEN, 3)) * strength
        kept[json.dumps(facts.others())] = (logits[chosen] + noise).astype(np.float32)
    tested = parts.Tested(task, CLASSES, labels, labels)
    return Predictions(tested, {"validation": logits, "test": logits}, kept=kept)


def directly(predictions, logits, draws):
    """F1 and AUC of each draw of the chosen images' patients, by scikit-learn."""
    labels = predictions.tested.test.take(predictions.kept["chosen"])
    truth = labels.targets if labels.targets.ndim == 2 else np.eye(3, dtype=int)[labels.targets]
    if predictions.task == "single-label":
        decided = np.eye(3, dtype=int)[logits.argmax(1)]
        exact = np.exp(logits.astype(float))
        ranked = exact / exact.sum(1, keepdims=True)
    else:
        validation = predictions.tested.validation.targets == 1
        decided = (logits >= best_thresholds(validation, predictions.logits["validation"])).astype(int)
        ranked = logits
    patients, cluster = np.unique(labels.groups, return_inverse=True)
    found = []
    for weights in np.concatenate(list(weights_of_groups(len(patients), 2000, 7, len(labels))))[:draws]:
        own = weights[cluster]
        f1 = f1_score(truth, decided, average="macro", sample_weight=own, zero_division=0)
        areas = [roc_auc_score(truth[:, c], ranked[:, c], sample_weight=own) for c in range(3)]
        found.append((f1, np.mean(areas)))
    return np.array(found).T


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_draws_after_an_attack_are_of_the_patients_before_it(task):
    attacks = [Fgsm(norm="linf", radius=1 / 255), Pgd(norm="linf", radius=1 / 255)]
    measure = Attacks(attacks=attacks, worst_of=attacks)
    predictions = predicted(task, [each.facts for each in attacks])
    drawn = measure.draws(predictions, 7)
    at = "" if task == "single-label" else "@tuned"
    clean = predictions.logits["test"][predictions.kept["chosen"]]
    before, _ = directly(predictions, clean, 20)
    for each in attacks:
        f1, area = directly(predictions, predictions.kept[json.dumps(each.facts.others())], 20)
        end = f"@{each.facts.perturbation_label}"
        np.testing.assert_allclose(drawn[f"f1-macro{at}{end}"][:20], f1, rtol=1e-5)
        np.testing.assert_allclose(drawn[f"auc-macro{end}"][:20], area, rtol=1e-5)
        np.testing.assert_allclose(drawn[f"lost{end}"][:20], before - f1, atol=1e-6)
        np.testing.assert_allclose(drawn[f"kept{end}"][:20], f1 / before, rtol=1e-5)
    (worst,) = measure.worst_cases
    assert (drawn[f"f1-macro{at}{worst.drawn_as}"] <= drawn[f"f1-macro{at}{attacks[0].facts.drawn_as}"]).mean() > 0.9


def test_draws_lie_around_the_numbers_that_they_are_of():
    """Also of means over corruptions, of one severity and of all."""
    declared = {"measure": "corruptions", "corruptions": ["defocus", "jpeg"], "severities": [1, 5]}
    measure = Measure.read(declared, bundled_registry())
    single = [Facts(perturbation=name, severity=severity) for severity in (1, 5) for name in ("defocus", "jpeg")]
    predictions = predicted("single-label", single)
    drawn = measure.draws(predictions, 7)
    rows = measure.recompute(predictions, predictions.kept)
    values = {(each.metric, each.facts): each.value for each in rows if not each.label}
    means = [Facts(perturbation=MEAN, severity=severity) for severity in (None, 1, 5)]
    assert measure.named_perturbations() == means
    for facts in means:
        for metric in ("f1-macro", "auc-macro", "accuracy"):
            assert drawn[f"{metric}{facts.drawn_as}"].mean() == pytest.approx(values[metric, facts], abs=0.02)
        before, after = values["f1-macro", USUAL], values["f1-macro", facts]
        assert drawn[f"kept{facts.drawn_as}"].mean() == pytest.approx(after / before, abs=0.02)
        assert drawn[f"lost{facts.drawn_as}"].mean() == pytest.approx(before - after, abs=0.02)
    each = [measure.draws(replace(predictions, kept=predictions.kept), 7)[f"f1-macro@{MEAN} {s}"] for s in (1, 5)]
    np.testing.assert_allclose(np.mean(each, axis=0), drawn[f"f1-macro@{MEAN}"], rtol=1e-5)
    assert isinstance(measure, Corruptions)


def test_what_is_kept_of_nothing_is_no_share():
    attack = Fgsm(norm="linf", radius=1 / 255)
    predictions = predicted("single-label", [attack.facts])
    turned = -predictions.logits["test"] - 9 * np.eye(3, dtype=np.float32)[predictions.tested.test.targets]
    lost = replace(predictions, logits={**predictions.logits, "test": turned})
    assert np.isnan(Attacks(attacks=[attack]).draws(lost, 7)[f"kept{attack.facts.drawn_as}"]).all()

"""Metrics on stored predictions against scikit-learn, closed forms, and a bootstrap that draws every sample anew."""

import warnings

import numpy as np
import pytest
from conftest import TINY, command
from drawn_predictions import CLASSES, drawn_predictions, predictions_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.special import expit
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    matthews_corrcoef,
    recall_score,
    roc_curve,
)

from roskdbench.errors import UserError
from roskdbench.executors import ExecutorConfig
from roskdbench.measures.metric import MetricMeasure
from roskdbench.measuring.calibration import brier, expected_error
from roskdbench.measuring.operating_points import (
    at_sensitivity,
    at_specificity,
    threshold_at_sensitivity,
    threshold_at_specificity,
)
from roskdbench.measuring.scores import chances
from roskdbench.plan.shown import measures_of, shown_metrics
from roskdbench.plugins import bundled_registry, discover
from roskdbench.report.tables import tables_of
from roskdbench.session import Session
from roskdbench.statistics.bootstrap import statistic_draws, weights_of_groups
from roskdbench.suite import read_suite
from roskdbench.suite.measure import Column
from roskdbench.suite.metric import metric
from roskdbench.suite.metric_presets import PRESETS, Shown, expanded
from roskdbench.suite.weighted import Weighted, with_weights

TASKS = ("single-label", "multi-label")
TARGETS = {
    "sensitivity@spec90": (0.9, True),
    "sensitivity@spec95": (0.95, True),
    "specificity@sens90": (0.9, False),
    "specificity@sens95": (0.95, False),
}


def expected_calibration_error(truth, probability, decision, weights=None):
    """A plain sum over bins."""
    weights, total = np.ones(len(truth)) if weights is None else weights, 0.0
    for number in range(15):
        inside = (probability >= number / 15) & (probability < (number + 1) / 15) | (number == 14) & (probability == 1)
        if weights[inside].sum():
            mean, share = (np.average(each[inside], weights=weights[inside]) for each in (probability, truth))
            total += weights[inside].sum() * abs(mean - share)
    return total / weights.sum()


# Each takes truth, probability and decision of a class, and perhaps weights.
PEERS = {
    "mcc": lambda t, p, d, w=None: matthews_corrcoef(t, d, sample_weight=w),
    "kappa": lambda t, p, d, w=None: cohen_kappa_score(t, d, sample_weight=w),
    "average-precision": lambda t, p, d, w=None: average_precision_score(t, p, sample_weight=w),
    "brier-by-class": lambda t, p, d, w=None: brier_score_loss(t, p, sample_weight=w),
    "prevalence": lambda t, p, d, w=None: np.average(t, weights=w),
    "ece-by-class": expected_calibration_error,
    "specificity": lambda t, p, d, w=None: recall_score(t, d, pos_label=False, sample_weight=w),
    "balanced-accuracy": lambda t, p, d, w=None: balanced_accuracy_score(t, d, sample_weight=w),
}
WHOLE_PEERS = {
    "balanced-accuracy": lambda t, d, w=None: balanced_accuracy_score(t, d, sample_weight=w),
    "mcc": lambda t, d, w=None: matthews_corrcoef(t, d, sample_weight=w),
    "kappa": lambda t, d, w=None: cohen_kappa_score(t, d, sample_weight=w),
    "kappa-quadratic": lambda t, d, w=None: cohen_kappa_score(t, d, sample_weight=w, weights="quadratic"),
}


def column(name):
    return bundled_registry().of("metric")[name].thing


def values(predictions, name):
    """By class; "" is the whole."""
    return {each.label: each.value for each in predictions.statistic(column(name))}


def of_class(predictions, c):
    rows = predictions.known[:, c]
    return [each[rows, c] for each in (predictions.truth, predictions.probabilities, predictions.decisions)]


@pytest.mark.parametrize("name", PEERS)
@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    task=st.sampled_from(TASKS),
    unknown=st.sampled_from([0.0, 0.3]),
    digits=st.sampled_from([None, 0]),
)
def test_each_class_is_scikit_learns(name, seed, task, unknown, digits):
    predictions = drawn_predictions(task, seed, unknown=unknown if task == "multi-label" else 0.0, digits=digits)
    found = values(predictions, name)
    wanted = [PEERS[name](*of_class(predictions, c)) for c in range(len(CLASSES))]
    assert [found[label] for label in CLASSES] == pytest.approx(wanted, rel=1e-12, abs=1e-14)
    if task == "multi-label" or name not in WHOLE_PEERS:
        assert found[""] == pytest.approx(np.mean(wanted), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", WHOLE_PEERS)
@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_of_one_label_the_whole_is_scikit_learns_over_all_classes(name, seed):
    predictions = drawn_predictions("single-label", seed)
    truth, decided = predictions.truth.argmax(1), predictions.decisions.argmax(1)
    assert values(predictions, name)[""] == pytest.approx(WHOLE_PEERS[name](truth, decided), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", dict.fromkeys([*PEERS, *WHOLE_PEERS]))
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), digits=st.sampled_from([None, 0]))
def test_weights_are_scikit_learns_sample_weights(name, seed, digits):
    """Also where whole samples have none, as in a draw."""
    predictions = drawn_predictions("single-label", seed, digits=digits)
    random = np.random.default_rng(seed)
    weights = random.integers(0, 3, (4, len(predictions))).astype(float)
    arrays, declared = of_class(predictions, 0), column(name)
    if name in PEERS:
        wanted = [PEERS[name](*arrays, each) for each in weights]
        np.testing.assert_allclose(declared.statistic.of_draws(*arrays, weights), wanted, rtol=1e-11, atol=1e-13)
    if name in WHOLE_PEERS:
        whole = declared.whole or declared.statistic
        everything = (predictions.truth, predictions.probabilities, predictions.decisions)
        classes = [each.argmax(1) for each in (predictions.truth, predictions.decisions)]
        wanted = [WHOLE_PEERS[name](*classes, each) for each in weights]
        np.testing.assert_allclose(whole.of_draws(*everything, weights), wanted, rtol=1e-11, atol=1e-13)


def test_calibration_of_classes_is_that_of_the_measure_taken_apart():
    """ECE of a class is the measure's own error of that class; Brier scores sum to the single-label one."""
    predictions = drawn_predictions("single-label", 3)
    found = values(predictions, "ece-by-class")
    for c, name in enumerate(CLASSES):
        truth, probability, _ = of_class(predictions, c)
        assert found[name] == pytest.approx(expected_error(probability, truth), rel=1e-12)
    whole = brier("single-label", predictions.tested.test.targets, predictions.logits["test"], None)
    assert values(predictions, "brier-by-class")[""] * len(CLASSES) == pytest.approx(whole, rel=1e-12)


def test_a_model_that_knows_nothing_has_an_average_precision_of_the_prevalence():
    predictions = predictions_of("multi-label", [[1, 0], [0, 0], [0, 1], [0, 1]], np.zeros((4, 2)))
    assert (
        values(predictions, "average-precision")
        == values(predictions, "prevalence")
        == {"a": 0.25, "b": 0.5, "": 0.375}
    )


ONE, NO = [[1, 1], [1, 0], [1, 0]], [[5, 5], [5, -5], [5, -5]]


@pytest.mark.parametrize(
    ("name", "absent", "everywhere", "always_said"),
    [
        ("mcc", None, None, 0.0),
        ("kappa", None, None, 0.0),
        ("average-precision", None, 1.0, 1 / 3),
        ("prevalence", 0.0, 1.0, 1 / 3),
        ("specificity", 1.0, None, 0.0),
        ("balanced-accuracy", None, None, 0.5),
        ("brier-by-class", expit(-5.0) ** 2, expit(-5.0) ** 2, (2 * expit(5.0) ** 2 + expit(-5.0) ** 2) / 3),
        ("ece-by-class", expit(-5.0), expit(-5.0), expit(5.0) - 1 / 3),
        ("sensitivity@spec90", None, None, None),
        ("specificity@sens90", None, None, None),
    ],
)
def test_a_class_that_nobody_everybody_or_only_the_model_has(name, absent, everywhere, always_said):
    """Of class a no sample, of class b every one; of class c one in three, and the model says it of all. Validation has
    no sample of any.
    """
    truth, logits = [[0, 1, 0], [0, 1, 0], [0, 1, 1]], [[-5, 5, 5]] * 3
    seen = (np.zeros((2, 3), int), np.zeros((2, 3)))
    predictions = predictions_of("multi-label", truth, logits, seen)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = values(predictions, name)
    wanted = [absent, everywhere, always_said]
    assert [found[each] for each in "abc"] == [each if each is None else pytest.approx(each) for each in wanted]
    defined = [each for each in wanted if each is not None]
    assert found[""] == (pytest.approx(np.mean(defined)) if defined else None)


@pytest.mark.parametrize("name", bundled_registry().of("metric"))
def test_a_class_none_of_whose_labels_is_known_has_no_value_and_no_draws(name):
    predictions = drawn_predictions("multi-label", unknown=0.2)
    predictions.tested.test.uncertain[:, 1] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = values(predictions, name)
        drawn = statistic_draws([column(name)], predictions, 0, draws=5)
    if name == "kappa-quadratic":
        assert found == {"": None} and np.isnan(drawn[name]).all()
        return
    assert found["b"] is None
    assert not drawn or np.isnan(drawn[f"{name}|b"]).all()
    assert found[""] == pytest.approx(np.mean([found[each] for each in "acd"]))


def test_a_model_that_always_says_one_of_four_classes_has_a_balanced_accuracy_of_a_quarter():
    predictions = predictions_of("single-label", [0, 0, 0, 0, 1, 2, 3], np.eye(4)[[0] * 7])
    found = values(predictions, "balanced-accuracy")
    assert found == {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "": 0.25}


def test_one_class_alone_has_no_kappa_and_no_correlation():
    predictions = predictions_of("single-label", [1, 1, 1], np.eye(4)[[1, 0, 1]])
    of_agreement = WHOLE_PEERS.keys() - {"balanced-accuracy"}
    for name in of_agreement:
        assert values(predictions, name)[""] is None
    varied = predictions_of("single-label", [0, 1, 2], np.eye(4)[[1, 1, 1]])
    assert [values(varied, name)[""] for name in of_agreement] == [pytest.approx(0)] * len(of_agreement)


def test_the_order_of_classes_counts_for_quadratic_kappa_alone():
    near, far = (
        predictions_of("single-label", [0, 1, 2, 3], np.eye(4)[wrong]) for wrong in ([1, 1, 2, 3], [3, 1, 2, 3])
    )
    assert values(near, "kappa")[""] == pytest.approx(values(far, "kappa")[""])
    # 1 - (sum of squared distances, times n) / (that of all pairs of a true and a given class)
    assert values(near, "kappa-quadratic")[""] == pytest.approx(
        1 - 4 * 1 / sum((i - j) ** 2 for i in range(4) for j in (1, 1, 2, 3))
    )
    assert values(far, "kappa-quadratic")[""] == pytest.approx(
        1 - 4 * 9 / sum((i - j) ** 2 for i in range(4) for j in (3, 1, 2, 3))
    )


def old_specificity(truth, probabilities, decisions):
    without = ~truth
    return float((~decisions[without]).mean()) if without.any() else None


def old_balanced_accuracy(truth, probabilities, decisions):
    if truth.all() or not truth.any():
        return None
    return float((decisions[truth].mean() + (~decisions[~truth]).mean()) / 2)


def accuracy(truth, probabilities, decisions):
    return float((truth == decisions).all(1).mean())


def drawn_one_by_one(declared, predictions, seed, draws):
    """Every draw's samples are laid out anew, and the function is asked of them."""
    _, clusters = np.unique(predictions.groups, return_inverse=True)
    found = {}
    for weights in weights_of_groups(int(clusters.max()) + 1, draws, seed, len(predictions)):
        for each in weights:
            rows = np.repeat(np.arange(len(clusters)), each[clusters].astype(int))
            arrays = [a[rows] for a in (predictions.truth, predictions.probabilities, predictions.decisions)]
            if declared.over == "samples":
                found.setdefault(declared.metric, []).append(declared.statistic(*arrays))
                continue
            known, defined = predictions.known[rows], []
            for c, name in enumerate(predictions.classes):
                own = known[:, c]
                value = declared.statistic(*(a[own, c] for a in arrays)) if own.any() else None
                found.setdefault(f"{declared.metric}|{name}", []).append(np.nan if value is None else value)
                defined += [] if value is None or np.isnan(value) else [value]
            found.setdefault(declared.metric, []).append(float(np.mean(defined)) if defined else np.nan)
    return {name: np.array(each, np.float32) for name, each in found.items()}


@pytest.mark.parametrize("unknown", [0.0, 0.4])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("name", "function", "over"),
    [
        ("specificity", old_specificity, "classes"),
        ("accuracy", accuracy, "samples"),
    ],
)
def test_values_and_draws_of_old_metrics_are_the_old_ones_to_the_bit(name, function, over, task, unknown):
    """As bundled where they are, and as a plugin's function of three arguments."""
    predictions = drawn_predictions(task, 1, 40, unknown=unknown if task == "multi-label" else 0.0, rate=0.05)
    plain = Column(name, "", statistic=function, over=over)
    columns = [plain] if name == "accuracy" else [plain, column(name)]
    wanted = drawn_one_by_one(plain, predictions, 5, 60)
    assert name == "accuracy" or task == "single-label" or np.isnan(wanted[f"{name}|a"]).any() or name == "specificity"
    for each in columns:
        assert list(predictions.statistic(each)) == list(predictions.statistic(plain))
        drawn = statistic_draws([each], predictions, 5, 60)
        assert drawn.keys() == wanted.keys()
        for key, values_ in drawn.items():
            np.testing.assert_array_equal(values_, wanted[key], strict=True)


@pytest.mark.parametrize("unknown", [0.0, 0.4])
@pytest.mark.parametrize("name", [name for name in PEERS if column(name).resampled])
def test_draws_are_those_of_a_direct_bootstrap_over_patients(name, unknown):
    """Scikit-learn asked of the samples of each draw, of which a patient's come together."""
    predictions = drawn_predictions("multi-label", 2, unknown=unknown, digits=1)
    drawn = statistic_draws([column(name)], predictions, 9, draws=30)
    patients = np.unique(predictions.groups)
    means = []
    for number, weights in enumerate(np.concatenate(list(weights_of_groups(len(patients), 30, 9, len(predictions))))):
        rows = [row for patient, times in zip(patients, weights, strict=True)
                for row in np.flatnonzero(predictions.groups == patient).tolist() * int(times)]  # fmt: skip
        own = []
        for c, label in enumerate(CLASSES):
            known = [row for row in rows if predictions.known[row, c]]
            arrays = [each[known, c] for each in (predictions.truth, predictions.probabilities, predictions.decisions)]
            own.append(PEERS[name](*arrays))
            assert drawn[f"{name}|{label}"][number] == pytest.approx(own[-1], rel=1e-6)
        means.append(np.mean(own))
    np.testing.assert_allclose(drawn[name], means, rtol=1e-6)


def test_a_calibration_error_has_no_interval_because_draws_of_it_lie_above_it():
    """Of probabilities that are true; those of the Brier score lie around it."""
    random = np.random.default_rng(1)
    probability = random.random(400)
    arrays = (random.random(400) < probability, probability, probability >= 0.5)
    weights = random.multinomial(400, np.full(400, 1 / 400), 300)
    below = {
        name: (column(name).statistic.of_draws(*arrays, weights) < column(name).statistic(*arrays)).mean()
        for name in ("ece-by-class", "brier-by-class")
    }
    assert below["ece-by-class"] < 0.15
    assert 0.4 < below["brier-by-class"] < 0.6
    assert not column("ece-by-class").drawn
    assert statistic_draws([column("ece-by-class")], drawn_predictions("multi-label"), 0) == {}


def test_an_interval_holds_the_value_and_is_wider_where_patients_are_fewer():
    """Ten images that are one patient's say no more than one image."""
    random = np.random.default_rng(0)
    truth, logits = random.integers(0, 2, (60, 2)), random.normal(size=(60, 2))
    widths = []
    for times in (1, 10):
        predictions = predictions_of("multi-label", np.repeat(truth, times, 0), np.repeat(logits, times, 0))
        predictions.tested.test.groups[:] = np.repeat(np.arange(60), times)
        drawn = statistic_draws([column("average-precision")], predictions, 1, draws=400)["average-precision"]
        low, high = np.quantile(drawn, [0.025, 0.975])
        assert low < values(predictions, "average-precision")[""] < high
        widths.append(high - low)
    assert widths[0] == pytest.approx(widths[1], rel=1e-3)


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(2, 60),
    share=st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]),
    digits=st.sampled_from([0, 1, 6]),
)
def test_a_threshold_is_the_best_that_has_its_share_on_validation(seed, count, share, digits):
    """The other rate is the highest that scikit-learn's ROC curve has there; no validation score is on the edge."""
    random = np.random.default_rng(seed)
    truth = np.append(random.random(count) < 0.5, [True, False])
    scores = (random.normal(size=count + 2) + truth).round(digits).astype(np.float32)
    false_alarms, found, _ = roc_curve(truth, scores, drop_intermediate=False)
    given_ = scores.astype(float) >= threshold_at_specificity(truth, scores, share)
    assert (~given_[~truth]).mean() >= share - 1e-9
    assert given_[truth].mean() == pytest.approx(found[1 - false_alarms >= share - 1e-9].max())
    given_ = scores.astype(float) >= threshold_at_sensitivity(truth, scores, share)
    assert given_[truth].mean() >= share - 1e-9
    assert (~given_[~truth]).mean() == pytest.approx((1 - false_alarms[found >= share - 1e-9]).max())


def test_thresholds_lie_midway_between_scores():
    truth, scores = np.array([False] * 10 + [True] * 10), np.array([*range(0, 20, 2), *range(9, 29, 2)])
    assert threshold_at_specificity(truth, scores, 0.9) == 16.5  # 16 is the last of nine in ten; above it comes 17
    assert threshold_at_sensitivity(truth, scores, 0.9) == 10.5  # 11 is the lowest of nine in ten; below it comes 10
    apart = np.array([0.0, 1.0])
    assert threshold_at_specificity(apart == 1, apart, 0.9) == threshold_at_sensitivity(apart == 1, apart, 0.9) == 0.5
    turned = threshold_at_specificity(apart == 0, apart, 0.9)  # nothing is above the negative
    assert turned == np.nextafter(1.0, 2)
    assert threshold_at_sensitivity(apart == 0, apart, 0.9) == 0.0  # nothing is below the positive


def test_neighbours_in_floating_point_stay_apart():
    scores = np.array([0.3, np.nextafter(0.3, 1)])
    assert threshold_at_specificity(np.array([False, True]), scores, 0.9) == scores[1]
    assert threshold_at_sensitivity(np.array([False, True]), scores, 0.9) == scores[1]


@pytest.mark.parametrize("truth", [[True, True], [False, False]])
def test_validation_without_one_of_both_kinds_says_nothing(truth):
    for each in (at_specificity(0.9), at_sensitivity(0.9)):
        assert each(np.array(truth), np.array([0.1, 0.2])) is None


@pytest.mark.parametrize("share", [0, 1, 90, -0.5])
def test_a_share_is_between_0_and_1(share):
    with pytest.raises(UserError, match=rf"at_specificity\({share}\): write the share as a number between 0 and 1"):
        at_specificity(share)


def rate_at(predictions, name, c):
    """Every threshold there might be is tried on validation, and the best taken to the test part."""
    share, of_specificity = TARGETS[name]
    known = predictions.tested.known()
    rows = slice(None) if known is None else known["validation"][:, c] == 1
    targets = predictions.tested.validation.targets
    seen = (targets == c if targets.ndim == 1 else targets[:, c] == 1)[rows]
    scores = chances(predictions.task, predictions.logits["validation"])[rows, c].astype(float)
    places = np.append(np.unique(scores), np.inf)
    rates = [(scores[~seen] < each).mean() if of_specificity else (scores[seen] >= each).mean() for each in places]
    enough = [each for each, rate in zip(places, rates, strict=True) if rate >= share - 1e-9]
    edge = min(enough) if of_specificity else max(enough)
    below = max(scores[scores < edge], default=edge)
    middle = (edge + below) / 2 if np.isfinite(edge) else np.nextafter(below, np.inf)
    own = predictions.known[:, c]
    decided = chances(predictions.task, predictions.logits["test"])[own, c].astype(float) >= middle
    return recall_score(predictions.truth[own, c], decided, pos_label=of_specificity)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from([("single-label", None), ("multi-label", None), ("multi-label", 0)]),
)
def test_rates_at_working_points_have_their_thresholds_from_validation(name, seed, kind):
    """Also where several findings have ties, and labels that are not known."""
    task, digits = kind
    predictions = drawn_predictions(task, seed, unknown=0.3 if task == "multi-label" else 0.0, digits=digits)
    found = values(predictions, name)
    wanted = [rate_at(predictions, name, c) for c in range(len(CLASSES))]
    assert [found[label] for label in CLASSES] == pytest.approx(wanted)
    assert found[""] == pytest.approx(np.mean(wanted))


@pytest.mark.parametrize("name", TARGETS)
def test_thresholds_are_frozen_under_attack_and_in_draws(name):
    predictions = drawn_predictions("multi-label", 4)
    declared = column(name)
    before = predictions.thresholds(declared.decided_by)
    attacked = predictions.under(np.arange(0, 90, 2), predictions.logits["test"][::2] - 1)
    assert attacked.thresholds(declared.decided_by) == before
    found = {each.label: each.value for each in attacked.statistic(declared)}
    for c, label in enumerate(CLASSES):
        given_ = attacked.logits["test"][:, c].astype(float) >= before[c]
        wanted = recall_score(attacked.truth[:, c], given_, pos_label=name.startswith("sens"))
        assert found[label] == pytest.approx(wanted)
    drawn = statistic_draws([declared], predictions, 3, draws=25)
    weights = np.concatenate(list(weights_of_groups(30, 25, 3, 90)))[:, predictions.groups - predictions.groups.min()]
    for c, label in enumerate(CLASSES):
        given_ = predictions.logits["test"][:, c].astype(float) >= before[c]
        wanted = [
            recall_score(predictions.truth[:, c], given_, pos_label=name.startswith("sens"), sample_weight=each)
            for each in weights
        ]
        np.testing.assert_allclose(drawn[f"{name}|{label}"], wanted, rtol=1e-6)


def test_what_the_test_part_looks_like_does_not_move_a_threshold():
    """Where every test sample is positive and scores high, the threshold is still validation's."""
    seen = (np.array([[0], [1]] * 10), np.arange(20)[:, None])
    predictions = predictions_of("multi-label", np.ones((5, 1), int), np.full((5, 1), 17.5), seen)
    assert predictions.thresholds(at_specificity(0.9)) == [16.5]
    assert values(predictions, "sensitivity@spec90")[""] == 1.0
    assert values(predictions, "specificity@sens90")[""] is None


def test_a_class_without_a_sample_in_validation_has_no_rate_and_the_mean_is_of_the_others():
    predictions = drawn_predictions("multi-label", 6)
    predictions.tested.validation.targets[:, 2] = 0
    found = values(predictions, "sensitivity@spec90")
    assert found["c"] is None
    assert found[""] == pytest.approx(np.mean([found[each] for each in "abd"]))
    drawn = statistic_draws([column("sensitivity@spec90")], predictions, 0, draws=5)
    assert np.isnan(drawn["sensitivity@spec90|c"]).all()
    assert not np.isnan(drawn["sensitivity@spec90"]).any()


def test_a_function_with_weights_must_give_a_value_for_each_draw():
    wrong = with_weights(lambda truth, probabilities, decisions, weights: truth.mean())
    assert isinstance(wrong, Weighted)
    with pytest.raises(TypeError, match=r"should give b values; for b = 1 it gives an array of shape \[\]"):
        wrong(np.array([True]), np.array([0.5]), np.array([True]))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "screening"}, "'screening' is a preset of metrics; give the metric another name"),
        ({"over": "samples", "decided_by": at_specificity(0.9)}, "decided_by is for metrics of one class at a time"),
        ({"over": "samples", "whole": accuracy}, "whole is for metrics of one class at a time"),
    ],
)
def test_a_metric_that_cannot_be_is_refused(arguments, sentence):
    with pytest.raises(UserError, match=sentence):
        metric(**{"name": "mine", "heading": "Mine", **arguments})


OWN = '''
from roskdbench import metric
from roskdbench.measuring.operating_points import at_sensitivity
from roskdbench.measuring.weighted_counts import confusion_of_class, share


@metric("ppv@sens80", heading="PPV@Sens80", decided_by=at_sensitivity(0.8))
def ppv(truth, probabilities, decisions, weights):
    """What a positive answer is worth where eight of ten are found."""
    found = confusion_of_class(truth, decisions, weights)
    return share(found.hits, found.hits + found.false_alarms)
'''


def test_a_metric_of_ones_own_has_a_working_point_and_passes_the_check(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "ppv.py").write_text(OWN)
    done = command("check", "ppv@sens80", "--plugins", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    registry = discover([tmp_path / "mine"])
    declared = registry.of("metric")["ppv@sens80"].thing
    measure = MetricMeasure.model_validate({"metric": "ppv@sens80"}, context={"registry": registry})
    assert list(measure.code()) == ["ppv"]  # its file is part of the fingerprint
    predictions = drawn_predictions("multi-label", 8)
    threshold = predictions.thresholds(declared.decided_by)[0]
    given_ = predictions.logits["test"][:, 0].astype(float) >= threshold
    found = {each.label: each.value for each in predictions.statistic(declared)}
    assert found["a"] == pytest.approx(predictions.truth[given_, 0].mean())


@pytest.mark.parametrize("name", bundled_registry().of("metric"))
def test_every_metric_passes_the_check(name):
    from roskdbench.checking.named import check_named

    verdicts = list(check_named(bundled_registry(), name))
    assert [each for each in verdicts if each[1] is not None] == []


def test_presets_stand_for_lists_of_metrics_that_are_there():
    known = {*bundled_registry().of("metric"), "precision", "recall", "f1", "auc", "accuracy"}
    for names in PRESETS.values():
        assert set(names) <= known and len(set(names)) == len(names)
    assert expanded(["f1", "screening", "auc"]) == ["f1", *PRESETS["screening"]]
    assert expanded(["f1", "f1"]) == ["f1", "f1"]  # as it was said


def test_a_preset_may_stand_alone_in_place_of_a_list():
    shown = TypeAdapter(Shown)
    assert shown.validate_python("diagnosis") == ["diagnosis"]
    assert shown.validate_python(["f1", "diagnosis"]) == ["f1", "diagnosis"]
    for wrong in ([], 3, [3]):
        with pytest.raises(ValidationError):
            shown.validate_python(wrong)
    assert {"type": "string"} in shown.json_schema()["anyOf"]


def test_a_suite_shows_a_preset_as_an_element_of_its_list(tiny):
    suite = read_suite(tiny, ["protocol.shown=[f1, screening]"])
    assert shown_metrics(suite, "main") == ["f1", *PRESETS["screening"]]
    measures = measures_of(suite, "main", bundled_registry())
    assert list(measures) == ["scores", *(each for each in PRESETS["screening"] if each != "auc")]


@pytest.mark.parametrize(
    ("word", "meant"),
    [("screenin", "screening"), ("diagnose", "diagnosis"), ("mmc", "mcc"), ("sensitivity@spec9", "sens")],
)
def test_an_unknown_metric_gives_the_nearest_also_of_presets(tiny, word, meant):
    suite = read_suite(tiny, [f"protocol.shown=[f1, {word}]"])
    with pytest.raises(UserError, match=f"unknown metric '{word}'; did you mean '{meant}"):
        measures_of(suite, "main", bundled_registry())


def test_old_measures_and_metrics_have_the_declarations_of_old(tiny):
    """So that fingerprints stay."""
    suite = read_suite(tiny, ["protocol.shown=[f1, specificity, balanced-accuracy]"])
    measures = measures_of(suite, "main", bundled_registry())
    assert measures["balanced-accuracy"].code() == {"balanced-accuracy": "revision 2"}
    assert measures["specificity"].declaration() == {"measure": "metric", "metric": "specificity"}
    assert [each.revision for each in measures.values()] == [2, 1, 1]
    assert measures["specificity"].code() == {}


def test_what_is_shown_has_intervals_and_notes_and_average_precision_is_not_compared(tmp_path):
    (tmp_path / "suite.yaml").write_text(TINY)
    settings = [
        "protocol.epochs=2",
        "experiments.main.methods=[baseline-i, swa]",
        "experiments.main.reference=swa",
        "experiments.main.shown=[screening, mcc]",
    ]
    results, _ = Session(
        tmp_path / "suite.yaml", tmp_path / "store", settings=settings, executor=ExecutorConfig(workers=1)
    ).run()
    assert results.gaps == []
    tables = tables_of(results, "main")
    headings = [each.heading for each in tables[0].columns]
    wanted = ["AUC", "Sens@Spec90", "Sens@Spec95", "Spec@Sens90", "Spec@Sens95", "AP", "Prev", "MCC"]
    assert headings == wanted
    for _, cells in tables[0].rows:
        for cell in cells:
            assert cell.low <= cell.mean <= cell.high
    differences = next(each for each in tables if each.name == "main-differences")
    compared = {each.heading for each in differences.columns}
    assert {"Δ MCC", "Δ Sens@Spec90"} <= compared and not {"Δ AP", "Δ Prev"} & compared
    notes = "\n".join(tables[0].notes)
    assert "at the threshold that gives it 90 % specificity on validation" in notes
    assert "It is not ranked by (McDermott et al. 2024)" in notes

"""Calibration against scikit-learn, scipy and cases with a known answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from roskdbench.measuring import BINS
from roskdbench.measuring.calibration import (
    brier,
    calibration_rows,
    confidences,
    expected_error,
    negative_log_likelihood,
    reliability,
    temperature,
)


def single(seed=0, count=400, classes=5, scale=2.0):
    random = np.random.default_rng(seed)
    logits = scale * random.normal(size=(count, classes))
    chance = softmax(logits, -1)
    truth = np.array([random.choice(classes, p=row) for row in chance])
    return truth, logits


def multi(seed=0, count=300, classes=4):
    random = np.random.default_rng(seed)
    logits = 2 * random.normal(size=(count, classes))
    return (random.random((count, classes)) < expit(logits)).astype(np.uint8), logits


@given(st.integers(0, 500))
def test_brier_and_likelihood_are_scikit_learns(seed):
    truth, logits = single(seed, 60)
    chance = softmax(logits, -1)
    assert negative_log_likelihood("single-label", truth, logits, None) == pytest.approx(
        log_loss(truth, chance, labels=range(5))
    )
    wanted = sum(((truth == c) - chance[:, c]) ** 2 for c in range(5)).mean()
    assert brier("single-label", truth, logits, None) == pytest.approx(wanted)
    truth, logits = multi(seed, 60)
    flat, chance = truth.ravel(), expit(logits).ravel()
    assert negative_log_likelihood("multi-label", truth, logits, None) == pytest.approx(
        log_loss(flat, chance, labels=[0, 1])
    )
    assert brier("multi-label", truth, logits, None) == pytest.approx(brier_score_loss(flat, chance))


def test_the_reliability_diagram_is_scikit_learns():
    truth, logits = multi(count=2000)
    confidence, right = confidences("multi-label", truth, logits, None)
    share, mean = calibration_curve(right, confidence, n_bins=BINS)
    ours = [(mean_, share_) for mean_, share_, count in reliability(confidence, right) if count]
    np.testing.assert_allclose(ours, np.stack([mean, share], 1))


@given(st.integers(0, 500), st.integers(1, 60))
def test_the_expected_error_is_a_plain_sum_over_bins(seed, count):
    random = np.random.default_rng(seed)
    confidence, right = random.random(count), random.random(count) < 0.5
    wanted = 0.0
    for low in np.arange(BINS) / BINS:
        rows = [i for i in range(count) if low <= confidence[i] < low + 1 / BINS]
        if rows:
            wanted += abs(sum(confidence[i] for i in rows) - sum(right[i] for i in rows)) / count
    assert expected_error(confidence, right) == pytest.approx(wanted)


def test_a_model_that_says_what_it_knows_has_no_error():
    truth, logits = single(count=40_000)
    assert expected_error(*confidences("single-label", truth, logits, None)) < 0.01


@pytest.mark.parametrize(("task", "make"), [("single-label", single), ("multi-label", multi)])
@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_temperature_scaling_finds_by_what_the_logits_are_too_large(task, make, factor):
    truth, logits = make(count=6000)
    found = temperature(task, truth, factor * logits)
    assert found == pytest.approx(factor, rel=0.08)
    errors = [expected_error(*confidences(task, truth, scale * logits, None)) for scale in (factor, factor / found)]
    assert errors[1] < 0.03
    assert factor == 1 or errors[1] < errors[0]


def test_labels_that_are_not_known_do_not_count():
    truth, logits = multi()
    known = np.random.default_rng(1).random(truth.shape) < 0.6
    flat, chance = truth[known], expit(logits)[known]
    assert negative_log_likelihood("multi-label", truth, logits, known) == pytest.approx(log_loss(flat, chance))
    assert brier("multi-label", truth, logits, known) == pytest.approx(brier_score_loss(flat, chance))
    spoilt = np.where(known, truth, 1 - truth)
    assert temperature("multi-label", truth, logits, known) == temperature("multi-label", spoilt, logits, known)


def test_rows_hold_the_diagram_that_the_error_comes_from():
    truth, logits = single()
    rows = {
        (metric, name): (value, n)
        for metric, name, value, n in calibration_rows("single-label", truth, logits, None, "")
    }
    total = 0.0
    for number in range(BINS):
        (mean, count), (share, _) = rows["confidence", f"bin {number + 1}"], rows["right", f"bin {number + 1}"]
        total += count * abs(mean - share) if count else 0.0
    assert rows["ece", ""][0] == pytest.approx(total / len(truth))

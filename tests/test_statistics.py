"""Intervals cover what they say, draws are what scikit-learn makes of the same weights, corrections correct."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats
from scipy.special import softmax
from sklearn.metrics import accuracy_score, precision_recall_fscore_support, roc_auc_score

from roskdbench.measuring.scores import auc, score_table
from roskdbench.statistics.bootstrap import auc_draws, score_draws, weights_of_groups
from roskdbench.statistics.comparison import (
    ALONE,
    delong,
    false_discovery,
    false_discovery_levels,
    holm,
    holm_levels,
    over_trainings,
    paired,
    prior_of,
)
from roskdbench.statistics.draws_file import FILE, read_draws, write_draws
from roskdbench.statistics.intervals import interval
from roskdbench.statistics.ranks import cliques, ranks

CLASSES = tuple("abcd")


def predictions(task, samples=240, seed=0):
    """Test and validation parts of a made-up model that is right now and then, with several images a patient."""
    random = np.random.default_rng(seed)
    targets, logits = {}, {}
    for part in ("validation", "test"):
        if task == "single-label":
            truth = random.integers(0, 4, samples)
            indicator = np.eye(4)[truth]
        else:
            truth = (random.random((samples, 4)) < 0.3).astype(np.uint8)
            indicator = truth
        targets[part] = truth
        logits[part] = (np.round(random.normal(size=(samples, 4)) + 1.2 * indicator, 1) - 0.5).astype(
            np.float32
        )  # ties
    return targets, logits, random.integers(0, samples // 3, samples)


# Draws


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_a_draw_is_what_scikit_learn_makes_of_its_weights(task):
    targets, logits, groups = predictions(task)
    found = {}
    for average in ("macro", "micro", "weighted"):
        found |= score_draws(task, CLASSES, targets, logits, groups, seed=5, draws=4, average=average)
    _, clusters = np.unique(groups, return_inverse=True)
    (weights,) = weights_of_groups(clusters.max() + 1, 4, 5, len(groups))
    truth, said = targets["test"], logits["test"]
    chances = softmax(said.astype(float), axis=1)
    for draw, weight in enumerate(weights[:, clusters]):
        assert weights[draw].sum() == clusters.max() + 1
        if task == "single-label":
            decided, suffix, indicator, ranked = said.argmax(1), "", np.eye(4)[truth], chances
        else:
            decided, suffix, indicator, ranked = (said >= 0).astype(int), "@half", truth, said
        for average in ("macro", "micro", "weighted"):
            wanted = precision_recall_fscore_support(
                truth, decided, average=average, sample_weight=weight, zero_division=0
            )
            for metric, value in zip(("precision", "recall", "f1"), wanted, strict=False):
                assert found[f"{metric}-{average}{suffix}"][draw] == pytest.approx(value, abs=1e-6)
        areas = [roc_auc_score(indicator[:, c], ranked[:, c], sample_weight=weight) for c in range(4)]
        assert [found[f"auc|{name}"][draw] for name in CLASSES] == pytest.approx(areas, abs=1e-6)
        assert found["auc-macro"][draw] == pytest.approx(np.mean(areas), abs=1e-6)
        if task == "single-label":
            wanted = accuracy_score(truth, decided, sample_weight=weight)
            assert found["accuracy"][draw] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_draws_have_the_scores_in_their_middle_and_a_name_for_each(task):
    targets, logits, groups = predictions(task)
    drawn = score_draws(task, CLASSES, targets, logits, groups, seed=0, draws=500)
    for metric, label, value, _ in score_table(task, CLASSES, targets, logits):
        name = f"{metric}|{label}" if label else metric
        if name not in drawn:
            assert "macro" not in name
            assert "auc" not in name
            assert name != "accuracy"
            continue
        draws = drawn[name]
        low, high = interval(draws, 0.999)
        assert low <= value <= high


def test_unknown_labels_count_in_no_draw():
    targets, logits, groups = predictions("multi-label")
    known = {part: np.random.default_rng(1).random((240, 4)) < 0.7 for part in targets}
    other = {part: np.where(known[part], targets[part], 1 - targets[part]) for part in targets}
    one = score_draws("multi-label", CLASSES, targets, logits, groups, 0, known, draws=20)
    two = score_draws("multi-label", CLASSES, other, logits, groups, 0, known, draws=20)
    assert all(np.array_equal(one[name], two[name], equal_nan=True) for name in one if "@tuned" not in name)


@given(seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_with_every_sample_once_areas_are_the_plain_ones(seed):
    random = np.random.default_rng(seed)
    truth, scores = random.random((30, 3)) < 0.4, random.integers(0, 6, (30, 3)).astype(float)
    found = auc_draws(truth, scores, np.ones_like(truth), np.ones((1, 30), np.float32))[0]
    np.testing.assert_allclose(found, auc(truth, scores))


def test_draws_do_not_depend_on_how_many_are_held_at_once(monkeypatch):
    targets, logits, groups = predictions("single-label")
    whole = score_draws("single-label", CLASSES, targets, logits, groups, 0, draws=30)
    monkeypatch.setattr("roskdbench.statistics.bootstrap.CHUNK", 240 * 7)
    parts = score_draws("single-label", CLASSES, targets, logits, groups, 0, draws=30)
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)


def test_an_interval_covers_what_it_says_and_one_that_ignores_patients_does_not():
    """Accuracy over 120 patients with 1 to 9 images each, whose images are nearly all right or all wrong."""
    random = np.random.default_rng(7)
    patients, simulations, draws = 120, 1000, 400
    by_patient = covered = naive = 0
    for number in range(simulations):
        skill = random.beta(1.2, 0.6, patients)  # mean 2/3
        images = random.integers(1, 10, patients)
        right = random.binomial(images, skill)
        (weights,) = weights_of_groups(patients, draws, number, patients)
        low, high = interval((weights @ right) / (weights @ images))
        by_patient += low <= 2 / 3 <= high
        total, share = images.sum(), right.sum() / images.sum()
        resampled = random.binomial(total, share, draws) / total  # the bootstrap over images
        low, high = interval(resampled)
        naive += low <= 2 / 3 <= high
        covered += 1
    assert 0.93 <= by_patient / covered <= 0.97
    assert naive / covered < 0.85


# Runs


def trainings(random, runs, rows=7, effect=0.0, shared_part=0.0, spread=0.35):
    """Differences of several rows in runs of standard deviation 1, give or take, and what a test part that all share
    adds to each.
    """
    scale = np.exp(random.normal(0, spread, rows))
    found = scale[:, None] * (random.normal(size=(rows, runs)) + effect)
    return found + scale[:, None] * shared_part * random.normal(size=(rows, 1)), scale


@pytest.mark.parametrize("runs", [3, 5])
@pytest.mark.parametrize("test_part", [0.0, 0.5, 1.0, 2.0])
def test_differences_of_nothing_are_claimed_one_time_in_twenty(runs, test_part):
    """No difference, but chance in training and in the test part that all runs share, whose variance draws know."""
    random, claimed, plainly = np.random.default_rng(runs), [], []
    for _ in range(300):
        found, scale = trainings(random, runs, shared_part=test_part)
        prior = prior_of(found)
        for own, each in zip(found, scale, strict=True):
            claimed.append(over_trainings(own, 0.95, fixed=(each * test_part) ** 2, prior=prior).sure)
            plainly.append(over_trainings(own, 0.95).sure)
    assert 0.02 <= np.mean(claimed) <= 0.08
    if test_part >= 1:
        assert np.mean(plainly) > 0.15  # a t over runs does not see what they share


def test_a_difference_of_two_deviations_is_found_over_five_runs():
    """By moderated variances four times in five where splits share samples, by the plain corrected t half the time."""
    random, found_so, alone = np.random.default_rng(0), [], []
    for _ in range(300):
        found, _ = trainings(random, 5, effect=2.0)
        prior = prior_of(found)
        found_so += [over_trainings(own, 0.95, shared=0.2 / 0.7, prior=prior).sure for own in found]
        alone += [over_trainings(own, 0.95, shared=0.2 / 0.7).sure for own in found]
    assert np.mean(found_so) > 0.75
    assert np.mean(found_so) > np.mean(alone) + 0.1


@pytest.mark.parametrize("freedom", [2, 4, 9])
def test_the_prior_is_the_one_that_variances_were_drawn_from(freedom):
    """Smyth 2004: 1 / variance is a scaled chi-square of d0 degrees of freedom, and each is seen with d of its own."""
    random, own, middle = np.random.default_rng(freedom), 6.0, 0.04
    true = own * middle / random.chisquare(own, 4000)
    found = prior_of(random.normal(0, true[:, None] ** 0.5, (4000, freedom + 1)))
    assert found.freedom == pytest.approx(own, rel=0.25)
    assert found.variance == pytest.approx(middle, rel=0.1)
    assert found.most == pytest.approx(4000 * freedom, rel=0.05)


@pytest.mark.parametrize("runs", [3, 5])
def test_differences_from_one_reference_say_less_of_each_other(runs):
    """What the reference varies by is in all of them; taken for independent, up to one claim in ten would be false."""
    random, claimed, independent = np.random.default_rng(runs), [], []
    for _ in range(1000):
        found = random.normal(0, 0.25, (8, runs)) - random.normal(0, 1, runs)
        prior = prior_of(found)
        claimed += [over_trainings(own, 0.95, prior=prior).sure for own in found]
        taken = prior._replace(most=8.0 * (runs - 1))
        independent += [over_trainings(own, 0.95, prior=taken).sure for own in found]
    assert 0.02 <= np.mean(claimed) <= 0.085
    assert np.mean(claimed) < np.mean(independent) - 0.01
    same = prior_of(np.ones((8, 1)) * random.normal(size=runs) + 1e-9 * random.normal(size=(8, runs)))
    assert same.most == pytest.approx(runs - 1)


def test_rows_that_vary_alike_have_one_variance_and_two_rows_say_nothing_of_each_other():
    random = np.random.default_rng(1)
    contrasts = linalg.helmert(5)  # four rows that are not correlated
    alike = prior_of(contrasts * (4 * np.array([0.04, 0.041, 0.039, 0.0402])[:, None]) ** 0.5)
    assert np.isinf(alike.freedom) and alike.most == pytest.approx(16)
    own = random.normal(0.1, 0.5, 5)
    pooled = over_trainings(own, 0.95, prior=alike)
    error = (alike.variance / 5) ** 0.5
    reach = stats.t.ppf(0.975, 16) * error
    assert (pooled.low, pooled.high) == pytest.approx((own.mean() - reach, own.mean() + reach))
    assert prior_of(contrasts[:2]) == ALONE
    assert over_trainings(own, 0.95, prior=ALONE) == over_trainings(own, 0.95)


def test_a_run_varies_by_what_its_test_part_gives_it_at_least():
    values = [0.101, 0.1, 0.099]  # by chance so near each other
    plain, held = over_trainings(values, 0.95, shared=0.3), over_trainings(values, 0.95, shared=0.3, least=0.01)
    assert plain.sure and not held.sure
    reach = stats.t.ppf(0.975, 2) * (0.01 * (1 / 3 + 0.3)) ** 0.5
    assert held.high - held.value == pytest.approx(reach)


# Two methods


def test_a_paired_difference_is_sure_where_its_interval_leaves_zero_out():
    random = np.random.default_rng(0)
    near, far = paired(0.01, random.normal(0.01, 0.02, 2000), 0.95), paired(0.2, random.normal(0.2, 0.02, 2000), 0.95)
    assert not near.sure
    assert near.p > 0.05
    assert far.sure
    assert far.p == pytest.approx(2 / 2001)


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12))
def test_holm_and_false_discovery_are_what_their_papers_say(p_values):
    ordered = np.sort(p_values)
    count = len(ordered)
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        steps = [min(1, (count - place) * ordered[place]) for place in range(count) if ordered[place] <= p]
        assert adjusted == pytest.approx(max(steps))
    np.testing.assert_allclose(false_discovery(p_values), stats.false_discovery_control(p_values))


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12))
def test_the_findings_are_those_whose_interval_leaves_zero_out(p_values):
    """A p-value is below what its interval leaves out just where the adjusted one is below the level."""
    found = false_discovery_levels(p_values, 0.95)
    for p, adjusted, level in zip(p_values, stats.false_discovery_control(p_values), found, strict=True):
        assert (p <= 1 - level) == (adjusted <= 0.05) or abs(adjusted - 0.05) < 1e-9


def test_the_smallest_p_value_has_the_widest_interval():
    assert holm_levels([0.01, 0.5, 0.02], 0.95) == pytest.approx([1 - 0.05 / 3, 0.95, 1 - 0.05 / 2])


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12))
def test_nothing_is_sure_behind_a_step_that_failed(p_values):
    """A p-value is below what its interval leaves out just where Holm's adjusted one is below the level."""
    for p, adjusted, level in zip(p_values, holm(p_values), holm_levels(p_values, 0.95), strict=True):
        assert (p <= 1 - level) == (adjusted <= 0.05) or abs(adjusted - 0.05) < 1e-9


def test_the_corrected_t_is_the_paired_t_where_nothing_is_shared():
    values = [0.02, 0.05, -0.01, 0.03]
    plain = stats.ttest_1samp(values, 0)
    found = over_trainings(values, 0.95)
    assert found.p == pytest.approx(plain.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(plain.confidence_interval(0.95)))
    shared = over_trainings(values, 0.95, shared=0.5)  # three folds: a test part half as large as the training part
    assert (shared.high - shared.low) / (found.high - found.low) == pytest.approx(((1 / 4 + 0.5) / (1 / 4)) ** 0.5)


def test_a_test_part_of_known_variance_adds_to_that_of_trainings():
    """Satterthwaite's degrees of freedom: none of the test part's are estimated from runs."""
    values = [0.02, 0.05, -0.01, 0.03]
    trained, fixed = np.var(values, ddof=1) / 4, 3e-4
    freedom = (trained + fixed) ** 2 / (trained**2 / 3)
    reach = stats.t.ppf(0.975, freedom) * (trained + fixed) ** 0.5
    found = over_trainings(values, 0.95, fixed=fixed)
    assert found.high - found.value == pytest.approx(reach)


@given(seed=st.integers(0, 500))
@settings(max_examples=20)
def test_delong_is_its_definition_pair_by_pair(seed):
    random = np.random.default_rng(seed)
    truth = np.arange(40) < 15
    one, other = random.integers(0, 9, 40) + 2.0 * truth, random.normal(size=40) + truth
    found = delong(truth, one, other, 0.95)
    pairs = [
        (scores[truth][:, None] > scores[~truth]) + 0.5 * (scores[truth][:, None] == scores[~truth])
        for scores in (one, other)
    ]
    assert found.value == pytest.approx(roc_auc_score(truth, one) - roc_auc_score(truth, other))
    by_positive, by_negative = ([pair.mean(axis) for pair in pairs] for axis in (1, 0))
    variance = (
        np.var(by_positive[0] - by_positive[1], ddof=1) / 15 + np.var(by_negative[0] - by_negative[1], ddof=1) / 25
    )
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * variance**0.5, rel=1e-5)


def test_the_bootstrap_agrees_with_delong_where_every_image_is_a_patient():
    random = np.random.default_rng(3)
    truth = random.random(600) < 0.4
    one, other = random.normal(size=600) + 1.2 * truth, random.normal(size=600) + truth
    logits = [np.stack([scores, -scores], 1).astype(np.float32) for scores in (one, other)]
    targets = np.stack([truth, ~truth], 1).astype(np.uint8)
    drawn = [
        score_draws(
            "multi-label",
            ("a", "b"),
            dict.fromkeys(("test", "validation"), targets),
            dict.fromkeys(("test", "validation"), each),
            np.arange(600),
            0,
        )["auc|a"]
        for each in logits
    ]
    exact = delong(truth, one, other, 0.95)
    found = paired(exact.value, drawn[0] - drawn[1], 0.95)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.006)


# Many methods


def test_ranks_are_friedmans_and_the_critical_difference_is_demsars():
    random = np.random.default_rng(0)
    values = random.normal(size=(30, 5)) + np.arange(5)
    found = ranks(values)
    assert found.critical == pytest.approx(2.728 * (5 * 6 / (6 * 30)) ** 0.5, abs=0.002)  # q of Demsar 2006, table 5
    assert found.p == pytest.approx(stats.friedmanchisquare(*values.T).pvalue)
    assert found.mean.argmin() == 4
    assert found.mean.sum() == pytest.approx(15)


def test_too_few_blocks_have_no_ranks():
    assert ranks(np.random.default_rng(0).normal(size=(5, 4))) is None
    assert ranks(np.random.default_rng(0).normal(size=(9, 2))) is None
    assert ranks(np.ones((7, 3))).p == 1.0


def test_cliques_are_the_longest_runs_within_the_critical_difference():
    assert cliques(np.array([1.0, 1.5, 2.4, 4.0, 4.1]), 1.0) == [(0, 1), (1, 2), (3, 4)]
    assert cliques(np.array([3.0, 1.0, 2.0]), 5.0) == [(0, 2)]
    assert cliques(np.array([1.0, 3.0]), 1.0) == []


def test_draws_come_back_from_the_store_as_they_were(tmp_path):
    random = np.random.default_rng(0)
    drawn = {
        name: random.random(50, dtype=np.float32)
        for name in ("f1-macro", "auc|Pneumonia, \u201cearly\u201d", "auc-macro")
    }
    drawn["auc-macro"][3] = np.nan
    write_draws(tmp_path, drawn)
    found = read_draws(tmp_path / FILE)
    assert list(found) == list(drawn)
    for name, values in drawn.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_a_class_that_a_draw_does_not_hold_is_left_out_of_its_means(task):
    """A model without a fault is without one in every draw, also where only one patient of twelve has a class."""
    groups = np.arange(12)
    truth = np.where(groups == 0, 2, groups % 2)
    answers = np.where(truth[:, None] == np.arange(3), 5.0, -5.0).astype(np.float32)
    targets = truth if task == "single-label" else (truth[:, None] == np.arange(3)).astype(np.uint8)
    parts = ("test", "validation")
    draws = score_draws(
        task, ("a", "b", "c"), dict.fromkeys(parts, targets), dict.fromkeys(parts, answers), groups, 0, draws=200
    )
    absent = np.isnan(draws["auc|c"])
    assert 0.2 < absent.mean() < 0.5  # by chance (11/12)^12 = .35
    for metric in ("precision", "recall", "f1"):
        name = f"{metric}-macro" + ("" if task == "single-label" else "@tuned")
        assert draws[name] == pytest.approx(1.0)

"""Net benefit against its definition, what is known of it in closed form, and a bootstrap over patients; its table,
its board and its figure.
"""

import numpy as np
import pytest
from conftest import ROOT, TINY
from drawn_predictions import CLASSES, drawn_predictions, predictions_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.metrics import confusion_matrix

from roskdbench.board.adding import board_of
from roskdbench.board.content import read_board, write_board
from roskdbench.board.readme import page
from roskdbench.board.verifying import verify
from roskdbench.errors import UserError
from roskdbench.executors import ExecutorConfig
from roskdbench.measures.decision_curve import DecisionCurve, at
from roskdbench.measuring.calibration import temperature
from roskdbench.measuring.decision_curve import CURVE, benefit_at, benefit_of_all_at
from roskdbench.plugins import bundled_registry
from roskdbench.report.figures.decision_curve import decision_curves
from roskdbench.report.figures.drawing import Drawing, drawing_style
from roskdbench.report.tables import tables_of
from roskdbench.session import Session
from roskdbench.statistics.bootstrap import weights_of_groups
from roskdbench.store import Store
from roskdbench.suite import read_suite

TASKS = ("single-label", "multi-label")


def by_definition(truth, probability, threshold, weights=None):
    """From scikit-learn's confusion matrix."""
    counts = confusion_matrix(truth, probability >= threshold, labels=[False, True], sample_weight=weights)
    false_alarms, hits = counts[:, 1] / counts.sum()
    return hits - false_alarms * threshold / (1 - threshold)


def numbers(measure, predictions):
    return {(each.metric, each.label): each.value for each in measure.numbers(predictions)}


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), digits=st.sampled_from([None, 0]))
def test_net_benefit_is_its_definition_at_every_threshold(task, seed, digits):
    """Of each class, from those labels that are known, and in the mean."""
    predictions = drawn_predictions(task, seed, unknown=0.3 if task == "multi-label" else 0.0, digits=digits)
    found = numbers(DecisionCurve(), predictions)
    logits = predictions.logits["test"].astype(float)
    chance = expit(logits) if task == "multi-label" else softmax(logits, 1)
    for threshold in (0.01, 0.1, 0.33, 0.5):
        wanted = []
        for c, name in enumerate(CLASSES):
            known = predictions.known[:, c]
            wanted.append(by_definition(predictions.truth[known, c], chance[known, c], threshold))
            assert found[at("net-benefit", threshold), name] == pytest.approx(wanted[-1], rel=1e-12, abs=1e-14)
        assert found[at("net-benefit", threshold), ""] == pytest.approx(np.mean(wanted), rel=1e-12, abs=1e-14)


def test_the_curve_goes_from_1_to_50_percent():
    assert [round(100 * each) for each in CURVE] == list(range(1, 51))
    found = numbers(DecisionCurve(), drawn_predictions("multi-label"))
    assert {name for name, _ in found if name.startswith("net-benefit")} == {at("net-benefit", each) for each in CURVE}
    assert {name for name, _ in found if not name.startswith("net-benefit")} == {
        "treat-all@0.1",
        "treat-all@0.2",
        "prevalence",
    }


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), threshold=st.floats(0.01, 0.5))
def test_acting_on_all_is_worth_the_prevalence_less_its_false_alarms(seed, threshold):
    predictions = drawn_predictions("multi-label", seed)
    found = numbers(DecisionCurve(thresholds=[threshold]), predictions)
    for c, name in enumerate([*CLASSES, ""]):
        share = predictions.truth[:, c].mean() if name else predictions.truth.mean()
        assert found["prevalence", name] == pytest.approx(share)
        wanted = share - (1 - share) * threshold / (1 - threshold)
        assert found[at("treat-all", threshold), name] == pytest.approx(wanted, abs=1e-12)


def test_who_is_never_wrong_has_the_prevalence_who_says_no_has_nothing_and_who_says_yes_treats_all():
    truth = np.array([[1, 0], [0, 0], [0, 1], [0, 1]])
    for logits, wanted in (
        (40.0 * truth - 20, lambda share, odds: share),
        (np.full(truth.shape, -20.0), lambda share, odds: 0.0),
        (np.full(truth.shape, 20.0), lambda share, odds: share - (1 - share) * odds),
    ):
        found = numbers(DecisionCurve(), predictions_of("multi-label", truth, logits))
        for threshold in CURVE:
            for name, share in (("a", 0.25), ("b", 0.5)):
                odds = threshold / (1 - threshold)
                assert found[at("net-benefit", threshold), name] == pytest.approx(wanted(share, odds))


def test_who_has_just_the_threshold_is_acted_on():
    predictions = predictions_of("multi-label", [[1], [1], [0]], np.zeros((3, 1)))
    found = numbers(DecisionCurve(thresholds=[0.5, 0.50001]), predictions)
    assert found["net-benefit@0.5", "a"] == pytest.approx(2 / 3 - 1 / 3)
    assert found["net-benefit@0.50001", "a"] == 0


def test_a_threshold_that_is_called_as_one_of_the_curve_is_there_once():
    values = DecisionCurve(thresholds=[0.2 + 1e-9]).numbers(drawn_predictions("multi-label"))
    names = [(each.metric, each.label) for each in values]
    assert len(set(names)) == len(names)


def test_a_model_whose_probabilities_are_true_is_worth_no_less_than_acting_on_all_or_none():
    """And one that is too sure of itself is made so again by the temperature."""
    random = np.random.default_rng(0)
    logits = random.normal(-1, 1.5, (40_000, 2))
    truth = (random.random(logits.shape) < expit(logits)).astype(np.uint8)
    halves = [(truth[rows], logits[rows]) for rows in (slice(0, 20_000), slice(20_000, None))]
    true = predictions_of("multi-label", *halves[1], halves[0])
    sure = predictions_of("multi-label", halves[1][0], 6 * halves[1][1], (halves[0][0], 6 * halves[0][1]))
    known, over, again = (
        numbers(DecisionCurve(scaled=scaled), each) for each, scaled in ((true, False), (sure, False), (sure, True))
    )
    for threshold in CURVE:
        place, share = (at("net-benefit", threshold), ""), known["prevalence", ""]
        of_all = share - (1 - share) * threshold / (1 - threshold)
        assert known[place] > max(of_all, 0) - 0.003
        scaled = again[at("net-benefit", threshold, scaled=True), ""]
        assert scaled == pytest.approx(known[place], abs=0.005)
    assert over[at("net-benefit", 0.1), ""] < known[at("net-benefit", 0.1), ""] - 0.01


@pytest.mark.parametrize("task", TASKS)
def test_scaled_is_of_the_logits_over_the_temperature_of_validation(task):
    predictions = drawn_predictions(task, 2, unknown=0.3 if task == "multi-label" else 0.0)
    tested = predictions.tested
    known = None if task == "single-label" else tested.validation.uncertain == 0
    chosen = temperature(task, tested.validation.targets, predictions.logits["validation"], known)
    assert abs(chosen - 1) > 0.05
    name = "net-benefit@{}@scaled"
    logits = predictions.logits["test"].astype(float) / chosen
    chance = expit(logits) if task == "multi-label" else softmax(logits, 1)
    found = numbers(DecisionCurve(scaled=True), predictions)
    own = predictions.known[:, 1]
    for threshold in (0.1, 0.4):
        wanted = by_definition(predictions.truth[own, 1], chance[own, 1], threshold)
        assert found[name.format(threshold), "b"] == pytest.approx(wanted)


def test_draws_are_those_of_a_direct_bootstrap_over_patients():
    predictions = drawn_predictions("multi-label", 5, unknown=0.2)
    drawn = DecisionCurve(thresholds=[0.15]).draws(predictions, 7)
    assert set(drawn) == {"net-benefit@0.15", *(f"net-benefit@0.15|{name}" for name in CLASSES)}
    weights = np.concatenate(list(weights_of_groups(30, 2000, 7, len(predictions))))[:40]
    patients = predictions.groups - predictions.groups.min()
    for number, each in enumerate(weights[:, patients]):
        own = []
        for c, name in enumerate(CLASSES):
            known = predictions.known[:, c]
            arrays = (predictions.truth[known, c], predictions.probabilities[known, c])
            own.append(by_definition(*arrays, 0.15, each[known]))
            assert drawn[f"net-benefit@0.15|{name}"][number] == pytest.approx(own[-1], abs=1e-6)
        assert drawn["net-benefit@0.15"][number] == pytest.approx(np.mean(own), abs=1e-6)


def test_statistics_of_nothing_are_undefined():
    nothing = np.zeros(0, bool), np.zeros(0), np.zeros(0, bool)
    assert benefit_at(0.1)(*nothing) is None
    assert benefit_of_all_at(0.1)(*nothing) is None


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("thresholds: [0.1, 0.2, 0.1]", "thresholds names 0.1 twice"),
        ("thresholds: [0]", "input should be greater than 0"),
        ("thresholds: [10]", "input should be less than 1"),
        ("thresholds: []", "should have at least 1 item"),
        ("threshold: [0.1]", "did you mean 'thresholds'?"),
        ("scaled: perhaps", "input should be a valid boolean"),
    ],
)
def test_a_wrong_setting_gives_one_line(tiny, setting, sentence):
    measures = f"experiments.main.measures=[{{measure: decision-curve, {setting}}}]"
    with pytest.raises(UserError) as raised:
        read_suite(tiny, [measures])
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_it_passes_the_check():
    from roskdbench.checking.named import check_named

    verdicts = list(check_named(bundled_registry(), "decision-curve"))
    assert len(verdicts) > 5
    assert [each for each in verdicts if each[1] is not None] == []


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two rows of one training, with the curve as it is and scaled."""
    folder = tmp_path_factory.mktemp("curves")
    (folder / "suite.yaml").write_text(TINY)
    changes = [
        "protocol.epochs=2",
        "experiments.main.methods=[baseline-i, swa]",
        "experiments.main.reference=swa",
        "experiments.main.shown=[f1, sensitivity@spec90]",
        "experiments.main.measures=[decision-curve, {measure: decision-curve, thresholds: [0.05, 0.7], scaled: true}]",
    ]
    results, _ = Session(
        folder / "suite.yaml", folder / "store", settings=changes, executor=ExecutorConfig(workers=1)
    ).run()
    assert results.gaps == []
    return results, folder


def test_tables_have_the_model_with_its_interval_beside_treating_all(run):
    results, _ = run
    scores, *others = tables_of(results, "main")
    named = {(each.under, each.heading): number for number, each in enumerate(scores.columns)}
    assert list(named)[2:] == [
        *(("net benefit", f"{each} at {place}") for place in (0.1, 0.2) for each in ("NB", "all")),
        *(
            ("net benefit 2", heading)
            for heading in ("NB at 0.05, scaled", "all at 0.05", "NB at 0.7, scaled", "all at 0.7")
        ),
    ]
    for _, cells in scores.rows:
        model, everybody = cells[named["net benefit", "NB at 0.1"]], cells[named["net benefit", "all at 0.1"]]
        assert model.low <= model.mean <= model.high
        assert everybody.low is None
        assert everybody.mean == pytest.approx(1 / 8 - 7 / 8 / 9)  # eight classes of one label
    differences = next(each for each in others if each.name == "main-differences")
    assert [each.heading for each in differences.columns][2:] == [
        "Δ NB at 0.1",
        "Δ NB at 0.2",
        "Δ NB at 0.05, scaled",
        "Δ NB at 0.7, scaled",
    ]
    notes = "\n".join(scores.notes)
    assert "Probabilities: as the model gives them." in notes
    assert "Probabilities: logits divided by the temperature that validation chose." in notes


def test_a_board_of_it_is_computed_again_and_a_changed_number_found(run, tmp_path):
    results, folder = run
    registry = bundled_registry()
    board = board_of(results, Store(folder / "store"), "me", registry)
    write_board(board, tmp_path, page(board, tmp_path))
    verdict = verify(read_board(tmp_path, registry), registry)
    assert (verdict.objections, verdict.trusted) == ([], 0)
    assert verdict.recomputed > 2 * 2 * 50 * 9
    again = read_board(tmp_path, registry).results()
    assert [each.rows for each in tables_of(again, "main")] == [each.rows for each in tables_of(results, "main")]
    rows = (tmp_path / "results.csv").read_text().splitlines()
    for metric in ("net-benefit@0.07", "sensitivity@spec90"):
        number = next(number for number, row in enumerate(rows) if f",{metric},," in row)
        cells = rows[number].split(",")
        cells[-3] = "0.123"
        changed = [*rows[:number], ",".join(cells), *rows[number + 1 :]]
        (tmp_path / "results.csv").write_text("\n".join(changed) + "\n")
        objections = verify(read_board(tmp_path, registry), registry).objections
        assert len(objections) == 1
        assert f"{metric} (clean) is 0.123 on the board" in objections[0]


def test_the_figure_draws_what_the_results_have(run):
    results, folder = run
    with drawing_style():
        picture = decision_curves(Drawing(results, Store(folder / "store"), "main"))
    panels = [each for each in picture.axes if each.get_title()]
    classes = [name for name in results.frame[results.frame["metric"] == "prevalence"]["class"].unique() if name]
    titles = ["lesion, mean", *classes, "lesion, scaled, mean", *classes]
    assert [each.get_title() for each in panels] == titles
    for measure, first in (("decision-curve", 0), ("decision-curve 2", len(classes) + 1)):
        end = "@scaled" if first else ""
        for number, name in enumerate(["", *classes]):
            part = results.frame[(results.frame["measure"] == measure) & (results.frame["class"] == name)]
            lines = {line.get_label(): line for line in panels[first + number].get_lines()}
            for method in ("Baseline I", "SWA"):
                own = part[part["method"] == method].set_index("metric")["value"]
                wanted = [own[f"net-benefit@{each:g}{end}"] for each in CURVE]
                np.testing.assert_allclose(lines[method].get_ydata(), wanted)
    frame = results.frame[(results.frame["measure"] == "decision-curve") & (results.frame["class"] == classes[0])]
    lines = {line.get_label(): line for line in panels[1].get_lines()}
    everybody = frame[frame["metric"] == "treat-all@0.2"]["value"].iloc[0]
    assert lines["all"].get_ydata()[CURVE.index(0.2)] == pytest.approx(everybody)
    assert set(lines["nobody"].get_ydata()) == {0}


def test_without_the_measure_there_is_no_figure(tmp_path):
    results = read_board(ROOT / "leaderboards" / "quick").results()
    assert decision_curves(Drawing(results, Store(tmp_path), "noise")) is None

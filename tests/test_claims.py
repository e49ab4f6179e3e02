"""What a suite claims is read as it is meant, judged by the tests that it says, and known since when it stands."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import TINY, command
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from roskdbench.board.adding import board_of
from roskdbench.board.content import README, read_board, write_board
from roskdbench.board.readme import objection, page
from roskdbench.board.verifying import verify
from roskdbench.errors import UserError
from roskdbench.executors import ExecutorConfig
from roskdbench.plan import plan
from roskdbench.plan.graph import AXES
from roskdbench.plugins import bundled_registry
from roskdbench.report import claims
from roskdbench.report.claims import claims_of
from roskdbench.report.contents import contents_of
from roskdbench.report.layout import PASSED, layout_of
from roskdbench.report.table import Word
from roskdbench.report.tables.claims import claims_table
from roskdbench.results import find_run
from roskdbench.session import Session
from roskdbench.statistics.claims import POWER, ClaimEvidence, judged, runs_to_settle, smallest_effect
from roskdbench.statistics.comparison import OverRuns, over_runs
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.suite.claims import Statement, parsed
from roskdbench.values import Facts

# Sentences


@pytest.mark.parametrize(
    ("sentence", "wanted"),
    [
        ("a > b in f1 on lesion", Statement("a", ">", "b", metric="f1", problems=("lesion",))),
        ("a < b in f1", Statement("b", ">", "a", metric="f1")),
        ("a - b >= .02 in f1", Statement("a", ">", "b", by=0.02, metric="f1")),
        ("a - b <= .02 in f1", Statement("b", ">", "a", by=-0.02, metric="f1")),
        ("a == b in f1 within .01", Statement("a", "==", "b", metric="f1", within=0.01)),
        ("a > .8 in auc", Statement("a", ">", 0.8, metric="auc")),
        ("a < .1 in ece", Statement("a", ">", 0.1, sign=-1, metric="ece")),
        (
            "f1 of a at overlap .4 > at 0 and at 1",
            Statement("a", ">", metric="f1", axis="overlap", at=".4", against=("0", "1")),
        ),
        (
            "'My method' > b in kept on x and y with R18 under own at overlap .4 after 'pgd l2 128/255' from table2",
            Statement(
                "My method",
                ">",
                "b",
                metric="kept",
                problems=("x", "y"),
                students=("R18",),
                noises=("own",),
                overlap=0.4,
                after="pgd l2 128/255",
                experiment="table2",
            ),
        ),
    ],
)
def test_a_sentence_is_read_as_it_is_meant(sentence, wanted):
    assert parsed(sentence) == wanted


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("a > b", "it does not say in which metric"),
        ("a == b in f1", "say how near with `within MARGIN`"),
        ("a beats b in f1", "'beats' stands where one of >, >=, <, <=, == should"),
        ("a > b in f1 for lesion", "'for' is none of in, on, with, under, at, after, from, within"),
        ("a > b in f1 in auc", "`in` stands in it twice"),
        ("a > b in f1 at temperature 2", "'temperature' stands where `overlap` should"),
        ("a > b in f1 within -1", "a margin is above 0"),
        ("a - b >= much in f1", "the difference is a number, and 'much' is none"),
        ("f1 of a at overlap", "it ends where a point of the axis should stand"),
        ("'a > b in f1", "a quote is not closed"),
        ("a", "it ends where > or == should stand"),
    ],
)
def test_a_sentence_that_cannot_be_read_is_one_line(sentence, said):
    with pytest.raises(ValueError, match=r".") as raised:
        parsed(sentence)
    assert said in str(raised.value)


# Tests and verdicts

FEW = st.lists(st.floats(-1, 1, width=16), min_size=3, max_size=8).filter(lambda values: np.std(values) > 1e-3)


@given(FEW, st.floats(-0.5, 0.5))
def test_p_values_are_scipys(values, bound):
    found = over_runs(values)
    assert found.above(bound) == pytest.approx(stats.ttest_1samp(values, bound, alternative="greater").pvalue)
    assert found.below(bound) == pytest.approx(stats.ttest_1samp(values, bound, alternative="less").pvalue)


def only(claim):
    (found,) = judged([claim])
    return found


@given(FEW, st.floats(0.01, 0.5))
def test_a_claim_is_two_sided_and_a_likeness_two_one_sided_tests(values, margin):
    found = over_runs(values)
    both = stats.ttest_1samp(values, 0.0).pvalue
    above = only(ClaimEvidence((found,)))
    assert above.p == pytest.approx(both)
    wanted = "cannot tell" if both > 0.05 else "supported" if np.mean(values) > 0 else "contradicted"
    assert above.verdict == wanted
    alike = only(ClaimEvidence((found,), within=margin, alike=True))
    tost = max(
        stats.ttest_1samp(values, -margin, alternative="greater").pvalue,
        stats.ttest_1samp(values, margin, alternative="less").pvalue,
    )
    assert (alike.verdict == "equivalent") == (2 * tost <= 0.05 or (2 * tost <= 0.1 and alike.p <= 0.05))
    if alike.verdict == "equivalent":
        assert abs(np.mean(values)) < margin


def test_a_claim_of_several_comparisons_holds_where_all_do_and_falls_with_any():
    sure, weak, against = over_runs([0.3, 0.31, 0.29]), over_runs([0.2, -0.2, 0.1]), over_runs([-0.3, -0.31, -0.29])
    assert only(ClaimEvidence((sure, sure))).verdict == "supported"
    assert only(ClaimEvidence((sure, weak))).verdict == "cannot tell"
    assert only(ClaimEvidence((sure, against))).verdict == "contradicted"
    assert ClaimEvidence((sure, weak)).weakest is weak


def test_a_gain_is_held_against_its_bound():
    values = [0.05, 0.052, 0.048, 0.051]
    assert only(ClaimEvidence((over_runs(values),), by=0.02)).verdict == "supported"
    assert only(ClaimEvidence((over_runs(values),), by=0.08)).verdict == "contradicted"
    assert only(ClaimEvidence((over_runs(values),), by=0.05)).verdict == "cannot tell"


@pytest.mark.slow
def test_false_verdicts_stay_under_five_percent_over_all_claims_of_a_suite():
    """Six hundred suites of twelve claims: half of them that a difference of nothing is above it, half that one right
    at the margin is within.
    """
    random = np.random.default_rng(1)
    suites, false_effects, false_likeness = 600, 0, 0
    for _ in range(suites):
        claims = [ClaimEvidence((over_runs(random.normal(0, 0.02, 5)),)) for _ in range(6)]
        claims += [
            ClaimEvidence((over_runs(random.normal(0.01, 0.004, 5)),), within=0.01, alike=True) for _ in range(6)
        ]
        verdicts = [each.verdict for each in judged(claims)]
        false_effects += any(verdict in ("supported", "contradicted") for verdict in verdicts[:6])
        false_likeness += "equivalent" in verdicts[6:]
    three_sigma = 3 * (0.05 * 0.95 / suites) ** 0.5
    assert false_effects / suites < 0.05 + three_sigma
    assert false_likeness / suites < 0.05 + three_sigma
    assert false_effects > 3  # the tests are not so careful that they say nothing


def test_the_smallest_effect_is_found_four_times_in_five():
    random = np.random.default_rng(2)
    design = OverRuns(0.0, 5, 0.02**2, 4.0)
    effect = smallest_effect(ClaimEvidence((design,)))
    margin = smallest_effect(ClaimEvidence((design,), within=1.0, alike=True))
    tries, found, alike = 4000, 0, 0
    for _ in range(tries):
        found += only(ClaimEvidence((over_runs(random.normal(effect, 0.02, 5)),))).verdict == "supported"
        like = over_runs(random.normal(0, 0.02, 5))
        alike += max(like.above(-margin), like.below(margin)) <= 0.05
    assert found / tries == pytest.approx(POWER, abs=0.03)
    assert alike / tries == pytest.approx(POWER, abs=0.03)


def test_so_many_runs_settle_it_and_one_fewer_does_not():
    random = np.random.default_rng(3)
    claim = ClaimEvidence((OverRuns(0.02, 5, 0.02**2, 4.0),))
    runs = runs_to_settle(claim)
    shares = []
    for count in (runs - 1, runs):
        draws = random.normal(0.02, 0.02, (4000, count))
        shares.append((stats.ttest_1samp(draws, 0.0, axis=1).pvalue <= 0.05).mean())
    assert shares[0] < POWER + 0.02
    assert shares[1] > POWER - 0.02


def test_an_effect_on_several_contrasts_is_found_on_all_of_them_four_times_in_five():
    random = np.random.default_rng(4)
    effect = smallest_effect(ClaimEvidence((OverRuns(0.0, 5, 0.02**2, 4.0),) * 2))
    tries, found = 4000, 0
    for _ in range(tries):
        contrasts = tuple(over_runs(random.normal(effect, 0.02, 5)) for _ in range(2))
        found += only(ClaimEvidence(contrasts)).verdict == "supported"
    assert POWER - 0.02 < found / tries < POWER + 0.05


def test_one_contrast_that_is_against_a_claim_settles_it():
    small, against = over_runs([0.0005, 0.002, -0.001]), over_runs([-0.05, -0.02, -0.08])
    alone = runs_to_settle(ClaimEvidence((against,)), level=0.025)  # it is tested twice as hard beside another
    assert runs_to_settle(ClaimEvidence((small, against))) == alone < 20
    assert runs_to_settle(ClaimEvidence((small,))) > 50


def test_claims_that_cannot_be_judged_yet_count_in_holms_steps():
    """A verdict does not go when the others' runs are done."""
    claim = ClaimEvidence((over_runs([0.02, 0.03, 0.03, 0.02, 0.05]),))
    (alone,), (among,) = judged([claim]), judged([claim], others=15)
    assert alone.verdict == "supported"
    assert among.p == pytest.approx(min(1, 16 * alone.p))
    done = judged([claim, *[ClaimEvidence((over_runs([0.1, -0.1, 0.0, 0.05, -0.05]),))] * 15])
    assert done[0].p == pytest.approx(among.p)
    assert done[0].smallest == pytest.approx(among.smallest)


def test_what_two_runs_would_settle_takes_three():
    assert runs_to_settle(ClaimEvidence((OverRuns(1.0, 5, 1e-12, 4.0),))) == 3


def test_where_the_test_part_is_too_small_no_number_of_runs_will_do():
    assert runs_to_settle(ClaimEvidence((OverRuns(0.02, 5, 0.01**2, 4.0, fixed=0.02**2),))) is None
    assert runs_to_settle(ClaimEvidence((OverRuns(0.02, 5, 0.01**2, 4.0, fixed=0.002**2),))) is not None
    assert runs_to_settle(ClaimEvidence((OverRuns(0.002, 5, 0.01**2, 4.0, shared=0.286),))) is None
    assert runs_to_settle(ClaimEvidence((OverRuns(0.0002, 5, 0.01**2, 4.0),))) == np.inf


# From a suite to a verdict

CLAIMS = """claims:
  good: {claim: baseline-i < .99 in f1, printed: 0.8}
  even: baseline-i == swa in f1 within .9
  both: swa > baseline-i in f1 on lesion
  sharp: swa < baseline-i in ece
"""
SUITE = (
    TINY.replace("epochs: 4", "epochs: 3")
    .replace("milestones: [3]", "milestones: [2]")
    .replace("[baseline-i, baseline-v, ros-kd]", "[baseline-i, swa]")
    .replace("  augmentation: light", "  augmentation: light\n  split: {per_seed: true}")
    + "    seeds: [0, 1, 2]\n    reference: swa\n    measures: [calibration]\n"
)


@pytest.fixture(scope="module")
def claimed(tmp_path_factory):
    """A suite with claims, run."""
    folder = tmp_path_factory.mktemp("claimed")
    (folder / "suite.yaml").write_text(SUITE + CLAIMS)
    results, _ = Session(folder / "suite.yaml", folder / "store", executor=ExecutorConfig(workers=1)).run()
    assert results.gaps == []
    return folder, results


def verdict_of(results, name):
    (found,) = (each for each in claims_of(results) if each.at.name == name)
    return found


@pytest.mark.parametrize(
    ("mean", "reason"), [(0.0, "both sides have the same numbers"), (0.01, "the effect is the same number")]
)
def test_runs_that_all_say_the_same_are_no_evidence(claimed, monkeypatch, mean, reason):
    """Two students that never say yes have the same F1 in every run, and a coarse metric may have one difference."""
    _, results = claimed
    monkeypatch.setattr(claims, "contrast_of", lambda *given: (OverRuns(mean, 3, 0.0, 2.0), True))
    for found in claims._judged(results):
        assert found.judged is None
        assert found.reason == f"{reason} in every run, which says nothing of the next"


@pytest.mark.parametrize("word", ["constant", "masked?"])
def test_a_row_whose_attacks_cannot_be_believed_is_not_judged(claimed, monkeypatch, word):
    """A model that says the same of every image keeps all of its F1 under any attack."""
    _, results = claimed
    (plain,) = (each.at for each in claims_of(results) if each.at.name == "even")
    attacked = replace(plain.metric, facts=Facts(perturbation="pgd", norm="linf", radius=4 / 255))
    at = replace(plain, metric=attacked)
    layout = layout_of(results, at.experiment, AXES)
    monkeypatch.setattr(layout, "checked", lambda measure: {at.left: PASSED, at.rights[0]: word})
    assert claims._lacking(layout, at, at.rights[0]) == f"SWA under pgd linf 4/255: {word}"
    monkeypatch.setattr(layout, "checked", lambda measure: {at.left: PASSED, at.rights[0]: PASSED})
    assert claims._lacking(layout, at, at.rights[0]) == f"Baseline I has no {at.metric.heading}"  # nothing was attacked


def test_what_a_model_at_chance_keeps_is_not_judged(claimed, monkeypatch):
    _, results = claimed
    (plain,) = (each.at for each in claims_of(results) if each.at.name == "even")
    attacked = replace(plain.metric, name="kept", facts=Facts(perturbation="pgd", norm="linf", radius=4 / 255))
    at = replace(plain, metric=attacked)
    layout = layout_of(results, at.experiment, AXES)
    monkeypatch.setattr(layout, "checked", lambda measure: {})
    monkeypatch.setattr(layout, "is_at_chance", lambda place: place == at.rights[0])
    assert claims._lacking(layout, at, at.rights[0]).startswith("SWA: the AUC on clean images is not surely")
    monkeypatch.setattr(layout, "is_at_chance", lambda place: False)
    assert "surely" not in claims._lacking(layout, at, at.rights[0])


def test_a_run_without_the_number_is_not_left_out_of_the_evidence(claimed, monkeypatch):
    _, results = claimed
    whole, there = claims._values, {(0, 0), (0, 2)}
    monkeypatch.setattr(claims, "_values", lambda *given: {run: whole(*given)[run] for run in there})
    (even,) = (each for each in claims._judged(results) if each.at.name == "even")
    assert even.reason == "F1 is not defined in 1 of 3 runs"


def test_effect_and_p_follow_from_the_stored_predictions(claimed):
    """By scikit-learn's F1 and scipy's t, with the variance of Nadeau and Bengio; the draws only hold it up."""
    from sklearn.metrics import f1_score

    folder, results = claimed
    store, runs = Store(folder / "store"), {}
    for cell in results.plan.cells:
        job = results.plan.jobs[cell.scores]
        logits = store.open(job.inputs["predictions"]).arrays("predictions.npz")["test"]
        test = store.open(job.inputs["split"]).arrays("split.npz")["test"]
        truth = store.open(job.inputs["pixels"]).arrays("labels.npz")["targets"][test]
        score = f1_score(truth, logits.argmax(1), average="macro", labels=range(8), zero_division=0)
        runs.setdefault(cell.registered, {})[cell.seed] = score
    differences = [runs["swa"][seed] - runs["baseline-i"][seed] for seed in (0, 1, 2)]
    found = verdict_of(results, "both").tested.contrasts[0]
    assert found.mean == pytest.approx(np.mean(differences), abs=1e-9)
    assert found.variance >= np.var(differences, ddof=1) - 1e-12
    error = (found.variance * (1 / 3 + 0.2 / 0.7)) ** 0.5
    assert found.above(0) == pytest.approx(stats.t.sf(found.mean / error, 2))
    tested = [each.tested for each in claims_of(results)]
    assert [each.judged for each in claims_of(results)] == judged(tested)


def test_the_table_stands_before_all_others_in_every_format(claimed, tmp_path):
    folder, results = claimed
    contents = contents_of(results)
    assert contents.every[0].name == "claims"
    table = contents.every[0]
    assert [labels[0] for labels, _ in table.rows] == ["good", "even", "both", "sharp"]
    assert table.rows[0][1][0] == Word("supported", good=True)
    assert table.rows[1][1][0] == Word("equivalent", good=True)
    assert table.columns[-1].source == "paper"
    assert table.rows[0][1][-1].mean == 0.8
    printed = command("claims", "--store", folder / "store")
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.startswith("tiny: what it claims")
    assert "equivalent" in printed.stdout
    for form, head in (("markdown", "### "), ("latex", r"\caption{"), ("csv", "claims,good / ")):
        text = command("report", "--store", folder / "store", "--format", form).stdout
        assert head in text
        assert text.index("supported") < text.index("Baseline I")
    made = command("report", "--store", folder / "store", "--format", "html", "--out", tmp_path / "page")
    assert made.returncode == 0, made.stderr
    text = (tmp_path / "page" / "index.html").read_text()
    assert text.index('id="claims"') < text.index('id="e1"')


def test_a_board_has_its_claims_first_and_a_verdict_written_over_is_found(claimed, tmp_path):
    folder, results = claimed
    board = board_of(results, Store(folder / "store"), "tester", bundled_registry())
    write_board(board, tmp_path, page(board, tmp_path))
    again = read_board(tmp_path)
    assert claims_table(again.results()).rows == claims_table(results).rows
    assert again.stated == results.stated
    assert verify(again, bundled_registry()).objections == []
    assert objection(again, tmp_path) == []
    text = (tmp_path / README).read_text()
    (tmp_path / README).write_text(text.replace("supported", "contradicted", 1))
    assert objection(again, tmp_path) != []


def run_again(folder, claims):
    (folder / "suite.yaml").write_text(SUITE + claims)
    results, _ = Session(folder / "suite.yaml", folder / "store", executor=ExecutorConfig(workers=1)).run()
    return claims_table(results).notes, results


def test_a_claim_made_when_models_were_known_by_another_average_is_not_stated_before(claimed, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(claimed[0], folder)
    text = SUITE.replace("protocol:\n", "protocol:\n  average: micro\n")
    (folder / "suite.yaml").write_text(text + CLAIMS)
    session = Session(folder / "suite.yaml", folder / "store", executor=ExecutorConfig(workers=1))
    results, _ = session.run()
    assert {each.computed for each in results.stated.values()} == {6}
    assert not any("Stated before" in note for note in claims_table(results).notes)


def test_a_claim_that_came_or_changed_after_the_numbers_says_so(claimed, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(claimed[0], folder)
    notes, results = run_again(folder, CLAIMS)
    assert "Stated before any of these numbers was computed: good, even, both, sharp." in notes
    changed = CLAIMS.replace("within .9", "within .8") + "  late: swa > baseline-i in auc\n"
    (folder / "suite.yaml").write_text(SUITE + changed)
    notes = claims_table(find_run(str(folder / "suite.yaml"), Store(folder / "store"), (), ())).notes
    assert any(
        note.startswith("even: changed after the run; when it was made, it said: baseline-i ==") for note in notes
    )
    assert "Not in the run's record, so added afterwards: late." in notes
    notes, later = run_again(folder, changed)
    assert later.name == results.name
    assert "Stated before any of these numbers was computed: good, both, sharp." in notes
    assert any(note.startswith("even: added or changed on ") and "6 of 6 cells had scores" in note for note in notes)
    assert any(note.startswith("late: added or changed on ") for note in notes)
    record = json.loads((folder / "store" / "runs" / f"{later.name}.json").read_text())
    assert record["stated"]["even"]["claim"].endswith("within .8")


OWN = """
from roskdbench import Method, register


@register("mine")
class Mine(Method):
    '''Mine: labels, times a number.'''

    def loss(self, batch):
        return 1 * batch.hard_loss()
"""


def test_a_claim_about_a_method_whose_code_changed_after_the_numbers_says_so(tmp_path):
    """The others stay stated before them; so does everything where a run is only taken up again."""
    mine, suite = tmp_path / "methods" / "mine.py", tmp_path / "suite.yaml"
    mine.parent.mkdir()
    mine.write_text(OWN)
    text = SUITE.replace("[baseline-i, swa]", "[baseline-i, swa, mine]").replace("seeds: [0, 1, 2]", "seeds: [0]")
    suite.write_text(text + "claims:\n  own: mine > baseline-i in f1\n  others: swa > baseline-i in f1\n")

    def notes():
        alone = ExecutorConfig(workers=1)
        results, _ = Session(suite, tmp_path / "store", [mine.parent], executor=alone).run()
        return results.name, [note for note in claims_table(results).notes if "tated" in note or "added" in note]

    first = notes()
    assert first[1] == ["Stated before any of these numbers was computed: own, others."]
    assert notes() == first
    mine.write_text(OWN.replace("1 * batch", "2 * batch"))
    name, (before, late) = notes()
    assert name == first[0]
    assert before == "Stated before any of these numbers was computed: others."
    assert late.startswith("own: added or changed on ") and "2 of 3 cells had scores" in late
    path = tmp_path / "store" / "runs" / f"{name}.json"
    record = json.loads(path.read_text())
    del record["stated"]["others"]["models"]  # as older records have it
    path.write_text(json.dumps(record))
    assert notes() == (name, [before, late])


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("baseline-9 > swa in f1", "experiment 'main' has no method 'baseline-9'; did you mean 'baseline-i'?"),
        ("swa > baseline-i in f2", "measures no 'f2'"),
        ("swa > baseline-i in f1 on lesions", "no problem 'lesions'"),
        ("swa > baseline-i in f1 under symmetric", "no noise 'symmetric'"),
        ("swa > baseline-i in f1 with B", "no student 'B'"),
        ("swa > baseline-i in f1 from table9", "the suite has no experiment 'table9'"),
        ("f1 of swa at overlap .4 > at 1", "has no overlap 1; known: 0.4"),
        ("f1 of swa at depth 4 > at 1", "has no axis 'depth'"),
        ("swa > baseline-i in f1 after pgd", "measures no 'f1' after 'pgd'"),
        ("swa over baseline-i in f1", "'over' stands where one of"),
    ],
)
def test_a_claim_about_what_is_not_there_is_one_line_with_its_place(tmp_path, claim, said):
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE + f"claims:\n  wrong: {claim}\n")
    done = command("plan", path, "--store", tmp_path / "store")
    assert done.returncode == 2
    assert said in done.stderr
    assert f"{path}:" in done.stderr
    assert done.stderr.count("\n") == 1


def test_too_few_runs_and_rows_that_are_not_there_say_why(claimed, tmp_path):
    folder, _ = claimed
    (tmp_path / "suite.yaml").write_text(SUITE.replace("seeds: [0, 1, 2]", "seeds: [0]") + CLAIMS)
    session = Session(tmp_path / "suite.yaml", folder / "store", executor=ExecutorConfig(workers=1))
    results, _ = session.run()
    table = claims_table(results)
    assert {cells[0] for _, cells in table.rows} == {Word("not judged")}
    assert any("1 run says nothing of methods; it takes 3" in note for note in table.notes)


def test_a_plan_says_what_the_design_could_see(claimed, tmp_path):
    folder, results = claimed
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE.replace("seeds: [0, 1, 2]", "seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8]") + CLAIMS)
    done = command("plan", path, "--store", folder / "store")
    assert done.returncode == 0, done.stderr
    assert f"by the spread of the run {results.name}" in " ".join(done.stdout.split())
    found = verdict_of(results, "both").tested.contrasts[0]
    wanted = smallest_effect(ClaimEvidence((found.of(9),)), 0.05 / 5)  # a claim of likeness makes two tests
    assert f"{wanted:.3f}".removeprefix("0") in done.stdout
    empty = command("plan", path, "--store", tmp_path / "empty")
    assert "is not known before there is a spread" in " ".join(empty.stdout.split())


def test_claims_do_not_name_a_run_and_a_suite_without_any_has_no_table(claimed, tmp_path):
    folder, results = claimed
    (tmp_path / "suite.yaml").write_text(SUITE)
    bare = find_run(str(tmp_path / "suite.yaml"), Store(folder / "store"), (), ())
    assert bare.name == results.name
    assert claims_table(bare) is None
    planned = plan(read_suite(tmp_path / "suite.yaml"), bundled_registry())
    assert planned.jobs.keys() == results.plan.jobs.keys()


def test_a_name_that_several_rows_have_is_one_line(tmp_path):
    path = tmp_path / "suite.yaml"
    twice = "[baseline-i, {method: baseline-i, title: Again, averaging: {kind: running-mean}}]"
    path.write_text(SUITE.replace("[baseline-i, swa]", twice) + "claims:\n  x: baseline-i > Again in f1\n")
    with pytest.raises(UserError, match=r"'baseline-i' may be .* or Again: say which by its title, in quotes"):
        plan(read_suite(path), bundled_registry())

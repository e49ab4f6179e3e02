"""Every number shown is one that can be computed another way, and every format says the same."""

import csv
import io
import json
import math
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas
import pytest
from conftest import command
from matplotlib.figure import Figure
from rich.console import Console
from scipy import special, stats
from scipy.special import expit
from sklearn import metrics

from roskdbench.data.problem import Problem
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.evidence import Evidence, Source
from roskdbench.report.figures.drawing import PALETTE, colours, draw_all
from roskdbench.report.folder import write_folder
from roskdbench.report.formats.comma_separated import as_csv
from roskdbench.report.formats.frame import as_json
from roskdbench.report.formats.latex import latex
from roskdbench.report.formats.markdown import markdown
from roskdbench.report.formats.text import plain_number
from roskdbench.report.layout import facts_of
from roskdbench.report.legend import below
from roskdbench.report.paper import Paper
from roskdbench.report.table import Estimate, Table, TableColumn
from roskdbench.report.tables import differences
from roskdbench.report.tables.auc import auc_differences, auc_table
from roskdbench.report.tables.differences import comparison_table
from roskdbench.report.tables.scores import score_table
from roskdbench.report.terminal import terminal_table
from roskdbench.results import COLUMNS, FACTS, collect
from roskdbench.statistics.comparison import Difference, over_runs, paired
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.values import USUAL


@pytest.fixture(scope="module")
def results(smoke):
    made, store, _ = smoke
    return collect(made, store)


def number(table, row, problem, heading):
    c = next(
        i
        for i, column in enumerate(table.columns)
        if (column.group, column.heading, column.source) == (problem, heading, "")
    )
    return next(cells for labels, cells in table.rows if labels[0] == row)[c]


def test_the_frame_is_tidy(results):
    assert tuple(results.frame.columns) == COLUMNS
    keys = [
        "experiment",
        "problem",
        "method",
        "student",
        "overlap",
        "noise",
        "fold",
        "seed",
        "measure",
        "subject",
        "member",
        *FACTS,
        "metric",
        "class",
    ]
    assert not results.frame.duplicated(keys).any()
    assert (*keys, "value", "n", "fingerprint") == COLUMNS
    assert (results.frame["measure"] == "scores").all()
    ensemble = results.frame["method"] == "Deep ensemble"
    assert (results.frame["subject"] == np.where(ensemble, "ensemble", "student")).all()
    assert (results.frame["member"] == 0).all()
    assert {facts_of(row) for row in results.frame[list(FACTS)].itertuples(index=False)} == {USUAL}


def test_shown_numbers_are_scikit_learns_on_the_stored_predictions(smoke, results):
    made, store, _ = smoke
    table = score_table(results, "table1")
    for cell in made.cells:
        job = made.jobs[cell.scores]
        problem = Problem.load(store.path(job.inputs["pixels"]))
        test = store.open(job.inputs["split"]).arrays("split.npz")["test"]
        logits = store.open(job.inputs["predictions"]).arrays("predictions.npz")["test"]
        truth = problem.labels.targets[test]
        if problem.labels.task == "single-label":
            chosen = logits.argmax(1)
            labels = range(8)
        else:
            rows = results.frame[
                (results.frame["fingerprint"] == cell.scores)
                & (results.frame["metric"] == "threshold")
                & (results.frame["method"] == cell.method)
            ]
            chosen = expit(logits.astype(np.float64)) >= rows["value"].to_numpy() - 1e-9
            labels = None
        wanted = metrics.precision_recall_fscore_support(truth, chosen, labels=labels, average="macro", zero_division=0)
        for heading, value in zip(("P", "R", "F1"), wanted[:3], strict=True):
            assert number(table, cell.method, cell.problem, heading).mean == pytest.approx(value)


def with_seeds(results, seeds, change):
    """The results as if each run had been made with several seeds, its values changed by change(method, seed)."""
    parts, cells, drawn = [], [], {}
    for seed in range(seeds):
        part = results.frame.copy()
        part["seed"] = seed
        part["value"] = part["value"] + [change(method, seed) for method in part["method"]]
        parts.append(part)
        for cell in results.plan.cells:
            scores = f"{cell.scores} {seed}"
            measurements = (replace(cell.measurements[0], fingerprint=scores), *cell.measurements[1:])
            cells.append(replace(cell, seed=seed, scores=scores, measurements=measurements))
            own = drawn[scores] = {}
            measure = results.plan.measures[cell.experiment]["scores"]
            for names in measure.stored_names(results.plan.suite.protocol).values():
                for name in names:
                    draws = results.draws(cell.scores, [name])
                    if draws is not None:
                        own[name] = draws + change(cell.method, seed)
    return replace(
        results, frame=pandas.concat(parts), plan=replace(results.plan, cells=cells), drawn=drawn.__getitem__
    )


def test_mean_and_spread_are_those_of_the_runs(results):
    table = score_table(with_seeds(results, 3, lambda method, seed: 0.1 * seed), "table1")
    single = score_table(results, "table1")
    one, many = (number(each, "Baseline I", "lesion", "F1") for each in (single, table))
    assert (one.runs, one.spread) == (1, None)
    assert many.runs == 3
    assert many.mean == pytest.approx(one.mean + 0.1)
    assert many.spread == pytest.approx(0.1)  # the sample standard deviation of 0, .1, .2


def test_bold_is_for_a_difference_beyond_doubt(results):
    assert not any(cell.best for _, cells in score_table(results, "table1").rows for cell in cells)
    noise = {0: 0.001, 1: -0.001, 2: 0.0}

    def clear(method, seed):
        return (2.0 if method == "RoS-KD" else 0.0) + (noise[seed] if method == "RoS-KD" else 0)

    table = score_table(with_seeds(results, 3, clear), "table1")
    assert [labels[0] for labels, cells in table.rows if any(cell.best for cell in cells)] == ["RoS-KD"]

    def unclear(method, seed):
        return (2.0 if method == "RoS-KD" else 0.0) + (5 * (seed - 1) if method == "RoS-KD" else 0)

    table = score_table(with_seeds(results, 3, unclear), "table1")
    assert not any(cell.best for _, cells in table.rows for cell in cells)


def test_differences_are_of_the_same_draws_and_widened_for_how_many_there_are(smoke, results):
    table = comparison_table(results, "table1")
    cells = {(cell.method, cell.problem): cell for cell in results.plan.cells}
    reference = cells["RoS-KD", "lesion"]
    own, p_values = {}, {}
    for method in {method for method, _ in cells} - {"RoS-KD"}:
        pair = [results.draws(cell.scores, ["f1-macro"]) for cell in (cells[method, "lesion"], reference)]
        own[method] = pair[0].astype(float) - pair[1].astype(float)
        p_values[method] = paired(0.0, own[method], 0.95).p
    order = sorted(p_values, key=p_values.get)
    seen = set()
    for labels, row in table.rows:
        shift = row[0]
        (method,) = labels
        values = [number(score_table(results, "table1"), each, "lesion", "F1").mean for each in (method, "RoS-KD")]
        assert shift.value == pytest.approx(values[0] - values[1])
        seen.add((shift.low, shift.high))
        shares = [0.05 / (7 - place) for place in range(order.index(method) + 1)]
        wanted = [np.quantile(own[method], [share / 2, 1 - share / 2]) for share in shares]
        assert any((shift.low, shift.high) == pytest.approx(tuple(each), abs=1e-6) for each in wanted)
    assert len(seen) > 1
    assert any("Row minus RoS-KD" in note for note in table.notes)
    assert any("One training each" in note for note in table.notes)
    assert any(note.startswith("No critical-difference diagram: 2 blocks") for note in table.notes)


@pytest.mark.parametrize("problems", [["lesion"], ["lesion", "cardio"]])
def test_ranks_over_noises_of_one_data_set_say_that_they_are_of_no_other(results, monkeypatch, problems):
    noises = [f"symmetric 0.{number}" for number in range(6)]
    index = pandas.MultiIndex.from_product([problems, noises], names=["problem", "noise"])
    blocks = pandas.DataFrame(np.arange(len(index) * 3).reshape(-1, 3), index, ["a", "b", "c"])
    monkeypatch.setattr(differences, "_blocks", lambda layout: blocks)
    said = [note for note in comparison_table(results, "table1").notes if "takes the noises of lesion" in note]
    assert len(said) == (len(problems) == 1)


def level(results):
    """The results as if every score, of every run and in every draw, were a half: nothing differs."""
    frame = results.frame.copy()
    frame["value"] = 0.5

    def drawn(scores):
        stored = results.plan.measures["table1"]["scores"].stored_names(results.plan.suite.protocol)
        names = {name for group in stored.values() for name in group}
        draws = {name: results.draws(scores, [name]) for name in names}
        noise = np.random.default_rng(0).normal(0, 0.01, max(len(each) for each in draws.values() if each is not None))
        return {name: np.full_like(each, 0.5) + noise[: len(each)] for name, each in draws.items() if each is not None}

    return replace(results, frame=frame, drawn=drawn)


def test_a_difference_is_sure_only_where_its_interval_leaves_zero_out(results):
    def clear(method, seed):
        moved = {"Baseline II": -0.4, "Baseline I": -0.01}.get(method, 0.0)
        varies = 0.1 * (-1) ** len(method) * (seed - 1)  # half of them one way, half the other
        return moved + (varies if method != "RoS-KD" and moved > -0.4 else 0.0)

    table = comparison_table(with_seeds(level(results), 3, clear), "table1")
    sure = {labels[0] for labels, cells in table.rows if cells[0].sure}
    assert sure == {"Baseline II"}
    marked = sum(cell.sure for _, cells in table.rows for cell in cells)
    assert markdown([table]).count("**") == 2 * marked
    assert latex([table]).count("\\textbf") == marked


def test_areas_by_class_are_compared_with_a_correction_for_all_classes_and_rows(smoke, results):
    made, store, _ = smoke
    suite = made.suite
    experiments = {"table1": suite.experiments["table1"].model_copy(update={"paper": "table3"})}
    planned = replace(results.plan, suite=suite.model_copy(update={"experiments": experiments}))
    seen = replace(results, plan=planned)
    areas, shifts = auc_table(seen, "table1"), auc_differences(seen, "table1")
    cells = {(cell.method, cell.problem): cell for cell in made.cells}

    def area(method, problem, label):
        job = made.jobs[cells[method, problem].scores]
        labels = Problem.load(store.path(job.inputs["pixels"])).labels
        test = store.open(job.inputs["split"]).arrays("split.npz")["test"]
        logits = store.open(job.inputs["predictions"]).arrays("predictions.npz")["test"]
        chances = special.softmax(logits.astype(float), 1) if labels.task == "single-label" else logits
        c = labels.classes.index(label)
        return metrics.roc_auc_score(labels.indicators[test][:, c], chances[:, c])

    p_values, sure = {}, {}
    for (method,), row in shifts.rows:
        for column, shift in zip(shifts.columns, row, strict=True):
            label, problem = column.metric, column.problem
            if shift is None:
                continue
            each = [area(name, problem, label) for name in (method, "RoS-KD")]
            shown = number(areas, method, problem, label)
            assert shown.mean == pytest.approx(each[0])
            assert shift.value == pytest.approx(each[0] - each[1])
            pair = [results.draws(cells[name, problem].scores, [f"auc|{label}"]) for name in (method, "RoS-KD")]
            draws = pair[0].astype(float) - pair[1].astype(float)
            p_values.setdefault(problem, []).append(paired(0.0, draws, 0.95).p)
            sure.setdefault(problem, []).append((shift.p, shift.sure))
    for problem, found in p_values.items():
        adjusted = stats.false_discovery_control(found)
        assert [p for p, _ in sure[problem]] == pytest.approx(list(adjusted))
        for (_, marked), p in zip(sure[problem], adjusted, strict=True):
            assert not marked or p <= 0.05
    assert set(p_values) == {"lesion", "cardio"}
    assert auc_differences(results, "table1") is None


def test_over_folds_differences_are_judged_by_the_corrected_t(results):
    made = with_seeds(results, 1, lambda method, seed: 0.0)
    shifts = {0: 0.02, 1: 0.05, 2: 0.03}
    cells, parts = [], []
    for fold, shift in shifts.items():
        part = made.frame.copy()
        part["fold"] = fold
        part["value"] += [shift if method == "Baseline I" else 0.0 for method in part["method"]]
        parts.append(part)
        cells += [replace(cell, fold=fold) for cell in made.plan.cells]
    suite = made.plan.suite
    experiments = {"table1": suite.experiments["table1"].model_copy(update={"folds": 3})}
    planned = replace(made.plan, cells=cells, suite=suite.model_copy(update={"experiments": experiments}))
    table = comparison_table(replace(made, frame=pandas.concat(parts), plan=planned), "table1")
    base = [number(score_table(results, "table1"), each, "lesion", "F1").mean for each in ("Baseline I", "RoS-KD")]
    each = [base[0] - base[1] + shift for shift in shifts.values()]
    shift = next(cells[0] for labels, cells in table.rows if labels == ["Baseline I"])
    validation = results.plan.suite.protocol.split.validation
    share = (1 / 3) / (1 - 1 / 3 - validation)
    jobs = [next(cell.scores for cell in results.plan.cells if (cell.method, cell.problem) == (method, "lesion"))
            for method in ("Baseline I", "RoS-KD")]  # fmt: skip
    one, other = (results.draws(job, ["f1-macro"]).astype(float) for job in jobs)
    least = np.var(one - other)  # of the test part alone, the same in each of these folds
    assert np.var(each, ddof=1) < least
    error = (least * (1 / 3 + share)) ** 0.5
    p = 2 * stats.t.sf(abs(np.mean(each)) / error, 2)
    assert shift.value == pytest.approx(np.mean(each))
    levels = [1 - 0.05 / (7 - place) for place in range(7)]
    reaches = [stats.t.ppf((1 + level) / 2, 2) * error for level in levels]
    assert any(shift.high - shift.low == pytest.approx(2 * reach) for reach in reaches)
    assert shift.p >= p - 1e-9
    assert any("the t over 3 folds, corrected" in note for note in table.notes)


@pytest.mark.parametrize("per_seed", [False, True])
def test_seeds_of_one_fold_count_once_and_those_of_other_partitions_each(results, per_seed):
    made = with_seeds(results, 1, lambda method, seed: 0.0)
    evidence = Evidence(made, "table1", [])
    evidence.folds = 3
    evidence._split = evidence._split.model_copy(update={"per_seed": per_seed})
    evidence._stack = lambda row, source: (sorted(thrice), np.zeros((9, 10)))
    thrice = {(fold, seed): 0.1 * fold + 0.01 * seed for fold in range(3) for seed in range(3)}
    zero = dict.fromkeys(thrice, 0.0)
    row, other = ("Baseline I", "lesion"), ("RoS-KD", "lesion")
    found = evidence.difference(row, other, thrice, zero, Source("scores", ("f1-macro",)))
    counted = [thrice[run] for run in sorted(thrice)] if per_seed else [0.1 * fold + 0.01 for fold in range(3)]
    assert found == pytest.approx(over_runs(counted, evidence.shared(row)).difference(0.95))


def test_two_folds_with_several_seeds_are_two_runs_which_say_nothing_of_methods(results):
    """However far a row is ahead, it is not bold."""
    made = with_seeds(results, 3, lambda method, seed: 0.5 if method == "Baseline I" else 0.001 * seed)

    def bold(results):
        table = score_table(results, "table1")
        return {labels[0] for labels, row in table.rows for cell in row if getattr(cell, "best", False)}

    assert bold(made) == {"Baseline I"}
    suite = made.plan.suite
    declared = suite.experiments["table1"].model_copy(update={"folds": 2, "seeds": [0, 1]})
    split = suite.protocol.split.model_copy(update={"per_seed": False})
    protocol = suite.protocol.model_copy(update={"split": split})
    suite = suite.model_copy(update={"experiments": {**suite.experiments, "table1": declared}, "protocol": protocol})
    folds = {(0, 0): (0, 0), (0, 1): (0, 1), (0, 2): (1, 0)}
    cells = [
        replace(cell, fold=folds[cell.fold, cell.seed][0], seed=folds[cell.fold, cell.seed][1])
        for cell in made.plan.cells
    ]
    frame = made.frame.copy()
    moved = [folds[fold, seed] for fold, seed in zip(frame["fold"], frame["seed"], strict=True)]
    frame["fold"], frame["seed"] = zip(*moved, strict=True)
    folded = replace(made, frame=frame, plan=replace(made.plan, cells=cells, suite=suite))
    assert bold(folded) == set()
    assert not any("Bold" in note for note in score_table(folded, "table1").notes)


def test_draws_of_the_seeds_of_one_fold_are_averaged_before_they_say_how_far_a_run_varies(results):
    made, random = with_seeds(results, 1, lambda method, seed: 0.0), np.random.default_rng(0)
    evidence, row = Evidence(made, "table1", []), ("Baseline I", "lesion")
    evidence.folds = 3
    evidence._split = evidence._split.model_copy(update={"per_seed": False})
    runs = {(fold, seed): 0.5 for fold in range(3) for seed in range(2)}
    draws = random.normal(0.5, 0.01, (6, 400))
    evidence._stack = lambda row, source: (sorted(runs), draws)
    low, high = evidence.interval(row, runs, Source("scores", ("f1-macro",)))
    least = draws.reshape(3, 2, 400).mean(1).var(1).mean()
    reach = stats.t.ppf(0.975, 2) * (least * (1 / 3 + evidence.shared(row))) ** 0.5
    assert (low, high) == pytest.approx((0.5 - reach, 0.5 + reach))


@pytest.mark.parametrize("what", ["own", "there", "lost"])
def test_images_that_all_runs_are_tested_on_move_their_mean_as_far_as_each(results, what):
    """Of a test on all of another problem, each run with a split of its own at home."""
    made, random = with_seeds(results, 5, lambda method, seed: 0.0), np.random.default_rng(1)
    evidence, row = Evidence(made, "table1", []), ("Baseline I", "lesion")
    evidence._split = evidence._split.model_copy(update={"per_seed": True})
    share = evidence._split.test / evidence._split.train
    values = {(0, seed): value for seed, value in enumerate([0.70, 0.72, 0.69, 0.73, 0.71])}
    own, common = random.normal(0, 0.02, (5, 2000)), random.normal(0, 0.03, 2000) + random.normal(0, 1e-3, (5, 2000))
    drawn = {("own",): 0.7 + own, ("there",): 0.7 + common, ("lost",): 0.7 + own - common}
    evidence._stack = lambda row, source: (sorted(values), drawn[source.names])
    sides = {"own": (("own",), ()), "there": ((), ("there",)), "lost": (("own",), ("there",))}[what]
    low, high = evidence.interval(row, values, Source("external", (what,), *sides, away_is_one=True))
    seen = np.var([*values.values()], ddof=1)
    fixed = 0.0 if what == "own" else common.mean(0).var()
    trained = seen / 5 if what == "there" else max(seen, own.var(1).mean()) * (1 / 5 + share)
    freedom = 4 * ((trained + fixed) / trained) ** 2
    wanted = stats.t.ppf(0.975, freedom) * (trained + fixed) ** 0.5
    assert (high - low) / 2 == pytest.approx(wanted, rel=0.05)


def test_a_row_does_not_compete_with_itself_at_another_overlap(results):
    made = with_seeds(results, 3, lambda method, seed: 0.5 if method == "Baseline I" else 0.001 * seed)
    cells = [replace(cell, overlap=overlap) for cell in made.plan.cells for overlap in (0.0, 0.4)]
    frame = pandas.concat([made.frame.assign(overlap=overlap) for overlap in (0.0, 0.4)])
    table = score_table(replace(made, frame=frame, plan=replace(made.plan, cells=cells)), "table1")
    c = next(i for i, column in enumerate(table.columns) if (column.problem, column.metric) == ("cardio", "f1"))
    assert {labels[0] for labels, row in table.rows if row[c].best} == {"Baseline I"}


@pytest.mark.slow
def test_titles_are_text_in_every_format(results, smoke, tmp_path):
    odd = "cost $a_$ [/b] a|b <i>"
    cells = [replace(cell, method=odd) if cell.method == "RoS-KD" else cell for cell in results.plan.cells]
    frame = results.frame.replace({"method": {"RoS-KD": odd}})
    made = replace(results, frame=frame, plan=replace(results.plan, cells=cells))
    assert draw_all(made, smoke[1], tmp_path, discover())
    table = Table("x", "t", ["method"], [TableColumn("lesion", odd, odd)], [([odd], [None])])
    with Console(width=200, file=io.StringIO(), record=True) as console:
        console.print(terminal_table(replace(table, rows=[([odd], [Estimate(0.5, None, 1)])])))
    assert odd in console.export_text()
    assert "<i>" not in markdown([table])


def test_one_run_has_an_interval_of_the_test_part(results):
    table = score_table(results, "table1")
    for cell in results.plan.cells:
        found = number(table, cell.method, cell.problem, "AUC")
        draws = results.draws(cell.scores, ["auc-macro"])
        assert (found.low, found.high) == pytest.approx(tuple(np.nanquantile(draws, [0.025, 0.975])), abs=1e-6)
    assert f"{plain_number(found.mean)} [{plain_number(found.low)}, {plain_number(found.high)}]" in markdown([table])


def test_the_papers_numbers_stand_beside(results):
    table = score_table(results, "table1", Paper(results))
    printed = [column for column in table.columns if column.source]
    assert len(printed) == 6
    c = table.columns.index(TableColumn("cardio", "f1", "F1", source="paper"))
    assert {labels[0]: cells[c] and cells[c].mean for labels, cells in table.rows} == {
        "Baseline I": 0.299,
        "Baseline II": 0.329,
        "Baseline III": 0.308,
        "Baseline IV": 0.307,
        "Baseline V": 0.334,
        "RoS-KD": 0.349,
        "Baseline III (subset)": None,
        "Deep ensemble": None,
    }
    assert any("not against each other" in note for note in table.notes)


def test_a_schedule_that_the_training_does_not_get_through_is_said(tmp_path):
    def notes(*settings):
        made = plan(read_suite("quick", settings), discover())
        return score_table(collect(made, Store.at(tmp_path / "store")), "table1").notes

    assert not any("milestones" in line for line in notes())
    short = ["protocol.epochs=12", "protocol.averaging_warmup=5"]
    said = "trainings end after 12 epochs, before the learning rate falls at 14."
    assert f"protocol.optimiser.milestones: {said}" in notes(*short)
    shown = command("plan", "quick", "--store", tmp_path / "store", *(each for one in short for each in ("--set", one)))
    assert said in " ".join(shown.stdout.split())


def test_a_report_says_by_what_protocol_and_where_it_is_not_the_bundled_one(tmp_path):
    def notes(*settings):
        made = plan(read_suite("quick", settings), discover())
        return score_table(collect(made, Store.at(tmp_path / "store")), "table1").notes

    images = "lesion: 2,200 images of 32 px; cardio: 2,200 images of 32 px"
    assert f"Protocol: 16 epochs in batches of 32; {images}." in notes()
    assert not any("bundled" in line for line in notes("experiments.table1.seeds=[5]"))
    toy = notes("protocol.epochs=9", "problems.cardio.samples=300", "protocol.averaging_warmup=5")
    changed = "problems.cardio.samples 300 (2200), protocol.epochs 9 (16), protocol.averaging_warmup 5 (10)"
    assert f"Not the bundled suite quick: {changed}." in toy


def test_headings_that_begin_alike_stay_apart_where_they_are_cut():
    labels = ["Pneumonia", "Pneumothorax", "Effusion", "Mass", "Nodule", "Edema", "Fibrosis", "Hernia"]
    columns = [TableColumn("cardio", "auc", label) for label in labels]
    screen = Console(width=100, file=io.StringIO())
    screen.print(terminal_table(Table("t", "t", ["method"], columns, [(["A"], [Estimate(0.5, None, 1)] * 8)])))
    heads = next(line for line in screen.file.getvalue().splitlines() if line.startswith("method")).split()[1:]
    assert heads == ["Pneumon", "Pneumot", "Effusio", "Mass", "Nodule", "Edema", "Fibrosi", "Hernia"]


@pytest.mark.parametrize("count", [1, 3, 5, 12])
def test_a_table_of_many_differences_shows_every_number_and_whose_it_is_in_eighty_columns(count):
    columns = [TableColumn("lesion", f"m{n}", f"Metric {n}") for n in range(count)]
    cells = {who: [Difference(0.1 + n / 100, -0.2, 0.3, 0.5) for n in range(count)] for who in ("Baseline III", "Mine")}
    screen = Console(file=io.StringIO(), width=80)
    screen.print(terminal_table(Table("t", "t", ["method"], columns, [([who], row) for who, row in cells.items()])))
    lines = screen.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for who in cells:
        shown = " ".join(line for line in lines if line.startswith(who))
        assert [f"+.{100 + 10 * n} [-.200, +.300]" in shown for n in range(count)] == [True] * count


def test_phantoms_are_called_phantoms(results):
    for text in (markdown([score_table(results, "table1")]), latex([score_table(results, "table1")])):
        assert "are phantoms: drawn images" in text


NASTY = Table(
    "x",
    r"50 % of $x_1$ & <b>{bold}</b> #1 \ ~^",
    ["method"],
    [TableColumn("le_sion", "f1", "F1"), TableColumn("le_sion", "f1", "F1", source="paper")],
    [
        (["τ=4 λ×Δ → é 中 ∞"], [None, None]),
        (["a|b_c & <script>"], [Estimate(0.5, 0.25, 2, True), None]),
        (["d"], ["diverged", Estimate(1.0, None, 1)]),
    ],
    ["100 % of $ and _"],
)


def test_markdown_says_what_it_should_and_escapes_the_rest():
    text = markdown([NASTY])
    assert "| a\\|b\\_c &amp; &lt;script&gt; | **.500** ± .250 | – |" in text
    assert "| d | diverged | 1.000 |" in text
    assert "<script>" not in text


def test_latex_says_what_it_should_and_escapes_the_rest():
    text = latex([NASTY])
    assert r"a|b\_c \& \textless{}script\textgreater{} & \textbf{.500}\,$\pm$\,.250 & -- \\" in text
    assert r"d & diverged & 1.000 \\" in text
    assert r"50 \% of \$x\_1\$ \& \textless{}b\textgreater{}\{bold\}" in text
    assert r"$\tau$=4 $\lambda$$\times$$\Delta$ $\rightarrow$ é ? $\infty$" in text
    assert r"\toprule" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_latex_compiles(results, tmp_path):
    tables = [score_table(results, "table1", Paper(results)), NASTY]
    (tmp_path / "tables.tex").write_text(latex(tables, standalone=True), "utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "tables.pdf").stat().st_size > 5000
    assert "Overfull" not in done.stdout


def test_csv_and_json_hold_full_precision(results):
    table = score_table(results, "table1")
    rows = list(csv.DictReader(io.StringIO(as_csv([table]))))
    assert len(rows) == 8 * 8
    first = rows[0]
    assert float(first["mean"]) == number(table, first["row"], first["problem"], first["metric"]).mean
    data = json.loads(as_json([], results))
    assert len(data["results"]) == len(results.frame)
    assert data["gaps"] == []
    undefined = results.frame["value"].isna().sum()
    assert sum(row["value"] is None for row in data["results"]) == undefined


def test_numbers_are_printed_as_in_the_paper():
    assert [plain_number(value) for value in (0.3494, 0.0, 1.0, 0.9999)] == [".349", ".000", "1.000", "1.000"]


def test_a_cell_without_numbers_says_so(smoke, tmp_path):
    made, store, _ = smoke
    import shutil as files

    from roskdbench.store import Store

    copy = tmp_path / "store"
    files.copytree(store.root, copy)
    cell = next(cell for cell in made.cells if cell.method == "RoS-KD" and cell.problem == "lesion")
    files.rmtree(Store(copy).path(cell.scores))
    table = score_table(collect(made, Store(copy)), "table1")
    assert number(table, "RoS-KD", "lesion", "F1") == "missing"
    assert "missing: 1 cell. it has not been run" in table.notes


@pytest.mark.slow
def test_a_report_folder_is_reproducible_to_the_byte(smoke, results, tmp_path):
    _, store, _ = smoke
    tables = [score_table(results, "table1", Paper(results))]
    for name in ("one", "two"):
        write_folder(results, tables, store, tmp_path / name, discover())
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(
        ["tables.md", "tables.tex", "tables.csv", "results.json"]
        + [
            f"{stem}.{ending}"
            for stem in ("examples-lesion", "examples-cardio", "table1-f1", "table1-training", "table1-weights")
            for ending in ("png", "pdf")
        ]
    )
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_a_method_has_one_colour_everywhere(smoke):
    made, *_ = smoke
    palette = colours(made)
    assert len(set(palette.values())) == 8 < len(PALETTE)


def test_makers_an_empty_store_are_none(smoke, tmp_path):
    from roskdbench.store import Store

    made, *_ = smoke
    empty = Store.at(tmp_path / "store")
    assert draw_all(collect(made, empty), empty, tmp_path / "figures", discover()) == []


def test_makers_names_with_dots_do_not_overwrite_each_other(tmp_path):
    from matplotlib.figure import Figure

    from roskdbench.report.figures.drawing import _save

    paths = {_save(Figure(), tmp_path / name) for name in ("examples-a.v1", "examples-a.v2")}
    assert {path.name for path in paths} == {"examples-a.v1.png", "examples-a.v2.png"}
    assert len(list(tmp_path.iterdir())) == 4


def test_results_of_some_experiments_are_only_theirs(results):
    from roskdbench.results import only

    assert only(results, []) is results
    assert only(results, ["table1"]).frame.equals(results.frame)
    assert json.loads(as_json([], only(results, ["table1"])))["run"]


@pytest.mark.parametrize(("title", "columns"), [("B", 4), ("Baseline III (subset)", 2), ("A very long title " * 2, 1)])
def test_a_legend_has_as_many_columns_as_its_figure_is_wide(title, columns):
    figure = Figure(figsize=(3.4, 2.9), layout="constrained")
    panel = figure.subplots()
    for number in range(8):
        panel.plot([0, 1], [0, number], label=f"{title} {number}")
    below(figure, 4)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert legend._ncols == columns
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width


@pytest.mark.parametrize(("low", "high", "said"), [(-0.2, 0.1, "[-.200, +.100]"), (-1.0, 0.99, "[-1.000, +.990]")])
def test_an_interval_stands_behind_its_difference(low, high, said):
    table = Table(
        "t", "t", ["method"], [TableColumn("lesion", "f1", "Δ F1")], [(["A"], [Difference(0.05, low, high, 1.0)])]
    )
    assert f"| A | +.050 {said} |" in markdown([table])
    assert f"+.050 {said}" in latex([table])
    screen = Console(width=100, file=io.StringIO())
    screen.print(terminal_table(table))
    assert f"+.050 {said}" in screen.file.getvalue()


@pytest.mark.parametrize("apart", [True, False], ids=["rows that sentences tell apart", "a sentence a row"])
def test_sentences_that_tell_rows_apart_stay_in_the_terminals_table(apart):
    attacks = ["hide-finding linf 2/255, finding Cardiomegaly, 20 steps", "worst of 3 by finding linf 2/255, and so on"]
    rows = [
        (["Baseline I" if apart else f"Baseline {n}", what], [Estimate(0.5, None, 1)]) for n, what in enumerate(attacks)
    ]
    columns = [TableColumn("p", "f1", "F1")]
    screen = Console(width=120, file=io.StringIO())
    screen.print(terminal_table(Table("t", "t", ["method", "attack"], columns, rows)))
    shown = screen.file.getvalue()
    assert ("· Baseline" in shown) != apart
    for what in attacks:
        assert what in " ".join(shown.split()) or (apart and all(word in shown for word in what.split()))


@pytest.mark.parametrize(
    ("title", "set_as"),
    [
        ("[ours] KD", "{}[ours] KD"),
        ("* ours", "{}* ours"),
        ("KD, τ≠1", "KD, $\\tau$$\\neq$1"),
        ("10⁵", "10$^{5}$"),
        ("10⁻⁴", "10$^{-}$$^{4}$"),
        ("x₂", "x$_{2}$"),
        ("Ł and ≢", "? and ?"),
    ],
)
def test_a_title_means_the_same_in_latex(title, set_as):
    table = Table("t", "T", ["method"], [TableColumn("lesion", "f1", "F1")], [([title], [Estimate(0.5, None, 1)])])
    assert f"\n{set_as} & .500 \\\\\n" in latex([table])


def test_a_p_that_stands_elsewhere_is_empty_in_csv():
    table = Table("t", "T", ["claim"], [TableColumn("", "effect", "effect")])
    table.rows = [(["a"], [Difference(0.1, 0.05, 0.2, math.nan)]), (["b"], [Difference(0.1, 0.05, 0.2, 0.01)])]
    rows = list(csv.DictReader(io.StringIO(as_csv([table]))))
    assert [(row["p"], row["best"]) for row in rows] == [("", "0"), ("0.01", "1")]

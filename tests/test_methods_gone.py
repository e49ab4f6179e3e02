"""A run with methods of one's own, read where these are not: all that tables need of them is in its record."""

import json
import shutil

import pytest
from conftest import command

from roskdbench.errors import UserError
from roskdbench.job import Job
from roskdbench.plan.written import ON_TRUST
from roskdbench.plugins import discover
from roskdbench.report.contents import contents_of
from roskdbench.report.formats.markdown import markdown
from roskdbench.results import find_run
from roskdbench.runs import planned_again, runs
from roskdbench.session import Session
from roskdbench.store import Store

OWN = """
from pathlib import Path

from roskdbench import Method, register

Path(__file__).with_name("it-ran").touch()


@register("doubled")
class Doubled(Method):
    '''Doubled: twice the loss.'''

    def loss(self, batch):
        return 2 * batch.hard_loss()
"""
SUITE = """
suite: own
extends: smoke
experiments: {table1: {methods: [doubled, baseline-i, ros-kd]}}
claims: {better: "doubled > baseline-i in f1 on lesion"}
"""


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A folder with a store, and the tables of its run while its method is there."""
    place = tmp_path_factory.mktemp("gone")
    (place / "mine").mkdir()
    (place / "mine" / "doubled.py").write_text(OWN)
    (place / "own.yaml").write_text(SUITE)
    results, progress = Session(str(place / "own.yaml"), place / "store", [place / "mine"]).run()
    assert progress.well
    text = markdown(contents_of(results).every)
    shutil.move(place / "mine", place / "away")
    (place / "away" / "it-ran").unlink()
    return place, results, text


def test_a_run_is_reported_without_the_methods_that_it_was_made_with(before):
    place, results, text = before
    again = find_run(None, Store(place / "store"), (), ())
    assert again.frame.equals(results.frame)
    assert again.plan.cells == results.plan.cells
    assert again.plan.jobs.keys() == results.plan.jobs.keys()
    said = markdown(contents_of(again).every)
    assert ON_TRUST in said and ON_TRUST not in text
    assert [line for line in said.splitlines() if ON_TRUST not in line] == text.splitlines()


@pytest.mark.parametrize(
    "words",
    [
        ["report"],
        ["report", "--format", "html", "--out", "PLACE/page"],
        ["claims"],
        ["store", "ls", "--models"],
        ["store", "gc", "--dry-run"],
        ["export", "doubled", "--problem", "lesion", "--seed", "0", "--to", "PLACE/exported"],
    ],
    ids=" ".join,
)
def test_every_reading_command_does(before, tmp_path, words):
    place, *_ = before
    done = command(*(word.replace("PLACE", str(tmp_path)) for word in words), "--store", place / "store")
    assert done.returncode == 0, done.stderr
    assert not (place / "away" / "it-ran").exists()
    if words[0] in ("report", "claims") and "html" not in words:
        assert "doubled > baseline-i" in done.stdout


def own_cell(plan):
    return next(cell for cell in plan["cells"] if cell["registered"] == "doubled")


def own_job(plan, kind):
    """A job that the row whose method is gone rests on."""
    jobs = {Job(**each).fingerprint: each for each in plan["jobs"]}
    waiting = [own_cell(plan)["scores"]]
    while waiting:
        job = jobs[waiting.pop()]
        if job["kind"] == kind:
            return job
        waiting += job["inputs"].values()
    raise AssertionError(kind)


LIES = {
    "a kind that is a path": lambda plan: plan["jobs"][0].update(kind="..os"),
    "no such kind": lambda plan: plan["jobs"][0].update(kind="surgery"),
    "another training": lambda plan: own_job(plan, "trajectory")["spec"].update(epochs=1),
    "scores of nothing": lambda plan: own_cell(plan).update(scores="0" * 64),
    "scores that are labels": lambda plan: own_cell(plan).update(scores=own_cell(plan)["labels"]),
    "labels that are scores": lambda plan: own_cell(plan).update(labels=own_cell(plan)["scores"]),
    "a job less": lambda plan: plan["jobs"].remove(own_job(plan, "trajectory")),
    "a cleared screen": lambda plan: own_cell(plan).update(method="\x1b[2J"),
    "another's name": lambda plan: own_cell(plan).update(method="RoS-KD"),
    "a long name": lambda plan: own_cell(plan).update(method="x" * 50_000),
    "a problem that there is not": lambda plan: own_cell(plan).update(problem="elsewhere"),
    "a seed that there is not": lambda plan: own_cell(plan).update(seed=7),
    "a cell twice": lambda plan: plan["cells"].append(own_cell(plan)),
    "a cost in words": lambda plan: plan["jobs"][0].update(cost="much"),
    "a cost of 400 digits": lambda plan: plan["jobs"][0].update(cost=10**400),
    "weights that are a number": lambda plan: plan["jobs"][0]["spec"].update(pretrained=5),
    "a member in words": lambda plan: own_cell(plan)["measurements"][0].update(member="x"),
    "a member of 400 digits": lambda plan: own_cell(plan)["measurements"][0].update(member=10**400),
    "a subject that is a list": lambda plan: own_cell(plan)["measurements"][0].update(subject=[]),
    "a measure that is none": lambda plan: own_cell(plan)["measurements"][0].update(measure="zzz"),
    "a measure that is a mapping": lambda plan: own_cell(plan)["measurements"][0].update(measure={}),
    "measured a thousand times": lambda plan: own_cell(plan).update(measurements=own_cell(plan)["measurements"] * 1000),
    "no measurements": lambda plan: own_cell(plan).update(measurements=[]),
    "points that are a mapping": lambda plan: own_cell(plan).update(points=[["x", {}]]),
    "points that are a number": lambda plan: own_cell(plan).update(points=[1]),
    "predictions without a reading": lambda plan: own_job(plan, "predictions").update(spec={}),
    "jobs that are lists": lambda plan: plan.update(jobs=[[]]),
    "no cells": lambda plan: plan.pop("cells"),
    "a plan that is a list": lambda plan: plan.update(jobs=3),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_record_that_does_not_hold_together_is_refused_in_a_line(before, tmp_path, lie):
    place, *_ = before
    (path,) = runs(Store(place / "store")).values()
    record = json.loads(path.read_text())
    LIES[lie](record["plan"])
    (tmp_path / path.name).write_text(json.dumps(record))
    with pytest.raises(UserError, match="does not hold together") as told:
        planned_again(tmp_path / path.name, discover())
    assert "\x1b" not in str(told.value) and len(str(told.value)) < 400


def test_what_a_record_says_of_rows_whose_methods_are_here_is_not_believed(before, tmp_path):
    """RoS-KD under Baseline I's scores, and the other way round."""
    place, results, _ = before
    (path,) = runs(Store(place / "store")).values()
    record = json.loads(path.read_text())
    cells = {(cell["method"], cell["problem"]): cell for cell in record["plan"]["cells"]}
    one, other = cells["RoS-KD", "lesion"], cells["Baseline I", "lesion"]
    for name in ("scores", "measurements"):
        one[name], other[name] = other[name], one[name]
    (tmp_path / path.name).write_text(json.dumps(record))
    assert planned_again(tmp_path / path.name, discover()).cells == results.plan.cells


def test_a_record_of_bundled_methods_alone_is_planned_again(smoke, tmp_path):
    made, store, _ = smoke
    (path,) = runs(store).values()
    record = {**json.loads(path.read_text()), "plan": {"jobs": [], "cells": []}}
    (tmp_path / path.name).write_text(json.dumps(record))
    assert planned_again(tmp_path / path.name, discover()).cells == made.cells
    (tmp_path / path.name).write_text(json.dumps({**record, "experiments": ["zzz"]}))
    with pytest.raises(UserError):
        planned_again(tmp_path / path.name, discover())


def test_a_board_goes_with_the_methods_of_its_rows(before, tmp_path):
    place, *_ = before
    done = command("leaderboard", "add", runs(Store(place / "store")).popitem()[0], "--to", tmp_path / "board",
                   "--store", place / "store")  # fmt: skip
    assert (done.returncode, "the methods of Doubled are not here" in done.stderr) == (2, True)

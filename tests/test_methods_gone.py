"""A run with methods of one's own, read where these are not: all that tables need of them is in its record."""

import json
import shutil

import pytest
from conftest import command

from roskdbench.errors import UserError
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


def wrong_kind(plan):
    plan["jobs"][0]["kind"] = "..os"


def no_such_kind(plan):
    plan["jobs"][0]["kind"] = "surgery"


def another_spec(plan):
    next(job for job in plan["jobs"] if job["kind"] == "trajectory")["spec"]["epochs"] = 1


def scores_of_nothing(plan):
    plan["cells"][0]["scores"] = "0" * 64


def a_job_less(plan):
    del plan["jobs"][0]


def a_cleared_screen(plan):
    plan["cells"][0]["method"] = "\x1b[2J"


def of_no_problem(plan):
    plan["cells"][0]["problem"] = "elsewhere"


def a_cost_in_words(plan):
    plan["jobs"][0]["cost"] = "much"


def a_list(plan):
    plan["jobs"] = [[]]


def no_cells(plan):
    del plan["cells"]


LIES = (
    wrong_kind,
    no_such_kind,
    another_spec,
    scores_of_nothing,
    a_job_less,
    a_cleared_screen,
    of_no_problem,
    a_cost_in_words,
    a_list,
    no_cells,
)


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_record_that_does_not_hold_together_is_refused_in_a_line(before, tmp_path, lie):
    place, *_ = before
    (path,) = runs(Store(place / "store")).values()
    record = json.loads(path.read_text())
    lie(record["plan"])
    (tmp_path / path.name).write_text(json.dumps(record))
    with pytest.raises(UserError, match="was made with plugins, and reading a store runs none") as told:
        planned_again(tmp_path / path.name, discover())
    assert "\x1b" not in str(told.value)

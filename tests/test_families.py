"""Methods in families: how they are listed, what a card says, and what stands beside rows of a table."""

import json
import re

import pytest
from conftest import ROOT, command

from roskdbench.artifact import RECORD
from roskdbench.method import make_method
from roskdbench.method.families import FAMILIES
from roskdbench.plugins import discover
from roskdbench.report.formats.markdown import markdown
from roskdbench.report.tables.scores import score_table
from roskdbench.results import collect
from roskdbench.runs import planned_again, runs

NAMES = [name for name, entry in discover().of("method").items() if entry.bundled]


def test_the_list_groups_every_method_by_family_and_says_teachers_and_passes():
    done = command("methods", COLUMNS="200")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    places = [lines.index(next(line for line in lines if line.strip() == family)) for family in FAMILIES]
    assert places == sorted(places)
    rows = {line.split()[0]: (number, line) for number, line in enumerate(lines) if line.split()}
    for name in NAMES:
        number, line = rows[name]
        method = make_method(discover(), name)
        family = FAMILIES[sum(place < number for place in places) - 1]
        assert family == type(method).listed_under()
        assert type(method).title() in line
    assert re.search(r"ros-kd-sam .* all, on subsets +2 +bundled", rows["ros-kd-sam"][1])
    assert "(several findings only)" in rows["mld"][1]
    assert "one, by gce" in rows["gce-teacher"][1]


def test_the_card_of_a_method_has_its_paper_formula_and_parameters():
    done = command("methods", "gce")
    assert done.returncode == 0
    for said in ("Zhang", "2018", "exponent", "0.7", "alone", "one label and several findings", "bundled"):
        assert said in done.stdout
    for nothing in ("alpha", "temperature", "weighting", "matching"):  # GCE goes by none of these
        assert not re.search(rf"^\s*{nothing} ", done.stdout, re.MULTILINE)
    asked = command("methods", "fitnet").stdout
    assert "teachers themselves, features, feature maps" in asked
    wrong = command("methods", "gec")
    assert wrong.returncode == 2
    assert wrong.stderr == "roskdbench: unknown method 'gec'; did you mean 'gce'?\n"


def test_the_readme_names_every_method():
    text = (ROOT / "README.md").read_text("utf-8")
    table = text.split("## The methods there are")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z0-9-]+)`", table.split("roskdbench run zoo")[0])) >= set(NAMES)


def test_the_zoo_has_every_method_of_the_registry():
    for suite in ("zoo", "zoo-small"):
        text = (ROOT / "suites" / f"{suite}.yaml").read_text("utf-8")
        assert "extends: zoo-small" in text or all(
            f"- {name}\n" in text or f"method: {name}\n" in text for name in NAMES
        )


@pytest.fixture
def measured(smoke, tmp_path):
    """The smoke suite's store, and its plan with a table that has something beside its rows."""
    _, store, _ = smoke
    record = json.loads(next(iter(runs(store).values())).read_text())
    record["suite"]["experiments"]["table1"]["beside"] = ["family", "cost", "seconds"]
    (tmp_path / "record.json").write_text(json.dumps(record))
    return store, planned_again(tmp_path / "record.json", discover())


def test_rows_are_grouped_by_family_with_their_cost_and_seconds(measured):
    store, planned = measured
    table = score_table(collect(planned, store), "table1")
    assert table.labels == ["method", "family", "mean cost", "mean seconds"]  # of both problems
    families = [labels[1] for labels, _ in table.rows]
    assert families == sorted(families, key=FAMILIES.index)
    rows = {labels[0]: labels for labels, _ in table.rows}
    assert rows["Baseline I"][1:3] == ["alone", "1"]
    assert float(rows["RoS-KD"][2]) > float(rows["Baseline II"][2]) > 1
    assert "Cost: passes of all trainings behind a row" in " ".join(table.notes)
    assert "| Baseline I | alone | 1 |" in markdown([table])


def test_seconds_are_those_of_the_trainings_and_banks_behind_a_row(measured):
    """Added up by hand from the records, each once."""
    store, planned = measured
    results = collect(planned, store)
    cell = next(cell for cell in planned.cells if cell.method == "Baseline III")
    waiting, seen, total = [cell.scores], set(), 0.0
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting.extend(planned.jobs[each].inputs.values())
            if planned.jobs[each].kind in ("teacher", "bank", "trajectory"):
                total += json.loads((store.path(each) / RECORD).read_text())["seconds"]
    assert results.seconds[cell.scores] == pytest.approx(total)

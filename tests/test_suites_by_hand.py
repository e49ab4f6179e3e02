"""Suites are begun, shown and checked from the command line."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, command

from roskdbench.cli.options import keys_of_suite
from roskdbench.suite import read_suite, suite_names


def test_a_new_suite_can_be_run_as_it_is_written(tmp_path):
    done = command("new", "suite", "my-suite", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = tmp_path / "suites" / "my-suite.yaml"
    assert done.stdout.splitlines() == [
        "wrote suites/my-suite.yaml",
        "Check it with: roskdbench suites check suites/my-suite.yaml",
    ]
    checked = command("suites", "check", "suites/my-suite.yaml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout == "my-suite can be run: 24 cells, 1 experiment, 42 trainings, 1 claim.\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "suites"]  # no store was made
    keys = set(yaml.safe_load(written.read_text()))
    assert {"suite", "title", "problems", "protocol", "experiments", "claims"} == keys
    again = command("new", "suite", "my-suite", cwd=tmp_path)
    assert (again.returncode, "is there already" in again.stderr) == (2, True)


@pytest.mark.parametrize("name", ["../out", "a/b", ".hidden", "a b"])
def test_a_name_that_is_none_is_one_line(name, tmp_path):
    done = command("new", "suite", name, cwd=tmp_path)
    assert done.returncode == 2
    assert "names no suite" in done.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("experiments.main.methods: [ros-kd]", "mine.yaml:1: "),
        ("suite: mine\nproblems: {a: {dataset: nothing}}", "mine.yaml:2: problems.a: unknown dataset"),
    ],
)
def test_a_suite_that_cannot_be_run_is_one_line_that_says_where(text, said, tmp_path):
    (tmp_path / "mine.yaml").write_text(text)
    done = command("suites", "check", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_check_says_what_looks_odd(tmp_path):
    done = command("suites", "check", "smoke", "--set", "protocol.optimiser.milestones=[2, 9]", cwd=tmp_path)
    assert done.returncode == 0
    assert "trainings end after 3 epochs, before the learning rate falls at 9" in done.stdout


def test_a_suite_is_shown_as_it_stands_in_its_file():
    done = command("suites", "show", "why-small")
    assert done.stdout == (ROOT / "suites" / "why-small.yaml").read_text()


@pytest.mark.parametrize("name", suite_names())
def test_what_full_shows_is_the_suite(name, tmp_path):
    """With all that it extends and every default, so that it reads back as what it was read from."""
    done = command("suites", "show", name, "--full")
    assert done.returncode == 0, done.stderr
    (tmp_path / "again.yaml").write_text(done.stdout)
    assert read_suite(str(tmp_path / "again.yaml")) == read_suite(name)


def test_settings_are_shown_in_full_only():
    done = command("suites", "show", "smoke", "--full", "--set", "protocol.epochs=77")
    assert yaml.safe_load(done.stdout)["protocol"]["epochs"] == 77
    assert command("suites", "show", "smoke", "--set", "protocol.epochs=77").returncode == 2


def test_hours_are_told_where_the_store_has_jobs(smoke):
    _, store, _ = smoke
    done = command("suites", "--store", store.root, COLUMNS=200)
    lines = {line.split()[0]: line.rstrip() for line in done.stdout.splitlines() if line.strip()}
    assert set(suite_names()) < set(lines)
    assert "hours of one core" in lines["suite"]
    assert lines["smoke"].endswith("under .1")
    assert float(lines["paper"].split()[-1].replace(",", "")) > 1000
    assert "hours of one" not in command("suites", "--store", store.root / "none").stdout


@pytest.mark.parametrize(("said", "seeds"), [(1, [0]), (5, [0, 1, 2, 3, 4]), ([3, 1], [3, 1])])
def test_seeds_may_be_counted(said, seeds):
    suite = read_suite("smoke", [f"experiments.table1.seeds={json.dumps(said)}"])
    assert suite.experiments["table1"].seeds == seeds
    assert suite == read_suite("smoke", [f"experiments.table1.seeds={json.dumps(seeds)}"])


@pytest.mark.parametrize("said", [0, -1, True, 10**9, 2.5, "five"])
def test_what_counts_no_seeds_is_an_error(said, tmp_path):
    done = command("suites", "check", "smoke", "--set", f"experiments.table1.seeds={json.dumps(said)}", cwd=tmp_path)
    assert done.returncode == 2
    assert "experiments.table1.seeds: give seeds such as [0, 1, 2], or how many there are" in done.stderr
    assert len(done.stderr.splitlines()) == 1


class _Line:
    def __init__(self, suite):
        self.params = {"suite": suite}


def test_the_shell_completes_settings_from_the_suite_on_the_line():
    found = keys_of_suite(_Line("paper"), "experiments.table3.")
    assert "experiments.table3.folds=" in found
    assert all(each.startswith("experiments.table3.") for each in found)
    assert keys_of_suite(_Line("no such suite"), "") == []
    for key in keys_of_suite(_Line("smoke"), "protocol.")[:5]:
        assert key.endswith("=")


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("protocol.optimiser.kind=", {"sgd", "adamw"}),
        ("protocol.optimiser.nesterov=t", {"true"}),
        ("protocol.epochs=", {"3"}),
        ("experiments.table1.seeds=", {"[0]"}),
        ("protocol.optimiser=", set()),  # a mapping
        ("protocol.nothing=", set()),
        ("nothing.at.all=", set()),
    ],
)
def test_the_shell_completes_what_a_setting_may_be_and_what_it_is(typed, values):
    found = keys_of_suite(_Line("smoke"), typed)
    assert set(found) == {f"{typed.partition('=')[0]}={value}" for value in values}
    for each in found:
        read_suite("smoke", [each])


@pytest.mark.parametrize(
    ("words", "place", "said"),
    [
        ("roskdbench run smoke --set protocol.precision =", 5, {"float32", "bf16", "auto"}),
        ("roskdbench run smoke --set protocol.precision = b", 6, {"bf16"}),
        ("roskdbench run smoke --set protocol.precision=b", 4, {"bf16"}),
        ("roskdbench plan smoke --set protocol.epochs =", 5, {"3"}),  # of the suite on the line
        ("roskdbench run smoke --set protocol.epochs = 5 --set protocol.optimiser.kind = a", 10, {"adamw"}),
        ("roskdbench rep", 1, {"report"}),
    ],
)
@pytest.mark.parametrize("between", [" ", "\n"])
def test_bash_takes_a_setting_for_three_words_and_is_given_the_last(words, place, said, between):
    """What stands before the sign stays on the line: bash puts the answer in place of what follows it."""
    asked = {"COMP_WORDS": words.replace(" ", between), "COMP_CWORD": place, "_ROSKDBENCH_COMPLETE": "complete_bash"}
    done = subprocess.run(
        [sys.executable, "-m", "roskdbench"],
        env={**os.environ, **{name: str(value) for name, value in asked.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(done.stdout.split()) == said, done.stderr

"""Patterns of strangers' suites end in time, and file names of strangers are no formulas."""

import csv
import re
import time

import pytest
from conftest import command

from roskdbench.data.column_or_path import LONGEST, may_take_for_ever


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(?:a|ab)*(c)",
        r"(?:[^/]+/)*x(\d+)",
        r"(?:a{1,40}){1,40}(b)",
        r"(?=(?:a+)+)(b)",
        r"(?:x(?:y+)?)*(z)",
        r"(?>a+)(?:(?:a*)*)(b)",
    ],
)
def test_a_pattern_that_may_take_for_ever_is_one_line(pattern, tmp_path):
    problem = f"{{dataset: folder, root: ., csv: labels.csv, labels: [a], size: 28, group: {{path: '{pattern}'}}}}"
    (tmp_path / "mine.yaml").write_text(f"suite: mine\nproblems:\n  mine: {problem}\n")
    started = time.monotonic()
    done = command("suites", "check", tmp_path / "mine.yaml")
    assert done.returncode == 2
    assert "may take for ever" in done.stderr
    assert done.stderr.count("\n") == 1
    assert time.monotonic() - started < 30


def test_a_pattern_may_be_long_but_not_endless(tmp_path):
    problem = f"{{dataset: folder, root: ., csv: l.csv, labels: [a], group: {{path: '({'a' * LONGEST})'}}}}"
    (tmp_path / "mine.yaml").write_text(f"suite: mine\nproblems:\n  mine: {problem}\n")
    done = command("suites", "check", tmp_path / "mine.yaml")
    assert done.returncode == 2
    assert f"{LONGEST} are the most" in done.stderr


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        (r"patient(\d+)", "train/patient00012/study1/view1.jpg", "00012"),
        (r"(?:train|test)/(p\d+)_", "test/p7_3.png", "p7"),
        (r"^(?:.*/)?s(\d+)/[^/]+$", "files/p10/p1/s500/a.jpg", "500"),
        (r"(\d{1,3}-){1,3}x", "10-2-x", "2-"),
    ],
)
def test_patterns_that_people_write_are_taken(pattern, path, found):
    assert not may_take_for_ever(pattern)
    assert re.search(pattern, path)[1] == found


def test_a_file_name_is_no_formula_in_the_list_of_unreadable_images(tmp_path):
    rows = [("=cmd|calc.png", 0), ("+1.png", 1), ("@b.png", 1)] + [
        (f"i{number}.png", number % 2) for number in range(9)
    ]
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "a"), *rows])
    for name, _ in rows:
        (tmp_path / name).write_bytes(b"no image")
    problem = "{dataset: folder, root: ., csv: labels.csv, labels: [a], size: 28}"
    (tmp_path / "mine.yaml").write_text(
        f"suite: mine\nproblems:\n  mine: {problem}\nexperiments:\n  main: {{methods: [baseline-i], "
        "students: [{model: resnet18}]}\n"
    )
    done = command("data", "prepare", tmp_path / "mine.yaml", "--store", tmp_path / "store")
    assert done.returncode == 2, done.stdout
    (listed,) = (tmp_path / "store" / "data").glob("unreadable-*.csv")
    with listed.open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'=cmd|calc.png" in cells
    assert not [cell for cell in cells if cell[:1] in "=+-@"]

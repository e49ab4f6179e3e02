"""The script that does all that a GPU is needed for works where there is none, and keeps what it has."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

PARTS = "steps,profile"


def done(folder, *options):
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "gpu.py", "--pretend", "--out", folder, "--parts", PARTS, *options],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_it_measures_writes_down_and_does_nothing_twice(tmp_path):
    first = done(tmp_path)
    assert first.stdout.splitlines() == ["steps: done", "profile: done"], first.stdout + first.stderr
    steps = json.loads((tmp_path / "steps.json").read_text())
    assert len(steps["lines"]) == 2
    for line in steps["lines"]:
        speed = line["images/s"]
        assert line["ours over timm"] == pytest.approx(speed["ours"] / speed["timm"])
        assert (line["share of the peak"] is None) == (line["teachers"] == 5)
    assert "convolution" in (tmp_path / "profile-28.txt").read_text()
    assert json.loads((tmp_path / "profile-28.trace.json").read_text())["traceEvents"]
    page = (tmp_path / "README.md").read_text()
    assert page.startswith("# A GPU that is only pretended")
    assert "## steps: done" in page
    before = (tmp_path / "steps.json").stat().st_mtime_ns
    assert done(tmp_path).stdout.splitlines() == ["steps: done before", "profile: done before"]
    assert (tmp_path / "steps.json").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_part_of_the_paper_says_what_it_took_and_not_more_than_it_can(tmp_path):
    ended = done(tmp_path, "--parts", "paper")
    assert ended.stdout.splitlines() == ["paper: done"], ended.stdout + ended.stderr
    found = json.loads((tmp_path / "paper.json").read_text())
    assert found["seconds of the part"] > 0
    assert found["hours"] == "too little was computed to tell" or found["hours"]["all of it"] > 0


def test_a_part_that_nobody_knows_is_said(tmp_path):
    ended = done(tmp_path, "--parts", "nope")
    assert ended.returncode == 1
    assert "no part nope; there are: tests, quick, steps" in ended.stderr


def test_a_part_whose_time_is_out_leaves_nothing_running(tmp_path):
    done(tmp_path, "--parts", "quick", "--minutes", "0.1")
    limit = time.monotonic() + 20  # what is killed may take a moment to be gone; what was left would go on for minutes
    while (left := _running(tmp_path)) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not left


def _running(folder):
    return [each for each in Path("/proc").glob("[0-9]*/cmdline") if str(folder).encode() in _line(each)]


def _line(path):
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


def test_where_time_runs_out_it_says_so(tmp_path):
    ended = done(tmp_path, "--minutes", "0.02")
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[0] == "steps: stopped after 1 s"
    assert not (tmp_path / "steps.json").exists()


def test_without_a_gpu_it_does_not_take_the_cpu_for_one(tmp_path):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    ended = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "gpu.py", "--out", tmp_path], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "torch sees no GPU here" in ended.stderr

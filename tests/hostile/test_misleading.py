"""What used to mislead: names that meant something else, hints that led nowhere, and files that only their maker could
read.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, command

from roskdbench.errors import nearest
from roskdbench.report.table import Estimate, Table, TableColumn
from roskdbench.runs import runs
from roskdbench.store import Store
from roskdbench.suite import find_suite


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("baseline-1", ["baseline-i", "baseline-ii", "baseline-v"], "did you mean 'baseline-i'?"),
        ("baseline-4", ["baseline-i", "baseline-iv", "baseline-v"], "did you mean 'baseline-iv'?"),
        ("No Finding", ["No Finding", "Mass"], "known: Mass, No Finding"),
        ("Quick", ["quick", "paper"], "did you mean 'quick'?"),
        ("x", [f"m{n:03}" for n in range(30)], "known: " + ", ".join(f"m{n:03}" for n in range(20)) + " and 10 more"),
    ],
)
def test_what_is_suggested_is_another_word_that_is_near(word, known, said):
    assert nearest(word, known) == said


def test_a_bundled_suite_is_no_file_that_is_not_there(tmp_path):
    done = command("plan", "smoke.yaml", "--store", tmp_path / "store", cwd=tmp_path)
    assert done.returncode == 2
    assert (
        done.stderr.strip() == "roskdbench: there is no file smoke.yaml; the suite that comes along is called 'smoke'"
    )
    assert find_suite("smoke").name == find_suite("suites/smoke.yaml").name == "smoke.yaml"


def test_an_address_is_refused_when_it_is_planned(tiny, tmp_path):
    done = command("plan", tiny, "--set", "experiments.main.students=[hf-hub:timm/resnet18]", "--store", tmp_path / "s")
    assert done.returncode == 2 and "nothing is downloaded" in done.stderr


def test_a_bundled_board_is_found_by_its_name_anywhere(tmp_path):
    done = command("leaderboard", "verify", "nowhere", cwd=tmp_path)
    assert done.returncode == 2
    found = command("leaderboard", "merge", "pneumonia", "pneumonia", "--to", tmp_path / "merged", cwd=tmp_path)
    assert "there is no folder" not in found.stderr
    assert (ROOT / "leaderboards" / "pneumonia").is_dir()


def test_a_suite_of_ones_own_is_reported_by_its_name(smoke, tmp_path):
    _, original, _ = smoke
    shutil.copytree(original.root, tmp_path / "store")
    (path,) = runs(Store(tmp_path / "store")).values()
    record = json.loads(path.read_text())
    record["suite"]["suite"] = "derm"
    path.with_name("derm-01234567.json").write_text(json.dumps(record))
    done = command("report", "derm", "--store", tmp_path / "store")
    assert done.returncode == 0, done.stderr
    assert "Baseline I" in done.stdout


def test_whoever_may_read_one_file_of_an_artifact_may_read_all(smoke):
    made, store, _ = smoke
    modes = {path.stat().st_mode & 0o777 for each in made.jobs for path in store.path(each).iterdir()}
    assert len(modes) == 1


def test_the_terminal_has_the_intervals_that_pages_have():
    from io import StringIO

    from roskdbench.report.screen import Screen
    from roskdbench.report.terminal import terminal_table

    column = TableColumn("lesion", "f1", "F1")
    table = Table("t", "A table", ["method"], [column], [(["A"], [Estimate(0.5, None, 1, low=0.4, high=0.6)])])
    out = StringIO()
    Screen(file=out, width=100).print(terminal_table(table))
    assert ".500 [.400, .600]" in out.getvalue()


def test_a_terminal_shows_control_characters_and_does_not_obey_them():
    from io import StringIO

    from roskdbench.report.screen import Screen
    from roskdbench.report.terminal import terminal_table

    table = Table("t", "ok\x1b[2J\x1b]0;x\x07", ["method\r"], [], [(["A\x1b[1A\u202e"], [])], ["note\x9b2J"])
    out = StringIO()
    Screen(file=out, width=100).print(terminal_table(table))
    assert not set("\x1b\x07\r\x9b\u202e") & set(out.getvalue())
    assert "␛[2J" in out.getvalue()


def run_plainly(*words, cwd, **options):
    call = [sys.executable, "-m", "roskdbench", *map(str, words)]
    return subprocess.run(call, cwd=cwd, text=True, check=False, **options)


def test_a_terminal_without_our_letters_and_one_that_is_full(smoke, tmp_path):
    _, store, _ = smoke
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = run_plainly("report", "--store", store.root, cwd=tmp_path, env=plain, capture_output=True)
    assert done.returncode == 0 and "Baseline I" in done.stdout, done.stderr
    with Path("/dev/full").open("w") as full:
        done = run_plainly("suites", cwd=tmp_path, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, "roskdbench: the system: no space left on device\n")


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "n" * 5000],
        ["plan", "a\udcff"],
        ["plan", "/dev/zero"],
        ["plan", "."],
        ["report", "~nosuchuser", "--store", "STORE"],
        ["report", "--store", "FILE"],
        ["run", "smoke", "--store", "FILE"],
        ["run", "smoke", "--data", "lesion=~nosuchuser/x", "--store", "STORE"],
        ["data", "check", "smoke", "--data", "x"],
        ["attack", "FILE", "--problem", "lesion", "--store", "STORE"],
        ["leaderboard", "verify", "FILE"],
        ["leaderboard", "verify", "n" * 5000],
        ["store", "verify", "--store", "FILE"],
    ],
    ids=lambda words: " ".join(words)[:60],
)
def test_arguments_that_mean_nothing_are_one_line(smoke, tmp_path, words):
    _, store, _ = smoke
    (tmp_path / "file").write_text("nothing")
    told = [{"STORE": store.root, "FILE": tmp_path / "file"}.get(word, word) for word in words]
    done = command(*told, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("roskdbench: ") and len(done.stderr.splitlines()) == 1, done.stderr


def every_command(named, group):
    """The words of each command, from the parser itself."""
    for name, each in group.commands.items():
        yield (*named, name)
        if hasattr(each, "commands"):
            yield from every_command((*named, name), each)


def test_help_says_of_no_switch_that_it_is_a_bool():
    from typer.main import get_command
    from typer.testing import CliRunner

    from roskdbench.cli import app

    words = list(every_command((), get_command(app)))
    assert len(words) > 40
    for each in [(), *words]:
        done = CliRunner().invoke(app, [*each, "--help"])
        assert done.exit_code == 0, each
        assert "--help" in done.output
        assert "bool" not in done.output, each


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--nope"), "no such option: --nope (Possible options: --store); see: roskdbench run --help"),
        (("run",), "missing argument 'suite'; see: roskdbench run --help"),
        (("run", "quick", "--workers", "x"), "invalid value for '--workers'"),
        (("run", "quick", "--workers", "0"), "invalid value for '--workers'"),
        (("store", "gc", "--keep"), "option '--keep' requires an argument; see: roskdbench"),
        (("leaderboard", "verify"), "missing argument 'BOARD'; see: roskdbench leaderboard verify --help"),
        (("store", "ls", "a", "b"), "got unexpected extra argument(s) (b); see: roskdbench store ls --help"),
        (("nothing",), "no such command 'nothing'; see: roskdbench --help"),
    ],
)
def test_what_the_parser_refuses_is_one_line(words, said):
    done = command(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"roskdbench: {said}")
    assert done.stderr.count("\n") == 1


def test_a_run_whose_reader_went_away_is_not_done(tmp_path):
    line = " ".join([shlex.quote(sys.executable), "-m", "roskdbench", "run", "smoke", "--store", str(tmp_path / "s")])
    piped = f"{line} | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "roskdbench: nobody reads its output any more; the same command goes on from here\n"


@pytest.mark.parametrize("words", [("methods",), ("schema",), ("suites", "show", "paper", "--full")])
def test_a_reader_who_has_seen_enough_is_no_failure(words):
    line = " ".join([shlex.quote(sys.executable), "-m", "roskdbench", *words])
    piped = f"{line} | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

"""The command line: quick to start, kind in its errors, honest in its exit codes."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, TINY, command

from roskdbench.suite import suite_names

HEAVY = "{'torch', 'timm', 'torchvision', 'sklearn'}"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The tiny suite as a user runs it: its file, its store, and what was printed."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(TINY)
    done = command("run", "tiny.yaml", "--store", "store", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_a_run_prints_its_table_and_where_to_go_next(finished):
    _, done = finished
    assert "A tiny table" in done.stdout
    assert "RoS-KD" in done.stdout
    assert "More: roskdbench report tiny-" in done.stdout
    assert "done: baseline-v A on lesion" in done.stdout


def test_a_table_of_one_machine_does_not_speak_of_several(finished):
    assert "different libraries or devices" not in finished[1].stdout
    assert "Training labels of lesion, own noise at 0.3:" in finished[1].stdout


def test_a_second_run_has_nothing_to_do(finished):
    folder, _ = finished
    done = command("run", "tiny.yaml", "--store", "store", cwd=folder)
    assert done.returncode == 0
    assert "Nothing to do" in done.stdout
    assert "RoS-KD" in done.stdout


@pytest.mark.parametrize("form", ["table", "latex", "markdown", "csv", "json"])
@pytest.mark.parametrize("what", [[], ["tiny.yaml"]])
def test_reports_come_in_every_format(finished, form, what):
    folder, _ = finished
    done = command("report", *what, "--store", "store", "--format", form, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "RoS-KD" in done.stdout
    marks = {"table": "AUC", "latex": "\\toprule", "markdown": "| --- |", "csv": "table,row,", "json": '"run": "tiny-'}
    assert marks[form] in done.stdout


def test_a_report_names_the_files_it_writes(finished, tmp_path):
    folder, _ = finished
    done = command("report", "--store", "store", "--out", tmp_path / "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    written = [line.removeprefix("wrote ") for line in done.stderr.splitlines() if line.startswith("wrote ")]
    assert len(written) == len(list((tmp_path / "out").glob("*.png"))) + 4  # tables in four formats
    assert all(Path(path).stat().st_size > 100 for path in written)


def test_a_plan_says_where_it_guesses_how_many_images_there_are(tiny, tmp_path):
    tiny.write_text(tiny.read_text().replace("{dataset: phantom-lesion, size: 28, samples: 128}", "{dataset: isic2019}")
                    .replace("noise: [own]", "noise: [none]"))  # fmt: skip
    done = command("plan", tiny, "--store", tmp_path / "store")
    assert "Until its data have been run, a guess: lesion 25,331 images." in done.stdout, done.stderr
    assert "a guess" not in command("plan", "quick", "--store", tmp_path / "store").stdout


def test_a_dry_run_computes_nothing(tiny, tmp_path):
    done = command("run", tiny, "--store", tmp_path / "store", "--dry-run")
    assert done.returncode == 0
    assert "trajectory" in done.stdout
    assert not (tmp_path / "store").exists()


def test_a_plan_shows_what_sharing_saves(tiny, tmp_path):
    done = command("plan", tiny, "--store", tmp_path / "store")
    assert done.returncode == 0
    assert "4 networks are trained; a script per method and cell would train 7 (1.8 times as many)." in done.stdout


def test_the_plan_of_the_paper_needs_no_data():
    done = command("plan", "paper")
    assert done.returncode == 0
    assert "landscape" in done.stdout


GOOD = yaml.safe_load(TINY)
MISTAKES = {
    "an unknown suite": (["run", "nope"], "no suite 'nope'"),
    "an unknown method": (
        ["run", "tiny.yaml", "--set", "experiments.main.methods=[ros-dk]"],
        "=[ros-dk]: experiment 'main': unknown method 'ros-dk'; did you mean 'ros-kd'?",
    ),
    "an unknown parameter": (
        ["plan", "typo.yaml"],
        "typo.yaml:18: experiment 'main': method 'ros-kd': unknown parameter",
    ),
    "an unknown setting of a part": (
        [
            "plan",
            "tiny.yaml",
            "--set",
            "experiments.main.methods.2={method: ros-kd, weighting: {kind: one-hot, pre: 1}}",
        ],
        "method 'ros-kd': weighting: one-hot has no setting 'pre'; did you mean 'per'?",
    ),
    "an unknown key": (["run", "tiny.yaml", "--set", "protocol.epocs=3"], "did you mean 'epochs'?"),
    "an unknown dataset": (
        ["run", "tiny.yaml", "--set", "problems.lesion.dataset=phantom-lesio"],
        "unknown dataset 'phantom-lesio'; did you mean 'phantom-lesion'?",
    ),
    "an unknown experiment": (["run", "tiny.yaml", "--only", "mian"], "did you mean 'main'?"),
    "no root": (["run", "paper"], "problem 'lesion' needs its data (training input, ground truth and metadata from"),
    "a root that is not there": (
        ["run", "paper", "--set", "problems.lesion.root=/no/such/folder"],
        "problem 'lesion': there is no folder /no/such/folder; to get the data: training input, ground truth",
    ),
    "noise of a kind that is not known": (
        ["run", "tiny.yaml", "--set", "experiments.main.noise=[{kind: symetric, rate: 0.2}]"],
        "unknown kind 'symetric'; did you mean 'symmetric'?",
    ),
    "noise without a rate": (
        ["run", "tiny.yaml", "--set", "experiments.main.noise=[{kind: pair}]"],
        "the key 'rate' is missing in experiments.main.noise.0",
    ),
    "noise that the problem cannot have": (
        ["run", "tiny.yaml", "--set", "experiments.main.noise=[{kind: report, preset: light}]"],
        "experiment 'main': problem 'lesion' is single-label; report noise is for multi-label problems",
    ),
    "a confusion matrix of other classes": (
        [
            "run",
            "tiny.yaml",
            "--set",
            "experiments.main.noise=[{kind: confusion, matrix: {rows: [[1, 0], [0, 1]]}}]",
        ],
        "experiment 'main', problem 'lesion': a confusion matrix of 2 classes for a problem of 8",
    ),
    "a step of augmentation that is not known": (
        ["run", "tiny.yaml", "--set", "protocol.augmentation=[flip, {view: rotate}]"],
        "unknown view 'rotate'; did you mean 'rotation'?",
    ),
    "an augmentation that is not known": (
        ["run", "tiny.yaml", "--set", "protocol.augmentation=heavy"],
        "protocol.augmentation: a preset (none, light, paper) or a list of steps (it is 'heavy')",
    ),
    "not YAML": (["run", "bad.yaml"], "bad.yaml:1: not YAML"),
    "a negative number of epochs": (
        ["run", "tiny.yaml", "--set", "protocol.epochs=-3"],
        "protocol.epochs: input should be greater than 0 (it is -3)",
    ),
    "an overlap above 1": (
        ["run", "tiny.yaml", "--set", "experiments.main.overlap=[1.5]"],
        "input should be less than or equal to 1 (it is 1.5)",
    ),
    "an unwritable store": (
        ["run", "tiny.yaml", "--store", "bad.yaml/store"],
        "cannot write to the store bad.yaml/store",
    ),
    "no store to report from": (["report", "--store", "nowhere"], "there is no store at nowhere"),
    "a suite that was not run": (["report", "tiny.yaml", "--store", "store"], "nothing of the suite 'tiny.yaml'"),
    "an unknown run": (["report", "tiny-00000000", "--store", "store"], "no suite 'tiny-00000000'"),
    "no folder of methods": (["methods", "--methods", "nowhere"], "no folder of plugins at nowhere"),
    "a report folder that is a file": (
        ["report", "--store", "FINISHED", "--out", "bad.yaml"],
        "cannot write to bad.yaml",
    ),
    "a name that cannot be a method's": (
        ["new", "method", "My Method"],
        "'My Method' names no new method",
    ),
    "a store that a variable did not name": (["run", "quick", "--store", ""], "nothing follows --store: an empty word"),
    "nothing after a sign": (["report", "--store="], "nothing follows --store="),
    "no suite": (["run", ""], "nothing follows roskdbench run"),
    "a method to check that is not there": (["check", "ros"], "nothing is registered as 'ros'; did you mean 'ros-kd'?"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_users_mistake_is_one_clear_line(mistake, tmp_path, finished):
    arguments, said = MISTAKES[mistake]
    arguments = [str(finished[0] / "store") if each == "FINISHED" else each for each in arguments]
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "typo.yaml").write_text(TINY.replace("ros-kd]", "{method: ros-kd, temprature: 1}]"))
    (tmp_path / "bad.yaml").write_text("[: this is {not yaml\n")
    (tmp_path / "store").mkdir()
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("roskdbench: ")
    assert said in lines[0]
    assert done.stdout == ""


def test_a_broken_method_file_is_named_and_the_rest_goes_on(tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_like_this\n")
    done = command("methods", "--methods", tmp_path)
    assert done.returncode == 0
    assert "broken.py: ModuleNotFoundError: No module named 'nothing_like_this'" in done.stdout
    assert "ros-kd" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["methods"], ["suites"], ["plan", "quick"], ["schema"], ["report"]])
def test_the_command_line_starts_without_torch(arguments, finished):
    folder, _ = finished
    code = (
        "import sys; sys.argv = ['roskdbench', *sys.argv[1:]]\n"
        "from roskdbench.cli import app\n"
        "try: app()\n"
        f"except SystemExit: pass\nassert not {HEAVY} & set(sys.modules), {HEAVY} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "ROSKDBENCH_STORE": "store"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_help_imports_little_more_than_typer():
    code = "import sys; from roskdbench.cli import app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "typer" in loaded
    assert not {"numpy", "pandas", "yaml", "scipy", "matplotlib"} & loaded


def test_the_schema_describes_every_key():
    schema = json.loads(command("schema").stdout)
    assert set(schema["properties"]) == {"suite", "title", "problems", "protocol", "experiments", "claims", "extends"}
    assert schema["additionalProperties"] is False
    average = schema["$defs"]["Protocol"]["properties"]["average"]
    assert average["description"].startswith("How precision, recall and F1 are averaged")


@pytest.mark.slow
def test_a_new_method_starts_with_a_file_and_a_test_that_passes(tmp_path):
    done = command("new", "method", "my-idea", "--in", tmp_path)
    assert done.returncode == 0, done.stderr
    assert command("new", "method", "my-idea", "--in", tmp_path).returncode == 2
    checked = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(tmp_path), "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert "1 passed" in checked.stdout
    listed = command("methods", "--methods", tmp_path)
    assert "my-idea" in listed.stdout
    assert "left out" not in listed.stdout


def test_a_wheel_brings_methods_and_suites_with_it(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    wheel = next(tmp_path.glob("*.whl"))
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    done = command("suites", cwd=tmp_path, PYTHONPATH=str(tmp_path / "installed"))
    assert all(name in done.stdout for name in suite_names()), done.stdout + done.stderr
    done = command("plan", "quick", cwd=tmp_path, PYTHONPATH=str(tmp_path / "installed"))
    assert done.returncode == 0, done.stderr
    where = subprocess.run(
        [sys.executable, "-c", "from roskdbench.bundled import bundled; print(bundled('methods'))"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.strip() == str(tmp_path / "installed" / "roskdbench" / "content" / "methods")


def test_torchattacks_is_the_version_whose_behaviour_we_build_on():
    from importlib.metadata import version

    assert version("torchattacks") == "3.5.1"
    assert version("loss-landscapes") == "3.0.6"


def test_standalone_is_for_latex(smoke):
    done = command("report", "--standalone", "--store", smoke[1].root)
    assert (done.returncode, done.stderr.strip()) == (2, "roskdbench: --standalone is for --format latex")


def test_the_schema_knows_the_short_forms():
    """An editor must not mark `methods: [ros-kd]`, `students: [resnet18]` or `measures: [scores]`."""
    definitions = json.loads(command("schema").stdout)["$defs"]
    axes = definitions["Experiment"]["properties"]
    for axis in ("methods", "students"):
        assert {"type": "string"} in axes[axis]["items"]["anyOf"]
    assert axes["measures"]["items"]["$ref"] == "#/$defs/measure"
    for family, name in (("measure", "scores"), ("attack", "pgd"), ("dataset", "isic2019")):
        text, *choices = definitions[family]["anyOf"]
        assert text["type"] == "string"
        assert {"const": name} in [each["properties"][family] for each in choices]
        assert all(family in each["required"] for each in choices)
    assert {"type": "string"} in definitions["Protocol"]["properties"]["teachers"]["items"]["anyOf"]


def test_a_run_is_reported_as_it_was_made(finished):
    folder, done = finished
    name = done.stdout.partition("More: roskdbench report ")[2].split()[0]
    assert command("report", name, "--store", "store", cwd=folder).returncode == 0
    refused = command("report", name, "--store", "store", "--set", "protocol.epochs=9", cwd=folder)
    assert refused.returncode == 2
    assert "a run knows its settings; --set is for a suite's name or file" in refused.stderr
    with_formats = command("report", name, "--store", "store", "--plugins", ".", cwd=folder)
    assert (with_formats.returncode, with_formats.stdout) == (
        0,
        command("report", name, "--store", "store", cwd=folder).stdout,
    )
    unknown = command("report", name, "--store", "store", "--only", "mian", cwd=folder)
    assert "the run has no experiment 'mian'; did you mean 'main'?" in unknown.stderr


def test_a_record_that_cannot_be_read_is_named(finished, tmp_path):
    import shutil

    folder, _ = finished
    shutil.copytree(folder / "store", tmp_path / "store")
    record = next((tmp_path / "store" / "runs").glob("*.json"))
    whole = record.read_text()
    record.write_text(whole[:-20])
    assert (
        "cannot be read; delete it and run the suite again" in command("report", "--store", tmp_path / "store").stderr
    )
    record.write_text(whole.replace('"epochs"', '"epocs"'))
    assert "made by another version of roskdbench" in command("report", "--store", tmp_path / "store").stderr

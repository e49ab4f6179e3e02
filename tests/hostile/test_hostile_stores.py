"""A store may be a stranger's: reading it runs nothing, believes no artifact under another's name, and what looks after
stores leaves other folders alone.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import command

from roskdbench.artifact import CHECKSUMS, RECORD, DamagedArtifactError
from roskdbench.runs import runs
from roskdbench.store import MARK, Store

EVIL = "from pathlib import Path\nPath({there!r}).touch()\n"


@pytest.fixture
def strange(smoke, tmp_path):
    """A copy of the smoke suite's store whose record names a folder with a plugin, and what that leaves."""
    made, store, _ = smoke
    shutil.copytree(store.root, tmp_path / "store")
    plugins, there = tmp_path / "store" / "plugins", tmp_path / "it-ran"
    plugins.mkdir()
    (plugins / "evil.py").write_text(EVIL.format(there=str(there)))
    (path,) = runs(Store(tmp_path / "store")).values()
    record = json.loads(path.read_text())
    for key in ("plugin_folders", "method_folders"):
        record[key] = [str(plugins)]
    path.write_text(json.dumps(record))
    return made, tmp_path / "store", path.stem, plugins, there


@pytest.mark.parametrize(
    "words",
    [
        ["report", "RUN"],
        ["report"],
        ["claims", "RUN"],
        ["store", "gc", "--dry-run"],
        ["store", "size"],
        ["store", "ls"],
        ["store", "verify"],
        ["leaderboard", "add", "RUN", "--to", "BOARD"],
        ["plan", "smoke"],
    ],
    ids=" ".join,
)
def test_reading_a_store_runs_nothing_that_its_records_name(strange, tmp_path, words):
    _, store, run, _, there = strange
    told = [{"RUN": run, "BOARD": str(tmp_path / "board")}.get(word, word) for word in words]
    done = command(*told, "--store", store)
    assert not there.exists(), done.stdout
    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr


def test_what_a_run_had_from_plugins_is_asked_for_by_name(strange):
    _, store, run, plugins, there = strange
    (path,) = runs(Store(store)).values()
    record = json.loads(path.read_text())
    record["suite"]["experiments"]["table1"]["methods"][0] = {"method": "of-mine"}
    path.write_text(json.dumps(record))
    done = command("report", run, "--store", store)
    assert done.returncode == 2
    assert f"--plugins {plugins}" in done.stderr and not there.exists()
    assert command("store", "size", "--store", store).returncode == 0
    command("report", run, "--store", store, "--plugins", plugins)
    assert there.exists()


def of_kind(made, kind):
    return [job.fingerprint for job in made.jobs.values() if job.group == kind]


@pytest.mark.parametrize("kind", ["scores", "predictions", "trajectory", "split"])
def test_another_artifact_in_an_artifacts_place_is_found_out(smoke, tmp_path, kind):
    made, original, _ = smoke
    shutil.copytree(original.root, tmp_path / "store")
    store = Store(tmp_path / "store")
    one, other = of_kind(made, kind)[:2]
    shutil.rmtree(store.path(one))
    shutil.copytree(store.path(other), store.path(one))
    done = command("store", "verify", "--store", store.root)
    assert done.returncode == 1 and one[:12] in done.stdout and "another job's" in done.stdout
    shutil.copytree(store.path(other), store.path(one))
    with pytest.raises(DamagedArtifactError, match="another job's"):
        store.open(one)


def test_a_file_that_was_added_to_an_artifact_is_found_out(smoke, tmp_path):
    made, original, _ = smoke
    shutil.copytree(original.root, tmp_path / "store")
    store = Store(tmp_path / "store")
    one = of_kind(made, "scores")[0]
    (store.path(one) / "diverged.json").write_text('{"reason": "somebody wished so"}')
    with pytest.raises(DamagedArtifactError, match=r"diverged.json was added"):
        store.open(one)


def test_an_artifact_whose_checksums_leave_its_record_out_is_found_out(smoke, tmp_path):
    made, original, _ = smoke
    shutil.copytree(original.root, tmp_path / "store")
    store = Store(tmp_path / "store")
    one = of_kind(made, "scores")[0]
    listed = json.loads((store.path(one) / CHECKSUMS).read_text())
    del listed[RECORD]
    (store.path(one) / CHECKSUMS).write_text(json.dumps(listed))
    with pytest.raises(DamagedArtifactError):
        store.open(one)


@pytest.fixture
def project(tmp_path):
    """Somebody's folder, which has names like a store's."""
    folder = tmp_path / "project"
    for name in ("runs/mine.json", "runs/table-0123abcd.json", "tmp/a-1", "partial/x", "damaged/y", "ab/notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    return folder


def listed(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "words", [["store", "gc"], ["store", "verify"], ["store", "size"], ["run", "smoke"]], ids=" ".join
)
def test_a_folder_that_is_no_store_is_left_alone(project, words):
    before = listed(project)
    done = command(*words, "--store", ".", cwd=project)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "is no store of roskdbench: name a new or empty folder" in done.stderr
    assert MARK not in done.stderr  # what it takes to make it one is said of older stores only
    assert listed(project) == before


def test_a_store_of_an_older_version_is_told_how_to_become_one(project):
    (project / "locks").mkdir()
    assert f"put an empty file {MARK} into it" in command("store", "size", "--store", project).stderr


def test_gc_takes_nothing_that_the_store_did_not_write(smoke, tmp_path):
    _, original, _ = smoke
    shutil.copytree(original.root, tmp_path / "store")
    theirs = [
        tmp_path / "store" / name
        for name in (
            *("runs/notes.json", "tmp/mine-1", "partial/keep", "damaged/keep", "ab/keep"),
            *("runs/exp-20261128.json", "runs/notes.draft", "data/thesis.draft"),  # named as if they were ours
        )
    ]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
        os.utime(path, (0, 0))
    kept = next((tmp_path / "store" / "runs").glob("smoke-*.json")).stem
    assert command("store", "gc", "--keep", kept, "--store", tmp_path / "store").returncode == 0
    assert [path.read_text() for path in theirs] == ["mine"] * len(theirs)


def test_a_new_and_an_empty_folder_become_stores(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new"):
        Store.at(tmp_path / name)
        assert (tmp_path / name / MARK).is_file()
        Store.at(tmp_path / name)


@pytest.fixture
def here(tmp_path):
    """A folder of files with the names of modules; each leaves a trace when it is imported."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("multiprocessing", "typer", "yaml", "numpy", "torch", "timm", "matplotlib"):
        (folder / f"{name}.py").write_text(EVIL.format(there=str(tmp_path / f"ran-{name}")))
    return folder


@pytest.mark.parametrize(
    "call",
    [[sys.executable, "-m", "roskdbench"], [str(Path(sys.executable).with_name("roskdbench"))]],
    ids=["module", "script"],
)
def test_nothing_is_imported_from_the_folder_a_command_is_given_in(tmp_path, here, call):
    done = subprocess.run([*call, "suites"], cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("ran-*")) == []


def test_nor_by_the_workers_of_a_run(tmp_path, here, tiny):
    settings = ["protocol.epochs=2", "experiments.main.methods=[baseline-i]", "protocol.optimiser.milestones=[1]"]
    words = [word for each in settings for word in ("--set", each)]
    call = [sys.executable, "-m", "roskdbench", "run", str(tiny), *words, "--store", str(tmp_path / "store")]
    done = subprocess.run([*call, "--workers", "2"], cwd=here, capture_output=True, text=True, check=False)
    assert list(tmp_path.glob("ran-*")) == [], done.stderr
    assert done.returncode == 0, done.stderr


def test_figures_do_not_look_as_a_matplotlibrc_of_somebody_says(tmp_path):
    draw = (
        "from roskdbench.report.figures.drawing import drawing_style\n"
        "from matplotlib.figure import Figure\n"
        "with drawing_style():\n"
        "    picture = Figure(figsize=(2, 2))\n"
        "    picture.subplots().plot([0, 1], label='a line')\n"
        "    picture.savefig('picture.png', metadata={'Software': None})\n"
    )
    found = []
    for name in ("plain", "styled"):
        folder = tmp_path / name
        folder.mkdir()
        if name == "styled":
            (folder / "matplotlibrc").write_text("lines.linewidth: 9\naxes.facecolor: black\nfont.family: monospace\n")
        subprocess.run([sys.executable, "-c", draw], cwd=folder, check=True)
        found.append((folder / "picture.png").read_bytes())
    assert found[0] == found[1]


def test_a_pipe_among_an_artifacts_files_is_not_waited_for(smoke, tmp_path):
    made, original, _ = smoke
    for name in (CHECKSUMS, RECORD):
        shutil.copytree(original.root, tmp_path / name)
        store = Store(tmp_path / name)
        one = of_kind(made, "scores")[0]
        (store.path(one) / name).unlink()
        os.mkfifo(store.path(one) / name)
        assert one not in store
        assert command("store", "ls", "--store", store.root).returncode == 0
        with pytest.raises(DamagedArtifactError):
            store.open(one)


def test_gc_does_not_follow_a_link_out_of_the_store(smoke, tmp_path):
    _, original, _ = smoke
    shutil.copytree(original.root, tmp_path / "store")
    theirs = tmp_path / "theirs" / ("a" * 64)
    theirs.mkdir(parents=True)
    shutil.rmtree(tmp_path / "store" / "partial")
    (tmp_path / "store" / "partial").symlink_to(theirs.parent)
    shard = next(name for name in (f"{each:02x}" for each in range(256)) if not (tmp_path / "store" / name).exists())
    (tmp_path / "elsewhere" / ("b" * 62)).mkdir(parents=True)
    (tmp_path / "store" / shard).symlink_to(tmp_path / "elsewhere")
    kept = next((tmp_path / "store" / "runs").glob("smoke-*.json"))
    other = tmp_path / "records" / f"smoke-{'0' * 8}.json"
    shutil.copytree(kept.parent, other.parent)
    shutil.copy(kept, other)
    draft = other.with_name(f"{other.name}.77.draft")
    draft.write_text("")
    os.utime(draft, (0, 0))
    shutil.rmtree(kept.parent)
    (tmp_path / "store" / "runs").symlink_to(other.parent)
    assert command("store", "gc", "--keep", kept.stem, "--store", tmp_path / "store").returncode == 0
    assert theirs.is_dir()
    assert (tmp_path / "elsewhere" / ("b" * 62)).is_dir()
    assert other.is_file()
    assert draft.is_file()

"""The store is looked after: what is in it, whether it is whole; what nobody needs goes, and nothing else."""

import fcntl
import json
import os
import shutil
import time

import pytest
from conftest import command

from roskdbench.artifact import DamagedArtifactError
from roskdbench.errors import UserError
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.runs import run_name, write_record
from roskdbench.store import Store
from roskdbench.store_admin import damaged, garbage, kept, needed, runs_of, size, take_away
from roskdbench.suite import read_suite


@pytest.fixture
def copied(smoke, tmp_path):
    """The smoke suite's plan and a store of its own to spoil."""
    made, store, _ = smoke
    shutil.copytree(store.root, tmp_path / "store", ignore=shutil.ignore_patterns("tracking"))
    return made, Store(tmp_path / "store")


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_listing_has_every_artifact_of_the_plan(copied):
    made, store = copied
    found = {each.fingerprint: each for each in kept(store)}
    assert found.keys() == made.jobs.keys()
    for fingerprint, job in made.jobs.items():
        assert (found[fingerprint].kind, found[fingerprint].label) == (job.kind, job.label)
        wanted = sum(path.stat().st_size for path in store.path(fingerprint).iterdir())
        assert found[fingerprint].bytes == wanted == size(store.path(fingerprint))


def test_flipped_bits_in_any_file_are_found_and_set_aside(copied):
    made, store = copied
    spoilt = {}
    for kind in ("pixels", "teacher", "bank", "scores"):
        job = next(job for job in made.jobs.values() if job.group == kind)
        file = sorted(path for path in store.path(job.fingerprint).iterdir() if path.name != "checksums.json")[0]
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        spoilt[job.fingerprint] = file.name
    found = dict(damaged(store))
    assert found.keys() == spoilt.keys()
    assert all(spoilt[each] in reason for each, reason in found.items())
    assert not any(each in store for each in spoilt)
    assert damaged(Store(store.root)) == []


def test_what_a_colleague_did_not_let_be_read_is_named_and_stays(copied, monkeypatch):
    made, store = copied
    shut = made.cells[0].scores
    opens = Store.open

    def open_or_not(self, fingerprint):
        if fingerprint == shut:
            raise PermissionError(13, "Permission denied", str(self.path(shut)))
        return opens(self, fingerprint)

    monkeypatch.setattr(Store, "open", open_or_not)
    assert damaged(store) == [(shut, "cannot be read: permission denied")]
    monkeypatch.undo()
    assert shut in store
    assert damaged(store) == []


def test_what_kept_runs_need_stays_and_the_rest_goes(copied):
    made, store = copied
    other = plan(read_suite("smoke", ["protocol.epochs=4"]), discover())
    write_record(other, store, discover(), (), {})
    alien = next(each for each in other.jobs if each not in made.jobs)
    with store.writing(alien, {**other.jobs[alien].identity, "label": "of another run"}) as folder:
        (folder / "payload.txt").write_text("x" * 1000)
    before = files(store.root)
    every = needed(store, [run_name(made), run_name(other)], discover())
    assert garbage(store, every, {run_name(made), run_name(other)}).bytes == 0
    found = garbage(store, needed(store, [run_name(made)], discover()), {run_name(made)})
    assert [each.label for each in found.artifacts] == ["of another run"]
    assert [path.stem for path in found.folders] == [run_name(other)]
    take_away(store, found)
    gone = before - files(store.root)
    assert gone == {f"runs/{run_name(other)}.json"} | {
        each for each in before if each.startswith(f"{alien[:2]}/{alien[2:]}")
    }
    assert damaged(store) == []


def test_decoded_images_stay_though_no_plan_names_them(copied):
    made, store = copied
    with store.writing("33" + "0" * 62, {"kind": "images", "label": "decoded"}) as folder:
        (folder / "images.npy").write_bytes(b"0" * 1000)
    found = garbage(store, set(made.jobs), {run_name(made)})
    assert (list(found.artifacts), list(found.folders)) == ([], [])


def test_what_is_taken_away_while_it_is_read_is_noticed(copied):
    made, store = copied
    pixels = next(job for job in made.jobs.values() if job.kind == "pixels")
    store.open(pixels.fingerprint)
    take_away(store, garbage(store, set(made.jobs) - {pixels.fingerprint}, {run_name(made)}))
    with pytest.raises(DamagedArtifactError):
        store.open(pixels.fingerprint)


def test_a_suites_file_keeps_all_its_runs(copied, tiny):
    _, store = copied
    runs_made = [plan(read_suite(str(tiny), settings), discover()) for settings in ([], ["protocol.epochs=3"])]
    for each in runs_made:
        write_record(each, store, discover(), (), {})
    names = {run_name(each) for each in runs_made}
    assert runs_of(store, str(tiny), discover()) == runs_of(store, "tiny", discover()) == names
    assert runs_of(store, run_name(runs_made[0]), discover()) == {run_name(runs_made[0])}
    assert needed(store, [str(tiny)], discover()) == runs_made[0].jobs.keys() | runs_made[1].jobs.keys()


def test_a_suites_file_that_names_a_plugin_keeps_all_its_runs_too(copied, tiny, tmp_path):
    _, store = copied
    assert command("new", "measure", "mine", cwd=tmp_path).returncode == 0
    (folder,) = {path.parent for path in tmp_path.rglob("mine.py")}
    registry = discover([folder])
    tiny.write_text(tiny.read_text() + "    measures: [mine]\n")
    runs_made = [plan(read_suite(str(tiny), settings, registry), registry) for settings in ([], ["protocol.epochs=3"])]
    for each in runs_made:
        write_record(each, store, registry, (), {})
    assert runs_of(store, str(tiny), registry) == {run_name(each) for each in runs_made}
    assert needed(store, [str(tiny)], registry) == runs_made[0].jobs.keys() | runs_made[1].jobs.keys()


def test_labels_and_records_from_elsewhere_are_text(copied):
    _, store = copied
    for fingerprint, record in (
        ("44" + "0" * 62, {"kind": "teacher", "label": "net[/x] [red]"}),
        ("55" + "0" * 62, None),
    ):
        with store.writing(fingerprint, {"kind": "teacher"}) as folder:
            (folder / "payload.txt").write_text("x")
        (store.path(fingerprint) / "job.json").write_text(json.dumps(record))
    done = command("store", "ls", "teacher", "--store", store.root)
    assert done.returncode == 0, done.stderr
    assert "net[/x] [red]" in done.stdout
    assert "unreadable" in command("store", "ls", "--store", store.root).stdout
    (store.root / "runs" / "odd-00000000.json").write_text("[]")
    done = command("store", "gc", "--store", store.root)
    assert done.returncode == 2
    assert "odd-00000000.json cannot be read; delete it" in done.stderr


def test_a_suites_name_keeps_all_its_runs(copied):
    made, store = copied
    assert needed(store, ["smoke"], discover()) == made.jobs.keys()
    with pytest.raises(UserError, match="no run and no suite 'smoky'; "):
        needed(store, ["smoky"], discover())


def test_drafts_go_unless_their_job_is_under_way(copied):
    made, store = copied
    dead, alive = "11" + "0" * 62, "22" + "0" * 62
    for fingerprint in (dead, alive):
        (store.root / "tmp" / f"{fingerprint}-99").mkdir()
        (store.root / "partial" / fingerprint).mkdir()
    with (store.root / "locks" / alive).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        found = garbage(store, set(made.jobs), {run_name(made)})
    assert sorted(path.name[:2] for path in found.folders) == ["11", "11"]


def test_a_checkpoint_stays_for_a_job_that_is_wanted_and_not_done(copied):
    made, store = copied
    done, wanted = next(iter(made.jobs)), "33" + "0" * 62
    for fingerprint in (done, wanted):
        (store.root / "partial" / fingerprint).mkdir()
    found = garbage(store, {*made.jobs, wanted}, {run_name(made)})
    assert found.folders == [store.root / "partial" / done]


def test_small_files_that_nobody_ended_go_after_an_hour(copied):
    made, store = copied
    old, new = store.root / "runs" / "a.json.99.draft", store.root / "data" / "b.json.99.draft"
    for draft in (old, new):
        draft.write_text("{")
    hours_ago = time.time() - 2 * 3600
    os.utime(old, (hours_ago, hours_ago))
    assert garbage(store, set(made.jobs), {run_name(made)}).folders == [old]


def test_the_commands_say_what_is_there(copied):
    made, store = copied
    done = command("store", "ls", "--store", store.root)
    assert done.returncode == 0, done.stderr
    assert run_name(made) in done.stdout
    teachers = sum(job.kind == "teacher" for job in made.jobs.values())
    assert any(line.split()[:2] == ["teacher", str(teachers)] for line in done.stdout.splitlines())
    done = command("store", "size", "--store", store.root)
    assert f"{len(made.jobs)} of them" in done.stdout
    done = command("store", "gc", "--keep", "quick", "--dry-run", "--store", store.root)
    assert f"Would go: {len(made.jobs)} artifacts" in done.stdout
    assert len(list(store.fingerprints())) == len(made.jobs)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("store", "ls", "--store", "nowhere"), "there is no store at nowhere"),
        (("store", "gc", "--keep", "quik"), "no run and no suite 'quik'"),
        (("store", "ls", "teachers"), "the store has no artifacts of kind 'teachers'; did you mean 'teacher'?"),
    ],
)
def test_a_mistake_is_one_line(smoke, arguments, said):
    done = command(*arguments, ROSKDBENCH_STORE=smoke[1].root)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


@pytest.mark.slow
def test_the_doctor_names_what_is_there_and_what_is_not(tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    done = command("doctor", "--methods", tmp_path, "--store", tmp_path / "store", ROSKDBENCH_DATA="")
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert any(line.startswith("no") and "nothing_of_this_name" in line for line in lines)
    assert any(line.startswith("note") and "isic2019" in line for line in lines)
    for what in ("libraries: torch", "precision: a ResNet-18", f"methods: {len(discover().of('method'))},", "store: "):
        assert any(what in line for line in lines), what

"""An artifact is there as a whole or not at all, and what is damaged is noticed."""

import errno
import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from roskdbench import artifact as artifact_module
from roskdbench import store as store_module
from roskdbench.artifact import CHECKSUMS, DamagedArtifactError
from roskdbench.errors import UserError
from roskdbench.fingerprint import fingerprint as fingerprint_of
from roskdbench.store import MARK, Store, StoreFullError, refuse_other_folders

IDENTITY = {"kind": "test", "revision": 1, "spec": {}, "inputs": {}, "code": {}}
PRINT = fingerprint_of(IDENTITY)


@pytest.fixture
def store(tmp_path):
    return Store.at(tmp_path / "store")


def write(store, text="payload", fingerprint=PRINT):
    with store.writing(fingerprint, IDENTITY) as folder:
        (folder / "payload.txt").write_text(text)
        np.save(folder / "array.npy", np.arange(5))


def files(store):
    return sorted(
        str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file() and path.name != MARK
    )


def test_an_artifact_is_read_back(store):
    write(store)
    artifact = store.open(PRINT)
    assert PRINT in store
    assert artifact.file("payload.txt").read_text() == "payload"
    assert artifact.array("array.npy").tolist() == [0, 1, 2, 3, 4]
    assert artifact.record == IDENTITY


def test_a_store_is_marked_before_anything_else_is_in_it(tmp_path, monkeypatch):
    """At no moment of its making is it another folder's to a run that begins beside this one."""
    seen = []

    def beside(does):
        def watched(path, *arguments, **options):
            made = does(path, *arguments, **options)
            refuse_other_folders(tmp_path / "store")
            seen.append(path.name)
            return made

        return watched

    for name in ("mkdir", "write_text", "write_bytes"):
        monkeypatch.setattr(Path, name, beside(getattr(Path, name)))
    Store.at(tmp_path / "store")
    assert seen[:3] == ["store", MARK, "tmp"]


def test_a_folder_that_becomes_a_store_while_it_is_looked_at_is_not_refused(tmp_path, monkeypatch):
    """Between two looks another run may have put its mark and its folders there."""
    is_file = Path.is_file

    def slowly(path):
        monkeypatch.undo()
        answer = is_file(path)
        Store.at(tmp_path)
        return answer

    monkeypatch.setattr(Path, "is_file", slowly)
    refuse_other_folders(tmp_path)


def test_an_error_in_the_block_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError), store.writing(PRINT, IDENTITY) as folder:
        (folder / "payload.txt").write_text("half")
        raise ZeroDivisionError
    assert PRINT not in store
    assert files(store) == []


def test_a_reader_never_sees_a_half_written_artifact(store):
    with store.writing(PRINT, IDENTITY) as folder:
        (folder / "payload.txt").write_text("half")
        assert PRINT not in store
    assert PRINT in store


@pytest.mark.parametrize("name", ["payload.txt", "array.npy", "job.json"])
def test_a_truncated_file_is_noticed_without_reading_it(store, name):
    write(store)
    path = store.path(PRINT) / name
    path.write_bytes(path.read_bytes()[:-1])
    assert PRINT not in store


@pytest.mark.parametrize("name", ["payload.txt", "array.npy", "job.json", CHECKSUMS])
def test_a_flipped_bit_is_noticed_and_the_artifact_set_aside(store, name):
    write(store)
    path = store.path(PRINT) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedArtifactError) as error:
        Store(store.root).open(PRINT)
    assert error.value.fingerprint == PRINT
    assert not store.path(PRINT).exists()
    assert list((store.root / "damaged").iterdir())
    write(store)
    assert Store(store.root).open(PRINT).file("payload.txt").read_text() == "payload"


def test_a_damaged_artifact_is_replaced_when_it_is_written_again(store):
    write(store)
    (store.path(PRINT) / "payload.txt").write_text("x")
    write(store)
    assert Store(store.root).open(PRINT).file("payload.txt").read_text() == "payload"


def test_who_publishes_second_finds_the_first_in_place(store):
    with store.writing(PRINT, IDENTITY) as folder:
        (folder / "payload.txt").write_text("same")
        other = Store(store.root)
        draft = store.root / "tmp" / "elsewhere"
        draft.mkdir()
        (draft / "payload.txt").write_text("same")
        other._seal(draft)
        other._publish(draft, PRINT)
    assert PRINT in store
    assert not list((store.root / "tmp").iterdir())


def test_pickles_are_neither_written_nor_read(store):
    evil = np.array([{"run": "code"}], dtype=object)
    np.save(store.root / "evil.npy", evil, allow_pickle=True)
    with store.writing(PRINT, IDENTITY) as folder:
        (store.root / "evil.npy").rename(folder / "evil.npy")
    with pytest.raises(ValueError, match="Python objects"):
        store.open(PRINT).array("evil.npy")


def test_writes_to_a_mapped_array_do_not_reach_the_file(store):
    write(store)
    array = store.open(PRINT).array("array.npy")
    array[0] = 99
    assert Store(store.root).open(PRINT).array("array.npy")[0] == 0


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(store, monkeypatch):
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_module, "_flush", full)
    with pytest.raises(StoreFullError, match="cannot take more; make room and run again"):
        write(store)
    assert PRINT not in store
    assert files(store) == []


@pytest.mark.parametrize(
    "error",
    [OSError("524288 requested and 12 written"), SafetensorError("I/O error: No space left on device (os error 28)")],
)
def test_a_full_disk_is_known_by_what_libraries_say_of_it(store, error):
    with pytest.raises(StoreFullError), store.writing(PRINT, IDENTITY):
        raise error
    assert files(store) == []


def test_a_full_disk_is_known_by_itself_where_a_library_does_not_say(store, monkeypatch):
    error = SafetensorError("I/O error")
    usage = shutil.disk_usage(store.root)
    with pytest.raises(SafetensorError), store.writing(PRINT, IDENTITY):
        raise error
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=0))
    with pytest.raises(StoreFullError), store.writing(PRINT, IDENTITY):
        raise error
    assert files(store) == []


def test_a_store_that_cannot_be_written_is_a_users_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to the store"):
        Store.at(tmp_path / "file" / "store")


def _hold(root, ready, order):
    with Store(root).locked(PRINT):
        ready.set()
        with order.open("a") as file:
            file.write("child ")


def test_a_lock_keeps_others_out_until_it_is_freed(store):
    context = multiprocessing.get_context("spawn")
    ready, order = context.Event(), store.root / "order"
    with store.locked(PRINT):
        child = context.Process(target=_hold, args=(store.root, ready, order))
        child.start()
        assert not ready.wait(1.5)
        order.write_text("parent ")
    child.join(60)
    assert order.read_text().split() == ["parent", "child"]


def test_a_lock_holder_sweeps_the_drafts_of_a_killed_one(store):
    stray = store.root / "tmp" / f"{PRINT}-99999"
    stray.mkdir()
    (stray / "payload.txt").write_text("half")
    with store.locked(PRINT):
        assert not stray.exists()
    assert store.locks() == []


def _die_after_publishing(root):
    store = Store(root)
    with store.locked(PRINT):
        write(store)
        store.partial(PRINT).mkdir()
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_process_left_that_died_after_publishing_is_swept(store):
    child = multiprocessing.get_context("spawn").Process(target=_die_after_publishing, args=(store.root,))
    child.start()
    child.join(20)
    assert store.locks() == [PRINT]
    again = Store.at(store.root)
    assert again.locks() == [] and not again.partial(PRINT).exists()
    assert again.open(PRINT).file("payload.txt").read_text() == "payload"


def test_who_finds_the_job_done_behind_its_lock_takes_the_checkpoint_away(store):
    """Its first worker was killed between the two, and this one was to try again."""
    write(store)
    store.partial(PRINT).mkdir()
    with store.locked(PRINT):
        assert not store.partial(PRINT).exists()


def test_bytes_that_the_disk_does_not_give_back_are_damage(store, monkeypatch):
    write(store)

    def refuse(path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(artifact_module, "file_digest", refuse)
    with pytest.raises(DamagedArtifactError, match="the disk does not give its bytes back"):
        Store(store.root).open(PRINT)
    assert PRINT not in store


def test_nothing_is_swept_from_under_a_living_holder(store):
    write(store)
    with store.locked(PRINT):
        store.partial(PRINT).mkdir()
        assert Store.at(store.root).locks() == [PRINT]
        assert store.partial(PRINT).exists()

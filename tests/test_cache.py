"""Images are decoded once, whatever happens in between, and what cannot be read is told."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from releases import truncate, write_chestxray, write_isic, write_medmnist

from roskdbench.data import cache, decoding
from roskdbench.data.cache import UnreadableImagesError, cached_images, find_cached
from roskdbench.data.datasets import catalogue
from roskdbench.data.decoding import PixelForm, decode
from roskdbench.datasets import isic2019
from roskdbench.datasets.chestxray14 import ChestXray14
from roskdbench.datasets.folder import Folder
from roskdbench.datasets.isic2019 import Isic2019
from roskdbench.datasets.medmnist import BloodMnist, PneumoniaMnist
from roskdbench.errors import UserError
from roskdbench.store import Store

FORM = PixelForm(32, "crop", 3)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 8)


@pytest.fixture
def store(tmp_path):
    return Store.at(tmp_path / "store")


@pytest.fixture
def images(tmp_path):
    write_isic(tmp_path / "isic", samples=60)
    return listed(tmp_path)


def listed(tmp_path):
    return catalogue("lesion", Isic2019(), tmp_path / "isic").images


def file_of(tmp_path, row):
    return tmp_path / "isic" / isic2019.IMAGES / f"ISIC_{row:07}.jpg"


class Counted:
    """Images that count how many of them are decoded."""

    def __init__(self, images):
        self.images, self.names, self.decoded = images, images.names, 0

    def __len__(self):
        return len(self.images)

    def stamps(self):
        return self.images.stamps()

    def load(self, start, stop, decoder, pool):
        self.decoded += stop - start
        return self.images.load(start, stop, decoder, pool)


def array(store, cached):
    return store.open(cached.fingerprint).array("images.npy")


def test_the_array_holds_every_image_in_order(images, store):
    cached = cached_images(images, FORM, store, 2)
    assert cached.unreadable == {}
    found = array(store, cached)
    assert found.shape == (60, 3, 32, 32)
    for row, path in enumerate(images.paths):
        assert np.array_equal(found[row], decode(path.read_bytes(), FORM))


def test_nothing_is_decoded_twice(images, store):
    first = Counted(images)
    one = cached_images(first, FORM, store, 2)
    again = Counted(images)
    assert cached_images(again, FORM, store, 1) == one == find_cached(images, FORM, store)
    assert (first.decoded, again.decoded) == (60, 0)
    assert find_cached(images, PixelForm(28, "crop", 3), store) is None


def test_the_same_images_elsewhere_are_the_same_array(images, store, tmp_path):
    one = cached_images(images, FORM, store, 2)
    shutil.copytree(tmp_path / "isic", tmp_path / "copy" / "isic")
    moved = catalogue("lesion", Isic2019(), tmp_path / "copy" / "isic").images
    assert cached_images(moved, FORM, store, 2).fingerprint == one.fingerprint


def test_images_with_the_same_names_sizes_and_times_are_told_apart(store, tmp_path):
    """As in archives whose times are normalised: only what is in the files differs."""
    from PIL import Image

    arrays = []
    for site in (0, 1):
        root = tmp_path / f"site{site}"
        for number in range(12):
            path = root / "ab"[number % 2] / f"{number}.bmp"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 32), (10 * number, 200 * site, 0)).save(path)
            os.utime(path, (0, 0))
        found = catalogue("mine", Folder(), root).images
        arrays.append(array(store, cached_images(found, FORM, store, 1)))
    assert not np.array_equal(*arrays)


def test_what_is_in_another_array_is_read_but_not_decoded(images, store, tmp_path, monkeypatch):
    one = cached_images(images, FORM, store, 2)
    shutil.copytree(tmp_path / "isic", tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.copyfile(file_of(tmp_path, 3), tmp_path / "copy" / isic2019.IMAGES / "ISIC_0000004.jpg")
    copied = catalogue("lesion", Isic2019(), tmp_path / "copy").images

    def refuse(data, form):
        raise AssertionError("it was decoded again")

    monkeypatch.setattr(decoding, "decode", refuse)
    again = cached_images(copied, FORM, store, 2)
    assert again.fingerprint != one.fingerprint
    assert np.array_equal(array(store, again)[4], array(store, one)[3])
    assert np.array_equal(array(store, again)[5:], array(store, one)[5:])


@pytest.mark.parametrize("entry", ["{}", "[]", "not json", '{"stamps": 1}'])
def test_a_journal_that_cannot_be_read_is_made_again(images, store, entry):
    with pytest.raises(StopError):
        cached_images(images, FORM, store, 2, report=stop_after(24))
    next((store.root / "partial").glob("*/chunk-00000008.json")).write_text(entry)
    rest = Counted(images)
    assert cached_images(rest, FORM, store, 2).unreadable == {}
    assert rest.decoded == 60 - 24 + 8


def test_another_image_is_another_array(images, store, tmp_path):
    one = cached_images(images, FORM, store, 2)
    shutil.copy(file_of(tmp_path, 3), file_of(tmp_path, 4))
    assert find_cached(listed(tmp_path), FORM, store) is None
    assert cached_images(listed(tmp_path), FORM, store, 2).fingerprint != one.fingerprint


class StopError(Exception):
    pass


def stop_after(images):
    def report(done, found):
        if done >= images:
            raise StopError

    return report


def test_what_was_decoded_before_a_stop_is_kept(images, store):
    with pytest.raises(StopError):
        cached_images(images, FORM, store, 2, report=stop_after(24))
    rest = Counted(images)
    seen = []
    cached = cached_images(rest, FORM, store, 2, report=lambda done, found: seen.append((done, found)))
    assert rest.decoded == 60 - 24
    assert seen[2] == (24, 24)
    assert seen[-1] == (60, 24)
    assert np.array_equal(array(store, cached)[30], decode(images.paths[30].read_bytes(), FORM))
    assert not list((store.root / "partial").iterdir())


def test_a_chunk_whose_bytes_were_lost_is_decoded_again(images, store):
    """As after a power cut: the journal says it is there, the pixels say otherwise."""
    with pytest.raises(StopError):
        cached_images(images, FORM, store, 2, report=stop_after(24))
    path = next((store.root / "partial").glob("*/images.npy"))
    with path.open("r+b") as file:
        file.seek(-1000 - 3 * 32 * 32 * (60 - 16), os.SEEK_END)
        file.write(bytes(500))
    rest = Counted(images)
    cached = cached_images(rest, FORM, store, 2)
    assert rest.decoded == 60 - 24 + 8
    for row in range(24):
        assert np.array_equal(array(store, cached)[row], decode(images.paths[row].read_bytes(), FORM))


def test_an_image_that_changed_meanwhile_is_decoded_again(images, store, tmp_path):
    with pytest.raises(StopError):
        cached_images(images, FORM, store, 2, report=stop_after(24))
    shutil.copy(file_of(tmp_path, 40), file_of(tmp_path, 4))
    rest = Counted(listed(tmp_path))
    cached = cached_images(rest, FORM, store, 2)
    assert rest.decoded == 60 - 24 + 8
    assert np.array_equal(array(store, cached)[4], array(store, cached)[40])


def spoil(tmp_path):
    truncate(file_of(tmp_path, 7))
    file_of(tmp_path, 21).write_bytes(b"")
    return listed(tmp_path)


def test_unreadable_images_stop_it_and_are_named(images, store, tmp_path):
    with pytest.raises(UnreadableImagesError) as error:
        cached_images(spoil(tmp_path), FORM, store, 2)
    assert error.value.unreadable == {7: "truncated", 21: "0 bytes"}
    assert not list(store.root.glob("??/*/images.npy"))


def test_only_mended_images_are_decoded_again(images, store, tmp_path):
    with pytest.raises(UnreadableImagesError):
        cached_images(spoil(tmp_path), FORM, store, 2)
    write_isic(tmp_path / "whole", samples=60)
    for row in (7, 21):
        shutil.copy(tmp_path / "whole" / isic2019.IMAGES / f"ISIC_{row:07}.jpg", file_of(tmp_path, row))
    rest = Counted(listed(tmp_path))
    assert cached_images(rest, FORM, store, 2).unreadable == {}
    assert rest.decoded == 16  # their two chunks


def test_an_allowed_share_is_left_out(images, store, tmp_path):
    cached = cached_images(spoil(tmp_path), FORM, store, 2, allowed=0.05)
    kept = np.delete(np.arange(60), [7, 21])
    found = array(store, cached)
    assert len(found) == 58
    for place, row in enumerate(kept):
        assert np.array_equal(found[place], decode(images.paths[row].read_bytes(), FORM))
    with pytest.raises(UnreadableImagesError):  # what was allowed once is not allowed for good
        cached_images(listed(tmp_path), FORM, store, 2, allowed=0.01)


def test_a_published_array_is_not_written_to_again(images, store, tmp_path):
    """The process is killed after the array is published and before it has tidied up; then an image changes."""
    cached = cached_images(images, FORM, store, 2)
    before = store.path(cached.fingerprint).joinpath("images.npy").read_bytes()
    draft = cache._Draft(store.partial("left"), images, FORM)
    draft.folder.mkdir(parents=True)
    os.link(store.path(cached.fingerprint) / "images.npy", draft.folder / "images.npy")
    with draft.opened() as file:
        file.seek(200)
        file.write(b"something else")
    assert store.path(cached.fingerprint).joinpath("images.npy").read_bytes() == before


KILLED = """
import sys, time
from roskdbench.data import cache, decoding
from roskdbench.data.datasets import catalogue
from roskdbench.data.decoding import PixelForm
from roskdbench.store import Store
from roskdbench.datasets.isic2019 import Isic2019
from pathlib import Path
cache.CHUNK = 8
images = catalogue("lesion", Isic2019(), Path(sys.argv[1])).images
def report(done, found):
    print(done, flush=True)
    time.sleep(0.05)
cache.cached_images(images, PixelForm(32, "crop", 3), Store.at(Path(sys.argv[2])), 2, report=report)
"""


def test_what_a_process_left_that_was_killed_before_it_could_tidy_up_goes(images, store, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(cache.shutil, "rmtree", lambda *arguments, **options: None)
        cached_images(images, FORM, store, 2)
    assert list((store.root / "partial").iterdir())
    cached_images(images, FORM, store, 2)
    assert not list((store.root / "partial").iterdir())


@pytest.mark.parametrize("chunks", [1, 4, 7])
def test_kill_9_loses_at_most_the_chunk_under_way(images, store, tmp_path, chunks):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "isic"), str(store.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for _ in range(chunks):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    rest = Counted(images)
    cached = cached_images(rest, FORM, store, 2)
    assert rest.decoded <= 60 - 8 * chunks
    undisturbed = cached_images(images, FORM, Store.at(tmp_path / "other"), 2)
    assert undisturbed.fingerprint == cached.fingerprint


def test_two_processes_decode_into_one_store(images, store, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "isic"), str(store.root)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(map(len, said)) == 8  # one waits for the other, and finds the array
    assert len(list(store.root.glob("??/*/images.npy"))) == 1


def test_a_file_that_goes_while_it_is_read_is_unreadable(images, store, tmp_path):
    stamps = images.stamps()
    file_of(tmp_path, 9).unlink()
    counted = Counted(images)
    counted.stamps = lambda: stamps
    with pytest.raises(UnreadableImagesError) as error:
        cached_images(counted, FORM, store, 2)
    assert error.value.unreadable == {9: "no such file or directory"}


@pytest.mark.parametrize("channels", [1, 3])
def test_an_npz_is_read_as_a_stream(tmp_path, store, channels):
    spec = PneumoniaMnist() if channels == 1 else BloodMnist()
    wanted, _ = write_medmnist(tmp_path / f"{spec.name}.npz", channels=channels, classes=2)
    images = catalogue("mine", spec, tmp_path).images
    form = PixelForm(28, "crop", channels)
    with pytest.raises(StopError):
        cached_images(images, form, store, 2, report=stop_after(24))
    found = array(store, cached_images(images, form, store, 2))
    assert np.array_equal(found, wanted[:, None] if channels == 1 else np.moveaxis(wanted, -1, 1))


def test_an_npz_that_breaks_off_is_one_line(tmp_path, store):
    write_medmnist(tmp_path / "pneumoniamnist.npz")
    images = catalogue("mine", PneumoniaMnist(), tmp_path).images
    data = bytearray((tmp_path / "pneumoniamnist.npz").read_bytes())
    data[3000:4000] = bytes(1000)
    (tmp_path / "pneumoniamnist.npz").write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"pneumoniamnist\.npz is not a whole npz file; get it again"):
        cached_images(images, PixelForm(28, "crop", 1), store, 2)


def test_rgba_films_are_the_grey_they_show(tmp_path, store):
    from roskdbench.data.phantoms import draw_chest

    write_chestxray(tmp_path / "nih", samples=40)
    images = catalogue("cardio", ChestXray14(), tmp_path / "nih").images
    found = array(store, cached_images(images, PixelForm(36, "crop", 1), store, 2))
    assert np.array_equal(found, draw_chest(40, 36, 0)[0])


def test_decoding_runs_in_parallel(images, store):
    """Both threads are inside a decoder at one time."""
    inside, together = 0, 0

    class Slow(Counted):
        def load(self, start, stop, decoder, pool):
            def one(row):
                nonlocal inside, together
                inside += 1
                together = max(together, inside)
                time.sleep(0.005)
                inside -= 1
                return next(self.images.load(row, row + 1, decoder, InThisThread()))

            return pool.map(one, range(start, stop))

    class InThisThread:
        def map(self, function, values):
            return map(function, values)

    cached_images(Slow(images), FORM, store, 2)
    assert together == 2

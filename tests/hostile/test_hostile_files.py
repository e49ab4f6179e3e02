"""Files that a stranger may have written: label files, arrays, weights, boards. Each is read, or refused in one line,
soon and in little memory; nothing in them runs.
"""

import gzip
import io
import json
import os
import pickle
import shutil
import struct
import time
import tracemalloc
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import timm  # noqa: F401  (it takes its time, which is not the files')
import torch
from conftest import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from releases import write_medmnist
from safetensors.torch import save_file

from roskdbench import foreign
from roskdbench.board.content import PREDICTIONS, PROVENANCE, README, RESULTS, read_board
from roskdbench.board.readme import page
from roskdbench.board.rows_file import rows_in
from roskdbench.data.array_pickles import read_arrays
from roskdbench.data.decoding import UnreadableError, glance
from roskdbench.data.labelfile import read_label_file
from roskdbench.datasets.medmnist import PneumoniaMnist
from roskdbench.engine.networks import load_network
from roskdbench.errors import UserError
from roskdbench.plan.cells import cell_of
from roskdbench.plan.model_file import read_model_file
from roskdbench.plugins import discover
from roskdbench.results import COLUMNS

SOON = 5.0  # seconds of a processor, which other work on the machine does not lengthen
LITTLE = 1 << 30  # bytes
ROOT = Path(__file__).parent.parent.parent


def refused(read):
    """What is said of a file; a test fails where it is read, takes long, or takes much."""
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(UserError) as error:
        read()
    took, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    said = str(error.value)
    assert took < SOON and peak < LITTLE and "\n" not in said and len(said) < 1000
    return said


def read_or_refused(read):
    """Either it is read, or there is one line; soon."""
    started = time.process_time()
    try:
        read()
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000
    assert time.process_time() - started < SOON


# Places where a file should be


def a_pipe(path):
    os.mkfifo(path)


def a_folder(path):
    path.mkdir()


def a_device(path):
    path.symlink_to("/dev/zero")


def a_terminal(path):
    path.symlink_to("/dev/stdin")


def a_circle(path):
    path.symlink_to(path)


def nothing(path):
    pass


READERS = {
    "labels.csv": lambda path: read_label_file(path, ["image"], None),
    "labels.csv.gz": lambda path: read_label_file(path, ["image"], None),
    "labels.jsonl": lambda path: read_label_file(path, ["image"], None),
    "human.pt": read_arrays,
    "pneumoniamnist.npz": lambda path: PneumoniaMnist().catalogue(path),
    "arrays.npz": foreign.arrays_of,
    "record.json": foreign.json_of,
    "weights.safetensors": lambda path: read_model_file(path, discover()),
    "ours.safetensors": load_network,
}


@pytest.mark.parametrize("place", [a_pipe, a_folder, a_device, a_terminal, a_circle, nothing])
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_not_waited_for(tmp_path, name, place):
    place(tmp_path / name)
    said = refused(lambda: READERS[name](tmp_path / name))
    assert name in said


BYTES = {
    "empty": b"",
    "one byte": b"\x00",
    "zeros": bytes(4096),
    "text": b"hello\n" * 100,
    "latin": "Ärzte,1\n".encode("latin-1") * 10,
    "utf-16": "image,label\n1.png,0\n".encode("utf-16"),
    "a pickle": pickle.dumps(print),
    "a zip": b"PK\x03\x04" + bytes(100),
    "a gzip": b"\x1f\x8b\x08" + bytes(100),
    "an npy": b"\x93NUMPY\x01\x00" + bytes(100),
    "nested": b"[" * 200_000,
    "a long head": struct.pack("<Q", 1 << 60) + b"{}",
    "a head that is a list": struct.pack("<Q", 2) + b"[]",
    "a head of NaN": struct.pack("<Q", 3) + b"NaN",
    "metadata that are a number": struct.pack("<Q", 18) + b'{"__metadata__":1}',
}


@pytest.mark.parametrize("content", BYTES)
@pytest.mark.parametrize("name", READERS)
def test_bytes_of_another_kind_are_one_line(tmp_path, name, content):
    data = BYTES[content]
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") and content != "a gzip" else data)
    assert name in refused(lambda: READERS[name](tmp_path / name))


# Files that grow


def test_a_gzip_that_unpacks_without_end_is_left_at_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "LABELS", 1 << 20)
    path = tmp_path / "labels.csv.gz"
    path.write_bytes(gzip.compress(b"image,label\n" + b"1.png,0\n" * (1 << 20)))
    assert "unpacks to more than 1,048,576 bytes" in refused(lambda: read_label_file(path, ["image"], None))


def lying(shape, dtype=np.uint8, data=b""):
    """An npy whose head says more than is there."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape})
    return head.getvalue() + data


def packed(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    "shape", [(10**9, 28, 28), (2**62,), (2**40, 2**40), (10**9, 1), (-1, 28, 28), (0, 10**12)], ids=str
)
@pytest.mark.parametrize("dtype", ["u1", "f8", "V1000000"])
def test_an_array_that_lies_about_its_size_takes_no_memory(tmp_path, shape, dtype):
    path = tmp_path / "pneumoniamnist.npz"
    write_medmnist(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name in ("train_images.npy", "train_labels.npy"):
        packed(path, members | {name: lying(shape, dtype)})
        refused(partial(PneumoniaMnist().catalogue, path))
    packed(path, {"a.npy": lying(shape, dtype)})
    if 0 not in shape:
        refused(partial(foreign.arrays_of, path))


def test_zeros_that_are_packed_small_are_left_at_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "ARRAYS", 1 << 20)
    packed(tmp_path / "a.npz", {"a.npy": lying((1 << 21,), "u1", bytes(1 << 21))})
    assert "unpacks to more than" in refused(lambda: foreign.arrays_of(tmp_path / "a.npz"))


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_an_archive_that_numpy_would_not_write_is_refused(tmp_path, method):
    packed(tmp_path / "a.npz", {"a.npy": lying((1,), "u1", b"1")}, method)
    assert "packed in a way" in refused(lambda: foreign.arrays_of(tmp_path / "a.npz"))


def test_arrays_are_those_that_numpy_reads(tmp_path):
    random = np.random.default_rng(0)
    wanted = {
        "whole": random.integers(0, 9, (3, 4)),
        "turned": np.asfortranarray(random.random((5, 2))),
        "empty": np.zeros((0, 3)),
        "one": np.array(1.5),
        "words": np.array(["a", "bc"]),
    }
    np.savez_compressed(tmp_path / "a.npz", **wanted)
    found = foreign.arrays_of(tmp_path / "a.npz")
    assert found.keys() == wanted.keys()
    for name, each in wanted.items():
        assert np.array_equal(found[name], each) and found[name].dtype == each.dtype
        found[name].flags.writeable = True


# Weights

FACTS = {
    "architecture": {"model": "resnet18", "options": {"channels": [8, 8, 8, 8], "layers": [1, 1, 1, 1]}},
    "stem": "standard",
    "channels": 3,
    "size": 28,
    "classes": 2,
    "task": "single-label",
    "class_names": ["a", "b"],
}
OPTIONS = FACTS["architecture"]["options"]
HEADS = {
    "no json": "{",
    "NaN": "NaN",
    "a list": "[]",
    "nothing": "null",
    "nested": "[" * 100_000,
    "400 digits": json.dumps(FACTS).replace('"size": 28', f'"size": {"1" * 400}'),
    "no architecture": json.dumps({key: value for key, value in FACTS.items() if key != "architecture"}),
    "an architecture that is a word": json.dumps({**FACTS, "architecture": "resnet18"}),
    "a checkpoint": json.dumps(
        {**FACTS, "architecture": {"model": "resnet18", "options": {"checkpoint_path": "x.pth"}}}
    ),
    "pretrained": json.dumps({**FACTS, "architecture": {"model": "resnet18", "options": {"pretrained": True}}}),
    "a hub": json.dumps({**FACTS, "architecture": {"model": "hf-hub:a/b", "options": {}}}),
    "a million layers": json.dumps(
        {**FACTS, "architecture": {"model": "resnet18", "options": {**OPTIONS, "layers": [1000000, 1, 1, 1]}}}
    ),
    "a billion classes": json.dumps({**FACTS, "classes": 10**9}),
    "a billion pixels": json.dumps({**FACTS, "size": 10**9}),
    "a stem of its own": json.dumps({**FACTS, "stem": "import os"}),
    "a key of its own": json.dumps({**FACTS, "run": "x"}),
}


@pytest.mark.parametrize("head", HEADS)
def test_a_head_of_weights_that_asks_for_something_else_is_one_line(tmp_path, head):
    path = tmp_path / "weights.safetensors"
    save_file({"x": torch.zeros(1)}, path, metadata={"roskdbench": HEADS[head]})
    refused(lambda: load_network(path))


def test_a_path_in_the_head_of_weights_is_not_opened(tmp_path):
    trap = tmp_path / "x.pth"

    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "it-ran",))

    trap.write_bytes(pickle.dumps(Trap()))
    for options in ({"checkpoint_path": str(trap)}, {"pretrained_cfg": {"file": str(trap)}, "pretrained": True}):
        path = tmp_path / "weights.safetensors"
        head = json.dumps({**FACTS, "architecture": {"model": "resnet18", "options": options}})
        save_file({"x": torch.zeros(1)}, path, metadata={"roskdbench": head})
        refused(partial(load_network, path))
    assert not (tmp_path / "it-ran").exists()


# Boards


@pytest.fixture
def board(tmp_path):
    shutil.copytree(ROOT / "leaderboards" / "pneumonia", tmp_path / "board")
    return tmp_path / "board"


PROVENANCES = {
    "no version": lambda facts: facts.pop("version"),
    "a cell that is there twice": lambda facts: facts["cells"].append(facts["cells"][0]),
    "cells that are a word": lambda facts: facts.update(cells="all"),
    "a cell that is a number": lambda facts: facts["cells"].append(1),
    "a cell without scores": lambda facts: facts["cells"][0].pop("scores"),
    "made that is a list": lambda facts: facts.update(made=[]),
    "a maker that is a number": lambda facts: facts["made"].update({next(iter(facts["made"])): 3}),
    "entries that are nothing": lambda facts: facts.update(entries=None),
    "an entry without a name": lambda facts: facts["entries"][0].pop("by"),
    "a name that clears the screen": lambda facts: facts["entries"][0].update(by="\x1b[2Jok"),
    "a title that clears the screen": lambda facts: facts["suite"].update(title="\x1b[2Jok"),
    "a licence of two lines": lambda facts: facts["entries"][0].update(data={"x": "a\nb"}),
    "noise without a rate": lambda facts: facts["noise"].append(["a", "b"]),
    "a rate that is a word": lambda facts: facts["noise"].append(["a", "b", "c", "much"]),
    "a suite that is a list": lambda facts: facts.update(suite=[]),
    "a suite of another kind": lambda facts: facts["suite"].update(folds=3),
    "contents that are a list": lambda facts: facts.update(contents=[]),
    "contents of another kind": lambda facts: facts["contents"].update(x={"a": 1}),
    "a claim without a date": lambda facts: facts.update(stated={"x": {"claim": "a"}}),
}


@pytest.mark.parametrize("change", PROVENANCES)
def test_a_board_whose_record_is_none_is_one_line(board, change):
    facts = json.loads((board / PROVENANCE).read_text())
    PROVENANCES[change](facts)
    (board / PROVENANCE).write_text(json.dumps(facts))
    assert PROVENANCE in refused(lambda: read_board(board))


@pytest.mark.parametrize("name", [RESULTS, PREDICTIONS, PROVENANCE])
@pytest.mark.parametrize("content", BYTES)
def test_a_board_of_other_bytes_is_one_line(board, name, content):
    (board / name).write_bytes(BYTES[content])
    assert name in refused(lambda: read_board(board))


@pytest.mark.parametrize("name", [RESULTS, PREDICTIONS, PROVENANCE])
@pytest.mark.parametrize("place", [a_pipe, a_folder, a_device, a_circle])
def test_a_board_without_a_file_is_one_line(board, name, place):
    (board / name).unlink()
    place(board / name)
    assert name in refused(lambda: read_board(board))


def test_pickled_objects_in_a_board_are_refused(board, tmp_path):
    np.savez(board / PREDICTIONS, evil=np.array([print], dtype=object))
    assert "could run code" in refused(lambda: read_board(board))


def test_a_readme_that_is_no_text_is_one_line(board):
    (board / README).write_bytes(b"\xff\xfe")
    assert README in refused(lambda: page(read_board(board), board))


# Bytes that were mixed up

WHOLE = {}


def whole(folder):
    """A whole file for each reader, as bytes."""
    if not WHOLE:
        (folder / "labels.csv").write_text("image,label\n" + "".join(f"{n}.png,{n % 2}\n" for n in range(20)))
        (folder / "labels.csv.gz").write_bytes(gzip.compress((folder / "labels.csv").read_bytes()))
        (folder / "labels.jsonl").write_text("".join(f'{{"image": "{n}.png", "label": {n}}}\n' for n in range(20)))
        np.save(folder / "human.npy", np.arange(10))
        (folder / "human.npy").rename(folder / "human.pt")
        write_medmnist(folder / "pneumoniamnist.npz")
        np.savez(folder / "arrays.npz", a=np.arange(5), b=np.zeros((2, 3)))
        (folder / "record.json").write_text(json.dumps({"a": [1, {"b": None}], "c": "text"}))
        for name in ("weights", "ours"):
            metadata = {"roskdbench": json.dumps(FACTS), "timm": "resnet18", "mean": "[0.5]"}
            save_file({"x": torch.zeros(3)}, folder / f"{name}.safetensors", metadata=metadata)
        WHOLE.update({name: (folder / name).read_bytes() for name in READERS})
    return WHOLE


@settings(max_examples=int(os.environ.get("FUZZ", "40")), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
@pytest.mark.parametrize("name", [name for name in READERS if name != "ours.safetensors"])
def test_a_file_that_was_mixed_up_is_read_or_one_line(tmp_path, name, data):
    content = bytearray(whole(tmp_path)[name])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        stop = start + data.draw(st.sampled_from([0, 1, 4, 100]))
        content[start:stop] = data.draw(st.binary(max_size=8))
    (tmp_path / name).write_bytes(bytes(content))
    read_or_refused(lambda: READERS[name](tmp_path / name))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("overlap", [1]),
        ("seed", "x"),
        ("fold", 10**30),
        ("method", 3),
        ("cost", "much"),
        ("trainings", True),
        ("scores", None),
    ],
)
def test_a_cell_of_a_board_that_is_none_is_refused(name, value):
    facts = {
        "experiment": "a", "problem": "b", "method": "c", "registered": "c", "student": "d", "noise": "none",
        "overlap": 0.4, "fold": 0, "seed": 0, "scores": "f", "labels": "g", "trainings": 1, "measurements": [],
    }  # fmt: skip
    assert cell_of(facts).seed == 0
    with pytest.raises(ValueError, match=f"a cell's {name} is"):
        cell_of({**facts, name: value})


def test_rows_with_numbers_beyond_all_bounds_are_refused(tmp_path, monkeypatch):
    heads = ",".join(COLUMNS)
    row = {**dict.fromkeys(COLUMNS, ""), "overlap": "0.4", "fold": "9" * 23, "seed": "0", "member": "0", "n": "1"}
    (tmp_path / "results.csv").write_text(f"{heads}\n{','.join(row.values())}\n")
    with pytest.raises(UserError, match="not a row of results"):
        rows_in(tmp_path / "results.csv")
    monkeypatch.setattr(foreign, "ROWS", 100)
    with pytest.raises(UserError, match="is larger than"):
        rows_in(tmp_path / "results.csv")


def test_a_pipe_in_an_images_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(UnreadableError, match="no regular file"):
        glance(tmp_path / "a.png")


def test_a_file_that_is_no_suite_is_not_quoted(tmp_path):
    (tmp_path / "shadow").write_text("root:*:20228:0:99999:7::\n")
    done = command("plan", tmp_path / "shadow")
    assert done.returncode == 2
    assert "20228" not in done.stderr and "is no suite: its name ends in none of .yaml, .yml" in done.stderr

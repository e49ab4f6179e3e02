"""Pickles of arrays are read as numpy and torch read them, and nothing that a pickle says is ever run."""

import collections
import copyreg
import io
import os
import pickle
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch

from roskdbench.data import array_pickles
from roskdbench.data.array_pickles import read_arrays
from roskdbench.errors import UserError

RANDOM = np.random.default_rng(0)
KINDS = ["?", "i1", "u1", "i2", "<i4", ">i4", "<i8", ">u8", "f2", "f4", ">f8"]
ARRAYS = {f"of {kind}": RANDOM.integers(0, 2, (4, 5)).astype(kind) for kind in KINDS} | {
    "by columns": np.asfortranarray(RANDOM.integers(-9, 9, (3, 4))),
    "three axes": RANDOM.normal(size=(2, 3, 4)),
    "no axis": np.array(7),
    "empty": np.zeros((0, 3), np.int64),
    "every other": np.arange(20)[::2],
    "one value": np.arange(5000) * 0,
}


def refused(path):
    with pytest.raises(UserError) as error:
        read_arrays(path)
    assert "\n" not in str(error.value)
    assert path.name in str(error.value)
    return str(error.value)


def written(path, data):
    path.write_bytes(data)
    return path


def assert_same(found, wanted):
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert np.array_equal(found[name], array)
        assert found[name].dtype == array.dtype.newbyteorder("=")


# What is read


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickled_dictionaries_of_arrays_are_read_as_they_were_written(tmp_path, protocol):
    path = written(tmp_path / "a.pt", pickle.dumps(ARRAYS, protocol=protocol))
    assert_same(read_arrays(path), pickle.loads(path.read_bytes()))


@pytest.mark.parametrize("zipped", [True, False], ids=["since 1.6", "before 1.6"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_both_of_torchs_forms_are_read_as_torch_reads_them(tmp_path, zipped, protocol):
    path = tmp_path / "a.pt"
    torch.save(ARRAYS, path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    assert_same(read_arrays(path), torch.load(path, weights_only=False))


def test_tensors_are_arrays(tmp_path):
    kinds = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool, torch.float64, torch.float32]
    tensors = {str(kind): torch.arange(24).reshape(2, 3, 4).to(kind) for kind in kinds}
    whole = torch.arange(10)
    tensors |= {"a slice": whole[3:7], "the whole": whole, "a number": torch.tensor(3), "none": torch.zeros(0, 2)}
    torch.save(tensors, tmp_path / "a.pt")
    assert_same(read_arrays(tmp_path / "a.pt"), {name: tensor.numpy() for name, tensor in tensors.items()})


def test_a_dictionary_in_an_npy_file_is_read_as_numpy_reads_it(tmp_path):
    np.save(tmp_path / "a.npy", ARRAYS, allow_pickle=True)
    assert_same(read_arrays(tmp_path / "a.npy"), np.load(tmp_path / "a.npy", allow_pickle=True).item())


def test_lists_of_numbers_are_arrays_and_what_else_there_is_is_left_out(tmp_path):
    content = {
        "whole": [1, 2, 3],
        "numpy's": list(np.array([4, 5], dtype=np.int16)),
        "fractions": [0.5, -1.0],
        "large": [2**40],
        "text": "of no use",
        "number": 3,
        "texts": ["a", "b"],
        "nested": [[1], [2, 3]],
        "too large": [2**70],
        "nothing": None,
        "deeper": {"a": np.arange(2)},
        "empty": [],
    }
    found = read_arrays(written(tmp_path / "a.pt", pickle.dumps(content, protocol=4)))
    assert {name: array.tolist() for name, array in found.items()} == {
        "whole": [1, 2, 3],
        "numpy's": [4, 5],
        "fractions": [0.5, -1.0],
        "large": [2**40],
    }


def test_a_plain_array_has_the_name_of_its_file(tmp_path):
    for array in (np.arange(6).reshape(2, 3), np.asfortranarray(np.ones((2, 3), ">f4"))):
        np.save(tmp_path / "worse_label.npy", array)
        assert_same(read_arrays(tmp_path / "worse_label.npy"), {"worse_label": array})


def test_names_of_numpy_1_and_2_are_both_known(tmp_path):
    data = pickle.dumps({"a": np.arange(3)}, protocol=2)
    new, old = b"numpy._core.multiarray", b"numpy.core.multiarray"
    assert new in data
    found = read_arrays(written(tmp_path / "a.pt", data.replace(new, old)))
    assert found["a"].tolist() == [0, 1, 2]


# What is refused: whoever wants to run something


class Runs:
    """What pickle.loads would make by calling a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Plain:
    pass


def step(name, argument=b""):
    return getattr(pickle, name) + argument


def text(value):
    return step("BINUNICODE", struct.pack("<I", len(value)) + value.encode())


def named(module, name):
    return b"\x80\x04" + text(module) + text(name) + step("STACK_GLOBAL")


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("form", ["pickle", "zip", "old", "npy", "inside"])
def test_a_command_is_never_run(tmp_path, protocol, form):
    mark = tmp_path / "it ran"
    hostile = Runs(os.system, f"touch '{mark}'")
    path = tmp_path / ("a.npy" if form == "npy" else "a.pt")
    if form == "npy":
        np.save(path, {"a": hostile}, allow_pickle=True)
    elif form in ("zip", "old"):
        torch.save({"a": hostile}, path, _use_new_zipfile_serialization=form == "zip", pickle_protocol=protocol)
    else:
        path.write_bytes(pickle.dumps({"a": hostile} if form == "inside" else hostile, protocol=protocol))
    assert "asks for posix.system, which could run code" in refused(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("__builtin__", "eval"),
        ("os", "system"),
        ("nt", "system"),
        ("subprocess", "Popen"),
        ("importlib", "import_module"),
        ("operator", "attrgetter"),
        ("functools", "partial"),
        ("copyreg", "_reconstructor"),
        ("copy_reg", "_reconstructor"),
        ("codecs", "encode"),
        ("_codecs", "decode"),
        ("numpy", "load"),
        ("numpy", "fromfile"),
        ("numpy", "memmap"),
        ("numpy", "ndarray.tofile"),
        ("numpy", "core.multiarray._reconstruct"),
        ("numpy.core", "multiarray._reconstruct"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
        ("numpy.core.multiarray", "_reconstruct "),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy.f2py.crackfortran", "myeval"),
        ("torch", "load"),
        ("torch", "_utils._rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_tensor"),
        ("torch.storage", "_load_from_bytes"),
        ("torch.jit", "load"),
        ("collections", "namedtuple"),
        ("roskdbench.data.pickles", "unpickled"),
        ("", ""),
    ],
)
def test_no_other_name_is_known_however_it_is_written(tmp_path, module, name):
    call = text("x") + step("TUPLE1") + step("REDUCE") + step("STOP")
    for data in (named(module, name) + call, b"\x80\x02c" + f"{module}\n{name}\n".encode() + call):
        assert "which could run code" in refused(written(tmp_path / "a.pt", data))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pickle.dumps(Plain(), protocol=2), "asks for "),  # copyreg.__newobj__ is a step of its own
        (pickle.dumps(Plain(), protocol=0), "asks for copy_reg._reconstructor"),
        (pickle.dumps({"a": 1}, protocol=0), "has the step "),
        (pickle.dumps({1, 2}, protocol=4), "has the step EMPTY_SET"),
        (b"\x80\x02(" + text("echo") + b"ios\nsystem\n.", "has the step INST"),
        (b"\x80\x02(cnumpy\ndtype\n" + text("i8") + b"o.", "has the step OBJ"),
        (named("numpy", "dtype") + step("EMPTY_TUPLE") + step("NEWOBJ") + b".", "has the step NEWOBJ"),
        (b"\x80\x02\x82\x01.", "has the step EXT1"),
        (b"\x80\x02P0\n.", "has the step PERSID"),
        (b"\x80\x05\x97.", "has the step NEXT_BUFFER"),
        (named("numpy", "ndarray") + step("EMPTY_TUPLE") + step("REDUCE") + b".", "calls what is no function"),
        (named("torch", "LongStorage") + step("EMPTY_TUPLE") + step("REDUCE") + b".", "calls what is no function"),
        (text("x") + step("EMPTY_TUPLE") + step("REDUCE") + b".", "calls what is no function"),
        (named("numpy", "dtype") + step("NONE") + step("REDUCE") + b".", "calls what is no function"),
        (named("numpy", "dtype") + step("EMPTY_DICT") + step("BUILD") + b".", "changes what is no array"),
        (
            named("_codecs", "encode")
            + step("NONE")
            + step("EMPTY_DICT")
            + text("__defaults__")
            + step("EMPTY_TUPLE")
            + step("SETITEM")
            + step("TUPLE2")
            + step("BUILD")
            + b".",
            "changes what is no array",
        ),
        (step("EMPTY_DICT") + step("EMPTY_DICT") + step("BUILD") + b".", "changes what is no array"),
        (step("EMPTY_TUPLE") + step("NONE") + step("APPEND") + b".", "adds to what is no list"),
        (step("EMPTY_LIST") + step("NONE") * 2 + step("SETITEM") + b".", "adds to what is no dictionary"),
        (step("EMPTY_DICT") + step("EMPTY_TUPLE") + step("NONE") + step("SETITEM") + b".", "whose names are no texts"),
        (named("_codecs", "encode") + text("x") + text("rot13") + step("TUPLE2") + step("REDUCE") + b".", "coding"),
        (pickle.dumps("a text", protocol=4), "holds neither a dictionary nor an array"),
        (pickle.dumps([np.arange(2)], protocol=4), "holds neither a dictionary nor an array"),
    ],
)
def test_steps_that_no_array_needs_are_refused(tmp_path, data, said):
    assert said in refused(written(tmp_path / "a.pt", data))


def test_extensions_of_copyreg_are_refused_though_they_are_registered(tmp_path):
    copyreg.add_extension("os", "system", 201)
    try:
        data = b"\x80\x02\x82\xc9" + text("true") + step("TUPLE1") + step("REDUCE") + b"."
        assert "has the step EXT1" in refused(written(tmp_path / "a.pt", data))
    finally:
        copyreg.remove_extension("os", "system", 201)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([None, 1], dtype=object), "holds an array of objects"),
        (np.array([Runs(os.system, "true")], dtype=object), "asks for posix.system"),
        (np.array(["a", "b"]), "holds an array of U1, which are no numbers"),
        (np.array([b"a"]), "holds an array of S1, which are no numbers"),
        (np.array([1 + 2j]), "holds an array of c16, which are no numbers"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "holds an array of M8, which are no numbers"),
        (np.zeros(2, dtype=[("a", "i4"), ("b", "i4")]), "holds an array of V8, which are no numbers"),
    ],
)
def test_only_arrays_of_numbers_are_read(tmp_path, array, said):
    assert said in refused(written(tmp_path / "a.pt", pickle.dumps({"a": array}, protocol=4)))
    if array.dtype == object:
        np.save(tmp_path / "a.npy", array, allow_pickle=True)
        assert said in refused(tmp_path / "a.npy")


def a_tensor(key, kind="LongStorage", start=0, shape=(2,), steps=(1,)):
    """The pickle of a tensor, with what its storage is called."""
    pieces = io.BytesIO()
    _WithStorages(pieces, 2).dump(
        {"a": Runs(torch._utils._rebuild_tensor_v2, Storage(key, kind), start, shape, steps, False, {})}
    )
    return pieces.getvalue()


class _WithStorages(pickle.Pickler):
    def persistent_id(self, thing):
        return thing.key if isinstance(thing, Storage) else None


class Storage:
    def __init__(self, key, kind):
        self.key = ("storage", getattr(torch, kind), key, "cpu", 2)


def a_zip(path, data, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", data)
        for name, content in members.items():
            archive.writestr(f"archive/data/{name[1:]}", content)
    return path


TWO = np.arange(2).tobytes()


def test_a_made_up_tensor_is_read(tmp_path):
    assert read_arrays(a_zip(tmp_path / "a.pt", a_tensor("0"), _0=TWO))["a"].tolist() == [0, 1]


def test_storages_of_the_other_byte_order_are_turned(tmp_path):
    path = a_zip(tmp_path / "a.pt", a_tensor("0"), _0=np.arange(2, dtype=">i8").tobytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/byteorder", "big")
    assert read_arrays(path)["a"].tolist() == [0, 1]


@pytest.mark.parametrize("key", ["../../../etc/passwd", "/etc/passwd", "0/../0", "", "-1", "٠", "0\n", b"0", 0, None])
def test_storages_that_name_files_are_refused(tmp_path, key):
    path = a_zip(tmp_path / "a.pt", a_tensor(key), _0=TWO)
    assert "asks for something outside of itself" in refused(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shape": (3,)}, "bytes do not fit its shape"),
        ({"start": 1}, "bytes do not fit its shape"),
        ({"start": -1}, "bytes do not fit its shape"),
        ({"start": 2**62}, "bytes do not fit its shape"),
        ({"steps": (0,)}, "is a view of another"),
        ({"steps": (-1,)}, "is a view of another"),
        ({"steps": (10**9,)}, "is a view of another"),
        ({"shape": (2, 2), "steps": (0, 0)}, "is a view of another"),
        ({"shape": (10**12,)}, "an array of no possible shape"),
        ({"shape": (-1,)}, "an array of no possible shape"),
        ({"shape": [2]}, "an array of no possible shape"),
        ({"shape": (2, 1)}, "is not a whole file of arrays"),
        ({"start": "0"}, "holds a tensor that begins nowhere"),
    ],
)
def test_tensors_that_reach_out_of_their_storage_are_refused(tmp_path, options, said):
    assert said in refused(a_zip(tmp_path / "a.pt", a_tensor("0", **options), _0=TWO))


def test_a_tensor_without_its_storage_is_a_broken_file(tmp_path):
    assert "is not a whole file of arrays" in refused(a_zip(tmp_path / "a.pt", a_tensor("1"), _0=TWO))


def test_tensors_outside_of_a_zip_are_refused_with_what_to_do(tmp_path):
    torch.save({"a": torch.arange(3)}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert "holds tensors in the form of torch before 1.6 (save them as arrays)" in refused(tmp_path / "a.pt")


def test_a_turned_tensor_is_refused(tmp_path):
    torch.save({"a": torch.arange(6).reshape(2, 3).T}, tmp_path / "a.pt")
    assert "is a view of another; save a copy of it" in refused(tmp_path / "a.pt")


# What is refused: whoever wants to take all memory, or all time


def an_array(shape, content, kind="i8"):
    """The pickle of a numpy array that says what it likes of itself."""
    state = (1, shape, np.dtype(kind), False, content)
    return pickle.dumps({"a": Rebuilt(state)}, protocol=2)


class Rebuilt:
    def __init__(self, state):
        self.state = state

    def __reduce__(self):
        function, arguments, _ = np.arange(1).__reduce__()
        return function, arguments, self.state


HUGE = 2**62


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04"
        + step("NONE")
        + step("LONG_BINPUT", struct.pack("<I", 2**31 - 1))
        + b"0"
        + step("EMPTY_DICT")
        + b".",
        b"\x80\x04" + step("NONE") + step("LONG_BINPUT", struct.pack("<I", 2**32 - 1)) + b".",
        b"\x80\x04" + step("LONG_BINGET", struct.pack("<I", 2**32 - 1)) + b".",
        b"\x80\x04" + step("BINBYTES8", struct.pack("<Q", HUGE)) + b".",
        b"\x80\x04" + step("BINUNICODE8", struct.pack("<Q", HUGE)) + b".",
        b"\x80\x05" + step("BYTEARRAY8", struct.pack("<Q", HUGE)) + b".",
        b"\x80\x05" + step("BYTEARRAY8", struct.pack("<Q", 2**64 - 1)) + b".",
        b"\x80\x04" + step("BINBYTES", struct.pack("<I", 2**32 - 1)) + b".",
        b"\x80\x04" + step("LONG4", struct.pack("<i", 2**31 - 1)) + b".",
        b"\x80\x04" + step("LONG4", struct.pack("<i", -1)) + b".",
        b"\x80\x04" + step("FRAME", struct.pack("<Q", HUGE)) + b"",
        an_array((10**12,), b"12345678"),
        an_array((10**12,) * 8, b""),
        an_array((2**40, 0), b""),
        an_array((0, -1), b""),
        an_array((1,) * 9, b"12345678"),
        an_array((2,), b"12345678"),
        an_array((1,), "\u4e2d"),
        an_array((1,), [1]),
        an_array((1,), None),
        an_array((True,), b"12345678"),
        an_array(10**12, b"12345678"),
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 60) + b"{'descr': '<i8', 'fortran_order': False, 'shape': (10**15,)}",
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", 64)
        + b"{'descr': '<i8', 'fortran_order': False, 'shape': (99999999999,)}",
        b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{",
    ],
)
def test_sizes_that_a_file_only_claims_take_no_memory(tmp_path, data):
    path = written(tmp_path / "a.pt", data)
    tracemalloc.start()
    began = time.process_time()
    try:
        refused(path)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 2


def lists_in_lists():
    """Each of sixty lists holds the one before it ten times; written out the last one would have 10^60 items."""
    data = b"\x80\x04" + step("EMPTY_LIST") + step("BINPUT", b"\0")
    for number in range(60):
        again = step("BINGET", bytes([number])) * 10
        data += step("EMPTY_LIST") + step("MARK") + again + step("APPENDS") + step("BINPUT", bytes([number + 1]))
    return data


def test_lists_in_lists_in_lists_are_not_gone_through(tmp_path):
    last = step("BINGET", bytes([60]))
    assert "holds neither a dictionary nor an array" in refused(written(tmp_path / "a.pt", lists_in_lists() + b"."))
    asked = lists_in_lists() + step("EMPTY_DICT") + text("a") + last + step("SETITEM") + b"."
    assert read_arrays(written(tmp_path / "a.pt", asked)) == {}
    asked = lists_in_lists() + named("numpy", "dtype")[2:] + last + step("TUPLE1") + step("REDUCE") + b"."
    assert "holds an array of list, which are no numbers" in refused(written(tmp_path / "a.pt", asked))
    asked = lists_in_lists() + last + last + step("STACK_GLOBAL") + b"."
    assert "asks for list.list, which could run code" in refused(written(tmp_path / "a.pt", asked))


BLOCK = 1 << 16
AGAIN = step("BINGET", b"\0") + step("BINGET", b"\1") + step("REDUCE")


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (named("_codecs", "encode"), text("x" * BLOCK) + text("latin1")),
        (
            named("numpy.core.numeric", "_frombuffer"),
            step("BINBYTES", struct.pack("<I", BLOCK) + bytes(BLOCK))
            + named("numpy", "dtype")[2:]
            + text("u1")
            + step("TUPLE1")
            + step("REDUCE")
            + step("BININT", struct.pack("<i", BLOCK))
            + step("TUPLE1")
            + text("C"),
        ),
    ],
)
def test_the_same_bytes_made_into_more_and_more_are_refused(tmp_path, monkeypatch, function, arguments):
    monkeypatch.setattr("roskdbench.data.pickles.MOST_MADE", 1 << 20)
    start = function + step("BINPUT", b"\0") + step("MARK") + arguments + step("TUPLE") + step("BINPUT", b"\1")
    assert "neither a dictionary" in refused(written(tmp_path / "a.pt", start + AGAIN * 16 + step("NONE") + b"."))
    assert "makes more than 1 MB of itself" in refused(written(tmp_path / "a.pt", start + AGAIN * 17 + b"."))


def test_a_storage_seen_again_and_again_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("roskdbench.data.pickles.MOST_MADE", 1 << 20)
    whole = torch.arange(BLOCK // 8)
    torch.save({str(number): whole[:] for number in range(16)}, tmp_path / "a.pt")
    assert len(read_arrays(tmp_path / "a.pt")) == 16
    torch.save({str(number): whole[:] for number in range(17)}, tmp_path / "a.pt")
    assert "makes more than 1 MB of itself" in refused(tmp_path / "a.pt")


def test_a_list_in_itself_is_no_array(tmp_path):
    loop = []
    loop.append(loop)
    data = pickle.dumps({"a": loop, "b": [1]}, protocol=4)
    assert list(read_arrays(written(tmp_path / "a.pt", data))) == ["b"]


def test_a_zip_that_unpacks_to_far_more_than_it_is_long_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(array_pickles, "MOST_BYTES", 1 << 20)
    path = a_zip(tmp_path / "a.pt", a_tensor("0", shape=(1 << 18,)), _0=bytes(8 << 18))
    assert path.stat().st_size < 1 << 14
    assert "unpacks to more than 1 MB" in refused(path)
    assert "unpacks to more than 1 MB" in refused(a_zip(tmp_path / "b.pt", bytes(2 << 20)))


def test_a_file_that_is_too_large_is_not_even_read(tmp_path, monkeypatch):
    monkeypatch.setattr(array_pickles, "MOST_BYTES", 1 << 10)
    assert "more than 1,024 bytes" in refused(written(tmp_path / "a.pt", bytes(2 << 10)))


def test_a_pickle_of_too_many_steps_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("roskdbench.data.pickles.MOST_STEPS", 100)
    assert "has more than 100 steps" in refused(written(tmp_path / "a.pt", pickle.dumps([1] * 200, protocol=2)))


# What is broken


@pytest.mark.parametrize("form", ["pickle", "zip", "old", "npy"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.97])
def test_a_file_that_was_cut_off_is_said_to_be_broken(tmp_path, form, share):
    path = tmp_path / "a.pt"
    content = {"a": np.arange(100), "b": np.ones((3, 4))}
    if form == "npy":
        np.save(path.open("wb"), content, allow_pickle=True)
    elif form == "pickle":
        path.write_bytes(pickle.dumps(content, protocol=4))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    data = path.read_bytes()
    assert "is not a whole file of arrays; get it again" in refused(written(path, data[: int(len(data) * share)]))


def test_any_bytes_are_refused_in_one_line(tmp_path):
    """Files with a few bytes changed give arrays or a line, never another error."""
    torch.save({"a": np.arange(3), "b": torch.arange(2)}, tmp_path / "z.pt")
    np.save(tmp_path / "n.npy", {"a": [np.int64(3)]}, allow_pickle=True)
    sources = [
        pickle.dumps({"a": np.arange(4)}, protocol=4),
        *(each.read_bytes() for each in sorted(tmp_path.iterdir())),
    ]
    random = np.random.default_rng(1)
    seen = collections.Counter()
    for turn in range(600):
        data = bytearray(sources[turn % len(sources)])
        for place in random.integers(0, len(data), random.integers(1, 4)):
            data[place] = random.integers(0, 256)
        try:
            read_arrays(written(tmp_path / "a.pt", bytes(data)))
            seen["read"] += 1
        except UserError as error:
            assert "\n" not in str(error)
            seen["refused"] += 1
    assert min(seen.values()) > 50


def test_a_file_that_is_not_there_is_said_to_be(tmp_path):
    assert "cannot read" in refused(tmp_path / "a.pt")


def test_a_zip_that_torch_did_not_write_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(3))
    assert "is a zip that torch did not write" in refused(tmp_path / "a.npz")

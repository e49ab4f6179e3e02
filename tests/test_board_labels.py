"""Labels, groups and the list of tested images of a board are those that its fingerprints were made from."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import TINY, command
from releases import write_medmnist

from roskdbench.board.adding import board_of
from roskdbench.board.again import Again, not_all_alike
from roskdbench.board.binding import on_trust
from roskdbench.board.content import PREDICTIONS, PROVENANCE, read_board, write_board
from roskdbench.board.merging import merge
from roskdbench.board.readme import page
from roskdbench.board.verifying import verify
from roskdbench.errors import UserError
from roskdbench.plugins import discover
from roskdbench.session import Session
from roskdbench.store import Store

SUITE = (
    TINY.replace("lesion: {dataset: phantom-lesion, size: 28, samples: 128}", "PROBLEM\n  unused: {dataset: isic2019}")
    .replace("    title: A tiny table\n", "    title: A tiny table\n    problems: [lesion]\n")
    .replace("epochs: 4", "epochs: 2")
    .replace("[3]", "[1]")
    .replace("[baseline-i, baseline-v, ros-kd]", "[baseline-i]")
)
PROBLEMS = {
    "drawn": "lesion: {dataset: phantom-lesion, size: 28, samples: 128}",
    "read": "lesion: {dataset: pneumoniamnist, size: 28}",
}


@pytest.fixture(scope="module", params=PROBLEMS)
def board(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    noise = "own" if request.param == "drawn" else "none"
    (folder / "tiny.yaml").write_text(SUITE.replace("PROBLEM", PROBLEMS[request.param]).replace("[own]", f"[{noise}]"))
    write_medmnist(folder / "pneumoniamnist.npz", counts=(60, 16, 24))
    data = [] if request.param == "drawn" else [f"lesion={folder / 'pneumoniamnist.npz'}"]
    results, progress = Session(folder / "tiny.yaml", folder / "store", data=data).run()
    assert progress.well
    made = board_of(results, Store(folder / "store"), "tester", discover())
    write_board(made, folder / "board", page(made, folder / "board"))
    return folder / "board"


@pytest.fixture
def copy(board, tmp_path):
    return shutil.copytree(board, tmp_path / "board")


def changed(folder, change):
    arrays = dict(np.load(folder / PREDICTIONS))
    change(arrays)
    np.savez_compressed(folder / PREDICTIONS, **arrays)
    return verify(read_board(folder), discover()).objections


def ending(arrays, end):
    return next(name for name in sorted(arrays) if name.endswith(end) and not name.startswith("data/"))


def test_an_honest_board_is_bound_to_its_labels(board):
    read = read_board(board)
    assert verify(read, discover()).objections == []
    assert "labels" not in on_trust(read)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_an_altered_label_is_found(copy, part):
    def alter(arrays):
        name = ending(arrays, f"/{part}/targets")
        arrays[name] = arrays[name].copy()
        arrays[name][0] = 1 - min(int(arrays[name][0]), 1)

    assert any(f"the targets of the {part} part are not those of" in line for line in changed(copy, alter))


def test_hard_images_that_were_left_out_are_missed(copy):
    def drop(arrays):
        for name in [name for name in arrays if "/test/" in name or name.endswith("/test")]:
            arrays[name] = arrays[name][2:]

    objections = changed(copy, drop)
    assert any("the targets of the test part are not those of" in line for line in objections)


def test_patients_that_were_told_apart_are_found(copy):
    def tell_apart(arrays):
        name = ending(arrays, "/test/groups")
        arrays[name] = np.arange(len(arrays[name]))[::-1].astype(np.int64)

    assert any("the groups of the test part" in line for line in changed(copy, tell_apart))


def test_a_row_that_points_at_a_split_of_its_own_is_found(copy):
    said = json.loads((copy / PROVENANCE).read_text())
    (own,) = {made["split"] for made in said["made"].values() if "split" in made}
    forged = "f" * 64
    for made in said["made"].values():
        made["split"] = forged
    (copy / PROVENANCE).write_text(json.dumps(said))

    def rename(arrays):
        for name in [name for name in arrays if name.startswith(own)]:
            arrays[name.replace(own, forged)] = arrays.pop(name)

    assert any("tested on another split than the suite gives" in line for line in changed(copy, rename))


def test_labels_of_the_data_that_were_altered_everywhere_are_found(copy):
    facts = json.loads((copy / PROVENANCE).read_text())
    if not facts["contents"]:
        pytest.skip("what is drawn is drawn again")

    def alter(arrays):
        name = "data/lesion/labels/targets"
        arrays[name] = arrays[name].copy()
        arrays[name][0] = 1 - arrays[name][0]

    (line,) = changed(copy, alter)
    assert line == "the labels of lesion are not those that its fingerprints were made from"


def test_a_board_without_its_datas_labels_says_so(copy):
    if not json.loads((copy / PROVENANCE).read_text())["contents"]:
        pytest.skip("what is drawn is drawn again")
    objections = changed(copy, lambda arrays: [arrays.pop(name) for name in list(arrays) if name.startswith("data/")])
    assert objections == ["the board does not carry the labels of lesion; hold it against the data: --data lesion=DIR"]
    assert on_trust(read_board(copy)).startswith("the labels of lesion")


def test_labels_that_were_altered_are_found_by_the_data_where_a_board_carries_none(copy, npz):
    """Whoever strips a board of its data's labels cannot make others pass."""
    if not json.loads((copy / PROVENANCE).read_text())["contents"]:
        pytest.skip("what is drawn is drawn again")

    def strip(arrays):
        for name in [name for name in arrays if name.startswith("data/")]:
            del arrays[name]

    changed(copy, strip)
    _, said = verified(copy, "--data", f"lesion={npz}")
    assert said.count(" no: ") == 1 and "the tables in README.md are not those" in said  # which say what is on trust
    assert "the labels of lesion" not in said

    def alter(arrays):
        name = ending(arrays, "/test/targets")
        arrays[name] = 1 - arrays[name]

    changed(copy, alter)
    code, said = verified(copy, "--data", f"lesion={npz}")
    assert code == 1 and "the targets of the test part are not those of the" in said


def test_cells_that_come_out_otherwise_beside_cells_with_the_same_bytes_are_named():
    def again(same, alike):
        cell = SimpleNamespace(method="RoS-KD", problem="lesion", seed=0)
        return Again(cell, same=same, away=0.01, alike=alike)

    assert not_all_alike([again(False, False), again(False, False)]) == []
    assert not_all_alike([again(True, True)]) == []
    (line,) = not_all_alike([again(True, True), again(False, False)])
    assert "where other cells have the same bytes" in line


def test_boards_that_disagree_about_labels_are_not_merged(board, copy):
    arrays = dict(np.load(copy / PREDICTIONS))
    name = ending(arrays, "/test/targets")
    arrays[name] = arrays[name][::-1]
    np.savez_compressed(copy / PREDICTIONS, **arrays)
    with pytest.raises(UserError, match="disagree about what both keep"):
        merge([read_board(board), read_board(copy)])


@pytest.fixture
def npz(board):
    return board.parent / "pneumoniamnist.npz"


def verified(folder, *words):
    done = command("leaderboard", "verify", folder, *words)
    return done.returncode, " ".join(done.stdout.split()) + done.stderr


def test_the_data_and_trainings_done_again_speak_for_an_honest_board(board, npz):
    real = bool(read_board(board).contents)
    code, said = verified(board, *(["--data", f"lesion={npz}"] if real else []), "--retrain", 1)
    assert code == 0, said
    assert "Trained again: Baseline I on lesion (seed 0): the same bytes" in said
    assert "the images" not in said  # drawn, or held against the data
    assert ("the images" in verified(board)[1]) == real


def test_a_training_done_again_speaks_against_logits_that_were_made_up(copy, npz):
    def make_up(arrays):
        for name in [name for name in arrays if name.endswith("/test") and arrays[name].ndim == 2]:
            arrays[name] = arrays[name][:, ::-1].copy()

    real = bool(read_board(copy).contents)
    objections = changed(copy, make_up)
    assert objections  # the numbers are others, too: a forger would compute them again
    code, said = verified(copy, *(["--data", f"lesion={npz}"] if real else []), "--retrain", 1)
    assert code == 1 and "came out otherwise" in said


def test_other_data_than_the_boards_are_named(board, npz, tmp_path):
    if not read_board(board).contents:
        code, said = verified(board, "--data", f"lesion={npz}")
        assert code == 2 and "is drawn" in said
        return
    write_medmnist(tmp_path / "pneumoniamnist.npz", counts=(60, 16, 26))
    code, said = verified(board, "--data", f"lesion={tmp_path / 'pneumoniamnist.npz'}")
    assert code == 1 and "are not those that the board was made on" in said
    code, said = verified(board, "--retrain", 1)
    assert code == 2 and "--data lesion=DIR" in said

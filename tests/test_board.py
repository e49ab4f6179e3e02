"""A board says what its predictions say: what was tampered with, is of another suite, or could run code is refused."""

import csv
import io
import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT, TINY, boards_that_come_along, command
from sklearn.metrics import f1_score, roc_auc_score

from roskdbench.board.adding import board_of
from roskdbench.board.content import FILES, PREDICTIONS, PROVENANCE, README, RESULTS, Board, read_board, write_board
from roskdbench.board.merging import merge, submit
from roskdbench.board.readme import page
from roskdbench.board.verifying import verify
from roskdbench.errors import UserError
from roskdbench.measuring.attacks.names import CHECKS
from roskdbench.plan import plan
from roskdbench.plugins import bundled_registry, discover
from roskdbench.report.contents import tables_of
from roskdbench.report.formats.markdown import markdown
from roskdbench.results import COLUMNS, collect
from roskdbench.runs import Stated, write_record
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.walk import run

MEASURE, PERTURBATION, METRIC, VALUE, COUNT, FINGERPRINT = (
    COLUMNS.index(name) for name in ("measure", "perturbation", "metric", "value", "n", "fingerprint")
)

MEASURES = """    beside: [cost, seconds]
    measures:
      - scores
      - calibration
      - memorisation
      - {measure: landscape, points: 3, images: 8}
      - {measure: attacks, attacks: [fgsm linf 2/255], images: 10, checked: 8}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run with every measure, its folder, store and board."""
    folder = tmp_path_factory.mktemp("board")
    (folder / "tiny.yaml").write_text(TINY.replace("baseline-i, ", "") + MEASURES)
    store = Store.at(folder / "store")
    planned = plan(read_suite(folder / "tiny.yaml"), discover())
    assert run(planned, store).well
    write_record(planned, store, discover(), (), {})
    results = collect(planned, store)
    board = board_of(results, store, "tester", discover())
    write_board(board, folder / "board", page(board, folder / "board"))
    return folder, store, results, board


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made[0] / "board", tmp_path / "board")


def test_a_board_says_what_the_run_says(made):
    folder, _, results, _ = made
    read = read_board(folder / "board")
    ours, theirs = ([markdown([table]) for table in tables_of(each, "main")] for each in (results, read.results()))
    assert ours == theirs
    assert all(float(labels[-1]) > 0 for labels, _ in tables_of(read.results(), "main")[0].rows)  # seconds
    assert ours[0].strip() in (folder / "board" / README).read_text()


def test_a_board_knows_what_its_methods_are_not_for_and_which_rate_is_their_own(tmp_path):
    (tmp_path / "odd.yaml").write_text(TINY.replace("baseline-v, ros-kd", "mld, swa"))
    declared = read_suite(tmp_path / "odd.yaml")
    planned = plan(declared, discover())
    board = Board(declared, planned.cells, [], {}, {})
    assert board._planned({}).undefined == [("main", "lesion", "MLD", "single-label problems")]
    assert board._planned({}).remarks == {"main": ["SWA: a learning rate of its own (cyclic)."]}
    elsewhere = discover()
    del elsewhere.families["method"]["mld"]
    assert replace(board, registry=elsewhere)._planned({}).remarks == {}


def test_its_numbers_can_be_had_from_its_files_alone(made):
    folder, *_ = made
    rows = list(csv.DictReader((folder / "board" / RESULTS).open()))
    said = json.loads((folder / "board" / PROVENANCE).read_text())
    with np.load(folder / "board" / PREDICTIONS, allow_pickle=False) as arrays:
        for cell in said["cells"]:
            logits, split = arrays[f"{cell['scores']}/test"], said["made"][cell["scores"]]["split"]
            truth = arrays[f"{split}/test/targets"]
            own = {(row["metric"], row["class"]): row["value"] for row in rows if row["fingerprint"] == cell["scores"]}
            wanted = f1_score(truth, logits.argmax(1), average="macro", labels=range(8), zero_division=0)
            assert float(own["f1-macro", ""]) == pytest.approx(wanted)
            assert float(own["auc", "NV"]) == pytest.approx(roc_auc_score(truth == 1, softmax(logits)[:, 1]))


def softmax(logits):
    shifted = np.exp(logits.astype(float) - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)


def test_an_honest_board_is_verified(made):
    folder, *_ = made
    verdict = verify(read_board(folder / "board"), discover())
    assert verdict.objections == []
    assert verdict.recomputed > 200
    measures = {row[MEASURE] for row in read_board(folder / "board").rows}
    assert measures == {"scores", "calibration", "memorisation", "landscape", "attacks"}
    assert verdict.trusted + verdict.recomputed == len(read_board(folder / "board").rows)


def test_the_same_run_gives_the_same_bytes_and_no_paths(made, tmp_path):
    folder, store, results, _ = made
    board = board_of(results, store, "tester", discover())
    write_board(board, tmp_path / "again", page(board, tmp_path / "again"))
    for name in FILES:
        one, two = ((place / name).read_bytes() for place in (folder / "board", tmp_path / "again"))
        assert one == two, name
        assert str(folder).encode() not in one


def rewrite(path, change):
    rows = list(csv.reader(path.open()))
    change(rows)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    path.write_text(out.getvalue())


def test_a_tampered_number_is_named(copy):
    def raise_one(rows):
        row = next(row for row in rows if (row[METRIC], row[MEASURE], row[2]) == ("f1-macro", "scores", "RoS-KD"))
        row[VALUE] = "0.99"

    rewrite(copy / RESULTS, raise_one)
    done = command("leaderboard", "verify", copy)
    assert done.returncode == 1
    assert "no: RoS-KD on lesion (main, fold 0, seed 0), scores: f1-macro (clean) is 0.99 on the board" in done.stdout


@pytest.mark.parametrize(
    ("measure", "perturbation", "metric", "said"),
    [
        ("calibration", "none", "ece", "ece (clean)"),
        ("attacks", "none", "auc-macro", "auc-macro (clean)"),
        ("attacks", "fgsm", "auc-macro", "auc-macro (fgsm linf 2/255)"),
    ],
)
def test_other_numbers_are_held_against_predictions_too(copy, measure, perturbation, metric, said):
    def raise_one(rows):
        wanted = (measure, perturbation, metric)
        row = next(row for row in rows if (row[MEASURE], row[PERTURBATION], row[METRIC]) == wanted)
        row[VALUE] = str(float(row[VALUE]) + 0.01)

    rewrite(copy / RESULTS, raise_one)
    (objection,) = verify(read_board(copy), discover()).objections
    assert said in objection


def without_checks(rows):
    rows[:] = [row for row in rows if row[METRIC] not in CHECKS]


def other_counts(rows):
    next(row for row in rows if (row[METRIC], row[MEASURE]) == ("f1-macro", "scores"))[COUNT] = "999999"


@pytest.mark.parametrize(("change", "said"), [(without_checks, "checks of its attacks"), (other_counts, "999999")])
def test_what_stands_beside_the_numbers_cannot_be_changed_either(copy, change, said):
    rewrite(copy / RESULTS, change)
    objections = verify(read_board(copy), discover()).objections
    assert objections
    assert all(said in line for line in objections)


@pytest.mark.parametrize(("column", "other"), [("measure", "nothing"), ("subject", "teacher"), ("member", 2)])
def test_a_number_cannot_be_put_where_no_table_looks(copy, column, other):
    """A seed that went badly would leave the mean of its row."""
    board = read_board(copy)
    place = COLUMNS.index(column)
    first = board.rows[0][COLUMNS.index("fingerprint")]
    board.rows = [
        (*row[:place], other, *row[place + 1 :]) if row[COLUMNS.index("fingerprint")] == first else row
        for row in board.rows
    ]
    said = verify(board, bundled_registry()).objections
    assert any("some results stand under another measure, or as another model's" in each for each in said)


def test_claims_of_merged_boards_stand_since_the_latest_of_them(made, second):
    """And of a board that had none, all numbers may have been known."""
    mine, other = replace(made[3]), replace(second)
    early, late = Stated("a > b in f1", "2026-01-01", 0, 3), Stated("a > b in f1", "2026-02-02", 2, 3)
    mine.stated, other.stated = {"both": early, "mine": early}, {"both": late}
    merged = merge([mine, other]).stated
    assert merged["both"] == late
    assert merged["mine"] == replace(early, computed=len(other.cells), cells=3 + len(other.cells))


def test_a_row_that_goes_by_another_methods_name_is_named(copy):
    said = json.loads((copy / PROVENANCE).read_text())
    for cell in said["cells"]:
        cell["registered"] = "ros-kd"
    (copy / PROVENANCE).write_text(json.dumps(said))
    (objection,) = verify(read_board(copy), discover()).objections
    assert "tells otherwise of it" in objection


@pytest.mark.parametrize(("fact", "value"), [("cost", 0), ("cost", 0.5), ("family", ""), ("points", [["t", 1]])])
def test_what_a_row_costs_and_is_listed_under_cannot_be_left_out(copy, fact, value):
    said = json.loads((copy / PROVENANCE).read_text())
    said["cells"][0][fact] = value
    (copy / PROVENANCE).write_text(json.dumps(said))
    (objection,) = verify(read_board(copy), discover()).objections
    assert "tells otherwise of it" in objection


def test_tampered_predictions_are_noticed(copy):
    with np.load(copy / PREDICTIONS) as archive:
        arrays = {name: archive[name] for name in archive.files}
    name = next(name for name in arrays if name.endswith("/test") and arrays[name].ndim == 2)
    arrays[name] = arrays[name][::-1]
    np.savez_compressed(copy / PREDICTIONS, **arrays)
    assert verify(read_board(copy), discover()).objections


def test_a_row_that_was_left_out_and_one_that_was_added_are_named(copy):
    rewrite(copy / RESULTS, lambda rows: rows.pop(1))
    (objection,) = verify(read_board(copy), discover()).objections
    assert objection.endswith("is missing")
    rewrite(copy / RESULTS, lambda rows: rows.append([*rows[1][:7], "9", *rows[1][8:]]))
    assert any(
        "a cell that the board does not have" in line for line in verify(read_board(copy), discover()).objections
    )


def test_a_row_of_another_suite_version_is_named(copy):
    said = json.loads((copy / PROVENANCE).read_text())
    said["suite"]["protocol"]["epochs"] = 5
    (copy / PROVENANCE).write_text(json.dumps(said))
    objections = verify(read_board(copy), discover()).objections
    assert len(objections) == 2
    assert all("another version of the suite" in line for line in objections)


def test_a_method_whose_code_is_another_is_named(copy):
    said = json.loads((copy / PROVENANCE).read_text())
    for made in said["made"].values():
        if "code" in made:
            made["code"] = {"other": "f" * 64}
    for cell in said["cells"]:
        new = "0" * 64 if cell["method"] == "RoS-KD" else cell["scores"]
        said["made"][new] = said["made"][cell["scores"]]
        cell["scores"] = cell["measurements"][0]["fingerprint"] = new
    text = (copy / PROVENANCE).read_text()
    old = next(cell["scores"] for cell in json.loads(text)["cells"] if cell["method"] == "RoS-KD")
    (copy / PROVENANCE).write_text(json.dumps(said))
    rewrite(
        copy / RESULTS, lambda rows: [row.__setitem__(FINGERPRINT, "0" * 64) for row in rows if row[FINGERPRINT] == old]
    )
    with np.load(copy / PREDICTIONS) as archive:
        arrays = {name.replace(old, "0" * 64): archive[name] for name in archive.files}
    np.savez_compressed(copy / PREDICTIONS, **arrays)
    assert verify(read_board(copy), discover()).objections == [
        "RoS-KD on lesion (main, fold 0, seed 0): its method's code here is another"
    ]


def test_numbers_cannot_be_called_something_that_needs_a_model(copy):
    said = json.loads((copy / PROVENANCE).read_text())
    attacks = {fingerprint for fingerprint, made in said["made"].items() if made.get("kind") == "attacks"}
    assert attacks
    for fingerprint in attacks:
        said["made"][fingerprint]["kind"] = "landscape"
    for each in (each for cell in said["cells"] for each in cell["measurements"]):
        each["measure"] = "landscape" if each["measure"] == "attacks" else each["measure"]
    (copy / PROVENANCE).write_text(json.dumps(said))
    rewrite(
        copy / RESULTS, lambda rows: [row.__setitem__(VALUE, "0.999") for row in rows if row[FINGERPRINT] in attacks]
    )
    assert verify(read_board(copy), discover()).objections


def test_measures_and_cells_cannot_be_left_out(copy):
    said = json.loads((copy / PROVENANCE).read_text())
    whole = json.dumps(said)
    for cell in said["cells"]:
        del cell["measurements"][1:]
    (copy / PROVENANCE).write_text(json.dumps(said))
    assert any("other measures" in line for line in verify(read_board(copy), discover()).objections)
    said = json.loads(whole)
    del said["cells"][0]
    (copy / PROVENANCE).write_text(json.dumps(said))
    assert any("and the board does not" in line for line in verify(read_board(copy), discover()).objections)


def test_a_page_that_says_other_numbers_is_not_handed_in(copy, tmp_path):
    text = (copy / README).read_text()
    (copy / README).write_text(text.replace("| RoS-KD | ", "| RoS-KD | 9", 1))
    with pytest.raises(UserError, match=r"the tables in README\.md are not those of its results"):
        submit(read_board(copy), copy, discover(), tmp_path / "entry.zip")
    assert "no: the tables in README.md" in command("leaderboard", "verify", copy).stdout


def test_damaged_predictions_are_one_line(copy):
    data = bytearray((copy / PREDICTIONS).read_bytes())
    random = np.random.default_rng(0)
    for _ in range(40):
        broken = bytearray(data)
        start = int(random.integers(0, len(data) - 40))
        broken[start : start + 40] = bytes(40)
        (copy / PREDICTIONS).write_bytes(broken)
        try:
            read_board(copy)
        except UserError as error:
            assert PREDICTIONS in str(error) and "\n" not in str(error)


def test_a_payload_that_could_run_code_is_refused(copy):
    np.savez(copy / PREDICTIONS, evil=np.array([{"a": 1}], dtype=object))
    done = command("leaderboard", "verify", copy)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "holds pickled objects" in line
    assert "it is refused" in line


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (PREDICTIONS, "no archive", "is not a whole npz file"),
        (PROVENANCE, "{", "cannot be read: Expecting"),
        (PROVENANCE, '{"version": 9}', "is of version 9"),
        (RESULTS, "a,b\n1,2\n", "has other columns than a board's"),
        (RESULTS, None, "is no board: results.csv is missing"),
        (RESULTS, ",".join(COLUMNS) + "\n" + "x" * 200_000 + "\n", "cannot be read: field larger"),
        (PROVENANCE, "[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_board_is_one_line(copy, name, text, said):
    (copy / name).write_text(text) if text is not None else (copy / name).unlink()
    with pytest.raises(UserError, match=said):
        read_board(copy)


@pytest.mark.parametrize(("key", "value"), [("noise", [[1, 2]]), ("noise", [["a", "b", "c", "d"]]), ("made", {"a": 1})])
def test_provenance_of_another_shape_is_one_line(copy, key, value):
    said = json.loads((copy / PROVENANCE).read_text())
    (copy / PROVENANCE).write_text(json.dumps(said | {key: value}))
    with pytest.raises(UserError, match="cannot be read as one of ours"):
        read_board(copy)


def test_a_board_without_labels_is_not_merged(made, copy):
    said = json.loads((copy / PROVENANCE).read_text())
    for facts in said["made"].values():
        facts.pop("split", None)
    (copy / PROVENANCE).write_text(json.dumps(said))
    with pytest.raises(UserError, match="no usable predictions"):
        merge([made[3], read_board(copy)])


def test_what_cannot_be_read_or_written_is_one_line(copy, tmp_path):
    done = command("leaderboard", "submit", copy, "--out", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot write" in done.stderr
    (copy / README).write_bytes(b"\xff\xfe" + (copy / README).read_bytes())
    for verb in ("verify", "submit"):
        done = command("leaderboard", verb, copy)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "README.md is not text in UTF-8" in done.stderr


def test_what_people_write_around_the_tables_stays(made, tmp_path):
    _, _, _, board = made
    folder = tmp_path / "board"
    write_board(board, folder, page(board, folder))
    readme = folder / README
    readme.write_text("# Ours\n\nA word before.\n\n" + readme.read_text() + "\nA word after.\n")
    text = page(board, folder)
    assert text.startswith("# Ours\n\nA word before.")
    assert text.rstrip().endswith("A word after.")
    assert text.count("### A tiny table\n") == 1


def other_seed(made, tmp_path, change=lambda text: text):
    folder, store, _, _ = made
    path = tmp_path / "other.yaml"
    path.write_text(change((folder / "tiny.yaml").read_text() + "    seeds: [1]\n"))
    planned = plan(read_suite(path), discover())
    assert run(planned, store).well
    return board_of(collect(planned, store), store, "another", discover())


@pytest.fixture(scope="module")
def second(made, tmp_path_factory):
    return other_seed(made, tmp_path_factory.mktemp("second"))


@pytest.mark.slow
def test_two_peoples_boards_become_one(made, second, tmp_path):
    _, _, _, board = made
    merged = merge([board, second])
    assert merged.suite.experiments["main"].seeds == [0, 1]
    assert len(merged.rows) == len(board.rows) + len(second.rows)
    assert [entry["by"] for entry in merged.entries] == ["tester", "another"]
    write_board(merged, tmp_path / "merged", page(merged, tmp_path / "merged"))
    read = read_board(tmp_path / "merged")
    assert verify(read, discover()).objections == []
    assert "±" in (tmp_path / "merged" / README).read_text()
    again = merge([read, board])
    assert len(again.rows) == len(merged.rows)


@pytest.mark.slow
def test_boards_of_other_suites_are_not_merged(made, second):
    _, _, _, board = made
    protocol = second.suite.protocol.model_copy(update={"epochs": 9})
    second_suite = second.suite
    second.suite = second_suite.model_copy(update={"protocol": protocol})
    with pytest.raises(UserError, match="the boards are of other suites"):
        merge([board, second])
    second.suite = second_suite


def test_boards_that_disagree_about_a_cell_are_not_merged(made):
    folder, _, _, board = made
    other = read_board(folder / "board")
    other.cells = [replace(cell, scores="0" * 64) for cell in other.cells]
    with pytest.raises(UserError, match="the boards disagree about"):
        merge([board, other])


def test_boards_whose_machines_disagree_are_not_merged(made):
    folder, _, _, board = made
    other = read_board(folder / "board")
    name = f"{other.cells[0].scores}/test"
    other.arrays[name] = other.arrays[name] + 0.25
    with pytest.raises(UserError, match="the same job came out differently"):
        merge([board, other])
    other = read_board(folder / "board")
    place = next(place for place, row in enumerate(other.rows) if row[METRIC] == "f1-macro")
    other.rows[place] = (*other.rows[place][:VALUE], 0.5, *other.rows[place][VALUE + 1 :])
    with pytest.raises(UserError, match="the same job came out differently"):
        merge([board, other])
    assert len(merge([board, read_board(folder / "board")]).rows) == len(board.rows)


def test_a_board_that_is_right_becomes_one_file(made, tmp_path):
    folder, *_ = made
    target = submit(read_board(folder / "board"), folder / "board", discover(), tmp_path / "entry.zip")
    with zipfile.ZipFile(target) as archive:
        assert sorted(archive.namelist()) == sorted(f"tiny/{name}" for name in FILES)
        assert archive.read(f"tiny/{RESULTS}") == (folder / "board" / RESULTS).read_bytes()


def test_what_is_handed_in_can_be_checked_without_the_one_who_made_it(tmp_path):
    """A row of a method of one's own goes with the method's file."""
    mine = tmp_path / "mine"
    mine.mkdir()
    source = (
        "from roskdbench import Method, register\n\n\n@register('mine')\nclass Mine(Method):\n"
        "    '''Mine: twice the loss.'''\n\n    def loss(self, batch):\n        return 2 * batch.hard_loss()\n"
    )
    (mine / "mine.py").write_text(source)
    (tmp_path / "tiny.yaml").write_text(TINY.replace("baseline-i, baseline-v, ros-kd", "mine, baseline-i"))
    planned, store = plan(read_suite(tmp_path / "tiny.yaml"), discover([mine])), Store.at(tmp_path / "store")
    assert run(planned, store, plugin_folders=(mine,)).well
    board = board_of(collect(planned, store), store, "me", discover([mine]))
    write_board(board, tmp_path / "board", page(board, tmp_path / "board"))
    target = submit(read_board(tmp_path / "board"), tmp_path / "board", discover([mine]), tmp_path / "entry.zip")
    with zipfile.ZipFile(target) as archive:
        archive.extractall(tmp_path / "theirs")
    shutil.rmtree(mine)
    theirs = tmp_path / "theirs"
    assert sorted(path.name for path in (theirs / "plugins").iterdir()) == ["mine.py"]
    done = command("leaderboard", "verify", theirs / "tiny", "--plugins", theirs / "plugins")
    assert done.returncode == 0, done.stdout


def test_a_part_of_a_suite_is_no_board(made):
    folder, store, _, _ = made
    suite = read_suite(folder / "tiny.yaml")
    twice = suite.model_copy(update={"experiments": {**suite.experiments, "other": suite.experiments["main"]}})
    planned = plan(twice, discover(), ["main"])
    with pytest.raises(UserError, match="leaves out other, and a board is of a whole suite"):
        board_of(collect(planned, store), store, "me", discover())


def test_a_board_that_is_wrong_does_not(copy, tmp_path):
    rewrite(copy / RESULTS, lambda rows: rows.pop(1))
    done = command("leaderboard", "submit", copy, "--out", tmp_path / "entry.zip")
    assert done.returncode == 2
    assert "the board is not ready: " in done.stderr
    assert not (tmp_path / "entry.zip").exists()


def test_the_commands_from_a_run_to_a_merged_board(made, tmp_path):
    folder, *_ = made
    done = command("leaderboard", "add", folder / "tiny.yaml", "--store", folder / "store", "--by", "me", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    board = tmp_path / "leaderboards" / "tiny"
    assert sorted(path.name for path in board.iterdir()) == sorted(FILES)
    assert (
        command("leaderboard", "verify", "tiny", cwd=tmp_path).stdout == command("leaderboard", "verify", board).stdout
    )
    done = command("leaderboard", "verify", board)
    assert done.returncode == 0, done.stdout
    assert "ok: the board is what its predictions" in done.stdout
    done = command("leaderboard", "add", folder / "tiny.yaml", "--store", folder / "store", "--by", "me", cwd=tmp_path)
    assert "leaderboards/tiny is replaced; what was written around its tables stays" in done.stdout
    done = command("leaderboard", "merge", board, board, "--to", tmp_path / "merged")
    assert done.returncode == 0, done.stderr
    assert command("leaderboard", "merge", board, "--to", tmp_path / "x").returncode == 2


def test_a_run_with_gaps_is_no_board(made, tmp_path):
    folder, store, _, _ = made
    planned = plan(read_suite(folder / "tiny.yaml", ["experiments.main.seeds=[5]"]), discover())
    with pytest.raises(UserError, match="have no numbers"):
        board_of(collect(planned, store), store, "me", discover())


@pytest.mark.parametrize("name", boards_that_come_along())
def test_the_boards_that_come_along_can_be_believed(name):
    """A rule of tables that changes, or a fingerprint, has to reach the boards, too."""
    done = command("leaderboard", "verify", ROOT / "leaderboards" / name)
    assert done.returncode == 0, done.stdout + done.stderr

"""What radiologists said of ChestX-ray14 is compared with the NIH's findings by the written table, and with nothing
else.
"""

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from releases import write_csv

from roskdbench.data.datasets import catalogue
from roskdbench.data.problem import TEST, TRAIN, TRAIN_OR_VALIDATION, VALIDATION
from roskdbench.data.radiologists import COVERED, are_readings, as_findings, joined, read_readings
from roskdbench.datasets.chestxray14 import FOURTEEN, ChestXray14
from roskdbench.datasets.chestxray14_radiologists import BOTH, FILES, ChestXray14Radiologists
from roskdbench.errors import UserError

COLUMNS = ["Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass"]
TEST_FILE, VALIDATION_FILE = (FILES[part][0] for part in ("test", "validation"))


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nih")
    ChestXray14Radiologists.generate(folder, 32, 0)
    return folder


@pytest.fixture
def release(generated, tmp_path):
    return shutil.copytree(generated, tmp_path / "release", copy_function=os.link)


def listed(spec, root):
    return catalogue("mine", spec, root)


def refusal(spec, root):
    with pytest.raises(UserError) as error:
        listed(spec, root)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("problem 'mine': ")
    return str(error.value)


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def rewrite(path, change):
    """The same table with some rows changed."""
    rows = rows_of(path)
    changed = change(rows) or rows
    path.unlink()  # it is a link to the generated one
    write_csv(path, list(changed[0]), [list(row.values()) for row in changed])


# The table


def test_a_no_denies_all_that_is_covered_and_a_yes_no_more_than_it_says():
    own = {"": [], "N": ["Nodule"], "M": ["Mass"], "NM": ["Nodule", "Mass"], "C": ["Consolidation", "Pneumothorax"]}
    cases = [  # the NIH's, the three answers, what is known then
        ("", (0, 0, 0), {"Pneumothorax": 0, "Nodule": 0, "Mass": 0, **dict.fromkeys(COVERED["Airspace opacity"], 0)}),
        ("C", (1, 1, -1), {"Pneumothorax": 1}),
        ("N", (-1, -1, 1), {"Nodule": 1}),
        ("M", (-1, -1, 1), {"Mass": 1}),
        ("NM", (-1, -1, 1), {}),
        ("", (-1, -1, 1), {}),
        ("NM", (-1, -1, 0), {"Nodule": 0, "Mass": 0}),
        ("C", (0, -1, -1), {"Pneumothorax": 0}),
        ("C", (-1, 0, -1), dict.fromkeys(["Consolidation", "Infiltration", "Pneumonia", "Edema"], 0)),
        ("C", (-1, -1, -1), {}),
    ]
    findings = np.array([[name in own[key] for name in FOURTEEN] for key, _, _ in cases], np.uint8)
    found = as_findings(np.array([each for _, each, _ in cases], np.int8), findings, FOURTEEN)
    for row, (_, _, known) in enumerate(cases):
        assert {name: value for name, value in zip(FOURTEEN, found[row].tolist(), strict=True) if value >= 0} == known


def test_findings_are_joined_where_any_that_is_covered_is_there():
    findings = np.eye(len(FOURTEEN), dtype=np.uint8)
    said = {
        name: tuple(np.array(list(COVERED))[row == 1])
        for name, row in zip(FOURTEEN, joined(findings, FOURTEEN), strict=True)
    }
    assert {name: each for name, each in said.items() if each} == {
        "Pneumothorax": ("Pneumothorax",),
        "Consolidation": ("Airspace opacity",),
        "Infiltration": ("Airspace opacity",),
        "Pneumonia": ("Airspace opacity",),
        "Edema": ("Airspace opacity",),
        "Nodule": ("Nodule or mass",),
        "Mass": ("Nodule or mass",),
    }


# As a second label set


def corrected_by_hand(readings, row, classes):
    """The same table once more, cell by cell."""
    own = row["Finding Labels"].split("|")
    answer = readings.get(row["Image Index"])
    cells = []
    for name in classes:
        said = -1
        if answer is not None and name == "Pneumothorax":
            said = int(answer["Pneumothorax"] == "YES")
        elif answer is not None and name in ("Consolidation", "Infiltration", "Pneumonia", "Edema"):
            said = 0 if answer["Airspace opacity"] == "NO" else -1
        elif answer is not None and name in ("Nodule", "Mass"):
            other = {"Nodule": "Mass", "Mass": "Nodule"}[name]
            if answer["Nodule or mass"] == "NO":
                said = 0
            elif name in own and other not in own:
                said = 1
        cells.append(said)
    return cells


@pytest.mark.parametrize("labels", ["eight", "fourteen"])
def test_their_file_is_recognised_as_corrected_labels_by_its_columns(release, labels):
    path = release / TEST_FILE
    found = listed(ChestXray14(labels=labels, corrected=path), release)
    readings = {row["Image Index"]: row for row in rows_of(path)}
    wanted = [
        corrected_by_hand(readings, row, found.labels.classes) for row in rows_of(release / "Data_Entry_2017_v2020.csv")
    ]
    assert np.array_equal(found.labels.corrected, wanted)
    assert f"radiologists agreed on for {len(readings)} films" in found.remark
    assert ("Consolidation, Infiltration, Pneumonia or Edema" in found.remark) == (labels == "fourteen")


def test_the_nihs_own_column_in_their_file_is_not_taken_for_their_labels(release):
    """It says what the labels that are to be corrected say, so nothing would differ."""
    own = ["Image Index", "Finding Labels"]
    rows = [[row[name] for name in own] for row in rows_of(release / TEST_FILE)]
    write_csv(release / "own.csv", own, rows)
    assert "none differs from the problem's own" in refusal(ChestXray14(corrected=release / "own.csv"), release)
    assert (listed(ChestXray14(corrected=release / TEST_FILE), release).labels.corrected == 1).any()


@pytest.mark.parametrize("column", ["Image Index", "Image ID"])
def test_columns_that_are_not_needed_may_be_missing_and_the_image_has_two_names(release, column):
    kept = ["Pneumothorax", "Airspace opacity", "Nodule or mass"]
    rows = [[row["Image Index"], *(row[name].lower() for name in kept)] for row in rows_of(release / TEST_FILE)]
    write_csv(release / "short.csv", [column, *kept], rows, separator=";", bom=True)
    short, whole = (
        listed(ChestXray14(corrected=release / name), release).labels.corrected for name in ("short.csv", TEST_FILE)
    )
    assert np.array_equal(short, whole)


def test_a_film_of_which_nothing_is_said_is_not_counted(release):
    rewrite(release / TEST_FILE, lambda rows: [row.update(dict.fromkeys(COLUMNS, "")) for row in rows[:4]] and None)
    rows = rows_of(release / TEST_FILE)
    found = listed(ChestXray14(corrected=release / TEST_FILE), release)
    assert f"for {len(rows) - 4} films" in found.remark
    names = [row["Image Index"] for row in rows[:4]]
    assert (found.labels.corrected[[found.images.names.index(name) for name in names]] == -1).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda rows: rows[2].update({"Pneumothorax": "HEDGE"}),
            f"{TEST_FILE}:4: Pneumothorax is 'HEDGE'; it should be",
        ),
        (
            lambda rows: rows[0].update({"Set Id": "train"}),
            f"{TEST_FILE}:2: Set Id is 'train'; it should be test or val",
        ),
        (lambda rows: rows.append(dict(rows[0])), "was listed before, on line 2"),
        (lambda rows: [row.update({"Reader ID": "1"}) for row in rows] and None, "what each radiologist said (column"),
        (
            lambda rows: [{k.replace("Nodule or", "Nodule and"): v for k, v in row.items()} for row in rows],
            "there is no column 'Nodule or mass'; did you mean 'Nodule and mass'?",
        ),
        (
            lambda rows: [row.update({"Image Index": f"x{n}"}) for n, row in enumerate(rows)] and None,
            "lists none of the",
        ),
    ],
)
def test_what_is_wrong_in_their_file_is_one_line(release, change, said):
    rewrite(release / TEST_FILE, change)
    assert said in refusal(ChestXray14(corrected=release / TEST_FILE), release)


def test_other_label_files_are_not_theirs(release, tmp_path):
    assert are_readings(release / TEST_FILE)
    assert not are_readings(release / "Data_Entry_2017_v2020.csv")
    (tmp_path / "broken.csv.gz").write_bytes(b"not gzip")
    (tmp_path / "latin.csv").write_bytes(b"\xff\xfe")
    assert not any(are_readings(tmp_path / name) for name in ("broken.csv.gz", "latin.csv", "absent.csv"))
    assert "is not a whole gzip file" in refusal(ChestXray14(corrected=tmp_path / "broken.csv.gz"), release)


# As a dataset

RADIOLOGISTS = ChestXray14Radiologists(size=32)


def test_films_that_they_read_have_their_labels_and_others_the_nihs(release):
    found = listed(RADIOLOGISTS, release)
    labels = found.labels
    assert labels.classes == ("Pneumothorax", "Airspace opacity", "Nodule or mass")
    parts = {TEST: rows_of(release / TEST_FILE), VALIDATION: rows_of(release / VALIDATION_FILE)}
    read = {row["Image Index"]: (part, row) for part, rows in parts.items() for row in rows}
    covered = [{"Pneumothorax"}, {"Consolidation", "Infiltration", "Pneumonia", "Edema"}, {"Nodule", "Mass"}]
    entries = {row["Image Index"]: row for row in rows_of(release / "Data_Entry_2017_v2020.csv")}
    assert set(read) < set(found.images.names) < set(entries)
    for name, targets, part in zip(found.images.names, labels.targets.tolist(), labels.parts.tolist(), strict=True):
        if name in read:
            said = read[name][1]
            assert part == read[name][0]
            assert targets == [said[each] == "YES" for each in labels.classes]
        else:
            own = set(entries[name]["Finding Labels"].split("|"))
            assert part == TRAIN
            assert targets == [bool(own & each) for each in covered]
    assert labels.uncertain is None
    assert labels.corrected is None


def test_patients_and_attributes_are_those_of_chestxray14(release):
    found, whole = listed(RADIOLOGISTS, release), listed(ChestXray14(size=32), release)
    places = [whole.images.names.index(name) for name in found.images.names]
    assert {name: [column[place] for place in places] for name, column in whole.attributes.items()} == found.attributes
    assert set(found.attributes) == {"sex", "age", "view"}
    patients = whole.labels.groups[places]
    assert len(set(zip(patients.tolist(), found.labels.groups.tolist(), strict=True))) == len(set(patients.tolist()))


def test_no_patient_is_in_two_parts_and_their_other_films_are_left_out(release):
    found = listed(RADIOLOGISTS, release)
    patient_of = {row["Image Index"]: row["Patient ID"] for row in rows_of(release / "Data_Entry_2017_v2020.csv")}
    parts = {}
    for name, part in zip(found.images.names, found.labels.parts.tolist(), strict=True):
        parts.setdefault(patient_of[name], set()).add(part)
    assert all(len(each) == 1 for each in parts.values())
    read = {row["Image Index"] for name in (TEST_FILE, VALIDATION_FILE) for row in rows_of(release / name)}
    theirs = {patient_of[name] for name in read}
    gone = set(patient_of) - set(found.images.names)
    assert gone == {name for name, patient in patient_of.items() if patient in theirs and name not in read}
    assert gone
    assert f"{len(gone)} other films of these patients are left out" in found.remark


def test_without_the_validation_file_a_share_of_training_is_held_back(release):
    (release / VALIDATION_FILE).unlink()
    found = listed(RADIOLOGISTS, release)
    assert set(found.labels.parts.tolist()) == {TRAIN_OR_VALIDATION, TEST}
    assert "The test labels are radiologists'" in found.remark


def test_the_remark_says_how_often_the_nihs_labels_differ(release):
    rows = rows_of(release / TEST_FILE)
    pneumothorax = np.mean(
        [(row["Pneumothorax"] == "YES") != ("Pneumothorax" in row["Finding Labels"]) for row in rows]
    )
    remark = listed(RADIOLOGISTS, release).remark
    assert f"differ from them in {pneumothorax:.1%} (Pneumothorax), " in remark
    assert "Airspace opacity is Consolidation, Infiltration, Pneumonia or Edema" in remark


def test_both_files_may_lie_in_their_folder_or_be_one(release, tmp_path_factory):
    whole = listed(RADIOLOGISTS, release).labels
    rows = [row for name in (TEST_FILE, VALIDATION_FILE) for row in rows_of(release / name)]
    for part in FILES:
        (release / FILES[part][1]).parent.mkdir(exist_ok=True)
        shutil.move(release / FILES[part][0], release / FILES[part][1])
    apart = listed(RADIOLOGISTS, release).labels
    shutil.rmtree((release / FILES["test"][1]).parent)
    write_csv(release / BOTH, list(rows[0]), [list(row.values()) for row in rows])
    one = listed(RADIOLOGISTS, release).labels
    for found in (apart, one):
        assert np.array_equal(found.targets, whole.targets)
        assert np.array_equal(found.parts, whole.parts)


def test_an_empty_answer_is_not_known_and_not_a_no(release):
    rewrite(release / TEST_FILE, lambda rows: rows[0].update({"Airspace opacity": ""}))
    found = listed(RADIOLOGISTS, release)
    row = found.images.names.index(rows_of(release / TEST_FILE)[0]["Image Index"])
    assert found.labels.uncertain.sum() == 1
    assert found.labels.uncertain[row].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda root: (root / TEST_FILE).unlink(),
            f"has no {TEST_FILE} or {FILES['test'][1]} or {BOTH}, the file with",
        ),
        (
            lambda root: rewrite(root / TEST_FILE, lambda rows: rows[0].update({"Image Index": "00000099_000.png"})),
            "images is not in the NIH's: 00000099_000.png",
        ),
        (
            lambda root: rewrite(root / TEST_FILE, lambda rows: rows[0].update({"Set Id": "val"})),
            f"{TEST_FILE}:2: a film of validation in the file of test",
        ),
        (
            lambda root: rewrite(
                root / VALIDATION_FILE,
                lambda rows: rows[0].update({"Image Index": rows_of(root / TEST_FILE)[0]["Image Index"]}),
            ),
            "is in both files of radiologists",
        ),
        (
            lambda root: rewrite(
                root / "Data_Entry_2017_v2020.csv",
                lambda rows: [row.update({"Patient ID": "1"}) for row in rows if row["Patient ID"] == "2"] and None,
            ),
            "the radiologists' files: patient 1 is in more than one part",
        ),
        (
            lambda root: rewrite(
                root / TEST_FILE, lambda rows: [r.update(dict.fromkeys(COLUMNS, "")) for r in rows] and None
            ),
            "none of the films that radiologists read for the test part is in",
        ),
        (lambda root: shutil.copy(root / TEST_FILE, root / BOTH), f"has both {TEST_FILE} and {BOTH}"),
        (
            lambda root: (
                rewrite(root / TEST_FILE, lambda rows: [{**row, "Set Id": ""} for row in rows]),
                shutil.move(root / TEST_FILE, root / BOTH),
            ),
            f"{BOTH}:2: Set Id is ''; it should be test or val",
        ),
        (
            lambda root: (
                rewrite(root / TEST_FILE, lambda rows: [{k: row[k] for k in list(row)[:-1]} for row in rows]),
                shutil.move(root / TEST_FILE, root / BOTH),
            ),
            f"{BOTH}:2: there is no column 'Set Id' that says test or val",
        ),
    ],
)
def test_what_is_wrong_in_a_release_is_one_line(release, change, said):
    change(release)
    assert said in refusal(RADIOLOGISTS, release)


def test_only_the_official_split_makes_sense():
    with pytest.raises(ValueError, match="official"):
        ChestXray14Radiologists(split="ours")


def test_the_folder_of_chestxray14_will_do(tmp_path):
    assert ChestXray14Radiologists.found_under(tmp_path) is None
    (tmp_path / "chestxray14").mkdir()
    assert ChestXray14Radiologists.found_under(tmp_path) == tmp_path / "chestxray14"
    (tmp_path / "chestxray14-radiologists").mkdir()
    assert ChestXray14Radiologists.found_under(tmp_path) == tmp_path / "chestxray14-radiologists"


def test_the_same_seed_generates_the_same_release(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        ChestXray14Radiologists.generate(tmp_path / name, 8, seed)
    one, other, third = ((tmp_path / name / TEST_FILE).read_bytes() for name in "abc")
    assert one == other != third


# The published labels, where they are

BASE = Path(os.environ.get("ROSKDBENCH_DATA", "/nowhere")) / "chestxray14"


@pytest.fixture(scope="module")
def published():
    path = next((place for ending in ("", ".gz") if (place := BASE / f"{BOTH}{ending}").is_file()), None)
    if path is None:
        pytest.skip(f"ROSKDBENCH_DATA has no chestxray14/{BOTH}")
    return path


def test_the_published_answers_have_the_counts_that_their_givers_name(published):
    readings = read_readings(published)
    assert (readings.parts.count("test"), readings.parts.count("validation")) == (1962, 2414)
    assert (readings.answers == 1).sum(0).tolist() == [238, 2166, 605]
    assert (readings.answers == 0).sum(0).tolist() == [4138, 2210, 3771]


def test_the_published_answers_speak_for_the_table(published):
    """Of films with one finding alone, in how many they see an opacity: often for those that it covers, and less often
    where the lung has collapsed; as the table's module says.
    """
    table = pd.read_csv(published)
    share = table.assign(seen=table["Airspace opacity"] == "YES").groupby("Finding Labels")["seen"].mean()
    assert {name: round(float(share[name]), 2) for name in COVERED["Airspace opacity"]} == {
        "Consolidation": 0.77,
        "Infiltration": 0.64,
        "Pneumonia": 0.67,
        "Edema": 0.62,
    }
    assert (round(float(share["Atelectasis"]), 2), round(float(share["No Finding"]), 2)) == (0.41, 0.29)

"""One's own images: what a label file, or the paths, say of each is taken as it was meant, and doubts are said."""

import gzip
import json
import re
import time

import numpy as np
import pandas as pd
import pytest
from conftest import TINY
from releases import write_csv
from sklearn.metrics import adjusted_rand_score

from roskdbench.data.attributes import Attributes
from roskdbench.data.content import declaration
from roskdbench.data.datasets import catalogue
from roskdbench.data.labelfile import read_label_file
from roskdbench.data.noise import flips, noisy_labels
from roskdbench.data.problem import TEST, TRAIN, VALIDATION
from roskdbench.data.splits import holdout, official
from roskdbench.datasets.folder import Folder
from roskdbench.errors import UserError
from roskdbench.plugins import bundled_registry
from roskdbench.suite import read_suite
from roskdbench.suite.noise import NoNoise, OwnNoise
from roskdbench.suite.problems import Dataset

OWN, CLEAN = OwnNoise(kind="own"), NoNoise(kind="none")
PATIENT = r"patient(\d+)"


def listed(root, **options):
    return catalogue("mine", Dataset.read({"dataset": "folder", **options}, bundled_registry()), root)


def refusal(root, **options):
    with pytest.raises(UserError) as error:
        listed(root, **options)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("problem 'mine': ")
    return str(error.value)


def suite_refusal(tmp_path, problem):
    """What reading a suite with this problem says, and that it says it of the line that the problem is on."""
    text = TINY.replace("{dataset: phantom-lesion, size: 28, samples: 128}", problem).replace("[own]", "[none]")
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        read_suite(tmp_path / "mine.yaml")
    assert "\n" not in str(error.value)
    assert "mine.yaml:4: problems.lesion" in str(error.value)
    return str(error.value)


def touch(root, names):
    """Empty files: a catalogue looks whether images are there, not into them."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def table(root, rows, name="labels.csv"):
    """A CSV of these rows (dictionaries), and an empty file for each image."""
    frame = pd.DataFrame(rows)
    write_csv(root / name, list(frame.columns), frame.astype(str).values.tolist())
    touch(root, frame["image"])
    return frame


def same_groups(found, wanted):
    return adjusted_rand_score(list(wanted), found) == 1


# CheXpert's train.csv, as someone reads it who takes it for any CSV.

VIEWS = ["Frontal", "Lateral", "Frontal"]


@pytest.fixture
def chexpert(tmp_path):
    random = np.random.default_rng(0)
    rows = [
        {
            "image": f"small/{'valid' if number % 5 == 0 else 'train'}/patient{number // 3:05}/study1/view{number}.jpg",
            "Sex": ["Male", "Female", "Unknown"][number // 3 % 3],
            "Age": [90, 17, 58, 0, 40][number % 5] if number else "old",
            "Frontal/Lateral": VIEWS[number % 3],
            "Edema": ["1.0", "0.0", "-1.0", ""][random.integers(4)],
            "Fracture": ["1.0", "", ""][random.integers(3)],
        }
        for number in range(60)
    ]
    return tmp_path, table(tmp_path, rows)


FINDINGS = {"csv": "labels.csv", "labels": ["Edema", "Fracture"]}


def test_a_group_is_found_in_the_path(chexpert):
    root, frame = chexpert
    found = listed(root, **FINDINGS, group={"path": PATIENT})
    wanted = frame["image"].str.extract(PATIENT, expand=False)
    assert same_groups(found.labels.groups, wanted)
    assert len(set(found.labels.groups.tolist())) == 20
    split = holdout(found.labels, 0.6, 0.2, 0.2, seed=0)
    parts = [set(wanted[rows]) for rows in (split.train, split.validation, split.test)]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]


def test_attributes_come_from_columns_and_from_the_path(chexpert):
    root, frame = chexpert
    asked = {
        "sex": "Sex",
        "age": {"column": "Age", "bands": True},
        "place": {"path": "^small/([a-z]+)/"},
        "tenth": {"path": "view(?:[0-9]|1(.)|.*)\\.jpg"},
    }
    found = listed(root, **FINDINGS, group={"path": PATIENT}, attributes=asked)
    assert found.attributes["sex"] == frame["Sex"].replace({"Male": "male", "Female": "female"}).tolist()
    ages = pd.to_numeric(frame["Age"], errors="coerce")
    bands = pd.cut(ages, [0, 20, 40, 60, 80, 121], right=False).cat.codes  # -1 where it is no age
    number = {text: code for code, text in enumerate(["0 to 19", "20 to 39", "40 to 59", "60 to 79", "80 and more"])}
    assert [number.get(text, -1) for text in found.attributes["age"]] == bands.tolist()
    assert found.attributes["place"] == frame["image"].str.split("/").str[1].tolist()
    assert "Values of 'age' that are no age, such as 'old', count as not known: 1." in found.remark
    assert found.attributes["tenth"] == ["" if n < 10 or n > 19 else str(n % 10) for n in range(60)]
    assert Attributes.of(found.attributes).members("sex").keys() == {"male", "female", "Unknown"}


def test_a_part_is_found_in_the_path_and_keeps_groups_together(chexpert):
    root, _ = chexpert
    asked = {**FINDINGS, "split": "official", "part": {"path": "/(train|valid)/"}}
    labels = listed(root, **asked).labels
    assert np.array_equal(labels.parts == VALIDATION, np.arange(60) % 5 == 0)
    assert "part: 00000, 00001, 00003, … are in more than one part" in refusal(root, **asked, group={"path": PATIENT})


def test_rows_are_filtered_by_what_columns_say_and_counted(chexpert):
    root, frame = chexpert
    found = listed(root, **FINDINGS, group={"path": PATIENT}, only={"Frontal/Lateral": "Frontal"})
    assert found.images.names == frame.query("`Frontal/Lateral` == 'Frontal'")["image"].tolist()
    assert "20 of 60 rows are left out, as only Frontal/Lateral: Frontal is asked for." in found.remark
    both = listed(root, **FINDINGS, only={"Frontal/Lateral": "Frontal", "Sex": ["Male", "Unknown"]})
    wanted = frame.query("`Frontal/Lateral` == 'Frontal' and Sex in ['Male', 'Unknown']")
    assert both.images.names == wanted["image"].tolist()
    assert np.array_equal(both.labels.targets[:, 0], wanted["Edema"] == "1.0")
    assert "as only Frontal/Lateral: Frontal and Sex: Male, Unknown is asked for." in both.remark
    blank = listed(root, **FINDINGS, only={"Fracture": ""})
    assert blank.images.names == frame.query("Fracture == ''")["image"].tolist()
    assert "as only Fracture: blank is asked for." in blank.remark


def test_images_of_rows_that_are_left_out_need_not_be_there(chexpert):
    root, frame = chexpert
    for name in frame.query("`Frontal/Lateral` == 'Lateral'")["image"]:
        (root / name).unlink()
    assert "20 of 60 images are not in" in refusal(root, **FINDINGS)
    assert len(listed(root, **FINDINGS, only={"Frontal/Lateral": "Frontal"}).labels) == 40


def test_a_filter_takes_numbers_and_truths_as_files_write_them(tmp_path):
    rows = [{"image": f"{n}.png", "kind": "ab"[n % 2], "of": f"{n % 3}.0", "good": str(n < 24)} for n in range(36)]
    frame = table(tmp_path, rows)
    base = {"csv": "labels.csv", "label": "kind"}
    found = listed(tmp_path, **base, only={"of": [1, 2.0], "good": True}).images.names
    assert found == frame[frame["of"].isin(["1.0", "2.0"]) & (frame["good"] == "True")]["image"].tolist()
    assert "no row has '3' in the column 'of'; known: 0.0, 1.0, 2.0" in refusal(tmp_path, **base, only={"of": 3})


def test_an_image_may_stand_on_several_rows_of_which_one_is_taken(tmp_path):
    rows = [{"image": f"{n // 3}.png", "kind": "ab"[n % 2], "reader": f"R{n % 3}"} for n in range(36)]
    table(tmp_path, rows)
    base = {"csv": "labels.csv", "label": "kind"}
    assert "labels.csv:3: '0.png' was listed before, on line 2" in refusal(tmp_path, **base)
    found = listed(tmp_path, **base, only={"reader": "R1"})
    assert found.labels.targets.tolist() == [(3 * n + 1) % 2 for n in range(12)]
    said = refusal(tmp_path, **base, only={"reader": ["R1", "R2"]})
    assert "labels.csv:4: '0.png' was listed before, on line 3" in said


def test_blank_and_uncertain_cells_are_counted_and_said(chexpert):
    root, frame = chexpert
    found = listed(root, **FINDINGS, group={"path": PATIENT})
    cells = frame[["Edema", "Fracture"]].to_numpy()
    blank, unsure = int((cells == "").sum()), int((cells == "-1.0").sum())
    assert blank > 40 and unsure > 5
    assert found.remark == (
        f"{blank} of 120 label cells are blank and count as 0. {unsure} of 120 label cells are -1 (uncertain)."
    )
    assert np.array_equal(found.labels.uncertain, cells == "-1.0")
    assert np.array_equal(found.labels.targets, cells == "1.0")
    assert np.array_equal(found.blank, cells == "")


def test_a_table_without_doubts_has_no_remark(tmp_path):
    table(tmp_path, [{"image": f"{n}.png", "a": n % 2, "b": 1} for n in range(12)])
    assert listed(tmp_path, csv="labels.csv", labels=["a", "b"]).remark == ""


# Groups that nobody named


@pytest.mark.parametrize("column", ["patient", "patient_id", "Patient ID", "subject_id", "lesion_id", "PatientID"])
def test_a_column_that_looks_like_a_group_is_pointed_out(tmp_path, column):
    table(tmp_path, [{"image": f"{n}.png", "kind": "ab"[n % 2], column: f"p{n // 3}"} for n in range(12)])
    remark = listed(tmp_path, csv="labels.csv", label="kind").remark
    assert remark == f"No group is given, and the column '{column}' looks like one: say group: {column}."
    assert listed(tmp_path, csv="labels.csv", label="kind", group=column).remark == ""


@pytest.mark.parametrize("column", ["patient_age", "Patient Sex", "lesion", "study", "image_id", "case_history"])
def test_other_columns_are_not_taken_for_groups(tmp_path, column):
    table(tmp_path, [{"image": f"{n}.png", "kind": "ab"[n % 2], column: f"p{n // 3}"} for n in range(12)])
    assert listed(tmp_path, csv="labels.csv", label="kind").remark == ""
    table(tmp_path, [{"image": f"{n}.png", "patient": "ab"[n % 2]} for n in range(12)])
    assert listed(tmp_path, csv="labels.csv", label="patient").remark == "", "it is what is to be learnt"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("train/patient{:05}/study1/{}.jpg", r"such as patient00000: say group: {path: '(patient\d+)/'}"),
        ("files/p10/p10{:06}/s5/{}.dcm", r"such as p10000000: say group: {path: '(p\d{6,})/'}"),
        ("{1}/Subject_{0}/{1}.png", r"such as Subject_0: say group: {path: '(Subject_\d+)/'}"),
        ("train/person{}_bacteria_{}.jpeg", r"such as person0: say group: {path: '(person\d+)_'}"),
        ("sub-{0}/sub-{0}_ses-{1}.png", r"such as sub-0: say group: {path: '(sub-\d+)/'}"),
    ],
)
def test_paths_that_hold_a_group_are_pointed_out_and_what_is_said_works(tmp_path, form, said):
    names = [form.format(n // 3, n) for n in range(30)]
    table(tmp_path, [{"image": name, "kind": "ab"[n % 2]} for n, name in enumerate(names)])
    base = {"csv": "labels.csv", "label": "kind"}
    found = listed(tmp_path, **base)
    assert said in found.remark and found.remark.startswith("No group is given, and most paths hold one, ")
    assert len(set(found.labels.groups.tolist())) == 30
    pattern = re.search("path: '(.+)'", found.remark)[1]
    grouped = listed(tmp_path, **base, group={"path": pattern})
    assert same_groups(grouped.labels.groups, np.arange(30) // 3)
    assert grouped.remark == ""


def test_names_that_end_otherwise_are_all_found(tmp_path):
    names = [f"case{n}_a.png" if n % 2 else f"case{n}-a.png" for n in range(12)]
    table(tmp_path, [{"image": name, "kind": "ab"[n % 3 > 0]} for n, name in enumerate(names)])
    remark = listed(tmp_path, csv="labels.csv", label="kind").remark
    assert remark.endswith(r"say group: {path: '(case\d+)[_-]'}.")
    listed(tmp_path, csv="labels.csv", label="kind", group={"path": re.search("path: '(.+)'", remark)[1]})


@pytest.mark.parametrize("nothing", ["NA", "nan", "null", "N/A", "None"])
def test_a_group_that_is_what_programs_write_for_none_is_none(tmp_path, nothing):
    rows = [{"image": f"{n}.png", "kind": "ab"[n % 2], "who": nothing if n < 8 else f"p{n}"} for n in range(12)]
    table(tmp_path, rows)
    found = listed(tmp_path, csv="labels.csv", label="kind", group="who")
    assert len(set(found.labels.groups.tolist())) == 12
    assert found.remark.startswith("8 of 12 images name no group")


def test_a_file_that_ends_in_the_middle_of_a_row_was_cut(tmp_path):
    """Also where all that is needed of the row is there."""
    table(tmp_path, [{"image": f"{n}.png", "kind": "ab"[n % 2], "site": "A", "note": "x"} for n in range(12)])
    path = tmp_path / "labels.csv"
    whole = path.read_text().rstrip()
    path.write_text(whole.removesuffix(",A,x"))
    said = refusal(tmp_path, csv="labels.csv", label="kind")
    assert said.endswith("labels.csv:13: the last row has 2 cells, and every other 4 or more: the file was cut")
    path.write_text("\n".join([whole.splitlines()[0], *(line.removesuffix(",A,x") for line in whole.splitlines()[1:])]))
    assert len(listed(tmp_path, csv="labels.csv", label="kind").labels) == 12


def test_one_image_under_two_spellings_is_listed_twice(tmp_path):
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "0.png").touch()
    for name in ("./img/0.png", "img//0.png", "img/../img/0.png"):
        table(tmp_path, [{"image": each, "kind": kind} for each, kind in (("img/0.png", "a"), (name, "b"))])
        assert "'img/0.png' was listed before" in refusal(tmp_path, csv="labels.csv", label="kind")


def test_a_path_with_backslashes_says_how_paths_are_written(tmp_path):
    table(tmp_path, [{"image": f"{n}.png", "kind": "ab"[n % 2]} for n in range(12)])
    path = tmp_path / "labels.csv"
    path.write_text(path.read_text().replace("0.png", "img\\0.png", 1))
    said = refusal(tmp_path, csv="labels.csv", label="kind")
    assert said.endswith("img\\0.png; paths are written with / and not with \\")


def test_half_of_the_paths_are_not_most(tmp_path):
    names = [f"patient{n}/a.png" if n % 2 else f"others/{n}.png" for n in range(12)]
    table(tmp_path, [{"image": name, "kind": "ab"[n % 3 > 0]} for n, name in enumerate(names)])
    assert listed(tmp_path, csv="labels.csv", label="kind").remark == ""


def test_what_groups_are_is_known_where_one_is_given():
    table = {"csv": "labels.csv", "label": "kind"}
    assert Folder(**table).grouped_by is None
    assert Folder().grouped_by is None
    assert Folder(**table, group="who").grouped_by == "group"
    assert Folder(group={"path": PATIENT}).grouped_by == "group"


# Folders of classes


def test_patterns_work_on_folders_of_classes(tmp_path):
    names = [f"{'ab'[n % 2]}/ward{n % 3}/patient{n // 2}_{'test' if n < 8 else 'train'}.dcm" for n in range(24)]
    touch(tmp_path, names)
    found = listed(
        tmp_path,
        split="official",
        group={"path": PATIENT},
        part={"path": "_([a-z]+)[.]"},
        attributes={"hospital": {"path": "/(ward[0-9])/"}},
    )
    assert found.images.names == sorted(names)
    frame = pd.DataFrame({"name": found.images.names})
    assert same_groups(found.labels.groups, frame["name"].str.extract(PATIENT, expand=False))
    assert np.array_equal(found.labels.parts == TEST, frame["name"].str.contains("test"))
    assert found.attributes["hospital"] == frame["name"].str.split("/").str[1].tolist()
    assert found.remark == ""


def test_training_and_testing_are_parts_and_not_classes(tmp_path):
    touch(tmp_path, [f"{part}/{kind}/{n}.png" for part in ("Training", "Testing") for kind in "ab" for n in range(8)])
    found = listed(tmp_path, split="official")
    assert found.labels.classes == ("a", "b")
    assert (found.labels.parts == TEST).sum() == (found.labels.parts == TRAIN).sum() == 16
    assert listed(tmp_path).labels.classes == ("a", "b")


def test_classes_that_hold_the_same_folders_are_pointed_out(tmp_path):
    touch(
        tmp_path,
        [f"{site}/{kind}/{n}.png" for site in ("north", "south") for kind in ("ill", "well") for n in range(6)],
    )
    remark = "holds the same ones, ill, well: if these are the classes, let root be one of north, south."
    assert listed(tmp_path).remark == f"Each class's folder {remark}"
    assert listed(tmp_path, attributes={"ward": {"path": "(ill|well)"}}).remark == ""
    (tmp_path / "south" / "none.png").touch()
    assert listed(tmp_path).remark == ""


@pytest.mark.parametrize(
    "form", ["{}/masks/{}.png", "{}/{} (1)_mask.png", "{}/{}_mask_1.png", "{}/{}_Segmentation.png"]
)
def test_masks_beside_images_are_not_images(tmp_path, form):
    touch(tmp_path, [f"{kind}/images/{n}.png" for kind in "ab" for n in range(6)])
    assert len(listed(tmp_path).labels) == 12
    touch(tmp_path, [form.format(kind, n) for kind in "ab" for n in range(6)])
    assert "12 of 24 images are masks by their names (a/" in refusal(tmp_path)


def test_images_that_are_all_masks_are_images(tmp_path):
    touch(tmp_path, [f"{kind}/{n}_mask.png" for kind in "ab" for n in range(6)])
    assert len(listed(tmp_path).labels) == 12


def test_folders_of_patients_in_folders_of_classes_are_pointed_out(tmp_path):
    touch(tmp_path, [f"{kind}/patient{n // 2}/{n}.png" for kind in "ab" for n in range(8)])
    assert r"such as patient0: say group: {path: '(patient\d+)/'}" in listed(tmp_path).remark


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"group": {"path": r"patient(\d\d)"}},
            r"group: 1 of 24 paths does not match 'patient(\d\d)': b/patient5_23.png",
        ),
        (
            {"group": {"path": r"patient\d(\d?)"}},
            r"group: 1 of 24 paths does not match 'patient\d(\d?)': b/patient5_23.png",
        ),
        (
            {"attributes": {"ward": {"path": r"(ward\d)"}}},
            r"the attribute 'ward': 24 of 24 paths do not match '(ward\d)': a/patient10_0.png, a/patient12_2.png, ",
        ),
        (
            {"split": "official", "part": {"path": "_([0-9])"}},
            "a/patient10_0.png: the part is '0'; it should be train, validation (or val) or test",
        ),
    ],
)
def test_a_path_that_does_not_match_is_named(tmp_path, options, said):
    touch(tmp_path, [*(f"{'ab'[n % 2]}/patient{10 + n}_{n}.png" for n in range(23)), "b/patient5_23.png"])
    assert said in refusal(tmp_path, **options)


def test_a_part_beside_folders_of_parts_is_refused(tmp_path):
    touch(tmp_path, [f"{part}/{kind}/{n}.png" for part in ("train", "test") for kind in "ab" for n in range(4)])
    said = refusal(tmp_path, split="official", part={"path": "^([a-z]+)/"})
    assert "has folders for parts, so what 'part' finds in the path is not needed; leave it out" in said


# Clean, noisy and corrected labels in one file


def test_clean_and_noisy_classes_stand_in_one_file(tmp_path):
    random = np.random.default_rng(1)
    clean, drawn = random.integers(0, 3, 60), random.integers(0, 3, 60)
    kinds = np.array(["ant", "bee", "cow"])
    frame = table(tmp_path, {"image": [f"{n}.png" for n in range(60)], "clean": kinds[clean], "web": kinds[drawn]})
    labels = listed(tmp_path, csv="labels.csv", label="clean", noisy_label="web").labels
    assert np.array_equal(labels.targets, clean)
    assert np.array_equal(noisy_labels(OWN, labels, random), drawn)
    assert np.array_equal(noisy_labels(CLEAN, labels, random), clean)
    assert np.array_equal(flips(labels, labels.noisy_targets), frame["clean"] != frame["web"])


def test_clean_and_noisy_findings_stand_in_one_file(tmp_path):
    random = np.random.default_rng(2)
    clean, noisy = (random.choice(["1", "0", "", "-1"], (60, 2), p=[0.4, 0.4, 0.1, 0.1]) for _ in range(2))
    columns = {"a": clean[:, 0], "b": clean[:, 1], "nlp b": noisy[:, 1], "nlp a": noisy[:, 0]}
    table(tmp_path, {"image": [f"{n}.png" for n in range(60)], **columns})
    found = listed(tmp_path, csv="labels.csv", labels=["a", "b"], noisy_labels=["nlp a", "nlp b"])
    labels, unsure = found.labels, (clean == "-1") | (noisy == "-1")
    assert np.array_equal(labels.targets, clean == "1")
    seen = noisy_labels(OWN, labels, random)
    assert np.array_equal(np.isnan(seen), unsure)
    assert np.array_equal(seen[~unsure] == 1, noisy[~unsure] == "1")
    assert np.array_equal(flips(labels, seen), ((noisy == "1") != (clean == "1")) & ~unsure)
    blank, ignored = (noisy == "").sum(), (noisy == "-1").sum()
    assert f"{blank} of 120 noisy label cells are blank and count as 0. " in found.remark
    assert f"{ignored} of 120 noisy label cells are -1 (ignored)." in found.remark


def test_noisy_findings_that_are_all_known_stay_whole_numbers(tmp_path):
    table(tmp_path, [{"image": f"{n}.png", "a": n % 2, "b": n % 3 > 0} for n in range(12)])
    labels = listed(tmp_path, csv="labels.csv", labels=["a"], noisy_labels=["b"]).labels
    assert labels.noisy_targets.dtype == np.uint8
    assert labels.noisy_targets[:, 0].tolist() == [int(n % 3 > 0) for n in range(12)], "True and False are 1 and 0"


def test_a_suite_may_train_on_the_noisy_column(tmp_path):
    problem = "{dataset: folder, csv: labels.csv, label: clean, noisy_label: web}"
    text = TINY.replace("{dataset: phantom-lesion, size: 28, samples: 128}", problem)
    (tmp_path / "mine.yaml").write_text(text)
    assert read_suite(tmp_path / "mine.yaml").problems["lesion"].has_noisy_copy
    (tmp_path / "mine.yaml").write_text(text.replace(", noisy_label: web", ""))
    with pytest.raises(UserError, match="problem 'lesion' has no noisy copy of its own"):
        read_suite(tmp_path / "mine.yaml")


def test_corrected_classes_stand_in_the_same_file(tmp_path):
    rows = [{"image": f"{n}.png", "kind": "ab"[n % 2], "expert": ["", "a", "b"][n % 3]} for n in range(30)]
    table(tmp_path, rows)
    labels = listed(tmp_path, csv="labels.csv", label="kind", corrected_label="expert").labels
    assert labels.corrected.tolist() == [n % 3 - 1 for n in range(30)]


def test_corrected_findings_stand_in_the_same_file_and_equal_those_of_a_second_file(tmp_path):
    random = np.random.default_rng(3)
    own, expert = random.choice(["1", "0", ""], (40, 2)), random.choice(["1", "0", "", "-1"], (40, 2))
    names = [f"{n}.png" for n in range(40)]
    table(tmp_path, {"image": names, "a": own[:, 0], "b": own[:, 1], "x": expert[:, 0], "y": expert[:, 1]})
    write_csv(tmp_path / "second.csv", ["image", "a", "b"], [[n, *row] for n, row in zip(names, expert, strict=True)])
    base = {"csv": "labels.csv", "labels": ["a", "b"]}
    found = listed(tmp_path, **base, corrected_labels=["x", "y"]).labels.corrected
    assert np.array_equal(found == -1, (expert == "") | (expert == "-1"))
    assert np.array_equal(found == 1, expert == "1")
    second = listed(tmp_path, **base, corrected=tmp_path / "second.csv")
    assert np.array_equal(second.labels.corrected, found)
    assert "second label set" not in second.remark


def test_a_second_file_is_found_where_the_suite_says_or_else_with_the_data(tmp_path):
    root, suites = tmp_path / "data", tmp_path / "suites"
    table(root, [{"image": f"{n}.png", "kind": "ab"[n % 2]} for n in range(12)])
    suites.mkdir()
    problem = f"{{dataset: folder, root: {root}, csv: labels.csv, label: kind, corrected: experts/second.csv}}"
    text = TINY.replace("{dataset: phantom-lesion, size: 28, samples: 128}", problem).replace("[own]", "[none]")
    (suites / "mine.yaml").write_text(text)
    spec = read_suite(suites / "mine.yaml").problems["lesion"]
    with pytest.raises(UserError) as error:
        catalogue("mine", spec, root)
    place = suites / "experts" / "second.csv"
    assert f"the second label set is neither {place} nor second.csv in {root}" in str(error.value)
    write_csv(root / "experts" / "second.csv", ["image", "kind"], [["0.png", "b"], ["1.png", ""]])
    found = catalogue("mine", spec, root)
    assert found.labels.corrected.tolist() == [1] + [-1] * 11
    assert found.remark == "The second label set is experts/second.csv in the folder of the data."
    write_csv(place, ["image", "kind"], [["1.png", "a"]])
    found = catalogue("mine", spec, root)
    assert found.labels.corrected.tolist() == [-1, 0] + [-1] * 10
    assert found.remark == ""


def test_the_label_file_itself_is_not_a_second_label_set(tmp_path):
    table(tmp_path, [{"image": f"{n}.png", "kind": "ab"[n % 2]} for n in range(12)])
    said = refusal(tmp_path, csv="labels.csv", label="kind", corrected=tmp_path / "nowhere" / "labels.csv")
    assert "the second label set is neither" in said


# Hugging Face image folders


def json_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), "utf-8")


@pytest.fixture
def image_folder(tmp_path):
    """A metadata.jsonl in each part's folder, its paths beginning there. Returns what stands in all of them."""
    frames = []
    for part, count in (("test", 10), ("train", 20), ("validation", 6)):
        rows = [
            {"file_name": f"{n}.png", "label": n % 2, "who": f"{part}{n // 2}", "boxes": [[n]], "good": n % 3 > 0}
            for n in range(count)
        ]
        json_lines(tmp_path / part / "metadata.jsonl", rows)
        touch(tmp_path / part, [row["file_name"] for row in rows])
        frames.append(pd.DataFrame(rows).assign(part=part))
    return tmp_path, pd.concat(frames, ignore_index=True)


PARTED = {"csv": "metadata.jsonl", "label": "label", "group": "who"}


def test_folders_of_parts_with_their_own_metadata_are_the_official_split(image_folder):
    root, frame = image_folder
    labels = listed(root, **PARTED, split="official")
    assert labels.images.names == (frame["part"] + "/" + frame["file_name"]).tolist()
    assert labels.images.paths[0] == root / "test" / "0.png"
    number = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    assert labels.labels.parts.tolist() == frame["part"].map(number).tolist()
    assert labels.labels.classes == ("0", "1")
    assert labels.labels.targets.tolist() == frame["label"].tolist()
    assert same_groups(labels.labels.groups, frame["who"])
    split = official(labels.labels, 0.2, seed=0)
    assert [len(part) for part in (split.train, split.validation, split.test)] == [20, 6, 10]
    ours = listed(root, **PARTED).labels
    assert ours.parts is None and len(ours) == 36


def test_one_metadata_file_for_all_says_the_parts_by_its_paths(image_folder):
    root, frame = image_folder
    rows = [
        {"file_name": f"./{part}/{name}", "label": c} for part, name, c in frame[["part", "file_name", "label"]].values
    ]
    json_lines(root / "metadata.jsonl", rows)
    labels = listed(root, csv="metadata.jsonl", label="label", split="official").labels
    assert np.array_equal(labels.parts == TEST, frame["part"] == "test")
    (root / "1.png").touch()
    json_lines(root / "metadata.jsonl", [*rows, {"file_name": "1.png", "label": 1}])
    said = refusal(root, csv="metadata.jsonl", label="label", split="official")
    assert (
        "goes by the folders train, validation (or val) and test, and 1 of 37 images is in none of them: 1.png" in said
    )


def test_metadata_may_be_a_csv_and_be_filtered(image_folder):
    root, frame = image_folder
    for part, rows in frame.groupby("part"):
        (root / part / "metadata.jsonl").unlink()
        rows.drop(columns=["part", "boxes"]).to_csv(root / part / "metadata.csv", index=False)
    found = listed(root, **{**PARTED, "csv": "metadata.csv"}, split="official", only={"good": True})
    assert len(found.labels) == frame["good"].sum()
    said = refusal(root, **{**PARTED, "csv": "metadata.csv"}, only={"good": "yes"})
    assert "only: no row has 'yes' in the column 'good'; known: False, True" in said


def test_a_part_without_metadata_is_named(image_folder):
    root, _ = image_folder
    (root / "test" / "metadata.jsonl").unlink()
    said = refusal(root, **PARTED)
    assert "test without metadata.jsonl, and train, validation with it; each part needs its own" in said


def test_what_is_wrong_in_one_of_several_files_is_named_with_its_folder(image_folder):
    root, _ = image_folder
    path = root / "test" / "metadata.jsonl"
    path.write_text(path.read_text().replace('"label": 1', '"label": null', 1))
    assert "test/metadata.jsonl:2: no class; every row needs one" in refusal(root, **PARTED)
    path.write_text(path.read_text().replace('"1.png"', '"0.png"', 1))
    assert "test/metadata.jsonl:2: 'test/0.png' was listed before, on line 1" in refusal(root, **PARTED)


def test_json_lines_and_a_csv_of_the_same_rows_say_the_same(tmp_path):
    rows = [
        {"image": "ä 1.png", "a": 1, "b": True, "note": 'x, "y"\u2028z'},
        {"note": None, "b": False, "a": 0.0, "image": " 2.png "},
        {"image": "3.png", "a": -1, "b": None, "note": "1e5", "boxes": {"deep": [1]}},
    ]
    json_lines(tmp_path / "labels.jsonl", rows)
    (tmp_path / "labels.csv").write_text(
        'image,a,b,note\nä 1.png,1,true,"x, ""y""\u2028z"\n2.png,0.0,false,\n3.png,-1,,1e5\n'
    )
    text = (tmp_path / "labels.jsonl").read_text("utf-8")
    (tmp_path / "zipped.jsonl.gz").write_bytes(
        gzip.compress(b"\xef\xbb\xbf\n" + text.replace("\n", "\r\n\r\n").encode())
    )
    want = read_label_file(tmp_path / "labels.csv", ["image", "a", "b"], "image", optional=["note", "nothing"])
    for name, lines in (("labels.jsonl", [1, 2, 3]), ("zipped.jsonl.gz", [2, 4, 6])):
        found = read_label_file(tmp_path / name, ["image", "a", "b"], "image", optional=["note", "nothing"])
        assert found.columns == want.columns
        assert found.lines == lines
        assert set(found.header) == {*want.header, "boxes"}
    assert found.place(1) == "zipped.jsonl.gz:4"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            '{"image": "1.png", "a": [1]}',
            "labels.jsonl:2: 'a' is a list; it should be a text, a number, true, false or null",
        ),
        ('{"image": "1.png", "a": {"b": 1}}', "labels.jsonl:2: 'a' is an object; it should be"),
        ('{"image": "1.png", "a": NaN}', "labels.jsonl:2: 'a' is not a number; it should be a text"),
        ('{"image": "1.png"}', "labels.jsonl:2: 'a' is not there; say null where nothing is known"),
        ('["1.png", 1]', "labels.jsonl:2: not a JSON object, such as "),
        (
            '{"image": "1.png", "a": 1',
            "labels.jsonl:2: not a JSON object on a line of its own: expecting ',' delimiter",
        ),
        ('{"image": "1.png", "a": 1, "a": 2}', "labels.jsonl:2: 'a' is there twice"),
        ('{"image": "0.png", "a": 1}', "labels.jsonl:2: '0.png' was listed before, on line 1"),
        ("[" * 100_000, "labels.jsonl:2: not a JSON object"),
    ],
)
def test_what_is_wrong_in_json_lines_is_one_line(tmp_path, line, said):
    (tmp_path / "labels.jsonl").write_text(f'{{"image": "0.png", "a": 1}}\n{line}\n')
    with pytest.raises(UserError) as error:
        read_label_file(tmp_path / "labels.jsonl", ["image", "a"], "image")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"there is no column 'aa'; did you mean 'a'\?|labels\.jsonl:2"):
        read_label_file(tmp_path / "labels.jsonl", ["image", "aa"], None)


def test_json_lines_without_rows_or_without_a_column_are_named(tmp_path):
    (tmp_path / "labels.jsonl").write_text("\n \n")
    with pytest.raises(UserError, match=r"labels\.jsonl has no rows"):
        read_label_file(tmp_path / "labels.jsonl", ["image"], None)
    (tmp_path / "labels.jsonl").write_text('{"file": "1.png", "label": 1}\n')
    touch(tmp_path, ["1.png"])
    said = refusal(tmp_path, csv="labels.jsonl", label="label")
    assert "labels.jsonl: there is no column 'image'" in said


# What is wrong


ROWS = [{"image": f"{n}.png", "kind": "ab"[n % 2], "web": "ab"[n % 3 % 2], "age": 20 + n, "who": n} for n in range(70)]
KIND = {"csv": "labels.csv", "label": "kind"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"only": {"kind": "c"}}, "only: no row has 'c' in the column 'kind'; known: a, b"),
        ({"only": {"kind": "A"}}, "no row has 'A' in the column 'kind'; did you mean 'a'?"),
        ({"only": {"who": "x"}}, "no row has 'x' in the column 'who'; it has 70 values, such as 0, 1, 10, …"),
        ({"only": {"knd": "a"}}, "there is no column 'knd'; did you mean 'kind'?"),
        ({"only": {"kind": "a", "who": 1}}, "no row is left by only; each of its values is there, but never together"),
        ({"only": {"kind": "a"}}, "all rows have the class 'a'; there should be two or more"),
        ({"group": "woh"}, "there is no column 'woh'; did you mean 'who'?"),
        ({"attributes": {"sex": "Sex"}}, "there is no column 'Sex'; known: age, image, kind, web, who"),
        (
            {"attributes": {"age": "age"}},
            "the attribute 'age' has 70 values, such as 20 and 21, which are too many groups to compare; "
            "for ages in years, say age: {column: age, bands: true}",
        ),
        ({"attributes": {"name": "image"}}, "has 70 values, such as 0.png and 1.png, which are too many groups"),
        (
            {"attributes": {"kind": {"column": "kind", "bands": True}}},
            "the attribute 'kind': no value is an age in years, such as 58 or 058Y; one is 'a'",
        ),
        ({"noisy_label": "who"}, "labels.csv:2: unknown class '0'; known: a, b"),
        (
            {"noisy_label": "same"},
            "noisy_label: 'same': no label differs from the clean one; name the columns with the",
        ),
        ({"noisy_label": "some"}, "labels.csv:2: no class; every row needs one"),
        ({"corrected_label": "same"}, "labels.csv: same: 70 labels, and none differs from the problem's own"),
        ({"corrected_label": "none"}, "labels.csv: none: every cell is blank; a second label set has labels for some"),
        ({"corrected_label": "who"}, "labels.csv:2: unknown class '0'; known: a, b"),
        ({"corrected_label": "exprt"}, "there is no column 'exprt'"),
    ],
)
def test_a_wrong_column_or_value_is_one_line(tmp_path, options, said):
    rows = [{**row, "same": row["kind"], "some": row["kind"] if row["who"] else "", "none": ""} for row in ROWS]
    if "known: age, image" in said:
        rows = ROWS
    table(tmp_path, rows)
    assert said in refusal(tmp_path, **KIND, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("group: {path: 'patient(\\d+'}", ".group: 'patient(\\d+' is not a regular expression: missing )"),
        (
            "group: {path: 'patient'}",
            ".group: 'patient' has 0 capturing groups; put round brackets around the one part",
        ),
        ("group: {path: '(a)(b)'}", ".group: '(a)(b)' has 2 capturing groups"),
        (
            "group: {path: 'a{99999999999999999999}'}",
            ".group: 'a{99999999999999999999}' is not a regular expression: the repetition number is too large",
        ),
        ("group: {pth: '(a)'}", ".group: unknown key 'pth'; did you mean 'path'?"),
        ("group: {path: 3}", ".group: write a column's name, or {path: PATTERN}"),
        ("group: 3", ".group: write a column's name, or {path: PATTERN} (it is 3)"),
        ("split: official, part: [a]", ".part: write a column's name, or {path: PATTERN}"),
        ("attributes: {sex: {colum: Sex}}", ".attributes.sex: unknown key 'colum'; did you mean 'column'?"),
        (
            "attributes: {sex: {bands: true}}",
            ".attributes.sex: an attribute is read from one place: say column or path",
        ),
        (
            "attributes: {sex: {column: a, path: (b)}}",
            ".attributes.sex: an attribute is read from one place: say column or path",
        ),
        ("attributes: {sex: {path: b}}", ".attributes.sex.path: 'b' has 0 capturing groups"),
        ("attributes: {sex: 3}", ".attributes.sex: write a column's name, or {column: NAME} or {path: PATTERN}"),
        ("attributes: {}", ".attributes: dictionary should have at least 1 item"),
        ("only: Frontal", ".only: write the columns with the values to keep, such as {Frontal/Lateral: Frontal}"),
        ("only: {}", ".only: write the columns with the values to keep"),
        ("only: {view: []}", ".only: 'view' needs a value, or a list of values"),
        ("only: {view: null}", ".only: 'view' needs a value, or a list of values"),
        ("noisy_labels: [b]", ": 'noisy_labels' goes with labels; with label, say noisy_label"),
        ("noisy_label: kind", ": 'noisy_label' is 'kind', as label is; name another column"),
        ("corrected_label: kind", ": 'corrected_label' is 'kind', as label is; name another column"),
        ("corrected: a.csv, corrected_label: b", ": 'corrected' and 'corrected_label' are both a second label set"),
    ],
)
def test_a_wrong_key_is_one_line(tmp_path, options, said):
    problem = f"{{dataset: folder, csv: labels.csv, label: kind, {options}}}"
    assert f"problems.lesion{said}" in suite_refusal(tmp_path, problem)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (
            "csv: a.csv, labels: [a, b], noisy_label: c",
            ": 'noisy_label' goes with label; with labels, say noisy_labels",
        ),
        (
            "csv: a.csv, labels: [a, b], noisy_labels: [c]",
            ": 'noisy_labels' has 1 columns and 'labels' 2; they go in pairs",
        ),
        ("csv: a.csv, labels: [a, b], corrected_labels: [a, b]", ": 'corrected_labels' are the columns of labels"),
        ("csv: a.csv, labels: [a, b], corrected_labels: [c, c]", ": 'corrected_labels' names 'c' twice"),
        ("group: who", ": 'group' names a column, and there is no csv"),
        ("only: {a: 1}", ": 'only' names a column, and there is no csv"),
        ("noisy_label: a", ": 'noisy_label' names a column, and there is no csv"),
        ("attributes: {sex: Sex}", ": 'attributes.sex' names a column, and there is no csv"),
        ("csv: a.csv, label: b, split: official", ": split: official needs the column with the parts: part"),
        ("part: {path: (a)}", ": 'part' is the column of the official split; say split: official, or leave it out"),
    ],
)
def test_keys_that_do_not_go_together_are_one_line(tmp_path, problem, said):
    assert f"problems.lesion{said}" in suite_refusal(tmp_path, f"{{dataset: folder, {problem}}}")


# What was there before, and at size


def test_what_a_suite_said_before_keeps_its_fingerprint():
    spec = Folder(csv="labels.csv", label="kind", group="who", part="part", split="official")
    assert declaration(spec) == {
        "dataset": "folder",
        "size": 224,
        "fit": "crop",
        "split": "official",
        "csv": "labels.csv",
        "image": "image",
        "extension": "",
        "label": "kind",
        "group": "who",
        "part": "part",
        "colour": "rgb",
    }


def test_a_declaration_is_read_back_as_it_was():
    spec = Folder(
        csv="labels.csv",
        labels=["a", "b"],
        noisy_labels=["c", "d"],
        corrected_labels=["e", "f"],
        group={"path": PATIENT},
        attributes={"sex": "Sex", "age": {"column": "Age", "bands": True}, "ward": {"path": "^(w)/"}},
        only={"view": "PA", "good": [True, 1]},
    )
    said = json.loads(json.dumps(declaration(spec)))
    assert said["attributes"] == {
        "sex": {"column": "Sex"},
        "age": {"column": "Age", "bands": True},
        "ward": {"path": "^(w)/"},
    }
    assert said["only"] == {"view": ["PA"], "good": ["true", "1"]}
    assert Dataset.read(said, bundled_registry()) == spec


def test_the_schema_takes_a_column_or_a_pattern():
    schema = Folder.model_json_schema(mode="validation")
    fields = schema["properties"]
    kinds = [each.get("type") or each["$ref"] for each in fields["group"]["anyOf"]]
    assert kinds == ["string", "#/$defs/FromPath", "null"]
    assert schema["$defs"]["FromPath"]["properties"]["path"]["type"] == "string"
    attribute = fields["attributes"]["anyOf"][0]["additionalProperties"]["anyOf"]
    assert [each.get("type") or each["$ref"] for each in attribute] == ["string", "#/$defs/Attribute"]
    value = fields["only"]["anyOf"][0]["additionalProperties"]["anyOf"]
    assert [each["type"] for each in value] == ["string", "integer", "number", "boolean", "array"]
    others = ("noisy_label", "noisy_labels", "corrected_label", "corrected_labels")
    assert all(fields[key]["description"] for key in ("group", "part", "attributes", "only", *others))


def test_work_grows_no_faster_than_the_rows(tmp_path, monkeypatch):
    rows = 20_000
    names = [f"train/patient{n // 3:05}/{n}.jpg" for n in range(rows)]
    frame = pd.DataFrame({"image": names, "view": np.array(VIEWS)[np.arange(rows) % 3], "a": np.arange(rows) % 2})
    frame["b"] = np.where(frame["a"] == 1, "", "-1.0")
    frame.to_csv(tmp_path / "labels.csv", index=False)
    monkeypatch.setattr("pathlib.Path.is_file", lambda path: True)
    begun = time.process_time()
    found = listed(
        tmp_path,
        csv="labels.csv",
        labels=["a", "b"],
        group={"path": PATIENT},
        attributes={"part": {"path": "^([a-z]+)/"}},
        only={"view": "Frontal"},
    )
    assert time.process_time() - begun < 5
    assert len(found.labels) == (frame["view"] == "Frontal").sum()
    assert len(set(found.labels.groups.tolist())) == (rows + 2) // 3


@pytest.mark.parametrize("spoilt", ["class", "attribute", "folder"])
def test_names_that_would_move_a_terminals_cursor_are_refused(tmp_path, spoilt):
    strange = "a\x1b[2Jb"
    if spoilt == "folder":
        for folder in (strange, "plain"):
            (tmp_path / folder).mkdir()
            touch(tmp_path / folder, [f"{number}.png" for number in range(12)])
        said = refusal(tmp_path)
    else:
        kinds = ["a", strange if spoilt == "class" else "b"]
        hospitals = ["north", strange if spoilt == "attribute" else "south"]
        table(tmp_path, [{"image": f"{n}.png", "kind": kinds[n % 2], "where": hospitals[n % 2]} for n in range(24)])
        said = refusal(tmp_path, csv="labels.csv", label="kind", attributes={"hospital": {"column": "where"}})
    assert "has a control character in it: a\u241b" in said and "\x1b" not in said


def test_a_file_that_is_no_table_is_not_told(tmp_path):
    (tmp_path / "labels.csv").write_text("root:x:0:0:secret\nother:x:1:1\n")
    said = refusal(tmp_path, csv="labels.csv", label="kind")
    assert "there is no column 'kind'" in said and "secret" not in said


def test_rows_that_name_nobody_are_counted_and_said(tmp_path):
    rows = [{"image": f"{n}.png", "kind": "ab"[n % 2], "who": "" if n < 5 else f"P{n // 3}"} for n in range(36)]
    table(tmp_path, rows)
    base = {"csv": "labels.csv", "label": "kind"}
    found = listed(tmp_path, **base, group="who")
    assert "5 of 36 images name no group, and each counts as one of its own" in found.remark
    assert len(set(found.labels.groups[:5])) == 5
    assert "name no group" not in listed(tmp_path, **base).remark


def test_where_a_label_file_lies_is_nobody_elses(tmp_path):
    """An absolute path would go into exports and boards, and into what results are known by."""
    declared = {"dataset": "folder", "label": "diagnosis", "csv": str(tmp_path / "labels.csv")}
    spec, other = (
        Dataset.read({**declared, "csv": path}, bundled_registry())
        for path in (declared["csv"], "/elsewhere/labels.csv")
    )
    assert spec.csv == str(tmp_path / "labels.csv")
    assert spec.model_dump(mode="json")["csv"] == "labels.csv"
    assert declaration(spec) == declaration(other)
    inside = Dataset.read({**declared, "csv": "tables/labels.csv"}, bundled_registry())
    assert inside.model_dump(mode="json")["csv"] == "tables/labels.csv"

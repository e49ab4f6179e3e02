"""CheXpert and MIMIC-CXR-JPG are read as their givers mean them, by patient; what is wrong in a release is a line."""

import gzip
import os
import re
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from conftest import command
from PIL import Image
from pydantic import TypeAdapter
from releases import write_csv
from sklearn.metrics import adjusted_rand_score

from roskdbench.data.attributes import Attributes
from roskdbench.data.catalogue import image_files
from roskdbench.data.chexpert_labels import CLASSES, Marks
from roskdbench.data.datasets import catalogue
from roskdbench.data.labelfile import LabelFile
from roskdbench.data.listing import files_below, find_by_path
from roskdbench.data.noise import noisy_labels
from roskdbench.data.problem import TEST, TRAIN, TRAIN_OR_VALIDATION, VALIDATION
from roskdbench.data.shared_findings import shared_classes
from roskdbench.data.splits import official
from roskdbench.datasets.chestxray14 import ChestXray14
from roskdbench.datasets.chexpert import CheXpert
from roskdbench.datasets.mimic_cxr_jpg import MimicCxrJpg
from roskdbench.errors import UserError
from roskdbench.suite.noise import NoiseSpec

FIVE, FOURTEEN = CLASSES["five"], CLASSES["fourteen"]
HEADER = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FOURTEEN]
TABLE = "mimic-cxr-2.0.0"


def listed(spec, root):
    return catalogue("mine", spec, root)


def refusal(spec, root):
    with pytest.raises(UserError) as error:
        listed(spec, root)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("problem 'mine': ")
    return str(error.value)


def same_groups(found, wanted):
    return adjusted_rand_score(list(wanted), found) == 1


def expected(table, classes):
    """Targets, uncertain and blank [N, C] by pandas' reading of the cells."""
    cells = table[list(classes)].to_numpy(float)
    return np.nan_to_num(cells, nan=0).clip(0, 1), cells == -1, np.isnan(cells)


def none_or(array, shape):
    return np.zeros(shape) if array is None else array


@pytest.fixture(scope="module")
def drawn_stanford(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stanford") / "CheXpert-v1.0-small"
    CheXpert.generate(folder, 16, 0)
    return folder


@pytest.fixture(scope="module")
def drawn_boston(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boston") / "mimic"
    MimicCxrJpg.generate(folder, 16, 0)
    return folder


@pytest.fixture
def stanford(drawn_stanford, tmp_path):
    """A CheXpert to spoil, and both of its label files as pandas reads them."""
    root = tmp_path / drawn_stanford.name
    shutil.copytree(drawn_stanford, root)
    return root, pd.concat([pd.read_csv(root / "train.csv"), pd.read_csv(root / "valid.csv")], ignore_index=True)


@pytest.fixture
def boston(drawn_boston, tmp_path):
    """A MIMIC-CXR-JPG to spoil, and its tables joined by pandas."""
    root = tmp_path / "mimic"
    shutil.copytree(drawn_boston, root)
    metadata, labels, split = (
        pd.read_csv(root / f"{TABLE}-{kind}.csv.gz") for kind in ("metadata", "chexpert", "split")
    )
    joined = metadata.merge(labels, on=["subject_id", "study_id"], how="left", indicator="labelled")
    joined = joined.merge(split, on=["dicom_id", "study_id", "subject_id"])
    return root, joined.merge(pd.read_csv(root / "patients.csv.gz"), on="subject_id")


def edit(path, old, new, times=1):
    """Replace text in a label file, gzipped or not."""
    is_packed = path.suffix == ".gz"
    text = gzip.decompress(path.read_bytes()).decode() if is_packed else path.read_text()
    changed = re.sub(old, new, text, count=times, flags=re.M)
    assert changed != text
    path.write_bytes(gzip.compress(changed.encode()) if is_packed else changed.encode())


def write_chexpert(root, train, valid=None):
    """Label files with these rows, each a path and a cell for each of the first columns, and an image for each."""
    for part, rows in (("train", train), ("valid", valid)):
        if rows is None:
            continue
        lines = []
        for path, view, *cells in rows:
            film = root / path.split("/", 1)[1]
            film.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (32, 32)).save(film)
            lines.append([path, "Male", 50, view, "AP" if view == "Frontal" else "", *cells, *[""] * (14 - len(cells))])
        write_csv(root / f"{part}.csv", HEADER, lines)


# What the labels mean


def test_classes_are_spelled_as_in_the_files_of_both(drawn_stanford, drawn_boston):
    assert list(FOURTEEN) == list(pd.read_csv(drawn_stanford / "train.csv").columns[5:])
    for labeller in ("chexpert", "negbio"):
        assert sorted(FOURTEEN) == list(pd.read_csv(drawn_boston / f"{TABLE}-{labeller}.csv.gz").columns[2:])
    assert set(FIVE) < set(FOURTEEN)


def test_both_share_their_classes_with_each_other_and_four_of_five_with_nih():
    assert shared_classes(FIVE, FIVE) == [(c, c) for c in range(5)]
    nih = ("Atelectasis", "Cardiomegaly", "Effusion", "Consolidation", "Edema")
    assert [FIVE[home] for home, _ in shared_classes(FIVE, nih)] == list(FIVE)
    assert ChestXray14(labels="fourteen").task == CheXpert().task


def test_marks_are_one_zero_uncertain_or_blank(tmp_path):
    cells = ["1.0", "0.0", "-1.0", "", "1", "0", "-1"]
    marks = Marks.of(LabelFile(tmp_path / "a.csv", {"Edema": cells}, [*range(2, 9)]), ["Edema"])
    assert marks.targets[:, 0].tolist() == [1, 0, 0, 0, 1, 0, 0]
    assert marks.uncertain[:, 0].tolist() == [0, 0, 1, 0, 0, 0, 1]
    assert marks.blank[:, 0].tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert marks.second[:, 0].tolist() == [1, 0, -1, 0, 1, 0, -1]


@pytest.mark.parametrize("choice", ["five", "fourteen"])
@pytest.mark.parametrize("views", ["frontal", "lateral", "all"])
def test_chexpert_has_the_labels_that_pandas_reads(stanford, choice, views):
    root, table = stanford
    found = listed(CheXpert(labels=choice, views=views), root)
    rows = table if views == "all" else table[table["Frontal/Lateral"] == views.capitalize()]
    targets, uncertain, blank = expected(rows, CLASSES[choice])
    assert found.labels.classes == CLASSES[choice]
    assert np.array_equal(found.labels.targets, targets)
    assert np.array_equal(none_or(found.labels.uncertain, targets.shape), uncertain)
    assert np.array_equal(none_or(found.blank, targets.shape), blank)
    assert same_groups(found.labels.groups, rows["Path"].str.extract(r"patient(\d+)")[0])
    assert [path.relative_to(root.parent).as_posix() for path in found.images.paths] == list(rows["Path"])
    assert all(path.is_file() for path in found.images.paths)
    assert (found.channels, found.labels.task) == (1, "multi-label")


@pytest.mark.parametrize("choice", ["five", "fourteen"])
@pytest.mark.parametrize("views", ["frontal", "lateral", "all"])
def test_mimic_has_the_labels_that_pandas_joins(boston, choice, views):
    root, joined = boston
    found = listed(MimicCxrJpg(labels=choice, views=views), root)
    positions = {"frontal": ["AP", "PA"], "lateral": ["LATERAL"], "all": ["AP", "PA", "LATERAL"]}[views]
    rows = joined[(joined["labelled"] == "both") & joined["ViewPosition"].isin(positions)]
    targets, uncertain, blank = expected(rows, CLASSES[choice])
    assert found.labels.classes == CLASSES[choice]
    assert np.array_equal(found.labels.targets, targets)
    assert np.array_equal(none_or(found.labels.uncertain, targets.shape), uncertain)
    assert np.array_equal(none_or(found.blank, targets.shape), blank)
    assert same_groups(found.labels.groups, rows["subject_id"])
    assert [path.stem for path in found.images.paths] == list(rows["dicom_id"])
    folders = [
        f"p{str(subject)[:2]}/p{subject}/s{study}" for subject, study in rows[["subject_id", "study_id"]].to_numpy()
    ]
    assert [path.parent.relative_to(root / "files").as_posix() for path in found.images.paths] == folders


def test_the_other_labeller_has_other_labels(boston):
    root, _ = boston
    theirs, ours = (listed(MimicCxrJpg(labeller=name), root).labels for name in ("negbio", "chexpert"))
    labels = pd.read_csv(root / f"{TABLE}-negbio.csv.gz").set_index("study_id")
    studies = [int(path.parent.name[1:]) for path in listed(MimicCxrJpg(), root).images.paths]
    assert np.array_equal(theirs.targets, expected(labels.loc[studies], FIVE)[0])
    assert not np.array_equal(theirs.targets, ours.targets)


def test_blank_and_uncertain_labels_are_counted_and_said(tmp_path):
    path = "CheXpert-v1.0/train/patient{:05}/study1/view1_frontal.jpg"
    # the columns are No Finding, Enlarged Cardiomediastinum, Cardiomegaly, …: three labels are known, nine uncertain
    train = [(path.format(number), "Frontal", "", "", "-1.0" if number < 9 else "1.0") for number in range(12)]
    write_chexpert(tmp_path, train, [(path.replace("train", "valid").format(50), "Frontal", *["0.0"] * 14)])
    remark = listed(CheXpert(), tmp_path).remark
    assert (
        remark
        == "Of 65 labels 48 (Atelectasis most: 12) are blank and count as 0, 9 (Cardiomegaly most: 9) are uncertain."
    )
    complete = [(path.format(number), "Frontal", *["0.0"] * 14) for number in range(12)]
    write_chexpert(tmp_path, complete)
    found = listed(CheXpert(), tmp_path)
    assert (found.remark, found.labels.uncertain, found.blank) == ("", None, None)


@pytest.mark.parametrize(("policy", "answer"), [("zeros", 0), ("ones", 1), ("ignore", np.nan)])
def test_policies_decide_what_the_report_is_unsure_of_and_nothing_else(stanford, policy, answer):
    root, table = stanford
    labels = listed(CheXpert(views="all"), root).labels
    noise = TypeAdapter(NoiseSpec).validate_python({"kind": "uncertain", "policy": policy})
    seen = noisy_labels(noise, labels, np.random.default_rng(0))
    targets, uncertain, _ = expected(table, FIVE)
    assert uncertain.any()
    assert np.array_equal(seen, np.where(uncertain, answer, targets), equal_nan=True)


def test_films_of_other_views_are_counted_and_said(stanford, boston):
    root, table = stanford
    laterals = int((table["Frontal/Lateral"] == "Lateral").sum())
    assert listed(CheXpert(), root).remark.startswith(
        f"{laterals} of {len(table)} films are not frontal and are left out."
    )
    assert "left out" not in listed(CheXpert(views="all"), root).remark
    root, joined = boston
    labelled = joined[joined["labelled"] == "both"]
    laterals = int((labelled["ViewPosition"] == "LATERAL").sum())
    said = f"{laterals} of {len(labelled)} films are not frontal by their ViewPosition and are left out."
    assert said in listed(MimicCxrJpg(), root).remark


def test_studies_without_labels_are_left_out_and_counted(boston):
    root, joined = boston
    without = joined[joined["labelled"] == "left_only"]
    assert len(without)
    found = listed(MimicCxrJpg(views="all"), root)
    assert not set(without["dicom_id"]) & {path.stem for path in found.images.paths}
    of, films = joined["study_id"].nunique(), len(without)
    assert (
        f"{without['study_id'].nunique()} of {of} studies ({films} films) have no labels and are left out."
        in found.remark
    )


def test_two_thousand_rows_of_477_patients_are_477_groups(tmp_path):
    patients = np.sort(np.concatenate([np.arange(477), np.random.default_rng(0).integers(0, 477, 2000 - 477)]))
    seen = Counter()
    rows = []
    for patient in patients.tolist():
        seen[patient] += 1
        film = f"CheXpert-v1.0-small/train/patient{patient + 1:05}/study{seen[patient]}/view1_frontal.jpg"
        rows.append([film, "Female", 60, "Frontal", "AP", *["0.0"] * 14])
        path = tmp_path / film.split("/", 1)[1]
        path.parent.mkdir(parents=True)
        path.touch()
    write_csv(tmp_path / "train.csv", HEADER, rows)
    labels = listed(CheXpert(), tmp_path).labels
    assert len(labels) == 2000
    assert len(np.unique(labels.groups)) == 477
    assert same_groups(labels.groups, patients)


# What is known of patients


def bands(ages):
    """By numpy, twenty years each."""
    names = np.array(["0 to 19", "20 to 39", "40 to 59", "60 to 79", "80 and more"])
    return names[np.digitize(ages, [20, 40, 60, 80])].tolist()


def test_sex_age_and_view_of_chexpert_are_known(stanford):
    root, table = stanford
    found = listed(CheXpert(views="all"), root).attributes
    assert found["sex"] == table["Sex"].str.lower().tolist()
    assert found["age"] == bands(table["Age"])
    assert found["view"] == table["AP/PA"].fillna("lateral").tolist()
    assert Attributes.of(found).names == ("sex", "age", "view")


def test_a_sex_or_projection_that_is_not_known_is_none(stanford):
    root, _ = stanford
    edit(root / "train.csv", "Female|Male", "Unknown")
    edit(root / "train.csv", "Frontal,(AP|PA)", "Frontal,LL")
    found = listed(CheXpert(), root).attributes
    assert (found["sex"][0], found["view"][0]) == ("", "")
    assert all(found["sex"][1:])
    assert all(found["view"][1:])


def test_chexpert_may_do_without_sex_and_age(stanford):
    root, table = stanford
    for part in ("train", "valid"):
        pd.read_csv(root / f"{part}.csv").drop(columns=["Sex", "Age"]).to_csv(root / f"{part}.csv", index=False)
    found = listed(CheXpert(), root)
    assert set(found.attributes) == {"view"}
    assert len(found.labels) == (table["Frontal/Lateral"] == "Frontal").sum()


def test_views_of_mimic_are_known_and_sex_and_age_only_beside_mimic_iv(boston):
    root, joined = boston
    rows = joined[joined["labelled"] == "both"]
    found = listed(MimicCxrJpg(views="all"), root).attributes
    assert found["view"] == rows["ViewPosition"].replace("LATERAL", "lateral").tolist()
    assert found["sex"] == rows["gender"].map({"F": "female", "M": "male"}).tolist()
    ages = rows["anchor_age"] + pd.to_datetime(rows["StudyDate"], format="%Y%m%d").dt.year - rows["anchor_year"]
    assert (ages != rows["anchor_age"]).any()
    assert found["age"] == bands(ages)
    (root / "patients.csv.gz").unlink()
    assert set(listed(MimicCxrJpg(), root).attributes) == {"view"}


def test_mimics_patients_may_be_plain_few_and_without_years(boston):
    root, joined = boston
    (root / "patients.csv.gz").unlink()
    frontal = joined[(joined["labelled"] == "both") & (joined["ViewPosition"] != "LATERAL")]
    first = frontal["subject_id"].iloc[0]
    write_csv(root / "patients.csv", ["subject_id", "gender", "anchor_age"], [[first, "F", 91]])
    found = listed(MimicCxrJpg(), root).attributes
    who = (frontal["subject_id"] == first).tolist()
    assert found["sex"] == ["female" if each else "" for each in who]
    assert found["age"] == ["80 and more" if each else "" for each in who]


def test_views_that_mimic_writes_otherwise_are_lateral_or_not_known(boston):
    root, _ = boston
    path = root / f"{TABLE}-metadata.csv.gz"
    before = len(listed(MimicCxrJpg(), root).labels)
    edit(path, ",(AP|PA),64", ",LL,64")
    edit(path, ",(AP|PA),64", ",,64")
    edit(path, ",(AP|PA),64", ",AP AXIAL,64")
    assert len(listed(MimicCxrJpg(), root).labels) == before - 3
    views = Counter(listed(MimicCxrJpg(views="all"), root).attributes["view"])
    assert views[""] == 2
    assert views["lateral"] == len(listed(MimicCxrJpg(views="lateral"), root).labels)


# The official split


def test_chexperts_official_split_tests_on_valid(stanford):
    root, table = stanford
    labels = listed(CheXpert(split="official", views="all"), root).labels
    assert np.array_equal(labels.parts == TEST, table["Path"].str.contains("/valid/"))
    assert set(labels.parts.tolist()) == {TEST, TRAIN_OR_VALIDATION}
    split = official(labels, 0.25, 0)
    assert np.array_equal(split.test, np.flatnonzero(labels.parts == TEST))
    assert len(split.validation)
    apart = [set(labels.groups[rows].tolist()) for rows in (split.train, split.validation, split.test)]
    assert not (apart[0] & apart[1] or apart[0] & apart[2] or apart[1] & apart[2])
    assert listed(CheXpert(), root).labels.parts is None


def test_mimics_official_split_is_kept(boston):
    root, joined = boston
    rows = joined[(joined["labelled"] == "both") & (joined["ViewPosition"] != "LATERAL")]
    labels = listed(MimicCxrJpg(split="official"), root).labels
    values = {"train": TRAIN, "validate": VALIDATION, "test": TEST}
    assert labels.parts.tolist() == rows["split"].map(values).tolist()
    assert set(labels.parts.tolist()) == set(values.values())
    (root / f"{TABLE}-split.csv.gz").unlink()
    assert listed(MimicCxrJpg(), root).labels.parts is None


def test_the_official_labels_of_the_test_part_are_complete(stanford):
    root, _ = stanford
    found = listed(CheXpert(split="official", labels="fourteen"), root)
    assert not found.blank[found.labels.parts == TEST].any()
    assert not found.labels.uncertain[found.labels.parts == TEST].any()


def test_without_valid_chexpert_is_train_alone_and_says_so(stanford):
    root, table = stanford
    (root / "valid.csv").unlink()
    found = listed(CheXpert(views="all"), root)
    assert len(found.labels) == (~table["Path"].str.contains("/valid/")).sum()
    assert found.remark.startswith("There is no valid.csv; its films are not among these.")


# Where things lie


def test_the_root_may_be_the_folder_around_chexpert(stanford):
    root, _ = stanford
    (root.parent / "something else").mkdir()
    assert listed(CheXpert(), root.parent).images.paths == listed(CheXpert(), root).images.paths


def test_label_files_may_be_gzipped_and_name_the_full_size_release(stanford):
    root, _ = stanford
    before = listed(CheXpert(), root).labels
    edit(root / "train.csv", "^CheXpert-v1.0-small/", "CheXpert-v1.0/", 0)
    (root / "train.csv.gz").write_bytes(gzip.compress((root / "train.csv").read_bytes()))
    (root / "train.csv").unlink()
    assert np.array_equal(listed(CheXpert(), root).labels.targets, before.targets)


def test_full_size_films_are_found_in_the_batches_they_come_in(stanford):
    root, _ = stanford
    before = listed(CheXpert(), root)
    first, second, third = (root.parent / f"CheXpert-v1.0 batch {name}" for name in ("1 (validate & csv)", "2", "3"))
    root.rename(first)
    second.mkdir()
    third.mkdir()
    for number, patient in enumerate(sorted((first / "train").iterdir())):
        patient.rename((second if number % 2 else third) / patient.name)
    (first / "train").rmdir()
    for place in (root.parent, first):
        found = listed(CheXpert(), place)
        assert np.array_equal(found.labels.targets, before.labels.targets)
        assert found.images.names == before.images.names
        assert all(path.is_file() for path in found.images.paths)


def test_later_versions_of_mimics_tables_are_read_too(boston):
    root, _ = boston
    before = listed(MimicCxrJpg(split="official"), root).labels
    for path in list(root.glob("*.csv.gz")):
        path.rename(path.with_name(path.name.replace("2.0.0", "2.1.0")))
    (root / f"{TABLE.replace('2.0.0', '2.1.0')}-test-set-labeled.csv").write_text("study_id\n1\n")
    after = listed(MimicCxrJpg(split="official"), root).labels
    assert np.array_equal(after.targets, before.targets)
    assert np.array_equal(after.parts, before.parts)


@pytest.mark.parametrize(("spec", "release"), [(CheXpert, "stanford"), (MimicCxrJpg, "boston")])
def test_rows_whose_images_are_there_are_taken_if_asked_for(spec, release, request):
    root, _ = request.getfixturevalue(release)
    before = listed(spec(), root)
    for path in before.images.paths[::2]:
        path.unlink()
    gone, total = len(before.images.paths[::2]), len(before.images.paths)
    said = refusal(spec(), root)
    assert f"{gone} of {total} images are not in {root}" in said
    assert before.images.names[0] in said
    found = listed(spec(only_present=True), root)
    assert np.array_equal(found.labels.targets, before.labels.targets[1::2])
    assert found.images.paths == before.images.paths[1::2]
    assert f"{gone} of {total} rows have no image and are left out." in found.remark


# A second label set


def test_a_second_label_file_of_chexpert_is_read_where_it_says_something(stanford):
    root, table = stanford
    train = table[table["Path"].str.contains("/train/")].copy()
    better = train.iloc[:10].copy()
    better["Edema"] = [1.0, 0.0, -1.0, np.nan, 1.0, 0.0, -1.0, np.nan, 1.0, 1.0]
    better["Path"] = better["Path"].str.replace("CheXpert-v1.0-small", "CheXpert-v1.0")
    better.drop(columns="Age").to_csv(root / "train_cheXbert.csv", index=False)
    found = listed(CheXpert(views="all", corrected=root / "train_cheXbert.csv"), root).labels.corrected
    assert found[:10, FIVE.index("Edema")].tolist() == [1, 0, -1, 0, 1, 0, -1, 0, 1, 1]
    assert (found[10:] == -1).all()


def test_a_radiologists_labels_of_mimics_test_studies_are_read(boston):
    root, joined = boston
    rows = joined[(joined["labelled"] == "both") & (joined["ViewPosition"] != "LATERAL")]
    study = rows["study_id"].iloc[0]
    names = ["Airspace Opacity" if name == "Lung Opacity" else name for name in FOURTEEN]
    own = listed(MimicCxrJpg(labels="fourteen"), root).labels.targets[0]
    write_csv(root / "radiologist.csv", ["study_id", *names], [[study, *(1.0 - own)]])
    spec = MimicCxrJpg(labels="fourteen", corrected=root / "radiologist.csv")
    found = listed(spec, root).labels.corrected
    chosen = (rows["study_id"] == study).to_numpy()
    assert (found[chosen] == 1 - own).all()
    assert (found[~chosen] == -1).all()
    edit(root / "radiologist.csv", "Airspace", "Air space")
    assert "there is no column 'Lung Opacity', nor 'Airspace Opacity'" in refusal(spec, root)


def test_a_second_label_set_that_says_nothing_new_is_an_error(stanford, boston):
    root, _ = stanford
    said = refusal(CheXpert(views="all", corrected=root / "valid.csv"), root)
    assert "labels, and none differs from the problem's own; it is not a second label set" in said
    root, _ = boston
    said = refusal(MimicCxrJpg(corrected=root / f"{TABLE}-chexpert.csv.gz"), root)
    assert "labels, and none differs from the problem's own; it is not a second label set" in said


# What is wrong is one line

PARENT = "CheXpert-v1.0-small/train/patient00001/study1"

WRONG_CHEXPERT = {
    "a column missing": (("train.csv", ",Edema,", ",Oedema,"), "there is no column 'Edema'; did you mean 'Oedema'?"),
    "no mark": (
        ("valid.csv", "0.0,0.0,0.0$", "0.0,2.0,0.0"),
        "valid.csv:2: Fracture is '2.0'; it should be 1, 0, -1 (uncertain) or blank",
    ),
    "a word for a mark": (("train.csv", ",1.0", ",yes"), "is 'yes'; it should be 1, 0, -1 (uncertain) or blank"),
    "no patient": (
        ("train.csv", f"^{PARENT}", "CheXpert-v1.0-small/train/00001/study1"),
        "train.csv:2: the Path 'CheXpert-v1.0-small/train/00001/study1/view1_frontal.jpg' says no patient; it should "
        "end like patient00001/study1/view1_frontal.jpg",
    ),
    "no path": (("train.csv", f"^{PARENT}/view1_frontal.jpg", ""), "train.csv:2: the Path '' says no patient"),
    "no study": (("train.csv", f"^{PARENT}", PARENT[:-7]), "view1_frontal.jpg' says no patient"),
    "another view": (
        ("train.csv", "Frontal,AP", "Oblique,AP"),
        "train.csv:2: Frontal/Lateral is 'Oblique'; it should be Frontal or Lateral",
    ),
    "a row twice": (
        ("train.csv", r"\A(.*\n)(.*\n)", r"\1\2\2"),
        f"train.csv:3: '{PARENT}/view1_frontal.jpg' was listed before, on line 2",
    ),
    "a film twice": (
        ("train.csv", r"\A(.*\n)CheXpert-v1.0-small(.*\n)", r"\1CheXpert-v1.0-small\2CheXpert-v1.0\2"),
        "train.csv:3: 'patient00001/study1/view1_frontal.jpg' was listed before, in train.csv",
    ),
    "a film of the other part": (
        ("valid.csv", "^CheXpert-v1.0-small/valid/", "CheXpert-v1.0-small/train/"),
        "is a film of train, and the file should list those of valid; put the right file in its place",
    ),
    "a row cut short": (("train.csv", "Frontal,AP.*$", "Frontal"), "train.csv:2: 4 cells where the header has 19"),
}


@pytest.mark.parametrize(("change", "said"), WRONG_CHEXPERT.values(), ids=WRONG_CHEXPERT)
def test_a_wrong_chexpert_is_named_with_its_row(stanford, change, said):
    root, _ = stanford
    name, old, new = change
    edit(root / name, old, new)
    assert said in refusal(CheXpert(labels="fourteen", views="all"), root)


WRONG_MIMIC = {
    "a column missing": (
        ("chexpert", "Pleural Effusion", "Effusion"),
        "there is no column 'Pleural Effusion'; did you",
    ),
    "no view": (("metadata", "ViewPosition", "View"), "there is no column 'ViewPosition'"),
    "no mark": (("chexpert", r"0\.0", "0.5"), "is '0.5'; it should be 1, 0, -1 (uncertain) or blank"),
    "an unknown part": (
        ("split", ",train$", ",training"),
        f"{TABLE}-split.csv.gz:2: split is 'training'; it should be train, validate or test",
    ),
    "no subject": (
        ("metadata", r"^(\S{44}),\d+", r"\1,"),
        f"{TABLE}-metadata.csv.gz:2: subject_id is ''; it should be a number such as 10000032",
    ),
    "a subject with a point": (
        ("metadata", r"^(\S{44},\d+),", r"\1.0,"),
        "subject_id is '10000000.0'; it should be a number such as 10000032",
    ),
    "no study": (("chexpert", r"^(\d+),\d+", r"\1,"), "study_id is ''; it should be a number such as 50414267"),
    "no film": (("metadata", r"^\S{44},", ","), f"{TABLE}-metadata.csv.gz:2: there is no dicom_id"),
    "a study twice": (
        ("chexpert", r"\A(.*\n)(.*\n)", r"\1\2\2"),
        f"{TABLE}-chexpert.csv.gz:3: '50000000' was listed before, on line 2",
    ),
    "a film twice": (("metadata", r"\A(.*\n)(.*\n)", r"\1\2\2"), f"{TABLE}-metadata.csv.gz:3: '"),
    "a study of two subjects": (
        ("chexpert", r"^\d+,50000000", "10000001,50000000"),
        f"{TABLE}-metadata.csv.gz:2: study 50000000 is of subject 10000000, and by {TABLE}-chexpert.csv.gz:2 of "
        "10000001; the tables are not of one release",
    ),
    "a film in no part": (
        ("split", r"\A(.*\n).*\n", r"\1"),
        f"{TABLE}-split.csv.gz: 1 of 56 images is not listed: ",
    ),
}


@pytest.mark.parametrize(("change", "said"), WRONG_MIMIC.values(), ids=WRONG_MIMIC)
def test_a_wrong_mimic_is_named_with_its_row(boston, change, said):
    root, _ = boston
    kind, old, new = change
    edit(root / f"{TABLE}-{kind}.csv.gz", old, new)
    assert said in refusal(MimicCxrJpg(split="official"), root)


def test_a_patient_in_both_files_of_chexpert_is_refused_by_the_official_split(tmp_path):
    rows = [(f"CheXpert-v1.0/train/patient{each:05}/study1/view1_frontal.jpg", "Frontal", "0.0") for each in range(12)]
    valid = [("CheXpert-v1.0/valid/patient00003/study2/view1_frontal.jpg", "Frontal", "0.0")]
    write_chexpert(tmp_path, rows, valid)
    said = refusal(CheXpert(split="official"), tmp_path)
    assert "train.csv and valid.csv: patient00003 is in more than one part; a split keeps them apart" in said
    labels = listed(CheXpert(), tmp_path).labels
    assert labels.groups[3] == labels.groups[12]


def test_a_subject_in_two_parts_of_mimic_is_refused_by_the_official_split(boston):
    root, joined = boston
    edit(root / f"{TABLE}-split.csv.gz", ",train$", ",test")
    subject = joined["subject_id"].iloc[0]
    said = refusal(MimicCxrJpg(split="official"), root)
    assert f"{TABLE}-split.csv.gz: subject {subject} is in more than one part; a split keeps them apart" in said


def test_a_chexpert_without_its_files_is_named(stanford):
    root, _ = stanford
    (root / "valid.csv").rename(root / "valid.txt")
    assert "has no valid.csv, the file with the radiologists' labels" in refusal(CheXpert(split="official"), root)
    (root / "train.csv").unlink()
    said = refusal(CheXpert(), root)
    assert f"neither {root} nor a folder in it has train.csv, the file with the labels" in said


def test_two_chexperts_in_one_folder_are_one_too_many(stanford):
    root, _ = stanford
    shutil.copytree(root, root.with_name("CheXpert-v1.0"))
    said = refusal(CheXpert(), root.parent)
    assert f"both {root.with_name('CheXpert-v1.0')} and {root} have train.csv; name one of them as the root" in said


def test_the_small_and_the_full_film_of_one_place_are_one_too_many(stanford):
    root, _ = stanford
    shutil.copytree(root / "train" / "patient00001", root / "again" / "patient00001")
    said = refusal(CheXpert(), root)
    assert "the image patient00001/study1/view1_frontal.jpg is there twice, as " in said


def test_no_film_of_the_wanted_view_is_said(tmp_path, boston):
    rows = [(f"CheXpert-v1.0/train/patient{each:05}/study1/view1_frontal.jpg", "Frontal", "0.0") for each in range(12)]
    write_chexpert(tmp_path / "c", rows)
    assert "none of the 12 rows is lateral; say views: all" in refusal(CheXpert(views="lateral"), tmp_path / "c")
    root, _ = boston
    edit(root / f"{TABLE}-metadata.csv.gz", "LATERAL", "SWIMMERS", 0)
    said = refusal(MimicCxrJpg(views="lateral"), root)
    assert "none of the films with labels is lateral; say views: all" in said


def test_a_mimic_without_its_files_is_named(boston):
    root, _ = boston
    shutil.move(root / "files", root / "film")
    assert f"there is no folder {root / 'files'}" in refusal(MimicCxrJpg(), root)
    (root / f"{TABLE}-split.csv.gz").unlink()
    shutil.move(root / "film", root / "files")
    said = refusal(MimicCxrJpg(split="official"), root)
    assert f"has no {TABLE}-split.csv, the file with the official split" in said
    (root / f"{TABLE}-negbio.csv.gz").unlink()
    assert f"has no {TABLE}-negbio.csv, the file with the labels" in refusal(MimicCxrJpg(labeller="negbio"), root)
    (root / f"{TABLE}-metadata.csv.gz").unlink()
    assert f"has no {TABLE}-metadata.csv, the file with the view of each film" in refusal(MimicCxrJpg(), root)


def test_the_wrong_table_in_place_is_named(boston):
    root, _ = boston
    shutil.copy(root / f"{TABLE}-split.csv.gz", root / f"{TABLE}-chexpert.csv.gz")
    assert f"{TABLE}-chexpert.csv.gz: there is no column 'Atelectasis'" in refusal(MimicCxrJpg(), root)
    shutil.copy(root / f"{TABLE}-metadata.csv.gz", root / f"{TABLE}-split.csv.gz")
    shutil.copy(root / f"{TABLE}-negbio.csv.gz", root / f"{TABLE}-chexpert.csv.gz")
    assert f"{TABLE}-split.csv.gz: there is no column 'split'" in refusal(MimicCxrJpg(split="official"), root)


def test_tables_of_two_versions_are_one_too_many(boston):
    root, _ = boston
    shutil.copy(root / f"{TABLE}-metadata.csv.gz", root / "mimic-cxr-2.1.0-metadata.csv.gz")
    said = refusal(MimicCxrJpg(), root)
    assert f"has both {TABLE}-metadata.csv.gz and mimic-cxr-2.1.0-metadata.csv.gz; keep the one that counts" in said


def test_labels_of_other_studies_are_named(boston):
    root, _ = boston
    edit(root / f"{TABLE}-chexpert.csv.gz", r"^(\d+),5", r"\1,6", 0)
    said = refusal(MimicCxrJpg(), root)
    assert f"{TABLE}-chexpert.csv.gz has labels for none of the " in said
    assert f"films of {TABLE}-metadata.csv.gz" in said


def test_a_cut_download_is_named(boston):
    root, _ = boston
    path = root / f"{TABLE}-metadata.csv.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert "is not a whole gzip file" in refusal(MimicCxrJpg(), root)


# Finding files


def test_files_are_listed_as_by_a_walk_that_asks_for_each(tmp_path):
    for name in (
        "b/2.jpg",
        "b/1.JPG",
        "a/deep/3.jpg",
        "a/3.png",
        "0.jpg",
        ".hidden/4.jpg",
        "a/.5.jpg",
        "c-1/6.jpg",
        "c/7.jpg",
    ):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "8.jpg").touch()
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "a" / "round").symlink_to(tmp_path / "root")
    (tmp_path / "root" / "b" / "lost.jpg").symlink_to(tmp_path / "nowhere")
    found = list(files_below(tmp_path / "root", (".jpg",)))
    assert [tmp_path / "root" / name for name in found] == list(image_files(tmp_path / "root", (".jpg",)))
    assert set(found) == {
        "0.jpg",
        "a/deep/3.jpg",
        "b/1.JPG",
        "b/2.jpg",
        "b/lost.jpg",
        "c/7.jpg",
        "c-1/6.jpg",
        "linked/8.jpg",
    }


def test_finding_files_asks_the_system_for_folders_only(tmp_path, monkeypatch):
    for number in range(50):
        path = tmp_path / f"p{number % 5}" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    listed_folders = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda place: listed_folders.append(place) or scandir(place))
    monkeypatch.setattr(os, "stat", lambda *arguments, **options: pytest.fail("a file was asked for"))
    assert len(list(files_below(tmp_path, (".jpg",)))) == 50
    assert len(listed_folders) == 6


def test_only_wanted_files_are_found_and_each_once(tmp_path):
    for name in ("x/p1/s1/a.jpg", "x/p1/s1/b.jpg", "y/p2/s1/a.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = find_by_path([tmp_path], (".jpg",), ["p1/s1/a.jpg", "p2/s1/a.jpg", "p3/s1/a.jpg"], 3)
    assert found == {"p1/s1/a.jpg": tmp_path / "x/p1/s1/a.jpg", "p2/s1/a.jpg": tmp_path / "y/p2/s1/a.jpg"}
    with pytest.raises(
        UserError, match=r"the image s1/a\.jpg is there twice, as .*x/p1/s1/a\.jpg and .*y/p2/s1/a\.jpg"
    ):
        find_by_path([tmp_path], (".jpg",), ["s1/a.jpg"], 2)


# Small releases


@pytest.mark.parametrize("dataset", [CheXpert, MimicCxrJpg])
def test_the_same_seed_writes_the_same_release(tmp_path, dataset):
    def written(name, seed):
        dataset.generate(tmp_path / name, 5, seed)
        return {
            path.relative_to(tmp_path / name).as_posix(): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }

    assert written("a", 0) == written("b", 0)
    assert written("a", 0) != written("c", 1)


@pytest.mark.slow
def test_drawn_releases_go_through_the_command_line(drawn_stanford, drawn_boston, tmp_path):
    suite = "suite: xrays\nproblems:\n"
    for name, root in (("chexpert", drawn_stanford), ("mimic-cxr-jpg", drawn_boston)):
        suite += f"  {name}: {{dataset: {name}, size: 32, root: {root}, split: official}}\n"
    suite += "experiments:\n  main: {methods: [baseline-i], students: [resnet18]}\n"
    (tmp_path / "xrays.yaml").write_text(suite)
    done = command("data", "check", "xrays.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    said = " ".join(done.stdout.split())
    assert said.count("are blank and count as 0") == 2
    assert "have no labels and are left out" in said

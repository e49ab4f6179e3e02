"""PadChest and VinDr-CXR are read as their givers mean them, and what is wrong with a download is one clear line."""

import ast
import csv
import gzip
import io

import numpy as np
import pytest
from PIL import Image
from releases import save, write_csv
from sklearn.metrics import adjusted_rand_score

from roskdbench.data.datasets import catalogue
from roskdbench.data.decoding import decode
from roskdbench.data.preparation import _form, prepare
from roskdbench.data.problem import TEST, TRAIN_OR_VALIDATION
from roskdbench.datasets import padchest, vindr_cxr
from roskdbench.datasets.padchest import FINDINGS, PadChest
from roskdbench.datasets.vindr_cxr import COMMON, FOURTEEN, OTHERS, VindrCxr
from roskdbench.errors import UserError
from roskdbench.plugins import discover
from roskdbench.store import Store


def listed(spec, root):
    return catalogue("mine", spec, root)


def refusal(spec, root):
    with pytest.raises(UserError) as error:
        listed(spec, root)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("problem 'mine': ")
    return str(error.value)


def rows_of(path):
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return list(csv.DictReader(io.StringIO(text.decode())))


def change(path, edit):
    """Write a label file again, each row as `edit` leaves it; rows that it gives up are gone."""
    rows = [row for row in rows_of(path) if edit(row) is not False]
    write_csv(path, list(rows[0]), [list(row.values()) for row in rows])


def test_both_are_known_by_their_names():
    known = discover().of("dataset")
    assert known["padchest"].thing is PadChest
    assert known["vindr-cxr"].thing is VindrCxr


# PadChest


@pytest.fixture(scope="module")
def spanish(tmp_path_factory):
    folder = tmp_path_factory.mktemp("padchest")
    PadChest.generate(folder, 30, 0)
    return folder, rows_of(folder / f"{padchest.LABELS}.gz")


HEADER = ["", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth", "PatientSex_DICOM"]
HEADER += ["ViewPosition_DICOM", "Projection", "MethodProjection", "Pediatric", "Report", "MethodLabel", "Labels"]


def small(root, labels, endings=".png", **columns):
    """A PadChest of these lists, one a row, whose other columns are usual ones."""
    rows = []
    for number, text in enumerate(labels):
        usual = {
            "ImageID": f"{number:03}{endings}",
            "ImageDir": number % 3,
            "StudyDate_DICOM": 20140915,
            "StudyID": number,
            "PatientID": number // 2,
            "PatientBirth": "1930.0",
            "PatientSex_DICOM": "F",
            "ViewPosition_DICOM": "POSTEROANTERIOR",
            "Projection": "PA",
            "Report": 'sin hallazg , "patolog" .',
            "MethodLabel": "Physician",
            "Labels": text,
        } | {name: cells[number] for name, cells in columns.items()}
        rows.append([usual.get(name, "") for name in HEADER])
        save(np.full((1, 4, 4), number * 100, np.uint16), root / str(number % 3) / f"{number:03}.png")
    write_csv(root / padchest.LABELS, HEADER, rows)
    return root


def test_padchest_labels_are_read_as_python_reads_the_lists(spanish):
    root, rows = spanish
    kept = [row for row in rows if row["Projection"] in ("PA", "AP") and row["Labels"] not in ("nan", "['unchanged']")]
    found = listed(PadChest(), root)
    assert found.images.names == [row["ImageID"] for row in kept]
    said = [{name.strip() for name in ast.literal_eval(row["Labels"])} for row in kept]
    wanted = [[any(name in names for name in under) for under in FINDINGS.values()] for names in said]
    assert np.array_equal(found.labels.targets, wanted)
    assert found.labels.targets.sum() > 10
    assert adjusted_rand_score([row["PatientID"] for row in kept], found.labels.groups) == 1
    assert found.labels.classes == PadChest.known_classes == tuple(FINDINGS)
    assert (found.labels.task, found.channels, found.labels.uncertain, found.labels.votes) == (
        PadChest.task,
        1,
        None,
        None,
    )
    assert PadChest.grouped_by == "patient"


def test_padchest_says_how_many_rows_it_leaves_out_and_how_16_bits_become_8(spanish):
    root, rows = spanish
    asked = [row["Labels"] for row in rows if row["Projection"] in ("PA", "AP")]
    silent = sum(text in ("nan", "['unchanged']") for text in asked)
    assert silent > 0
    assert listed(PadChest(), root).remark == (
        f"{len(asked):,} of {len(rows):,} rows have the views PA, AP; {silent:,} of them say nothing of findings and "
        "are left out. 16-bit films are brought to 8 bits by window: full."
    )
    by_hand = [row for row in rows if row["Projection"] in ("PA", "L") and row["MethodLabel"] == "Physician"]
    remark = listed(PadChest(views=["PA", "L"], labelled_by="physicians", window="percentiles"), root).remark
    assert remark.startswith(f"{len(by_hand)} of {len(rows)} rows have the views PA, L and labels by physicians; ")
    assert remark.endswith("by window: percentiles.")


def test_a_class_takes_its_own_label_and_those_under_it(tmp_path):
    texts = [
        "['laminar atelectasis']",
        "['normal']",
        "['hydropneumothorax', ' pseudonodule']",
        '["air bronchogram", " NSG tube"]',
        "['']",
        "",
        "nan",
        "[]",
        "['exclude', ' unchanged']",
        "['breast mass', 'subcutaneous emphysema', 'COPD signs']",
        "['unchanged', ' multiple nodules']",
        "[ 'pneumonia' ,  'atypical pneumonia']",
        "['post radiotherapy changes', 'hiatal hernia', 'calcified pleural thickening']",
        "['aortic elongation', '']",
        "['pulmonary edema', 'emphysema', 'pleural mass', 'cardiomegaly']",
        "['nipple shadow', 'granuloma']",
    ]
    found = listed(PadChest(), small(tmp_path, texts))
    names = [{found.labels.classes[c] for c in np.flatnonzero(row)} for row in found.labels.targets]
    assert dict(zip(found.images.names, names, strict=True)) == {
        "000.png": {"atelectasis"},
        "001.png": set(),
        "002.png": {"pleural effusion", "pneumothorax"},
        "003.png": {"consolidation", "infiltrates"},
        "009.png": set(),
        "010.png": {"nodule"},
        "011.png": {"pneumonia"},
        "012.png": {"pulmonary fibrosis", "hernia", "pleural thickening"},
        "013.png": set(),
        "014.png": {"pulmonary edema", "emphysema", "mass", "cardiomegaly"},
        "015.png": set(),
    }
    assert "16 of 16 rows have the views PA, AP; 5 of them say nothing of findings" in found.remark


NORMAL = ["['pneumonia']", *["['normal']"] * 11]


def test_padchest_knows_view_sex_and_age_at_the_study(tmp_path):
    root = small(
        tmp_path,
        NORMAL,
        PatientSex_DICOM=["F", "M", "O", "nan", *"FFFFFFFF"],
        PatientBirth=["1930.0", "1994.0", "nan", "", "1995.0", "2014.0", "2019.0", *["1950"] * 5],
        StudyDate_DICOM=["20140915"] * 10 + ["None", ""],
        Projection=["PA", "AP"] * 6,
    )
    attributes = listed(PadChest(), root).attributes
    assert attributes["view"] == ["PA", "AP"] * 6
    assert attributes["sex"] == ["female", "male", "", "", *["female"] * 8]
    bands = ["80 and more", "20 to 39", "", "", "0 to 19", "0 to 19", "", "60 to 79", "60 to 79", "60 to 79", "", ""]
    assert attributes["age"] == bands


def test_padchest_images_may_lie_in_one_folder_and_some_of_them_be_away(tmp_path):
    root = small(tmp_path, NORMAL)
    for path in list(root.glob("*/*.png")):
        path.rename(root / path.name)
    assert len(listed(PadChest(), root).labels) == 12
    (root / "003.png").unlink()
    assert "1 of 12 images is not in" in refusal(PadChest(), root)
    found = listed(PadChest(only_present=True), root)
    assert "003.png" not in found.images.names
    assert " 1 of 12 rows have no image and are left out. " in found.remark


def test_a_second_set_of_padchest_labels_is_compared_where_it_says_something(tmp_path):
    root = small(tmp_path / "data", NORMAL)
    better = [["000.png", "['normal']"], ["001.png", "['cardiomegaly']"], ["002.png", "nan"]]
    write_csv(tmp_path / "better.csv", ["ImageID", "Labels"], better)
    found = listed(PadChest(corrected=tmp_path / "better.csv"), root).labels.corrected
    assert (found[0] == 0).all()
    assert found[1].tolist() == [int(name == "cardiomegaly") for name in FINDINGS]
    assert (found[2:] == -1).all()
    write_csv(tmp_path / "better.csv", ["ImageID", "Labels"], [["000.png", "['pneumonia']"]])
    assert "none differs from the problem's own" in refusal(PadChest(corrected=tmp_path / "better.csv"), root)


def test_16_bit_films_are_prepared_by_their_window(spanish, tmp_path):
    """Of the phantom's 8 bits, kept as 12, the full window makes the same film stretched."""
    root, _ = spanish
    spec, store = PadChest(size=64), Store.at(tmp_path / "store")
    content = prepare("mine", spec, root, store, 2)
    assert content.remark.endswith("16-bit films are brought to 8 bits by window: full.")
    assert prepare("mine", PadChest(size=64, window="percentiles"), root, store, 2).identity != content.identity
    images = listed(spec, root).images
    film = np.asarray(Image.open(images.paths[0])).astype(float)
    wanted = np.rint((film - film.min()) * 255 / (film.max() - film.min()))
    assert np.array_equal(decode(images.paths[0].read_bytes(), _form(spec, listed(spec, root)))[0], wanted)


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("Labels", "pneumonia", "160K_01.02.19.csv:4: Labels is pneumonia; it should be a list such as ['pleural eff"),
        ("Labels", "['pneumonia', 'normal'", "Labels is ['pneumonia', 'normal'; it should be a list"),
        ("Labels", "__import__('os').system('x')", "it should be a list such as"),
        ("Labels", "['a' 'b']", "it should be a list such as"),
        ("Labels", "[1, 2]", "it should be a list such as"),
        ("Projection", "PAA", "160K_01.02.19.csv:4: unknown Projection 'PAA'; did you mean 'PA'?"),
        ("MethodLabel", "physician", "unknown MethodLabel 'physician'; did you mean 'Physician'?"),
        ("ImageID", "001.png", "160K_01.02.19.csv:4: '001.png' was listed before, on line 3"),
        ("ImageID", "999.png", "1 of 12 images is not in"),
    ],
)
def test_wrong_padchest_rows_are_named(tmp_path, column, text, said):
    root = small(tmp_path, NORMAL)
    rows = iter(range(12))
    change(root / padchest.LABELS, lambda row: row.update({column: text}) if next(rows) == 2 else None)
    assert said in refusal(PadChest(), root)


@pytest.mark.parametrize(
    ("spec", "spoil", "said"),
    [
        (
            PadChest(),
            lambda root: (root / padchest.LABELS).unlink(),
            f"has no {padchest.LABELS}, the file with the labels",
        ),
        (PadChest(views=["L"]), lambda root: None, "no row with labels has the views L"),
        (
            PadChest(labelled_by="physicians", views=["AP"]),
            lambda root: None,
            "no row with labels has the views AP and labels by physicians",
        ),
        (
            PadChest(),
            lambda root: change(root / padchest.LABELS, lambda row: row.update(Labels="['neumonía']")),
            "no image that is taken has any of the 14 findings",
        ),
        (
            PadChest(),
            lambda root: change(root / padchest.LABELS, lambda row: row.pop("MethodLabel")),
            "there is no column 'MethodLabel'",
        ),
        (
            PadChest(),
            lambda root: save(np.zeros((1, 4, 4), np.uint16), root / "000.png"),
            "the image 000.png is in both",
        ),
        (
            PadChest(),
            lambda root: change(root / padchest.LABELS, lambda row: row["ImageID"] < "005.png"),
            "5 images are too few",
        ),
    ],
)
def test_a_wrong_padchest_folder_is_named(tmp_path, spec, spoil, said):
    root = small(tmp_path, NORMAL)
    spoil(root)
    assert said in refusal(spec, root)


@pytest.mark.parametrize("settings", [{"views": []}, {"views": ["PAA"]}, {"labelled_by": "rnn"}, {"window": None}])
def test_settings_that_padchest_does_not_know_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        PadChest(**settings)


# VinDr-CXR


@pytest.fixture(scope="module")
def physionet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vindr")
    VindrCxr.generate(folder, 36, 0)
    return (
        folder,
        rows_of(folder / "annotations" / vindr_cxr.READ),
        rows_of(folder / "annotations" / vindr_cxr.CONSENSUS),
    )


def blank_films(root, names, part="train"):
    for name in names:
        save(np.zeros((1, 4, 4), np.uint8), root / part / f"{name}.png")


def kaggle(root, said):
    """`train.csv` of Kaggle: said[image][radiologist] is the list of what was found."""
    rows = []
    for image, readers in said.items():
        for reader, found in readers.items():
            rows += [[image, name, "", reader, 10.0, 20.0, 300.0, 400.0] for name in found]
            rows += [] if found else [[image, "No finding", 14, reader, "", "", "", ""]]
    header = ["image_id", "class_name", "class_id", "rad_id", "x_min", "y_min", "x_max", "y_max"]
    write_csv(root / "train.csv", header, rows[::-1])
    blank_films(root, said)
    return root


SAID = {f"{number:02x}": {"R10": [], "R2": ["ILD"], "R8": []} for number in range(10)}
SAID["00"] = {"R10": ["Atelectasis", "Atelectasis", "ILD"], "R2": ["Atelectasis"], "R8": []}
SAID["01"] = {"R11": ["Pneumothorax"], "R9": ["Pneumothorax"]}
SAID["02"] = {"R1": ["Pneumothorax"], "R3": []}


def test_the_fourteen_findings_are_kaggles_in_the_order_of_their_class_id():
    by_number = "Aortic enlargement, Atelectasis, Calcification, Cardiomegaly, Consolidation, ILD, Infiltration, "
    by_number += "Lung Opacity, Nodule/Mass, Other lesion, Pleural effusion, Pleural thickening, Pneumothorax, "
    assert ", ".join(FOURTEEN) == by_number + "Pulmonary fibrosis"
    assert len({*FOURTEEN, *OTHERS}) == 22
    assert set(COMMON) < set(FOURTEEN)


def test_kaggles_rows_become_what_each_radiologist_said(tmp_path):
    found = listed(VindrCxr(), kaggle(tmp_path, SAID))
    row = {name: row for row, name in enumerate(found.images.names)}
    votes, column = found.labels.votes, {name: c for c, name in enumerate(FOURTEEN)}
    assert votes.shape == (10, 3, 14)
    assert votes.dtype == np.int8
    for image, readers in SAID.items():
        ordered = sorted(readers, key=lambda reader: int(reader[1:]))
        for place in range(3):
            wanted = np.full(14, -1)
            if place < len(ordered):
                wanted = np.isin(FOURTEEN, readers[ordered[place]])
            assert np.array_equal(votes[row[image], place], wanted)
    targets = found.labels.targets
    assert targets[row["00"], column["Atelectasis"]] == 1  # two of three
    assert targets[row["00"], column["ILD"]] == 0  # one of three
    assert targets[row["01"], column["Pneumothorax"]] == 1  # both of two
    assert targets[row["02"], column["Pneumothorax"]] == 0  # one of two
    assert targets.sum() == 2
    assert found.labels.uncertain is None
    assert found.remark == ""  # no DICOM, no blanks


def test_physionets_rows_become_what_each_radiologist_said(physionet):
    root, read, agreed = physionet
    for labels, classes in (("fourteen", FOURTEEN), ("common", COMMON), ("local", (*FOURTEEN, *OTHERS))):
        spec = VindrCxr(labels=labels)
        found = listed(spec, root)
        assert found.labels.classes == spec.known_classes == classes
        marks = {}
        for row in read:
            marks.setdefault(row["image_id"], {})[int(row["rad_id"][1:])] = [int(row[name]) for name in classes]
        assert found.images.names == [*marks, *(row["image_id"] for row in agreed)]
        each = np.array([[said[reader] for reader in sorted(said)] for said in marks.values()])
        assert np.array_equal(found.labels.votes[: len(each)], each)
        assert (found.labels.votes[len(each) :] == -1).all()
        assert np.array_equal(found.labels.targets[: len(each)], np.median(each, axis=1))
        assert np.array_equal(
            found.labels.targets[len(each) :], [[int(row[name]) for name in classes] for row in agreed]
        )
    assert found.labels.targets.sum() > 10
    assert (each.min(1) < each.max(1)).any()  # they do not always agree


def test_the_two_forms_of_one_release_are_read_alike(physionet, tmp_path):
    root, read, _ = physionet
    said = {}
    for row in read:
        found = [name for name in FOURTEEN if row[name] == "1"]
        said.setdefault(row["image_id"], {})[row["rad_id"]] = found
    one, other = listed(VindrCxr(), root), listed(VindrCxr(), kaggle(tmp_path, said))
    rows = [one.images.names.index(name) for name in other.images.names]
    assert np.array_equal(one.labels.votes[rows], other.labels.votes)
    assert np.array_equal(one.labels.targets[rows], other.labels.targets)


def test_images_of_vindr_stand_alone_and_the_consensus_is_its_test_part(physionet):
    root, _, agreed = physionet
    found = listed(VindrCxr(split="official"), root).labels
    assert VindrCxr.grouped_by is None
    assert len(set(found.groups.tolist())) == len(found) == 36
    assert (found.parts == TEST).sum() == len(agreed) == 6
    assert set(found.parts.tolist()) == {TEST, TRAIN_OR_VALIDATION}
    assert listed(VindrCxr(), root).labels.parts is None
    assert VindrCxr.has_votes


def test_vindrs_dicom_films_are_prepared_and_dark_ones_turned_round(physionet, tmp_path):
    root, _, _ = physionet
    spec = VindrCxr(size=64)
    content = prepare("mine", spec, root, Store.at(tmp_path / "store"), 2)
    assert content.samples == 36
    assert content.remark == "DICOM films without a window of their own are brought to 8 bits by window: full."
    found = listed(spec, root)
    films = {path.stem: decode(path.read_bytes(), _form(spec, found)) for path in found.images.paths}
    rims = [film[0, :4].mean() / max(film.mean(), 1) for film in films.values()]
    assert max(rims) < 1.5  # the air around a chest is dark in all of them, MONOCHROME1 or not


def test_blank_cells_are_nothing_said_and_are_counted(tmp_path, physionet):
    _, read, _ = physionet
    header = [*read[0]]
    names = list(dict.fromkeys(row["image_id"] for row in read))
    blank_films(tmp_path, names)
    rows = [dict(row) for row in read]
    for row in rows:
        if row["image_id"] == names[0]:
            row["ILD"] = ""
    for value, row in zip(("1.0", "", "0.0"), (row for row in rows if row["image_id"] == names[1]), strict=True):
        row["ILD"] = value
    write_csv(tmp_path / vindr_cxr.READ, header, [list(row.values()) for row in rows])
    found = listed(VindrCxr(), tmp_path)
    column = FOURTEEN.index("ILD")
    assert found.labels.votes[0, :, column].tolist() == [-1, -1, -1]
    assert sorted(found.labels.votes[1, :, column].tolist()) == [-1, 0, 1]
    assert found.labels.targets[:2, column].tolist() == [0, 0]
    assert found.labels.uncertain.sum() == found.labels.uncertain[0, column] == 1
    assert found.remark == (
        "There is no image_labels_test.csv; its films are not among these. "
        "4 cells of radiologists are blank and count as nothing said; 1 label is not known."
    )


def test_a_second_set_of_vindr_labels_is_written_like_the_consensus(physionet, tmp_path):
    root, read, _ = physionet
    name = read[0]["image_id"]
    own = listed(VindrCxr(), root)
    assert own.images.names[0] == name
    write_csv(tmp_path / "better.csv", ["image_id", *FOURTEEN], [[name, *(1 - own.labels.targets[0])]])
    found = listed(VindrCxr(corrected=tmp_path / "better.csv"), root).labels.corrected
    assert np.array_equal(found[0], 1 - own.labels.targets[0])
    assert (found[1:] == -1).all()


KAGGLE = "train.csv"


@pytest.mark.parametrize(
    ("spec", "spoil", "said"),
    [
        (
            VindrCxr(),
            lambda root: (root / KAGGLE).unlink(),
            "has no image_labels_train.csv or train.csv, the file with what",
        ),
        (
            VindrCxr(labels="local"),
            lambda root: None,
            "train.csv knows fourteen findings; labels: local needs image_labels",
        ),
        (
            VindrCxr(split="official"),
            lambda root: None,
            "has no image_labels_test.csv, the file with the labels of the test",
        ),
        (
            VindrCxr(),
            lambda root: change(root / KAGGLE, lambda row: row.update(class_name="ILDs")),
            "train.csv:2: unknown finding 'ILDs'; did you mean 'ILD'?",
        ),
        (
            VindrCxr(),
            lambda root: change(root / KAGGLE, lambda row: row.update(rad_id="")),
            "train.csv:2: no rad_id; every",
        ),
        (VindrCxr(), lambda root: change(root / KAGGLE, lambda row: row.pop("rad_id")), "there is no column 'rad_id'"),
        (VindrCxr(), lambda root: (root / "train" / "03.png").unlink(), "1 of 10 images is not in"),
        (
            VindrCxr(),
            lambda root: save(np.zeros((1, 4, 4), np.uint8), root / "train" / "03.jpg"),
            "03.png and ",
        ),
        (
            VindrCxr(),
            lambda root: write_csv(root / vindr_cxr.READ, ["image_id", "rad_id"], [["a", "R1"]]),
            "has both image_labels_train.csv and train.csv; keep the one that counts",
        ),
        (
            VindrCxr(),
            lambda root: write_csv(root / vindr_cxr.CONSENSUS, ["image_id", *FOURTEEN], [["03", *[0] * 14]]),
            "03 both in image_labels_test.csv and among the images that were read one by one",
        ),
    ],
)
def test_a_wrong_kaggle_folder_is_named(tmp_path, spec, spoil, said):
    root = kaggle(tmp_path, SAID)
    spoil(root)
    assert said in refusal(spec, root)


@pytest.mark.parametrize(
    ("file", "edit", "said"),
    [
        (vindr_cxr.READ, lambda row: row.update(ILD="2"), "image_labels_train.csv:2: ILD is '2'; it should be 0 or 1"),
        (vindr_cxr.READ, lambda row: row.update(rad_id="R1"), "image_labels_train.csv:3: R1 has read "),
        (
            vindr_cxr.READ,
            lambda row: row.update(image_id=""),
            "image_labels_train.csv:2: no image_id; every row needs one",
        ),
        (vindr_cxr.READ, lambda row: row.pop("Edema"), "there is no column 'Edema'"),
        (vindr_cxr.CONSENSUS, lambda row: row.update(ILD="yes"), "image_labels_test.csv:2: ILD is 'yes'"),
        (vindr_cxr.CONSENSUS, lambda row: row.update(image_id="a"), "image_labels_test.csv:3: 'a' was listed before"),
    ],
)
def test_wrong_physionet_rows_are_named(tmp_path, physionet, file, edit, said):
    root, _, _ = physionet
    for name in (vindr_cxr.READ, vindr_cxr.CONSENSUS):
        (tmp_path / name).write_bytes((root / "annotations" / name).read_bytes())
    change(tmp_path / file, edit)
    assert said in refusal(VindrCxr(labels="local"), tmp_path)


@pytest.mark.parametrize("dataset", [PadChest, VindrCxr])
def test_the_same_seed_writes_the_same_files_and_another_does_not(dataset, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        dataset.generate(tmp_path / name, 12, seed)
    written = {
        name: {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in "abc"
    }
    assert written["a"] == written["b"]
    assert written["a"] != written["c"]
    assert len(listed(dataset(), tmp_path / "a").labels) >= 10

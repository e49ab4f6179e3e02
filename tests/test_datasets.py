"""Official formats are read as their givers mean them, and what is wrong with a download is one clear line."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from releases import cut_zip, save, write_chestxray, write_csv, write_isic, write_medmnist
from sklearn.metrics import adjusted_rand_score

from roskdbench.data.datasets import catalogue
from roskdbench.data.decoding import Decoder, PixelForm
from roskdbench.data.problem import TEST, TRAIN, TRAIN_OR_VALIDATION, VALIDATION
from roskdbench.datasets import chestxray14, isic2019
from roskdbench.datasets.chestxray14 import ChestXray14
from roskdbench.datasets.folder import Folder
from roskdbench.datasets.isic2019 import Isic2019
from roskdbench.datasets.medmnist import BloodMnist, MedMnist, PneumoniaMnist
from roskdbench.errors import UserError
from roskdbench.plugins import discover
from roskdbench.suite.problems import DrawnDataset, RealProblem


def listed(spec, root):
    return catalogue("mine", spec, root)


def refusal(spec, root):
    with pytest.raises(UserError) as error:
        listed(spec, root)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("problem 'mine': ")
    return str(error.value)


ISIC = Isic2019(size=32)
NIH = ChestXray14(size=32)


@pytest.fixture
def skin(tmp_path):
    targets, lesions = write_isic(tmp_path)
    return tmp_path, targets, lesions


@pytest.fixture
def chest(tmp_path):
    findings, patients = write_chestxray(tmp_path, lists=True)
    return tmp_path, findings, patients


def same_groups(found, wanted):
    return adjusted_rand_score(list(wanted), found) == 1


DATASETS = {name: entry.thing for name, entry in discover().of("dataset").items()}


PRESETS = [name for name, each in DATASETS.items() if issubclass(each, MedMnist) and each is not MedMnist]


def test_the_datasets_are_these():
    medmnist = [f"{each}mnist" for each in ("med", "derma", "chest", "pneumonia", "blood", "path", "retina")]
    medmnist += [f"{each}mnist" for each in ("oct", "breast", "tissue", "organa", "organc", "organs")]
    chest = {"chestxray14", "chestxray14-radiologists", "chexpert", "mimic-cxr-jpg", "padchest", "vindr-cxr"}
    others = {"isic2019", "cifar10n", "cifar100n", "folder", "phantom-lesion", "phantom-chest"}
    assert set(DATASETS) == {*medmnist, *chest, *others}


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_has_a_card_and_draws_or_catalogues(name):
    dataset = DATASETS[name]
    assert issubclass(dataset, DrawnDataset) != issubclass(dataset, RealProblem)
    base, does = (DrawnDataset, "draw") if issubclass(dataset, DrawnDataset) else (RealProblem, "catalogue")
    assert getattr(dataset, does) is not getattr(base, does)
    assert all(vars(dataset.card).values())
    assert "card" in vars(dataset), "it has another dataset's card"


# ISIC 2019


def test_isic_has_its_labels_and_its_lesions(skin):
    root, targets, lesions = skin
    found = listed(ISIC, root)
    assert found.labels.classes == isic2019.CLASSES
    assert np.array_equal(found.labels.targets, targets)
    assert same_groups(found.labels.groups, [lesion or f"alone {row}" for row, lesion in enumerate(lesions)])
    assert found.images.paths[5] == root / isic2019.IMAGES / "ISIC_0000005.jpg"
    unnamed = sum(not lesion for lesion in lesions)
    assert unnamed > 0
    assert found.remark.startswith(
        f"{unnamed} of {len(lesions)} images name no lesion, and each counts as one of its own"
    )


def test_isic_takes_the_rows_whose_images_are_there_if_asked_to(skin):
    root, targets, _ = skin
    for row in range(0, 40, 2):
        (root / isic2019.IMAGES / f"ISIC_{row:07}.jpg").unlink()
    assert "20 of 64 images are not in" in refusal(ISIC, root)
    assert "ISIC_0000000, ISIC_0000002, ISIC_0000004, …" in refusal(ISIC, root)
    found = listed(Isic2019(only_present=True), root)
    assert np.array_equal(found.labels.targets, np.delete(targets, np.arange(0, 40, 2)))
    assert found.remark.startswith("20 of 64 rows have no image and are left out. ")


def test_isic_images_may_lie_one_folder_deeper_and_label_files_be_gzipped(skin):
    import gzip

    root, targets, _ = skin
    (root / "deeper").mkdir()
    shutil.move(root / isic2019.IMAGES, root / "deeper" / isic2019.IMAGES)
    shutil.move(root / "deeper", root / isic2019.IMAGES)
    for name in (isic2019.LABELS, isic2019.METADATA):
        (root / f"{name}.gz").write_bytes(gzip.compress((root / name).read_bytes()))
        (root / name).unlink()
    assert np.array_equal(listed(ISIC, root).labels.targets, targets)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("image,MEL,NV", "image,MEL,NEV", "there is no column 'NV'; did you mean 'NEV'?"),
        ("ISIC_0000001,", "ISIC_0000000,", "'ISIC_0000000' was listed before, on line 2"),
        (",0.0\nISIC_0000001", ",1.0\nISIC_0000001", "ISIC_0000000 is of unknown class; labels are 0 or 1 under one"),
        ("0.0,0.0\nISIC_0000001", "2,0.0\nISIC_0000001", "SCC is '2'; labels are 0 or 1 under one of MEL, NV"),
        ("1.0", "0.0", "GroundTruth.csv:2: ISIC_0000000 has 0 classes; it needs one"),
    ],
)
def test_wrong_isic_labels_are_named_with_their_row(skin, old, new, said):
    root, _, _ = skin
    path = root / isic2019.LABELS
    path.write_text(path.read_text().replace(old, new, 1))
    assert said in refusal(ISIC, root)


def test_an_isic_folder_without_one_of_its_files_is_named(skin):
    root, _, _ = skin
    (root / isic2019.METADATA).unlink()
    assert f"has no {isic2019.METADATA}, the file with the lesions" in refusal(ISIC, root)
    shutil.rmtree(root / isic2019.IMAGES)
    assert f"there is no folder {root / isic2019.IMAGES}" in refusal(ISIC, root)
    (root / isic2019.IMAGES).mkdir()
    said = refusal(ISIC, root)
    assert "none of the 64 images of the label file (such as ISIC_0000000) is in" in said
    assert said.endswith("where .jpg files were looked for")


def test_an_image_that_the_metadata_do_not_list_is_named(skin):
    root, _, _ = skin
    lines = (root / isic2019.METADATA).read_text().splitlines()
    (root / isic2019.METADATA).write_text("\n".join(lines[:-1]) + "\n")
    assert "1 of 64 images is not listed: ISIC_0000063" in refusal(ISIC, root)


def test_images_that_no_row_lists_tell_of_a_label_file_that_was_cut(skin):
    root, _, _ = skin
    path = root / isic2019.LABELS
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:41]) + "\n")
    assert listed(ISIC, root).remark.startswith("24 of 64 images in the folder are in no row of the label file.")


def test_lesions_that_r_calls_na_are_not_one_lesion(skin):
    root, _, _ = skin
    path = root / isic2019.METADATA
    before = listed(ISIC, root)
    lines = [line.split(",") for line in path.read_text().splitlines()]
    place = lines[0].index("lesion_id")
    rewritten = [[cell or "NA" if c == place else cell for c, cell in enumerate(cells)] for cells in lines]
    path.write_text("\n".join(map(",".join, rewritten)) + "\n")
    found = listed(ISIC, root)
    assert "NA" in path.read_text()
    np.testing.assert_array_equal(found.labels.groups, before.labels.groups)
    assert found.remark == before.remark


def test_a_second_label_set_is_read_where_it_says_something(skin):
    root, targets, _ = skin
    rows = [[f"ISIC_{row:07}", *(int(c == (targets[row] + 1) % 8) for c in range(8)), 0] for row in range(10, 20)]
    write_csv(root / "better.csv", ["image", *isic2019.CLASSES, "UNK"], rows)
    found = listed(Isic2019(corrected=root / "better.csv"), root).labels.corrected
    assert np.array_equal(found[10:20], (targets[10:20] + 1) % 8)
    assert (np.delete(found, np.arange(10, 20)) == -1).all()


# ChestX-ray14


def test_chestxray_has_its_findings_and_patients(chest):
    root, findings, patients = chest
    found = listed(NIH, root)
    assert found.labels.classes == chestxray14.EIGHT
    assert np.array_equal(found.labels.targets, findings)
    assert same_groups(found.labels.groups, patients)
    assert found.channels == 1


def test_all_fourteen_findings_can_be_asked_for(chest):
    root, findings, patients = chest
    labels = listed(ChestXray14(labels="fourteen"), root).labels
    assert len(labels.classes) == 14
    assert np.array_equal(labels.targets[:, :8], findings)
    assert np.array_equal(labels.targets[:, labels.classes.index("Hernia")], patients % 7 == 0)


def test_chestxray_images_may_lie_in_one_flat_folder_and_under_the_older_label_file(chest):
    root, findings, _ = chest
    (root / "images").mkdir()
    for path in list(root.glob("images_*/images/*.png")):
        path.rename(root / "images" / path.name)
    (root / "Data_Entry_2017_v2020.csv").rename(root / "Data_Entry_2017.csv")
    assert np.array_equal(listed(NIH, root).labels.targets, findings)


def test_the_official_lists_are_kept(chest):
    root, _, patients = chest
    labels = listed(ChestXray14(split="official"), root).labels
    assert set(labels.parts.tolist()) == {TEST, TRAIN_OR_VALIDATION}
    tested = np.isin(patients, np.unique(patients)[::4])
    assert np.array_equal(labels.parts == TEST, tested)


OFFICIAL = ChestXray14(split="official")


def test_a_patient_in_both_official_lists_is_named(chest):
    root, _, _ = chest
    name = (root / "test_list.txt").read_text().splitlines()[0]
    others = (root / "test_list.txt").read_text().splitlines()[1:]
    assert any(line[:8] == name[:8] for line in others), "the first patient has one film only"
    (root / "test_list.txt").write_text("\n".join(others))
    with (root / "train_val_list.txt").open("a") as file:
        file.write(f"{name}\n")
    said = refusal(OFFICIAL, root)
    assert f"the official lists: patient {int(name[:8])} is in more than one part" in said


def test_an_image_in_both_lists_or_in_none_is_named(chest):
    root, _, _ = chest
    tested = (root / "test_list.txt").read_text()
    with (root / "train_val_list.txt").open("a") as file:
        file.write(tested.splitlines()[0])
    assert f"{tested.splitlines()[0]} is in both official lists" in refusal(OFFICIAL, root)
    (root / "test_list.txt").write_text("")
    shutil.copy(ROOT / "LICENSE", root / "train_val_list.txt")
    assert "64 of 64 images are in neither official list" in refusal(OFFICIAL, root)
    (root / "test_list.txt").unlink()
    assert "has no test_list.txt, which the official split needs; get it, or say split: ours" in refusal(OFFICIAL, root)


def test_a_label_that_is_not_known_is_named_with_its_row(chest):
    root, _, _ = chest
    path = root / "Data_Entry_2017_v2020.csv"
    path.write_text(path.read_text().replace("No Finding", "Effusions", 1))
    assert "unknown label 'Effusions'; did you mean 'Effusion'?" in refusal(NIH, root)
    assert "Data_Entry_2017_v2020.csv:" in refusal(NIH, root)


def test_an_image_in_two_places_is_named(chest):
    root, _, _ = chest
    name = next(root.glob("images_001/images/*.png")).name
    shutil.copy(root / "images_001" / "images" / name, root / "images_002" / "images" / name)
    assert f"the image {name} is in both" in refusal(NIH, root)


def test_two_label_files_are_one_too_many(chest):
    root, _, _ = chest
    shutil.copy(root / "Data_Entry_2017_v2020.csv", root / "Data_Entry_2017.csv")
    assert "has both Data_Entry_2017.csv and Data_Entry_2017_v2020.csv; keep the one that counts" in refusal(NIH, root)


def test_corrected_findings_are_read(chest):
    root, _, _ = chest
    names = [path.name for path in sorted(root.glob("images_*/images/*.png"))][:3]
    write_csv(root / "better.csv", ["Image Index", "Finding Labels"], [[name, "Mass|Hernia"] for name in names])
    found = listed(ChestXray14(corrected=root / "better.csv"), root)
    chosen = [found.images.names.index(name) for name in names]
    assert (found.labels.corrected[chosen] == [0, 0, 0, 0, 1, 0, 0, 0]).all()
    assert (np.delete(found.labels.corrected, chosen, axis=0) == -1).all()


# MedMNIST


def test_medmnist_has_three_parts_one_after_another(tmp_path):
    _, labels = write_medmnist(tmp_path / "pneumoniamnist.npz")
    for root in (tmp_path, tmp_path / "pneumoniamnist.npz"):
        found = listed(PneumoniaMnist(), root)
        assert found.labels.classes == ("normal", "pneumonia")
        assert np.array_equal(found.labels.targets, labels[:, 0])
        assert found.labels.parts.tolist() == [TRAIN] * 40 + [VALIDATION] * 12 + [TEST] * 16
        assert (found.size, found.channels) == (28, 1)
    assert listed(PneumoniaMnist(split="ours"), tmp_path).labels.parts is None


@pytest.mark.parametrize(
    "name", [name for name, each in DATASETS.items() if issubclass(each, MedMnist) and each is not MedMnist]
)
def test_each_preset_knows_its_task_classes_and_channels(tmp_path, name):
    spec = DATASETS[name]()
    write_medmnist(tmp_path / f"{name}.npz", spec.task, classes=len(spec.known_classes), channels=spec.channels)
    found = listed(spec, tmp_path)
    assert found.labels.task == spec.task
    assert found.labels.classes == spec.known_classes
    assert found.channels == spec.channels


def test_the_larger_file_is_taken_where_its_size_is_asked_for(tmp_path):
    write_medmnist(tmp_path / "bloodmnist.npz", channels=3, classes=8)
    write_medmnist(tmp_path / "bloodmnist_64.npz", channels=3, classes=8, size=64)
    assert listed(BloodMnist(size=64), tmp_path).images.path.name == "bloodmnist_64.npz"
    assert listed(BloodMnist(), tmp_path).size == 28


def test_any_other_medmnist_file_is_read_too(tmp_path):
    write_medmnist(tmp_path / "organ.npz", classes=11)
    found = listed(MedMnist(), tmp_path / "organ.npz")
    assert found.labels.classes == tuple(map(str, range(11)))
    write_medmnist(tmp_path / "many.npz", "multi-label", classes=3)
    named = listed(MedMnist(classes=["a", "b", "c"]), tmp_path / "many.npz").labels
    assert (named.task, named.classes) == ("multi-label", ("a", "b", "c"))


def test_an_npz_with_pickled_objects_is_refused(tmp_path):
    write_medmnist(tmp_path / "pneumoniamnist.npz", pickled=True)
    said = refusal(PneumoniaMnist(), tmp_path)
    assert "train_images holds pickled objects, which could run code; it is refused" in said
    arrays = {f"{part}_images": np.zeros((4, 28, 28), np.uint8) for part in ("train", "val", "test")}
    labels = {f"{part}_labels": np.array([[0], [1], [0], [None]], dtype=object) for part in ("train", "val", "test")}
    np.savez(tmp_path / "pneumoniamnist.npz", **arrays, **labels)
    assert "train_labels holds pickled objects" in refusal(PneumoniaMnist(), tmp_path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: np.savez(path, a=np.zeros(3)), "has no train_images; it is not a MedMNIST file"),
        (cut_zip, "is not a whole npz file; get it again"),
        (lambda path: path.write_bytes(b"PK"), "is not a whole npz file; get it again"),
        (lambda path: write_medmnist(path, classes=3), "labels for 3 classes where pneumoniamnist has 2"),
        (lambda path: path.unlink(), "has no pneumoniamnist.npz"),
        (lambda path: write_medmnist(path, counts=(3, 2, 2)), "7 images are too few; there should be 10 or more"),
        (lambda path: write_medmnist(path, counts=(0, 0, 0)), "has no images"),
        (lambda path: write_medmnist(path, size=8), "images of 8x8; there should be 1 or 3 channels and 28 pixels"),
        (lambda path: write_medmnist(path, channels=4), "images of 28x28x4; there should be 1 or 3 channels"),
        (
            lambda path: replaced(path, train_labels=np.full((40, 1), 10**9)),
            "a label is 1000000000; they go from 0 to 999",
        ),
        (lambda path: replaced(path, train_labels=np.full((40, 1), -1)), "a label is -1; they go from 0 to 999"),
        (lambda path: replaced(path, train_labels=np.zeros((40, 0), np.uint8)), "should be whole numbers [40, 1]"),
        (lambda path: replaced(path, train_labels=np.zeros(())), "train_labels is float64 []; it should be whole"),
        (lambda path: replaced(path, train_labels=np.zeros((40, 2), np.uint8)), "differ in their number of columns"),
        (lambda path: replaced(path, train_images=np.zeros((40, 28))), "train_images is float64 [40, 28]"),
    ],
)
def test_a_wrong_medmnist_file_is_named(tmp_path, spoil, said):
    path = tmp_path / "pneumoniamnist.npz"
    write_medmnist(path)
    spoil(path)
    assert said in refusal(PneumoniaMnist(), tmp_path)


def test_a_channel_of_its_own_is_grey(tmp_path):
    path = tmp_path / "pneumoniamnist.npz"
    images, _ = write_medmnist(path)
    replaced(path, train_images=images[:40, ..., None])
    assert "the images of its parts differ in size" in refusal(PneumoniaMnist(), tmp_path)
    replaced(path, val_images=images[40:52, ..., None], test_images=images[52:, ..., None])
    found = listed(PneumoniaMnist(), tmp_path)
    with ThreadPoolExecutor(1) as pool:
        rows = list(found.images.load(38, 45, Decoder(PixelForm(28, "crop", 1)), pool))
    assert all(np.array_equal(row[1][0], image) for row, image in zip(rows, images[38:45], strict=True))


def test_smaller_images_than_asked_for_are_said_to_be(tmp_path):
    write_medmnist(tmp_path / "pneumoniamnist.npz")
    assert listed(PneumoniaMnist(size=64), tmp_path).remark == "Images of 28 pixels, brought to 64."


# Folders


def replaced(path, **arrays):
    """The same npz with other arrays."""
    with np.load(path) as archive:
        kept = {name: archive[name] for name in archive.files}
    np.savez(path, **kept | arrays)


def films(root, names, parts=None):
    for number, name in enumerate(names):
        save(np.full((3, 30, 40), number * 3 % 256, np.uint8), root / name)


NAMES = [f"photos/{number:02}.jpg" for number in range(24)]


def test_a_csv_with_a_label_column_is_read(tmp_path):
    films(tmp_path, NAMES)
    kinds = ["cat", "dog", "bird"] * 8
    parts = ["train"] * 12 + ["val"] * 4 + ["TEST"] * 8
    rows = [
        [name[:-4], kind, f"p{number // 4}", part]
        for number, (name, kind, part) in enumerate(zip(NAMES, kinds, parts, strict=True))
    ]
    write_csv(tmp_path / "labels.csv", ["path", "kind", "who", "part"], rows, separator=";", newline="\r\n", bom=True)
    options = {"csv": "labels.csv", "image": "path", "extension": ".jpg", "label": "kind", "group": "who"}
    found = listed(Folder(**options), tmp_path).labels
    assert found.classes == ("bird", "cat", "dog")
    assert [found.classes[target] for target in found.targets] == kinds
    assert same_groups(found.groups, [row[2] for row in rows])
    assert found.parts is None
    kept = listed(Folder(**options, part="part", split="official"), tmp_path).labels
    assert kept.parts.tolist() == [TRAIN] * 12 + [VALIDATION] * 4 + [TEST] * 8
    ordered = Folder(**options, classes=["dog", "cat", "bird"])
    assert listed(ordered, tmp_path).labels.classes == ("dog", "cat", "bird")


def test_a_csv_with_columns_of_findings_may_hold_uncertain_ones(tmp_path):
    films(tmp_path, NAMES)
    rows = [[name, "1.0", "" if number % 2 else "-1", "0"] for number, name in enumerate(NAMES)]
    write_csv(tmp_path / "labels.csv", ["image", "a", "b", "c"], rows)
    labels = listed(Folder(csv="labels.csv", labels=["a", "b", "c"]), tmp_path).labels
    assert labels.task == "multi-label"
    assert (labels.targets == [1, 0, 0]).all()
    assert np.array_equal(labels.uncertain[:, 1], np.arange(24) % 2 == 0)
    assert labels.uncertain[:, [0, 2]].sum() == 0


def test_a_folder_a_class(tmp_path):
    films(tmp_path, [f"{kind}/{number}.png" for kind in ("melanoma", "naevus") for number in range(6)])
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "melanoma" / "notes.txt").write_text("not an image")
    labels = listed(Folder(), tmp_path).labels
    assert labels.classes == ("melanoma", "naevus")
    assert labels.targets.tolist() == [0] * 6 + [1] * 6


def test_parts_with_a_folder_a_class_each(tmp_path):
    films(tmp_path, [f"{part}/{kind}/{n}.png" for part in ("train", "val", "test") for kind in "ab" for n in range(3)])
    labels = listed(Folder(split="official"), tmp_path).labels
    assert labels.classes == ("a", "b")
    assert sorted(labels.parts.tolist()) == [TRAIN] * 6 + [VALIDATION] * 6 + [TEST] * 6


TABLE = {"csv": "labels.csv", "label": "kind"}


@pytest.mark.parametrize(
    ("options", "change", "said"),
    [
        (
            {},
            lambda rows: rows.append(["photos/99.jpg", "cat", "p9", "train"]),
            "1 of 25 images is not in ",
        ),
        (
            {"classes": ["cat", "dog"]},
            lambda rows: rows[3].__setitem__(1, "dgo"),
            "unknown class 'dgo'; did you mean 'dog'",
        ),
        ({}, lambda rows: rows[3].__setitem__(1, ""), "labels.csv:5: no class; every row needs one"),
        ({}, lambda rows: [row.__setitem__(1, "cat") for row in rows], "all rows have the class 'cat'"),
        ({"label": "knd"}, lambda rows: None, "there is no column 'knd'; did you mean 'kind'?"),
        ({"csv": "other.csv"}, lambda rows: None, "cannot read"),
        (
            {"label": None, "labels": ["kind"]},
            lambda rows: None,
            "labels.csv:2: kind is 'cat'; it should be 1, 0 or -1 (uncertain)",
        ),
        (
            {"part": "part", "split": "official"},
            lambda rows: rows[0].__setitem__(3, "tset"),
            "the part is 'tset'; it should be train, validation (or val) or test",
        ),
        (
            {"part": "part", "split": "official", "group": "who"},
            lambda rows: rows[0].__setitem__(3, "test"),
            "the column 'part': p0 is in more than one part",
        ),
    ],
)
def test_a_wrong_table_is_named(tmp_path, options, change, said):
    films(tmp_path, NAMES)
    rows = [[name, ("cat", "dog")[number % 2], f"p{number // 6}", "train"] for number, name in enumerate(NAMES)]
    change(rows)
    write_csv(tmp_path / "labels.csv", ["image", "kind", "who", "part"], rows)
    assert said in refusal(Folder(**{**TABLE, **options}), tmp_path)


def test_a_folder_without_classes_is_named(tmp_path):
    films(tmp_path, ["only/a.png", "only/b.png"])
    assert "has 1 folders with images; each class needs one" in refusal(Folder(), tmp_path)


@pytest.mark.parametrize("spec", ["isic", "chest", "folder"])
def test_a_second_label_set_that_lists_nothing_is_refused(tmp_path, spec):
    better = tmp_path / "better.csv"
    if spec == "isic":
        write_isic(tmp_path)
        write_csv(better, ["image", *isic2019.CLASSES, "UNK"], [["ISIC_9", 1, 0, 0, 0, 0, 0, 0, 0, 0]])
        problem = Isic2019(corrected=better)
    elif spec == "chest":
        write_chestxray(tmp_path)
        write_csv(better, ["Image Index", "Finding Labels"], [["x.png", "Mass"]])
        problem = ChestXray14(corrected=better)
    else:
        films(tmp_path, NAMES)
        write_csv(tmp_path / "labels.csv", ["image", "kind"], [[name, "ab"[n % 2]] for n, name in enumerate(NAMES)])
        write_csv(better, ["image", "kind"], [["x.png", "a"]])
        problem = Folder(csv="labels.csv", label="kind", corrected=better)
    assert "lists none of the images" in refusal(problem, tmp_path)


def test_an_empty_cell_of_a_second_label_set_says_nothing(tmp_path):
    films(tmp_path, NAMES)
    write_csv(tmp_path / "labels.csv", ["image", "a", "b"], [[name, 1, ""] for name in NAMES])
    write_csv(tmp_path / "better.csv", ["image", "a", "b"], [[name, 0, ""] for name in NAMES])
    spec = Folder(csv="labels.csv", labels=["a", "b"], corrected=tmp_path / "better.csv")
    labels = listed(spec, tmp_path).labels
    assert (labels.targets == [1, 0]).all()
    assert (labels.corrected == [0, -1]).all()


def test_folders_of_parts_beside_others_are_refused(tmp_path):
    films(tmp_path, [f"{top}/{kind}/{n}.png" for top in ("train", "test", "masks") for kind in "ab" for n in range(3)])
    assert "has folders for parts, and beside them masks; put these elsewhere" in refusal(Folder(), tmp_path)


def test_hidden_files_and_links_in_circles_are_not_images(tmp_path):
    films(tmp_path, [f"{kind}/{number}.png" for kind in "ab" for number in range(6)])
    shutil.copy(tmp_path / "a" / "0.png", tmp_path / "a" / "._0.png")
    (tmp_path / "b" / "again").symlink_to(tmp_path / "b")
    assert len(listed(Folder(), tmp_path).labels) == 12


def test_what_may_not_be_read_is_named(tmp_path):
    write_isic(tmp_path)
    (tmp_path / isic2019.METADATA).unlink()
    (tmp_path / isic2019.METADATA).mkdir()
    assert "has no ISIC_2019_Training_Metadata.csv" in refusal(ISIC, tmp_path)
    write_chestxray(tmp_path / "nih", lists=True)
    (tmp_path / "nih" / "test_list.txt").write_bytes(b"\xff\xfe")
    assert "is not text in UTF-8" in refusal(ChestXray14(split="official"), tmp_path / "nih")
    films(tmp_path / "own", NAMES)
    write_csv(tmp_path / "own" / "labels.csv", ["image", "kind"], [["x" * 300, "a"], ["y", "b"]])
    said = refusal(Folder(csv="labels.csv", label="kind"), tmp_path / "own")
    assert "not in" in said or "file name too long" in said


def test_grey_folders_are_read_as_such(tmp_path):
    films(tmp_path, [f"{kind}/{number}.png" for kind in "ab" for number in range(6)])
    assert Image.open(tmp_path / "a" / "0.png").mode == "RGB"
    assert listed(Folder(colour="grey"), tmp_path).channels == 1

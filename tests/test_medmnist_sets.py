"""Every 2-D set of MedMNIST is known by name, with the classes of the official table and what is known of its split."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from releases import write_medmnist

from roskdbench.data.datasets import catalogue
from roskdbench.data.decoding import Decoder, PixelForm
from roskdbench.data.problem import TEST, TRAIN, VALIDATION
from roskdbench.datasets.breastmnist import BreastMnist
from roskdbench.datasets.medmnist import (
    BloodMnist,
    ChestMnist,
    DermaMnist,
    MedMnist,
    PathMnist,
    PneumoniaMnist,
    RetinaMnist,
)
from roskdbench.datasets.octmnist import OctMnist
from roskdbench.datasets.organmnist import OrganAMnist, OrganCMnist, OrganSMnist
from roskdbench.datasets.tissuemnist import TissueMnist
from roskdbench.errors import UserError

ORGANS = [
    *("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right"),
    *("liver", "lung-left", "lung-right", "pancreas", "spleen"),
]

# name, images in train, validation and test, and classes, as in INFO of medmnist 3.0.2
NEW = {
    OctMnist: (
        "octmnist",
        (97_477, 10_832, 1_000),
        ["choroidal neovascularization", "diabetic macular edema", "drusen", "normal"],
    ),
    BreastMnist: ("breastmnist", (546, 78, 156), ["malignant", "normal, benign"]),
    TissueMnist: (
        "tissuemnist",
        (165_466, 23_640, 47_280),
        [
            "Collecting Duct, Connecting Tubule",
            "Distal Convoluted Tubule",
            "Glomerular endothelial cells",
            "Interstitial endothelial cells",
            "Leukocytes",
            "Podocytes",
            "Proximal Tubule Segments",
            "Thick Ascending Limb",
        ],
    ),
    OrganAMnist: ("organamnist", (34_561, 6_491, 17_778), ORGANS),
    OrganCMnist: ("organcmnist", (12_975, 2_392, 8_216), ORGANS),
    OrganSMnist: ("organsmnist", (13_932, 2_452, 8_827), ORGANS),
}
OLD = (BloodMnist, ChestMnist, DermaMnist, PathMnist, PneumoniaMnist, RetinaMnist)


@pytest.mark.parametrize("dataset", NEW)
def test_sets_have_the_name_the_classes_and_the_size_of_the_official_table(dataset):
    name, counts, classes = NEW[dataset]
    assert dataset.name == name
    assert list(dataset.known_classes) == [each.lower() for each in classes]
    assert dataset.expected_samples == sum(counts)
    assert (dataset.channels, dataset.task, dataset.card.licence) == (1, "single-label", "CC BY 4.0")
    assert dataset.card.how.startswith(f"{name}.npz ")
    assert dataset.grouped_by is None


@pytest.mark.parametrize("dataset", [*NEW, *OLD])
def test_a_generated_file_is_read_as_an_official_one(tmp_path, dataset):
    dataset.generate(tmp_path, 120, 0)
    with np.load(tmp_path / f"{dataset.name}.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    axes = 3 if dataset.channels == 1 else 4
    assert sorted(arrays) == sorted(
        f"{part}_{what}" for part in ("train", "val", "test") for what in ("images", "labels")
    )
    for part in ("train", "val", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        assert (images.dtype, images.ndim, images.shape[1:3]) == (np.uint8, axes, (28, 28))
        assert labels.shape == (len(images), len(dataset.known_classes) if dataset.task == "multi-label" else 1)
    found = catalogue("mine", dataset(), tmp_path)
    assert found.labels.classes == dataset.known_classes
    assert (found.labels.task, found.channels, found.size) == (dataset.task, dataset.channels, 28)
    counts = {part: len(arrays[f"{part}_labels"]) for part in ("train", "val", "test")}
    assert (
        found.labels.parts.tolist()
        == [TRAIN] * counts["train"] + [VALIDATION] * counts["val"] + [TEST] * counts["test"]
    )
    for value in (TRAIN, VALIDATION, TEST):
        assert (found.labels.indicators[found.labels.parts == value].sum(0) > 0).all()
    with ThreadPoolExecutor(1) as pool:
        _, pixels = next(found.images.load(0, 1, Decoder(PixelForm(28, "crop", dataset.channels)), pool))
    first = arrays["train_images"][0]
    assert np.array_equal(pixels, first[None] if dataset.channels == 1 else first.transpose(2, 0, 1))


def test_classes_of_a_generated_file_can_be_told_apart(tmp_path):
    """By the nearest mean image of the training part, far above the chance of one in eleven."""
    OrganAMnist.generate(tmp_path, 400, 0)
    with np.load(tmp_path / "organamnist.npz") as archive:
        train, test = (archive[f"{part}_images"].reshape(-1, 784).astype(float) for part in ("train", "test"))
        learnt, wanted = (archive[f"{part}_labels"][:, 0] for part in ("train", "test"))
    means = np.stack([train[learnt == c].mean(0) for c in range(11)])
    nearest = ((test[:, None] - means[None]) ** 2).sum(2).argmin(1)
    assert (nearest == wanted).mean() > 0.9


def test_a_generated_file_is_the_same_for_the_same_seed(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        BreastMnist.generate(tmp_path / name, 40, seed)
    one, other, third = ((tmp_path / name / "breastmnist.npz").read_bytes() for name in "abc")
    assert one == other != third


def test_a_file_of_no_known_set_cannot_be_generated(tmp_path):
    with pytest.raises(UserError, match="medmnist may be any file; generate a set with a name, such as bloodmnist"):
        MedMnist.generate(tmp_path, 10, 0)


# What is known of the official splits


def remark_of(dataset, path, **settings):
    write_medmnist(
        path / f"{dataset.name}.npz", dataset.task, channels=dataset.channels, classes=len(dataset.known_classes)
    )
    return catalogue("mine", dataset(**settings), path).remark


def test_dermamnist_says_that_its_parts_share_lesions(tmp_path):
    remark = remark_of(DermaMnist, tmp_path)
    assert "Images of one lesion stand in several parts of DermaMNIST's official split (Abhishek et al., " in remark
    assert remark_of(DermaMnist, tmp_path, size=64).startswith(
        "Images of 28 pixels, brought to 64. Images of one lesion"
    )


@pytest.mark.parametrize("dataset", [OrganAMnist, OrganCMnist, OrganSMnist])
def test_organs_say_that_slices_are_of_few_scans_which_only_the_official_parts_keep_apart(tmp_path, dataset):
    remark = remark_of(dataset, tmp_path)
    assert "slices of 201 CT scans" in remark
    assert "the official parts have 115, 16 and 70 scans of their own" in remark
    assert 115 + 16 + 70 == 201


@pytest.mark.parametrize(
    ("dataset", "said"),
    [(BreastMnist, "600 patients"), (TissueMnist, "three pieces of tissue"), (OctMnist, "in training and in")],
)
def test_sets_that_were_split_by_image_say_so(tmp_path, dataset, said):
    assert said in remark_of(dataset, tmp_path)


@pytest.mark.parametrize("dataset", [BloodMnist, ChestMnist, PathMnist, PneumoniaMnist, RetinaMnist])
def test_of_others_nothing_is_said(tmp_path, dataset):
    assert remark_of(dataset, tmp_path) == ""


def test_a_file_of_another_set_is_refused_by_its_name(tmp_path):
    """The classes of breastmnist are two, as those of pneumoniamnist are."""
    write_medmnist(tmp_path / "pneumoniamnist.npz", classes=2, channels=1)
    with pytest.raises(UserError, match="is a file of pneumoniamnist by its name, and the dataset is breastmnist"):
        catalogue("mine", BreastMnist(), tmp_path / "pneumoniamnist.npz")
    (tmp_path / "pneumoniamnist.npz").rename(tmp_path / "mine.npz")
    assert len(catalogue("mine", BreastMnist(), tmp_path / "mine.npz").labels)
    assert len(catalogue("mine", MedMnist(), tmp_path / "mine.npz").labels)


def test_a_folder_with_other_sizes_alone_says_which(tmp_path):
    write_medmnist(tmp_path / "bloodmnist_64.npz", classes=8)
    with pytest.raises(UserError, match=r"has no bloodmnist.npz; it has bloodmnist_64.npz: say size, or let root be"):
        catalogue("mine", BloodMnist(), tmp_path)


def test_images_are_groups_of_their_own_and_nobody_says_patients(tmp_path):
    write_medmnist(tmp_path / "organsmnist.npz", classes=11)
    labels = catalogue("mine", OrganSMnist(), tmp_path).labels
    assert len(np.unique(labels.groups)) == len(labels)
    assert all(dataset.grouped_by is None for dataset in (*NEW, *OLD, MedMnist))


def test_labels_of_another_set_are_refused(tmp_path):
    write_medmnist(tmp_path / "organamnist.npz", classes=12)
    with pytest.raises(UserError, match="labels for 12 classes where organamnist has 11: bladder"):
        catalogue("mine", OrganAMnist(), tmp_path)

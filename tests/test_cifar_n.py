"""CIFAR-N: the binary files' images in their order, with each of the labels that people gave them."""

import os
import pickle
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from roskdbench.data.array_pickles import read_arrays
from roskdbench.data.datasets import catalogue
from roskdbench.data.decoding import Decoder, PixelForm, digest
from roskdbench.data.noise import flips, noisy_labels
from roskdbench.data.preparation import prepare, write_problem
from roskdbench.data.problem import TEST, TRAIN_OR_VALIDATION, Problem
from roskdbench.data.records import RecordImages
from roskdbench.data.splits import official
from roskdbench.datasets.cifar_n import Cifar10N, Cifar100N
from roskdbench.errors import UserError
from roskdbench.store import Store
from roskdbench.suite.noise import OwnNoise

KEYS = ("aggre_label", "random_label1", "random_label2", "random_label3", "worse_label")
HUMAN = dict(zip(("aggregate", "random1", "random2", "random3", "worst"), KEYS, strict=True))


def listed(spec, root):
    return catalogue("mine", spec, root)


def refusal(spec, root):
    with pytest.raises(UserError) as error:
        listed(spec, root)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("problem 'mine': ")
    return str(error.value)


def write_records(path, labels, images):
    """One byte after another: label (and before it a coarse one), reds, greens, blues."""
    with path.open("wb") as file:
        for label, image in zip(labels, images, strict=True):
            file.write(struct.pack(f"{len(label)}B", *label))
            for colour in range(3):
                for row in range(32):
                    file.write(struct.pack("32B", *image[row, :, colour].tolist()))


@pytest.fixture
def ten(tmp_path):
    """CIFAR-10N as its givers write it, of 40 and 12 images. Returns its folder, the images, labels and people's."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (52, 32, 32, 3), dtype=np.uint8)
    labels = np.concatenate([np.arange(40) % 10, random.integers(0, 10, 12)])
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number in range(5):
        rows = range(number * 8, number * 8 + 8)
        write_records(folder / f"data_batch_{number + 1}.bin", labels[rows, None].tolist(), images[rows])
    write_records(folder / "test_batch.bin", labels[40:, None].tolist(), images[40:])
    people = {"clean_label": labels[:40], **{key: random.integers(0, 10, 40) for key in KEYS}}
    torch.save(people, tmp_path / "CIFAR-10_human.pt")
    return tmp_path, images, labels, people


@pytest.fixture
def hundred(tmp_path):
    """CIFAR-100N, its coarse labels lists as in the official file."""
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (120, 32, 32, 3), dtype=np.uint8)
    coarse, fine = random.integers(0, 20, 120), np.arange(120) % 100
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    both = np.stack([coarse, fine], axis=1).tolist()
    write_records(folder / "train.bin", both[:100], images[:100])
    write_records(folder / "test.bin", both[100:], images[100:])
    people = {"clean_label": fine[:100], "noisy_label": random.integers(0, 100, 100)}
    torch.save({**people, "clean_coarse_label": coarse[:100].tolist()}, tmp_path / "CIFAR-100_human.pt")
    return tmp_path, images, fine, people


# Images


def loaded(images, start, stop, size=32):
    with ThreadPoolExecutor(2) as pool:
        return list(images.load(start, stop, Decoder(PixelForm(size, "crop", 3)), pool))


@pytest.mark.parametrize("dataset", ["ten", "hundred"])
def test_pixels_are_those_of_the_files_in_their_order(request, dataset):
    root, images, labels, _ = request.getfixturevalue(dataset)
    found = listed((Cifar10N if dataset == "ten" else Cifar100N)(), root)
    assert np.array_equal(found.labels.targets, labels)
    assert len(found.images) == len(found.images.names) == len(set(found.images.names)) == len(images)
    for start, stop in ((0, len(images)), (6, 19), (3, 4), (len(images) - 1, len(images))):
        for row, (mark, pixels) in enumerate(loaded(found.images, start, stop), start):
            assert np.array_equal(pixels, images[row].transpose(2, 0, 1))
            assert mark == digest(images[row])


def test_images_may_be_brought_to_another_size(ten):
    root, images, _, _ = ten
    found = listed(Cifar10N(size=64), root)
    assert (found.size, found.channels) == (64, 3)
    wanted = Image.fromarray(images[9]).resize((64, 64), Image.Resampling.BICUBIC)
    assert np.array_equal(loaded(found.images, 9, 10, 64)[0][1], np.asarray(wanted).transpose(2, 0, 1))


def test_stamps_differ_between_files_and_when_one_changes(ten):
    root, _, _, _ = ten
    before = listed(Cifar10N(), root).images.stamps()
    assert before.shape == (52, 5)
    assert len(np.unique(before, axis=0)) == 6
    path = root / "cifar-10-batches-bin" / "data_batch_2.bin"
    os.utime(path, (1, 1))
    assert np.flatnonzero((listed(Cifar10N(), root).images.stamps() != before).any(1)).tolist() == list(range(8, 16))


def test_grey_records_have_no_axis_of_colours(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(range(3 * 13)))
    images = RecordImages([tmp_path / "a.bin"], 1, (1, 3, 4))
    assert images.labels.tolist() == [[0], [13], [26]]
    with ThreadPoolExecutor(1) as pool:
        _, pixels = next(images.load(1, 2, Decoder(PixelForm(4, "pad", 1)), pool))
    assert pixels.shape == (1, 4, 4)


def test_a_problem_is_made_of_it_from_one_end_to_the_other(ten, tmp_path):
    root, images, labels, people = ten
    store, spec = Store.at(tmp_path / "store"), Cifar10N()
    content = prepare("mine", spec, root, store, 2)
    assert content.samples == 52
    (tmp_path / "problem").mkdir()
    write_problem("mine", spec, root, content.identity, store, tmp_path / "problem", lambda *_: None)
    problem = Problem.load(tmp_path / "problem")
    assert np.array_equal(problem.images, images.transpose(0, 3, 1, 2))
    assert np.array_equal(problem.labels.targets, labels)
    assert np.array_equal(problem.labels.noisy_targets[:40], people["worse_label"])


# Labels by people


@pytest.mark.parametrize("human", [*HUMAN, None])
def test_training_sees_the_labels_that_are_asked_for_and_the_worst_if_none_are(ten, human):
    root, _, labels, people = ten
    spec = Cifar10N() if human is None else Cifar10N(human=human)
    found = listed(spec, root).labels
    wanted = people[HUMAN[human or "worst"]]
    seen = noisy_labels(OwnNoise(kind="own"), found, np.random.default_rng(0))
    assert np.array_equal(seen, np.concatenate([wanted, labels[40:]]))
    assert flips(found, seen).sum() == (wanted != labels[:40]).sum()
    assert np.array_equal(found.targets, labels)


def test_the_remark_says_how_many_labels_are_wrong(ten, hundred):
    for spec, (root, _, labels, people), key in (
        (Cifar10N(), ten, "worse_label"),
        (Cifar100N(), hundred, "noisy_label"),
    ):
        count = len(people[key])
        share = (people[key] != labels[:count]).mean()
        remark = f"Labels by people ({key}) are wrong for {share:.2%} of the {count} training images."
        assert listed(spec, root).remark == remark


def test_three_people_are_votes_and_nobody_saw_the_test_images(ten, hundred):
    root, _, _, people = ten
    votes = listed(Cifar10N(), root).labels.votes
    assert np.array_equal(votes[:40], np.stack([people[f"random_label{number}"] for number in (1, 2, 3)], axis=1))
    assert (votes[40:] == -1).all()
    assert votes.dtype == np.int8
    assert listed(Cifar100N(), hundred[0]).labels.votes is None
    assert (Cifar10N.has_votes, Cifar100N.has_votes) == (True, False)


def test_the_test_part_is_the_official_one_and_every_image_its_own(ten):
    root, _, _, _ = ten
    found = listed(Cifar10N(), root).labels
    assert found.parts.tolist() == [TRAIN_OR_VALIDATION] * 40 + [TEST] * 12
    assert len(np.unique(found.groups)) == 52
    assert Cifar10N.grouped_by is None
    split = official(found, 0.25, 0)
    assert split.test.tolist() == list(range(40, 52))
    assert len(split.validation) == 10
    with pytest.raises(ValueError, match="official"):
        Cifar10N(split="ours")


def test_the_fine_label_counts_and_the_coarse_one_does_not(hundred):
    root, _, fine, people = hundred
    found = listed(Cifar100N(), root).labels
    assert np.array_equal(found.targets, fine)
    assert np.array_equal(found.noisy_targets[:100], people["noisy_label"])
    assert len(found.classes) == 100
    assert list(found.classes) == sorted(found.classes)
    assert [found.classes[c] for c in (0, 39, 99)] == ["apple", "keyboard", "worm"]


# The other forms of labels


def test_the_old_form_of_torch_and_a_pickle_say_the_same(ten):
    root, _, _, people = ten
    new = listed(Cifar10N(), root).labels.arrays()
    path = root / "CIFAR-10_human.pt"
    for write in (
        lambda: torch.save(people, path, _use_new_zipfile_serialization=False),
        lambda: path.write_bytes(pickle.dumps({key: labels[:, None] for key, labels in people.items()})),
        lambda: path.write_bytes(pickle.dumps({key: labels.tolist() for key, labels in people.items()}, protocol=2)),
        lambda: torch.save({key: torch.from_numpy(labels) for key, labels in people.items()}, path),
    ):
        write()
        found = listed(Cifar10N(), root).labels.arrays()
        assert all(np.array_equal(found[name], array) for name, array in new.items())


@pytest.mark.parametrize("subfolder", ["", "data", "CIFAR-N"])
def test_labels_may_lie_in_the_folder_that_they_come_in(ten, subfolder):
    root, _, _, people = ten
    (root / subfolder).mkdir(exist_ok=True)
    (root / "CIFAR-10_human.pt").rename(root / subfolder / "CIFAR-10_human.pt")
    assert np.array_equal(listed(Cifar10N(), root).labels.noisy_targets[:40], people["worse_label"])


def test_images_may_lie_in_the_folder_itself(ten):
    root, _, labels, _ = ten
    (root / "CIFAR-10_human.pt").rename(root / "cifar-10-batches-bin" / "CIFAR-10_human.pt")
    assert np.array_equal(listed(Cifar10N(), root / "cifar-10-batches-bin").labels.targets, labels)


@pytest.mark.parametrize("name", ["noise_label", "noisy_label"])
def test_labels_in_the_order_of_tensorflow_are_put_in_that_of_the_images(hundred, name):
    """Position i of the ordered file is image order[i]; its lists are of numpy's numbers."""
    root, _, _, people = hundred
    (root / "CIFAR-100_human.pt").unlink()
    order = np.random.default_rng(2).permutation(100)
    ordered = {"clean_label": list(people["clean_label"][order]), name: list(people["noisy_label"][order])}
    np.save(root / "CIFAR-100_human_ordered.npy", ordered, allow_pickle=True)
    assert "is in the order of TensorFlow; put image_order_c100.npy beside it" in refusal(Cifar100N(), root)
    np.save(root / "image_order_c100.npy", order)
    assert np.array_equal(listed(Cifar100N(), root).labels.noisy_targets[:100], people["noisy_label"])


def test_an_array_a_file_will_do(ten):
    root, _, _, people = ten
    (root / "CIFAR-10_human.pt").unlink()
    for name in ("clean_label", "random_label2"):
        np.save(root / f"{name}.npy", people[name])
    found = listed(Cifar10N(human="random2"), root).labels
    assert np.array_equal(found.noisy_targets[:40], people["random_label2"])
    assert found.votes is None
    assert "has no worse_label; it has random_label2, clean_label" in refusal(Cifar10N(), root)


# What is wrong


def changed(**arrays):
    """Labels by people that are others than they should be."""

    def change(root):
        path = root / "CIFAR-10_human.pt"
        people = {**torch.load(path, weights_only=False), **arrays}
        torch.save({key: labels for key, labels in people.items() if labels is not None}, path)

    return change


def cut(root):
    path = root / "cifar-10-batches-bin" / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1])


def python_version(root):
    for path in (root / "cifar-10-batches-bin").iterdir():
        path.rename(path.with_suffix(""))
    (root / "cifar-10-batches-bin").rename(root / "cifar-10-batches-py")


def tensorflow(order):
    def change(root):
        people = torch.load(root / "CIFAR-10_human.pt", weights_only=False)
        (root / "CIFAR-10_human.pt").unlink()
        np.save(root / "CIFAR-10_human_ordered.npy", people, allow_pickle=True)
        np.save(root / "image_order_c10.npy", order, allow_pickle=True)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            changed(clean_label=np.roll(np.arange(40) % 10, 1)),
            "40 of 40 clean labels are not the images' own; it is in",
        ),
        (changed(clean_label=np.arange(40) % 10 * (np.arange(40) > 1)), "1 of 40 clean labels are not the images' own"),
        (changed(clean_label=None), "has no clean_label; it has aggre_label, random_label1"),
        (changed(worse_label=None), "has no worse_label; it has clean_label, aggre_label"),
        (changed(worse_label=np.arange(39) % 10), "worse_label is int64 [39]; it should be whole numbers [40]"),
        (changed(worse_label=np.zeros(40)), "worse_label is float64 [40]; it should be whole numbers [40]"),
        (changed(worse_label=np.arange(40)), "worse_label goes from 0 to 39; it should from 0 to 9"),
        (changed(random_label1=np.arange(40) - 40), "random_label1 goes from -40 to -1; it should from 0 to 9"),
        (
            lambda root: (root / "CIFAR-10_human.pt").write_bytes(pickle.dumps({"worse_label": print})),
            "asks for builtins.print, which could run code; only arrays, dictionaries, texts and numbers are read",
        ),
        (
            lambda root: (root / "CIFAR-10_human.pt").unlink(),
            "has no CIFAR-10_human.pt, CIFAR-10_human_ordered.npy or worse_label.npy, the labels by people",
        ),
        (cut, "data_batch_3.bin is not a whole file: 24,583 bytes, in records of 3,073; get it again"),
        (
            lambda root: (root / "cifar-10-batches-bin" / "test_batch.bin").write_bytes(b""),
            "is not a whole file: 0 bytes",
        ),
        (
            lambda root: (root / "cifar-10-batches-bin" / "data_batch_4.bin").unlink(),
            "has no data_batch_4.bin; unpack all",
        ),
        (
            lambda root: (root / "cifar-10-batches-bin" / "data_batch_1.bin").unlink(),
            "no cifar-10-batches-bin/data_batch_1",
        ),
        (
            python_version,
            "has CIFAR's Python version, which is pickles and could run code; get cifar-10-binary.tar.gz from",
        ),
        (
            lambda root: (root / "cifar-10-batches-bin" / "test_batch.bin").write_bytes(bytes([10]) + bytes(3072)),
            "a label is 10; they go from 0 to 9",
        ),
        (tensorflow(np.zeros(40, int)), "image_order_c10.npy does not number the images from 0 to 39"),
        (tensorflow(np.arange(39)), "clean_label has 40 labels, and image_order_c10.npy 39"),
        (tensorflow({"a": np.arange(40)}), "image_order_c10.npy holds a, and not one array"),
        (tensorflow(np.roll(np.arange(40), 1)), "40 of 40 clean labels are not the images' own"),
    ],
)
def test_what_is_wrong_is_one_line(ten, change, said):
    root, _, _, _ = ten
    change(root)
    assert said in refusal(Cifar10N(), root)


# Made-up releases


@pytest.mark.parametrize("dataset", [Cifar10N, Cifar100N])
def test_a_generated_release_is_read_and_torch_reads_its_labels(tmp_path, dataset):
    dataset.generate(tmp_path, 500, 3)
    found = listed(dataset(), tmp_path)
    assert (found.labels.parts == TEST).sum() == 100
    assert len(found.labels) == 600
    assert (np.bincount(found.labels.targets, minlength=len(found.labels.classes)) > 0).all()
    path = next(tmp_path.glob("*.pt"))
    mine, theirs = read_arrays(path), torch.load(path, weights_only=False)
    assert list(mine) == list(theirs)
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


def test_made_up_people_err_as_the_paper_defines_its_labels(tmp_path):
    """The vote is what two or three say; the worst is wrong just where one of the three is, with a label of theirs."""
    Cifar10N.generate(tmp_path, 3000, 0)
    people = read_arrays(tmp_path / "CIFAR-10_human.pt")
    clean = people["clean_label"]
    said = np.stack([people[f"random_label{number}"] for number in (1, 2, 3)], axis=1)
    wrong = said != clean[:, None]
    assert wrong.mean() == pytest.approx(1 / 6, abs=0.01)
    assert np.array_equal(people["worse_label"] != clean, wrong.any(1))
    for key in ("worse_label", "aggre_label"):
        assert (said == people[key][:, None]).any(1).all()
    counts = np.stack([(said == c).sum(1) for c in range(10)], axis=1)
    assert np.array_equal(people["aggre_label"][counts.max(1) > 1], counts.argmax(1)[counts.max(1) > 1])


def test_a_release_is_the_same_for_the_same_seed(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        Cifar10N.generate(tmp_path / name, 20, seed)
    for file in ("CIFAR-10_human.pt", "cifar-10-batches-bin/data_batch_1.bin"):
        one, other, third = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert one == other != third


# The published labels, where they are

BASE = Path(os.environ.get("ROSKDBENCH_DATA", "/nowhere"))


@pytest.mark.parametrize(
    ("file", "rates"),
    [
        (
            "cifar10n/CIFAR-10_human.pt",
            {
                "aggre_label": 0.0903,
                "random_label1": 0.1723,
                "random_label2": 0.1812,
                "random_label3": 0.1764,
                "worse_label": 0.4021,
            },
        ),
        ("cifar100n/CIFAR-100_human.pt", {"noisy_label": 0.4020}),
    ],
)
def test_published_labels_are_wrong_as_often_as_the_paper_says(file, rates):
    if not (BASE / file).is_file():
        pytest.skip(f"ROSKDBENCH_DATA has no {file}")
    arrays = read_arrays(BASE / file)
    assert all(len(labels) == 50_000 for labels in arrays.values())
    for name, rate in rates.items():
        assert (arrays[name] != arrays["clean_label"]).mean() == pytest.approx(rate, abs=3e-4), name


def test_published_files_in_two_orders_say_the_same():
    folder = BASE / "cifar100n"
    names = ("CIFAR-100_human.pt", "CIFAR-100_human_ordered.npy", "image_order_c100.npy")
    if not all((folder / name).is_file() for name in names):
        pytest.skip(f"ROSKDBENCH_DATA has no {' and '.join(names)}")
    own, ordered, place = (read_arrays(folder / name) for name in names)
    order = place["image_order_c100"]
    assert np.array_equal(own["clean_label"][order], ordered["clean_label"])
    assert np.array_equal(own["noisy_label"][order], ordered["noise_label"])
    assert len(order) == 50_000

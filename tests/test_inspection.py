"""What `data check` finds before a run: classes by part, what lacks, what is there twice."""

import re
from io import StringIO

import numpy as np
import pytest
from conftest import command
from rich.console import Console

from roskdbench.data.duplicates import look_alikes, same_bytes, same_pixels
from roskdbench.data.inspection import inspected
from roskdbench.data.phantoms import draw_chest, draw_lesions
from roskdbench.data.problem import TRAIN, VALIDATION, Labels
from roskdbench.data.splits import fold, holdout
from roskdbench.datasets.medmnist import MedMnist
from roskdbench.datasets.phantom_lesion import PhantomLesion
from roskdbench.plugins import bundled_registry
from roskdbench.report.data_table import data_table
from roskdbench.suite.problems import Dataset
from roskdbench.suite.protocol import SplitProtocol


def lesions(samples=300, seed=0):
    _, targets, groups = draw_lesions(samples, 28, seed)
    return Labels("single-label", tuple("abcdefgh"), targets, groups)


def test_counts_by_part_are_those_of_the_split_that_a_run_makes():
    labels, shares = lesions(), SplitProtocol()
    found = inspected(PhantomLesion(), labels, shares)
    split = holdout(labels, shares.train, shares.validation, shares.test, shares.seed)
    for part in ("train", "validation", "test"):
        rows = getattr(split, part)
        assert found.counts(part).tolist() == np.bincount(labels.targets[rows], minlength=8).tolist()
        assert found.groups(part) == len(set(labels.groups[rows].tolist()))


def test_a_part_without_a_class_is_said_with_what_comes_of_it():
    labels = Labels("single-label", ("a", "b", "rare"), np.array([0, 1] * 50 + [2]), np.arange(101))
    found = inspected(PhantomLesion(), labels, SplitProtocol())
    lines = "\n".join(found.warnings())
    (part,) = [part for part in ("train", "validation", "test") if found.counts(part)[2]]
    for other in {"train", "validation", "test"} - {part}:
        assert f"the {other} part has no sample of rare" in lines
    assert f"the {part} part has no" not in lines
    if part != "test":
        assert "macro F1 is 0.667 at best" in lines


def test_a_part_without_an_image_and_a_class_that_is_none_are_said():
    parts = np.array([VALIDATION] * 10 + [TRAIN] * 30, np.int8)
    labels = Labels("single-label", ("a", "nan"), np.array([0, 1] * 20), np.arange(40), parts=parts)
    spec = Dataset.read({"dataset": "folder", "split": "official"}, bundled_registry())
    lines = inspected(spec, labels, SplitProtocol()).warnings()
    assert "the test part has no image; a run needs some in each" in lines
    assert "the class 'nan' is what programs write for a missing label: is it one?" in lines


def test_second_labels_that_decide_what_is_uncertain_are_not_errors_of_the_first():
    targets, uncertain = np.array([[1, 0], [0, 0]] * 20, "u1"), np.array([[0, 1], [0, 0]] * 20, "u1")
    corrected = np.array([[1, 1], [0, -1]] * 20, "i1")
    labels = Labels("multi-label", ("a", "b"), targets, np.arange(40), corrected=corrected, uncertain=uncertain)
    (line,) = inspected(PhantomLesion(), labels, SplitProtocol()).other_labels()
    assert line.startswith("second labels: 0 of 40 differ (0.0%); 20 decide what is uncertain; ")


def test_the_best_macro_f1_is_what_scikit_learn_gives_a_perfect_model():
    from sklearn.metrics import f1_score

    labels = Labels("single-label", tuple("abcdefgh"), np.array([0, 1, 2] * 40), np.arange(120))
    (line,) = [
        line for line in inspected(PhantomLesion(), labels, SplitProtocol()).warnings() if "the test part" in line
    ]
    truth = np.array([0, 1, 2])
    perfect = f1_score(truth, truth, labels=list(range(8)), average="macro", zero_division=0)
    assert f"macro F1 is {perfect:.3f} at best" in line


def test_uncertain_labels_are_neither_positive_nor_negative():
    targets = np.array([[1, 0]] * 40 + [[0, 1]] * 40, np.uint8)
    uncertain = np.zeros_like(targets)
    uncertain[:10, 0] = uncertain[:5, 1] = 1
    found = inspected(
        PhantomLesion(), Labels("multi-label", ("a", "b"), targets, np.arange(80), uncertain=uncertain), SplitProtocol()
    )
    assert found.positive.sum(0).tolist() == [30, 40]
    assert found.marks["uncertain"].sum(0).tolist() == [10, 5]
    assert found.marks["without"].sum(0).tolist() == [40, 35]


def test_all_marks_of_several_findings_stand_in_the_table_by_part():
    random = np.random.default_rng(0)
    cells = random.choice([-1, 0, 1, 2], (300, 3))  # 2: an empty cell
    labels = Labels(
        "multi-label",
        ("first", "second", "third"),
        (cells == 1).astype(np.uint8),
        np.arange(300) // 3,
        uncertain=(cells == -1).astype(np.uint8),
    )
    found = inspected(PhantomLesion(), labels, SplitProtocol(), blank=(cells == 2).astype(np.uint8))
    screen = Console(width=80, file=StringIO())
    screen.print(data_table("chest", "drawn", found, []))
    shown = screen.file.getvalue().splitlines()
    wanted = {
        "with": cells == 1,
        "uncertain": cells == -1,
        "without": (cells == 0) | (cells == 2),
        "of these blank": cells == 2,
    }
    for heading, marks in wanted.items():
        (start,) = [
            row for row, line in enumerate(shown) if line.strip().removesuffix("test").startswith(f"{heading} ")
        ]
        assert shown[start].removeprefix(f"   {heading}").split() == ["all", "share", *found.parts]
        for c, name in enumerate(labels.classes):
            parts = [str(marks[rows, c].sum()) for rows in found.parts.values()]
            assert shown[start + 1 + c].split() == [name, str(marks[:, c].sum()), f"{marks[:, c].mean():.1%}", *parts]


def test_labels_that_differ_are_counted_of_both_other_sets():
    targets = np.arange(60) % 3
    noisy, better = targets.copy(), np.full(60, -1)
    noisy[:12] = (noisy[:12] + 1) % 3
    better[10:40] = targets[10:40]
    better[[11, 12, 13]] = (targets[[11, 12, 13]] + 1) % 3
    labels = Labels("single-label", tuple("abc"), targets, np.arange(60), noisy_targets=noisy, corrected=better)
    found = inspected(PhantomLesion(), labels, SplitProtocol())
    tested = int((better[found.parts["test"]] >= 0).sum())
    assert found.other_labels() == [
        "noisy labels: 12 of 60 differ (20.0%)",
        f"second labels: 3 of 30 differ (10.0%); {tested:,} of {len(found.parts['test']):,} test images have some",
    ]


def test_nobody_who_may_have_a_finding_is_counted_as_surely_without_any():
    targets, uncertain = np.zeros((60, 2), np.uint8), np.zeros((60, 2), np.uint8)
    targets[:10, 0] = uncertain[5:25, 1] = 1
    labels = Labels("multi-label", ("a", "b"), targets, np.arange(60), uncertain=uncertain)
    screen = Console(width=80, file=StringIO())
    screen.print(data_table("p", "here", inspected(PhantomLesion(), labels, SplitProtocol()), []))
    (line,) = [line for line in screen.file.getvalue().splitlines() if "surely none of these" in line]
    assert line.split()[4] == "35"


def test_classes_that_differ_in_case_alone_are_asked_about():
    labels = Labels("single-label", ("mel", "nv", "MEL "), np.array([0, 1, 2] * 40), np.arange(120))
    assert (
        "the classes 'mel' and 'MEL ' differ in their letters' case alone: are they one?"
        in inspected(PhantomLesion(), labels, SplitProtocol()).warnings()
    )


def test_folds_without_a_class_are_said():
    labels = lesions()
    few = Labels("single-label", labels.classes, np.where(labels.targets == 7, 0, labels.targets), labels.groups)
    few.targets[np.flatnonzero(labels.groups == 3)] = 7
    found = inspected(PhantomLesion(), few, SplitProtocol(), folds=3)
    counts = [np.bincount(few.targets[fold(few, 3, number, 0.1, 0).test], minlength=8) for number in range(3)]
    assert found.fewest.tolist() == np.min(counts, axis=0).tolist()
    assert "of 3 folds, one or more test parts have no sample of h" in found.warnings()


def test_where_nothing_is_known_of_patients_it_says_images():
    labels = lesions()
    assert any(
        line.startswith("images, not patients")
        for line in inspected(MedMnist(split="ours"), labels, SplitProtocol()).warnings()
    )
    assert not any(
        "images, not patients" in line for line in inspected(PhantomLesion(), labels, SplitProtocol()).warnings()
    )


def test_files_with_the_same_bytes_are_found(tmp_path):
    paths = [tmp_path / f"{number}.bin" for number in range(5)]
    for path, data in zip(paths, (b"one", b"two", b"one", b"four", b"two"), strict=True):
        path.write_bytes(data)
    assert sorted(same_bytes([*paths, tmp_path / "gone.bin"])) == [(0, 2), (1, 4)]
    images = np.random.default_rng(0).integers(0, 255, (6, 1, 8, 8), dtype=np.uint8)
    images[5] = images[1]
    assert same_pixels(images) == [(1, 5)]


def test_one_picture_that_was_lit_and_compressed_otherwise_is_found_in_another_part():
    images, _, _ = draw_chest(120, 48, 0)
    random = np.random.default_rng(1)
    images[100] = np.clip(images[7] * 0.8 + 20 + random.normal(0, 4, images[7].shape), 0, 255)
    pairs = look_alikes(images, np.arange(80, 120), np.arange(80), np.arange(120))
    assert (100, 7) in pairs
    together = np.arange(120)
    together[100] = 7  # of one patient: no news
    assert (100, 7) not in look_alikes(images, np.arange(80, 120), np.arange(80), together)
    grey = np.full((4, 1, 48, 48), 90, np.uint8)
    assert look_alikes(grey, np.arange(2), np.arange(2, 4), np.arange(4)) == []


def test_films_of_different_patients_do_not_look_alike():
    images, _, _ = draw_chest(400, 48, 3)
    assert look_alikes(images, np.arange(100), np.arange(100, 400), np.arange(400)) == []


@pytest.mark.parametrize("copied", [False, True])
def test_data_check_shows_every_part_and_names_what_is_there_twice(tmp_path, copied):
    assert command("data", "generate", "isic2019", "skin", "--patients", "40", cwd=tmp_path).returncode == 0
    folder = tmp_path / "skin" / "ISIC_2019_Training_Input"
    if copied:
        for number in range(20, 24):
            (folder / f"ISIC_{number:07}.jpg").write_bytes((folder / "ISIC_0000003.jpg").read_bytes())
    (tmp_path / "skin.yaml").write_text(
        "suite: skin\nproblems:\n  lesion: {dataset: isic2019, root: skin, size: 32}\n"
        "experiments:\n  main: {methods: [baseline-i]}\n"
    )
    done = command("data", "check", "skin.yaml", "--store", "store", cwd=tmp_path)
    text = " ".join(done.stdout.split())
    assert done.returncode == 0
    assert "class all share train validation test" in text
    copies = r"4 files have the bytes of another: ISIC_0000003 \((\w+)\) and ISIC_0000020 \((\w+)\)"
    assert bool(re.search(copies, text)) == copied
    assert "site: " in text and "sex: " in text
    assert command("data", "prepare", "skin.yaml", "--store", "store", cwd=tmp_path).returncode == 0
    again = " ".join(command("data", "check", "skin.yaml", "--store", "store", cwd=tmp_path).stdout.split())
    assert "its pixels are in the store" in again
    assert ("like one that trains or validates, of another lesion" in again) == copied

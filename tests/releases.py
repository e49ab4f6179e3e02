"""Small datasets written as their givers write them: drawn images in the official layouts."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from roskdbench.data.phantoms import draw_chest, draw_lesions
from roskdbench.datasets import chestxray14, isic2019


def write_csv(path: Path, header, rows, separator=",", newline="\n", bom=False):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=newline)
    writer.writerow(header)
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode())


def save(pixels, path: Path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = pixels[0] if pixels.shape[0] == 1 else np.moveaxis(pixels, 0, -1)
    Image.fromarray(array).save(path, **options)


def write_isic(root: Path, samples=64, seed=0):
    """ISIC 2019: one-hot labels, metadata with some lesions, JPEGs of 48x36. Returns the classes and lesions."""
    images, targets, lesions = draw_lesions(samples, 36, seed)
    names = [f"ISIC_{number:07}" for number in range(samples)]
    marks = [
        [name, *(f"{float(c == target):.1f}" for c in range(8)), "0.0"]
        for name, target in zip(names, targets, strict=True)
    ]
    write_csv(root / isic2019.LABELS, ["image", *isic2019.CLASSES, "UNK"], marks)
    grouped = [f"HAM_{lesion:04}" if lesion % 5 else "" for lesion in lesions]
    rows = [[name, 50, lesion, "female"] for name, lesion in zip(names, grouped, strict=True)]
    write_csv(root / isic2019.METADATA, ["image", "age_approx", "lesion_id", "sex"], rows)
    for name, image in zip(names, images, strict=True):
        wide = np.pad(image, ((0, 0), (0, 0), (6, 6)))
        save(wide, root / isic2019.IMAGES / f"{name}.jpg", quality=95)
    return targets, grouped


def write_chestxray(root: Path, samples=64, seed=0, lists=False, folders=2):
    """ChestX-ray14: findings joined by bars, PNGs in numbered folders, some RGBA. Returns findings and patients."""
    images, findings, patients = draw_chest(samples, 36, seed)
    findings = findings.copy()
    visits = {}
    names = []
    for patient in patients.tolist():
        visits[patient] = visits.get(patient, -1) + 1
        names.append(f"{patient + 1:08}_{visits[patient]:03}.png")
    rows = []
    for name, flags, patient in zip(names, findings, patients, strict=True):
        found = [label for label, flag in zip(chestxray14.EIGHT, flags, strict=True) if flag]
        found += ["Hernia"] if int(patient) % 7 == 0 else []
        rows.append([name, "|".join(found) or "No Finding", 0, patient + 1])
    write_csv(root / "Data_Entry_2017_v2020.csv", ["Image Index", "Finding Labels", "Follow-up #", "Patient ID"], rows)
    for number, (name, image) in enumerate(zip(names, images, strict=True)):
        path = root / f"images_{number * folders // samples + 1:03}" / "images" / name
        if number % 10 == 3:  # as NIH has some: grey in three channels, and an alpha channel
            save(np.concatenate([np.repeat(image, 3, axis=0), np.full_like(image, 255)]), path)
        else:
            save(image, path)
    if lists:
        tested = set(np.unique(patients)[::4].tolist())
        for file, wanted in (("train_val_list.txt", False), ("test_list.txt", True)):
            chosen = [name for name, patient in zip(names, patients, strict=True) if (int(patient) in tested) == wanted]
            (root / file).write_text("\n".join(chosen) + "\n")
    return findings, patients


def write_medmnist(path: Path, task="single-label", counts=(40, 12, 16), size=28, channels=1, classes=2, pickled=False):
    """An npz of three parts. Returns the images and labels of all."""
    random = np.random.default_rng(0)
    arrays, images, labels = {}, [], []
    for part, count in zip(("train", "val", "test"), counts, strict=True):
        shape = (count, size, size) if channels == 1 else (count, size, size, channels)
        images.append(random.integers(0, 256, shape, dtype=np.uint8))
        if task == "single-label":
            labels.append((np.arange(count)[:, None] % classes).astype(np.uint8))
        else:
            labels.append(random.integers(0, 2, (count, classes), dtype=np.uint8))
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = images[-1], labels[-1]
    if pickled:
        arrays["train_images"] = np.array([{"a": 1}] * counts[0], dtype=object)
    np.savez_compressed(path, **arrays)
    return np.concatenate(images), np.concatenate(labels)


def truncate(path: Path, share=0.6):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def cut_zip(path: Path, strict=True):
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist()
    truncate(path, 0.5)

"""From a download to a table: check, prepare, run, report on data in official formats; and a line for each mistake."""

import gzip
import json
import shutil

import numpy as np
import pytest
from conftest import command
from PIL import Image
from releases import truncate, write_chestxray, write_csv, write_isic, write_medmnist

from roskdbench.data.datasets import catalogue
from roskdbench.datasets import isic2019
from roskdbench.datasets.folder import Folder
from roskdbench.statistics.draws_file import FILE as DRAWS
from roskdbench.statistics.draws_file import read_draws

PROTOCOL = """
protocol:
  epochs: 2
  batch: 16
  optimiser: {lr: 0.05, milestones: []}
  stem: standard
  teachers: [{model: resnet18, title: A, options: {channels: [8, 8, 8, 8], layers: [1, 1, 1, 1]}}]
  averaging_warmup: 0
  augmentation: light
experiments:
  main:
    methods: [baseline-i, ros-kd]
    students: [{model: resnet18, title: A, options: {channels: [8, 8, 8, 8], layers: [1, 1, 1, 1]}}]
"""
SKIN = "suite: skin\nproblems:\n  lesion: {dataset: isic2019, size: 28}" + PROTOCOL
CHEST = "suite: chest\nproblems:\n  cardio: {dataset: chestxray14, size: 28, split: official}" + PROTOCOL
PNEUMONIA = "suite: lungs\nproblems:\n  lungs: {dataset: pneumoniamnist}" + PROTOCOL
OWN = (
    "suite: own\nproblems:\n  mine: {dataset: folder, root: photos, csv: labels.csv, labels: [a, b], group: who,"
    " size: 28, corrected: photos/better.csv}" + PROTOCOL
)


def write_own(root, samples=80):
    random = np.random.default_rng(0)
    rows = []
    for number in range(samples):
        flags = random.integers(0, 2, 2)
        image = random.integers(0, 120, (40, 40, 3), dtype=np.uint8) + (flags[0] * 100).astype(np.uint8)
        root.mkdir(exist_ok=True)
        Image.fromarray(image).save(root / f"{number}.png")
        rows.append([f"{number}.png", flags[0], -1 if number % 9 == 0 else flags[1], f"p{number // 2}"])
    write_csv(root / "labels.csv", ["image", "a", "b", "who"], rows)
    write_csv(root / "better.csv", ["image", "a", "b"], [[row[0], 1 - row[1], 1] for row in rows[::2]])
    return rows


@pytest.fixture
def skin(tmp_path):
    write_isic(tmp_path / "isic", samples=120)
    (tmp_path / "skin.yaml").write_text(SKIN)
    return tmp_path


def step(folder, *arguments, **variables):
    done = command(*arguments, "--store", "store", cwd=folder, **variables)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_a_download_is_checked_prepared_run_and_reported(skin):
    data = ("--data", "lesion=isic")
    checked = step(skin, "data", "check", "skin.yaml", *data)
    assert "lesion: 120 images of" in checked
    assert "to decode it now, and compare its pictures, too: roskdbench data prepare skin.yaml" in checked
    assert "lesion: 120 images are ready" in step(skin, "data", "prepare", "skin.yaml", *data)
    assert "its pixels are in the store" in step(skin, "data", "check", "skin.yaml", *data)
    ran = step(skin, "run", "skin.yaml", *data)
    assert "decoding" not in ran
    assert "RoS-KD" in ran
    assert "Nothing to do" in step(skin, "run", "skin.yaml", *data)
    shutil.move(skin / "isic", skin / "moved")  # a report needs no data
    assert "RoS-KD" in step(skin, "report", "skin.yaml")
    assert "RoS-KD" in step(skin, "report")
    assert "Nothing to do" in step(skin, "run", "skin.yaml", "--data", "lesion=moved")
    last = [line for line in step(skin, "plan", "skin.yaml").splitlines() if "all" in line.split()]
    assert last[0].replace("│", " ").split()[2] == "0"  # jobs to do


def test_a_run_prepares_what_it_needs(skin):
    (skin / "data").mkdir()
    shutil.move(skin / "isic", skin / "data" / "isic2019")
    ran = step(skin, "run", "skin.yaml", ROSKDBENCH_DATA=str(skin / "data"))
    assert "decoding lesion: 120 of 120 images" in ran
    assert "RoS-KD" in ran


def test_a_root_in_a_suite_is_relative_to_the_suite(skin, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (skin / "skin.yaml").write_text(SKIN.replace("size: 28", "size: 28, root: isic"))
    done = command("data", "check", skin / "skin.yaml", "--store", "store", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    over = command("data", "check", skin / "skin.yaml", "--data", "lesion=nowhere", cwd=elsewhere)
    assert "there is no folder nowhere" in over.stderr  # the command goes before the suite


def test_the_same_data_in_two_places_are_one_set_of_jobs(skin):
    shutil.copytree(skin / "isic", skin / "copy")
    first = step(skin, "run", "skin.yaml", "--data", "lesion=isic")
    again = step(skin, "run", "skin.yaml", "--data", "lesion=copy")
    assert "Nothing to do" in again
    assert again.splitlines()[-1] == first.splitlines()[-1]  # the run has one name
    assert len(list((skin / "store" / "runs").glob("*.json"))) == 1


def test_another_label_retrains_and_decodes_nothing(skin):
    step(skin, "run", "skin.yaml", "--data", "lesion=isic")
    path = skin / "isic" / isic2019.LABELS
    lines = path.read_text().splitlines()
    lines[5] = ",".join([lines[5].split(",")[0], *("1.0" if c == 7 else "0.0" for c in range(9))])
    path.write_text("\n".join(lines))
    again = step(skin, "run", "skin.yaml", "--data", "lesion=isic")
    assert "decoding" not in again
    assert "done: baseline-i A on lesion" in again
    arrays = {path.stat().st_ino for path in (skin / "store").glob("??/*/images.npy")}
    assert len(arrays) == 1  # two sets of labels, one array of pixels


def test_damaged_pixels_are_decoded_again(skin):
    from roskdbench.store import Store

    step(skin, "data", "prepare", "skin.yaml", "--data", "lesion=isic")
    path = next((skin / "store").glob("??/*/images.npy"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-50] + bytes(50))
    assert "RoS-KD" in step(skin, "run", "skin.yaml", "--data", "lesion=isic")
    store = Store(skin / "store")
    arrays = list((skin / "store").glob("??/*/images.npy"))
    assert {path.read_bytes() == whole for path in arrays} == {True}
    assert len(arrays) == 2
    assert len(list((store.root / "damaged").iterdir())) == 1


def test_each_suite_is_reported_on_its_own_data(tmp_path):
    """The same problem line in two suites, with data of their own each."""
    for name, samples in (("one", 80), ("two", 120)):
        problem = f"{{dataset: folder, root: {name}, csv: labels.csv, labels: [a, b], size: 28}}"
        (tmp_path / f"{name}.yaml").write_text(f"suite: {name}\nproblems:\n  mine: {problem}" + PROTOCOL)
        write_own(tmp_path / name, samples)
    ran = {name: step(tmp_path, "run", f"{name}.yaml", "--workers", "1") for name in ("one", "two")}
    for name, said in ran.items():
        assert step(tmp_path, "report", f"{name}.yaml").strip() in said
    pictures_show_nobody_unless_asked(tmp_path)


def pictures_show_nobody_unless_asked(folder):
    quiet, asked = (
        command("report", "one", "--out", name, *options, "--store", "store", cwd=folder)
        for name, options in (("quiet", ()), ("asked", ("--with-images",)))
    )
    assert "images of mine are in no picture; --with-images draws them" in quiet.stderr
    assert "in no picture" not in asked.stderr
    drawn = {name: {path.name for path in (folder / name).glob("*.png")} for name in ("quiet", "asked")}
    assert drawn["asked"] - drawn["quiet"] == {"examples-mine.png"}
    assert len(drawn["quiet"]) > 1


def test_two_problems_that_say_the_same_of_two_folders_are_two(tmp_path):
    problem = "{dataset: folder, root: ROOT, csv: labels.csv, labels: [a, b], size: 28}"
    text = (
        OWN.partition("problems:")[0]
        + "problems:\n"
        + "".join(f"  {name}: {problem.replace('ROOT', name)}\n" for name in ("one", "two"))
    )
    (tmp_path / "own.yaml").write_text(text + PROTOCOL)
    write_own(tmp_path / "one")
    write_own(tmp_path / "two", samples=120)
    ran = step(tmp_path, "run", "own.yaml", "--workers", "1")
    printed = [line.rstrip() for line in ran.splitlines()]
    said = [line.rstrip() for line in step(tmp_path, "report", "own.yaml").strip().splitlines()]
    start = printed.index(said[0])
    assert printed[start : start + len(said)] == said
    last = [line for line in step(tmp_path, "plan", "own.yaml").splitlines() if "all" in line.split()]
    assert last[0].replace("│", " ").split()[2] == "0"


def test_official_lists_films_with_alpha_and_chest_findings_go_all_the_way(tmp_path):
    _, patients = write_chestxray(tmp_path / "nih", samples=150, lists=True)
    (tmp_path / "chest.yaml").write_text(CHEST)
    assert "RoS-KD" in step(tmp_path, "run", "chest.yaml", "--data", "cardio=nih")
    split = next((tmp_path / "store").glob("??/*/split.npz"))
    with np.load(split) as parts:
        tested = np.isin(patients, np.unique(patients)[::4])
        assert np.array_equal(np.sort(parts["test"]), np.flatnonzero(tested))
        assert not set(patients[parts["train"]]) & set(patients[parts["validation"]])
    refused = command("run", "chest.yaml", "--set", "experiments.main.folds=3", cwd=tmp_path)
    assert "keeps its official split, which has no 3 folds; say split: ours" in refused.stderr


def test_an_npz_goes_all_the_way(tmp_path):
    write_medmnist(tmp_path / "pneumoniamnist.npz")
    (tmp_path / "lungs.yaml").write_text(PNEUMONIA)
    assert "RoS-KD" in step(tmp_path, "run", "lungs.yaml", "--data", "lungs=pneumoniamnist.npz")
    again = step(tmp_path, "run", "lungs.yaml", ROSKDBENCH_DATA=str(tmp_path))
    assert "Nothing to do" in again


def test_runs_on_one_official_test_part_draw_the_same_patients(tmp_path):
    """How many of each draw have the finding follows from who was drawn, whatever was trained and whatever the seed."""
    write_medmnist(tmp_path / "pneumoniamnist.npz")
    (tmp_path / "lungs.yaml").write_text(PNEUMONIA)
    changes = ("protocol.split.per_seed=true", "experiments.main.seeds=2", "protocol.shown=[f1, prevalence]")
    several = [word for each in changes for word in ("--set", each)]
    step(tmp_path, "run", "lungs.yaml", "--data", "lungs=pneumoniamnist.npz", *several)
    records = [path for path in (tmp_path / "store").glob("??/*/job.json") if (path.parent / DRAWS).is_file()]
    splits, drawn = set(), []
    for path in records:
        found = read_draws(path.parent / DRAWS)
        if prevalence := [name for name in found if name.startswith("prevalence")]:
            splits.add(json.loads(path.read_text())["inputs"]["split"])
            drawn.append(found[max(prevalence)])
    assert len(splits) == 2
    assert len(drawn) == 4
    assert np.ptp(drawn[0]) > 0
    assert all(np.array_equal(each, drawn[0], equal_nan=True) for each in drawn)


def test_a_folder_with_uncertain_and_corrected_labels_goes_all_the_way(tmp_path):
    rows = write_own(tmp_path / "photos")
    (tmp_path / "own.yaml").write_text(OWN)
    ran = step(tmp_path, "run", "own.yaml", "--workers", "1")
    assert "mine, corrected labels" in ran
    assert "scores against the data's second label set" in ran
    found = json.loads(step(tmp_path, "report", "--format", "json"))["results"]
    tested = [row for row in found if row["labels"] == "corrected" and row["metric"] == "f1-macro@half"]
    assert {row["measure"] for row in tested} == {"scores"}
    split = np.load(next((tmp_path / "store").glob("??/*/split.npz")))
    assert tested[0]["n"] == (split["test"] % 2 == 0).sum()
    spec = Folder(csv="labels.csv", labels=["a", "b"], corrected=tmp_path / "photos" / "better.csv")
    labels = catalogue("mine", spec, tmp_path / "photos").labels
    assert labels.uncertain[:, 1].tolist() == [int(number % 9 == 0) for number in range(80)]
    assert labels.corrected[0].tolist() == [1 - rows[0][1], 1]
    kept = [np.load(path) for path in (tmp_path / "store").glob("??/*/labels.npz")]
    seen = next(each["targets"] for each in kept if "flipped" in each.files)
    train = split["train"]
    assert np.array_equal(np.isnan(seen[train, 1]), labels.uncertain[train, 1] == 1)
    assert not np.isnan(np.delete(seen, train, axis=0)).any()


def test_images_that_are_left_out_are_counted_in_the_notes(skin):
    for row in (3, 50):
        truncate(skin / "isic" / isic2019.IMAGES / f"ISIC_{row:07}.jpg")
    stopped = command("run", "skin.yaml", "--data", "lesion=isic", "--store", "store", cwd=skin)
    assert stopped.returncode == 2
    line = stopped.stderr.strip()
    assert "problem 'lesion': 2 of 120 images cannot be read: ISIC_0000003 (truncated), ISIC_0000050" in line
    assert "or allow a share of them with problems.lesion.bad_images" in line
    named = next((skin / "store" / "data").glob("unreadable-lesion-*.csv"))
    assert str(named.name) in line
    assert named.read_text() == "image,reason\nISIC_0000003,truncated\nISIC_0000050,truncated\n"
    assert not list((skin / "store" / "runs").glob("*"))  # nothing half-written
    allowed = ("--set", "problems.lesion.bad_images=0.02")
    ran = step(skin, "run", "skin.yaml", "--data", "lesion=isic", *allowed)
    assert "2 of 120 images could not be read and are left out everywhere." in ran
    split = np.load(next((skin / "store").glob("??/*/split.npz")))
    assert sum(len(split[part]) for part in ("train", "validation", "test")) == 118


def spoiled(folder, name, data):
    (folder / "isic" / isic2019.IMAGES / f"ISIC_{name:07}.jpg").write_bytes(data)


def sixteen_bits(folder):
    array = np.arange(1024, dtype=np.uint16).reshape(32, 32)
    Image.fromarray(array).save(folder / "isic" / isic2019.IMAGES / "ISIC_0000005.png")
    (folder / "isic" / isic2019.IMAGES / "ISIC_0000005.png").rename(
        folder / "isic" / isic2019.IMAGES / "ISIC_0000005.jpg"
    )


def relabelled(old, new):
    def change(folder):
        path = folder / "isic" / isic2019.LABELS
        path.write_text(path.read_text().replace(old, new, 1))

    return change


MISTAKES = {
    "a column that is missing": (relabelled(",VASC", ",VSC"), "there is no column 'VASC'; did you mean 'VSC'?"),
    "an id listed twice": (relabelled("ISIC_0000004", "ISIC_0000003"), "'ISIC_0000003' was listed before, on line 5"),
    "an image that is absent": (
        lambda folder: (folder / "isic" / isic2019.IMAGES / "ISIC_0000009.jpg").unlink(),
        "1 of 120 images is not in",
    ),
    "an empty image": (lambda folder: spoiled(folder, 5, b""), "ISIC_0000005 (0 bytes)"),
    "a truncated JPEG": (
        lambda folder: truncate(folder / "isic" / isic2019.IMAGES / "ISIC_0000005.jpg"),
        "ISIC_0000005 (truncated)",
    ),
    "16 bits": (sixteen_bits, "ISIC_0000005 (16-bit PNG; convert it to 8 bits)"),
    "no image at all": (lambda folder: spoiled(folder, 5, b"<html>"), "ISIC_0000005 (not an image)"),
    "a quote that is never closed": (
        relabelled("\nISIC_0000100", '\n"ISIC_0000100'),
        "not a CSV: unexpected end of data",
    ),
    "a cell too many": (
        relabelled("0.0\nISIC_0000004", "0.0,1\nISIC_0000004"),
        "csv:5: 11 cells where the header has 10",
    ),
    "a label file that was cut": (
        lambda folder: (
            (folder / "isic" / isic2019.LABELS)
            .rename(folder / "isic" / f"{isic2019.LABELS}.gz")
            .write_bytes(gzip.compress(b"image,MEL")[:15])
        ),
        "is not a whole gzip file",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_data_are_one_clear_line_and_leave_nothing_behind(skin, mistake):
    change, said = MISTAKES[mistake]
    change(skin)
    done = command("run", "skin.yaml", "--data", "lesion=isic", "--store", "store", cwd=skin)
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert said in done.stderr
    assert not list((skin / "store").glob("??/*"))
    assert not list((skin / "store" / "runs").glob("*"))


def test_check_knows_what_the_suite_allows(skin):
    spoiled(skin, 5, b"")
    allowed = ("--set", "problems.lesion.bad_images=0.05")
    assert "ISIC_0000005: 0 bytes" in step(skin, "data", "check", "skin.yaml", "--data", "lesion=isic", *allowed)
    prepared = step(skin, "data", "prepare", "skin.yaml", "--data", "lesion=isic", *allowed)
    assert "1 of 120 images could not be read and are left out everywhere." in prepared
    assert list((skin / "store" / "data").glob("unreadable-lesion-*.csv"))


def test_the_note_counts_images_left_out_whatever_was_computed_before(skin):
    """The same images remain whether one cannot be read or was never listed; only one of the two tables says so."""
    text = (skin / "isic" / isic2019.LABELS).read_text()
    (skin / "isic" / isic2019.LABELS).write_text("\n".join(line for line in text.splitlines() if "0000005" not in line))
    clean = step(skin, "run", "skin.yaml", "--data", "lesion=isic")
    assert "left out" not in clean
    (skin / "isic" / isic2019.LABELS).write_text(text)
    spoiled(skin, 5, b"")
    allowed = ("--set", "problems.lesion.bad_images=0.05")
    again = step(skin, "run", "skin.yaml", "--data", "lesion=isic", *allowed)
    assert "Nothing to do" in again
    assert "1 of 120 images could not be read and are left out everywhere." in again


def test_check_finds_broken_heads_before_anything_is_decoded(skin):
    spoiled(skin, 5, b"")
    spoiled(skin, 6, b"<html>")
    done = command("data", "check", "skin.yaml", "--data", "lesion=isic", "--store", "store", cwd=skin)
    assert done.returncode == 2
    assert "ISIC_0000005: 0 bytes" in done.stdout
    assert "2 images cannot be read" in done.stderr
    assert not (skin / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "lesion=isic", "--data", "lesion=copy"], "gives problem 'lesion' two roots, isic and copy"),
        (["--data", "lesio=isic"], "the suite has no problem 'lesio'; did you mean 'lesion'?"),
        (["--data", "isic"], "--data isic: write it as PROBLEM=DIR, such as lesion=/data/isic2019"),
        (["--data", "lesion=nowhere"], "problem 'lesion': there is no folder nowhere; to get the data: training input"),
        ([], "problem 'lesion' needs its data (training input, ground truth and metadata from challenge.isic-archive"),
    ],
)
def test_roots_that_are_not_right_are_one_line(skin, arguments, said):
    for what in (["run"], ["data", "check"], ["data", "prepare"]):
        done = command(*what, "skin.yaml", *arguments, cwd=skin, ROSKDBENCH_DATA="")
        assert done.returncode == 2
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (skin / "roskdbench-store").exists()


def test_a_drawn_problem_has_no_data(tmp_path):
    done = command("run", "smoke", "--data", "lesion=x", cwd=tmp_path)
    assert "problem 'lesion' is drawn; it has no data" in done.stderr
    assert "lesion: 240 images of" in command("data", "check", "smoke", cwd=tmp_path).stdout


def test_datasets_lists_terms_and_what_is_found(tmp_path):
    (tmp_path / "isic2019").mkdir()
    (tmp_path / "pneumoniamnist.npz").touch()
    done = command("datasets", ROSKDBENCH_DATA=str(tmp_path), COLUMNS="200")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line and not line.startswith(" ")}
    assert str(tmp_path / "isic2019") in done.stdout
    assert lines["pneumoniamnist"].rstrip().endswith(f"found: {tmp_path}")
    assert lines["chestxray14"].rstrip().endswith("not found")
    assert lines["phantom-chest"].rstrip().endswith("drawn")
    assert "CC BY-NC 4.0" in done.stdout
    assert "Wang et al., ChestX-ray8, CVPR 2017" in done.stdout
    assert "nihcc.app.box.com" in done.stdout
    refused = command("datasets", ROSKDBENCH_DATA=str(tmp_path / "no"))
    assert "ROSKDBENCH_DATA is" in refused.stderr
    assert refused.returncode == 2


def test_noise_for_other_classes_is_refused_before_anything_is_trained(tmp_path):
    write_own(tmp_path / "photos")
    (tmp_path / "own.yaml").write_text(OWN)
    noise = "experiments.main.noise=[{kind: report, miss: {bb: 0.5}}]"
    done = command("run", "own.yaml", "--set", noise, "--store", "store", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "problem 'mine': report noise names the class 'bb'; did you mean 'b'?" in done.stderr
    assert not list((tmp_path / "store" / "runs").glob("*"))


def test_data_that_change_while_a_suite_runs_are_noticed(skin):
    """The plan was made of other labels than the pixels job finds."""
    from pathlib import Path

    from roskdbench.data.preparation import locate
    from roskdbench.errors import UserError
    from roskdbench.jobs import execute
    from roskdbench.plan import plan
    from roskdbench.plugins import discover
    from roskdbench.store import Store
    from roskdbench.suite import read_suite

    store, suite = Store.at(skin / "store"), read_suite(skin / "skin.yaml")
    located = locate(suite.problems, {"lesion": Path(skin / "isic")}, store, 1, lambda *told: None)
    made = plan(suite, discover(), located=located)
    relabelled("ISIC_0000004,", "ISIC_9000004,")(skin)
    shutil.copy(
        skin / "isic" / isic2019.IMAGES / "ISIC_0000004.jpg", skin / "isic" / isic2019.IMAGES / "ISIC_9000004.jpg"
    )
    path = skin / "isic" / isic2019.METADATA
    path.write_text(path.read_text().replace("ISIC_0000004", "ISIC_9000004") + "ISIC_0000004,1,x,y\n")
    pixels = made.jobs[made.pixels("lesion")]
    assert execute(pixels, store) is None  # another name for the same image and label: nothing changed
    relabelled("1.0", "0.0")(skin)
    text = (skin / "isic" / isic2019.LABELS).read_text().splitlines()
    cells = text[1].split(",")
    cells[2 if cells[3] == "1.0" else 3] = "1.0"
    (skin / "isic" / isic2019.LABELS).write_text("\n".join([text[0], ",".join(cells), *text[2:]]))
    shutil.rmtree(store.path(pixels.fingerprint))
    with pytest.raises(UserError, match="the data of problem 'lesion' changed while the suite was running"):
        execute(pixels, Store(store.root))


def test_pixels_made_again_after_damage_are_those_of_before(skin):
    """The decoded images and the problem's pixels are one file with two names."""
    from roskdbench.data.preparation import locate
    from roskdbench.jobs import execute
    from roskdbench.plan import plan
    from roskdbench.plugins import discover
    from roskdbench.store import Store
    from roskdbench.suite import read_suite

    store, suite = Store.at(skin / "store"), read_suite(skin / "skin.yaml")
    located = locate(suite.problems, {"lesion": skin / "isic"}, store, 1, lambda *told: None)
    made = plan(suite, discover(), located=located)
    pixels = made.jobs[made.pixels("lesion")]
    execute(pixels, store)
    file = store.path(pixels.fingerprint) / "images.npy"
    before = file.read_bytes()
    with file.open("r+b") as damaged:
        damaged.seek(5000)
        damaged.write(bytes([before[5000] ^ 128]))
    store.set_aside(pixels.fingerprint)
    execute(pixels, store)
    assert file.read_bytes() == before

"""A model that was trained elsewhere is attacked and looked at like one of ours."""

import json
import pickle

import numpy as np
import pytest
import timm
import torch
from conftest import command
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from tiny import tiny_network

from roskdbench.attacks.fgsm import Fgsm as FgsmSpec
from roskdbench.attacks.pgd import Pgd as PgdSpec
from roskdbench.data.phantoms import draw_lesions
from roskdbench.engine.networks import save_weights
from roskdbench.measures.attacks import Attacks
from roskdbench.plan.model_file import plan_model_file, read_model_file
from roskdbench.plugins import discover
from roskdbench.store import Store
from roskdbench.suite.one_problem import suite_for
from roskdbench.walk import run

MODEL = "test_resnet"
PROBLEM = "{dataset: phantom-lesion, size: 32, samples: 150}"
CLASSES = ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC"]


def network(classes=8, channels=3):
    torch.manual_seed(0)
    return timm.create_model(MODEL, num_classes=classes, in_chans=channels).eval()


def saved(path, metadata, classes=8):
    save_file(network(classes).state_dict(), path, metadata=metadata)
    return path


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A model file of timm's, attacked through the command line."""
    folder = tmp_path_factory.mktemp("checkpoint")
    saved(folder / "mine.safetensors", {"timm": MODEL, "mean": "[0.2, 0.4, 0.6]", "std": "[0.5, 0.5, 0.25]"})
    options = [
        "--images",
        20,
        "--attack",
        "fgsm linf 4/255",
        "--attack",
        "pgd l2 64/255, margin, 3 steps",
        "--out",
        "o",
    ]
    done = command(
        "attack", "mine.safetensors", "--problem", PROBLEM, *options, "--store", "store", "--out", "o", cwd=folder
    )
    return folder, done


def test_the_tables_are_those_of_a_run(measured):
    folder, done = measured
    assert done.returncode == 0, done.stderr
    for said in ("mine: under attack", "fgsm linf 4/255", "pgd l2 64/255, margin, 3 steps", "On 20 test images"):
        assert said in done.stdout
    assert {path.name for path in (folder / "o").iterdir()} >= {"tables.md", "results.json", "checkpoint-f1.png"}


def test_the_model_is_the_one_in_the_file_behind_the_normalisation_it_names(measured, tmp_path):
    folder, _ = measured
    suite = suite_for(PROBLEM, {"measure": "calibration"}, "", "mine", None)
    registry = discover()
    planned = plan_model_file(suite, read_model_file(folder / "mine.safetensors", registry), {}, registry)
    store = Store.at(folder / "store")
    assert run(planned, store).well
    scores = planned.jobs[planned.cells[0].scores]
    logits = store.open(scores.inputs["predictions"]).arrays("predictions.npz")["test"]
    samples = store.open(scores.inputs["split"]).arrays("split.npz")["test"]
    pixels = torch.from_numpy(draw_lesions(150, 32, 0)[0][samples]).float() / 255
    mean, deviation = torch.tensor([0.2, 0.4, 0.6]), torch.tensor([0.5, 0.5, 0.25])
    with torch.no_grad():
        wanted = network()((pixels - mean[:, None, None]) / deviation[:, None, None])
    np.testing.assert_allclose(logits, wanted, atol=1e-4)


def test_what_was_measured_is_found_again(measured):
    folder, _ = measured
    again = command(
        "attack",
        "mine.safetensors",
        "--problem",
        PROBLEM,
        "--images",
        20,
        "--attack",
        "fgsm linf 4/255",
        "--attack",
        "pgd l2 64/255, margin, 3 steps",
        "--store",
        "store",
        cwd=folder,
    )
    assert again.returncode == 0
    assert "done:" not in again.stdout


def test_numbers_that_were_damaged_are_measured_again(measured):
    folder, _ = measured
    line = ["attack", "mine.safetensors", "--problem", PROBLEM, "--images", 20, "--attack", "fgsm linf 4/255"]
    line += ["--store", "other"]
    first = command(*line, cwd=folder)
    (numbers,) = (
        path.parent / "numbers.json"
        for path in (folder / "other").glob("??/*/job.json")
        if json.loads(path.read_text())["spec"].get("measure", {}).get("measure") == "attacks"
    )
    content = bytearray(numbers.read_bytes())
    content[len(content) // 2] ^= 1
    numbers.write_bytes(content)
    again = command(*line, cwd=folder)
    assert again.returncode == 0, again.stdout
    table = first.stdout[first.stdout.index("mine: under attack") :]
    assert again.stdout.endswith(table)


def test_a_file_of_ours_needs_no_more_than_a_problem(tmp_path):
    facts = {
        "architecture": {"model": "resnet18", "options": {"channels": [8] * 4, "layers": [1] * 4}},
        "channels": 3,
        "stem": "standard",
        "size": 28,
        "classes": 8,
        "task": "single-label",
        "class_names": CLASSES,
    }
    save_weights(tiny_network(), tmp_path / "student.safetensors", facts)
    attacks = [word for each in ("pgd", "fgsm", "apgd") for word in ("--attack", f"{each} linf 8/255")]
    problem = "{dataset: phantom-lesion, size: 28, samples: 128}"
    line = ["attack", "student.safetensors", "--problem", problem, "--images", 12, "--store", "store", *attacks]
    done = command(*line, "--worst-of", "all", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "worst of 3" in done.stdout
    done = command(*line, "--worst-of", "pgd linf 8/255", cwd=tmp_path)
    assert done.returncode == 2
    assert "no other attack of that norm and radius" in done.stderr
    done = command(
        "landscape",
        "student.safetensors",
        "--problem",
        "phantom-lesion",
        "--points",
        3,
        "--images",
        10,
        "--store",
        "store",
        "--out",
        "pictures",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "3 x 3 points" in done.stdout
    assert (tmp_path / "pictures" / "checkpoint-landscape.png").exists()
    pixels = [json.loads(path.read_text()) for path in (tmp_path / "store").glob("*/*/job.json")]
    assert {job["spec"]["problem"]["size"] for job in pixels if job["kind"] == "pixels"} == {28}


MISTAKES = {
    "no file": (["gone.safetensors", "--problem", "phantom-lesion"], "there is no file gone.safetensors"),
    "a pickle": (["pickled.pt", "--problem", "phantom-lesion"], "pickled.pt is no safetensors file"),
    "no name": (["nameless.safetensors", "--problem", "phantom-lesion"], "name it with --model"),
    "a problem of no suite": (["named.safetensors", "--problem", "quick:lesoin"], "did you mean 'lesion'?"),
    "an unknown dataset": (["named.safetensors", "--problem", "phantom-lesoin"], "did you mean 'phantom-lesion'?"),
    "broken YAML": (["named.safetensors", "--problem", "{dataset: ["], "--problem {dataset: [: "),
    "an attack of no kind": (
        ["named.safetensors", "--problem", PROBLEM, "--attack", "pgd linf"],
        "'pgd linf' is no attack; write one such as pgd linf 8/255",
    ),
    "an attack with more to it": (
        ["named.safetensors", "--problem", PROBLEM, "--attack", "pgd linf 1/255, 9 stepz"],
        "unknown key 'stepz' in experiments.checkpoint.measures.0.attacks.0; did you mean 'step'?",
    ),
    "no data": (["named.safetensors", "--problem", "isic2019"], "problem 'isic2019' needs its data"),
    "a network of no name": (
        ["named.safetensors", "--problem", PROBLEM, "--model", "test_resnat"],
        "timm has no model 'test_resnat'; did you mean 'test_resnet', 'test_nfnet' or 'test_maxvit'?",
    ),
    "grey levels": (["named.safetensors", "--problem", PROBLEM, "--attack", "pgd linf 8"], "say 8/255"),
    "a file for a folder": (
        ["named.safetensors", "--problem", PROBLEM, "--out", "pickled.pt"],
        "cannot write to pickled.pt: file exists",
    ),
    "metadata that are no list": (["odd.safetensors", "--problem", PROBLEM], "it is to be a list such as [0.5]"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    saved(folder / "named.safetensors", {"timm": MODEL})
    saved(folder / "nameless.safetensors", None)
    saved(folder / "odd.safetensors", {"timm": MODEL, "mean": "half"})
    (folder / "pickled.pt").write_bytes(pickle.dumps({"weights": [1.0]}))
    return folder


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line(mistake, files):
    arguments, said = MISTAKES[mistake]
    done = command("attack", *arguments, "--store", "store", cwd=files, ROSKDBENCH_DATA="")
    assert done.returncode == 2, done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("roskdbench: ")
    assert said in line


@pytest.mark.parametrize(
    ("classes", "model", "said"),
    [
        (5, MODEL, "fc.weight is (5, 96) in the file and (8, 96) in the network"),
        (8, "test_vit", "the file has no cls_token"),
    ],
)
def test_weights_that_do_not_fit_are_one_line(tmp_path, classes, model, said):
    saved(tmp_path / "odd.safetensors", {"timm": model}, classes)
    problem = PROBLEM.replace("32", "160")  # the size that this transformer is for
    done = command("attack", "odd.safetensors", "--problem", problem, "--store", "store", cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"does not fit {model} with 8 classes and 3 channels: {said}" in line
    assert "under attack" not in done.stdout


@given(
    norm=st.sampled_from(["l2", "linf"]),
    levels=st.integers(1, 255),
    loss=st.sampled_from(["ce", "margin"]),
    steps=st.integers(1, 100),
    restarts=st.integers(1, 9),
    step=st.none() | st.integers(1, 50),
)
def test_an_attack_is_written_as_tables_call_it(norm, levels, loss, steps, restarts, step):
    written = PgdSpec(
        norm=norm,
        radius=f"{levels}/255",
        loss=loss,
        steps=steps,
        restarts=restarts,
        step=f"{step}/255" if step else None,
    )
    single = FgsmSpec(norm=norm, radius=f"{levels}/255", loss=loss)
    read = Attacks.model_validate({"attacks": [written.label, single.label]})
    assert read.chosen == [written, single]

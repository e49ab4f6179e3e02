"""Models leave the store as folders that timm loads, and come back as models from elsewhere."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
import yaml
from conftest import ROOT, TINY, command
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from scipy.special import expit
from sklearn import metrics
from timm.data import create_transform
from tiny import tiny_network

import roskdbench as rb
from roskdbench.data.problem import Problem
from roskdbench.engine.networks import begin_with
from roskdbench.exporting import Model, every_model, the_model
from roskdbench.exporting.card import of_one
from roskdbench.exporting.timm_folder import write_network
from roskdbench.plan import plan
from roskdbench.plan.model_file import read_model_file
from roskdbench.plugins import bundled_registry
from roskdbench.report.tables.notes import notes
from roskdbench.results import collect
from roskdbench.store import Store
from roskdbench.suite import read_suite

FILES = {"README.md", "config.json", "model.safetensors", "suite.yaml"}


@pytest.fixture(scope="module")
def ran(smoke):
    return rb.load("smoke", store=smoke[1].root)


@pytest.fixture(scope="module")
def folders(ran, tmp_path_factory):
    """RoS-KD of each problem, exported."""
    top = tmp_path_factory.mktemp("exported")
    return {name: ran.export("ros-kd", top / name, problem=name) for name in ("lesion", "cardio")}


def kept_predictions(smoke, method, problem):
    """The artifacts behind a cell: images of its test part, and the logits that its scores rest on."""
    made, store, _ = smoke
    cell = next(each for each in made.cells if (each.registered, each.problem) == (method, problem))
    scores = made.jobs[cell.scores]
    test = store.open(scores.inputs["split"]).arrays("split.npz")["test"]
    logits = store.open(scores.inputs["predictions"]).arrays("predictions.npz")["test"]
    return Problem.load(store.open(scores.inputs["pixels"]).path).images[test], logits


def asked(model, images, mean, std):
    """What a model of timm's says of images, normalised as its config has it."""
    pixels = torch.from_numpy(images).float() / 255
    mean, std = (torch.tensor(each)[None, :, None, None] for each in (mean, std))
    with torch.no_grad():
        return model((pixels - mean) / std).numpy()


@pytest.mark.parametrize("problem", ["lesion", "cardio"])
def test_three_lines_of_timm_give_the_logits_that_the_scores_rest_on(smoke, folders, problem):
    model = timm.create_model(f"local-dir:{folders[problem]}", pretrained=True).eval()
    data = timm.data.resolve_model_data_config(model)
    images, logits = kept_predictions(smoke, "ros-kd", problem)
    assert data["input_size"] == images.shape[1:]
    assert asked(model, images, data["mean"], data["std"]) == pytest.approx(logits, abs=1e-4)
    other = kept_predictions(smoke, "baseline-v", problem)[1]  # of the same training, at its last weights
    assert np.abs(logits - other).max() > 1e-2


@pytest.mark.slow
def test_the_lines_of_the_card_load_it_where_no_code_of_ours_is(folders):
    """Run as they stand, by a Python that cannot find roskdbench."""
    (lines,) = re.findall(r"```python\n(.*?)```", (folders["lesion"] / "README.md").read_text(), re.DOTALL)
    check = (
        "import sys\nassert 'roskdbench' not in sys.modules\nprint(sum(each.numel() for each in model.parameters()))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{lines}\n{check}"],
        cwd=folders["lesion"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    weights = load_file(folders["lesion"] / "model.safetensors")
    counted = sum(each.numel() for name, each in weights.items() if "running" not in name and "num_batches" not in name)
    assert int(done.stdout) == counted


ARCHITECTURES = [
    ("resnet18", {"channels": [8, 8, 8, 16], "layers": [1, 1, 1, 1]}),
    ("densenet121", {"growth_rate": 8, "block_config": [2, 2, 2]}),
    ("mobilenetv2_050", {}),
    ("resnet50", {"channels": [8, 8, 8, 8], "layers": [1, 1, 1, 1]}),
]


@pytest.mark.parametrize("stem", ["standard", "small"])
@pytest.mark.parametrize(("name", "options"), ARCHITECTURES)
def test_every_architecture_is_loaded_by_the_lines_that_stand_on_its_card(name, options, stem, tmp_path):
    """Also with a stem for small images, which timm's name alone would build otherwise: timm refuses such a config."""
    architecture = {"model": name, "options": options}
    network = tiny_network(1, 5, stem=stem, size=32, architecture=architecture).eval()
    facts = {"architecture": architecture, "stem": stem, "channels": 1, "size": 32, "classes": 5}
    facts |= {"task": "multi-label", "class_names": list("abcde")}
    lines = write_network(network, facts, tmp_path, bundled_registry())
    found = {}
    here = lines.replace("local-dir:.", f"local-dir:{tmp_path}").replace('"model.safe', f'"{tmp_path}/model.safe')
    exec(here, found)
    pixels = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted, given = network(pixels), found["model"]((pixels - 0.5) / 0.25)
    assert torch.allclose(wanted, given, atol=1e-5)
    if stem == "small":
        with pytest.raises(RuntimeError, match="for small images"):
            timm.create_model(f"local-dir:{tmp_path}", pretrained=True)


def test_a_network_of_ones_own_says_whose_it_is(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "flat.py").write_text(
        "from torch import nn\nfrom roskdbench import network\n\n\n@network('flat')\n"
        "def flat(channels, classes, size):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes))\n"
    )
    from roskdbench.plugins import discover

    registry = discover([tmp_path / "mine"])
    from roskdbench.engine.networks import build

    architecture = {"model": "flat", "options": {}}
    made = build(architecture, 1, 2, 8, "auto", {"mean": [0.5], "deviation": [0.5]}, 0, registry)
    facts = {"architecture": architecture, "stem": "auto", "channels": 1, "size": 8, "classes": 2}
    (tmp_path / "out").mkdir()
    lines = write_network(made, {**facts, "class_names": ["a", "b"]}, tmp_path / "out", registry)
    assert '"flat" of flat.py: channels=1, classes=2, size=8' in lines
    assert set(load_file(tmp_path / "out" / "model.safetensors")) == {"1.weight", "1.bias"}
    with pytest.raises(RuntimeError, match="README"):
        timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True)


def test_the_same_model_gives_the_same_bytes_without_a_path_or_a_clock(ran, folders, tmp_path):
    again = ran.export("RoS-KD", tmp_path / "again", problem="lesion", seed=0)
    assert {path.name for path in again.iterdir()} == FILES
    for path in again.iterdir():
        assert path.read_bytes() == (folders["lesion"] / path.name).read_bytes(), path.name
        assert str(ROOT).encode() not in path.read_bytes()
        assert re.search(rb"/tmp/|/home/|/root/|\b20\d\d-\d\d-\d\d\b", path.read_bytes()) is None, path.name


def test_the_card_says_what_the_run_says(smoke, ran, folders):
    card = (folders["lesion"] / "README.md").read_text()
    assert "problems ['lesion']" not in card  # that the card is of one problem is no departure of the suite
    assert "--experiment table1 --problem lesion --student" in card
    assert "--data" not in card and "--plugins" not in card
    made, _, _ = smoke
    model = the_model(made, "ros-kd", {"problem": "lesion"})
    assert model.reading == "averaged"
    assert model.training.fingerprint in card
    assert "averaged weights" in card
    assert "which Baseline V shares" in card
    assert "own" in card
    (value,) = ran.results.query(
        "method == 'RoS-KD' and problem == 'lesion' and metric == 'auc-macro' and measure == 'scores'"
    )["value"]
    assert f"{value:.3f}".lstrip("0") in card
    assert "must not be used to find" in card
    assert "cardio" not in card
    assert card.startswith("---\nlibrary_name: timm\n")
    yaml.safe_load(card.split("---")[1])


def test_the_card_speaks_of_the_one_run_of_several_that_the_model_is_of(tmp_path):
    """Seed 1 of three with two folds each."""
    more = {"seeds": 3, "folds": 2, "methods": ["ros-kd"], "noise": ["own", "none"]}
    settings = [f"experiments.table1.{key}={json.dumps(value)}" for key, value in more.items()]
    planned, store = plan(read_suite("smoke", settings), bundled_registry()), Store.at(tmp_path / "store")
    cell = next(each for each in planned.cells if (each.seed, each.fold, each.problem) == (1, 1, "lesion"))
    scores = planned.jobs[cell.scores]
    predictions = planned.jobs[scores.inputs["predictions"]]
    model = Model(cell, planned.jobs[predictions.inputs["model"]], "averaged")
    results = replace(collect(planned, store), noise={("table1", "lesion", each): 0.2 for each in ("own", "none")})
    alone = of_one(results, model)
    assert list(alone.noise) == [("table1", "lesion", cell.noise)]
    assert notes(alone, "table1")[0] == "One run: no spread. Averages over classes: macro."
    assert not any(line.startswith("Bold") for line in notes(alone, "table1"))
    assert alone.plan.cells == [cell]


def test_the_card_names_the_row_where_a_method_has_several_and_the_weights_that_it_takes(tmp_path):
    timm_file = tmp_path / "a.safetensors"
    declared = yaml.safe_load(TINY)
    declared["protocol"] |= {
        "epochs": 2,
        "optimiser": {"lr": 0.05, "milestones": [1]},
        "teachers": declared["protocol"]["teachers"][:1],
    }
    declared["experiments"]["main"]["methods"] = [
        "baseline-i",
        {"method": "baseline-iii", "temperature": {"axis": [1, 2]}},
    ]
    declared["experiments"]["main"]["noise"] = ["none"]
    network = timm.create_model("resnet18", num_classes=8, channels=[8] * 4, layers=[1] * 4)
    save_file(network.state_dict(), timm_file)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(declared))
    run = rb.run(tmp_path / "tiny.yaml", tmp_path / "store", pretrained={"resnet18": timm_file}, progress=False)
    card = (run.export("Baseline III, temperature 2", tmp_path / "out") / "README.md").read_text()
    assert "roskdbench run suite.yaml --only main --pretrained resnet18=FILE\n" in card
    assert "roskdbench export 'Baseline III, temperature 2' --suite suite.yaml" in card
    assert "- Label noise: none was added." in card
    assert "export baseline-i --suite" in (run.export("baseline-i", tmp_path / "other") / "README.md").read_text()


def test_the_suite_beside_it_is_the_one_that_made_it(smoke, folders, tmp_path):
    made, _, _ = smoke
    again = read_suite(str(folders["lesion"] / "suite.yaml"))
    assert again == made.suite


def test_config_has_the_classes_and_pixels_of_the_problem(folders):
    config = json.loads((folders["cardio"] / "config.json").read_text())
    assert config["label_names"][:2] == ["Atelectasis", "Cardiomegaly"]
    assert config["num_classes"] == len(config["label_names"])
    assert config["pretrained_cfg"]["input_size"] == [1, 28, 28]
    assert len(config["pretrained_cfg"]["mean"]) == 1
    with safe_open(folders["cardio"] / "model.safetensors", "np") as file:
        assert file.metadata()["format"] == "pt"


def test_an_export_is_attacked_as_the_model_it_is(smoke, folders, tmp_path):
    """Its classes are known, so another problem's is an error; its clean scores are the run's."""
    store = tmp_path / "store"  # that of all tests is left as it is
    asks = ["--problem", "smoke:lesion", "--attack", "fgsm linf 1/255", "--images", 8, "--store", store]
    done = command("attack", folders["lesion"], *asks)
    assert done.returncode == 0, done.stderr
    images, logits = kept_predictions(smoke, "ros-kd", "lesion")
    read = read_model_file(folders["lesion"], bundled_registry())
    assert (read.ours, read.size, read.title) == (True, 28, "lesion")
    assert "trained elsewhere" in done.stdout
    wrong = command("attack", folders["cardio"], *asks)
    assert wrong.returncode == 2
    assert "was trained for Atelectasis" in wrong.stderr
    assert len(images) == len(logits)


def test_a_hub_folder_of_timms_own_is_read_with_its_options(tmp_path):
    options = {"channels": [8, 8, 8, 16], "layers": [1, 1, 1, 1]}
    model = timm.create_model("resnet18", num_classes=8, **options)
    timm.models.save_for_hf(model, tmp_path / "hub", model_args=options, safe_serialization=True)
    read = read_model_file(tmp_path / "hub", bundled_registry())
    assert (read.model, read.ours, read.title) == ("resnet18", False, "hub")
    assert {**read.options, **options} == dict(read.options)
    loads = {"architecture": "resnet18", "model_args": {"checkpoint_path": "x.pth"}}
    (tmp_path / "hub" / "config.json").write_text(json.dumps(loads))
    with pytest.raises(rb.UserError, match="would load weights"):
        read_model_file(tmp_path / "hub", bundled_registry())


def test_a_network_begins_with_the_folder_that_was_exported(folders):
    weights = load_file(folders["lesion"] / "model.safetensors")
    options = {"channels": [8, 16, 16, 32], "layers": [1, 1, 1, 1]}
    network = tiny_network(architecture={"model": "resnet18", "options": options}, seed=5)
    assert begin_with(network, folders["lesion"] / "model.safetensors") == []
    assert all(torch.equal(value, weights[name]) for name, value in network.body.state_dict().items())
    teacher = {"model": "resnet18", "options": options, "pretrained": str(folders["lesion"])}
    suite = read_suite("smoke", [f"protocol.teachers={json.dumps([teacher])}"])
    assert suite.protocol.teachers[0].pretrained.file == str(folders["lesion"] / "model.safetensors")


def test_from_python_it_is_the_model_whose_predictions_are_kept(smoke, ran):
    images, logits = kept_predictions(smoke, "baseline-ii", "cardio")
    model = rb.model("baseline-ii", suite="smoke", store=smoke[1].root, problem="cardio", seed=0)
    assert not model.training
    with torch.no_grad():
        assert model(torch.from_numpy(images).float() / 255).numpy() == pytest.approx(logits, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ros-kd"], "2 models are 'ros-kd' here; say which problem: cardio, lesion"),
        (["ros-kdd", "--problem", "lesion"], "no method 'ros-kdd'; did you mean 'ros-kd'"),
        (["ros-kd", "--problem", "lesion", "--seed", "7"], "'ros-kd' has no seed '7' here; there is: 0"),
        (["deep-ensemble", "--problem", "lesion"], "several networks, whose answers are averaged"),
        (["ros-kd", "--problem", "lesion", "--to", "full"], "full has other files, such as mine.txt"),
    ],
)
def test_a_mistake_is_one_line(smoke, arguments, said, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    to = [] if "--to" in arguments else ["--to", "new"]
    done = command("export", *arguments, *to, "--suite", "smoke", "--store", smoke[1].root, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert said in done.stderr
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_a_training_that_is_not_in_the_store_is_one_line(smoke, tmp_path):
    made, store, _ = smoke
    own = tmp_path / "store"
    shutil.copytree(store.root, own)
    model = the_model(made, "ros-kd", {"problem": "lesion"})
    shutil.rmtree(Store(own).path(model.training.fingerprint))
    asks = ["--problem", "lesion", "--to", "out", "--suite", "smoke", "--store", own]
    done = command("export", "ros-kd", *asks, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "run the suite" in done.stderr


def test_students_are_listed_with_the_rows_that_they_are(smoke):
    made, store, _ = smoke
    done = command("store", "ls", "--models", "--store", store.root)
    assert done.returncode == 0, done.stderr
    trainings = {model.training.fingerprint[:12] for model in every_model(made)}
    for each in trainings:
        assert done.stdout.count(each) == 1
    model = the_model(made, "ros-kd", {"problem": "lesion"})
    (line,) = [line for line in done.stdout.splitlines() if model.training.fingerprint[:12] in line]
    assert re.search(r"lesion\s+Baseline V\s+RoS-KD", line)


@pytest.mark.parametrize("problem", ["lesion", "cardio"])
def test_onnx_says_what_the_model_says_and_is_the_same_bytes_again(smoke, ran, problem, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    folder = ran.export("ros-kd", tmp_path / "a", onnx=True, problem=problem)
    again = ran.export("ros-kd", tmp_path / "b", onnx=True, problem=problem)
    assert (folder / "model.onnx").read_bytes() == (again / "model.onnx").read_bytes()
    images, logits = kept_predictions(smoke, "ros-kd", problem)
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    (given,) = session.run(["logits"], {"pixels": images.astype(np.float32) / 255})
    assert given == pytest.approx(logits, abs=1e-4)
    assert "`model.onnx` takes pixels from 0 to 1" in (folder / "README.md").read_text()
    without = ran.export("ros-kd", folder, problem=problem)
    assert {path.name for path in without.iterdir()} == FILES


def test_onnx_of_a_network_for_224_pixels(tmp_path):
    pytest.importorskip("onnxruntime")
    from roskdbench.exporting.onnx_file import write_onnx

    network = tiny_network(3, 8, size=224, stem="auto").eval()
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 224, 224), dtype=np.uint8)
    assert write_onnx(network, images, tmp_path) < 1e-4


@pytest.mark.parametrize(
    ("ends", "said"), [(float("nan"), "nan away"), (RuntimeError("no such operator\nat all"), "cannot be had as ONNX")]
)
def test_an_onnx_file_that_cannot_be_leaves_the_folder_as_it_was(ran, tmp_path, monkeypatch, ends, said):
    pytest.importorskip("onnxruntime")
    from roskdbench.exporting import onnx_file

    def written(network, pixels, path):
        path.write_bytes(b"half")
        if isinstance(ends, Exception):
            raise ends
        return ends

    folder = ran.export("ros-kd", tmp_path / "a", problem="lesion")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(onnx_file, "_written", written)
    with pytest.raises(rb.UserError, match=said) as caught:
        ran.export("baseline-iii", folder, onnx=True, problem="lesion")
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_decisions_of_several_findings_can_be_made_again(smoke, folders):
    """F1 of the card, from the logits and the thresholds that leave with the model."""
    made, store, _ = smoke
    config = json.loads((folders["cardio"] / "config.json").read_text())
    assert "thresholds" not in json.loads((folders["lesion"] / "config.json").read_text())
    cell = next(each for each in made.cells if (each.registered, each.problem) == ("ros-kd", "cardio"))
    _, logits = kept_predictions(smoke, "ros-kd", "cardio")
    scores = made.jobs[cell.scores]
    test = store.open(scores.inputs["split"]).arrays("split.npz")["test"]
    truth = Problem.load(store.open(scores.inputs["pixels"]).path).labels.targets[test]
    given = expit(logits) >= np.array(config["thresholds"], dtype=logits.dtype)
    found = metrics.f1_score(truth, given, average="macro", zero_division=0)
    frame = collect(made, store).frame
    rows = frame[(frame["fingerprint"] == cell.scores) & (frame["metric"] == "f1-macro@tuned")]
    assert found == pytest.approx(rows["value"].iloc[0], abs=0.01)
    assert "`thresholds`" in (folders["cardio"] / "README.md").read_text()


def test_images_that_were_padded_are_padded_by_whoever_loads_the_model(tmp_path):
    name, options = ARCHITECTURES[0]
    network = tiny_network(3, 8, size=32, architecture={"model": name, "options": options}).eval()
    facts = {"architecture": {"model": name, "options": options}, "stem": "standard", "channels": 3, "size": 32}
    facts |= {"classes": 8, "task": "single-label", "class_names": list("abcdefgh")}
    write_network(network, facts, tmp_path, bundled_registry(), "pad")
    config = json.loads((tmp_path / "config.json").read_text())["pretrained_cfg"]
    wide = Image.new("RGB", (64, 32), "red")
    wide.paste("blue", (0, 0, 8, 32))
    mean = tuple(config["mean"])
    seen = create_transform((3, 32, 32), crop_mode=config["crop_mode"], crop_pct=1.0, mean=mean, std=(1, 1, 1))(wide)
    assert (seen + torch.tensor(mean)[:, None, None])[2, 16, 1] > 0.9  # the blue edge, which a crop would cut off

"""Weights that trainings begin with: known by their bytes, fitted without guessing, and never a pickle."""

import numpy as np
import pytest
import timm
import torch
import yaml
from conftest import TINY, command
from safetensors.torch import load_file, save_file
from tiny import tiny_network
from torch.nn import functional

from roskdbench.board.content import Board, read_board, write_board
from roskdbench.engine.networks import begin_with, save_weights
from roskdbench.errors import UserError
from roskdbench.fingerprint import file_digest
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.session import Session
from roskdbench.store import Store
from roskdbench.suite import read_suite

OPTIONS = {"channels": [8, 8, 8, 8], "layers": [1, 1, 1, 1]}


def timm_weights(path, channels=3, classes=8, seed=1):
    """A file as anyone would write it of a network of timm's."""
    torch.manual_seed(seed)
    network = timm.create_model("resnet18", in_chans=channels, num_classes=classes, **OPTIONS)
    save_file(network.state_dict(), path)
    return network


def suite(folder, **network):
    """The tiny suite with something said of its student and its first teacher."""
    declared = yaml.safe_load(TINY)
    declared["experiments"]["main"]["methods"] = ["baseline-i", "baseline-iii"]
    declared["protocol"]["teachers"][0].update(network)
    declared["experiments"]["main"]["students"][0].update(network)
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(declared))
    return path


@pytest.mark.parametrize("channels", [3, 1])
def test_a_network_begins_with_the_weights_of_a_file_all_but_a_head_of_another_size(tmp_path, channels):
    theirs = timm_weights(tmp_path / "theirs.safetensors", classes=5).state_dict()
    network = tiny_network(channels)
    head = network.body.fc.weight.clone()
    assert begin_with(network, tmp_path / "theirs.safetensors") == ["fc.weight", "fc.bias"]
    ours = network.body.state_dict()
    assert torch.equal(ours["fc.weight"], head)
    for name in ours:
        if name == "conv1.weight" and channels == 1:
            torch.testing.assert_close(ours[name], theirs[name].sum(1, keepdim=True))  # grey in all three channels
        elif not name.startswith("fc."):
            assert torch.equal(ours[name], theirs[name]), name
    same = tiny_network(3)
    timm_weights(tmp_path / "same.safetensors")
    assert begin_with(same, tmp_path / "same.safetensors") == []


def test_a_file_of_ours_serves_as_well(tmp_path):
    other = tiny_network(seed=4)
    save_weights(other, tmp_path / "ours.safetensors", {"architecture": {}})
    network = tiny_network(seed=5)
    assert begin_with(network, tmp_path / "ours.safetensors") == []
    assert all(torch.equal(each, network.body.state_dict()[name]) for name, each in other.body.state_dict().items())


def test_what_does_not_fit_is_named(tmp_path):
    weights = timm_weights(tmp_path / "w.safetensors").state_dict()
    weights["layer1.0.conv1.weight"] = torch.zeros(9, 64, 3, 3)
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"layer1\.0\.conv1\.weight is \(9, 64, 3, 3\) in the file and \(8, 64, 3, 3\)"):
        begin_with(tiny_network(), tmp_path / "w.safetensors")
    del weights["layer1.0.conv1.weight"]
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"the file has no layer1\.0\.conv1\.weight"):
        begin_with(tiny_network(), tmp_path / "w.safetensors")
    (tmp_path / "w.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(UserError, match="damaged"):
        begin_with(tiny_network(), tmp_path / "w.safetensors")


def test_the_bytes_of_the_file_count_and_its_place_does_not(tmp_path):
    timm_weights(tmp_path / "a.safetensors")
    timm_weights(tmp_path / "c.safetensors", seed=2)
    (tmp_path / "b.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes())

    def jobs(**network):
        return plan(read_suite(suite(tmp_path, **network)), discover()).jobs.keys()

    assert jobs(pretrained="a.safetensors") == jobs(pretrained="b.safetensors")
    assert jobs(pretrained="a.safetensors") != jobs(pretrained="c.safetensors")
    assert jobs() != jobs(pretrained="c.safetensors")


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ({"pretrained": "gone.safetensors"}, "there is no file"),
        ({"pretrained": "weights.pth"}, "others could run code, and are not read"),
        ({"pretrained": {"sha256": "0" * 63}}, "pretrained"),
        ({"ready_made": True}, "needs pretrained: FILE.safetensors"),
        ({"model": "resnet18.a1_in1k"}, "networks are trained from scratch here; write 'resnet18'"),
        ({"options": {"pretrained": True}}, "say pretrained: FILE.safetensors beside model"),
    ],
)
def test_what_cannot_be_begun_with_is_one_line(tmp_path, network, said):
    done = command("plan", suite(tmp_path, **network))
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_all_networks_of_a_model_begin_with_what_the_command_line_names(tmp_path):
    """As if the suite said it at each of them; from Python, too."""
    timm_weights(tmp_path / "a.safetensors")
    weights = f"resnet18={tmp_path / 'a.safetensors'}"
    bare, written = suite(tmp_path), tmp_path / "said"
    written.mkdir()
    said = yaml.safe_load(bare.read_text())
    networks = [*said["protocol"]["teachers"], *said["experiments"]["main"]["students"]]
    for network in networks:
        network["pretrained"] = str(tmp_path / "a.safetensors")
    (written / "tiny.yaml").write_text(yaml.safe_dump(said))
    wanted = plan(read_suite(written / "tiny.yaml"), discover()).jobs.keys()
    session = Session(bare, tmp_path / "store", pretrained=[weights])
    assert session.planned(discover(), Store(tmp_path / "store")).jobs.keys() == wanted
    assert wanted != plan(read_suite(bare), discover()).jobs.keys()
    assert command("plan", bare, "--pretrained", weights).returncode == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("resnet18", "say MODEL=FILE"),
        ("resnet18=", "say MODEL=FILE"),
        ("resnet81=a.safetensors", "the suite has no network of resnet81; did you mean 'resnet18'?"),
        ("resnet18=gone.safetensors", "there is no file"),
        ("resnet18=/nowhere", "there is no file or folder '/nowhere'"),
        ("resnet18=junk.safetensors", "junk.safetensors is no safetensors file"),
        ("resnet18=weights.pth", "others could run code, and are not read"),
    ],
)
def test_weights_of_the_command_line_that_cannot_be_are_one_line(tmp_path, given, said):
    (tmp_path / "junk.safetensors").write_bytes(b"junk" * 100)
    done = command("plan", suite(tmp_path), "--pretrained", given, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_suite_that_knows_weights_by_their_bytes_asks_for_the_file_and_takes_no_other(tmp_path):
    timm_weights(tmp_path / "a.safetensors")
    timm_weights(tmp_path / "c.safetensors", seed=2)
    digest = file_digest(tmp_path / "a.safetensors")
    known = suite(tmp_path, pretrained={"sha256": digest})
    lines = " ".join(command("suites", "check", known).stdout.split())
    assert "It takes --pretrained resnet18=FILE: of these weights the bytes alone are known." in lines
    words = ("run", known, "--store", tmp_path / "store", "--only", "main")
    done = command(*words)
    assert (done.returncode, "add --pretrained resnet18=FILE" in done.stderr) == (2, True)
    other = command(*words, "--pretrained", f"resnet18={tmp_path / 'c.safetensors'}")
    assert (other.returncode, "is not the file that the suite means" in other.stderr) == (2, True)
    twice = command("plan", known, "--pretrained", "resnet18=a", "--pretrained", "resnet18=b")
    assert (twice.returncode, "it is there 2 times" in twice.stderr) == (2, True)


def test_another_file_than_the_one_that_was_meant_is_refused(tmp_path):
    timm_weights(tmp_path / "a.safetensors")
    meant = {"file": "a.safetensors", "sha256": "0" * 64}
    with pytest.raises(UserError, match="is not the file that the suite means"):
        plan(read_suite(suite(tmp_path, pretrained=meant)), discover())


@pytest.mark.slow
def test_a_ready_made_teacher_says_what_it_says_and_is_not_trained(tmp_path):
    """Its bank is the network's own answers; the student begins with a file, too, of which it keeps the head's size."""
    network = timm_weights(tmp_path / "a.safetensors").eval()
    declared = yaml.safe_load(suite(tmp_path).read_text())
    declared["protocol"]["teachers"][0] |= {"pretrained": "a.safetensors", "ready_made": True}
    declared["protocol"] |= {"augmentation": "none", "epochs": 2, "averaging_warmup": 0}
    declared["experiments"]["main"]["students"][0]["pretrained"] = "a.safetensors"
    path = tmp_path / "ready.yaml"
    path.write_text(yaml.safe_dump(declared))
    done = command("run", path, "--store", tmp_path / "store")
    assert done.returncode == 0, done.stderr
    made = plan(read_suite(path), discover())
    assert made.kinds()["teacher"] == 1
    said = " ".join(done.stdout.split())
    assert "which are drawn" not in said
    assert "resnet18 begins with weights from elsewhere, a.safetensors (SHA-256 " in said
    assert "A, ready-made: weights from elsewhere, a.safetensors (SHA-256 " in said
    store = Store(tmp_path / "store")
    bank = next(each for each in made.jobs.values() if each.kind == "bank" and "ready-made" in each.label)
    logits = np.load(store.path(bank.fingerprint) / "logits.npy")
    pixels = next(each for each in made.jobs.values() if each.kind == "pixels")
    images = np.load(store.path(pixels.fingerprint) / "images.npy")
    split = next(each for each in made.jobs.values() if each.kind == "split")
    train = np.load(store.path(split.fingerprint) / "split.npz")["train"]
    with torch.no_grad():
        given = torch.from_numpy(images[train]).float() / 255
        mean, deviation = (torch.tensor(network.pretrained_cfg[key])[None, :, None, None] for key in ("mean", "std"))
        expected = network((given - mean) / deviation)
    torch.testing.assert_close(torch.from_numpy(logits[0]), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_head_of_another_size_is_said_under_the_table(tmp_path):
    timm_weights(tmp_path / "a.safetensors", classes=5)
    declared = yaml.safe_load(suite(tmp_path).read_text())
    declared["protocol"] |= {"epochs": 1, "averaging_warmup": 0}
    declared["experiments"]["main"]["methods"] = ["baseline-i"]
    declared["experiments"]["main"]["students"][0]["pretrained"] = "a.safetensors"
    path = tmp_path / "head.yaml"
    path.write_text(yaml.safe_dump(declared))
    done = command("run", path, "--store", tmp_path / "store")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "resnet18 begins with weights from elsewhere, a.safetensors (SHA-256 " in said
    assert "…), but for fc.weight and fc.bias, which are drawn." in said


def test_a_ready_made_teacher_is_said_to_be_on_no_subset(tmp_path):
    timm_weights(tmp_path / "a.safetensors")
    declared = yaml.safe_load(suite(tmp_path).read_text())
    declared["protocol"]["teachers"][0] |= {"pretrained": "a.safetensors", "ready_made": True}
    declared["experiments"]["main"]["methods"] = ["baseline-iii", "ros-kd", "gce-teachers"]
    path = tmp_path / "ready.yaml"
    path.write_text(yaml.safe_dump(declared))
    assert plan(read_suite(path), discover()).remarks["main"] == [
        "RoS-KD: A is ready-made and stays as it is: it is not trained on a subset.",
        "RoS-KD + GCE: A is ready-made and stays as it is: it is not trained by gce and on a subset.",
    ]


def test_weights_of_another_stem_say_which_setting_is_theirs(tmp_path):
    timm_weights(tmp_path / "a.safetensors")
    with pytest.raises(
        UserError, match=r"conv1\.weight is .* protocol\.stem: standard gives networks the first layers"
    ):
        begin_with(tiny_network(stem="small"), tmp_path / "a.safetensors")


def test_a_board_knows_files_by_their_bytes(tmp_path):
    timm_weights(tmp_path / "a.safetensors")
    declared = read_suite(suite(tmp_path, pretrained="a.safetensors"))
    cells = plan(declared, discover()).cells
    write_board(Board(declared, cells, [], {}, {}), tmp_path / "board", "")
    text = (tmp_path / "board" / "provenance.json").read_text()
    assert str(tmp_path) not in text
    (tmp_path / "a.safetensors").unlink()
    again = read_board(tmp_path / "board").suite
    assert [each.scores for each in plan(again, discover()).cells] == [each.scores for each in cells]


def test_what_begins_with_weights_ends_elsewhere_than_what_does_not(tmp_path):
    """Weights are taken before the first step: after none, they are the file's."""
    theirs = timm_weights(tmp_path / "a.safetensors")
    network = tiny_network()
    begin_with(network, tmp_path / "a.safetensors")
    images = torch.rand(2, 3, 28, 28)
    with torch.no_grad():
        said = network.eval()(images)
        expected = theirs.eval()((images - 0.5) / 0.25)
    torch.testing.assert_close(said, expected)
    assert functional.mse_loss(said, tiny_network().eval()(images)) > 1e-4
    assert load_file(tmp_path / "a.safetensors").keys() == theirs.state_dict().keys()


def test_a_file_of_another_network_of_ours_is_no_ready_made_teacher(tmp_path):
    """The file says what it holds: another architecture than the suite's is not taken for it."""
    facts = {
        "architecture": {"model": "resnet18", "options": {**OPTIONS, "channels": [8, 8, 8, 16]}},
        **{"stem": "standard", "channels": 3, "size": 28, "classes": 8, "task": "single-label"},
        "class_names": list("abcdefgh"),
    }
    network = tiny_network(architecture=facts["architecture"])
    save_weights(network, tmp_path / "ours.safetensors", facts)
    declared = yaml.safe_load(suite(tmp_path).read_text())
    declared["protocol"]["teachers"][0] |= {"pretrained": "ours.safetensors", "ready_made": True}
    declared["experiments"]["main"]["methods"] = ["deep-ensemble"]
    (tmp_path / "ready.yaml").write_text(yaml.safe_dump(declared))
    done = command("run", tmp_path / "ready.yaml", "--store", tmp_path / "store")
    assert done.returncode == 1
    assert "and the suite says that it is a" in done.stdout + done.stderr


def test_jobs_know_where_a_file_is_wherever_their_worker_stands(tmp_path, monkeypatch):
    timm_weights(tmp_path / "theirs.safetensors")
    monkeypatch.chdir(tmp_path)
    made = plan(read_suite(str(suite(tmp_path, pretrained="theirs.safetensors"))), discover())
    named = [job.locations["pretrained"] for job in made.jobs.values() if "pretrained" in job.locations]
    assert set(named) == {str(tmp_path / "theirs.safetensors")}

"""Where tensors are: the whole CUDA path on a GPU that is only pretended. What kernels do is left to test_gpu.py."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import MEASURED, payloads
from pretended_gpu import OnGpu, pretended_gpu
from tiny import RECIPE, SEEDS, tiny_examples, tiny_network

from roskdbench.engine import GPU_SHARERS
from roskdbench.engine.bank import fill
from roskdbench.engine.device import ComputeConfig, prepare
from roskdbench.engine.training import Training
from roskdbench.jobs.execution import environment
from roskdbench.measuring.attacks.gradient import PgdAttacker
from roskdbench.measuring.attacks.search import Found, search
from roskdbench.method import Method, make_method
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.suite.protocol import Protocol
from roskdbench.walk import run

CASES = [
    *((name, "single-label") for name in ("baseline-i", "baseline-ii", "baseline-iii", "baseline-iv", "ros-kd")),
    *((name, "multi-label") for name in ("baseline-iv", "baseline-v", "ros-kd")),
]
SOON = {"weighting": {"kind": "reinforced-selection", "student_pretraining": 1, "policy_pretraining": 1}}
SUITE = MEASURED
for much, little in {
    "[baseline-i, baseline-v, ros-kd]": "[ros-kd]",
    "preset: paper, images: 24": "attacks: ['pgd linf 4/255, 3 steps', fgsm l2 128/255], images: 6, checked: 4",
    "sweep: [1/255, 4/255]": "sweep: [4/255]",
    "points: 5": "points: 3, images: 8",
    "samples: 128": "samples: 80",
}.items():
    assert much in SUITE
    SUITE = SUITE.replace(much, little)


def method_called(name):
    """The method, which comes to all that it does within three epochs."""
    return make_method(discover(), name, SOON if name == "baseline-iv" else {})


def trained(method, task="single-label", batch=16):
    """The method's training on the device there is."""
    examples, labels = tiny_examples(task, samples=40, device=prepare())
    teachers = len(method.teachers.slots(Protocol(), 0.4))
    random = np.random.default_rng(0)
    bank = [random.normal(size=(3, len(examples), len(labels.classes))).astype(np.float32) for _ in range(teachers)]
    recipe = replace(RECIPE, epochs=3, batch=batch)
    training = Training(task, method, tiny_network(), examples, bank, recipe, SEEDS, mean=method.collected_mean)
    training.run()
    return training


def within_epochs(waits):
    """Without those of torch's update_bn behind the last epoch, where BatchNorm is asked how many batches it saw."""
    return Counter(wait for wait in waits if wait != "engine/networks.py forward")


@pytest.fixture(autouse=True)
def _no_real_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")  # where the CPU, too, convolves


class TestThePretence:
    """What it refuses, so that the tests below can fail."""

    def test_tensors_of_two_devices_do_not_go_together(self):
        with pretended_gpu():
            there, here = torch.ones(3, device="cuda:0"), torch.ones(3)
            number = torch.tensor(1.0)
            for mixed in (
                lambda: there + here,
                lambda: torch.stack([there, here]),
                lambda: here[there.long()],
                lambda: torch.stack([there.sum(), number]),
                lambda: number.add_(there.sum()),
            ):
                with pytest.raises(RuntimeError, match="expected all tensors to be on the same device"):
                    mixed()
            assert (there + number).device.type == "cuda"  # a number may come from anywhere
            assert there[torch.tensor([0])].device.type == "cuda"

    def test_a_generator_of_the_cpu_draws_nothing_there(self):
        with pretended_gpu(), pytest.raises(RuntimeError, match="generator"):
            torch.rand(3, device="cuda:0", generator=torch.Generator())

    def test_what_it_holds_is_no_array(self):
        with pretended_gpu(), pytest.raises(RuntimeError):
            torch.ones(3, device="cuda:0").numpy()

    def test_a_wait_is_counted(self):
        with pretended_gpu() as waits:
            there = torch.ones(3, device="cuda:0")
            there[:2] = 2
            here = torch.ones(3).to("cuda:0", non_blocking=True)
            assert here.device == there.device
            assert waits == []
            assert torch.tensor([1, 2]).to("cuda:0").device == torch.tensor(3, device="cuda:0").device
            assert len(waits) == 2
            waits.clear()
            assert there.cpu().tolist() == [2, 2, 1]
            assert there.sum().item() == 5
            assert len(there[there > 1]) == 2
            assert len(waits) == 3

    def test_a_method_that_forgets_the_device_is_found_out(self):
        class Forgetful(Method):
            """Forgetful: a tensor of the CPU."""

            def loss(self, batch):
                return batch.hard_loss() + (batch.student_logits * torch.ones(8)).mean()

        trained_on_the_cpu = trained(Forgetful())
        assert trained_on_the_cpu.history["loss"]
        with pretended_gpu(), pytest.raises(RuntimeError, match="same device"):
            trained(Forgetful())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "task"), CASES)
def test_every_method_learns_there_what_it_learns_here_and_waits_no_more_with_more_steps(name, task):
    here = trained(method_called(name), task)
    with pretended_gpu() as waits:
        there = trained(method_called(name), task)
        assert all(isinstance(value, OnGpu) for value in there.network.state_dict().values())
        seen = within_epochs(waits)
        learnt = {key: value.cpu() for key, value in there.network.state_dict().items()}
    assert there.history == here.history
    assert all(torch.equal(value, learnt[key]) for key, value in here.network.state_dict().items())
    with pretended_gpu() as waits:
        trained(method_called(name), task, batch=8)  # twice the steps
    more = within_epochs(waits) - seen
    assert set(more) == ({"method/batch.py weights"} if name == "baseline-iv" else set())  # for what its policy draws


def test_filling_a_bank_waits_once_a_view():
    with pretended_gpu() as waits:
        examples, _ = tiny_examples(device=prepare())
        assert isinstance(examples.pixels, OnGpu)
        teacher = tiny_network().to(examples.device)
        waits.clear()
        bank = np.zeros((RECIPE.view_count, len(examples), 8), np.float32)
        fill(bank, teacher, examples, RECIPE, SEEDS, ComputeConfig(), lambda done, note: None)
        assert waits == ["engine/bank.py logits_of_view"] * RECIPE.view_count
    assert (bank != 0).all()


def test_an_attack_waits_no_more_with_more_steps_and_a_search_once_a_step():
    with pretended_gpu() as waits:
        device, model = prepare(), tiny_network().eval().to("cuda:0")
        images, labels = torch.rand(6, 3, 28, 28).to(device), torch.randint(8, (6,)).to(device)
        counts = []
        for steps in (3, 9):
            pgd = PgdAttacker(model, "single-label", "linf", 8 / 255, 2 / 255, steps, generator=torch.Generator())
            waits.clear()
            pgd(images, labels)
            counts.append(len(waits))
            waits.clear()
            search(pgd, images, labels, Found(images.clone(), torch.zeros(6, dtype=torch.bool, device=device)))
            assert len(waits) <= steps + 2  # the first look, and one behind the last step
    assert counts[0] == counts[1]


def test_a_record_says_how_many_workers_share_the_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "NVIDIA X")
    monkeypatch.setenv(GPU_SHARERS, "4")
    where = environment()
    assert (where["device"], where["sharing"]) == ("NVIDIA X", "4")


@pytest.mark.slow
def test_a_suite_with_every_measure_gives_the_bytes_of_the_cpu(tmp_path):
    (tmp_path / "tiny.yaml").write_text(SUITE)
    planned = plan(read_suite(str(tmp_path / "tiny.yaml")), discover())
    here, there = Store.at(tmp_path / "here"), Store.at(tmp_path / "there")
    assert run(planned, here).well
    with pretended_gpu():
        progress = run(planned, there)
    assert progress.well, progress.reasons
    assert payloads(here, planned) == payloads(there, planned)
    devices = {there.open(job).record["environment"].get("device") for job in planned.jobs}
    assert "a GPU that is not there" in devices

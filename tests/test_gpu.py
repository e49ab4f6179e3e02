"""The CUDA path: the same loop, the same banks, close to what the CPU computes."""

import numpy as np
import pytest
import torch
from conftest import MEASURED, moved_and_spread, payloads
from tiny import RECIPE, SEEDS, tiny_examples, tiny_network

import roskdbench as rb
from roskdbench.engine.bank import fill
from roskdbench.engine.device import ComputeConfig, prepare
from roskdbench.engine.training import Training
from roskdbench.engine.views import uniforms, views
from roskdbench.executors import ExecutorConfig
from roskdbench.method import Method, RunningMean
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.suite.augmentation import PRESETS
from roskdbench.walk import run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]


def training(device, precision="float32"):
    examples, _ = tiny_examples(device=device)
    ours = Training(
        "single-label",
        Method(),
        tiny_network(),
        examples,
        [],
        RECIPE,
        SEEDS,
        config=ComputeConfig(precision),
        mean=RunningMean(),
        warmup=1,
    )
    ours.run()
    return ours


def test_pixels_stay_on_the_device():
    examples, _ = tiny_examples(device=prepare())
    assert examples.pixels.is_cuda


def test_views_are_those_of_the_cpu():
    device = prepare()
    pixels = torch.randint(0, 256, (40, 3, 16, 16), dtype=torch.uint8)
    samples = torch.arange(40)
    assert torch.equal(uniforms(3, 1, samples, 5), uniforms(3, 1, samples.to(device), 5).cpu())
    for augmentation in ("none", "light"):
        found = views(pixels.to(device), samples.to(device), 1, 3, PRESETS[augmentation]).cpu()
        assert torch.equal(found, views(pixels, samples, 1, 3, PRESETS[augmentation]))
    found = views(pixels.to(device), samples.to(device), 1, 3, PRESETS["paper"]).cpu()
    torch.testing.assert_close(found, views(pixels, samples, 1, 3, PRESETS["paper"]), atol=1e-4, rtol=0)


def test_training_is_deterministic_and_close_to_the_cpus():
    first, second, cpu = training(prepare()), training(prepare()), training(torch.device("cpu"))
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name])
    assert first.history["loss"] == pytest.approx(cpu.history["loss"], rel=0.02)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("model", ["resnet18", "resnet50", "mobilenetv2_100", "densenet121"])
def test_the_papers_networks_come_out_the_same_to_the_bit(model, channels_last):
    device = prepare()
    config, architecture = ComputeConfig("float32", channels_last), {"model": model, "options": {}}
    ends = []
    for _ in range(2):
        examples, _ = tiny_examples(device=device)
        network = tiny_network(architecture=architecture)
        Training("single-label", Method(), network, examples, [], RECIPE, SEEDS, config=config).run()
        ends.append(network.state_dict())
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def test_bf16_is_close_to_float32():
    assert training(prepare(), "bf16").history["loss"] == pytest.approx(training(prepare()).history["loss"], rel=0.05)


def test_bf16_moves_the_tables_of_quick_no_further_than_seeds_do(tmp_path):
    def frame(precision):
        settings = {"protocol.precision": precision, "experiments.table1.seeds": [0, 1, 2]}
        return rb.run("quick", store=tmp_path / "store", only=["table1"], settings=settings).results

    moved, spread = moved_and_spread(frame, "bf16")
    assert moved <= spread


def test_a_bank_row_is_what_the_teacher_says_of_the_students_view():
    device = prepare()
    examples, _ = tiny_examples(device=device)
    teacher = tiny_network(seed=5)
    bank = np.zeros((RECIPE.view_count, len(examples), 8), np.float32)
    fill(bank, teacher, examples, RECIPE, SEEDS, ComputeConfig(), lambda done, note: None)
    same = []

    class Spy(Method):
        """Spy: compares."""

        def loss(self, batch):
            with torch.no_grad():
                same.append(torch.equal(teacher(batch.images), batch.teacher_logits[0]))
            return batch.hard_loss()

    Training("single-label", Spy(), tiny_network(), examples, [bank], RECIPE, SEEDS).run()
    assert all(same)


def test_every_measure_runs_and_workers_that_share_a_gpu_give_the_bytes_of_one(tmp_path):
    (tmp_path / "tiny.yaml").write_text(MEASURED)
    made, found = plan(read_suite(str(tmp_path / "tiny.yaml")), discover()), []
    for workers in (1, 3):
        store = Store.at(tmp_path / f"store-{workers}")
        progress = run(made, store, executor=ExecutorConfig(workers=workers, devices=("cuda:0",)))
        assert progress.well, progress.reasons
        found.append(payloads(store, made))
        for job in made.jobs.values():
            if job.kind == "measurement":
                assert "NVIDIA" in store.open(job.fingerprint).record["environment"]["device"]
    assert found[0] == found[1]

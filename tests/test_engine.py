"""The training loop, banks and averaging against computations made another way."""

import copy
import gc
import os
import shutil
import time
import weakref
from dataclasses import replace
from math import inf

import numpy as np
import pytest
import torch
from tiny import ARCHITECTURE, RECIPE, SEEDS, tiny_examples, tiny_network, tiny_problem
from torch import nn
from torch._dynamo.exc import TorchDynamoException
from torch.nn import functional

from roskdbench.engine import precision
from roskdbench.engine.bank import fill
from roskdbench.engine.checkpoint import Checkpoint
from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.examples import batches, epoch_order
from roskdbench.engine.networks import Classifier, build, keep_resolution, load_network, save_weights
from roskdbench.engine.precision import MARGIN, Case, choose
from roskdbench.engine.recipe import Recipe
from roskdbench.engine.training import DivergedError, Training
from roskdbench.engine.validation import ValidationSet
from roskdbench.engine.views import views
from roskdbench.errors import UserError
from roskdbench.fingerprint import seed_for
from roskdbench.method import EachTeacher, Equal, Exponential, LastWeights, Method, Mixture, RunningMean
from roskdbench.method.averaging import ExponentialMean
from roskdbench.suite.augmentation import PRESETS

TASKS = ["single-label", "multi-label"]


class Distilled(Method):
    """Distilled: from whatever bank there is."""

    weighting = Exponential()


def channels(task):
    return 3 if task == "single-label" else 1


def training(task="single-label", method=None, bank=(), **rest):
    examples, _ = tiny_examples(task)
    rest.setdefault("network", tiny_network(channels(task)))
    rest.setdefault("recipe", RECIPE)
    return Training(task=task, method=method or Method(), examples=examples, bank=list(bank), seeds=SEEDS, **rest)


def filled_bank(task="single-label", teacher=None, dtype=np.float32):
    examples, _ = tiny_examples(task)
    teacher = teacher or tiny_network(channels(task), seed=5)
    bank = np.zeros((RECIPE.view_count, len(examples), 8), dtype)
    fill(bank, teacher, examples, RECIPE, SEEDS, ComputeConfig(), lambda done, note: None)
    return bank


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("task", TASKS)
def test_the_loop_is_a_plain_pytorch_loop(task, cpu):
    """Written out as anyone would, with torch's own optimiser, schedule and losses."""
    examples, labels = tiny_examples(task)
    network = tiny_network(channels(task))
    ComputeConfig().lay_out(network)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=2e-4)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [3], 0.1)
    targets = torch.from_numpy(labels.targets)
    losses = []
    for epoch in range(4):
        order, total = epoch_order(72, epoch, SEEDS.order), 0.0
        network.train()
        for start in range(0, 72, 16):
            chosen = order[start : start + 16]
            images = views(examples.pixels[chosen], chosen, epoch, SEEDS.views, PRESETS["light"])
            logits = network(images.contiguous(memory_format=torch.channels_last))
            if task == "single-label":
                loss = functional.cross_entropy(logits, targets[chosen])
            else:
                loss = functional.binary_cross_entropy_with_logits(logits, targets[chosen].float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(chosen)
        schedule.step()
        losses.append(total / 72)
    ours = training(task)
    ours.run()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(ours.network.state_dict()[name], value, atol=1e-5, rtol=1e-4)
    assert ours.history["loss"] == pytest.approx(losses, rel=1e-4)


def test_a_trainings_history_has_the_weights_that_teachers_were_given(cpu):
    """Drawn again here, with torch's own generator."""
    bank = [filled_bank(teacher=tiny_network(seed=seed)) for seed in (5, 6, 7)]
    ours = training(method=Distilled(), bank=bank)
    ours.run()
    for epoch in range(4):
        drawn = []
        for step in range(5):
            generator = torch.Generator().manual_seed(seed_for(SEEDS.method, "step", epoch, step))
            raw = torch.empty(3, 1).exponential_(generator=generator)
            drawn.append((raw / raw.sum()).flatten().numpy())
        assert ours.history["weights"][epoch] == pytest.approx(np.mean(drawn, 0), abs=1e-5)
        assert ours.history["deviation"][epoch] == pytest.approx(np.std(drawn, 0), abs=1e-5)
    alone = training()
    alone.run()
    assert "weights" not in alone.history


def test_an_exam_changes_no_weight(cpu):
    """And its last score is of the network as it is left."""
    images, labels = tiny_problem(samples=90)
    asked_about = np.arange(72, 90)

    def score(logits):
        return float(functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels.targets[72:])))

    plain, graded = training(), training(validation=ValidationSet(images, asked_about, score))
    plain.run()
    graded.run()
    assert_same(weights(plain.network), weights(graded.network))
    network = graded.network.eval()
    with torch.no_grad():
        last = functional.cross_entropy(
            network(torch.from_numpy(images[72:]).float() / 255), torch.from_numpy(labels.targets[72:])
        )
    assert len(graded.history["validation"]) == 4
    assert graded.history["validation"][-1] == pytest.approx(float(last), rel=1e-4)


def test_the_schedule_is_torchs_multi_step():
    recipe = Recipe(50, 64, 0.1, 0.9, 2e-4, (25, 40), 0.1, "none", None)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [25, 40], 0.1)
    for epoch in range(50):
        assert recipe.learning_rate(epoch) == pytest.approx(schedule.get_last_lr()[0], rel=1e-12)
        optimiser.step()
        schedule.step()


@pytest.mark.parametrize("task", TASKS)
def test_a_bank_row_is_what_the_teacher_says_of_the_students_view(task, cpu):
    """To the bit: the loop asks a spy for its loss, which asks the teacher about the very images of the step."""
    teacher = tiny_network(channels(task), seed=5)
    bank = filled_bank(task, teacher)
    teacher.eval().to(memory_format=torch.channels_last)
    asked = []

    class Spy(Method):
        """Spy: compares."""

        def loss(self, batch):
            with torch.no_grad():
                asked.append(torch.equal(teacher(batch.images), batch.teacher_logits[0]))
            return batch.hard_loss()

    training(task, Spy(), [bank]).run()
    assert len(asked) == 4 * 5
    assert all(asked)


def test_a_bank_in_bf16_is_of_the_views_as_training_draws_them(cpu):
    """To the bit, with weights that are rounded once a view; views are drawn in float32, also where they are turned."""
    config = ComputeConfig("bf16")
    teacher, (examples, _) = tiny_network(3, seed=5), tiny_examples("single-label")
    recipe = replace(RECIPE, augmentation=PRESETS["paper"])
    bank = np.zeros((recipe.view_count, len(examples), 8), np.float32)
    fill(bank, teacher, examples, recipe, SEEDS, config, lambda done, note: None)
    asked = []

    class Spy(Method):
        """Spy: compares."""

        def loss(self, batch):
            with torch.no_grad(), config.computing(cpu):
                asked.append(torch.equal(teacher(batch.images).float(), batch.teacher_logits[0]))
            return batch.hard_loss()

    training("single-label", Spy(), [bank], recipe=recipe, config=config).run()
    assert asked == [True] * 4 * 5


@pytest.mark.parametrize("matching", [EachTeacher(), Mixture()])
def test_with_or_without_a_bank_a_student_ends_in_the_same_weights(matching, cpu):
    teachers = [tiny_network(seed=seed) for seed in (5, 6)]
    banks = [filled_bank(teacher=teacher) for teacher in teachers]
    for teacher in teachers:
        teacher.eval().to(memory_format=torch.channels_last)

    class Asking(Distilled):
        """Asking: the teachers are run in every step, as most public code does."""

        def loss(self, batch):
            with torch.no_grad():
                batch.teacher_logits = torch.stack([teacher(batch.images) for teacher in teachers])
            return super().loss(batch)

    banked = training(method=Distilled(matching=matching), bank=banks)
    asking = training(method=Asking(matching=matching), bank=[np.zeros_like(bank) for bank in banks])
    banked.run()
    asking.run()
    assert_same(weights(banked.network), weights(asking.network))


def test_a_float16_bank_is_the_float32_one_rounded(cpu):
    assert np.array_equal(filled_bank(dtype=np.float16), filled_bank().astype(np.float16))


def test_views_can_be_taken_in_turn(cpu):
    recipe = Recipe(4, 16, 0.05, 0.9, 2e-4, (3,), 0.1, PRESETS["light"], views=2)
    assert [recipe.view_of(epoch) for epoch in range(4)] == [0, 1, 0, 1]
    assert recipe.view_count == 2
    examples, _ = tiny_examples()
    bank = np.zeros((2, len(examples), 8), np.float32)
    fill(bank, tiny_network(seed=5), examples, recipe, SEEDS, ComputeConfig(), lambda done, note: None)
    student = training(method=Distilled(), bank=[bank], recipe=recipe)
    student.run()
    assert len(student.history["loss"]) == 4


def test_averaged_weights_are_the_mean_of_the_epochs_past_the_warm_up(cpu):
    seen = []

    class Keeping(Training):
        def _keep(self, epochs_done):
            seen.append(weights(self.network))

    examples, _ = tiny_examples()
    ours = Keeping("single-label", Method(), tiny_network(), examples, [], RECIPE, SEEDS, mean=RunningMean(), warmup=1)
    ours.run()
    parameters = dict(ours.averaged.module.named_parameters())
    for name, value in parameters.items():
        mean = torch.stack([epoch[name] for epoch in seen[1:]]).double().mean(0)
        torch.testing.assert_close(value.double(), mean, atol=1e-6, rtol=1e-5)
    assert_same(weights(ours.network), seen[-1])


def test_an_exponential_mean_follows_its_rule(cpu):
    seen = []

    class Keeping(Training):
        def _keep(self, epochs_done):
            seen.append(weights(self.network))

    examples, _ = tiny_examples()
    mean = ExponentialMean(decay=0.7)
    ours = Keeping("single-label", Method(), tiny_network(), examples, [], RECIPE, SEEDS, mean=mean, warmup=1)
    ours.run()
    for name, value in ours.averaged.module.named_parameters():
        wanted = seen[1][name].double()
        for epoch in seen[2:]:
            wanted = 0.7 * wanted + 0.3 * epoch[name]
        torch.testing.assert_close(value.double(), wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("sampling", ["uniform", "class-balanced"])
def test_statistics_of_averaged_weights_come_from_a_pass_over_views_drawn_as_in_training(cpu, sampling):
    """Cumulative means of batch statistics, taken by hooks on a copy, not by torch's own update. Of the samples, drawn
    equally often by class, those of training; statistics of all alike would belong to another mixture of classes.
    """
    ours = training(mean=RunningMean(), warmup=1, recipe=replace(RECIPE, sampling=sampling))
    if sampling == "class-balanced":
        ours.examples.targets[8:] = 1  # of 128 samples one class has nearly all
    ours.run()
    network = copy.deepcopy(ours.averaged.module).train()
    collected = {}

    def watch(name):
        def hook(module, inputs, output):
            flat = inputs[0].detach().double().movedim(1, 0).flatten(1)
            collected.setdefault(name, []).append((flat.mean(1), flat.var(1, correction=1)))

        return hook

    layers = {name: each for name, each in network.named_modules() if isinstance(each, torch.nn.BatchNorm2d)}
    for name, layer in layers.items():
        layer.register_forward_hook(watch(name))
    order = epoch_order(72, 3, SEEDS.order)
    if sampling == "class-balanced":
        targets = ours.examples.targets[ours.examples.samples]
        counts = torch.bincount(targets, minlength=8)
        generator = torch.Generator().manual_seed(seed_for("balanced order", SEEDS.order, 3))
        order = torch.multinomial(1 / counts[targets].double(), 72, replacement=True, generator=generator)
        assert torch.bincount(targets[order]).max() < 36 < counts.max()
    with torch.no_grad():
        for positions in batches(order, 16):
            network(ours.examples.views(positions, 3, SEEDS.views, PRESETS["light"]))
    trained = dict(ours.averaged.module.named_modules())
    assert layers
    for name in layers:
        mean = torch.stack([each for each, _ in collected[name]]).mean(0)
        variance = torch.stack([each for _, each in collected[name]]).mean(0)
        torch.testing.assert_close(trained[name].running_mean.double(), mean, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(trained[name].running_var.double(), variance, atol=1e-4, rtol=1e-3)


def test_the_student_learns_in_train_mode_in_every_epoch(cpu):
    modes = []

    class Looking(Method):
        """Looking: evaluates the student in the middle of training, as validation would."""

        def loss(self, batch):
            batch.student(batch.images)
            modes.append(student.network.training)
            return batch.hard_loss()

    student = training(method=Looking())
    student.run()
    assert len(modes) == 20
    assert all(modes)


class StopError(Exception):
    """The kill."""


def stop_at(share):
    """A report that ends a training when so much of it is done."""

    def stop(done, note):
        if done >= share:
            raise StopError

    return stop


@pytest.mark.parametrize("stopped", [1, 2, 3, 4])
def test_a_resumed_training_ends_in_the_same_weights_to_the_bit(stopped, tmp_path, cpu):
    banks = [filled_bank()]
    whole = training(method=Distilled(), bank=banks, mean=RunningMean(), warmup=1)
    whole.run()

    kept = {"checkpoint": Checkpoint(tmp_path, share=inf), "mean": RunningMean(), "warmup": 1}
    with pytest.raises(StopError):
        training(method=Distilled(), bank=banks, report=stop_at(stopped / 4), **kept).run()
    resumed = training(method=Distilled(), bank=banks, network=tiny_network(seed=99), **kept)
    if stopped == 1:  # nothing was kept yet: it starts from its own weights
        resumed.network.load_state_dict(tiny_network().state_dict())
    told = []
    resumed.report = lambda done, note: told.append((done, bool(note)))
    resumed.run()
    assert_same(weights(whole.network), weights(resumed.network))
    assert_same(weights(whole.averaged), weights(resumed.averaged))
    assert whole.history == resumed.history
    done = stopped - 1  # it was stopped before its last epoch was kept
    begins = [(done / 4, False)] if done else []
    assert told == begins + [(epoch / 4, True) for epoch in range(done + 1, 5)]


def test_an_unreadable_checkpoint_is_as_good_as_none(tmp_path):
    checkpoint = Checkpoint(tmp_path)
    assert checkpoint.load(torch.device("cpu")) is None
    checkpoint.save({"a": 1}, {"part": {"x": torch.ones(3)}})
    assert checkpoint.load(torch.device("cpu"))[0] == {"a": 1}
    file = next(tmp_path.iterdir())
    whole = file.read_bytes()
    for spoilt in (whole[:-2], whole[:-2] + b"??", b""):  # cut off, changed, emptied
        file.write_bytes(spoilt)
        assert checkpoint.load(torch.device("cpu")) is None
    file.write_bytes(whole)
    assert checkpoint.load(torch.device("cpu"))[0] == {"a": 1}


def test_the_seconds_of_all_attempts_are_kept_up_to_the_last_checkpoint(tmp_path, monkeypatch, cpu):
    """Two attempts that were killed after 10 and 40 seconds; what they did after their last checkpoint is not behind
    the result.
    """
    clock = [100.0]
    monkeypatch.setattr("roskdbench.engine.checkpoint.time.monotonic", lambda: clock[0])
    for earlier, kept_after, killed_after in ((0.0, 8.0, 10.0), (8.0, 30.0, 40.0)):
        attempt = Checkpoint(tmp_path)
        attempt._began = clock[0]
        attempt.load(cpu)
        assert attempt.earlier == earlier
        clock[0] += kept_after
        attempt.save({}, {"part": {"x": torch.ones(3)}})
        clock[0] += killed_after - kept_after
    last = Checkpoint(tmp_path)
    last.load(cpu)
    assert last.earlier == 38.0


def test_a_checkpoint_of_another_version_is_not_gone_on_with(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save({"a": 1}, {"part": {"x": torch.ones(3)}})
    monkeypatch.setattr("roskdbench.engine.checkpoint.version", lambda library: "99")
    assert checkpoint.load(torch.device("cpu")) is None


def test_a_loss_that_is_not_finite_ends_the_training(cpu):
    with pytest.raises(DivergedError, match=r"the loss was (nan|inf) in epoch \d of 4"):
        training(recipe=Recipe(4, 16, 1e18, 0.9, 2e-4, (3,), 0.1, PRESETS["light"], None)).run()


@pytest.mark.parametrize(("length", "size", "sizes"), [(65, 16, [16, 16, 16, 17]), (64, 16, [16] * 4), (5, 16, [5])])
def test_no_batch_holds_a_single_example(length, size, sizes):
    found = list(batches(torch.arange(length), size))
    assert [len(each) for each in found] == sizes
    assert torch.equal(torch.cat(found), torch.arange(length))


def test_raw_weights_scale_the_soft_loss(cpu):
    """Equal weights of one teacher are 1: V's loss is then II's."""
    bank = filled_bank()
    one = training(method=Distilled(weighting=Equal()), bank=[bank])
    other = training(method=Distilled(weighting=Equal(), matching=Mixture()), bank=[bank])
    one.run()
    other.run()
    assert one.history["loss"] == pytest.approx(other.history["loss"], rel=1e-4)


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2_100", "densenet121", "test_vit"])
def test_features_times_the_classifier_are_the_logits(name):
    options = {"img_size": 64} if name == "test_vit" else {}
    statistics = {"mean": [0.5], "deviation": [0.25]}
    network = build({"model": name, "options": options}, 1, 5, 64, "auto", statistics, 0).eval()
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, features = network.with_features(images)
        torch.testing.assert_close(logits, network(images), atol=1e-5, rtol=1e-4)
    assert features.shape == (2, network.feature_width)


def test_normalisation_is_inside_the_network():
    statistics = {"mean": [0.2, 0.4, 0.6], "deviation": [0.1, 0.2, 0.3]}
    network = build({"model": "resnet18", "options": {}}, 3, 4, 64, "auto", statistics, 0).eval()
    images = torch.rand(2, 3, 64, 64)
    mean, deviation = (torch.tensor(statistics[key])[None, :, None, None] for key in ("mean", "deviation"))
    with torch.no_grad():
        torch.testing.assert_close(network(images), network.body((images - mean) / deviation))


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenetv2_100", "densenet121"])
def test_the_small_stem_keeps_the_resolution_of_the_first_layers(name):
    import timm

    images = torch.rand(2, 3, 32, 32)
    plain, small = (timm.create_model(name, num_classes=4) for _ in range(2))
    keep_resolution(small)
    ratio = small.eval().forward_features(images).shape[-1] / plain.eval().forward_features(images).shape[-1]
    assert ratio == (2 if name == "mobilenetv2_100" else 4)  # MobileNet has no pooling in its stem
    assert small(images).shape == (2, 4)


def test_the_stem_follows_the_size_of_the_images():
    def stride(size, stem):
        statistics = {"mean": [0.5], "deviation": [0.25]}
        return build({"model": "resnet18", "options": {}}, 1, 2, size, stem, statistics, 0).body.conv1.stride[0]

    assert [stride(32, "auto"), stride(63, "auto"), stride(64, "auto"), stride(224, "auto")] == [1, 1, 2, 2]
    assert [stride(32, "standard"), stride(224, "small")] == [2, 1]


def test_an_unknown_network_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="timm has no model 'resnet19'; did you mean 'resnet18'"):
        build({"model": "resnet19", "options": {}}, 3, 2, 32, "auto", {"mean": [0.5], "deviation": [1.0]}, 0)
    with pytest.raises(UserError, match="timm cannot build 'resnet18' with options"):
        build({"model": "resnet18", "options": {"depth": 3}}, 3, 2, 32, "auto", {"mean": [0.5], "deviation": [1.0]}, 0)


def test_weights_come_back_from_their_file(tmp_path):
    from tiny import ARCHITECTURE

    network = tiny_network(seed=3).eval()
    facts = {"architecture": ARCHITECTURE, "channels": 3, "classes": 8, "size": 28, "stem": "standard"}
    save_weights(network, tmp_path / "a.safetensors", facts)
    save_weights(network, tmp_path / "b.safetensors", facts)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    again, said = load_network(tmp_path / "a.safetensors")
    assert said == facts
    assert_same(weights(network), weights(again))


def test_building_a_network_leaves_global_randomness_alone():
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    tiny_network(seed=5)
    assert torch.equal(torch.rand(3), wanted)
    assert not torch.equal(tiny_network(seed=1).body.fc.weight, tiny_network(seed=2).body.fc.weight)


def test_the_measured_form_is_one_of_those_tried(cpu):
    form, seconds = choose(
        Case({"model": "resnet18", "options": {"channels": [4, 8, 8, 8], "layers": [1, 1, 1, 1]}}, 28, 8, cpu)
    )
    assert len(seconds) == 3
    assert all(value > 0 for value in seconds.values())
    first, fastest = str(ComputeConfig()), min(seconds.values())
    assert seconds[str(form)] == fastest or (str(form) == first and seconds[first] * MARGIN <= fastest)


class TestCompiling:
    """It is tried where training takes long, and taken where it saves a tenth."""

    @pytest.fixture
    def chosen(self, monkeypatch):
        def of(taken, steps):
            def step_seconds(form, *rest):
                if taken[str(form)] is None:
                    raise TorchDynamoException("no compiler")
                return taken[str(form)]

            monkeypatch.setattr(precision, "step_seconds", step_seconds)
            form, seconds = choose(Case({}, 28, 8, torch.device("cpu")), steps)
            return str(form), "compiled" in " ".join(seconds)

        return of

    @pytest.mark.parametrize(
        ("compiled", "steps", "wanted"),
        [
            (0.5, 290, ("float32, contiguous", False)),  # 290 seconds
            (0.5, 310, ("float32, contiguous, compiled", True)),
            (0.85, 310, ("float32, contiguous, compiled", True)),
            (0.95, 310, ("float32, contiguous", True)),
            (None, 310, ("float32, contiguous", False)),
        ],
    )
    def test_the_fastest_eager_form_is_compiled_if_that_pays(self, chosen, compiled, steps, wanted):
        eager = {"float32, channels last": 1.2, "float32, contiguous": 1.0, "bf16, channels last": 9.0}
        assert chosen({**eager, "float32, contiguous, compiled": compiled}, steps) == wanted

    def test_however_many_trainings_a_process_does_all_are_compiled(self, monkeypatch, cpu):
        """torch leaves a function as it is once it was compiled for eight networks."""
        compiled, real = [], torch.compile

        def backend(graph, inputs):
            compiled.append(graph)
            return graph.forward

        monkeypatch.setattr(torch, "compile", lambda forward, **rest: real(forward, backend=backend, **rest))
        for number in range(10):
            recipe = replace(RECIPE, epochs=1)
            training(network=self.small_network(), config=ComputeConfig(compiled=True), recipe=recipe).run()
            assert len(compiled) == number + 1

    def test_kernels_of_another_instruction_set_are_never_taken(self, monkeypatch, tmp_path, cpu):
        """torch finds kernels by the network alone: those for vectors of another length write outside their memory."""
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "kernels"))
        for name in ("AVX2", "AVX512", "AVX512"):
            monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda name=name: name)
            ComputeConfig(compiled=True).in_training(lambda images: images)
            assert os.environ["TORCHINDUCTOR_CACHE_DIR"].endswith(f"-{name}")
        assert os.environ["TORCHINDUCTOR_CACHE_DIR"].count("AVX512") == 1

    @staticmethod
    def small_network():
        """A convolution, its normalisation and a line: a compiler needs minutes for more."""
        torch.manual_seed(0)
        body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
            nn.Linear(128, 8),
        )  # fmt: skip
        return Classifier(body, [0.5] * 3, [0.25] * 3)

    @pytest.mark.slow
    @pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles for a CPU with g++, which is not here")
    def test_a_compiled_training_learns_the_same_and_resumes_to_the_bit(self, tmp_path, cpu):
        kept, stopped = tmp_path / "kept", tmp_path / "stopped"

        def copy_at_three_quarters(done, note):
            if done == 1.0:  # the checkpoint is still the one of the epoch before
                shutil.copytree(kept, stopped)

        compiled = {"bank": [filled_bank()], "mean": RunningMean(), "config": ComputeConfig(compiled=True)}
        whole = training(
            method=Distilled(),
            network=self.small_network(),
            checkpoint=Checkpoint(kept, share=inf),
            report=copy_at_three_quarters,
            **compiled,
        )
        calls = []
        asked, whole.answers._ask_full_batch = (
            whole.answers._ask_full_batch,
            lambda images: calls.append(len(images)) or asked(images),
        )
        whole.run()
        assert calls == [16] * 16  # the last batch of each epoch has 8
        eager = training(method=Distilled(), network=self.small_network(), bank=[filled_bank()], mean=RunningMean())
        eager.run()
        assert whole.history["loss"] == pytest.approx(eager.history["loss"], rel=1e-3)
        assert whole.network.state_dict().keys() == eager.network.state_dict().keys()

        done = []
        resumed = training(
            method=Distilled(),
            network=self.small_network(),
            checkpoint=Checkpoint(stopped, share=inf),
            report=lambda share, note: done.append(share),
            **compiled,
        )
        resumed.run()
        assert done == [0.75, 1.0]
        assert_same(weights(whole.network), weights(resumed.network))
        assert_same(weights(whole.averaged), weights(resumed.averaged))


def test_a_first_step_that_loads_kernels_does_not_rule_a_form_out(monkeypatch, cpu):
    clock, steps = iter([0.0, 0.8, 1.0, 1.01, 2.0, 2.02, 3.0, 3.02]), []
    monkeypatch.setattr(precision.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(precision, "training_step", lambda *given: lambda: steps.append(1))
    assert precision.step_seconds(ComputeConfig(), Case({}, 28, 8, cpu), enough=0.18) == pytest.approx(0.01)
    assert len(steps) == precision.STEPS


def test_a_training_is_gone_with_its_last_name():
    gc.disable()
    try:
        ours = training()
        ours.run()
        kept = weakref.ref(ours)
        del ours
        assert kept() is None
    finally:
        gc.enable()


def test_what_a_network_draws_for_itself_is_the_trainings_own(tmp_path, cpu):
    def dropping(**rest):
        options = {**ARCHITECTURE["options"], "drop_rate": 0.5}
        return training(network=tiny_network(architecture={**ARCHITECTURE, "options": options}), **rest)

    torch.manual_seed(1)
    before = torch.get_rng_state()
    whole, again, plain = dropping(), dropping(), training()
    for each in (whole, again, plain):
        each.run()
    assert torch.equal(torch.get_rng_state(), before)
    assert whole.history["loss"] != plain.history["loss"]
    with pytest.raises(StopError):
        dropping(checkpoint=Checkpoint(tmp_path, share=inf), report=stop_at(0.75)).run()
    resumed = dropping(checkpoint=Checkpoint(tmp_path))
    resumed.run()
    for other in (again, resumed):
        assert_same(weights(whole.network), weights(other.network))


def test_checkpoints_take_a_twentieth_of_the_time_and_come_every_five_minutes_at_least(monkeypatch, tmp_path):
    now = [time.monotonic() + 60]
    monkeypatch.setattr("roskdbench.engine.checkpoint.time.monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path)
    assert checkpoint.due  # the first epoch's
    for took, wanted in ((2.0, 40.0), (60.0, 300.0)):
        monkeypatch.setattr(Checkpoint, "_file", property(lambda self, took=took: _slow(tmp_path, now, took)))
        checkpoint.save({}, {"part": {"x": torch.ones(1)}})
        ended = now[0]
        now[0] = ended + wanted - 0.1
        assert not checkpoint.due
        now[0] = ended + wanted + 0.1  # exactly then is a matter of rounding
        assert checkpoint.due


def _slow(folder, now, took):
    now[0] += took / 2  # it is asked for twice
    return folder / "checkpoint.safetensors"


def test_a_network_whose_training_would_corrupt_memory_is_laid_out_another_way():
    """Found as an abort of the whole process: 1x1 convolutions with a stride and fewer than 8 input channels."""
    narrow = build(
        {"model": "resnet18", "options": {"channels": [4, 8, 8, 8], "layers": [1, 1, 1, 1]}},
        3,
        8,
        28,
        "small",
        {"mean": [0.5] * 3, "deviation": [0.25] * 3},
        0,
    )
    assert not ComputeConfig().lay_out(narrow).channels_last
    assert ComputeConfig().lay_out(tiny_network()).channels_last
    ours = training(network=narrow)
    ours.run()
    assert np.isfinite(ours.history["loss"]).all()


def test_bf16_trains_to_about_the_same_loss(cpu):
    """Speed never changes results by more than precision does."""
    exact, rounded = training(), training()
    rounded.config = ComputeConfig("bf16")
    exact.run()
    rounded.run()
    assert rounded.history["loss"] == pytest.approx(exact.history["loss"], rel=0.05)
    assert next(rounded.network.parameters()).dtype == torch.float32


def test_depthwise_convolutions_stay_in_float32_where_a_cpu_trains_in_bf16(cpu):
    """The numbers are those of float32, gradients with them; a copy goes by weights of its own, as averaging wants."""
    exact = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 4, 1, groups=2))
    network = copy.deepcopy(exact)
    config = ComputeConfig("bf16").lay_out(network)
    images = config.images(torch.randn(4, 8, 6, 6))
    with config.computing(cpu):
        filtered = network[0](images)
        assert [network[0](images).dtype, network[1](images).dtype, network(images).dtype] == [
            torch.float32,
            torch.bfloat16,
            torch.bfloat16,
        ]
    expected = exact[0](images)
    assert torch.equal(filtered, expected)
    filtered.square().sum().backward()
    expected.square().sum().backward()
    assert torch.equal(network[0].weight.grad, exact[0].weight.grad)
    copied = copy.deepcopy(network)
    with torch.no_grad():
        copied[0].weight.zero_()
        copied[0].bias.zero_()
        assert not copied[0](images).any()
        assert torch.equal(network[0](images), expected)


def test_methods_say_which_weights_stand_for_them():
    assert LastWeights().reading == "last"
    assert RunningMean().reading == "averaged"


def test_a_blow_up_in_the_last_step_is_a_divergence_too(cpu):
    """The loss of a step is taken before the step: weights are looked at when it is over."""

    class Last(Method):
        """Last: a gradient that is not finite, in the last step only, from a finite loss."""

        def loss(self, batch):
            loss = batch.hard_loss()
            if (batch.epoch, batch.step) == (3, 4):
                loss = loss + (batch.student_logits - batch.student_logits.detach()).abs().sqrt().sum()
            return loss

    with pytest.raises(DivergedError, match="the weights were not finite after the last epoch"):
        training(method=Last()).run()


def test_weights_may_be_drawn_as_torchvision_draws_them():
    """timm's blocks start as identities, torchvision's do not; its convolutions have the spread that theirs have."""
    import torchvision

    architecture = {"model": "resnet18", "options": {}}
    statistics = {"mean": [0.5] * 3, "deviation": [0.25] * 3}
    usual, ours = (
        build(architecture, 3, 8, 64, "standard", statistics, 0, init=init).body for init in ("timm", "torchvision")
    )
    assert all((block.bn2.weight == 0).all() for stage in (usual.layer1, usual.layer4) for block in stage)
    assert all((block.bn2.weight == 1).all() for stage in (ours.layer1, ours.layer4) for block in stage)
    theirs = dict(torchvision.models.resnet18(num_classes=8).named_parameters())
    for name, value in ours.named_parameters():
        if value.ndim == 4:
            assert value.shape == theirs[name].shape
            assert value.std().item() == pytest.approx(theirs[name].std().item(), rel=0.05), name

"""What a method may declare and do beyond a loss: each against a computation made another way."""

import copy
import re
from contextlib import nullcontext
from dataclasses import replace
from math import inf

import numpy as np
import pytest
import torch
from conftest import ROOT
from scipy import stats
from tiny import RECIPE, SEEDS, tiny_examples, tiny_network
from torch.nn import functional

from roskdbench import (
    Cyclic,
    Equal,
    ExponentialMean,
    Method,
    Output,
    Protocols,
    Selection,
    Setting,
    Sharpness,
    UserError,
)
from roskdbench.engine.bank import fill
from roskdbench.engine.checkpoint import Checkpoint
from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.epoch_views import EpochViews, mixed_with
from roskdbench.engine.examples import balanced_order, batches, epoch_order, rarities
from roskdbench.engine.training import Training
from roskdbench.fingerprint import seed_for
from roskdbench.method import Batch, Descent, code_identity, make_method
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.suite import read_suite


def test_fingerprints_of_the_smoke_suite_are_those_of_old():
    """A store made before the contract was widened has nothing left to do."""
    kept = (ROOT / "tests" / "smoke_fingerprints.txt").read_text("utf-8").split()
    assert sorted(plan(read_suite("smoke"), discover()).jobs) == kept


@pytest.fixture
def recipe():
    return replace(RECIPE, epochs=10, lr=0.2)


def test_the_cosine_with_warm_up_is_torchs(recipe):
    """LinearLR and CosineAnnealingLR one after the other, as torch puts them together."""
    warm = 3
    ours = replace(recipe, schedule="cosine", warmup=warm)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=ours.lr)
    rise = torch.optim.lr_scheduler.LinearLR(optimiser, 1 / (warm + 1), 1.0, warm)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, ours.epochs - warm)
    theirs = torch.optim.lr_scheduler.SequentialLR(optimiser, [rise, fall], [warm])
    for epoch in range(ours.epochs):
        assert ours.learning_rate(epoch) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        optimiser.step()
        theirs.step()


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({"algorithm": "adamw"}, lambda parameters: torch.optim.AdamW(parameters, lr=0.2, weight_decay=2e-4)),
        (
            {"nesterov": True, "clip": 0.5},
            lambda parameters: torch.optim.SGD(parameters, lr=0.2, momentum=0.9, weight_decay=2e-4, nesterov=True),
        ),
    ],
)
def test_a_training_steps_as_torchs_optimiser_does(recipe, settings, reference, cpu):
    """Against a loop written out, for two epochs; and resumed from a checkpoint in between to the bit."""
    ours = replace(recipe, epochs=2, augmentation=(), **settings)
    examples, _ = tiny_examples()
    trained = Training("single-label", Method(), tiny_network(), examples, [], ours, SEEDS)
    trained.run()
    network = tiny_network()
    ComputeConfig().lay_out(network)
    optimiser = reference(network.parameters())
    for epoch in range(2):
        network.train()
        for positions in batches(epoch_order(len(examples), epoch, SEEDS.order), ours.batch):
            loss = functional.cross_entropy(network(examples.raw(positions).float() / 255), examples.targets[positions])
            optimiser.zero_grad()
            loss.backward()
            if ours.clip:
                torch.nn.utils.clip_grad_norm_(network.parameters(), ours.clip)
            optimiser.step()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(trained.network.state_dict()[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("settings", [{"algorithm": "adamw"}, {"clip": 0.1, "mixup": 0.4, "label_smoothing": 0.1}])
def test_any_recipe_goes_on_from_a_checkpoint_to_the_bit(settings, recipe, tmp_path, cpu):
    ours = replace(recipe, epochs=4, **settings)
    whole, resumed = whole_and_resumed(Method(), ours, tmp_path)
    assert_same(whole.network, resumed.network)


def whole_and_resumed(method, recipe, folder, **rest):
    """A training, and the same with a stop after its third epoch."""
    examples, _ = tiny_examples()

    def training(**other):
        fresh = {"fresh_network": lambda purpose: tiny_network(seed=seed_for(purpose) % 1000), **rest}
        return Training("single-label", method, tiny_network(), examples, [], recipe, SEEDS, **fresh, **other)

    class StopError(Exception):
        """The kill."""

    def stop(done, note):
        if done >= 0.75:
            raise StopError

    whole = training()
    whole.run()
    with pytest.raises(StopError):
        training(checkpoint=Checkpoint(folder, share=inf), report=stop).run()
    resumed = training(checkpoint=Checkpoint(folder))
    resumed.run()
    return whole, resumed


def assert_same(one, other):
    """To the bit."""
    assert one.state_dict().keys() == other.state_dict().keys()
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_mixed_views_and_labels_are_shares_of_two_samples(cpu):
    examples, labels = tiny_examples()
    ours = replace(RECIPE, mixup=0.7, augmentation=())
    views = EpochViews(examples, ours, SEEDS.views, 3)
    partners, shares = mixed_with(len(examples), SEEDS.views, 3, 0.7, torch.device("cpu"))
    assert sorted(partners.tolist()) == list(range(len(examples)))
    assert ((shares >= 0.5) & (shares <= 1)).all()
    positions = torch.tensor([5, 60, 0])
    plain = torch.from_numpy(examples.pixels.numpy()).double() / 255
    targets = functional.one_hot(torch.from_numpy(labels.targets), 8).double()
    mixed = views.targets(examples.targets, "single-label", 8)
    for row, position in enumerate(positions.tolist()):
        share, partner = shares[position].double(), partners[position]
        expected = share * plain[position] + (1 - share) * plain[partner]
        torch.testing.assert_close(views.images(positions)[row].double(), expected, rtol=0, atol=1e-6)
        label = share * targets[position] + (1 - share) * targets[partner]
        torch.testing.assert_close(mixed[position].double(), label, rtol=0, atol=1e-6)
    assert not torch.equal(mixed_with(len(examples), SEEDS.views, 4, 0.7, torch.device("cpu"))[0], partners)


def test_shares_of_mixup_are_the_greater_of_a_beta_draw_and_its_rest():
    shares = mixed_with(20_000, 0, 0, 0.4, torch.device("cpu"))[1].numpy()
    law = stats.beta(0.4, 0.4)
    assert stats.kstest(shares, lambda x: law.cdf(x) - law.cdf(1 - x)).pvalue > 1e-3


def test_a_bank_knows_what_its_teacher_says_of_mixed_views(cpu):
    examples, _ = tiny_examples()
    ours, teacher = replace(RECIPE, mixup=1.0), tiny_network(seed=5)
    bank = np.zeros((ours.view_count, len(examples), 8), np.float32)
    fill(bank, teacher, examples, ours, SEEDS, ComputeConfig(), lambda done, note: None)
    seen = []

    class Watching(Method):
        """Watching: what it meets."""

        def loss(self, batch):
            seen.append((batch.epoch, batch.positions, batch.images.clone(), batch.teacher_logits[0]))
            return batch.hard_loss()

    Training("single-label", Watching(), tiny_network(), examples, [bank], ours, SEEDS).run()
    for epoch, positions, images, logits in seen[::5]:
        with torch.no_grad():
            assert torch.equal(logits, teacher(images))
        assert torch.equal(logits, torch.from_numpy(bank[epoch])[positions])


def test_the_smoothed_loss_is_torchs(cpu):
    logits = torch.randn(12, 8, dtype=torch.float64)
    targets = torch.arange(12) % 8
    ours = batch_of(logits, targets, label_smoothing=0.2).hard_loss()
    torch.testing.assert_close(ours, functional.cross_entropy(logits, targets, label_smoothing=0.2))
    findings = (torch.rand(12, 8, dtype=torch.float64) < 0.3).double()
    ours = batch_of(logits, findings, task="multi-label", label_smoothing=0.2).hard_loss()
    chances = findings * 0.8 + 0.1
    torch.testing.assert_close(ours, functional.binary_cross_entropy_with_logits(logits, chances))


def batch_of(logits, targets, task="single-label", **rest):
    """A batch of which the student says these logits."""
    count = len(logits)
    fields = {
        "task": task,
        "images": torch.zeros(count, 1, 4, 4),
        "targets": targets,
        "teacher_logits": torch.zeros(0, count, 1),
        "samples": torch.arange(count),
        "epoch": 0,
        "step": 0,
        "seed": 7,
        "weigher": Equal().begin(Setting(0, 8, 1, torch.device("cpu"), 0)),
        "ask": lambda images: Output(logits),
        "student": lambda images: logits.detach(),
    }
    return Batch(**{**fields, **rest})


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_balanced_sampling_meets_rare_classes_as_often(task):
    """Two classes, one ten times as frequent: both are drawn as often; none of several findings is a class, too."""
    targets = torch.tensor([0] * 500 + [1] * 50)
    shares = functional.one_hot(targets, 2).float()
    if task == "multi-label":
        shares = shares[:, 1:]  # one finding, which most do not have
    drawn = torch.cat([balanced_order(rarities(shares), epoch, 0) for epoch in range(20)])
    assert len(drawn) == 20 * 550
    assert (targets[drawn] == 1).double().mean().item() == pytest.approx(0.5, abs=0.03)
    assert torch.equal(balanced_order(rarities(shares), 3, 0), balanced_order(rarities(shares), 3, 0))


def test_sharpness_goes_by_the_gradient_where_the_loss_is_worst(cpu):
    """L(w) = w^4 / 4 + 2 v^2, for which the point rho further along the gradient is known."""
    for adaptive in (False, True):
        w, v = (torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (1.5, -0.5))
        found = Sharpness(rho=0.3, adaptive=adaptive).gradients(
            Descent(lambda w=w, v=v: w**4 / 4 + 2 * v**2, [w, v], nullcontext)
        )
        point, gradient = np.array([1.5, -0.5]), np.array([1.5**3, 4 * -0.5])
        scale = np.abs(point) if adaptive else np.ones(2)
        there = point + 0.3 * scale**2 * gradient / np.linalg.norm(scale * gradient)
        assert found.item() == pytest.approx(1.5**4 / 4 + 2 * 0.25)
        assert [w.grad.item(), v.grad.item()] == pytest.approx([there[0] ** 3, 4 * there[1]])
        assert [w.item(), v.item()] == [1.5, -0.5]


def test_a_second_look_leaves_running_statistics_alone(cpu):
    """SAM's are those of a plain training for its first step: the second pass is of other weights."""
    examples, _ = tiny_examples()
    ours = replace(RECIPE, epochs=1, batch=72, milestones=())
    plain, sharp = (
        Training("single-label", method, tiny_network(), examples, [], ours, SEEDS)
        for method in (Method(), Method(stepping=Sharpness()))
    )
    plain.run()
    sharp.run()
    one, other = plain.network.state_dict(), sharp.network.state_dict()
    statistics = [name for name in one if "running" in name or "tracked" in name]
    assert statistics
    assert all(torch.equal(one[name], other[name]) for name in statistics)
    assert not torch.equal(one["body.fc.weight"], other["body.fc.weight"])


class Remembering(Method):
    """Remembering: a running mean of what the student said of each sample, and a learnt scale."""

    def begin(self, facts):
        state = torch.nn.Module()
        state.register_buffer("memory", torch.zeros(facts.samples, facts.classes))
        state.register_buffer("counts", facts.class_counts)
        state.scale = torch.nn.Parameter(torch.ones(()))
        state.other = facts.network("other")
        return state

    def before_epoch(self, epoch):
        losses = functional.cross_entropy(epoch.logits(epoch.state.other), epoch.targets, reduction="none")
        return Selection(positions=losses.argsort()[: len(losses) // 2])

    def loss(self, batch):
        other = functional.cross_entropy(batch.state.other(batch.view(1)), batch.targets)
        return (
            batch.hard_loss() * batch.state.scale**2
            + other
            + batch.student_logits.sum() * torch.rand((), generator=batch.generator)
        )

    def after_step(self, batch):
        batch.state.memory[batch.positions] = 0.7 * batch.state.memory[batch.positions] + batch.student_logits


def test_a_state_learns_remembers_and_is_resumed_to_the_bit(tmp_path, cpu):
    whole, resumed = whole_and_resumed(Remembering(), replace(RECIPE, lr=0.01), tmp_path)
    assert_same(whole.network, resumed.network)
    assert_same(whole.state, resumed.state)
    assert whole.history["selected"] == resumed.history["selected"] == [0.5] * 4
    assert whole.state.scale.item() != 1
    assert not torch.equal(whole.state.other.body.fc.weight, tiny_network(seed=seed_for("other") % 1000).body.fc.weight)
    assert 0 < int((whole.state.memory != 0).any(1).sum()) <= 72
    assert whole.state.counts.sum() == 72


def test_only_chosen_samples_are_met_with_the_labels_that_were_chosen(cpu):
    met = []

    class Choosing(Method):
        """Choosing: every third sample, all of class 2."""

        def before_epoch(self, epoch):
            return Selection(torch.arange(0, 72, 3), torch.full_like(epoch.targets, 2))

        def loss(self, batch):
            met.append((batch.positions.tolist(), batch.targets.tolist()))
            return batch.hard_loss()

    examples, _ = tiny_examples()
    Training("single-label", Choosing(), tiny_network(), examples, [], replace(RECIPE, epochs=1), SEEDS).run()
    assert sorted(position for positions, _ in met for position in positions) == list(range(0, 72, 3))
    assert {label for _, labels in met for label in labels} == {2}


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Selection(torch.arange(0, 144, 2)), "positions from 0 to 142; there are 72 samples"),
        (Selection(torch.arange(-3, 40)), "positions from -3 to 39; there are 72 samples"),
        (Selection(torch.arange(40) // 2), "some positions twice"),
        (Selection(torch.arange(40.0)), "positions that are float32 of shape"),
        (Selection(torch.ones(72, dtype=torch.bool)), "a mask becomes a list of numbers by .nonzero"),
        (Selection(torch.arange(40)[:, None]), "of shape [40, 1]"),
        (Selection(torch.arange(1)), "fewer than two samples to learn from"),
        (Selection(targets=torch.zeros(71, dtype=torch.long)), "labels of shape [71]; give [72, 8] or [72]"),
        (Selection(targets=torch.full((72,), 8)), "labels that are no numbers of 8 classes"),
        (Selection(targets=torch.zeros(72)), "labels that are no numbers of 8 classes"),
        (Selection(targets=torch.full((72, 8), torch.nan)), "labels that are no shares of classes"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_refused_with_a_sentence(selection, said, cpu):
    class Choosing(Method):
        """Choosing: something else."""

        def before_epoch(self, epoch):
            return selection

    examples, _ = tiny_examples()
    with pytest.raises(UserError, match=re.escape(said)):
        Training("single-label", Choosing(), tiny_network(), examples, [], RECIPE, SEEDS).run()


def test_what_the_student_says_as_it_stands_has_gradient_for_images_and_none_for_weights(cpu):
    found = {}

    class Attacking(Method):
        """Attacking: asks for the gradient of images."""

        def loss(self, batch):
            images = batch.images.clone().requires_grad_()
            gradient = torch.autograd.grad(batch.student(images).square().sum(), images)[0]
            found["gradient"], found["weights"] = gradient, batch.student(images).requires_grad
            found["plain"] = batch.student(batch.images).requires_grad
            return batch.hard_loss()

    examples, _ = tiny_examples()
    training = Training("single-label", Attacking(), tiny_network(), examples, [], replace(RECIPE, epochs=1), SEEDS)
    training.run()
    assert found["gradient"].abs().sum() > 0
    assert found["weights"]
    assert not found["plain"]
    assert all(each.requires_grad for each in training.network.parameters())


def test_teachers_that_are_asked_say_what_they_are_and_take_no_gradient(cpu):
    teachers = [tiny_network(seed=3), tiny_network(seed=4)]
    found = []

    class Asking(Method):
        """Asking: its teachers, for maps too."""

        asks_teachers = True
        uses_maps = True

        def loss(self, batch):
            images = batch.images.clone().requires_grad_()
            outputs = batch.ask_teachers(images)
            found.append((batch.images, batch.teacher_outputs, torch.autograd.grad(outputs[0].logits.sum(), images)[0]))
            mine = batch.maps[-1]
            return batch.hard_loss() + (mine - batch.teacher_outputs[1].maps[-1]).square().mean()

    examples, _ = tiny_examples()
    before = [copy.deepcopy(each.state_dict()) for each in teachers]
    Training(
        "single-label", Asking(), tiny_network(), examples, [], replace(RECIPE, epochs=1), SEEDS, teachers=teachers
    ).run()
    images, outputs, gradient = found[0]
    for number, teacher in enumerate(teachers):
        with torch.no_grad():
            torch.testing.assert_close(outputs[number].logits, teacher(images))
            torch.testing.assert_close(outputs[number].features, teacher.with_features(images)[1])
        assert len(outputs[number].maps) == 4
        assert all(torch.equal(value, before[number][name]) for name, value in teacher.state_dict().items())
    assert gradient.abs().sum() > 0


def test_a_mean_by_steps_is_what_is_asked_while_the_student_learns(cpu):
    """W = .8 W + .2 w after every step, buffers too, written out beside it."""
    written, asked = [], []

    class Following(Method):
        """Following: its own mean."""

        averaging = ExponentialMean(decay=0.8, every="step", buffers="averaged")

        def loss(self, batch):
            asked.append((batch.images, batch.ask_averaged(batch.images)))
            return batch.hard_loss()

        def after_step(self, batch):
            now = {name: value.clone() for name, value in training.network.state_dict().items()}
            if not written:
                written.append(now)
                return
            last = written[-1]
            written.append(
                {
                    name: 0.8 * last[name] + 0.2 * value if value.is_floating_point() else value
                    for name, value in now.items()
                }
            )

    examples, _ = tiny_examples()
    method = Following()
    training = Training(
        "single-label", method, tiny_network(), examples, [], replace(RECIPE, epochs=2), SEEDS, mean=method.averaging
    )
    training.run()
    twin = tiny_network().eval()
    twin.load_state_dict(written[3])
    images, logits = asked[4]
    with torch.no_grad():
        torch.testing.assert_close(logits, twin(images), rtol=1e-4, atol=1e-4)
    for name, value in training.averaged.module.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, written[-1][name], rtol=1e-4, atol=1e-5)


def test_another_view_is_of_the_same_samples_and_is_the_same_whenever_it_is_asked_for(cpu):
    views = []

    class Looking(Method):
        """Looking: at other views."""

        def loss(self, batch):
            assert torch.equal(batch.view(1), batch.view(1))
            views.append((batch.images, batch.view(0), batch.view(1), batch.view(2)))
            return batch.hard_loss()

    examples, _ = tiny_examples()
    for _ in range(2):
        Training("single-label", Looking(), tiny_network(), examples, [], replace(RECIPE, epochs=1), SEEDS).run()
    half = len(views) // 2
    for (first, zero, one, two), again in zip(views[:half], views[half:], strict=True):
        assert torch.equal(first, zero)
        assert torch.equal(one, again[2])
        assert not torch.equal(first, one)
        assert not torch.equal(one, two)


def test_what_a_method_did_not_ask_for_is_refused_with_a_sentence(cpu):
    examples, _ = tiny_examples()
    for wanted, said in (
        (lambda batch: batch.ask_teachers(batch.images), "asks_teachers = True"),
        (lambda batch: batch.ask_averaged(batch.images), "goes by steps"),
        (lambda batch: batch.maps, "uses_maps = True"),
        (lambda batch: batch.features, "uses_features = True"),
    ):

        class Wanting(Method):
            """Wanting: what it did not say."""

            def loss(self, batch, wanted=wanted):
                wanted(batch)
                return batch.hard_loss()

        with pytest.raises(UserError, match=said):
            Training("single-label", Wanting(), tiny_network(), examples, [], RECIPE, SEEDS).run()


def test_a_cyclic_schedule_is_the_protocols_and_then_falls_again_and_again():
    usual, cyclic = RECIPE.learning_rate, Cyclic(begins=0.5, length=3, highest=0.5, lowest=0.1)
    rates = [cyclic.learning_rate(lambda epoch: 0.2, epoch, 10) for epoch in range(10)]
    assert rates == pytest.approx([0.2] * 5 + [0.1, 0.06, 0.02] + [0.1, 0.06])
    assert [Protocols().learning_rate(usual, epoch, 4) for epoch in range(4)] == [usual(epoch) for epoch in range(4)]


@pytest.mark.parametrize("schedule", ["steps", "cosine"])
def test_a_cycle_goes_by_the_highest_rate_and_not_by_that_of_a_warm_up(schedule, recipe):
    usual = replace(recipe, epochs=12, lr=0.2, warmup=3, schedule=schedule, milestones=(8,)).learning_rate
    assert usual(0) == pytest.approx(0.05)
    cyclic = Cyclic(begins=0.5, length=1, highest=0.5)
    assert [cyclic.learning_rate(usual, epoch, 12) for epoch in range(6, 12)] == pytest.approx([0.1] * 6)


def test_a_part_of_ours_that_computes_something_else_now_makes_trainings_anew():
    swa, plain = (make_method(discover(), name) for name in ("swa", "baseline-i"))
    assert code_identity(swa)["schedule.Cyclic"] == "revision 2"
    assert not any("revision" in each for each in code_identity(plain).values())


def test_an_exponential_mean_that_rises_is_the_plain_mean_at_first():
    """As in Mean Teacher's own code: until the plain mean forgets as slowly as the decay, which is after 4 weights."""
    network = torch.nn.Linear(1, 1, bias=False)
    values = torch.arange(1.0, 10.0)
    rising, plain = (ExponentialMean(decay=0.8, rises=rises).begin(network) for rises in (True, False))
    expected = 0.0
    for count, value in enumerate(values.tolist()):
        with torch.no_grad():
            network.weight.fill_(value)
        rising.update_parameters(network)
        plain.update_parameters(network)
        decay = min(0.8, count / (count + 1))
        expected = decay * expected + (1 - decay) * value
        assert rising.module.weight.item() == pytest.approx(expected)
        if count < 4:
            assert rising.module.weight.item() == pytest.approx(float(values[: count + 1].mean()))
    assert plain.module.weight.item() < rising.module.weight.item()
    assert "rises" not in ExponentialMean().declaration()
    assert ExponentialMean(rises=True).declaration()["rises"] is True

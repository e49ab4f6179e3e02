"""Attacks are as strong as the field's own, keep to their radius, and are found out where they only seem to fail."""

from dataclasses import replace

import foolbox
import numpy as np
import pytest
import torch
import torchattacks
from conftest import TINY, command
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from tiny import tiny_network
from torch import nn
from torch.nn import functional

from roskdbench.attacks.fgsm import Fgsm as FgsmSpec
from roskdbench.attacks.packaged import Packaged
from roskdbench.attacks.pgd import Pgd as PgdSpec
from roskdbench.data.phantoms import draw_chest, draw_lesions
from roskdbench.errors import UserError
from roskdbench.measures.attacks import Attacks
from roskdbench.measuring import SAME_OF_ALL
from roskdbench.measuring.attacks.attacking import Target, attack, logits_of, robust
from roskdbench.measuring.attacks.checks import checks, zero_gradients
from roskdbench.measuring.attacks.gradient import FgsmAttacker, PgdAttacker, input_gradient, random_start, unit, within
from roskdbench.measuring.attacks.measured import name_of
from roskdbench.measuring.attacks.objective import attack_loss, direction
from roskdbench.measuring.attacks.square import squares
from roskdbench.measuring.ensemble import MeanOf, mean_binary_logits, mean_logits
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.report.evidence import Source
from roskdbench.report.layout import facts_of, layout_of
from roskdbench.report.table import Estimate, Word
from roskdbench.report.tables.perturbed import class_tables, curve_tables, perturbed_tables
from roskdbench.results import FACTS, collect
from roskdbench.store import Store
from roskdbench.suite import read_suite
from roskdbench.values import USUAL
from roskdbench.walk import run

RADII = {"linf": 4 / 255, "l2": 0.5}


def double(network):
    network = network.double().eval()
    network.mean, network.deviation = network.mean.double(), network.deviation.double()
    return network


@pytest.fixture(scope="module")
def network():
    return double(tiny_network())


def batch(count=12, seed=0, task="single-label", classes=8):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, 28, 28, dtype=torch.float64, generator=generator)
    if task == "single-label":
        return images, torch.randint(0, classes, (count,), generator=generator)
    return images, torch.randint(0, 2, (count, classes), generator=generator)


def plain_loss(task, logits, targets):
    """One number an image, as the losses are usually written."""
    if task == "single-label":
        return functional.cross_entropy(logits, targets, reduction="none")
    return functional.binary_cross_entropy_with_logits(logits, targets.to(logits), reduction="none").sum(1)


def last(pgd, images, labels, start):
    return list(pgd.climb(images, labels, start))[-1][0]


# What is input_gradient


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@given(seed=st.integers(0, 1000), scale=st.sampled_from([0.1, 1.0, 5.0]))
def test_the_direction_is_that_of_the_usual_loss_and_the_height_grows_with_it(task, seed, scale):
    generator = torch.Generator().manual_seed(seed)
    logits = (scale * torch.randn(9, 5, dtype=torch.float64, generator=generator)).requires_grad_()
    _, targets = batch(9, seed, task, 5)
    loss = plain_loss(task, logits, targets)
    wanted = torch.autograd.grad(loss.sum(), logits)[0]
    found = direction(task, "ce", logits, targets)
    torch.testing.assert_close(unit(found[..., None], "l2"), unit(wanted[..., None], "l2"), atol=1e-9, rtol=0)
    order = attack_loss(task, "ce", logits, targets).argsort()
    assert (loss[order].diff() >= -1e-12).all()


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@pytest.mark.parametrize("loss", ["ce", "margin"])
def test_a_model_that_is_sure_still_has_a_direction(task, loss):
    logits = torch.full((4, 5), -300.0)
    logits[:, 2] = 900.0
    targets = torch.full((4,), 2) if task == "single-label" else (logits > 0).long()
    found = direction(task, loss, logits, targets)
    assert (found.abs().amax(1) > 0.1).all()
    assert attack_loss(task, loss, logits, targets).isfinite().all()


def test_a_margin_loss_does_not_know_the_scale():
    logits, (_, targets) = torch.randn(12, 8, dtype=torch.float64), batch()
    torch.testing.assert_close(
        direction("single-label", "margin", logits, targets),
        direction("single-label", "margin", 1000 * logits, targets),
    )


# Against others


@pytest.mark.parametrize(("norm", "kind"), [("linf", torchattacks.PGD), ("l2", torchattacks.PGDL2)])
def test_pgd_walks_where_torchattacks_does(network, norm, kind):
    images, labels = batch()
    radius = RADII[norm]
    theirs = kind(network, eps=radius, alpha=radius / 4, steps=10, random_start=False)(images, labels)
    ours = last(PgdAttacker(network, "single-label", norm, radius, radius / 4, 10), images, labels, images)
    assert (ours - theirs).abs().max() < 1e-5


def test_fgsm_is_that_of_torchattacks(network):
    images, labels = batch()
    theirs = torchattacks.FGSM(network, eps=4 / 255)(images, labels)
    assert (FgsmAttacker(network, "single-label", "linf", 4 / 255)(images, labels) - theirs).abs().max() < 1e-5


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_both_attacks_are_a_plain_autograd_computation(network, task, norm):
    images, labels = batch(6, task=task)
    radius, step = RADII[norm], RADII[norm] / 3

    def gradient(at):
        at = at.detach().requires_grad_()
        return torch.autograd.grad(plain_loss(task, network(at), labels).sum(), at)[0]

    def stepped(at, length):
        found = gradient(at)
        if norm == "linf":
            moved = at + length * found.sign()
            return torch.minimum(torch.maximum(moved, images - radius), images + radius).clamp(0, 1)
        moved = at + length * found / found.flatten(1).norm(dim=1)[:, None, None, None] - images
        too_long = moved.flatten(1).norm(dim=1)[:, None, None, None] / radius
        return (images + moved / too_long.clamp(min=1)).clamp(0, 1)

    torch.testing.assert_close(
        FgsmAttacker(network, task, norm, radius)(images, labels), stepped(images, radius), atol=1e-8, rtol=0
    )
    wanted = images
    for _ in range(5):
        wanted = stepped(wanted, step)
    found = last(PgdAttacker(network, task, norm, radius, step, 5), images, labels, images)
    torch.testing.assert_close(found, wanted, atol=1e-7, rtol=0)


@pytest.fixture(scope="module")
def learnt():
    """A small network that has learnt phantom lesions, its images and labels."""
    images, targets, _ = draw_lesions(500, 28, 0)
    keep = np.where(np.isin(targets, [0, 1]), targets, 2)
    model = tiny_network(classes=3)
    pixels, labels = torch.from_numpy(images).float() / 255, torch.from_numpy(keep)
    optimiser = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    torch.manual_seed(0)
    model.train()
    for _ in range(6):
        for chosen in torch.randperm(500).split(25):
            optimiser.zero_grad()
            functional.cross_entropy(model(pixels[chosen]), labels[chosen]).backward()
            optimiser.step()
    return model.eval(), images, keep


@pytest.mark.slow
@pytest.mark.parametrize(
    ("norm", "kind"), [("linf", foolbox.attacks.LinfPGD), ("l2", foolbox.attacks.L2PGD)], ids=["linf", "l2"]
)
def test_robust_accuracy_is_that_of_foolbox(learnt, norm, kind):
    model, images, targets = learnt
    pixels, labels = torch.from_numpy(images).float() / 255, torch.from_numpy(targets)
    radius = {"linf": 1 / 255, "l2": 0.15}[norm]
    theirs = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    attacker = kind(rel_stepsize=0.25, steps=10, random_start=False)
    _, _, broken = attacker(theirs, pixels, labels, epsilons=radius)
    ours = last(PgdAttacker(model, "single-label", norm, radius, radius / 4, 10), pixels, labels, pixels)
    right = (model(ours).argmax(1) == labels).float().mean()
    assert 0.1 < right < 0.95 * (model(pixels).argmax(1) == labels).float().mean()
    assert abs(right - (1 - broken.float().mean())) <= 1 / 500 + 1e-6


class Linear(nn.Module):
    """Two classes, or one finding, whose logits are linear in the pixels."""

    def __init__(self, task, scale=1.0):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.weight = nn.Parameter(torch.randn(3 * 8 * 8, dtype=torch.float64, generator=generator) * scale)
        self.task = task

    def forward(self, images):
        score = images.flatten(1).to(self.weight) @ self.weight
        return score[:, None] if self.task == "multi-label" else torch.stack([torch.zeros_like(score), score], 1)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("loss", ["ce", "margin"])
def test_the_optimum_of_a_linear_model_is_reached(task, norm, loss):
    """In the middle of the pixels' range the score can be moved by the radius times the dual norm of the weights."""
    model = Linear(task)
    images = torch.full((4, 3, 8, 8), 0.5, dtype=torch.float64)
    labels = torch.ones(4, dtype=torch.long) if task == "single-label" else torch.ones(4, 1, dtype=torch.long)
    radius = 0.1 if norm == "linf" else 0.7
    generator = torch.Generator().manual_seed(0)
    found = PgdAttacker(model, task, norm, radius, radius / 4, 40, loss=loss, generator=generator)(images, labels)
    moved = (images - found).flatten(1) @ model.weight
    best = radius * (model.weight.abs().sum() if norm == "linf" else model.weight.norm())
    assert (moved - best).abs().max() < 1e-4
    if norm == "linf":
        torch.testing.assert_close(
            FgsmAttacker(model, task, norm, radius, loss)(images, labels), found, atol=1e-9, rtol=0
        )


class Scaled(nn.Module):
    """A model that is as right as before, and a thousand times as sure."""

    def __init__(self, model, factor=1000.0):
        super().__init__()
        self.model, self.factor = model, factor

    def forward(self, images):
        return self.factor * self.model(images)


def test_a_model_that_is_very_sure_is_attacked_all_the_same():
    """A linear model whose every decision can be turned within the radius, as it is and ten thousand times as sure."""
    model = Linear("single-label").float()
    sure = Scaled(model, 1e4)
    pixels = torch.rand(100, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = model(pixels).argmax(1)  # what it says now
    theirs = torchattacks.PGDL2(sure, eps=3.0, alpha=0.75, steps=20, random_start=False)(pixels, labels)

    def ours(attacked):
        generator = torch.Generator().manual_seed(0)
        return PgdAttacker(attacked, "single-label", "l2", 3.0, 0.75, 20, generator=generator)(pixels, labels)

    kept = [float((sure(each).argmax(1) == labels).float().mean()) for each in (ours(sure), ours(model), theirs)]
    assert kept[0] == kept[1] == 0
    assert kept[2] > 0.8


# The ball


@given(seed=st.integers(0, 1000), norm=st.sampled_from(["l2", "linf"]), radius=st.floats(1e-4, 3.0))
@settings(max_examples=60)
def test_nothing_leaves_the_ball_or_the_range_of_pixels(seed, norm, radius):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(5, 3, 6, 6, generator=generator, dtype=torch.float64)
    wild = images + torch.randn(images.shape, generator=generator, dtype=torch.float64) * radius
    for found in (within(images, wild, norm, radius), random_start(images, norm, radius, generator)):
        assert found.min() >= 0
        assert found.max() <= 1
        change = (found - images).flatten(1)
        length = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
        assert (length <= radius * (1 + 1e-6)).all()
    near = images + 0.01 * (wild - images)
    if norm == "linf" and (near - images).abs().max() < radius and near.min() >= 0 and near.max() <= 1:
        torch.testing.assert_close(within(images, near, norm, radius), near)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_more_restarts_never_help_the_defender(network, task):
    images, labels = batch(8, task=task)

    def reached(restarts):
        generator = torch.Generator().manual_seed(1)
        found = PgdAttacker(network, task, "linf", 2 / 255, 0.5 / 255, 4, restarts, generator=generator)(images, labels)
        return attack_loss(task, "ce", network(found).detach(), labels)

    clean = attack_loss(task, "ce", network(images).detach(), labels)
    once, thrice = reached(1), reached(3)
    assert (once >= clean).all()
    assert (thrice >= once).all()


# Attacking a problem


def target_of(model, images, targets, count=60, task="single-label"):
    return Target(model, task, images, targets, np.arange(count), torch.device("cpu"), 0)


SPECS = [
    FgsmSpec(norm="linf", radius="2/255"),
    FgsmSpec(norm="l2", radius=0.5),
    PgdSpec(norm="l2", radius=0.5, steps=5),
    PgdSpec(norm="linf", radius="2/255", steps=5, loss="margin"),
]


def test_shared_gradients_give_what_each_attack_gives_alone(learnt):
    model, images, targets = learnt
    target = target_of(model, images, targets)
    together = attack(target, SPECS)
    for spec in SPECS:
        alone = attack(target, [spec])[spec]
        assert np.array_equal(logits_of(alone), logits_of(together[spec]))
        assert together[spec].largest <= spec.radius * (1 + 1e-5)
    pixels = torch.from_numpy(images[:60]).float() / 255
    one = FgsmAttacker(model, "single-label", "l2", 0.5)(pixels, torch.from_numpy(targets[:60]))
    assert np.array_equal(model(one).detach().numpy(), logits_of(together[SPECS[1]]))


def test_an_attack_is_drawn_from_its_seed(learnt):
    model, images, targets = learnt
    first, again = (logits_of(attack(target_of(model, images, targets), SPECS)[SPECS[2]]) for _ in range(2))
    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("APGD", {"steps": 5}), ("Square", {"n_queries": 50}), ("FAB", {"steps": 3}), ("CW", {"steps": 5})],
)
def test_attacks_of_torchattacks_can_be_named(learnt, kind, options):
    model, images, targets = learnt
    norm = "l2" if kind == "CW" else "linf"
    spec = Packaged(kind=kind, norm=norm, radius="4/255", options=options)
    before = torch.random.get_rng_state()
    first, again = (attack(target_of(model, images, targets, 20), [spec])[spec] for _ in range(2))
    assert np.array_equal(logits_of(first), logits_of(again))
    assert torch.equal(before, torch.random.get_rng_state())
    if kind in ("APGD", "Square"):
        assert first.largest <= 4 / 255 + 1e-6


@pytest.mark.parametrize(
    ("kind", "norm", "options"), [("CW", "l2", {"steps": 30, "c": 10}), ("DeepFool", "l2", {}), ("PIFGSM", "linf", {})]
)
def test_what_knows_no_radius_of_that_name_stays_within_it(learnt, kind, norm, options):
    """An image that was brought to a wrong decision further away is not broken within the radius."""
    model, images, targets = learnt
    near, far = (
        attack(target_of(model, images, targets, 40), [spec])[spec]
        for spec in (Packaged(kind=kind, norm=norm, radius=radius, options=options) for radius in (0.02, 0.9))
    )
    assert near.largest <= 0.02 * 1.001
    assert 0.02 * 1.001 < far.largest <= 0.9
    wrong_near, wrong_far = (logits_of(each).argmax(1) != targets[:40] for each in (near, far))
    assert wrong_near.sum() < wrong_far.sum()


@pytest.mark.parametrize(
    "spec",
    [Packaged(kind="PGD", norm="l2", radius="128/255"), Packaged(kind="BIM", radius="1/255", options={"eps": 0.1})],
)
def test_an_attack_beyond_its_radius_is_one_line(learnt, spec):
    """In capitals it is torchattacks' PGD, which is of the other norm."""
    model, images, targets = learnt
    with pytest.raises(UserError, match=rf"{spec.label} changed an image by .* in {spec.norm}, and its radius is"):
        attack(target_of(model, images, targets, 10), [spec])


@pytest.mark.parametrize(
    ("kind", "task", "options", "said"),
    [
        ("APGD", "multi-label", {}, "APGD is for single-label problems; use pgd or fgsm"),
        ("APGD", "single-label", {"stepz": 3}, "torchattacks cannot make APGD with"),
    ],
)
def test_an_attack_that_cannot_be_made_is_one_line(learnt, kind, task, options, said):
    model, images, targets = learnt
    spec = Packaged(kind=kind, radius=0.1, options=options)
    with pytest.raises(UserError, match=said):
        attack(target_of(model, images, targets, 4, task), [spec])


def test_squares_raise_the_loss_and_stay_within_the_radius(learnt):
    model, images, targets = learnt
    pixels, labels = torch.from_numpy(images[:40]).float() / 255, torch.from_numpy(targets[:40])
    found = squares(model, "single-label", pixels, labels, 8 / 255, 100, torch.Generator().manual_seed(0))
    assert (found - pixels).abs().max() <= 8 / 255 + 1e-6
    kept = (model(found).argmax(1) == labels).float().mean()
    theirs = torchattacks.Square(model, eps=8 / 255, n_queries=100)(pixels, labels)
    assert kept <= (model(theirs).argmax(1) == labels).float().mean() + 0.1
    assert kept < (model(pixels).argmax(1) == labels).float().mean()


# Searching for wrong decisions


RISING = [PgdSpec(norm="linf", radius=radius, steps=6, restarts=2) for radius in ("4/255", "1/255", "2/255")]


def test_a_sweep_breaks_what_a_search_breaks_at_its_radius_or_at_a_smaller_one(learnt):
    model, images, targets = learnt
    target = target_of(model, images, targets, 100)
    swept = attack(target, [], sweep=RISING)
    broken = np.zeros(100, bool)
    for spec in sorted(RISING, key=lambda spec: spec.radius):
        broken |= ~robust(target, spec)
        assert np.array_equal(logits_of(swept[spec]).argmax(1) != targets[:100], broken)
        assert swept[spec].largest <= spec.radius + 1e-6
    assert 20 < broken.sum() < 100


def test_a_search_finds_all_that_the_whole_attack_does(learnt):
    model, images, targets = learnt
    target = target_of(model, images, targets, 100)
    spec = PgdSpec(norm="l2", radius=0.15, steps=10)
    whole = logits_of(attack(target, [spec])[spec]).argmax(1) == targets[:100]
    kept = robust(target, spec)
    assert not (kept & ~whole).any()
    assert 0 < kept.sum() < 100


def test_what_is_known_to_be_broken_is_not_attacked_again(learnt):
    model, images, targets = learnt
    seen = []

    class Counting(nn.Module):
        def forward(self, pixels):
            seen.append(len(pixels))
            return model(pixels)

    target = target_of(Counting(), images, targets, 50)
    kept = robust(target, REFERENCE)
    assert 50 * 2 < sum(seen) < 50 * (REFERENCE.steps + 2)
    seen.clear()
    sweep = [REFERENCE, REFERENCE.model_copy(update={"radius": 2 * REFERENCE.radius})]
    attack(replace(target, samples=np.flatnonzero(~kept)), [], sweep=sweep)
    once = (~kept).sum()
    assert sum(seen) <= once * (REFERENCE.steps + 2 + 2)  # the larger ball is only asked what was found in the smaller


def test_a_multi_label_sweep_attacks_every_image_at_every_radius():
    images, findings, _ = draw_chest(20, 28, 0)
    model = tiny_network(channels=1).eval()
    target = Target(model, "multi-label", images, findings, np.arange(20), torch.device("cpu"), 0)
    together, alone = attack(target, [], sweep=RISING), attack(target, RISING)
    assert all(np.array_equal(logits_of(together[spec]), logits_of(alone[spec])) for spec in RISING)


# Checks

REFERENCE = PgdSpec(norm="linf", radius="2/255", steps=10)


class Coarse(nn.Module):
    """The same model behind an input rounded to a few levels: no gradient, and decisions that can still be moved."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(torch.round(images * 255 / 4) * 4 / 255)


class Sides(nn.Module):
    """Left against right: every attack that follows its gradient ends at the same worst image, whatever its loss."""

    def forward(self, images):
        half = images.shape[-1] // 2
        score = images[..., :half].flatten(1).mean(1) - images[..., half:].flatten(1).mean(1)
        return 20 * torch.stack([score, -score], 1)


def test_an_honest_model_passes_its_checks():
    random = np.random.default_rng(0)
    targets = np.arange(50) % 2
    ramp = np.where(np.arange(28) < 14, 1, -1) * np.where(targets == 0, 1, -1)[:, None]  # [N, W]
    depth = np.linspace(1, 20, 50)[:, None]  # the shallowest fall at the reference's 2/255
    images = np.clip(128 + random.integers(-3, 4, (50, 1, 28, 28)) + (depth * ramp)[:, None, None, :], 0, 255)
    found = checks(target_of(Sides(), images.astype(np.uint8), targets, 50), REFERENCE, None)
    assert [check.name for check in found if not check.holds] == []
    assert len(found) == 7


def test_a_model_that_says_the_same_of_every_image_is_called_constant(learnt):
    model, images, targets = learnt

    class Stubborn(nn.Module):
        def forward(self, pixels):
            return model(pixels) + torch.tensor([1000.0, 0.0, 0.0])

    found = checks(target_of(Stubborn(), images, targets, 30), REFERENCE, None)
    assert SAME_OF_ALL in [check.name for check in found if not check.holds]


@pytest.mark.parametrize(
    ("mask", "failing"),
    [(Coarse, {"gradients are not zero", "random squares are not stronger"}), (Scaled, {"gradients are not zero"})],
)
def test_a_model_that_hides_its_gradient_is_found_out(learnt, mask, failing):
    model, images, targets = learnt
    masked = mask(model)
    reference = PgdSpec(norm="linf", radius="6/255", steps=10)
    found = {
        check.name for check in checks(target_of(masked, images, targets, 100), reference, model) if not check.holds
    }
    assert failing <= found


def test_images_made_for_another_model_are_tried(learnt):
    model, images, targets = learnt
    names = {check.name for check in checks(target_of(model, images, targets, 8), REFERENCE, model)}
    assert "images made for Baseline I are not stronger" in names


class Flat(nn.Module):
    """A model whose gradient is zero, by construction, where the mean pixel is below a half."""

    def forward(self, images):
        risen = functional.relu(images.flatten(1).mean(1) - 0.5)
        return torch.stack([1 + 0 * risen, risen, -risen], 1)


def test_zero_gradients_are_counted():
    images = np.full((30, 8, 8, 3), 200, np.uint8).transpose(0, 3, 1, 2)
    images[:6] = 20
    targets = np.arange(30) % 3
    assert zero_gradients(target_of(Flat(), images, targets, 30)) == pytest.approx(6 / 30)
    assert zero_gradients(target_of(Flat(), images[6:], targets, 24)) == 0


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_where_a_sure_models_loss_is_rounded_to_zero_pgd_moves_all_the_same(norm):
    """Far from a wrong decision the usual loss has no gradient at all, and ours is as long as ever."""
    sure = Linear("single-label", scale=1e4).float()
    generator = torch.Generator().manual_seed(0)
    pixels = (torch.rand(20, 3, 8, 8, generator=generator) * 255).to(torch.uint8).numpy()
    scores = sure(torch.from_numpy(pixels).float() / 255)[:, 1]
    targets = (scores > 0).long().numpy()
    assert scores.abs().min() > 200  # exp(-200) is no float32
    assert zero_gradients(target_of(sure, pixels, targets, 20)) == 1
    images, labels = torch.from_numpy(pixels).float() / 255, torch.from_numpy(targets)
    gradient = input_gradient(sure, "single-label", "ce", images, labels)[1]
    assert (gradient.flatten(1).abs().amax(1) > 1).all()
    attacked = PgdAttacker(sure, "single-label", norm, RADII[norm], RADII[norm] / 4, 10)(images, labels)
    before, after = (attack_loss("single-label", "ce", sure(each).detach(), labels) for each in (images, attacked))
    assert (after > before + 100).all()


# Ensembles and suites


@pytest.mark.parametrize(("task", "mean"), [("single-label", mean_logits), ("multi-label", mean_binary_logits)])
def test_an_ensemble_as_a_module_says_what_the_ensemble_says(task, mean):
    members = [tiny_network(seed=seed).eval() for seed in range(3)]
    images = torch.rand(5, 3, 28, 28)
    with torch.no_grad():
        found = MeanOf(members, task)(images).numpy()
        wanted = mean(np.stack([member(images).numpy() for member in members]))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_an_ensemble_that_is_sure_keeps_the_order_of_its_members():
    """Far from 0, too: one that were rounded to a probability would rank such samples alike, and have an AUC of .5."""
    sure = np.array([-20.0, -18.0, -17.0, -25.0, 40.0, 90.0, 0.3], np.float32)[:, None]
    members = np.stack([sure, sure, sure])
    np.testing.assert_allclose(mean_binary_logits(members), sure, rtol=1e-6)
    one_is_not = np.stack([sure, sure, np.zeros_like(sure)])
    chances = [(2 * expit(z) + 0.5) / 3 for z in sure[:, 0].tolist()]
    np.testing.assert_allclose(expit(mean_binary_logits(one_is_not))[:, 0], chances, rtol=1e-6)


def test_a_radius_is_written_as_in_the_paper():
    assert FgsmSpec(norm="l2", radius="1.28/255").radius == pytest.approx(1.28 / 255)
    with pytest.raises(ValueError, match=r"a number or a quotient such as 1\.28/255"):
        FgsmSpec(norm="l2", radius="1.28/0")
    names = [each.label for each in Attacks(preset="paper").chosen]
    assert names[:4] == ["fgsm l2 1.28/255", "pgd l2 1.28/255", "fgsm linf 1.28/255", "pgd linf 1.28/255"]
    assert names[4:] == ["fgsm l2 128/255", "pgd l2 128/255"]


SETTINGS = [
    "problems.cardio={dataset: phantom-chest, size: 28, samples: 128}",
    "experiments.main.methods=[baseline-i, ros-kd, deep-ensemble]",
    "experiments.main.measures=[scores, {measure: attacks, images: 16, checked: 8, attacks: ["
    "{attack: pgd, norm: linf, radius: 2/255, steps: 3}, {attack: fgsm, norm: l2, radius: 0.5}], sweep: [1/255]}]",
]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "tiny.yaml").write_text(TINY)
    made = plan(read_suite(folder / "tiny.yaml", SETTINGS), discover())
    store = Store.at(folder / "store")
    assert run(made, store).well
    return folder, made, store, collect(made, store)


ASKED = [
    PgdSpec(norm="linf", radius="2/255", steps=3),
    FgsmSpec(norm="l2", radius=0.5),
    PgdSpec(norm="linf", radius="1/255"),
]


def attacks_of(made, cell):
    """The job that attacks a cell's model."""
    (each,) = (each for each in cell.measurements if each.measure == "attacks")
    return made.jobs[each.fingerprint]


def facts_column(frame):
    """The facts of each row."""
    return [facts_of(row) for row in frame[list(FACTS)].itertuples(index=False)]


def value_of(frame, facts, metric):
    """The one number of a metric under these facts."""
    (found,) = (
        value
        for each, name, value in zip(facts_column(frame), frame["metric"], frame["value"], strict=True)
        if each == facts and name == metric
    )
    return found


def test_scores_before_and_after_are_those_of_the_kept_logits(attacked):
    _, made, store, results = attacked
    from sklearn.metrics import f1_score

    for cell in made.cells:
        job = attacks_of(made, cell)
        kept = store.open(job.fingerprint).arrays("attacked.npz")
        truth = store.open(job.inputs["pixels"]).arrays("labels.npz")["targets"][kept["samples"]]
        assert len(truth) == 16
        frame = results.frame[(results.frame["fingerprint"] == job.fingerprint) & (results.frame["class"] == "")]
        single = cell.problem == "lesion"
        measured = {facts.perturbation_label for facts in facts_column(frame)}
        swept = "fgsm l2 48.5/255" if single else "fgsm l2 28/255"
        asked = {*ASKED, FgsmSpec(norm="l2", radius=1 / 255 * (3 if single else 1) ** 0.5 * 28)}
        assert {each.label for each in asked} == {
            "pgd linf 2/255, 3 steps",
            "fgsm l2 127.5/255",
            "pgd linf 1/255",
            swept,
        }
        assert {each.label for each in asked} < measured
        for spec in asked:
            logits = kept[name_of(spec)]
            said = logits.argmax(1) if single else logits >= 0
            labels = range(8) if single else None
            wanted = f1_score(truth, said, average="macro", zero_division=0, labels=labels)
            metric = "f1-macro" if single else "f1-macro@half"
            assert value_of(frame, spec.facts, metric) == pytest.approx(wanted)
        clean = store.open(job.inputs["predictions"]).arrays("predictions.npz")["test"]
        test = store.open(job.inputs["split"]).arrays("split.npz")["test"]
        before = clean[[list(test).index(sample) for sample in kept["samples"]]]
        said = before.argmax(1) if single else before >= 0
        wanted = f1_score(truth, said, average="macro", zero_division=0, labels=range(8) if single else None)
        assert value_of(frame, USUAL, "f1-macro" if single else "f1-macro@half") == pytest.approx(wanted)
        assert value_of(frame, ASKED[0].facts, "largest-change") <= 2 / 255 + 1e-6
        assert value_of(frame, ASKED[1].facts, "largest-change") <= 0.5 + 1e-5


def test_what_each_class_loses_is_its_f1_before_minus_after_and_their_mean_is_the_tables(attacked):
    *_, results = attacked
    (whole,), (by_class,) = perturbed_tables(results, "main"), class_tables(results, "main")
    assert (whole.name, by_class.name) == ("main-attacks", "main-attacks-classes")
    assert [labels for labels, _ in by_class.rows] == [labels for labels, _ in whole.rows if labels[-1] != "none"]
    lost = {tuple(labels): cells for labels, cells in whole.rows}
    for labels, cells in by_class.rows:
        for problem in ("lesion", "cardio"):
            (c,) = (i for i, each in enumerate(whole.columns) if (each.problem, each.metric) == (problem, "lost"))
            own = [cell.mean for each, cell in zip(by_class.columns, cells, strict=True) if each.problem == problem]
            assert len(own) == 8
            assert np.mean(own) == pytest.approx(lost[tuple(labels)][c].mean)


def test_the_scores_of_every_radius_that_was_swept_are_in_a_table(attacked):
    *_, results = attacked
    (table,), shown = curve_tables(results, "main"), 0
    assert table.name == "main-attacks-radii"
    metrics = ["f1-macro", f"f1-macro@{results.plan.suite.protocol.threshold}"]
    frame = results.frame[results.frame["metric"].isin(metrics) & (results.frame["class"] == "")]
    usual = frame["steps"].isna() | (frame["steps"] == 20)
    swept = frame[(frame["measure"] == "attacks") & frame["perturbation"].isin(["fgsm", "pgd"]) & usual]
    for (method, kind), cells in table.rows:
        for column, cell in zip(table.columns, cells, strict=True):
            own = (swept["method"] == method) & (swept["problem"] == column.problem)
            rows = [
                row.value
                for row in swept[own & (swept["perturbation"] == kind) & (swept["norm"] == column.under)].itertuples()
                if f"{row.radius * 255:.3g}" == column.heading
            ]
            assert ([cell.mean] if cell else []) == rows
            shown += cell is not None
    assert shown == len(swept) > 0


@pytest.mark.parametrize(
    ("attacks", "names"),
    [
        ([{"steps": 40}], ["pgd linf 8/255, 40 steps"]),
        (
            [{}, {"restarts": 5, "loss": "margin", "step": "1/255"}],
            ["pgd linf 8/255", "pgd linf 8/255, margin, step 1/255, 5 restarts"],
        ),
    ],
)
def test_attacks_that_differ_have_names_that_differ(attacks, names):
    base = {"attack": "pgd", "norm": "linf", "radius": "8/255"}
    made = Attacks.model_validate({"attacks": [{**base, **each} for each in attacks]})
    assert [attack.label for attack in made.chosen] == names
    with pytest.raises(ValueError, match="attacks names 'pgd linf 8/255' twice"):
        Attacks.model_validate({"attacks": [base, base]})


def test_every_method_is_attacked_on_the_same_images(attacked):
    _, made, store, _ = attacked
    for problem in ("lesion", "cardio"):
        jobs = [attacks_of(made, cell).fingerprint for cell in made.cells if cell.problem == problem]
        samples = [store.open(job).arrays("attacked.npz")["samples"] for job in jobs]
        assert all(np.array_equal(samples[0], other) for other in samples)


def test_tables_show_what_attacks_cost_and_whether_to_believe_them(attacked):
    folder, _, _, results = attacked
    (table,) = perturbed_tables(results, "main")
    rows = {tuple(labels): cells for labels, cells in table.rows}
    assert {attack for _, attack in rows} == {"none", "pgd linf 2/255, 3 steps", "fgsm l2 127.5/255"}
    place = {(column.problem, column.heading): c for c, column in enumerate(table.columns)}
    for (method, name), cells in rows.items():
        for problem in ("lesion", "cardio"):
            before, after = rows[method, "none"][place[problem, "F1"]], cells[place[problem, "F1"]]
            assert isinstance(after, Estimate)
            lost, kept, verdict = (cells[place[problem, heading]] for heading in ("F1 lost", "kept", "checks"))
            if name == "none":
                assert (lost, kept, verdict) == (None, None, None)
                continue
            assert lost.mean == pytest.approx(before.mean - after.mean)
            low, _ = layout_of(results, "main").evidence.interval(
                (method, problem),
                {(0, 0): rows[method, "none"][place[problem, "AUC"]].mean},
                Source("scores", ("auc-macro",)),
            )
            if low <= 0.5:  # it had nothing to lose
                assert kept == "at chance" and any(note.startswith("at chance:") for note in table.notes)
            else:
                assert kept is None or kept.mean == pytest.approx(after.mean / before.mean)
            assert verdict in (Word("passed", good=True), "masked?", "constant")
    done = command("report", "tiny.yaml", "--store", "store", *(f"--set={each}" for each in SETTINGS), cwd=folder)
    assert "A tiny table: under attack" in done.stdout, done.stderr
    assert "On 16 test images, the same for every method" in done.stdout


def test_chest_films_have_pixels_and_findings():
    images, findings, _ = draw_chest(30, 28, 0)
    model = tiny_network(channels=1).eval()
    target = Target(model, "multi-label", images, findings, np.arange(30), torch.device("cpu"), 0)
    spec = PgdSpec(norm="linf", radius="8/255", steps=5)
    found = attack(target, [spec])[spec]
    clean = model(torch.from_numpy(images).float() / 255).detach()
    truth = torch.from_numpy(findings)
    worse = plain_loss("multi-label", torch.from_numpy(logits_of(found)), truth) >= plain_loss(
        "multi-label", clean, truth
    )
    assert worse.all()

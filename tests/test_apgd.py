"""Auto-PGD is the paper's algorithm step by step, reaches what can be reached, and is as strong as others'."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
import torch
import torchattacks
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from roskdbench.attacks.apgd import Apgd
from roskdbench.attacks.fgsm import Fgsm
from roskdbench.attacks.packaged import Packaged
from roskdbench.attacks.pgd import Pgd
from roskdbench.attacks.square import Square
from roskdbench.checking.named import check_named
from roskdbench.errors import UserError
from roskdbench.measuring.attacks.attacking import Target, Victim, attack, logits_of
from roskdbench.measuring.attacks.autopgd import Worst, ascend, checkpoints, worst_images
from roskdbench.measuring.attacks.goals import AwayFromLabels, LogitsRatio, TowardsFindings
from roskdbench.plugins import discover
from roskdbench.suite.attack import Attack

pytestmark = pytest.mark.usefixtures("cpu")

FINDINGS = ("effusion", "nodule")


@pytest.fixture(scope="module")
def network():
    """A small convolutional network with fixed weights: 3x12x12 pixels, 8 classes."""
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(128, 8)
    ).double()
    generator = torch.Generator().manual_seed(5)
    for each in model.parameters():
        fan_in = each[0].numel() if each.ndim > 1 else 1
        drawn = torch.randn(each.shape, dtype=torch.float64, generator=generator)
        each.data = drawn * (2 / fan_in) ** 0.5 if each.ndim > 1 else 0 * drawn
    return model.eval()


def batch(count=12, seed=0, classes=8):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, 12, 12, dtype=torch.float64, generator=generator)
    return images, torch.randint(0, classes, (count,), generator=generator)


def attacked(spec, model, images, labels, classes=()):
    """The spec's images, in whatever precision they are given."""
    task = "multi-label" if labels.ndim == 2 else "single-label"
    target = Target(model, task, np.zeros(0), np.zeros(0), np.zeros(0, np.int64), torch.device("cpu"), 0, classes)
    return spec.perturb(Victim(target, spec, 0), images, labels)


# The algorithm


@given(steps=st.integers(1, 300))
def test_checkpoints_are_the_papers(steps):
    shares = [Fraction(0), Fraction(22, 100)]
    while shares[-1] <= 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - Fraction(3, 100), Fraction(6, 100)))
    assert checkpoints(steps) == sorted({ceil(share * steps) for share in shares[1:-1]})


def test_a_hundred_steps_are_checked_where_the_authors_code_does():
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]


def by_hand(function, image, start, norm, radius, steps):
    """Algorithm 1 of the paper for one image, written with the whole history; `function` gives value and gradient."""
    flat = image.ravel()

    def cut(point):
        change = point - flat
        if norm == "linf":
            change = np.clip(change, -radius, radius)
        elif np.linalg.norm(change) > radius:
            change = change * (radius / np.linalg.norm(change))
        return np.clip(flat + change, 0, 1)

    def along(gradient):
        return np.sign(gradient) if norm == "linf" else gradient / np.linalg.norm(gradient)

    points, sizes = [start.ravel()], [2 * radius]
    value, gradient = function(points[0])
    values, tops, best = [value], [value], (value, points[0], gradient)
    rises, checks, size = [], [0, *checkpoints(steps)], 2 * radius
    met = [points[0]]
    for k in range(steps):
        here = points[-1]
        z = cut(here + size * along(gradient))
        moved = z if k == 0 else cut(here + 0.75 * (z - here) + 0.25 * (here - points[-2]))
        value, gradient = function(moved)
        met.append(moved)
        rises.append(value > values[-1])
        if value > best[0]:
            best = (value, moved, gradient)
        if k + 1 in checks[1:]:
            last = checks[checks.index(k + 1) - 1]
            too_few = sum(rises[last : k + 1]) < 0.75 * (k + 1 - last)
            unchanged = sizes[-1] == size and tops[-1] == best[0] if len(sizes) > 1 else tops[-1] == best[0]
            sizes.append(size)  # as it was when the checkpoint was come to
            tops.append(best[0])
            if too_few or unchanged:
                size /= 2
                value, moved, gradient = best
        points.append(moved)
        values.append(value)
    return met


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("steps", [7, 40])
def test_every_point_on_the_way_is_that_of_the_papers_algorithm(norm, steps):
    """A bumpy function of 12 pixels whose steps have to be halved, three images at a time and each by itself."""
    generator = torch.Generator().manual_seed(2)
    first, second = (torch.randn(size, dtype=torch.float64, generator=generator) for size in ((12, 9), (9, 4)))

    class Bumpy(nn.Module):
        def forward(self, images):
            return torch.sin(3 * images.flatten(1) @ first) @ second

    images = torch.rand(3, 3, 2, 2, dtype=torch.float64, generator=generator)
    start = (images + 0.05).clamp(0, 1)
    labels = torch.tensor([0, 1, 2])
    goal = AwayFromLabels("single-label", "margin", labels)
    ours = [seen for seen, _ in ascend(Bumpy(), goal, images, start, norm, 0.3, steps)]
    for n in range(3):

        def function(point, n=n):
            pixels = torch.from_numpy(point).reshape(1, 3, 2, 2).requires_grad_()
            logits = Bumpy()(pixels)[0]
            value = logits[[c for c in range(4) if c != n]].max() - logits[n]
            return value.item(), torch.autograd.grad(value, pixels)[0].numpy().ravel()

        wanted = by_hand(function, images[n].numpy(), start[n].numpy(), norm, 0.3, steps)
        assert len(wanted) == len(ours) == steps + 1
        for seen, point in zip(ours, wanted, strict=True):
            np.testing.assert_allclose(seen[n].numpy().ravel(), point, atol=1e-9)


class Scripted:
    """A goal whose values and slopes are written down, whatever the image."""

    def __init__(self, values, slopes):
        self.values, self.slopes = iter(values), iter(slopes)

    def loss(self, logits):
        return torch.tensor([next(self.values)], dtype=torch.float64)

    def direction(self, logits):
        return next(self.slopes)[None]


def test_a_step_is_halved_where_it_rises_and_the_highest_point_stays_what_it_was():
    """In the first 22 steps all rise to the top; then there is a fall, and 78 steps rise that never come so high."""
    values = [*range(100, 123), *range(78)]
    slopes = torch.randn(101, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    image = torch.full((1, 3, 2, 2), 0.5, dtype=torch.float64)
    way = [seen for seen, _ in ascend(nn.Flatten(), Scripted(values, slopes), image, image, "l2", 0.3, 100)]
    pairs = iter(zip(values, slopes.numpy(), strict=True))
    wanted = by_hand(lambda point: next(pairs), image.numpy(), image.numpy(), "l2", 0.3, 100)
    np.testing.assert_allclose(torch.cat(way).flatten(1).numpy(), wanted, atol=1e-12)


def test_a_wrong_decision_is_kept_before_a_right_one_with_a_higher_loss():
    images, labels = torch.zeros(2, 1, 1, 1), torch.tensor([0, 0])
    clean = torch.tensor([[5.0, 0.0, 0.0], [5.0, 0.0, 0.0]])
    worst = Worst(images, clean, AwayFromLabels("single-label", "ce", labels), labels)
    rows = torch.tensor([0, 1])
    narrowly_wrong, sure_of_nothing = torch.tensor([0.0, 0.1, -9.0]), torch.tensor([0.01, 0.0, 0.0])
    assert functional.cross_entropy(sure_of_nothing, labels[0]) > functional.cross_entropy(narrowly_wrong, labels[0])
    worst.take(rows, images + 1, torch.stack([narrowly_wrong, sure_of_nothing]))
    worst.take(rows, images + 2, torch.stack([sure_of_nothing, narrowly_wrong]))
    assert worst.images.ravel().tolist() == [1.0, 2.0]
    assert len(worst.left()) == 0


# Losses


@given(seed=st.integers(0, 1000), scale=st.sampled_from([1e-3, 1.0, 1e3]))
@settings(max_examples=40)
def test_the_ratio_of_logits_is_the_papers_and_knows_neither_scale_nor_shift(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(9, 6, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, 6, (9,), generator=generator)
    towards = (labels + 1 + torch.randint(0, 5, (9,), generator=generator)) % 6
    plain, targeted = [], []
    for row, label, other in zip(logits.tolist(), labels.tolist(), towards.tolist(), strict=True):
        first, _, third, fourth = sorted(row, reverse=True)[:4]
        best_other = max(value for c, value in enumerate(row) if c != label)
        plain.append(-(row[label] - best_other) / (first - third))
        targeted.append(-(row[label] - row[other]) / (first - (third + fourth) / 2))
    for goal, wanted in ((LogitsRatio(labels), plain), (LogitsRatio(labels, towards), targeted)):
        torch.testing.assert_close(goal.loss(logits), torch.tensor(wanted, dtype=torch.float64), atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(goal.loss(scale * logits + 7), goal.loss(logits), atol=1e-6, rtol=1e-6)
    assert ((LogitsRatio(labels).loss(logits) > 0) == (logits.argmax(1) != labels)).all()


@pytest.mark.parametrize("towards", [None, torch.tensor([2, 0, 3])])
def test_the_direction_of_the_ratio_is_its_slope(towards):
    logits = torch.tensor([[3.0, 1.0, 0.5, -1.0, 0.2], [0.3, 2.0, 1.1, 0.4, 5.0], [1.0, 0.0, 4.0, 2.0, 3.0]]).double()
    goal = LogitsRatio(torch.tensor([0, 1, 2]), towards)
    slopes = torch.zeros_like(logits)
    for c in range(5):
        nudge = torch.zeros(5, dtype=torch.float64)
        nudge[c] = 1e-6
        slopes[:, c] = (goal.loss(logits + nudge) - goal.loss(logits - nudge)) / 2e-6
    slopes = slopes / slopes.abs().amax(1, keepdim=True)
    torch.testing.assert_close(goal.direction(logits), slopes, atol=1e-6, rtol=0)


def test_towards_findings_lowers_the_summed_binary_cross_entropy_to_them():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(7, 4, dtype=torch.float64, generator=generator)
    wanted = torch.randint(0, 2, (7, 4), generator=generator)
    plain = functional.binary_cross_entropy_with_logits(logits, wanted.double(), reduction="none").sum(1)
    goal = TowardsFindings(wanted)
    torch.testing.assert_close(goal.loss(logits).neg().exp(), plain)
    slope = torch.sigmoid(logits) - wanted
    found = goal.direction(logits)
    torch.testing.assert_close(found / found.norm(dim=1, keepdim=True), -slope / slope.norm(dim=1, keepdim=True))


# Where the optimum is known


class Linear(nn.Module):
    """Logits that are linear in the pixels of 3x8x8 images: one row of weights a class."""

    def __init__(self, weight, scale=1.0):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.scale = scale

    def forward(self, images):
        return self.scale * (images.flatten(1) - 0.5) @ self.weight.T


def weights(*shape, seed=3):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def dual(weight, norm):
    return weight.abs().sum() if norm == "linf" else weight.norm()


GREY = torch.full((4, 3, 8, 8), 0.5, dtype=torch.float64)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("loss", ["ce", "margin"])
@pytest.mark.parametrize("several", [False, True])
def test_the_optimum_of_a_linear_model_is_reached(norm, loss, several):
    """In the middle of the range the score can be moved by the radius times the dual norm of the weights."""
    weight, radius = weights(192), 0.1 if norm == "linf" else 0.7
    rows = weight[None] if several else torch.stack([torch.zeros_like(weight), weight])
    labels = torch.ones((4, 1) if several else 4, dtype=torch.long)
    found = attacked(Apgd(norm=norm, radius=radius, loss=loss), Linear(rows), GREY, labels)
    moved = (GREY - found).flatten(1) @ weight
    assert (moved - radius * dual(weight, norm)).abs().max() < 1e-6


def test_at_the_edge_of_the_range_each_pixel_goes_as_far_as_it_may():
    images = torch.rand(4, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weight = weights(192)
    model = Linear(torch.stack([torch.zeros_like(weight), weight]))
    found = attacked(Apgd(norm="linf", radius=0.3), model, images, torch.ones(4, dtype=torch.long))
    wanted = (images.flatten(1) - 0.3 * weight.sign()).clamp(0, 1)
    torch.testing.assert_close(found.flatten(1), wanted, atol=1e-9, rtol=0)


def test_three_classes_are_attacked_by_the_ratio_to_the_optimum():
    """Each class has pixels of its own, and class 2 is far behind: best is to lower the label and to raise class 1."""
    weight = torch.zeros(3, 192, dtype=torch.float64)
    weight[0, :64], weight[1, 64:128], weight[2, 128:] = 1, 1, 1
    images = GREY.flatten(1).clone()
    images[:, :64], images[:, 64:128], images[:, 128:] = 0.8, 0.6, 0.2
    images = images.view(4, 3, 8, 8)
    spec = Apgd(norm="linf", radius=0.05, loss="dlr")
    logits = Linear(weight)(attacked(spec, Linear(weight), images, torch.zeros(4, dtype=torch.long))).detach()
    wanted = 64 * torch.tensor([0.3 - 0.05, 0.1 + 0.05], dtype=torch.float64)
    torch.testing.assert_close(logits[:, :2], wanted.expand(4, 2), atol=1e-6, rtol=0)


def apart(sides=(1.0, 1.0)):
    """Two findings with pixels of their own, and images that show the first of them."""
    weight = torch.zeros(2, 192, dtype=torch.float64)
    weight[0, :96], weight[1, 96:] = weights(96, seed=1).abs() * sides[0], weights(96, seed=2).abs() * sides[1]
    images = torch.full((4, 192), 0.5, dtype=torch.float64)
    images[:, :96], images[:, 96:] = 0.55, 0.45
    return weight, images.view(4, 3, 8, 8), torch.tensor([[1, 0]] * 4)


@pytest.mark.parametrize(
    ("settings_of", "directions"),
    [
        ({}, (-1, 1)),  # away from the labels
        ({"loss": "targeted"}, (-1, 1)),  # the opposite of what the model decides, which is right
        ({"loss": "targeted", "towards": "labels"}, (-1, 1)),
        ({"loss": "targeted", "towards": ["effusion", "nodule"]}, (1, 1)),
        ({"loss": "targeted", "towards": ["nodule"]}, (-1, 1)),
        ({"loss": "targeted", "towards": []}, (-1, -1)),
    ],
)
def test_findings_with_pixels_of_their_own_each_go_as_far_as_they_can(settings_of, directions):
    """In linf nothing is to be shared out: each logit moves by the radius times the sum of its weights."""
    weight, images, labels = apart()
    model = Linear(weight)
    found = attacked(Apgd(norm="linf", radius=0.02, **settings_of), model, images, labels, FINDINGS)
    moved = (model(found) - model(images)).detach()
    wanted = 0.02 * weight.sum(1) * torch.tensor(directions)
    torch.testing.assert_close(moved, wanted.expand(4, 2), atol=1e-7, rtol=0)


def test_two_findings_that_are_alike_share_an_l2_radius_evenly():
    weight = torch.zeros(2, 192, dtype=torch.float64)
    weight[0, :96], weight[1, 96:] = 0.1, 0.1
    labels = torch.tensor([[1, 0]] * 4)
    spec = Apgd(norm="l2", radius=0.7)
    found = attacked(spec, Linear(weight), GREY, labels)
    moved = Linear(weight)(found).detach()
    best = 0.7 / 2**0.5 * weight[0].norm()
    torch.testing.assert_close(moved, torch.stack([-best, best]).expand(4, 2), atol=1e-6, rtol=0)


def test_decisions_and_labels_are_different_targets_where_the_model_errs():
    """The model sees the second finding alone, and the labels name the first alone."""
    weight, images, _ = apart()
    images = 1 - images
    model = Linear(weight)
    ones = torch.tensor([[1, 0]] * 4)
    directions = {}
    for towards in ("decisions", "labels"):
        spec = Apgd(norm="linf", radius=0.02, loss="targeted", towards=towards)
        directions[towards] = (model(attacked(spec, model, images, ones, FINDINGS)) - model(images)).sign()[0].tolist()
    assert directions == {"decisions": [1.0, -1.0], "labels": [-1.0, 1.0]}


def test_a_model_that_is_very_sure_is_attacked_all_the_same():
    weight = weights(4, 192)
    images = torch.rand(30, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = Linear(weight)(images).argmax(1)
    for loss in ("ce", "dlr", "targeted"):
        spec = Apgd(norm="linf", radius=0.1, loss=loss, steps=20)
        plain, sure = (attacked(spec, Linear(weight, scale), images, labels) for scale in (1.0, 1e4))
        assert [(Linear(weight)(each).argmax(1) == labels).sum().item() for each in (plain, sure)] == [0, 0], loss


# Against others


@pytest.mark.parametrize("loss", ["ce", "dlr"])
def test_it_is_at_least_as_strong_as_torchattacks(network, loss):
    images, labels = batch(16)
    labels = network(images).argmax(1)  # so that there is something to lose
    radius = 1 / 255
    torch.manual_seed(0)
    their_attack = torchattacks.APGD(network, "Linf", radius, steps=50, loss=loss)
    *_, theirs, _ = their_attack.attack_single_run(images, labels)
    goal = AwayFromLabels("single-label", "ce", labels) if loss == "ce" else LogitsRatio(labels)
    generator = torch.Generator().manual_seed(0)
    start = images + radius * (2 * torch.rand(images.shape, dtype=torch.float64, generator=generator) - 1)
    way = [logits for _, logits in ascend(network, goal, images, start.clamp(0, 1), "linf", radius, 50)]
    if loss == "ce":
        ours = torch.stack([functional.cross_entropy(each, labels, reduction="none") for each in way]).amax(0)
    else:
        ours = torch.stack([goal.loss(each) for each in way]).amax(0)
    clean = goal.loss(network(images).detach())
    assert (goal.loss(way[-1]) > clean).all()
    scale = theirs.abs().mean()
    assert (ours - theirs).mean() >= -0.01 * scale
    assert (ours - theirs).min() >= -0.1 * scale


@pytest.mark.parametrize(("loss", "kind"), [("dlr", "APGD"), ("targeted", "APGDT")])
def test_it_leaves_no_more_decisions_right_than_torchattacks_does(network, loss, kind):
    images, _ = batch(24, seed=1)
    labels = network(images).argmax(1)
    margins = network(images).sort(1).values
    # A radius at which about half of them fall, by the first-order reach of each.
    reach = (margins[:, -1] - margins[:, -2]).median().item()
    radius = reach / slope_of(network, images)
    own = {"loss": loss} if kind == "APGD" else {"n_classes": 8}
    theirs = getattr(torchattacks, kind)(network, "Linf", radius, steps=20, **own)(images, labels)
    ours = attacked(Apgd(norm="linf", radius=radius, loss=loss, steps=20), network, images, labels)
    kept = [int((network(each).argmax(1) == labels).sum()) for each in (images, ours, theirs)]
    assert kept[0] == 24
    assert kept[1] <= kept[2] + 1
    assert 0 < kept[2] < 24


def slope_of(network, images):
    """How fast the gap between the two largest logits closes in linf, on the mean."""
    pixels = images.clone().requires_grad_()
    ranked = network(pixels).sort(1).values
    gradient = torch.autograd.grad((ranked[:, -1] - ranked[:, -2]).sum(), pixels)[0]
    return gradient.flatten(1).abs().sum(1).median().item()


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("spec", [Apgd(norm="l2", radius=0.5, steps=6), Apgd(norm="linf", radius="4/255", steps=6),
                                  Square(norm="l2", radius=0.5, queries=20)], ids=str)  # fmt: skip
def test_nothing_leaves_the_ball_or_the_range_of_pixels(network, several, spec):
    images, labels = batch(8)
    found = attacked(spec, network, images, functional.one_hot(labels, 8) if several else labels)
    change = (found - images).flatten(1)
    length = change.abs().amax(1) if spec.norm == "linf" else change.norm(dim=1)
    assert (length <= spec.radius * (1 + 1e-9)).all()
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("several", [False, True])
def test_more_restarts_never_help_the_defender(network, several):
    images, labels = batch(8)
    labels = functional.one_hot(labels, 8) if several else labels
    goal = AwayFromLabels("multi-label" if several else "single-label", "ce", labels)
    clean = network(images).detach()

    def reached(restarts):
        generator = torch.Generator().manual_seed(0)
        worst = Worst(images, clean, goal, None if several else labels)
        found = worst_images(network, [goal], worst, images, "linf", 2 / 255, 5, restarts, generator)
        logits = network(found).detach()
        return goal.loss(logits), logits.argmax(1) != labels if not several else torch.zeros(8, dtype=torch.bool)

    (once, wrong_once), (thrice, wrong_thrice) = reached(1), reached(3)
    assert (once > goal.loss(clean)).all()
    assert (wrong_thrice | ~wrong_once).all()
    assert ((thrice >= once - 1e-12) | (wrong_thrice & ~wrong_once)).all()


# In a suite


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("apgd linf 8/255", "apgd linf 8/255, 100 steps"),
        ("apgd l2 128/255, dlr, 50 steps, 2 restarts", "apgd l2 128/255, dlr, 50 steps, 2 restarts"),
        ("apgd linf 8/255, targeted, 3 classes", 'apgd linf 8/255, targeted, 100 steps, {"classes":3}'),
        ("square linf 8/255", "square linf 8/255"),
        ("square linf 8/255, 300 queries", 'square linf 8/255, {"queries":300}'),
    ],
)
def test_it_is_named_as_tables_name_it(text, label):
    found = Attack.read(text, discover())
    assert found.label == label
    assert (found.facts.norm, found.facts.radius) == (found.norm, pytest.approx(found.radius))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("apgd linf 8/255, dlrr", "'dlrr' says nothing of an attack"),
        ("pgd linf 8/255, dlr", "Input should be 'ce' or 'margin'"),
        ("apgd linf 8/255, 3 classes", "apgd: classes is for the loss targeted, and the loss is ce"),
        ("apgd linf 8/255, towards labels", "apgd: towards is for the loss targeted, and the loss is ce"),
        ("apgd linf 8/255, targeted, towards label", "decisions, labels, or a list of findings such as"),
        ("apgd linf 8", "linf 8 is beyond that; say 8/255"),
        ("agpd linf 8/255", "unknown attack 'agpd'; did you mean 'apgd'?"),
    ],
)
def test_a_mistake_is_one_line(text, said):
    with pytest.raises((UserError, ValidationError), match=".*" + said):
        Attack.read(text, discover())


@pytest.mark.parametrize(
    ("declared", "task", "classes", "said"),
    [
        ({"loss": "dlr"}, "multi-label", (), "the loss dlr is for single-label problems; use the loss ce or targeted"),
        ({"loss": "dlr"}, "single-label", ("a", "b"), "the loss dlr needs 3 classes, and there are 2; use ce"),
        ({"loss": "targeted"}, "single-label", ("a", "b", "c"), "targeted needs 4 classes, and there are 3; use ce"),
        (
            {"loss": "targeted", "towards": ["efusion"]},
            "multi-label",
            FINDINGS,
            "there is no finding 'efusion'; did you mean 'effusion'?",
        ),
        ({"loss": "targeted", "towards": ["effusion"]}, "single-label", (), "towards findings is for multi-label"),
    ],
)
def test_a_loss_that_a_problem_has_no_use_for_is_one_line(declared, task, classes, said):
    spec = Apgd(norm="linf", radius=0.1, **declared)
    assert said in spec.objection(task, classes)
    nothing = np.zeros((0, 3, 8, 8), np.uint8)
    target = Target(nn.Flatten(), task, nothing, nothing, np.zeros(0, np.int64), torch.device("cpu"), 0, classes)
    with pytest.raises(UserError) as error:
        attack(target, [spec])
    assert said in str(error.value)


def test_what_a_problem_can_be_attacked_with_is_not_objected_to():
    for declared in ({}, {"loss": "margin"}, {"loss": "targeted"}):
        for task in ("single-label", "multi-label"):
            assert Apgd(norm="linf", radius=0.1, **declared).objection(task, tuple("abcd")) is None


def test_too_few_classes_are_one_line_where_only_the_logits_tell():
    images, labels = torch.rand(2, 3, 8, 8, dtype=torch.float64), torch.tensor([0, 1])
    with pytest.raises(UserError, match="needs 3 classes, and there are 2; use the loss ce"):
        attacked(Apgd(norm="linf", radius=0.1, loss="dlr"), Linear(weights(2, 192)), images, labels)


def test_its_claims_hold_when_it_is_checked():
    verdicts = list(check_named(discover(), "apgd"))
    assert len(verdicts) >= 12
    assert [verdict for verdict in verdicts if verdict[1] is not None] == []


# What it costs


class Counting(nn.Module):
    """Logits that are linear, and how many images were asked for, forward and back."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.forwards, self.gradients = inner, 0, 0

    def forward(self, images):
        self.forwards += len(images)
        if images.requires_grad:
            images = images * 1.0
            images.register_hook(lambda gradient: setattr(self, "gradients", self.gradients + len(gradient)))
        return self.inner(images)


def small_target(task="single-label", count=70):
    pixels = (torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8).numpy()
    model = Linear(weights(4, 192).float())
    with torch.no_grad():
        logits = model(torch.from_numpy(pixels).float() / 255)
    targets = logits.argmax(1).numpy() if task == "single-label" else (logits > 0).numpy().astype(np.uint8)
    return Target(Counting(model), task, pixels, targets, np.arange(count), torch.device("cpu"), 0)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@pytest.mark.parametrize(
    "spec",
    [
        Apgd(norm="linf", radius="1/255", steps=7, restarts=2),
        Pgd(norm="l2", radius=0.3, steps=5),
        Square(norm="linf", radius="1/255", queries=20),
        Fgsm(norm="linf", radius="1/255"),
    ],
    ids=lambda spec: spec.name,
)
def test_what_an_attack_asks_of_a_model_is_counted(task, spec):
    target = small_target(task)
    spent = attack(target, [spec])[spec].passes
    looks = len(target)  # at what each image has become, which is no part of the attack
    assert (spent.forwards, spent.gradients) == (target.model.forwards - looks, target.model.gradients)


def test_an_attack_of_several_findings_costs_its_steps():
    target = small_target("multi-label")
    spec = Apgd(norm="linf", radius="1/255", steps=7, restarts=2)
    spent = attack(target, [spec])[spec].passes
    assert spent.gradients == 70 * 2 * 7
    assert spent.forwards == 70 * (1 + 2 * 8)


def test_a_gradient_that_attacks_share_is_counted_for_each():
    target = small_target()
    specs = [Fgsm(norm="linf", radius="1/255"), Fgsm(norm="l2", radius=0.5)]
    found = attack(target, specs)
    assert target.model.gradients == 70
    assert [(found[each].passes.gradients, found[each].passes.forwards) for each in specs] == [(70, 70)] * 2


def test_images_that_are_decided_wrongly_are_not_attacked_again():
    """The first climb is of all of them, wrong ones too: scores that rank images go by how wrong they are."""
    target = small_target()
    far = Apgd(norm="linf", radius=0.2, steps=5, restarts=4)
    assert attack(target, [far])[far].passes.gradients == 70 * 5  # all fell in the first climb
    target.targets[:] = (target.targets + 1) % 4
    wrong = attack(target, [far])[far].passes
    assert wrong.gradients == 70 * 5


def test_it_is_drawn_from_its_seed_and_leaves_torchs_own_numbers_alone():
    target = small_target("multi-label")
    spec = Apgd(norm="l2", radius=0.3, steps=3)
    before = torch.random.get_rng_state()
    first, again = (logits_of(attack(target, [spec])[spec]) for _ in range(2))
    assert np.array_equal(first, again)
    assert torch.equal(before, torch.random.get_rng_state())


def test_attacks_that_were_there_say_of_themselves_what_they_said():
    """What random numbers and fingerprints rest on."""
    pgd = Pgd(norm="linf", radius="8/255", loss="margin", steps=40)
    packaged = Packaged(kind="APGD", radius="8/255", options={"steps": 5})
    assert pgd.purpose == "pgd linf 8/255, margin, 40 steps"
    assert pgd.declaration() == {
        "attack": "pgd", "norm": "linf", "radius": 8 / 255, "loss": "margin", "steps": 40,
    }  # fmt: skip
    assert packaged.declaration() == {
        "attack": "torchattacks", "kind": "APGD", "radius": 8 / 255, "options": {"steps": 5},
    }  # fmt: skip

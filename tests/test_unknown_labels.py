"""Findings whose labels are not known count for nothing: in attacks, in their checks, and in landscapes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from roskdbench.attacks.apgd import Apgd
from roskdbench.attacks.fgsm import Fgsm
from roskdbench.attacks.finding import InventFinding
from roskdbench.attacks.pgd import Pgd
from roskdbench.data.problem import Labels
from roskdbench.measuring.attacks.attacking import Target, attack, logits_of
from roskdbench.measuring.attacks.checks import _chance, _right, zero_gradients
from roskdbench.measuring.attacks.objective import attack_loss, direction
from roskdbench.measuring.attacks.square import squares
from roskdbench.measuring.landscape.measured import _f1
from roskdbench.measuring.landscape.surface import Surface, mean_loss

COUNT = 40


class Linear(nn.Module):
    """Two findings of which the second pulls three times as much, in the other direction, beside a part of its own."""

    def __init__(self, places=(0, 1)):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        weights = torch.randn(2, 3 * 8 * 8, generator=generator)
        weights[1] -= 3 * weights[0]
        self.weights, self.places = nn.Parameter(weights), list(places)

    def forward(self, images):
        return (images.flatten(1) - 0.5) @ self.weights[self.places].T


def target_of(model, targets, classes=("a", "b")):
    images = np.random.default_rng(1).integers(60, 190, (COUNT, 3, 8, 8), dtype=np.uint8)
    samples, device = np.arange(COUNT), torch.device("cpu")
    return Target(model.eval(), "multi-label", images, targets, samples, device, 0, classes)


def labels_of(model):
    """The first finding as the model has it, the second not known."""
    pixels = torch.from_numpy(target_of(model, np.zeros((COUNT, 2))).images).float() / 255
    known = (model(pixels)[:, :1] > 0).float().detach().numpy()
    return np.hstack([known, np.full_like(known, np.nan)]), known


@pytest.mark.parametrize(
    "spec",
    [
        Fgsm(norm="linf", radius="8/255"),
        Pgd(norm="linf", radius="8/255", steps=5),
        Pgd(norm="l2", radius=0.5, steps=5, loss="margin"),
        Apgd(norm="linf", radius="8/255", steps=5),
        Apgd(norm="linf", radius="8/255", steps=5, loss="targeted", towards="labels"),
        Apgd(norm="linf", radius="8/255", steps=5, loss="targeted", towards="decisions"),
    ],
    ids=lambda spec: spec.label,
)
def test_an_attack_spends_nothing_on_a_finding_that_is_not_known(spec):
    both, known = labels_of(Linear())
    found = attack(target_of(Linear(), both), [spec])[spec]
    alone = attack(target_of(Linear([0]), known, ("a",)), [spec])[spec]
    np.testing.assert_allclose(logits_of(found)[:, 0], logits_of(alone)[:, 0], atol=1e-4)
    as_absent = attack(target_of(Linear(), np.nan_to_num(both)), [spec])[spec]
    assert _right(target_of(Linear(), both), logits_of(found)) < _right(target_of(Linear(), both), logits_of(as_absent))


def test_a_finding_is_not_invented_where_it_may_be():
    both, _ = labels_of(Linear())
    both[:5, 1] = 0
    spec = InventFinding(norm="linf", radius="8/255", finding="b", steps=3)
    target = target_of(Linear(), both)
    (_, images, _) = next(iter(target.batches()))
    clean, found = Linear()(images).detach().numpy(), logits_of(attack(target, [spec])[spec])
    assert (found[:5, 1] > clean[:5, 1]).all()
    np.testing.assert_array_equal(found[5:], clean[5:])


@given(seed=st.integers(0, 1000), loss=st.sampled_from(["ce", "margin"]))
def test_loss_and_direction_are_those_of_the_known_findings(seed, loss):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(6, 5, dtype=torch.float64, generator=generator)
    targets = torch.randint(0, 2, (6, 5), generator=generator).double()
    targets[:, 3:] = torch.nan
    torch.testing.assert_close(
        attack_loss("multi-label", loss, logits, targets),
        attack_loss("multi-label", loss, logits[:, :3], targets[:, :3]),
    )
    found = direction("multi-label", loss, logits, targets)
    torch.testing.assert_close(found[:, :3], direction("multi-label", loss, logits[:, :3], targets[:, :3]))
    assert (found[:, 3:] == 0).all()
    nothing = torch.full_like(targets, torch.nan)
    assert (direction("multi-label", loss, logits, nothing) == 0).all()


def test_squares_look_for_known_findings_alone():
    both, _ = labels_of(Linear())
    (_, images, labels) = next(iter(target_of(Linear(), both).batches()))
    generator = torch.Generator().manual_seed(0)
    changed = squares(Linear(), "multi-label", images, labels, 8 / 255, 50, generator)
    away = (1 - 2 * labels[:, 0]) * (Linear()(changed) - Linear()(images))[:, 0]
    assert (away > 0).float().mean() > 0.9


def test_checks_count_what_is_known():
    targets = np.array([[1, np.nan], [0, 1], [0, np.nan], [0, 0]] * 10, np.float32)
    target, logits = target_of(Linear(), targets), np.array([[1, -1], [1, 1], [-1, 1], [-1, 1]] * 10)
    assert _right(target, logits) == pytest.approx((1 + 0 + 1 + 1 + 1 + 0) / 6)
    assert _chance(target) == pytest.approx((3 + 1) / 6)
    assert zero_gradients(target) == 0
    assert zero_gradients(target_of(Linear(), np.full_like(targets, np.nan))) == 1


def test_the_loss_of_a_landscape_is_over_known_findings():
    labels = Labels(
        "multi-label",
        ("a", "b"),
        np.array([[1, 0], [0, 1]], "u1"),
        np.arange(2),
        uncertain=np.array([[0, 1], [0, 0]], "u1"),
    )
    known = labels.known_targets
    assert np.isnan(known).tolist() == [[False, True], [False, False]]

    class Fixed(nn.Module):
        def forward(self, images):
            return torch.tensor([[3.0, 3.0], [3.0, 3.0]])

    surface = Surface(Fixed(), "multi-label", torch.zeros(2, 3, 8, 8), torch.from_numpy(known))
    right, wrong = np.log1p(np.exp(-3)), np.log1p(np.exp(3))
    assert mean_loss(surface) == pytest.approx((right + (wrong + right) / 2) / 2, rel=1e-6)
    assert _f1(surface) == pytest.approx((2 / 3 + 1) / 2)
    assert Labels("multi-label", ("a",), np.ones((2, 1), "u1"), np.arange(2)).known_targets.dtype == np.uint8

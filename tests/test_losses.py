"""The formulas of distillation against independent computations, in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, rel_entr, softmax

from roskdbench.method.losses import divergences, hard_losses, mixture_divergence

K, B, C = 4, 6, 5


def tensors(seed, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    teachers = scale * torch.randn(K, B, C, generator=generator, dtype=torch.float64)
    student = scale * torch.randn(B, C, generator=generator, dtype=torch.float64)
    weights = torch.rand(K, B, generator=generator, dtype=torch.float64) + 0.1
    return teachers, student, weights / weights.sum(0)


seeds = st.integers(0, 10_000)
temperatures = st.sampled_from([0.25, 0.5, 1.0, 4.0])


@given(seeds, temperatures)
def test_softmax_divergences_are_scipys_relative_entropies(seed, temperature):
    teachers, student, _ = tensors(seed)
    q, p = softmax(teachers.numpy() / temperature, -1), softmax(student.numpy() / temperature, -1)
    found = divergences("single-label", teachers, student, temperature).numpy()
    np.testing.assert_allclose(found, rel_entr(q, p[None]).sum(-1), atol=1e-10)


@given(seeds, temperatures)
def test_bernoulli_divergences_are_torchs_own(seed, temperature):
    teachers, student, _ = tensors(seed, scale=1.0)  # torch's own is infinite where a sigmoid saturates
    q = torch.distributions.Bernoulli(logits=teachers / temperature)
    p = torch.distributions.Bernoulli(logits=(student / temperature).expand_as(teachers))
    wanted = torch.distributions.kl_divergence(q, p).mean(-1)
    torch.testing.assert_close(
        divergences("multi-label", teachers, student, temperature), wanted, atol=1e-10, rtol=1e-6
    )


@given(seeds, temperatures)
def test_mixture_divergences_are_those_of_the_mean_probability(seed, temperature):
    teachers, student, weights = tensors(seed)
    w = weights.numpy()[..., None]
    q = (w * softmax(teachers.numpy() / temperature, -1)).sum(0)
    p = softmax(student.numpy() / temperature, -1)
    found = mixture_divergence("single-label", teachers, weights, student, temperature).numpy()
    np.testing.assert_allclose(found, rel_entr(q, p).sum(-1), atol=1e-10)
    q, p = (w * expit(teachers.numpy() / temperature)).sum(0), expit(student.numpy() / temperature)
    not_q, not_p = (w * expit(-teachers.numpy() / temperature)).sum(0), expit(-student.numpy() / temperature)
    found = mixture_divergence("multi-label", teachers, weights, student, temperature).numpy()
    wanted = (rel_entr(q, p) + rel_entr(not_q, not_p)).mean(-1)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@given(seed=seeds, temperature=temperatures)
def test_each_teacher_and_their_mixture_pull_the_student_the_same_way(task, seed, temperature):
    """SCIENCE: grad of sum_m w_m KL(q_m || p) = grad of KL(sum_m w_m q_m || p) for weights that sum to 1."""
    teachers, student, weights = tensors(seed)
    one, other = student.clone().requires_grad_(), student.clone().requires_grad_()
    (weights * divergences(task, teachers, one, temperature)).sum().backward()
    mixture_divergence(task, teachers, weights, other, temperature).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, atol=1e-10, rtol=0)


def test_random_weights_give_the_equal_weights_gradient_in_expectation():
    """The gradient is linear in the weights, and normalised Exp(1) weights have mean 1/K."""
    teachers, student, _ = tensors(0)

    def gradient(weights):
        leaf = student.clone().requires_grad_()
        (weights * divergences("single-label", teachers, leaf, 0.5)).sum().backward()
        return leaf.grad

    generator = torch.Generator().manual_seed(1)
    draws = torch.empty(20_000, K, 1, dtype=torch.float64).exponential_(generator=generator)
    weights = (draws / draws.sum(1, keepdim=True)).expand(-1, -1, B)
    mean = gradient(weights.mean(0))
    equal = gradient(torch.full((K, B), 1 / K, dtype=torch.float64))
    assert (mean - equal).abs().max() < 0.02 * equal.abs().max()
    few = torch.stack([gradient(one) for one in weights[:50]]).mean(0)
    torch.testing.assert_close(few, gradient(weights[:50].mean(0)), atol=1e-10, rtol=0)


@given(seeds)
def test_hard_losses_are_torchs_cross_entropies(seed):
    teachers, student, _ = tensors(seed)
    targets = torch.randint(C, (B,), generator=torch.Generator().manual_seed(seed))
    flags = (torch.rand(B, C, generator=torch.Generator().manual_seed(seed)) < 0.4).to(torch.uint8)
    wanted = -student.log_softmax(-1)[torch.arange(B), targets]
    torch.testing.assert_close(hard_losses("single-label", student, targets), wanted)
    stacked = torch.stack([hard_losses("single-label", each, targets) for each in teachers])
    torch.testing.assert_close(hard_losses("single-label", teachers, targets), stacked)
    p = student.sigmoid()
    wanted = -(flags * p.log() + (1 - flags.double()) * (1 - p).log()).mean(-1)
    torch.testing.assert_close(hard_losses("multi-label", student, flags), wanted)
    stacked = torch.stack([hard_losses("multi-label", each, flags) for each in teachers])
    torch.testing.assert_close(hard_losses("multi-label", teachers, flags), stacked)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_extreme_logits_stay_finite(task):
    teachers = torch.tensor([[[1e4, -1e4]], [[-1e4, 1e4]]])
    student = torch.tensor([[-50.0, 50.0]], requires_grad=True)
    weights = torch.full((2, 1), 0.5)
    total = divergences(task, teachers, student, 0.5).sum()
    total = total + mixture_divergence(task, teachers, weights, student, 0.5).sum()
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_weights_that_do_not_sum_to_one_scale_the_divergence_from_the_mixture(task):
    teachers, student, weights = tensors(3)
    raw = weights * torch.tensor([0.25, 1.0, 2.0, 5.0, 0.5, 3.0], dtype=torch.float64)
    wanted = raw.sum(0) * mixture_divergence(task, teachers, weights, student, 0.5)
    torch.testing.assert_close(mixture_divergence(task, teachers, raw, student, 0.5), wanted)
    assert (wanted >= 0).all()
    one, other = student.clone().requires_grad_(), student.clone().requires_grad_()
    (raw * divergences(task, teachers, one, 0.5)).sum().backward()
    mixture_divergence(task, teachers, raw, other, 0.5).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, atol=1e-10, rtol=0)


@given(seeds)
def test_targets_that_are_not_known_are_left_out_of_the_loss(seed):
    _, student, _ = tensors(seed)
    generator = torch.Generator().manual_seed(seed)
    targets = torch.rand(B, C, generator=generator, dtype=torch.float64)
    targets[torch.rand(B, C, generator=generator) < 0.3] = torch.nan
    student.requires_grad_()
    found = hard_losses("multi-label", student, targets)
    for row in range(B):
        known = ~targets[row].isnan()
        wanted = torch.nn.functional.binary_cross_entropy_with_logits(student[row][known], targets[row][known])
        torch.testing.assert_close(found[row], wanted if known.any() else torch.zeros_like(found[row]))
    found.sum().backward()
    assert (student.grad[targets.isnan()] == 0).all()
    assert student.grad.isfinite().all()


def test_whole_and_fractional_targets_give_the_same_loss():
    _, student, _ = tensors(3)
    whole = (student > 0.5).to(torch.uint8)
    found = hard_losses("multi-label", student, whole.double())
    torch.testing.assert_close(found, hard_losses("multi-label", student, whole), atol=1e-12, rtol=0)

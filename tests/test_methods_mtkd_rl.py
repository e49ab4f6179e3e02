"""MTKD-RL against its formulas by another route: numpy, loops and closed forms."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax
from scipy.stats import entropy
from torch.nn import functional

from roskdbench import Batch, Output, Setting, TrainingFacts, Widths
from roskdbench.method import make_method
from roskdbench.plugins import discover

TASKS = ("single-label", "multi-label")
TEACHERS, EXAMPLES, CLASSES = 3, 6, 5
SIZES = ((2, 4, 4), (3, 4, 2), (5, 7, 8))  # channels, height and width of the teachers' maps


@pytest.fixture(scope="module")
def make():
    registry = discover()
    return lambda **parameters: make_method(registry, "mtkd-rl", parameters)


def state_for(method, teachers=TEACHERS):
    """Regressors and an agent whose heads say something."""
    widths = tuple(Widths(0, ((9, 9, 9), size)) for size in SIZES[:teachers])
    facts = TrainingFacts(
        "single-label", CLASSES, torch.zeros(1), 9, 9, Widths(0, ((9, 9, 9), (3, 4, 4))), widths, None, "cpu", teachers
    )
    torch.manual_seed(0)
    return method.begin(facts).double()


def labels(task):
    random = np.random.default_rng(3)
    if task == "single-label":
        return torch.as_tensor(random.integers(0, CLASSES, EXAMPLES))
    chances = random.integers(0, 2, (EXAMPLES, CLASSES)).astype(float)
    chances[0, 1] = chances[2, :3] = chances[4] = np.nan
    return torch.as_tensor(chances)


def batch_for(method, task, state=None, teachers=TEACHERS, seed=0, epoch=5, **rest):
    """A batch of float64 tensors in an epoch when the agent has its say."""
    random = np.random.default_rng(seed)

    def drawn(*shape):
        return torch.as_tensor(random.normal(size=shape))

    logits, own = drawn(EXAMPLES, CLASSES).requires_grad_(), drawn(EXAMPLES, 3, 4, 4).requires_grad_()
    outputs = tuple(Output(logits, None, (None, drawn(EXAMPLES, *size))) for size in SIZES[:teachers])
    fields = {
        "task": task,
        "images": torch.zeros(EXAMPLES, 1, 4, 4),
        "targets": labels(task),
        "ask": lambda images: Output(logits, None, (None, own)),
        "teacher_logits": 2 * drawn(teachers, EXAMPLES, CLASSES),
        "samples": torch.arange(EXAMPLES),
        "epoch": epoch,
        "step": 0,
        "seed": 7,
        "weigher": method.weighting.begin(Setting(teachers, CLASSES, 5, torch.device("cpu"), 0)),
        "student": lambda images: logits.detach(),
        "soft_loss": method.soft_loss,
        "ask_teachers": lambda images: outputs,
        "state": state_for(method, teachers) if state is None else state,
    }
    return Batch(**{**fields, **rest})


def array(tensor):
    return tensor.detach().numpy()


def divergences_by_hand(one, temperature=4):
    """t^2 KL for each teacher and example, [K, B]."""
    student, teachers = array(one.student_logits), array(one.teacher_logits)
    found = np.zeros(teachers.shape[:2])
    for k, b in np.ndindex(*found.shape):
        q, p = teachers[k, b] / temperature, student[b] / temperature
        if one.task == "single-label":
            found[k, b] = entropy(softmax(q), softmax(p))
        else:
            pairs = zip(q, p, strict=True)
            found[k, b] = np.mean([entropy([expit(a), expit(-a)], [expit(c), expit(-c)]) for a, c in pairs])
    return temperature**2 * found


def label_losses_by_hand(one, logits):
    """Cross-entropy with the label of each example over findings that are known, none being no loss. [B]"""
    found = []
    for row, label in zip(array(logits), one.targets.numpy(), strict=True):
        if one.task == "single-label":
            found.append(-log_softmax(row)[label])
        else:
            known = [(z, y) for z, y in zip(row, label, strict=True) if not np.isnan(y)]
            found.append(
                sum(-y * np.log(expit(z)) - (1 - y) * np.log(expit(-z)) for z, y in known) / max(len(known), 1)
            )
    return np.array(found)


def maps_by_hand(one):
    """Squared errors and cosines [K, B], and the teachers' pooled maps, [B, channels of all]."""
    errors, cosines, pooled = [], [], []
    for (convolution, norm), teacher in zip(one.state.regressors, one.teacher_outputs, strict=True):
        wanted = array(teacher.maps[-1])
        height, width = wanted.shape[2:]
        own = functional.adaptive_avg_pool2d(one.maps[-1], (min(height, 4), min(width, 4)))
        own = array(functional.interpolate(own, (height, width), mode="bilinear"))
        own = np.einsum("oc,bchw->bohw", array(convolution.weight)[..., 0, 0], own)
        own = own + array(convolution.bias)[:, None, None]
        mean, variance = own.mean((0, 2, 3), keepdims=True), own.var((0, 2, 3), keepdims=True)
        own = (own - mean) / np.sqrt(variance + norm.eps)
        errors.append(((own - wanted) ** 2).mean((1, 2, 3)))
        a, b = own.mean((2, 3)), wanted.mean((2, 3))
        cosines.append((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))
        pooled.append(b)
    return np.stack(errors), np.stack(cosines), np.concatenate(pooled, 1)


def agent_by_hand(layers, seen, given):
    """Weights [2, K, B] of two heads over one hidden layer, and that layer, [B, H]."""
    first, second, bias = layers
    hidden = np.maximum(seen @ first.T, 0)
    scores = (hidden @ second.T + bias).reshape(len(seen), 2, -1)
    return (softmax(scores, 2).transpose(1, 2, 0) + given) / 3, hidden, softmax(scores, 2)


def by_hand(one, layers, reward="loss"):
    """The weights, the reward, what the agent saw, and the loss with and without the agent's part."""
    near, hard = divergences_by_hand(one), label_losses_by_hand(one, one.student_logits)
    known = 1 if one.task == "single-label" else (~one.targets.isnan()).sum(1).clamp(min=1).numpy()
    surprise = known * np.stack([label_losses_by_hand(one, each) for each in one.teacher_logits])
    errors, cosines, pooled = maps_by_hand(one)
    seen = np.concatenate([pooled, *array(one.teacher_logits), cosines.T, near.T, surprise.T], 1)
    sure = (1 - softmax(surprise, 0)) / (len(near) - 1)
    given = np.stack([sure + softmax(near, 0), sure + softmax(cosines, 0)])
    actions, hidden, shares = agent_by_hand(layers, seen, given)
    weights = actions if one.epoch else np.ones_like(actions)
    losses = hard + (weights[0] * near + 5 * weights[1] * errors).sum(0)
    gained = -losses if reward == "loss" else -(hard + near + 5 * errors)
    kept = np.clip((gained - gained.mean()) / gained.std(), 0, 1) * np.ones_like(near)
    return (
        weights,
        actions,
        kept,
        (seen, hidden, shares),
        losses.mean(),
        -sum((kept * np.log(a)).mean() for a in actions),
    )


def layers_of(state):
    return [array(each).copy() for each in state.agent.parameters()]


@pytest.mark.parametrize("reward", ["loss", "each-teacher"])
@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("task", TASKS)
def test_loss_and_weights_are_the_formulas(make, task, epoch, reward):
    method = make(reward=reward)
    one = batch_for(method, task, epoch=epoch)
    loss = method.loss(one)
    weights, _, _, _, students, agents = by_hand(one, layers_of(one.state), reward)
    assert array(one.weights) == pytest.approx(weights[0], abs=1e-9)
    assert array(one.weigher.both) == pytest.approx(weights, abs=1e-9)
    assert loss.item() == pytest.approx(students + agents)
    assert np.ptp(weights) > 0.1 or epoch == 0


def test_every_weight_is_one_as_long_as_the_agent_is_pretrained(make):
    for epoch, settled in ((0, False), (1, False), (2, True)):
        method = make(pretraining=2)
        one = batch_for(method, "single-label", epoch=epoch)
        method.loss(one)
        assert bool((one.weights == 1).all()) != settled


@pytest.mark.parametrize("reward", ["loss", "each-teacher"])
def test_the_agent_takes_the_steps_of_a_loop_by_hand(make, reward):
    """By plain steps. With shares s in w = (s + given) / 3, the slope of w_j by score k is s_j (1[j = k] - s_k) / 3."""
    method = make(reward=reward)
    state = state_for(method)
    with torch.no_grad():
        for each in state.agent.parameters():
            each.mul_(3)
    first, second, bias = layers_of(state)
    for step in range(3):
        one = batch_for(method, "single-label", state, seed=step)
        gradients = torch.autograd.grad(method.loss(one), list(state.agent.parameters()))
        _, actions, kept, (seen, hidden, shares), _, _ = by_hand(one, (first, second, bias), reward)
        to_scores = np.zeros((EXAMPLES, 2, TEACHERS))
        for b, head, j, k in np.ndindex(EXAMPLES, 2, TEACHERS, TEACHERS):
            slope = shares[b, head, j] * ((j == k) - shares[b, head, k]) / 3 / actions[head, j, b]
            to_scores[b, head, k] -= kept[j, b] * slope / (EXAMPLES * TEACHERS)
        to_scores = to_scores.reshape(EXAMPLES, -1)
        to_hidden = (to_scores @ second) * (hidden > 0)
        expected = to_hidden.T @ seen, to_scores.T @ hidden, to_scores.sum(0)
        for gradient, by_loop in zip(gradients, expected, strict=True):
            assert array(gradient) == pytest.approx(by_loop, abs=1e-10)
        first, second, bias = (old - 0.1 * new for old, new in zip((first, second, bias), expected, strict=True))
        with torch.no_grad():
            for each, gradient in zip(state.agent.parameters(), gradients, strict=True):
                each.sub_(0.1 * gradient)
    assert np.abs(layers_of(state)[1] - second).max() < 1e-10


def test_the_agents_loss_reaches_neither_student_nor_regressors(make):
    """Their gradient is that of the weighted losses under weights that stay."""
    method = make()
    one = batch_for(method, "multi-label")
    learnt = [one.student_logits, one.maps[-1], *one.state.regressors.parameters()]
    found = torch.autograd.grad(method.loss(one), learnt)
    own, errors = one.maps[-1], []
    for regressor, teacher in zip(one.state.regressors, one.teacher_outputs, strict=True):
        size = teacher.maps[-1].shape[2:]
        smaller = functional.adaptive_avg_pool2d(own, (min(size[0], 4), min(size[1], 4)))
        errors.append(
            (regressor(functional.interpolate(smaller, size, mode="bilinear")) - teacher.maps[-1])
            .square()
            .mean((1, 2, 3))
        )
    weights = one.weigher.both
    students = (
        one.hard_loss() + (16 * weights[0] * one.divergences(4.0) + 5 * weights[1] * torch.stack(errors)).sum(0).mean()
    )
    for gradient, expected in zip(found, torch.autograd.grad(students, learnt), strict=True):
        torch.testing.assert_close(gradient, expected)
        assert gradient.isfinite().all()


def learnt_weights(method, one, steps=400, rate=2.0):
    """The weights of predictions before and after the agent has learnt from one batch over and over."""
    parameters = list(one.state.agent.parameters())
    method.loss(one)
    before = array(one.weigher.both[0])
    for _ in range(steps):
        with torch.no_grad():
            for each, gradient in zip(
                parameters, torch.autograd.grad(_agent_loss(method, one), parameters), strict=True
            ):
                each.sub_(rate * gradient)
    method.loss(one)
    return before, array(one.weigher.both[0])


def _agent_loss(method, one):
    one.__dict__.pop("weights", None)
    with torch.enable_grad():
        return method.loss(one)


def test_a_reward_that_teachers_share_draws_weights_towards_being_equal(make):
    method = make()
    one = batch_for(method, "single-label", seed=2)
    before, after = learnt_weights(method, one)
    best = by_hand(one, layers_of(one.state))[2][0].argmax()
    assert np.log(after[:, best]).sum() > np.log(before[:, best]).sum() + 0.01
    assert after[:, best].std() < before[:, best].std()


def test_a_reward_for_each_teacher_moves_weight_to_the_one_that_the_student_is_near(make):
    method = make(reward="each-teacher", hint_weight=0)
    logits = 3 * functional.one_hot(labels("single-label"), CLASSES).double()
    own = torch.as_tensor(np.random.default_rng(0).normal(size=(EXAMPLES, 3, 4, 4)))
    teachers = torch.stack([logits, -2 * logits, -2 * logits])
    output = Output(logits, None, (None, own))
    one = batch_for(method, "single-label", ask=lambda images: output, teacher_logits=teachers)
    before, after = learnt_weights(method, one)
    assert (after[0] > before[0] + 0.1).all()
    assert (after[1:].sum(0) < before[1:].sum(0) - 0.1).all()


@pytest.mark.parametrize("task", TASKS)
def test_weights_are_shares_and_one_teacher_has_it_all(make, task):
    for teachers in (1, 2, 3):
        method = make()
        one = batch_for(method, task, teachers=teachers)
        assert method.loss(one).isfinite()
        assert array(one.weigher.both.sum(1)) == pytest.approx(np.ones((2, EXAMPLES)))


def test_a_batch_of_one_teaches_the_agent_nothing_under_a_shared_reward(make):
    """It is neither better nor worse than its mean."""
    method = make()
    state = state_for(method)
    whole = batch_for(method, "single-label", state)
    outputs = tuple(Output(each.logits[:1], None, (None, each.maps[-1][:1])) for each in whole.teacher_outputs)
    one = batch_for(
        method,
        "single-label",
        state,
        targets=whole.targets[:1],
        teacher_logits=whole.teacher_logits[:, :1],
        ask=lambda images: Output(whole.student_logits[:1], None, (None, whole.maps[-1][:1])),
        ask_teachers=lambda images: outputs,
    )
    for gradient in torch.autograd.grad(method.loss(one), list(state.agent.parameters())):
        assert (gradient == 0).all()


def test_the_agent_is_kept_with_what_the_method_keeps(make):
    """A fresh state that takes up the kept one weighs alike."""
    method = make()
    state = state_for(method)
    with torch.no_grad():
        for each in state.agent.parameters():
            each.add_(0.1)
    other = state_for(method)
    one, two = batch_for(method, "single-label", state), batch_for(method, "single-label", other)
    assert method.loss(one) != method.loss(two)
    other.load_state_dict(state.state_dict())
    again = batch_for(method, "single-label", other)
    assert method.loss(again) == method.loss(batch_for(method, "single-label", state))

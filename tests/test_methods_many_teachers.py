"""Methods that weigh several teachers, each against its formula by another route."""

import sys

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from scipy.stats import entropy
from torch import nn
from torch.nn import functional

from roskdbench import Batch, Output, Setting, TrainingFacts, Widths
from roskdbench.method import make_method
from roskdbench.plugins import discover
from roskdbench.suite.protocol import Protocol

TASKS = ("single-label", "multi-label")
TEACHERS, EXAMPLES, CLASSES = 4, 6, 5


@pytest.fixture(scope="module")
def make():
    registry = discover()
    return lambda name, **parameters: make_method(registry, name, parameters)


def module_of(method):
    return sys.modules[type(method).__module__]


def labels(task, examples=EXAMPLES):
    random = np.random.default_rng(3)
    if task == "single-label":
        return torch.as_tensor(random.integers(0, CLASSES, examples))
    chances = random.integers(0, 2, (examples, CLASSES)).astype(float)
    chances[0, 1] = chances[2, :3] = np.nan
    return torch.as_tensor(chances)


def batch_for(method, task, teachers=TEACHERS, seed=0, **rest):
    """A batch of float64 logits, that the method's own weighting weighs."""
    random = np.random.default_rng(seed)
    logits = torch.as_tensor(2 * random.normal(size=(EXAMPLES, CLASSES))).requires_grad_()
    teacher_logits = torch.as_tensor(3 * random.normal(size=(teachers, EXAMPLES, CLASSES)))
    fields = {
        "task": task,
        "images": torch.zeros(EXAMPLES, 1, 4, 4),
        "targets": labels(task),
        "ask": lambda images: Output(logits),
        "teacher_logits": teacher_logits,
        "samples": torch.arange(EXAMPLES),
        "epoch": 0,
        "step": 0,
        "seed": 7,
        "weigher": method.weighting.begin(Setting(teachers, CLASSES, 5, torch.device("cpu"), 0)),
        "student": lambda images: logits.detach(),
        "soft_loss": method.soft_loss,
    }
    return Batch(**{**fields, **rest})


def array(tensor):
    return tensor.detach().numpy()


def divergences_by_hand(task, teachers, student, temperature):
    """KL for each teacher and example, by loops over the definition. [K, B]"""
    found = np.zeros(teachers.shape[:2])
    for k, b in np.ndindex(*found.shape):
        q, p = teachers[k, b] / temperature, student[b] / temperature
        if task == "single-label":
            found[k, b] = entropy(softmax(q), softmax(p))
        else:
            found[k, b] = np.mean(
                [entropy([expit(a), expit(-a)], [expit(c), expit(-c)]) for a, c in zip(q, p, strict=True)]
            )
    return found


def label_losses_by_hand(task, logits, targets):
    """Cross-entropy with the label of each example, over findings that are known. [B]"""
    if task == "single-label":
        return np.array([-log_softmax(row)[label] for row, label in zip(logits, targets, strict=True)])
    found = []
    for row, label in zip(logits, targets, strict=True):
        known = [(z, y) for z, y in zip(row, label, strict=True) if not np.isnan(y)]
        found.append(np.mean([-y * np.log(expit(z)) - (1 - y) * np.log(expit(-z)) for z, y in known]))
    return np.array(found)


def parts_by_hand(one, temperature):
    """The labels' loss and the divergences [K, B]."""
    student, teachers = array(one.student_logits), array(one.teacher_logits)
    hard = label_losses_by_hand(one.task, student, one.targets.numpy()).mean()
    return hard, divergences_by_hand(one.task, teachers, student, temperature)


def least_norm_by_scipy(products, largest):
    count = len(products)
    return minimize(
        lambda w: w @ products @ w / 2,
        np.full(count, 1 / count),
        jac=lambda w: products @ w,
        bounds=[(0, largest)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    ).x


class TestAEKD:
    """Weights of the shortest common gradient."""

    @pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
    @pytest.mark.parametrize("largest", [0.2, 0.6, 1.0])
    def test_its_weights_solve_the_quadratic_programme(self, make, count, largest):
        solve, random = module_of(make("aekd")).least_norm_weights, np.random.default_rng(count)
        largest = max(largest, 1 / count)
        for scale in (1e-6, 1.0, 1e3):
            vectors = scale * (random.normal(size=(count, 6)) + random.normal(size=6))
            products = vectors @ vectors.T
            weights = solve(products, largest)
            assert weights.sum() == pytest.approx(1)
            assert (weights >= 0).all()
            assert (weights <= largest + 1e-12).all()
            theirs = least_norm_by_scipy(products / scale**2, largest)
            assert weights @ products @ weights <= theirs @ products @ theirs + 1e-7 * np.trace(products)
            assert weights == pytest.approx(theirs, abs=1e-3)

    def test_two_teachers_have_a_closed_form(self, make):
        solve, random = module_of(make("aekd")).least_norm_weights, np.random.default_rng(0)
        for largest in (0.5, 0.7, 1.0):
            for _ in range(20):
                first, second = vectors = random.normal(size=(2, 3)) + random.normal(size=3)
                best = second @ (second - first) / ((first - second) @ (first - second))
                best = np.clip(best, 1 - largest, largest)
                assert solve(vectors @ vectors.T, largest) == pytest.approx([best, 1 - best], abs=1e-6)

    def test_teachers_that_cannot_be_told_apart_count_the_same(self, make):
        solve = module_of(make("aekd")).least_norm_weights
        assert solve(np.zeros((3, 3)), 1.0) == pytest.approx(np.full(3, 1 / 3))
        assert solve(np.ones((3, 3)), 0.6) == pytest.approx(np.full(3, 1 / 3))

    @pytest.mark.parametrize("task", TASKS)
    @pytest.mark.parametrize("tolerance", [0.4, 1.0])
    def test_the_loss_is_the_formula(self, make, task, tolerance):
        """Gradients at the logits in closed form: (p - q_m) / t, over C findings divided by C."""
        method = make("aekd", tolerance=tolerance)
        one = batch_for(method, task)
        squash = (lambda z: softmax(z, -1)) if task == "single-label" else (lambda z: expit(z) / CLASSES)
        student, teachers = array(one.student_logits), array(one.teacher_logits)
        gradients = (squash(student / 4) - squash(teachers / 4)).mean(1) / 4  # [K, C]
        weights = least_norm_by_scipy(1e3 * gradients @ gradients.T, tolerance)
        hard, divergences = parts_by_hand(one, 4)
        assert array(method.directions(one)) == pytest.approx(gradients)
        assert array(method.teacher_weights(one)) == pytest.approx(weights, abs=1e-4)
        assert method.loss(one).item() == pytest.approx(hard + 0.9 * 16 * weights @ divergences.mean(1), rel=1e-5)

    def test_with_c_at_one_the_step_makes_no_teachers_loss_worse(self, make):
        method = make("aekd", tolerance=1.0)
        for seed in range(10):
            one = batch_for(method, "single-label", seed=seed)
            directions = method.directions(one)
            common = method.teacher_weights(one) @ directions
            assert (directions @ common).min() >= common @ common - 1e-9

    def test_weights_are_constants_to_the_gradient(self, make):
        method = make("aekd")
        one = batch_for(method, "single-label")
        (found,) = torch.autograd.grad(method.loss(one), one.student_logits)
        student, weights = array(one.student_logits), array(method.teacher_weights(one))
        gaps = softmax(student / 4, -1) - softmax(array(one.teacher_logits) / 4, -1)
        labels = np.eye(CLASSES)[one.targets.numpy()]
        expected = softmax(student, -1) - labels + 0.9 * 4 * np.tensordot(weights, gaps, 1)
        assert array(found) == pytest.approx(expected / EXAMPLES)

    def test_a_small_tolerance_is_the_plain_mean(self, make):
        method = make("aekd", tolerance=0.1)
        one = batch_for(method, "multi-label")
        hard, divergences = parts_by_hand(one, 4)
        assert method.loss(one).item() == pytest.approx(hard + 0.9 * 16 * divergences.mean())


class TestEBKD:
    """Weights by entropy."""

    @pytest.mark.parametrize("task", TASKS)
    def test_the_loss_is_the_formula(self, make, task):
        method = make("ebkd", soft_weight=0.7)
        one = batch_for(method, task)
        entropies = np.zeros((TEACHERS, EXAMPLES))
        for k, b in np.ndindex(TEACHERS, EXAMPLES):
            row = array(one.teacher_logits)[k, b]
            each = [softmax(row)] if task == "single-label" else [[expit(z), expit(-z)] for z in row]
            entropies[k, b] = np.mean([entropy(chances) for chances in each])
        weights = (1 - entropies / entropies.sum(0)) / (TEACHERS - 1)
        hard, divergences = parts_by_hand(one, 4)
        assert array(one.weights) == pytest.approx(weights)
        assert method.loss(one).item() == pytest.approx(hard + 0.7 * 16 * (weights * divergences).sum(0).mean())

    @pytest.mark.parametrize("task", TASKS)
    @pytest.mark.parametrize("teachers", [1, 3])
    def test_teachers_that_are_all_certain_count_the_same(self, make, task, teachers):
        method = make("ebkd")
        logits = torch.full((teachers, EXAMPLES, CLASSES), -1e5, dtype=torch.float64)
        logits[..., 2] = 1e5
        weights = batch_for(method, task, teachers, teacher_logits=logits).weights
        assert array(weights) == pytest.approx(np.full((teachers, EXAMPLES), 1 / teachers))

    def test_a_surer_teacher_counts_more(self, make):
        method = make("ebkd")
        one = batch_for(method, "single-label")
        sharper = one.teacher_logits * torch.tensor([3.0, 1.0, 1.0, 1.0])[:, None, None]
        changed = batch_for(method, "single-label", teacher_logits=sharper)
        assert (changed.weights[0] > one.weights[0]).all()
        assert (changed.weights[1:] < one.weights[1:]).all()


class TestCAMKD:
    """Weights by cross-entropy with labels, and hints."""

    sizes = ((2, 4, 4), (3, 4, 2), (5, 7, 8))  # channels, height and width of the teachers' maps

    def state(self, method):
        teachers = tuple(Widths(0, ((9, 9, 9), size)) for size in self.sizes)
        facts = TrainingFacts(
            "single-label", 0, torch.zeros(1), 1, 1, Widths(0, ((9, 9, 9), (3, 4, 4))), teachers, None, "cpu"
        )
        torch.manual_seed(0)
        return method.begin(facts).double()

    def batch(self, method, task):
        random = np.random.default_rng(5)
        own = torch.as_tensor(random.normal(size=(EXAMPLES, 3, 4, 4))).requires_grad_()
        logits = torch.as_tensor(random.normal(size=(EXAMPLES, CLASSES))).requires_grad_()
        theirs = [torch.as_tensor(random.normal(size=(EXAMPLES, *size))) for size in self.sizes]
        outputs = tuple(Output(logits, None, (None, each)) for each in theirs)
        return batch_for(
            method,
            task,
            teachers=3,
            ask=lambda images: Output(logits, None, (None, own)),
            ask_teachers=lambda images: outputs,
            state=self.state(method),
        )

    @staticmethod
    def regressed(regressor, maps):
        """The convolution as a sum over channels, BatchNorm by its definition."""
        convolution, norm = regressor
        weight, bias = array(convolution.weight)[..., 0, 0], array(convolution.bias)
        through = np.einsum("oc,bchw->bohw", weight, maps) + bias[:, None, None]
        mean, variance = (f((0, 2, 3), keepdims=True) for f in (through.mean, through.var))
        scale, shift = (array(each)[:, None, None] for each in (norm.weight, norm.bias))
        return scale * (through - mean) / np.sqrt(variance + norm.eps) + shift

    def test_teachers_weigh_the_same_whether_findings_are_summed_or_not(self, make):
        """By the log of the chance that they give to all known labels, which is no matter of the suite's reading."""
        readings = [make("ca-mkd", soft_loss={"kind": kind}) for kind in ("bernoulli-mean", "bernoulli-sum")]
        mean, summed = (array(self.batch(method, "multi-label").weights) for method in readings)
        assert mean == pytest.approx(summed, rel=1e-12)
        assert np.ptp(mean) > 0.1

    @pytest.mark.parametrize("task", TASKS)
    def test_the_loss_is_the_formula(self, make, task):
        method = make("ca-mkd")
        one = self.batch(method, task)
        losses = np.stack([label_losses_by_hand(task, row, one.targets.numpy()) for row in array(one.teacher_logits)])
        known = 1 if task == "single-label" else (~one.targets.isnan()).sum(1).numpy()
        weights = (1 - softmax(losses * known, 0)) / 2
        hard, divergences = parts_by_hand(one, 4)
        errors = []
        for regressor, teacher in zip(one.state, one.teacher_outputs, strict=True):
            wanted = array(teacher.maps[-1])
            height, width = wanted.shape[2:]
            own = functional.adaptive_avg_pool2d(one.maps[-1], (min(height, 4), min(width, 4)))
            own = functional.interpolate(own, (height, width), mode="bilinear")
            errors.append(((self.regressed(regressor, array(own)) - wanted) ** 2).mean((1, 2, 3)))
        both = 16 * divergences + 50 * np.stack(errors)
        assert array(one.weights) == pytest.approx(weights)
        assert method.loss(one).item() == pytest.approx(hard + (weights * both).sum() / (EXAMPLES * 3))

    @pytest.mark.parametrize("size", [(4, 6), (3, 4), (9, 2), (1, 1), (8, 12), (7, 7)])
    def test_maps_are_brought_to_a_size_as_by_torchs_own_functions(self, make, size):
        maps = torch.as_tensor(np.random.default_rng(0).normal(size=(2, 3, 4, 6)))
        found = module_of(make("ca-mkd")).resized(maps, size)
        smaller = functional.adaptive_avg_pool2d(maps, (min(size[0], 4), min(size[1], 6)))
        torch.testing.assert_close(found, functional.interpolate(smaller, size, mode="bilinear"))

    def test_hints_teach_student_and_regressors_and_no_weight(self, make):
        """The hints' gradient is that of the errors under weights that stay."""
        method = make("ca-mkd", soft_weight=0)
        one = self.batch(method, "single-label")
        learnt = [one.maps[-1], *one.state.parameters()]
        found = torch.autograd.grad(method.loss(one), learnt)
        weighted = (one.weights.detach() * method.hint_errors(one)).sum(0).mean() * 50 / 3
        for gradient, expected in zip(found, torch.autograd.grad(weighted, learnt), strict=True):
            torch.testing.assert_close(gradient, expected)
            assert gradient.abs().sum() > 0

    def test_a_teacher_that_contradicts_the_label_loses_its_weight(self, make):
        method = make("ca-mkd")
        right = functional.one_hot(labels("single-label"), CLASSES).double()
        logits = torch.stack([20 * right, 20 * right, -20 * right])
        weights = batch_for(method, "single-label", 3, teacher_logits=logits).weights
        assert array(weights) == pytest.approx(np.array([[0.5], [0.5], [0.0]]) * np.ones(EXAMPLES), abs=1e-6)

    def test_one_teacher_has_all_the_weight(self, make):
        assert array(batch_for(make("ca-mkd"), "multi-label", 1).weights) == pytest.approx(np.ones((1, EXAMPLES)))


class TestRoSKDLearnt:
    """Weights that labels choose."""

    @staticmethod
    def gradient_by_hand(task, scores, teachers, targets):
        """w_m minus teacher m's mean share in the probability of what the label says."""
        weights = softmax(scores)
        found = []
        for b, label in enumerate(targets):
            if task == "single-label":
                chances = [softmax(teachers[:, b], -1)[:, label]]
            else:
                signs = [(c, 2 * y - 1) for c, y in enumerate(label) if not np.isnan(y)]
                chances = [expit(sign * teachers[:, b, c]) for c, sign in signs]
            found.append(np.mean([weights - weights * each / (weights @ each) for each in chances], 0))
        return np.mean(found, 0)

    @pytest.mark.parametrize("task", TASKS)
    def test_scores_take_the_steps_of_a_loop_by_hand(self, make, task):
        method = make("ros-kd-learnt", weighting={"kind": "learnt-from-labels", "rate": 0.8})
        weigher, scores = batch_for(method, task).weigher, np.zeros(TEACHERS)
        for step in range(5):
            one = batch_for(method, task, seed=step, step=step, weigher=weigher)
            assert array(one.weights)[:, 0] == pytest.approx(softmax(scores), abs=1e-6)
            weigher.after_step(one)
            scores -= 0.8 * self.gradient_by_hand(task, scores, array(one.teacher_logits), one.targets.numpy())
        assert np.ptp(scores) > 0.1

    def test_weights_come_to_rest_at_greatest_likelihood(self, make):
        """Where the EM algorithm for a mixture's weights ends."""
        method = make("ros-kd-learnt", weighting={"kind": "learnt-from-labels", "rate": 2.0})
        one = batch_for(method, "single-label")
        for _ in range(800):
            one.weigher.after_step(one)
        chances = softmax(array(one.teacher_logits), -1)[:, np.arange(EXAMPLES), one.targets.numpy()]
        weights = np.full(TEACHERS, 1 / TEACHERS)
        for _ in range(3000):
            weights = (weights[:, None] * chances / (weights @ chances)).mean(1)
        assert array(one.weights)[:, 0] == pytest.approx(weights, abs=5e-3)

    @pytest.mark.parametrize("task", TASKS)
    def test_mixture_logits_give_the_weighted_mean_prediction(self, make, task):
        method = make("ros-kd-learnt")
        one = batch_for(method, task)
        weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
        mixed = module_of(method).mixture_logits(one, weights.log())
        squash = (lambda z: softmax(z, -1)) if task == "single-label" else expit
        mean = np.tensordot(weights.numpy(), squash(array(one.teacher_logits)), 1)
        assert squash(array(mixed)) == pytest.approx(mean)

    @pytest.mark.parametrize("task", TASKS)
    def test_the_students_loss_is_that_of_ros_kd_and_no_gradient_reaches_the_scores(self, make, task):
        method = make("ros-kd-learnt")
        one = batch_for(method, task)
        one.weigher.scores = torch.tensor([1.0, 0.0, -1.0, 0.5], requires_grad=False)
        weights = softmax([1.0, 0.0, -1.0, 0.5])
        hard, divergences = parts_by_hand(one, 0.5)
        loss = method.loss(one)
        assert loss.item() == pytest.approx(0.9 * 0.25 * weights @ divergences.mean(1) + 0.1 * hard, rel=1e-6)
        assert not one.weights.requires_grad

    def test_kept_scores_are_taken_up(self, make):
        method = make("ros-kd-learnt")
        whole, parted = batch_for(method, "single-label"), batch_for(method, "single-label")
        for _ in range(2):
            whole.weigher.after_step(whole)
            parted.weigher.after_step(parted)
        kept = parted.weigher.state_dict()
        parted.weigher.after_step(parted)  # what is kept does not move on
        resumed = batch_for(method, "single-label")
        resumed.weigher.load_state_dict(kept)
        for one in (whole, resumed):
            one.weigher.after_step(one)
        assert torch.equal(whole.weigher.scores, resumed.weigher.scores)
        assert torch.equal(whole.weigher.scores, parted.weigher.scores)

    def test_beside_its_weights_it_is_ros_kd(self, make):
        own, theirs = make("ros-kd-learnt").declaration(), make("ros-kd").declaration()
        assert {key for key in own if own[key] != theirs[key]} == {"weighting"}


def test_a_random_teacher_alone_teaches_a_step(make):
    method, seen = make("random-teacher"), set()
    hard, divergences = parts_by_hand(batch_for(method, "multi-label"), 0.5)
    possible = 0.9 * 0.25 * divergences.mean(1) + 0.1 * hard
    for step in range(40):
        one = batch_for(method, "multi-label", step=step)
        drawn = np.abs(possible - method.loss(one).item()).argmin()
        assert method.loss(one).item() == pytest.approx(possible[drawn])
        seen.add(int(drawn))
    assert seen == set(range(TEACHERS))


def test_a_random_teacher_is_baseline_iii_but_for_the_weights(make):
    """The mixture of one teacher is that teacher."""
    own, theirs = make("random-teacher"), make("baseline-iii", weighting="one-hot")
    assert own.declaration() == theirs.declaration() | {"matching": own.matching.declaration()}
    for task in TASKS:
        one = batch_for(own, task)
        torch.testing.assert_close(own.loss(one), theirs.loss(one))


def test_gce_teachers_are_ros_kd_with_other_teachers(make):
    own, theirs = make("gce-teachers"), make("ros-kd")
    assert own.training_declaration() == theirs.training_declaration()
    assert own.averaging == theirs.averaging
    pairs = zip(own.teachers.slots(Protocol(), 0.4), theirs.teachers.slots(Protocol(), 0.4), strict=True)
    for slot, usual in pairs:
        assert (slot.network, slot.subset) == (usual.network, usual.subset)
        assert slot.method.method == "gce"
        assert usual.method is None


@pytest.mark.parametrize("name", ["aekd", "ebkd", "ca-mkd"])
def test_unknown_findings_do_not_spread(make, name):
    """A label that is unknown throughout leaves the loss a number, and its gradient finite."""
    method = make(name, **({"hint_weight": 0} if name == "ca-mkd" else {}))
    targets = labels("multi-label")
    targets[4] = np.nan
    maps = torch.zeros(EXAMPLES, 1, 2, 2, dtype=torch.float64)
    logits = torch.zeros(EXAMPLES, CLASSES, dtype=torch.float64, requires_grad=True)
    state = nn.ModuleList([nn.Sequential(nn.Conv2d(1, 1, 1)) for _ in range(TEACHERS)]).double()
    output = Output(logits, None, (maps,))
    one = batch_for(
        method,
        "multi-label",
        targets=targets,
        ask=lambda images: output,
        ask_teachers=lambda images: (output,) * TEACHERS,
        state=state,
    )
    loss = method.loss(one)
    assert loss.isfinite()
    assert torch.autograd.grad(loss, logits)[0].isfinite().all()

"""Methods that train against attacks: each loss against its formula in numpy, with gradients worked out by hand."""

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import expit, rel_entr, softmax

from roskdbench import Batch, Descent, Equal, Exponential, Output, Setting, Weigher
from roskdbench.method import make_method
from roskdbench.plugins import discover

B, C, K, PIXELS = 5, 4, 3, 9
RADIUS, STEPS, STEP = 0.1, 3, 0.06
LABELS = ["class numbers", "shares", "findings"]
NAMES = ["pgd-at", "trades", "ard", "rslad", "adaad", "ros-kd-adversarial"]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def make():
    registry = discover()

    def make(name, **parameters):
        attack = {} if name.startswith("ros-kd-sam") else {"radius": RADIUS, "steps": STEPS, "step_size": STEP}
        return make_method(registry, name, {**attack, **parameters})

    return make


@pytest.fixture
def inner(make):
    """The module of the ascent, which registers nothing."""
    return sys.modules[type(make("pgd-at")).__mro__[1].__module__]


@dataclass
class Problem:
    """Linear networks: the student as it is used, as it learns, and a teacher; and what each says of images."""

    labels: str
    used: torch.Tensor
    learning: torch.Tensor
    teacher: torch.Tensor
    bank: torch.Tensor  # [K, B, C]
    weighting: Equal | Exponential

    @classmethod
    def of(cls, labels, teachers=1, weighting=None):
        used = draw(PIXELS, C, seed=1)
        learning = (used + draw(PIXELS, C, seed=2) / 4).requires_grad_()
        bank = 2 * draw(teachers, B, C, seed=3)
        return cls(labels, used, learning, draw(PIXELS, C, seed=4), bank, weighting or Equal())

    @property
    def images(self):
        found = draw(B, 1, 3, 3, seed=5).sigmoid()
        found[0, 0, 0], found[1, 0, 1] = 0.0, 1.0  # as black and white as pixels can be
        return found

    @property
    def targets(self):
        if self.labels == "class numbers":
            return torch.arange(B) % C
        if self.labels == "shares":
            return draw(B, C, seed=6).softmax(-1)
        found = (draw(B, C, seed=7) > 0).double()
        found[0, 1] = found[2, 0] = found[2, 3] = np.nan
        found[3] = np.nan
        return found

    def batch(self, **rest):
        setting = Setting(len(self.bank), C, 1, torch.device("cpu"), 0)
        fields = {
            "task": "multi-label" if self.labels == "findings" else "single-label",
            "images": self.images,
            "targets": self.targets,
            "ask": lambda images: Output(images.flatten(1) @ self.learning),
            "student": lambda images: images.flatten(1) @ self.used,
            "ask_teachers": lambda images: (Output(images.flatten(1) @ self.teacher),),
            "teacher_logits": self.bank,
            "samples": torch.arange(B),
            "epoch": 2,
            "step": 3,
            "seed": 7,
            "weigher": self.weighting.begin(setting),
        }
        return Batch(**{**fields, **rest})

    @property
    def pixels(self):
        return self.images.flatten(1).numpy()

    def uniform(self, generator=None):
        drawn = torch.rand(B, 1, 3, 3, generator=generator or self.batch().generator)
        return RADIUS * (2 * drawn.flatten(1).double().numpy() - 1)

    def normal(self, generator=None):
        drawn = torch.randn(B, 1, 3, 3, generator=generator or self.batch().generator)
        return 0.001 * drawn.flatten(1).double().numpy()


def answer(labels, logits, t=1.0):
    return expit(logits / t) if labels == "findings" else softmax(logits / t, axis=-1)


def cross_entropies(problem, logits):
    """Of each example, in loops; over the findings that are known."""
    p, found = answer(problem.labels, logits), []
    for chances, label in zip(p, problem.targets.numpy(), strict=True):
        if problem.labels == "class numbers":
            found.append(-np.log(chances[label]))
        elif problem.labels == "shares":
            found.append(-sum(share * np.log(chance) for share, chance in zip(label, chances, strict=True)))
        else:
            pairs = [(y, chance) for y, chance in zip(label, chances, strict=True) if not np.isnan(y)]
            found.append(-sum(np.log(chance if y else 1 - chance) for y, chance in pairs) / max(1, len(pairs)))
    return np.array(found)


def towards_labels(problem, logits):
    """The gradient of those at the logits."""
    p, y = answer(problem.labels, logits), problem.targets.numpy()
    if problem.labels == "class numbers":
        return p - np.eye(C)[y]
    if problem.labels == "shares":
        return p - y
    known = ~np.isnan(y)
    return np.where(known, p - np.nan_to_num(y), 0) / np.maximum(known.sum(1, keepdims=True), 1)


def divergences(labels, of, at, t=1.0):
    """KL(of || at) of each example; the mean of Bernoulli ones over findings."""
    q, p = answer(labels, of, t), answer(labels, at, t)
    if labels == "findings":
        return (rel_entr(q, p) + rel_entr(1 - q, 1 - p)).mean(-1)
    return rel_entr(q, p).sum(-1)


def towards(labels, of, at, t=1.0):
    """The gradient of those at the second logits."""
    return (answer(labels, at, t) - answer(labels, of, t)) / t / (C if labels == "findings" else 1)


def away(labels, of, at):
    """The gradient of those at the first logits."""
    q = answer(labels, of)
    if labels == "findings":
        return q * (1 - q) * (of - at) / C
    apart = np.log(q) - np.log(answer(labels, at))
    return q * (apart - (q * apart).sum(-1, keepdims=True))


def ascent(problem, gradient, noise):
    """Steps along the sign of a gradient at the pixels, each cut back to the ball and then to [0, 1]."""

    def cut(pixels):
        return np.clip(np.clip(pixels, problem.pixels - RADIUS, problem.pixels + RADIUS), 0, 1)

    changed = cut(problem.pixels + noise)
    for _ in range(STEPS):
        changed = cut(changed + STEP * np.sign(gradient(changed)))
    return changed


def expected(name, problem):
    """The loss as a function of the learning weights: only the outer part depends on them."""
    labels, clean = problem.labels, problem.pixels
    used, teacher, bank = problem.used.numpy(), problem.teacher.numpy(), problem.bank.numpy()

    def against_labels(pixels):
        return towards_labels(problem, pixels @ used) @ used.T

    match name:
        case "pgd-at":
            changed = ascent(problem, against_labels, problem.uniform())
            return lambda w: cross_entropies(problem, changed @ w).mean()
        case "trades":
            fixed = clean @ used
            changed = ascent(problem, lambda x: towards(labels, fixed, x @ used) @ used.T, problem.normal())

            def both(w):
                apart = divergences(labels, clean @ w, changed @ w).mean()
                return cross_entropies(problem, clean @ w).mean() + 6 * apart

            return both
        case "ard":  # made with alpha = .7
            changed = ascent(problem, against_labels, problem.uniform())

            def blended(w):
                soft = 900 * divergences(labels, bank[0], changed @ w, 30).mean()
                return 0.7 * soft + 0.3 * cross_entropies(problem, clean @ w).mean()

            return blended
        case "rslad":
            changed = ascent(problem, lambda x: towards(labels, bank[0], x @ used) @ used.T, problem.normal())

            def softly(w):
                apart = [divergences(labels, bank[0], pixels @ w).mean() for pixels in (changed, clean)]
                return (5 * apart[0] + apart[1]) / 6

            return softly
        case "adaad":  # made with a share of .8

            def through_both(x):
                of, at = x @ teacher, x @ used
                return towards(labels, of, at) @ used.T + away(labels, of, at) @ teacher.T

            changed = ascent(problem, through_both, problem.normal())

            def live(w):
                apart = [divergences(labels, pixels @ teacher, pixels @ w).mean() for pixels in (changed, clean)]
                return 0.8 * apart[0] + 0.2 * apart[1]

            return live
        case "ros-kd-adversarial":
            generator = problem.batch().generator
            weights = problem.weighting.draw(K, 1, generator)[:, 0].double().numpy()
            pairs = list(zip(weights, bank, strict=True))

            def against_teachers(x):
                return sum(w * towards(labels, of, x @ used, 0.5) for w, of in pairs) @ used.T

            changed = ascent(problem, against_teachers, problem.normal(generator))

            def weighted(w):
                soft = sum(share * divergences(labels, of, changed @ w, 0.5).mean() for share, of in pairs)
                return 0.9 * 0.25 * soft + 0.1 * cross_entropies(problem, clean @ w).mean()

            return weighted


SETTINGS = {"ard": {"alpha": 0.7}, "adaad": {"adversarial_share": 0.8}}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("name", NAMES)
def test_loss_and_gradient_are_those_of_the_formula(make, name, labels):
    """The student is attacked as it is used, and learns as it learns; gradients by differences of the formula."""
    many = name == "ros-kd-adversarial"
    problem = Problem.of(labels, K if many else 1, Exponential() if many else None)
    loss = make(name, **SETTINGS.get(name, {})).loss(problem.batch())
    formula, at, along = expected(name, problem), problem.learning.detach().numpy(), draw(PIXELS, C, seed=9).numpy()
    assert loss.item() == pytest.approx(formula(at), rel=1e-6)
    loss.backward()
    slope = (formula(at + 1e-5 * along) - formula(at - 1e-5 * along)) / 2e-5
    assert (problem.learning.grad.numpy() * along).sum() == pytest.approx(slope, rel=1e-4)


class TestAscent:
    def ascend(self, inner, loss, images, radius=0.2, step=0.1, steps=4, deviation=None):
        return inner.ascend(loss, images, radius, step, steps, torch.Generator().manual_seed(3), deviation)

    def test_a_linear_loss_is_raised_to_the_corner_of_the_ball_within_the_pixels_range(self, inner):
        images, slope = draw(6, 2, 5, 5).sigmoid(), draw(6, 2, 5, 5, seed=1)
        images[0] = 0.05
        images[1] = 0.95
        before = images.clone()
        changed = self.ascend(inner, lambda x: (slope * x).sum(), images)
        torch.testing.assert_close(changed, (images + 0.2 * slope.sign()).clamp(0, 1))
        assert torch.equal(images, before)
        assert not changed.requires_grad

    def test_it_stays_within_the_radius_and_the_pixels_range_wherever_the_loss_leads(self, inner):
        images = draw(6, 1, 4, 4).sigmoid()
        for deviation in (None, 0.001, 5.0):
            changed = self.ascend(inner, lambda x: (9 * x).sin().sum(), images, 0.03, 0.02, deviation=deviation)
            assert (changed - images).abs().max() <= 0.03 + 1e-12
            assert changed.min() >= 0
            assert changed.max() <= 1

    def test_it_starts_uniformly_in_the_ball_or_normally_nearby(self, inner):
        images = torch.full((20, 1, 20, 20), 0.5, dtype=torch.float64)
        flat = partial(self.ascend, inner, lambda x: 0 * x.sum(), images, steps=1)  # a gradient of 0 moves nothing
        uniform, normal = ((flat(deviation=each) - 0.5).flatten().numpy() for each in (None, 0.001))
        assert stats.kstest(uniform, stats.uniform(-0.2, 0.4).cdf).pvalue > 1e-3
        assert stats.kstest(normal, stats.norm(0, 0.001).cdf).pvalue > 1e-3

    def test_its_numbers_come_from_the_generator_alone(self, inner):
        images, slope = draw(3, 1, 4, 4).sigmoid(), draw(3, 1, 4, 4, seed=1)
        once = self.ascend(inner, lambda x: (slope * x**2).sum(), images, steps=1)
        torch.manual_seed(1)
        with torch.no_grad():
            assert torch.equal(once, self.ascend(inner, lambda x: (slope * x**2).sum(), images, steps=1))

    def test_images_keep_their_layout_and_kind_of_number(self, inner):
        images = torch.rand(4, 3, 6, 6).contiguous(memory_format=torch.channels_last)
        changed = self.ascend(inner, lambda x: x.square().sum(), images)
        assert changed.is_contiguous(memory_format=torch.channels_last)
        assert changed.dtype == images.dtype

    def test_the_papers_radius_and_steps_give_the_papers_step(self, make):
        method = make("pgd-at", radius="8/255", steps=10, step_size=None)
        assert method.radius == pytest.approx(8 / 255)
        assert method.step_length == pytest.approx(2 / 255)
        assert make("pgd-at", step_size="1/255").step_length == pytest.approx(1 / 255)


@pytest.mark.parametrize("labels", LABELS)
class TestLimits:
    """Where nothing may be changed, each is what it was made from."""

    def nearly_clean(self, make, name, **settings):
        return make(name, radius=1e-12, step_size=None, **settings)

    def test_adversarial_training_without_a_radius_is_training_on_labels(self, make, labels):
        problem = Problem.of(labels)
        hard = problem.batch().hard_loss().item()
        for name, settings in (("pgd-at", {}), ("trades", {}), ("trades", {"beta": 0.0})):
            assert self.nearly_clean(make, name, **settings).loss(problem.batch()).item() == pytest.approx(hard)
        assert make("trades", beta=0.0).loss(problem.batch()).item() == pytest.approx(hard)

    def test_robust_distillation_without_a_radius_is_distillation(self, make, labels):
        problem = Problem.of(labels)
        plain = make("ard", alpha=0.6, temperature=2.0)
        usual = super(type(plain), plain).loss(problem.batch()).item()  # the benchmark's own
        assert self.nearly_clean(make, "ard", alpha=0.6, temperature=2.0).loss(problem.batch()).item() == pytest.approx(
            usual
        )
        only = problem.batch().divergences(1.0).mean().item()
        for share in (0.0, 0.3, 1.0):
            method = self.nearly_clean(make, "rslad", adversarial_share=share)
            assert method.loss(problem.batch()).item() == pytest.approx(only)

    @pytest.mark.parametrize("matching", ["each-teacher", "mixture"])
    @pytest.mark.parametrize("kind", ["bernoulli-mean", "bernoulli-sum", "softmax"])
    @pytest.mark.parametrize("balanced", [False, True])
    def test_without_a_radius_it_is_ros_kd_with_the_same_weights_of_teachers(
        self, make, labels, matching, kind, balanced
    ):
        problem, soft_loss = Problem.of(labels, K, Exponential()), {"kind": kind, "balanced": balanced}
        method = self.nearly_clean(make, "ros-kd-adversarial", matching=matching, soft_loss=soft_loss)
        usual = make_method(discover(), "ros-kd", {"matching": matching, "soft_loss": soft_loss})
        losses = []
        for each in (method, usual):
            step = problem.batch(soft_loss=each.soft_loss, soft_scale=1.7)
            losses.append(each.loss(step).item())
            losses.append(step.weights_given.tolist())
        assert losses[0] == pytest.approx(losses[2])
        assert losses[1] == losses[3]

    def test_where_student_and_teacher_agree_everywhere_there_is_nothing_to_learn(self, make, labels):
        problem = Problem.of(labels)
        problem.used = problem.teacher = problem.learning.detach()
        assert make("adaad").loss(problem.batch()).item() == pytest.approx(0, abs=1e-12)

    def test_the_attack_makes_what_it_attacks_worse(self, make, labels):
        problem = Problem.of(labels)
        problem.learning = problem.used.clone()
        for name, settings in (("pgd-at", {}), ("trades", {}), ("rslad", {}), ("adaad", {})):
            clean = self.nearly_clean(make, name, **settings).loss(problem.batch()).item()
            assert make(name, **settings).loss(problem.batch()).item() > clean


def counted(problem, method, losses=1):
    """The passes through student and teacher that a loss makes."""
    counts = {"student": 0.0, "teacher": 0.0}
    answers = problem.batch()

    def count(whom, share, ask):
        def asked(images):
            counts[whom] += share(images)
            return ask(images)

        return asked

    def frozen(images):
        return 2 / 3 if images.requires_grad else 1 / 3

    state = method.begin(None)
    for _ in range(losses):
        step = problem.batch(
            ask=count("student", lambda images: 1.0, answers.ask),
            student=count("student", frozen, answers.student),
            ask_teachers=count("teacher", frozen, answers.ask_teachers),
            state=state,
        )
        method.loss(step)
    return counts["student"], counts["teacher"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("pgd-at", {}),
        ("trades", {}),
        ("ard", {}),
        ("ard", {"alpha": 0.5}),
        ("ard", {"soft_loss": {"kind": "bernoulli-mean", "balanced": True}}),
        ("rslad", {}),
        ("rslad", {"adversarial_share": 1.0}),
        ("adaad", {}),
        ("adaad", {"adversarial_share": 0.5}),
        ("ros-kd-adversarial", {}),
        ("ros-kd-adversarial", {"alpha": 1.0}),
    ],
)
def test_the_cost_is_what_is_done(make, name, settings):
    method = make(name, **settings)
    assert counted(Problem.of("class numbers"), method) == pytest.approx((method.cost, method.teacher_passes))


def test_the_perturbation_of_weights_attacks_images_once(make):
    method, plain = make("awp"), make("awp", stepping="plain")
    problem = Problem.of("class numbers")
    assert counted(problem, method, losses=2) == pytest.approx((method.cost, 0))
    assert counted(problem, plain, losses=1) == pytest.approx((plain.cost, 0))
    assert plain.cost == make("pgd-at").cost


@pytest.mark.parametrize("labels", LABELS)
def test_weights_are_perturbed_layer_by_layer_as_by_hand(make, labels):
    """Two layers and a bias over three steps: images are attacked at w, the gradient is that at w + v."""
    method, problem = make("awp"), Problem.of(labels)
    first, second, bias = (draw(PIXELS, 6, seed=1) / 3, draw(6, C, seed=2) / 2, draw(C, seed=3))
    learnt = [each.clone().requires_grad_() for each in (first, second, bias)]
    state, rate, kept = method.begin(None), 0.3, []
    hand = [each.numpy() for each in (first, second, bias)]

    def answered(images, weights):
        return images.flatten(1) @ weights[0] @ weights[1] + weights[2]

    def slopes(pixels, a, b, c):
        """Of the mean loss, at both weights and the bias, and at the pixels."""
        rest = towards_labels(problem, pixels @ a @ b + c) / B
        return pixels.T @ rest @ b.T, (pixels @ a).T @ rest, rest.sum(0), rest @ (a @ b).T

    @contextmanager
    def statistics_kept():
        kept.append("open")
        yield
        kept.append("closed")

    for number in range(3):

        def step(number=number):
            return problem.batch(
                ask=lambda images: Output(answered(images, learnt)),
                student=lambda images: answered(images, [each.detach() for each in learnt]),
                step=number,
                state=state,
            )

        def loss(step=step):
            kept.append("loss")
            return method.loss(step())

        before = [each.detach().clone() for each in learnt]
        noted = method.stepping.gradients(Descent(loss, learnt, statistics_kept))
        assert all(torch.equal(*pair) for pair in zip(before, learnt, strict=True))
        method.after_step(step())
        with torch.no_grad():
            for each in learnt:
                each.sub_(rate * each.grad)
                each.grad = None

        a, b, c = hand
        changed = ascent(problem, lambda x: slopes(x, a, b, c)[3], problem.uniform(step().generator))  # noqa: B023
        assert noted.item() == pytest.approx(cross_entropies(problem, changed @ a @ b + c).mean(), rel=1e-6)
        at_a, at_b, *_ = slopes(changed, a, b, c)
        moved = [w + 0.01 * np.linalg.norm(w) / np.linalg.norm(g) * g for w, g in ((a, at_a), (b, at_b))]
        hand = [weight - rate * slope for weight, slope in zip(hand, slopes(changed, *moved, c)[:3], strict=True)]
    for each, weight in zip(learnt, hand, strict=True):
        np.testing.assert_allclose(each.detach().numpy(), weight, rtol=1e-6, atol=1e-8)
    assert kept == ["open", "loss", "closed", "loss"] * 3
    assert state.changed is None
    assert state.state_dict() == {}


def test_ros_kd_with_sam_goes_by_the_gradient_where_the_loss_is_worst_nearby(make):
    """Both losses of a step have the same weights of teachers."""
    method, problem = make("ros-kd-sam"), Problem.of("class numbers", K, Exponential())
    steps = []

    def loss():
        steps.append(problem.batch())
        return method.loss(steps[-1])

    bank, clean, weights = problem.bank.numpy(), problem.pixels, problem.batch().weights[:, 0].double().numpy()

    def gradient(w):
        pairs = zip(weights, bank, strict=True)
        soft = sum(share * towards("class numbers", of, clean @ w, 0.5) for share, of in pairs)
        return clean.T @ (0.9 * 0.25 * soft + 0.1 * towards_labels(problem, clean @ w)) / B

    @contextmanager
    def statistics_kept():
        yield

    method.stepping.gradients(Descent(loss, [problem.learning], statistics_kept))
    at = problem.learning.detach().numpy()
    worst = at + 0.05 * gradient(at) / np.linalg.norm(gradient(at))
    np.testing.assert_allclose(problem.learning.grad.numpy(), gradient(worst), rtol=1e-6)
    assert torch.equal(steps[0].weights, steps[1].weights)
    usual = make_method(discover(), "ros-kd").declaration()
    assert method.declaration() == usual | {"stepping": {"kind": "sharpness"}}
    assert method.cost == 2


def test_teachers_are_weighted_once_in_a_step(make):
    """A weigher that learns may keep what it gave: it is not asked again for the ascent, nor for the loss."""
    problem, asked = Problem.of("class numbers", K), []

    class Counting(Weigher):
        def weights(self, batch):
            asked.append(batch)
            return super().weights(batch)

    step = problem.batch(weigher=Counting(Equal(), Setting(K, C, 1, torch.device("cpu"), 0)))
    make("ros-kd-adversarial").loss(step)
    assert [each is step for each in asked] == [True]


@pytest.mark.parametrize("name", [*NAMES, "ros-kd-sam", "awp"])
def test_all_are_listed_as_robust_and_defined_for_both_tasks(make, name):
    method = make(name)
    assert type(method).listed_under() == "robust"
    assert set(method.tasks) == {"single-label", "multi-label"}
    assert type(method).model_validate(method.declaration()) == method

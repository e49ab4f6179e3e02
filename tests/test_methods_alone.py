"""Methods of a student alone, each held against its formula by another route."""

from contextlib import nullcontext
from math import isnan

import numpy as np
import pytest
import torch
from scipy import special, stats
from tiny import RECIPE, SEEDS, tiny_examples, tiny_network

from roskdbench import Descent, Epoch, Output, Sharpness, TrainingFacts, Widths
from roskdbench.engine.training import Training
from roskdbench.method import Batch, Equal, Setting, make_method
from roskdbench.plugins import discover

REGISTRY = discover()
CPU = torch.device("cpu")
EXAMPLES, CLASSES = 6, 4
UNKNOWN = float("nan")


def make(name, **parameters):
    return make_method(REGISTRY, name, parameters)


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def findings(seed=3):
    """Labels of several findings, of which some are unknown and one example's all."""
    drawn = (normal(EXAMPLES, CLASSES, seed=seed) > 0).double()
    drawn[0, 1] = drawn[2, 0] = drawn[2, 3] = UNKNOWN
    drawn[4] = UNKNOWN
    return drawn


def batch(task="single-label", logits=None, targets=None, **rest):
    logits = normal(EXAMPLES, CLASSES) if logits is None else logits
    if targets is None:
        targets = torch.arange(len(logits)) % CLASSES if task == "single-label" else findings()
    fields = {
        "task": task,
        "images": torch.zeros(len(logits), 1, 4, 4, dtype=torch.float64),
        "targets": targets,
        "teacher_logits": torch.zeros(0, len(logits), 1),
        "samples": torch.arange(len(logits)),
        "positions": torch.arange(len(logits)),
        "epoch": 0,
        "step": 0,
        "seed": 7,
        "weigher": Equal().begin(Setting(0, 1, 1, CPU, 0)),
        "ask": lambda images: Output(logits),
        "student": lambda images: logits.detach(),
    }
    return Batch(**{**fields, **rest})


def facts(targets, task="single-label", network=None):
    return TrainingFacts(task, CLASSES, targets, 10, 2, Widths(5), (), network, CPU)


def mean_of_known(each, targets):
    """The mean over examples of the mean over known findings, by loops; `each(row, finding)` is a loss."""
    rows = []
    for row, labels in enumerate(targets.tolist()):
        known = [finding for finding, label in enumerate(labels) if not isnan(label)]
        rows.append(sum(each(row, finding) for finding in known) / max(1, len(known)))
    return sum(rows) / len(rows)


def cross_entropies(logits, targets):
    return -special.log_softmax(logits.detach().numpy(), -1)[np.arange(len(logits)), targets.numpy()]


def gradient(method, **given):
    logits = given.pop("logits", normal(EXAMPLES, CLASSES)).clone().requires_grad_()
    method.loss(batch(logits=logits, **given)).backward()
    return logits.grad


BERNOULLI = ["label-smoothing", "gce", "sce", "elr", "logit-adjustment", "co-teaching"]


def with_state(method, task, targets):
    """A batch with a state where the method keeps one."""
    if method.name == "co-teaching":
        return batch(task, targets=targets, state=lambda images: normal(EXAMPLES, CLASSES, seed=1))
    known = torch.arange(EXAMPLES) % CLASSES if targets is None else targets
    return batch(task, targets=targets, state=method.begin(facts(known, task)))


@pytest.mark.parametrize("name", BERNOULLI)
def test_unknown_findings_count_for_nothing(name):
    """Neither what the student says of them, nor whether another label stands in the other examples."""
    method, targets = make(name), findings()
    logits = normal(EXAMPLES, CLASSES).requires_grad_()
    one = with_state(method, "multi-label", targets)
    one.ask = lambda images: Output(logits)
    loss = method.loss(one)
    loss.backward()
    assert loss.dtype == torch.float64
    assert loss.isfinite()
    assert (logits.grad[targets.isnan()] == 0).all()
    assert logits.grad[~targets.isnan()].abs().sum() > 0


@pytest.mark.parametrize("name", ["label-smoothing", "gce", "sce"])
def test_a_finding_is_a_softmax_of_presence_and_absence(name):
    """sigmoid(z) is the first of softmax(z, 0): the loss of one finding is that of two classes."""
    method, logits = make(name), normal(EXAMPLES, 1)
    present = (torch.arange(EXAMPLES) % 2)[:, None].double()
    one = batch("multi-label", logits=logits, targets=present)
    two = batch(logits=torch.cat([logits, torch.zeros_like(logits)], -1), targets=1 - present[:, 0].long())
    torch.testing.assert_close(method.loss(one), method.loss(two))


class TestLabelSmoothing:
    def test_it_adds_the_mean_cross_entropy_over_all_classes(self):
        one = batch()
        log_probabilities = special.log_softmax(one.student_logits.numpy(), -1)
        expected = 0.8 * cross_entropies(one.student_logits, one.targets).mean() - 0.2 * log_probabilities.mean()
        assert float(make("label-smoothing", smoothing=0.2).loss(one)) == pytest.approx(expected, rel=1e-6)

    def test_findings_are_smoothed_over_presence_and_absence(self):
        one = batch("multi-label")
        z = one.student_logits.numpy()

        def each(row, finding):
            share = 0.8 * float(one.targets[row, finding]) + 0.1
            p = special.expit(z[row, finding])
            return -share * np.log(p) - (1 - share) * np.log(1 - p)

        expected = mean_of_known(each, one.targets)
        assert float(make("label-smoothing", smoothing=0.2).loss(one)) == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("task", ["single-label", "multi-label"])
    def test_without_smoothing_it_is_cross_entropy(self, task):
        one = batch(task)
        torch.testing.assert_close(make("label-smoothing", smoothing=0).loss(one), one.hard_loss())


class TestGCE:
    @pytest.mark.parametrize("q", [0.3, 0.7, 1.0])
    def test_it_is_the_formula(self, q):
        one = batch()
        p = np.exp(-cross_entropies(one.student_logits, one.targets))
        assert float(make("gce", exponent=q).loss(one)) == pytest.approx(((1 - p**q) / q).mean(), rel=1e-9)

    def test_of_findings_it_is_the_formula_for_each(self):
        one = batch("multi-label")
        p = special.expit(one.student_logits.numpy())

        def each(row, finding):
            right = p[row, finding] if one.targets[row, finding] else 1 - p[row, finding]
            return (1 - right**0.7) / 0.7

        assert float(make("gce").loss(one)) == pytest.approx(mean_of_known(each, one.targets), rel=1e-9)

    @pytest.mark.parametrize("task", ["single-label", "multi-label"])
    def test_it_nears_cross_entropy(self, task):
        one = batch(task)
        torch.testing.assert_close(make("gce", exponent=1e-7).loss(one), one.hard_loss(), rtol=1e-5, atol=0)

    def test_at_one_it_is_half_of_the_absolute_error(self):
        one = batch()
        error = np.abs(special.softmax(one.student_logits.numpy(), -1) - np.eye(CLASSES)[one.targets]).sum(-1)
        assert float(make("gce", exponent=1).loss(one)) == pytest.approx(error.mean() / 2, rel=1e-9)

    def test_its_gradient_is_that_of_cross_entropy_times_the_probability(self):
        """Section 3.2: each example counts p_y^q times what it counts under cross-entropy."""
        p = special.softmax(normal(EXAMPLES, CLASSES).numpy(), -1)
        targets = np.arange(EXAMPLES) % CLASSES
        right = p[np.arange(EXAMPLES), targets, None]
        expected = right**0.7 * (p - np.eye(CLASSES)[targets]) / EXAMPLES
        np.testing.assert_allclose(gradient(make("gce")), expected, rtol=1e-9)


class TestSCE:
    def test_for_hard_labels_the_reverse_part_is_linear_in_the_probability(self):
        """Section 3.2: RCE = -A (1 - p_y)."""
        one = batch()
        surprise = cross_entropies(one.student_logits, one.targets)
        expected = (0.1 * surprise + 4 * (1 - np.exp(-surprise))).mean()
        assert float(make("sce").loss(one)) == pytest.approx(expected, rel=1e-9)

    def test_of_shares_it_is_a_cross_entropy_with_roles_exchanged(self):
        shares = normal(EXAMPLES, CLASSES, seed=5).softmax(-1)  # all above e^-100
        one = batch(targets=shares)
        p = special.softmax(one.student_logits.numpy(), -1)
        expected = -(p * np.log(shares.numpy())).sum(-1).mean()
        method = make("sce", forward_weight=0, log_zero=-100)
        assert float(method.loss(one)) == pytest.approx(expected, rel=1e-6)

    def test_of_findings_it_is_the_mean_of_those_known(self):
        one = batch("multi-label")
        p = special.expit(one.student_logits.numpy())

        def each(row, finding):
            right = p[row, finding] if one.targets[row, finding] else 1 - p[row, finding]
            return -0.5 * np.log(right) + 2 * 3 * (1 - right)

        method = make("sce", forward_weight=0.5, reverse_weight=2, log_zero=-3)
        assert float(method.loss(one)) == pytest.approx(mean_of_known(each, one.targets), rel=1e-9)


class TestELR:
    @pytest.mark.parametrize("task", ["single-label", "multi-label"])
    def test_it_is_a_loop_over_steps_with_a_memory(self, task):
        method = make("elr", decay=0.6, strength=2)
        targets = torch.arange(EXAMPLES) % CLASSES if task == "single-label" else findings()
        state = method.begin(facts(targets, task)).double()
        memory = {}
        for step in range(4):
            positions = torch.tensor([0, 3, 5]) if step % 2 else torch.tensor([3, 1, 2])
            logits = (3 if step else 30) * normal(3, CLASSES, seed=step)  # first some that are cut off
            one = batch(task, logits, targets[positions], positions=positions, state=state, step=step)
            hard, pulls = float(one.hard_loss()), []
            for row, position in enumerate(positions.tolist()):
                z = logits[row].numpy()
                if task == "single-label":
                    decisions = {0: special.softmax(z)}
                else:
                    known = [k for k in range(CLASSES) if not targets[position, k].isnan()]
                    decisions = {k: np.array([special.expit(z[k]), 1 - special.expit(z[k])]) for k in known}
                found = []
                for key, p in decisions.items():
                    cut = p.clip(1e-4, 1 - 1e-4)
                    old = memory.get((position, key), np.zeros_like(p))
                    memory[position, key] = 0.6 * old + 0.4 * cut / cut.sum()
                    found.append(np.log(1 - memory[position, key] @ cut))
                pulls.append(sum(found) / max(1, len(found)))
            assert float(method.loss(one)) == pytest.approx(hard + 2 * sum(pulls) / 3, rel=1e-9)
            assert method.loss(one) == method.loss(one)  # nothing is remembered before the step is taken
            method.after_step(one)

    def test_its_gradient_is_the_papers(self):
        """Lemma 2: p - y + lambda g, with g_c = p_c / (1 - <p, t>) sum_k (t_k - t_c) p_k; t is a constant."""
        method, logits = make("elr"), normal(EXAMPLES, CLASSES)
        targets = torch.arange(EXAMPLES) % CLASSES
        state = method.begin(facts(targets))
        state.memory[:] = normal(EXAMPLES, 1, CLASSES, seed=8).softmax(-1)
        p = special.softmax(logits.numpy(), -1)
        t = 0.7 * state.memory[:, 0].double().numpy() + 0.3 * p
        pull = p / (1 - (p * t).sum(-1, keepdims=True)) * ((t * p).sum(-1, keepdims=True) - t)
        expected = (p - np.eye(CLASSES)[targets] + 3 * pull) / EXAMPLES
        np.testing.assert_allclose(gradient(method, logits=logits, state=state), expected, rtol=1e-6, atol=1e-9)


class OneHotImages:
    """Images that say of which images they are mixed, and a linear network that notes what it is asked."""

    def __init__(self, seed, images):
        self.weights, self.asked = normal(images, CLASSES, seed=seed), []

    def logits(self, images):
        return images.flatten(1) @ self.weights

    def ask(self, images):
        self.asked.append(images)
        return Output(self.logits(images))

    @staticmethod
    def drawn(count, first=0, of=None):
        return torch.eye(of or count, dtype=torch.float64)[first : first + count, None, None]

    @staticmethod
    def read(images):
        """The share of each image's own, and its partner, from images [n, 1, 1, n]."""
        rows = images.flatten(1)
        own = rows.diagonal()
        partners = (rows - torch.diag(own)).argmax(-1)
        alone = own > 1 - 1e-9  # its own partner
        partners[alone] = torch.arange(len(rows))[alone]
        share = own[~alone][0].item() if (~alone).any() else 1.0
        return share, partners


class TestMixup:
    @pytest.mark.parametrize("task", ["single-label", "multi-label"])
    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_it_is_cross_entropy_of_mixed_images_with_mixed_losses(self, task, smoothing):
        network = OneHotImages(0, EXAMPLES)
        images = network.drawn(EXAMPLES)
        one = batch(task, images=images, ask=network.ask, label_smoothing=smoothing)
        loss = make("mixup").loss(one)
        assert len(network.asked) == 1  # one pass
        share, partners = network.read(network.asked[0])
        assert sorted(partners.tolist()) == list(range(EXAMPLES))
        mixed = share * images + (1 - share) * images[partners]
        torch.testing.assert_close(network.asked[0], mixed)
        z = network.logits(mixed)

        def losses(targets):
            again = batch(task, logits=z, targets=targets, label_smoothing=smoothing)
            return again.hard_losses().mean()

        expected = share * losses(one.targets) + (1 - share) * losses(one.targets[partners])
        torch.testing.assert_close(loss, expected)

    def test_for_classes_it_is_cross_entropy_with_mixed_labels(self):
        network = OneHotImages(0, EXAMPLES)
        one = batch(images=network.drawn(EXAMPLES), ask=network.ask)
        loss = float(make("mixup").loss(one))
        share, partners = network.read(network.asked[0])
        labels = np.eye(CLASSES)[one.targets]
        labels = share * labels + (1 - share) * labels[partners]
        log_probabilities = special.log_softmax(network.logits(network.asked[0]).numpy(), -1)
        assert loss == pytest.approx(-(labels * log_probabilities).sum(-1).mean(), rel=1e-9)

    @pytest.mark.parametrize("concentration", [0.4, 1.0, 8.0])
    def test_shares_are_beta(self, concentration):
        network, method = OneHotImages(0, EXAMPLES), make("mixup", concentration=concentration)
        for step in range(100):
            method.loss(batch(images=network.drawn(EXAMPLES), ask=network.ask, step=step))
        shares = [network.read(images)[0] for images in network.asked]
        assert stats.kstest(shares, stats.beta(concentration, concentration).cdf).pvalue > 1e-3


class TestLogitAdjustment:
    TARGETS = torch.tensor([0, 0, 0, 0, 0, 1, 1, 2])  # the last class is never seen

    @pytest.mark.parametrize("tau", [0.5, 1.0, 2.0])
    def test_it_is_the_papers_pairwise_form(self, tau):
        """Equation 11: log(1 + sum over others k of (pi_k / pi_y)^tau exp(z_k - z_y))."""
        method = make("logit-adjustment", strength=tau)
        z, counts = normal(8, CLASSES).numpy(), [5, 2, 1, 1]
        one = batch(logits=torch.from_numpy(z), targets=self.TARGETS, state=method.begin(facts(self.TARGETS)))
        expected = []
        for row, y in enumerate(self.TARGETS.tolist()):
            others = [(counts[k] / counts[y]) ** tau * np.exp(z[row, k] - z[row, y]) for k in range(CLASSES) if k != y]
            expected.append(np.log(1 + sum(others)))
        assert float(method.loss(one)) == pytest.approx(np.mean(expected), rel=1e-6)

    def test_findings_go_by_their_odds_among_known_labels(self):
        method, one = make("logit-adjustment"), batch("multi-label")
        one.state = method.begin(facts(one.targets, "multi-label"))
        z = one.student_logits.numpy()

        def each(row, finding):
            known = [value for value in one.targets[:, finding].tolist() if not isnan(value)]
            odds = max(1, sum(known)) / max(1, len(known) - sum(known))
            p = odds * np.exp(z[row, finding]) / (1 + odds * np.exp(z[row, finding]))
            return -np.log(p if one.targets[row, finding] else 1 - p)

        assert float(method.loss(one)) == pytest.approx(mean_of_known(each, one.targets), rel=1e-6)

    @pytest.mark.parametrize("task", ["single-label", "multi-label"])
    def test_a_student_that_knows_nothing_is_where_it_should_be(self, task):
        """Logits of zero are adjusted to the labels' frequencies, so that the gradient sums to zero."""
        method = make("logit-adjustment")
        single = torch.tensor([0, 0, 0, 0, 1, 1, 2, 3])
        several = torch.tensor([[1, 0, 0, 1], [0, 0, 1, 1], [0, 1, 0, 0], [0, 0, 0, 1.0]]).double()
        targets = single if task == "single-label" else several
        zeros = torch.zeros(len(targets), CLASSES, dtype=torch.float64)
        state = method.begin(facts(targets, task))
        total = gradient(method, logits=zeros, task=task, targets=targets, state=state).sum(0)
        torch.testing.assert_close(total, torch.zeros_like(total), atol=1e-7, rtol=0)

    @pytest.mark.parametrize("task", ["single-label", "multi-label"])
    def test_without_strength_it_is_cross_entropy(self, task):
        method, one = make("logit-adjustment", strength=0), batch(task)
        one.state = method.begin(facts(one.targets, task))
        torch.testing.assert_close(method.loss(one), one.hard_loss())


class TestSAM:
    def test_its_step_is_the_gradient_at_the_worst_weights_nearby(self):
        """Of a softmax regression, whose gradient is x^T (p - y) / B."""
        method = make("sam")
        x, y = normal(EXAMPLES, 5), np.arange(EXAMPLES) % CLASSES
        weights = normal(5, CLASSES, seed=1).requires_grad_()
        start = weights.detach().numpy().copy()

        def by_hand(at):
            return x.numpy().T @ (special.softmax(x.numpy() @ at, -1) - np.eye(CLASSES)[y]) / EXAMPLES

        descent = Descent(lambda: method.loss(batch(logits=x @ weights)), [weights], nullcontext)
        method.stepping.gradients(descent)
        there = by_hand(start)
        expected = by_hand(start + 0.05 * there / np.linalg.norm(there))
        np.testing.assert_allclose(weights.grad, expected, rtol=1e-8)
        np.testing.assert_array_equal(weights.detach(), start)

    def test_it_is_baseline_i_but_for_its_steps(self):
        sam, baseline = make("sam"), make("baseline-i")
        assert sam.stepping == Sharpness(rho=0.05, adaptive=False)
        assert {**sam.declaration(), "stepping": None} == {**baseline.declaration(), "stepping": None}
        assert sam.cost == 2 * baseline.cost


class Recording(Training):
    """Keeps the weights that are taken into the mean."""

    def _take_into_mean(self):
        self.__dict__.setdefault("taken", []).append(
            {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        )
        super()._take_into_mean()


def train(method, warmup):
    examples, labels = tiny_examples(samples=48)
    training = Recording(
        labels.task, method, tiny_network(), examples, [], RECIPE, SEEDS, mean=method.collected_mean, warmup=warmup
    )
    training.run()
    return training


class TestSWA:
    def test_it_is_the_plain_mean_along_a_constant_rate(self, cpu):
        training = train(make("swa"), warmup=1)
        assert training.history["lr"] == pytest.approx([0.05, 0.05, 0.025, 0.025])
        assert len(training.taken) == RECIPE.epochs - 1
        for name, value in training.averaged.module.named_parameters():
            total = torch.zeros_like(value)
            for weights in training.taken:
                total += weights[name]
            torch.testing.assert_close(value, total / len(training.taken))

    def test_the_protocols_schedule_holds_for_the_first_half(self):
        schedule = make("swa").schedule
        rates = [schedule.learning_rate(lambda epoch: 0.1 - epoch / 1000, epoch, 50) for epoch in range(50)]
        assert rates == pytest.approx([0.1 - epoch / 1000 for epoch in range(25)] + [0.05] * 25)


class TestMeanTeacher:
    def one(self, task, progress, **rest):
        """The averaged student only answers for the other view."""
        other = torch.ones(EXAMPLES, 1, 4, 4)
        averaged = normal(EXAMPLES, CLASSES, seed=2)
        answers = {id(other): averaged.requires_grad_()}
        return averaged, batch(
            task, progress=progress, view={1: other}.__getitem__, ask_averaged=lambda x: answers[id(x)], **rest
        )

    @pytest.mark.parametrize("task", ["single-label", "multi-label"])
    @pytest.mark.parametrize("progress", [0.0, 0.1, 0.4, 0.9])
    def test_it_adds_the_mean_squared_distance_of_probabilities(self, task, progress):
        averaged, one = self.one(task, progress)
        method = make("mean-teacher", consistency=8, ramp=0.4)
        squash = {"single-label": lambda z: special.softmax(z, -1), "multi-label": special.expit}[task]
        ours, theirs = squash(one.student_logits.numpy()), squash(averaged.detach().numpy())
        apart = sum((ours[i, k] - theirs[i, k]) ** 2 for i in range(EXAMPLES) for k in range(CLASSES))
        weight = {0.0: np.exp(-5), 0.1: np.exp(-5 * 0.75**2), 0.4: 1, 0.9: 1}[progress] * 8
        expected = float(one.hard_loss()) + weight * apart / (EXAMPLES * CLASSES)
        assert float(method.loss(one)) == pytest.approx(expected, rel=1e-9)

    def test_the_mean_does_not_learn(self):
        logits = normal(EXAMPLES, CLASSES).requires_grad_()
        averaged, one = self.one("single-label", 1.0, logits=logits)
        make("mean-teacher").loss(one).backward()
        assert averaged.grad is None
        assert logits.grad.abs().sum() > 0

    def test_the_mean_forgets_step_by_step_from_the_first_on(self, cpu):
        training = train(
            make("mean-teacher", averaging={**make("mean-teacher").averaging.declaration(), "decay": 0.8}), warmup=0
        )
        assert len(training.taken) == RECIPE.epochs * 48 // RECIPE.batch
        expected = dict(training.taken[0])
        for count, weights in enumerate(training.taken[1:], 1):
            decay = min(0.8, count / (count + 1))  # the plain mean at first, as in the authors' code
            for name, value in weights.items():
                if value.is_floating_point():
                    expected[name] = decay * expected[name] + (1 - decay) * value
        for name, value in training.averaged.module.state_dict().items():
            if value.is_floating_point():  # running statistics, too
                torch.testing.assert_close(value, expected[name], atol=1e-6, rtol=1e-4)

    def test_the_mean_is_what_is_used(self):
        assert make("mean-teacher").averaging.reading == "averaged"


class TestCoTeaching:
    def networks(self, **rest):
        ours, theirs = normal(EXAMPLES, CLASSES).requires_grad_(), normal(EXAMPLES, CLASSES, seed=1).requires_grad_()
        return ours, theirs, batch(logits=ours, state=lambda images: theirs, **rest)

    def test_either_learns_from_the_small_losses_of_the_other(self):
        method = make("co-teaching", forget_rate=0.4, gradual=4)
        ours, theirs, one = self.networks(epoch=3)  # 0.4 * 3/4 is left out: 4 of 6 stay
        losses = [cross_entropies(each, one.targets).tolist() for each in (ours, theirs)]
        smallest = [sorted(range(EXAMPLES), key=found.__getitem__)[:4] for found in losses]
        assert set(smallest[0]) != set(smallest[1])
        expected = sum(losses[0][i] for i in smallest[1]) / 4 + sum(losses[1][i] for i in smallest[0]) / 4
        loss = method.loss(one)
        assert loss.item() == pytest.approx(expected, rel=1e-9)
        loss.backward()
        assert set(ours.grad.abs().sum(-1).nonzero()[:, 0].tolist()) == set(smallest[1])
        assert set(theirs.grad.abs().sum(-1).nonzero()[:, 0].tolist()) == set(smallest[0])

    @pytest.mark.parametrize("kind", ["bernoulli-mean", "bernoulli-sum"])
    def test_examples_of_which_little_is_known_do_not_look_clean(self, kind):
        """Of two alike but for what is known, a sum would rank the one with a single label first."""
        method = make("co-teaching", forget_rate=0.5, gradual=0, soft_loss={"kind": kind})
        ours = torch.zeros(2, CLASSES, dtype=torch.float64).requires_grad_()
        theirs = torch.tensor([[0.0] * CLASSES, [0.1] * CLASSES], dtype=torch.float64)
        targets = torch.ones(2, CLASSES, dtype=torch.float64)
        targets[0, 1:] = torch.nan
        one = batch("multi-label", ours, targets, state=lambda images: theirs, soft_loss=method.soft_loss)
        method.loss(one).backward()
        assert ours.grad.abs().sum(1).nonzero()[:, 0].tolist() == [1]

    def test_nothing_is_left_out_at_first(self):
        ours, theirs, one = self.networks(epoch=0)
        expected = cross_entropies(ours, one.targets).mean() + cross_entropies(theirs, one.targets).mean()
        assert make("co-teaching").loss(one).item() == pytest.approx(expected, rel=1e-9)

    def test_the_share_that_is_left_out_rises_and_stays(self):
        method = make("co-teaching", forget_rate=0.3, gradual=3)
        assert [method.forgotten(epoch) for epoch in range(6)] == pytest.approx([0, 0.1, 0.2, 0.3, 0.3, 0.3])
        assert make("co-teaching", forget_rate=0.3, gradual=0).forgotten(0) == 0.3

    def test_the_second_network_is_drawn_for_itself(self):
        drawn = {}
        method = make("co-teaching")
        state = method.begin(facts(torch.arange(4), network=lambda name: drawn.setdefault(name, torch.nn.Linear(2, 2))))
        assert [*drawn.values()] == [state]


class SecondNetwork(torch.nn.Module):
    """The second network: linear, and it notes what it learns from."""

    def __init__(self, images):
        super().__init__()
        self.linear = OneHotImages(1, images)

    def forward(self, images):
        return self.linear.ask(images).logits if self.training else self.linear.logits(images)


class TestDivideMix:
    def division(self, method, losses, number):
        """The state after an epoch has begun in which both networks have such losses, [2, n]."""
        targets = torch.zeros(losses.shape[1], dtype=torch.long)
        state = method.begin(facts(targets, network=lambda purpose: torch.nn.Linear(1, 1)))

        def logits(network=None):
            assert network in (None, state.second)
            p = torch.exp(-losses[0 if network is None else 1])  # of the label, which is class 0
            return torch.stack([p, 1 - p], -1).log()

        method.before_epoch(Epoch(number, 10, state, targets, torch.Generator(), logits))
        return state.chances.double().numpy()

    def test_chances_are_those_of_the_lower_gaussian(self):
        random = np.random.default_rng(0)
        losses = np.stack([np.abs(np.r_[random.normal(0.5, 0.15, 60), random.normal(1.6, 0.4, 40)]) for _ in range(2)])
        found = self.division(make("dividemix", warmup=0.2), torch.from_numpy(losses), number=2)
        for row, values in enumerate(losses):
            x = (values - values.min()) / (values.max() - values.min())
            share, means, variances = np.array([0.5, 0.5]), np.array([0.0, 1.0]), np.array([0.1, 0.1])
            for _ in range(300):
                density = share * stats.norm(means, np.sqrt(variances)).pdf(x[:, None])
                chance = density / density.sum(1, keepdims=True)
                share, means = chance.mean(0), (chance * x[:, None]).sum(0) / chance.sum(0)
                variances = (chance * (x[:, None] - means) ** 2).sum(0) / chance.sum(0) + 5e-4
            assert np.abs(found[row] - chance[:, 0]).mean() < 0.03
            assert ((found[row] > 0.5) == (chance[:, 0] > 0.5)).mean() > 0.97

    def test_nothing_is_divided_in_the_warmup(self):
        found = self.division(make("dividemix", warmup=0.2), torch.rand(2, 20), number=1)
        assert (found == 1).all()

    def test_both_learn_from_labels_in_the_warmup(self):
        method, state, network = self.prepared(warmup=0.3)
        one = self.one(state, network, progress=0.29)
        z = [network.logits(one.images), state.second.linear.logits(one.images)]
        expected = sum(cross_entropies(each, one.targets).mean() for each in z)
        assert method.loss(one).item() == pytest.approx(expected, rel=1e-9)

    def prepared(self, **parameters):
        method = make("dividemix", **parameters)
        state = method.begin(facts(torch.zeros(9), network=lambda purpose: SecondNetwork(2 * EXAMPLES)))
        state.chances = torch.rand(2, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        return method, state, OneHotImages(0, 2 * EXAMPLES)

    def one(self, state, network, **rest):
        return batch(
            images=network.drawn(EXAMPLES, 0, 2 * EXAMPLES),
            view=lambda number: network.drawn(EXAMPLES, number * EXAMPLES, 2 * EXAMPLES),
            ask=network.ask,
            student=network.logits,
            state=state,
            positions=torch.tensor([8, 1, 3, 5, 0, 6]),
            **rest,
        )

    @pytest.mark.parametrize(("progress", "weight"), [(0.1, 0), (0.3, 3.5), (0.9, 7)])
    def test_it_is_the_papers_algorithm_by_loops(self, progress, weight):
        method, state, network = self.prepared(warmup=0.1, rise=0.4, unlabelled_weight=7, threshold=0.4, sharpening=0.5)
        one = self.one(state, network, progress=progress)
        loss = method.loss(one).item()
        networks = [network, state.second.linear]
        assert [len(each.asked) for each in networks] == [1, 1]  # one pass each to learn from
        p = [special.softmax(each.weights.numpy(), -1) for each in networks]  # of image i in row i
        expected = 0.0
        for row, each in enumerate(networks):
            labels, labelled = [], []
            for i, position in enumerate(one.positions.tolist()):
                w = state.chances[1 - row, position].item()  # the other network's division
                own = (p[row][i] + p[row][EXAMPLES + i]) / 2
                both = sum(p[k][i] + p[k][EXAMPLES + i] for k in (0, 1)) / 4
                y = w * np.eye(CLASSES)[one.targets[i]] + (1 - w) * own if w > 0.4 else both
                labels.append(y**2 / (y**2).sum())
                labelled.append(w > 0.4)
            assert 0 < sum(labelled) < EXAMPLES
            labels, labelled = np.array(labels * 2), labelled * 2
            share, partners = each.read(each.asked[0])
            assert share >= 0.5
            said = special.softmax(each.logits(each.asked[0]).numpy(), -1)
            mixed = share * labels + (1 - share) * labels[partners]
            surprises = [-(mixed[i] * np.log(said[i])).sum() for i in range(2 * EXAMPLES) if labelled[i]]
            distances = [((said[i] - mixed[i]) ** 2).mean() for i in range(2 * EXAMPLES) if not labelled[i]]
            uneven = stats.entropy(np.full(CLASSES, 1 / CLASSES), said.mean(0))
            expected += np.mean(surprises) + weight * np.mean(distances) + uneven
        assert loss == pytest.approx(expected, rel=1e-9)

    def test_the_weight_of_the_unlabelled_says_nothing_where_all_are_labelled(self):
        losses = []
        for weight in (0, 1000):
            method, state, network = self.prepared(unlabelled_weight=weight)
            state.chances[:] = 1
            losses.append(method.loss(self.one(state, network, progress=0.9)))
        torch.testing.assert_close(*losses)

    def test_the_larger_share_is_an_images_own(self):
        method, state, network = self.prepared(concentration=2)
        for step in range(200):
            method.loss(self.one(state, network, progress=0.5, step=step))
        shares = [network.read(images)[0] for images in network.asked]
        own = stats.beta(2, 2)
        assert min(shares) >= 0.5
        assert stats.kstest(shares, lambda share: own.cdf(share) - own.cdf(1 - share)).pvalue > 1e-3

    def test_labels_say_nothing_where_none_are_labelled(self):
        losses = []
        for targets in (torch.arange(EXAMPLES) % CLASSES, torch.zeros(EXAMPLES).long()):
            method, state, network = self.prepared()
            state.chances[:] = 0
            losses.append(method.loss(self.one(state, network, progress=0.9, targets=targets)))
        torch.testing.assert_close(*losses)

    def test_guesses_are_made_in_eval_mode_and_are_constants(self):
        method, state, network = self.prepared()
        network.weights.requires_grad_()
        modes = []
        state.second.register_forward_hook(lambda module, given, found: modes.append(module.training))
        one = self.one(state, network, progress=0.5)
        one.state.chances[:] = 0  # all labels are guesses
        method.loss(one).backward()
        assert modes == [False, True]
        assert state.second.training
        images = network.asked[0].flatten(1)
        share, partners = network.read(network.asked[0])
        with torch.no_grad():
            p = torch.stack([network.weights, state.second.linear.weights]).softmax(-1).mean(0)
            y = p.unflatten(0, (2, -1)).mean(0) ** 2
            y = (y / y.sum(-1, keepdim=True)).repeat(2, 1)
            y = share * y + (1 - share) * y[partners]
        weights = network.weights.detach().clone().requires_grad_()
        said = (images @ weights).softmax(-1)
        loss = 25 * (0.5 - 0.2) / 0.32 * (said - y).square().mean() - said.mean(0).log().mean()
        loss.backward()
        torch.testing.assert_close(network.weights.grad, weights.grad)

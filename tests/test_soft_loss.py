"""Readings of the loss from teachers, each against an independent computation, and the balance of its two parts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import TINY
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax
from tiny import RECIPE, SEEDS, tiny_examples, tiny_network
from torch.nn import functional

from roskdbench.engine.training import Training
from roskdbench.errors import UserError
from roskdbench.method import BernoulliMean, BernoulliSum, EachTeacher, Method, Mixture, Softmax, make_method
from roskdbench.plan import plan
from roskdbench.plugins import discover
from roskdbench.suite import read_suite

K, B, C = 3, 7, 5
KINDS = (BernoulliMean, BernoulliSum, Softmax)
TASKS = ("single-label", "multi-label")


def tensors(seed, classes=C):
    generator = torch.Generator().manual_seed(seed)
    teachers = torch.randn(K, B, classes, generator=generator, dtype=torch.float64)
    student = torch.randn(B, classes, generator=generator, dtype=torch.float64)
    weights = torch.rand(K, B, generator=generator, dtype=torch.float64) + 0.1
    findings = (torch.rand(B, classes, generator=generator) < 0.3).to(torch.uint8)
    return teachers, student, weights / weights.sum(0), findings


seeds = st.integers(0, 10_000)


@given(seeds, st.sampled_from([0.5, 1.0, 4.0]))
def test_sums_over_findings_are_torchs_own(seed, temperature):
    teachers, student, weights, findings = tensors(seed)
    reading = BernoulliSum()
    hard = functional.binary_cross_entropy_with_logits(student, findings.double(), reduction="none").sum(-1)
    torch.testing.assert_close(reading.hard("multi-label", student, findings), hard)
    q = torch.distributions.Bernoulli(logits=teachers / temperature)
    p = torch.distributions.Bernoulli(logits=(student / temperature).expand_as(teachers))
    wanted = torch.distributions.kl_divergence(q, p).sum(-1)
    found = reading.divergences("multi-label", teachers, student, temperature)
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=1e-6)
    mixed = torch.distributions.Bernoulli(probs=(weights[..., None] * q.probs).sum(0))
    own = torch.distributions.Bernoulli(logits=student / temperature)
    torch.testing.assert_close(
        reading.mixture_divergence("multi-label", teachers, weights, student, temperature),
        torch.distributions.kl_divergence(mixed, own).sum(-1),
        atol=1e-9,
        rtol=1e-6,
    )


def test_only_findings_that_are_known_are_summed():
    _, student, _, findings = tensors(1)
    known = findings.double()
    known[:, :2] = torch.nan
    wanted = functional.binary_cross_entropy_with_logits(
        student[:, 2:], findings[:, 2:].double(), reduction="none"
    ).sum(-1)
    torch.testing.assert_close(BernoulliSum().hard("multi-label", student, known), wanted)


@given(seeds, st.sampled_from([0.5, 2.0]))
def test_softmax_over_findings_is_scipys_relative_entropy_and_its_hard_loss_the_mean(seed, temperature):
    teachers, student, _, findings = tensors(seed)
    q, p = softmax(teachers.numpy() / temperature, -1), softmax(student.numpy() / temperature, -1)
    found = Softmax().divergences("multi-label", teachers, student, temperature).numpy()
    np.testing.assert_allclose(found, rel_entr(q, p[None]).sum(-1), atol=1e-10)
    hard = functional.binary_cross_entropy_with_logits(student, findings.double(), reduction="none").mean(-1)
    torch.testing.assert_close(Softmax().hard("multi-label", student, findings), hard)


@pytest.mark.parametrize("kind", KINDS)
def test_for_one_label_all_readings_are_one(kind):
    teachers, student, weights, _ = tensors(2)
    targets = torch.arange(B) % C
    usual = BernoulliMean()
    assert torch.equal(
        kind().hard("single-label", student, targets), functional.cross_entropy(student, targets, reduction="none")
    )
    for name, given_weights in (("divergences", ()), ("mixture_divergence", (weights,))):
        one, other = (
            getattr(each, name)("single-label", teachers, *given_weights, student, 2.0) for each in (kind(), usual)
        )
        assert torch.equal(one, other)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [2, 8, 14])
@pytest.mark.parametrize("temperature", [0.25, 0.5, 2.0, 8.0])
def test_balanced_parts_start_with_gradients_of_one_length(task, kind, classes, temperature):
    """In the root mean square over examples, at logits of zero; taken from the loss itself, one part at a time."""
    teachers, _, _, findings = tensors(3, classes)
    targets = torch.arange(B) % classes if task == "single-label" else findings
    reading = kind(balanced=True)
    scale = reading.balance(task, teachers, targets, temperature)
    lengths = []
    for part in ("hard", "soft"):
        start = torch.zeros(B, classes, dtype=torch.float64, requires_grad=True)
        equal = torch.full((K, 1), 1 / K, dtype=torch.float64)
        hard = reading.hard(task, start, targets)
        soft = scale * reading.mixture_divergence(task, teachers, equal, start, temperature)
        (hard if part == "hard" else soft).sum().backward()
        lengths.append(float(start.grad.norm()))
    assert lengths[1] == pytest.approx(lengths[0], rel=1e-9)


@pytest.mark.parametrize("matching", [EachTeacher(), Mixture()])
@pytest.mark.parametrize("alpha", [0.1, 0.9])
@pytest.mark.parametrize("temperature", [0.5, 4.0])
def test_a_training_begins_balanced_whatever_alpha_and_temperature(cpu, matching, alpha, temperature):
    """A fresh network's logits are near zero, and the training asks for the balance there."""
    method = Method(matching=matching, alpha=alpha, temperature=temperature, soft_loss=BernoulliSum(balanced=True))
    examples, labels = tiny_examples("multi-label")
    random = np.random.default_rng(0)
    bank = [random.normal(-1, 1, (RECIPE.view_count, len(labels), 8)).astype(np.float32) for _ in range(2)]
    started = Training(
        task="multi-label",
        method=method,
        network=tiny_network(1),
        examples=examples,
        bank=bank,
        recipe=RECIPE,
        seeds=SEEDS,
    )
    logits = torch.zeros(len(labels), 8, requires_grad=True)
    teachers, targets = torch.from_numpy(np.stack([each[0] for each in bank])), torch.from_numpy(labels.targets)
    weights = torch.full((2, 1), 0.5)
    soft = started.soft_scale * BernoulliSum().mixture_divergence("multi-label", teachers, weights, logits, temperature)
    hard = BernoulliSum().hard("multi-label", logits, targets)
    one, other = (torch.autograd.grad(each.sum(), logits, retain_graph=True)[0].norm() for each in (soft, hard))
    assert float(one) == pytest.approx(float(other), rel=1e-4)
    started.run()
    assert np.isfinite(started.history["loss"]).all()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("changes", [{"mixup": 0.8}, {"label_smoothing": 0.3}, {"mixup": 0.8, "label_smoothing": 0.3}])
def test_a_training_begins_balanced_with_the_labels_that_it_meets(cpu, task, changes):
    examples, labels = tiny_examples(task)
    random = np.random.default_rng(0)
    bank = [random.normal(-1, 1, (RECIPE.view_count, len(labels), 8)).astype(np.float32)]
    started = Training(
        task=task,
        method=Method(temperature=1.0, soft_loss=BernoulliSum(balanced=True)),
        network=tiny_network(3 if task == "single-label" else 1),
        examples=examples,
        bank=bank,
        recipe=replace(RECIPE, **changes),
        seeds=SEEDS,
    )
    logits = torch.zeros(len(labels), 8, requires_grad=True)
    met = started.lessons.lesson(0, None, task, 8).targets
    if task == "single-label" and not met.is_floating_point():
        met = functional.one_hot(met, 8)
    share = changes.get("label_smoothing", 0)
    met = (1 - share) * met.float() + share / (8 if task == "single-label" else 2)
    if task == "single-label":
        hard = functional.cross_entropy(logits, met, reduction="sum")
        teacher = functional.softmax(torch.from_numpy(bank[0][0]), -1)
        soft = functional.kl_div(functional.log_softmax(logits, -1), teacher, reduction="sum")
    else:
        hard = functional.binary_cross_entropy_with_logits(logits, met, reduction="sum")
        teacher = torch.sigmoid(torch.from_numpy(bank[0][0]))
        soft = functional.binary_cross_entropy_with_logits(logits, teacher, reduction="sum")
    lengths = [float(torch.autograd.grad(each, logits)[0].norm()) for each in (hard, soft)]
    assert started.soft_scale == pytest.approx(lengths[0] / lengths[1], rel=1e-4)


def test_logits_may_be_multiplied_by_the_temperature():
    assert BernoulliMean(temperature="multiplies").divisor(0.5) == 2.0
    assert BernoulliMean().divisor(0.5) == 0.5


def planned(tmp_path, *settings):
    (tmp_path / "tiny.yaml").write_text(TINY.replace("phantom-lesion", "phantom-chest").replace("lesion:", "chest:"))
    return plan(read_suite(str(tmp_path / "tiny.yaml"), settings), discover())


def test_a_balance_with_changed_labels_is_another_training(tmp_path):
    balanced = "protocol.distillation={soft_loss: {kind: bernoulli-sum, balanced: true}}"
    for settings, changed in (
        ([balanced], False),
        (["protocol.label_smoothing=0.1"], False),
        ([balanced, "protocol.label_smoothing=0.1"], True),
        ([balanced, "protocol.mixup=0.4", "experiments.main.methods=[baseline-iii]"], True),
    ):
        specs = [job.spec for job in planned(tmp_path, *settings).jobs.values() if job.kind == "trajectory"]
        assert specs
        taught = [spec for spec in specs if "matching" in spec["method"]]
        assert taught
        assert all(("balance" in spec) == (changed and spec in taught) for spec in specs)


def test_the_protocol_speaks_for_methods_that_leave_it_open(tmp_path):
    given_settings = ["protocol.distillation={soft_loss: bernoulli-sum, temperature: 3, alpha: 0.5}"]
    methods = "experiments.main.methods=[baseline-v, {method: ros-kd, temperature: 1, title: Other}]"
    made = planned(tmp_path, *given_settings, methods)
    found = {job.label: job.spec["method"] for job in made.jobs.values() if job.kind == "trajectory"}
    assert len(found) == 2  # temperature apart, they are one training
    for label, spec in found.items():
        assert spec["soft_loss"] == {"kind": "bernoulli-sum"}
        assert (spec["temperature"], spec["alpha"]) == ((1.0, 0.5) if label.startswith("ros-kd") else (3.0, 0.5))


def test_teachers_sum_their_loss_where_students_do_and_are_shared_otherwise(tmp_path):
    def teachers(*settings):
        return {each for each, job in planned(tmp_path, *settings).jobs.items() if job.kind == "teacher"}

    usual = teachers()
    assert teachers("protocol.distillation.soft_loss=softmax") == usual
    assert teachers("protocol.distillation.temperature=4") == usual
    assert not teachers("protocol.distillation.soft_loss=bernoulli-sum") & usual


def test_a_loss_as_ever_leaves_no_trace_in_declarations():
    declared = make_method(discover(), "ros-kd").declaration()
    assert "soft_loss" not in declared
    other = make_method(discover(), "ros-kd", {"soft_loss": {"kind": "softmax", "balanced": True}})
    assert other.declaration()["soft_loss"] == {"kind": "softmax", "balanced": True}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "protocol.distillation.soft_loss=bernuolli-sum",
            "unknown soft-loss 'bernuolli-sum'; did you mean 'bernoulli-sum'",
        ),
        ("protocol.distillation.soft_loss={kind: softmax, balancd: true}", "softmax has no setting 'balancd'"),
        ("protocol.distillation.temperature=0", "greater than 0"),
        ("protocol.distillation={temprature: 2}", "did you mean 'temperature'"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, setting, message):
    with pytest.raises(UserError, match=message):
        planned(tmp_path, setting)

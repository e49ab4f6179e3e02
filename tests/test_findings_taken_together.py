"""What a method adds to the labels' loss keeps its weight, whether findings are taken together by mean or by sum."""

import numpy as np
import pytest
import torch
from tiny import SEEDS, tiny_examples, tiny_network

from roskdbench.engine.recipe import Recipe
from roskdbench.engine.training import Training
from roskdbench.method import BernoulliMean, BernoulliSum, Softmax, make_method
from roskdbench.plugins import discover
from roskdbench.suite.augmentation import PRESETS
from roskdbench.suite.protocol import Protocol

FINDINGS, SAMPLES = 8, 24
OTHERWISE = {
    "mld": "reads findings in a way of its own",
    "ca-mkd": "how near teachers are to labels is in a softmax over teachers: to all labels, or to one on average",
    "mtkd-rl": "its agent sees losses, and what it learns from is standardised",
}
NAMES = [
    name
    for name, entry in discover().of("method").items()
    if entry.bundled and "multi-label" in entry.thing.tasks and entry.thing.trains_student and name not in OTHERWISE
]


def gradients(name, reading, cpu, targets=None, **parameters):
    """Of all that a method learns, in its only step."""
    method = make_method(discover(), name, {"soft_loss": reading, **parameters})
    examples, _ = tiny_examples("multi-label", SAMPLES, cpu)
    if targets is not None:
        examples.targets[:] = targets
    random = np.random.default_rng(0)
    teachers = len(method.teachers.slots(Protocol(), 0.4))
    bank = [random.normal(size=(1, SAMPLES, FINDINGS)).astype(np.float32) for _ in range(teachers)]
    training = Training(
        task="multi-label",
        method=method,
        network=tiny_network(1),
        examples=examples,
        bank=bank if method.uses_teacher_logits else [],
        recipe=Recipe(1, SAMPLES, 1e-4, 0.0, 0.0, (), 0.1, PRESETS["light"], None),
        seeds=SEEDS,
        mean=method.collected_mean,
        warmup=0,
        teachers=[tiny_network(1, seed=1 + each) for each in range(teachers)] if method.asks_teachers else [],
        fresh_network=lambda purpose: tiny_network(1, seed=7),
    )
    training.run()
    return torch.cat([each.grad.flatten() for each in training.learnt if each.grad is not None])


@pytest.mark.parametrize("name", NAMES)
def test_the_sum_over_findings_is_the_mean_as_many_times_in_every_part_of_a_loss(name, cpu):
    """All labels are known here, and a sum of 8 is 8 times a mean; so is every gradient, or a part lost its weight."""
    mean, total = (gradients(name, kind, cpu) for kind in ("bernoulli-mean", "bernoulli-sum"))
    assert mean.norm() > 0
    assert (total / FINDINGS - mean).norm() / mean.norm() < 2e-3


@pytest.mark.parametrize("name", ["ca-mkd", "mtkd-rl"])
def test_hints_count_as_often_as_findings_are_summed(name, cpu):
    """What they add to the gradient; the weights of teachers differ a little, with how sure a reading makes of them."""

    def of_hints(reading):
        return gradients(name, reading, cpu, hint_weight=1000.0) - gradients(name, reading, cpu, hint_weight=0.0)

    mean, total = of_hints("bernoulli-mean"), of_hints("bernoulli-sum")
    assert 4 < total.norm() / mean.norm() < 12


def test_a_term_of_each_finding_is_taken_together_over_those_that_are_known():
    random = torch.Generator().manual_seed(0)
    each = torch.rand(5, FINDINGS, generator=random, dtype=torch.float64)
    known = torch.rand(5, FINDINGS, generator=random) < 0.6
    known[4] = False
    hidden = each.where(known, torch.nan)
    for reading in (BernoulliMean(), Softmax()):
        assert torch.allclose(reading.over_findings(each, known)[:4], hidden[:4].nanmean(-1))
        assert torch.allclose(reading.over_findings(each), each.mean(-1))
        assert reading.parts("multi-label", FINDINGS) == 1
    total = BernoulliSum()
    assert torch.allclose(total.over_findings(each, known), hidden.nansum(-1))
    assert torch.allclose(total.over_findings(each), each.sum(-1))
    assert (total.parts("multi-label", FINDINGS), total.parts("single-label", FINDINGS)) == (FINDINGS, 1)
    assert all(reading.over_findings(each, known)[4] == 0 for reading in (BernoulliMean(), total))


@pytest.mark.parametrize("reading", [BernoulliMean(), BernoulliSum()])
def test_terms_of_findings_are_taken_together_as_the_labels_loss_is(reading):
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(6, FINDINGS, generator=random, dtype=torch.float64)
    labels = (torch.rand(6, FINDINGS, generator=random) < 0.4).double()
    labels[torch.rand(6, FINDINGS, generator=random) < 0.3] = torch.nan
    known = ~labels.isnan()
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
    assert torch.allclose(reading.over_findings(each, known), reading.hard("multi-label", logits, labels))

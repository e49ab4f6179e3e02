"""Distillation against a plain loop of torch's own parts: the same images, views and teachers' logits, no code of the
engine, of losses or of averaging.
"""

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from tiny import ARCHITECTURE, RECIPE, SEEDS, tiny_examples, tiny_network
from torch.nn import functional

from roskdbench.engine.examples import epoch_order
from roskdbench.engine.training import Training
from roskdbench.method import BernoulliMean, BernoulliSum, Method, Mixture, RunningMean, Softmax

ALPHA, TEMPERATURE, BATCH = 0.7, 2.0, 36  # small batches blow rounding up


def plain_loss(task, reading, student, teachers, targets):
    """Written out for each reading, with torch's own divergences."""
    t = TEMPERATURE
    if task == "single-label" or reading is Softmax:
        q = (teachers / t).softmax(-1).mean(0)
        soft = functional.kl_div((student / t).log_softmax(-1), q, reduction="batchmean")
    else:
        q = (teachers / t).sigmoid().mean(0)
        each = functional.binary_cross_entropy_with_logits(student / t, q, reduction="none")
        each = each + (torch.special.xlogy(q, q) + torch.special.xlogy(1 - q, 1 - q))
        soft = (each.sum(1) if reading is BernoulliSum else each.mean(1)).mean()
    if task == "single-label":
        hard = functional.cross_entropy(student, targets)
    else:
        reduction = "sum" if reading is BernoulliSum else "mean"
        hard = functional.binary_cross_entropy_with_logits(student, targets.float(), reduction=reduction)
        hard = hard / len(student) if reduction == "sum" else hard
    return ALPHA * t**2 * soft + (1 - ALPHA) * hard


def plain_student(task, reading, start, views, orders, bank, targets):
    """The student of a loop that a reader can check line by line, and the mean of its weights after each epoch."""
    channels = views[0].shape[1]
    options = {key: tuple(value) for key, value in ARCHITECTURE["options"].items()}
    body = timm.create_model("resnet18", in_chans=channels, num_classes=8, **options)
    body.load_state_dict({name[5:]: value for name, value in start.items() if name.startswith("body.")})
    momenta = {name: torch.zeros_like(value) for name, value in body.named_parameters()}
    mean = {}
    for epoch in range(len(views)):
        rate = RECIPE.lr * (RECIPE.factor if epoch >= 1 else 1.0)
        body.train()
        for positions in orders[epoch].split(BATCH):
            if len(positions) < 2:
                continue
            logits = body((views[epoch][positions] - start["mean"]) / start["deviation"])
            teachers = torch.stack([torch.from_numpy(each[epoch])[positions] for each in bank])
            loss = plain_loss(task, reading, logits, teachers, targets[positions])
            body.zero_grad()
            loss.backward()
            with torch.no_grad():
                for name, value in body.named_parameters():
                    gradient = value.grad + RECIPE.weight_decay * value
                    momenta[name] = RECIPE.momentum * momenta[name] + gradient
                    value.sub_(rate * momenta[name])
        for name, value in body.named_parameters():
            mean[name] = (epoch * mean.get(name, 0.0) + value.detach()) / (epoch + 1)
    return body, mean


@pytest.mark.parametrize(
    ("task", "reading"),
    [
        ("single-label", BernoulliMean),
        ("multi-label", BernoulliMean),
        ("multi-label", BernoulliSum),
        ("multi-label", Softmax),
    ],
)
@pytest.mark.parametrize(("epochs", "apart"), [(1, 1e-3), (2, 2e-3)])
def test_a_plain_loop_trains_the_same_student(cpu, task, reading, epochs, apart):
    """Step by step they differ by rounding, which random teachers let grow: from the second epoch on visibly."""
    channels = 3 if task == "single-label" else 1
    examples, labels = tiny_examples(task)
    random = np.random.default_rng(0)
    bank = [random.normal(0, 1, (epochs, len(labels), 8)).astype(np.float32) for _ in range(3)]
    network = tiny_network(channels)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    method = Method(matching=Mixture(), soft_loss=reading(), alpha=ALPHA, temperature=TEMPERATURE)
    trained = Training(
        task=task,
        method=method,
        network=network,
        examples=examples,
        bank=bank,
        recipe=replace(RECIPE, batch=BATCH, epochs=epochs, milestones=(1,)),
        seeds=SEEDS,
        mean=RunningMean(),
    )
    everything = torch.arange(len(labels))
    views = [examples.views(everything, epoch, SEEDS.views, RECIPE.augmentation) for epoch in range(epochs)]
    orders = [epoch_order(len(labels), epoch, SEEDS.order) for epoch in range(epochs)]
    targets = torch.from_numpy(labels.targets)
    trained.run()
    body, mean = plain_student(task, reading, start, views, orders, bank, targets)

    ours = dict(trained.network.body.named_parameters())
    for name, value in body.named_parameters():
        torch.testing.assert_close(ours[name].detach(), value.detach(), atol=apart, rtol=0)
    moved = max((value.detach() - start[f"body.{name}"]).abs().max() for name, value in body.named_parameters())
    assert moved > 2 * apart  # it has learnt something
    averaged = dict(trained.averaged.module.body.named_parameters())
    for name, value in mean.items():
        torch.testing.assert_close(averaged[name].detach(), value, atol=apart, rtol=0)
    statistics = [each for name, each in body.state_dict().items() if name.endswith("running_mean")]
    found = [each for name, each in trained.network.body.state_dict().items() if name.endswith("running_mean")]
    for one, other in zip(statistics, found, strict=True):
        torch.testing.assert_close(one, other, atol=10 * apart, rtol=0)

"""Choosing a network's form by trying a few training steps in each. Measured, because it differs by processor."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import torch
from torch.nn import functional

from roskdbench.engine import networks
from roskdbench.engine.device import ComputeConfig
from roskdbench.plugins import Registry

FORMS = [ComputeConfig("float32", True), ComputeConfig("float32", False), ComputeConfig("bf16", True)]
STEPS = 4
HOPELESS = 3.0  # times the fastest form so far: not worth another step
MARGIN = 0.9  # another form than the first must need less than this share of its time
LONG = 300.0  # seconds that a training takes at least, for compiling to be worth a try


@dataclass(frozen=True)
class Case:
    """What is trained in a step, where."""

    architecture: Mapping[str, Any]
    size: int
    batch: int
    device: torch.device
    channels: int = 3
    stem: str = "standard"
    registry: Registry | None = None


def choose(case: Case, steps: float = 0) -> tuple[ComputeConfig, dict[str, float]]:
    """The form that trains fastest here, and the seconds that a step took in each.

    Compiling takes minutes the first time, and seconds in every process after that: it is tried only if `steps`, those
    of one training, take long, and taken where it saves a tenth.
    """
    seconds: dict[str, float] = {}

    def tried(config: ComputeConfig, enough: float = inf) -> float:
        seconds[str(config)] = found = step_seconds(config, case, enough)
        return found

    best, *others = FORMS
    usual = fastest = tried(best)
    for config in others:
        found = tried(config, HOPELESS * fastest)
        if found < min(fastest, MARGIN * usual):
            best, fastest = config, found
    if steps * fastest >= LONG:
        from torch._dynamo.exc import TorchDynamoException

        compiled = replace(best, compiled=True)
        with suppress(TorchDynamoException):  # no compiler here, or one that cannot do this network
            best = compiled if tried(compiled) < MARGIN * fastest else best
    return best, seconds


def step_seconds(config: ComputeConfig, case: Case, enough: float = inf) -> float:
    """The fastest of some steps; there are no more if two took `enough`. The first has kernels to load."""
    step, fastest = training_step(config, case), inf
    for number in range(STEPS):
        start = time.perf_counter()
        step()
        fastest = min(fastest, time.perf_counter() - start)
        if number and fastest > enough:
            break
    return fastest


def training_step(config: ComputeConfig, case: Case) -> Callable[[], None]:
    """Takes a training step on a batch of random images when it is called."""
    channels, size, device = case.channels, case.size, case.device
    statistics = {"mean": [0.5] * channels, "deviation": [0.25] * channels}
    network = (
        networks.build(case.architecture, channels, 8, size, case.stem, statistics, 0, case.registry).to(device).train()
    )
    config = config.lay_out(network)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    images = config.images(torch.rand(case.batch, channels, size, size, device=device))
    targets = torch.arange(case.batch, device=device) % 8
    forward = config.in_training(network)

    def step() -> None:
        with config.computing(device):
            logits = forward(images)
        loss = functional.cross_entropy(logits.float(), targets)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        loss.item()

    return step

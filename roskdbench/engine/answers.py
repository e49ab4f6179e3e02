"""What networks say of images during a training: the student as it learns and as it stands, and its teachers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.examples import Examples, batches
from roskdbench.engine.networks import Classifier
from roskdbench.method import Output

PREDICTED = 256  # samples that are asked about at once

Found = TypeVar("Found")


class Answers:
    """Asks networks in a training's precision and layout, for as much of a pass as its method wants."""

    def __init__(
        self, network: Classifier, teachers: Sequence[Classifier], config: ComputeConfig, features: bool, maps: bool
    ) -> None:
        self._network, self._teachers, self._config = network, teachers, config
        self._features, self._maps = features, maps
        self._ask = self._pass_of(network)
        self._ask_full_batch = config.in_training(self._ask)

    def as_it_learns(self, images: Tensor, learns: bool, full_batch: bool) -> Output:
        """The student's, with gradient where it learns. Images of a full batch may go through a compiled pass."""
        ask = self._ask_full_batch if full_batch else self._ask
        with torch.set_grad_enabled(learns), self._config.computing(images.device):
            return _output(ask(images))

    def as_it_stands(self, network: nn.Module, images: Tensor) -> Tensor:
        """A network's logits in eval mode. Gradient reaches the images where they want one, and never the network."""
        mode = network.training
        network.eval()
        with _frozen(network, images.requires_grad), self._config.computing(images.device):
            logits: Tensor = network(images)
        network.train(mode)
        return logits.float()

    def of_teachers(self, images: Tensor) -> tuple[Output, ...]:
        """Of each teacher; gradient reaches the images where they want one."""
        with torch.set_grad_enabled(images.requires_grad), self._config.computing(images.device):
            return tuple(_output(self._pass_of(teacher)(images)) for teacher in self._teachers)

    def of_all(self, network: nn.Module, examples: Examples) -> Tensor:
        """A network's logits for every example as it is, without augmentation. [n, C]"""
        found = []
        with torch.no_grad():
            for positions in batches(torch.arange(len(examples), device=examples.device), PREDICTED):
                images = self._config.images(examples.raw(positions).float() / 255)
                found.append(self.as_it_stands(network, images))
        return torch.cat(found)

    def _pass_of(self, network: Classifier) -> Callable[[Tensor], Any]:
        if self._maps:
            return network.with_maps
        return network.with_features if self._features else network


def alone(method: Callable[..., Found]) -> Callable[..., Found]:
    """A function that does what a bound method does, and does not lead back to its object."""

    def ask(*given: Any) -> Found:
        return method(*given)

    return ask


@contextmanager
def statistics_kept(*networks: nn.Module | None) -> Iterator[None]:
    """BatchNorm takes the statistics of its images, and remembers nothing of them."""
    modules = dict.fromkeys(each for network in networks if network is not None for each in network.modules())
    layers: list[Any] = [each for each in modules if getattr(each, "track_running_stats", False)]
    for each in layers:
        each.track_running_stats = False
    try:
        yield
    finally:
        for each in layers:
            each.track_running_stats = True


def _output(answer: Any) -> Output:
    """Logits in float32, whatever they were computed in, and what else there is."""
    logits, *rest = answer if isinstance(answer, tuple) else (answer,)
    return Output(logits.float(), *rest)


@contextmanager
def _frozen(network: nn.Module, towards_images: bool) -> Iterator[None]:
    """A pass in which gradient reaches the images if it may, and no parameter."""
    learning = [each for each in network.parameters() if each.requires_grad] if towards_images else []
    for each in learning:
        each.requires_grad_(False)
    try:
        with torch.set_grad_enabled(towards_images):
            yield
    finally:
        for each in learning:
            each.requires_grad_(True)

"""A network of one's own: any factory of an nn.Module, declared in one file."""

from collections.abc import Callable
from typing import Any, TypeVar

from roskdbench.plugins import keep

Factory = TypeVar("Factory", bound=Callable[..., Any])


def network(name: str) -> Callable[[Factory], Factory]:
    """Make a factory known as a network: `@network("my-net")` above
    `def my_net(channels, classes, size, **options)`. It returns an nn.Module from images [B, channels, size, size] to
    logits [B, classes]; `options` are those of a suite.
    """

    def take(factory: Factory) -> Factory:
        return keep("network", name, factory, factory.__module__)

    return take

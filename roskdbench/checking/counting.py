"""How many training passes a method makes: what it says of its cost is held against what it does."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roskdbench.method import Method

if TYPE_CHECKING:
    from torch import nn

FORWARD, TO_IMAGES = 1 / 3, 2 / 3  # of a training pass: without gradient, and with one that stops at the images
NEAR = 0.1  # how far a method's word may be off


@dataclass
class PassCount:
    """Counts the images that go through networks, each by how far gradient can go."""

    images: float = 0.0

    def watch(self, network: "nn.Module") -> None:
        """Count what goes through a network, or through a copy that is made of it later."""
        import torch

        first = next(each for each in network.modules() if isinstance(each, torch.nn.Conv2d))
        first.register_forward_hook(self._count)

    def _count(self, layer: Any, given: tuple[Any, ...], _: Any) -> None:
        import torch

        learns = layer.weight.requires_grad
        share = (1.0 if learns else TO_IMAGES) if torch.is_grad_enabled() else FORWARD
        if not learns and not given[0].requires_grad:
            share = FORWARD
        self.images += share * len(given[0])

    def __deepcopy__(self, memory: dict[int, Any]) -> "PassCount":
        return self  # a copied network is counted with the one that it was copied from


def misjudged(method: Method, student: float, teachers: float, met: float) -> str | None:
    """What speaks against a method's word, if it makes so many passes through its student and each teacher a step. It
    may count by all samples, or by the share of them that its epochs met.
    """
    found = []
    for what, name, counted, said in (
        ("the student", "passes", student, method.cost),
        ("each teacher", "teacher_passes", teachers, method.teacher_passes),
    ):
        near = max(NEAR, NEAR * counted)
        if not counted - near <= said <= counted / met + near:
            found.append(
                f"it makes {counted:.2f} passes through {what} in a step and says {said:.2f}: say so in `{name}`"
            )
    return "; ".join(found) or None

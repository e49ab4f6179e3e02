"""Whether all that a loss asks for trains something: each answer is changed in turn, and the gradient looked at."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    from roskdbench.method import Batch

ASKED = ("ask", "student", "ask_teachers", "ask_averaged")
Changed = tuple[str, int] | None
"""The function whose answer is changed, and at which of its calls."""


def trains_nothing(loss_of: "Callable[[Batch], torch.Tensor]", batch: "Batch", network: "nn.Module") -> str | None:
    """What changes the loss of a step and none of its gradients."""
    import torch

    from roskdbench.engine.answers import statistics_kept

    with statistics_kept(network):
        loss, calls = _asked(loss_of, batch, None)
        if not (isinstance(loss, torch.Tensor) and loss.requires_grad):
            return None
        learnt = _leaves(loss)
        gradients = _gradients(loss, learnt)
        for name, times in calls.items():
            for call in range(times):
                other, _ = _asked(loss_of, batch, (name, call))
                if not torch.equal(loss, other) and all(map(torch.equal, gradients, _gradients(other, learnt))):
                    what = "what is detached" if name == "detach" else f"what batch.{name} says"
                    return f"{what} changes the loss and no gradient: such a term trains nothing"
    return None


def _asked(
    loss_of: "Callable[[Batch], torch.Tensor]", batch: "Batch", changed: Changed
) -> "tuple[torch.Tensor, Counter[str]]":
    """The loss of a step, once more from its beginning, and how often it asked for what."""
    import torch
    from torch.overrides import TorchFunctionMode

    calls: Counter[str] = Counter()
    noise = torch.Generator().manual_seed(0)

    def other(value: "torch.Tensor | None") -> "torch.Tensor | None":
        return None if value is None else value + torch.randn(value.shape, generator=noise).to(value)

    def changing(name: str) -> Callable[[Any], Any]:
        answer = getattr(batch, name)

        def ask(images: "torch.Tensor") -> Any:
            said, call = answer(images), calls[name]
            calls[name] += 1
            return _with(other, said) if changed == (name, call) else said

        return ask

    class Detaching(TorchFunctionMode):
        """What is cut off from the gradient is an answer, too: a constant that may serve as a target or a weight."""

        def __torch_function__(self, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
            said = function(*given, **(named or {}))
            if function is not torch.Tensor.detach or not said.is_floating_point():
                return said
            call = calls["detach"]
            calls["detach"] += 1
            return other(said) if changed == ("detach", call) else said

    logits = batch.teacher_logits
    if len(logits):
        calls["teacher_logits"] = 1
        logits = _with(other, logits) if changed == ("teacher_logits", 0) else logits
    changes: dict[str, Any] = {name: changing(name) for name in ASKED}
    seen = replace(batch, teacher_logits=logits, **changes)
    with Detaching():
        return loss_of(seen), calls


def _with(other: Callable[[Any], Any], said: Any) -> Any:
    """An answer of which everything is another: logits, outputs, or those of several teachers."""
    from roskdbench.method import Output

    if isinstance(said, tuple):
        return tuple(_with(other, each) for each in said)
    if not isinstance(said, Output):
        return other(said)
    stages = None if said.stages is None else tuple(map(other, said.stages))
    return replace(said, logits=other(said.logits), pooled=other(said.pooled), stages=stages)


def _leaves(loss: "torch.Tensor") -> "list[torch.Tensor]":
    """All that a loss has a gradient for."""
    found: dict[int, torch.Tensor] = {}
    waiting, seen = [loss.grad_fn], set[Any]()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            if hasattr(node, "variable"):
                found[id(node.variable)] = node.variable
            waiting += [each for each, _ in node.next_functions]
    return list(found.values())


def _gradients(loss: "torch.Tensor", learnt: "list[torch.Tensor]") -> "list[torch.Tensor]":
    import torch

    found = torch.autograd.grad(loss, learnt, allow_unused=True)
    return [torch.zeros(0) if each is None else each for each in found]

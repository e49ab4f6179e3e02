"""Which weights of a student are read off its training: the last, or a mean of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from roskdbench.method.parts import Part

if TYPE_CHECKING:
    import torch
    from torch.optim.swa_utils import AveragedModel

Warmup = Annotated[int, Field(ge=0)]
Reading = Literal["last", "averaged"]


class Averaging(Part):
    """A family of parts: what is read off a training."""

    @property
    def reading(self) -> Reading:
        """Which weights of the trajectory stand for the method."""
        return "averaged"


class LastWeights(Averaging):
    """The weights after the last epoch."""

    @property
    def reading(self) -> Reading:
        """The last."""
        return "last"


class Mean(Averaging):
    """A mean of the weights after each epoch, or each step, past the warm-up."""

    abstract: ClassVar[bool] = True

    warmup: Warmup | None = None
    """Epochs before averaging starts; the protocol's `averaging_warmup` if left out."""
    buffers: Literal["reestimated", "averaged"] = "reestimated"
    """BatchNorm statistics: estimated anew by a pass over training views, or averaged like weights."""
    every: Literal["epoch", "step"] = "epoch"
    """After which the weights are taken in. A mean by steps can be asked while the student learns from it."""

    def declaration(self) -> dict[str, Any]:
        """The part as a suite would write it; without `every` where it is as it always was."""
        found = super().declaration()
        return {key: value for key, value in found.items() if (key, value) != ("every", "epoch")}

    def begin(self, network: torch.nn.Module) -> AveragedModel:
        """The averaged model, still empty; `update_parameters` takes in an epoch's weights."""
        raise NotImplementedError


class RunningMean(Mean):
    """The plain mean (equation 1): W_smooth = (n W_smooth + W) / (n + 1)."""

    def begin(self, network: torch.nn.Module) -> AveragedModel:
        """Torch's own averaged model does just this."""
        from torch.optim.swa_utils import AveragedModel

        return AveragedModel(network, use_buffers=self.buffers == "averaged")


class ExponentialMean(Mean):
    """A mean that forgets: W_smooth = d W_smooth + (1 - d) W."""

    decay: Annotated[float, Field(gt=0, lt=1)] = 0.9
    rises: bool = False
    """Whether it is the plain mean until that forgets as slowly: d is n / (n + 1) after n weights, where that is less.
    The mean of a short training does not keep to its beginnings then.
    """

    def declaration(self) -> dict[str, Any]:
        """Without `rises` where it is as it always was."""
        found = super().declaration()
        return {key: value for key, value in found.items() if (key, value) != ("rises", False)}

    def begin(self, network: torch.nn.Module) -> AveragedModel:
        """Torch's averaged model with its exponential rule, whose decay may rise."""
        from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

        def rule(averaged: Any, current: Any, count: Any) -> None:
            decay = min(self.decay, int(count) / (int(count) + 1)) if self.rises else self.decay
            get_ema_multi_avg_fn(decay)(averaged, current, count)  # type: ignore[no-untyped-call]

        return AveragedModel(network, multi_avg_fn=rule, use_buffers=self.buffers == "averaged")

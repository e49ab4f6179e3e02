"""How a network is trained, as the protocol says, and where the randomness of a training comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import cos, pi
from typing import Any

from pydantic import TypeAdapter

from roskdbench.fingerprint import seed_for
from roskdbench.suite.augmentation import Step

_STEPS = TypeAdapter[Sequence[Step]](list[Step])


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, as the protocol says."""

    epochs: int
    batch: int
    lr: float
    momentum: float
    weight_decay: float
    milestones: tuple[int, ...]
    factor: float
    augmentation: Sequence[Step]
    views: int | None
    algorithm: str = "sgd"
    betas: tuple[float, float] = (0.9, 0.999)
    nesterov: bool = False
    schedule: str = "steps"
    warmup: int = 0
    clip: float | None = None
    label_smoothing: float = 0.0
    mixup: float = 0.0
    sampling: str = "uniform"

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> "Recipe":
        """From a job's spec."""
        steps = _STEPS.validate_python(spec["augmentation"])
        pairs = {name: tuple(spec[name]) for name in ("milestones", "betas") if name in spec}
        return cls(**{**spec, **pairs, "augmentation": steps})

    def stretched(self, factor: float) -> "Recipe":
        """The same schedule over more epochs, or fewer."""
        epochs = max(1, round(self.epochs * factor))
        milestones = tuple(max(1, round(each * factor)) for each in self.milestones)
        return replace(self, epochs=epochs, milestones=milestones, warmup=round(self.warmup * factor))

    def learning_rate(self, epoch: int) -> float:
        """Of an epoch. It rises in a straight line over the first `warmup` epochs; then it is multiplied by `factor` at
        each milestone that has come, or falls to zero as a cosine does.
        """
        if epoch < self.warmup:
            return self.lr * (epoch + 1) / (self.warmup + 1)
        if self.schedule == "cosine":
            return self.lr * (1 + cos(pi * (epoch - self.warmup) / (self.epochs - self.warmup))) / 2
        return self.lr * self.factor ** sum(epoch >= milestone for milestone in self.milestones)

    def view_of(self, epoch: int) -> int:
        """Which view of a sample is met in an epoch."""
        return epoch % self.views if self.views else epoch

    @property
    def view_count(self) -> int:
        """How many views there are in all."""
        return min(self.views or self.epochs, self.epochs)


@dataclass(frozen=True)
class Seeds:
    """Where the randomness of a training comes from, each purpose for itself."""

    order: int
    views: int
    method: int

    @classmethod
    def of(cls, *training: Any) -> "Seeds":
        """The seeds of a training, such as `Seeds.of("student", seed)`."""
        return cls(*(seed_for(what, *training) for what in ("order", "views", "method")))

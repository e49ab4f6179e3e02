"""Where jobs are made, each once, and what all of a suite's trainings have in common."""

from collections.abc import Callable, Mapping
from functools import cache, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from pydantic import ValidationError

from roskdbench.data.content import Located
from roskdbench.errors import PlacedError
from roskdbench.job import Job
from roskdbench.method import BernoulliMean, Method, SoftLoss
from roskdbench.plan.passes import Passes
from roskdbench.plugins import Registry
from roskdbench.source import code_of
from roskdbench.suite import Suite
from roskdbench.suite.protocol import SMALL_IMAGE, Distillation, NetworkSpec

# Billions of multiply-adds of a forward pass at 224 px; others count as a ResNet-18.
MULTIPLY_ADDS = {
    "resnet18": 1.82,
    "resnet26": 2.36,
    "resnet34": 3.67,
    "resnet50": 4.11,
    "resnet101": 7.83,
    "mobilenetv2_050": 0.10,
    "mobilenetv2_100": 0.31,
    "mobilenetv3_small_100": 0.06,
    "mobilenetv3_large_100": 0.22,
    "efficientnet_b0": 0.40,
    "densenet121": 2.87,
    "densenet169": 3.40,
    "densenet201": 4.34,
    "convnext_tiny": 4.47,
    "vit_tiny_patch16_224": 1.08,
    "vit_small_patch16_224": 4.25,
}
DENSENET = (6, 12, 24, 16)  # layers of the blocks of a DenseNet-121
LEAST = 0.04  # of a ResNet-18: small networks wait for memory
SMALL_STEM = 4.0  # what keeping the resolution of small images costs
BACKWARD = 3.0  # a training pass against a forward pass

Arguments = ParamSpec("Arguments")


class JobFactory:
    """Makes the jobs of a plan. A job asked for twice, with the same arguments or by one fingerprint, is one job."""

    def __init__(self, suite: Suite, registry: Registry, jobs: dict[str, Job], located: Mapping[str, Located]) -> None:
        self.suite, self.protocol, self.registry, self.located = suite, suite.protocol, registry, located
        self._jobs = jobs
        self.passes = Passes(jobs)
        self.made: dict[tuple[Any, ...], Job] = {}
        protocol = suite.protocol
        views = protocol.views if protocol.augmentation or protocol.mixup else 1  # all would be the same
        self.recipe: Mapping[str, Any] = {
            "epochs": protocol.epochs,
            "batch": protocol.batch,
            **protocol.optimiser.recipe,
            **protocol.learning,
            "augmentation": [step.model_dump(mode="json") for step in protocol.augmentation],
            "views": views,
        }
        self.hard_loss = hard_loss_of_teachers(protocol.distillation)
        self.precision = "measured" if protocol.precision == "auto" else protocol.precision
        self.view_count = min(views or protocol.epochs, protocol.epochs)

    def keep(self, key: tuple[Any, ...], made: Job) -> Job:
        """The job for a key that holds all of its arguments: one that is there already where it has its fingerprint."""
        found = self.made[key] = self._jobs.setdefault(made.fingerprint, made)
        return found

    def samples(self, problem: str) -> int:
        """How many images a problem has, or is likely to have."""
        located = self.located.get(problem)
        return located.content.samples if located else self.suite.problems[problem].image_count()

    def undefined_for(self, problem: str, method: Method) -> str | None:
        """The problems that a method is not for, if this is one of them, as far as that is known."""
        located, declared = self.located.get(problem), self.suite.problems[problem]
        classes = located.content.classes if located else declared.known_classes
        return method.undefined_for(declared.task, len(classes))

    def stretched(self, epochs: int, has_bank: bool) -> Mapping[str, Any]:
        """The recipe over other epochs: milestones and warm-up keep their places, and banks' views come round again."""
        share, views = epochs / self.protocol.epochs, self.recipe["views"]
        return {
            **self.recipe,
            "epochs": epochs,
            "milestones": [max(1, round(each * share)) for each in self.recipe["milestones"]],
            **({"warmup": round(self.recipe["warmup"] * share)} if "warmup" in self.recipe else {}),
            "views": self.view_count if has_bank else views,
        }

    def network(self, network: NetworkSpec) -> dict[str, Any]:
        """What the spec of a training says of its network."""
        return {
            "architecture": network.architecture,
            "stem": self.protocol.stem,
            "recipe": self.recipe,
            "precision": self.precision,
            **({} if self.protocol.init == "timm" else {"init": self.protocol.init}),
            **({} if network.pretrained is None else {"pretrained": network.pretrained.digest()}),
        }

    def location(self, network: NetworkSpec) -> dict[str, str]:
        """Where the weights are that a network begins with."""
        file = network.pretrained.file if network.pretrained else None
        return {} if file is None else {"pretrained": str(Path(file).resolve())}  # workers may stand elsewhere

    def network_code(self, network: NetworkSpec) -> dict[str, str]:
        """The code of a network that is a plugin's."""
        entry = self.registry.of("network").get(network.model)
        return {} if entry is None else {f"network.{name}": code for name, code in code_of(entry.thing).items()}


def hard_loss_of_teachers(distillation: Distillation) -> SoftLoss | None:
    """The protocol's soft loss, where it has a hard loss of its own; else teachers are trained as ever. A PlacedError
    for a soft loss that is not known.
    """
    if distillation.soft_loss is None:
        return None
    try:
        chosen: SoftLoss = SoftLoss.model_validate(distillation.soft_loss)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise PlacedError(f"soft_loss: {message}", ("protocol", "distillation", "soft_loss")) from None
    return None if type(chosen).hard is BernoulliMean.hard else type(chosen)()


def memoised(
    make: Callable[Concatenate[JobFactory, Arguments], Job],
) -> Callable[Concatenate[JobFactory, Arguments], Job]:
    """A function that makes a job from its arguments and nothing else, run once for each of them."""
    name = make.__name__

    @wraps(make)
    def once(factory: JobFactory, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> Job:
        assert not named, "the arguments of a job are given by their places: they are its key"
        found = factory.made.get((name, arguments))
        if found is None:
            found = factory.keep((name, arguments), make(factory, *arguments, **named))
        return found

    return once


def job(kind: str, spec: Mapping[str, Any], inputs: Mapping[str, Job], label: str, **rest: Any) -> Job:
    """A job that reads other jobs. `rest` are the other fields of a Job."""
    return Job(kind, spec, {role: each.fingerprint for role, each in inputs.items()}, label=label, **rest)


@cache
def pass_cost(network: NetworkSpec, size: int, stem: str) -> float:
    """The cost of a pass against that of a ResNet-18 at 64 pixels with its usual stem."""
    small = stem == "small" or (stem == "auto" and size < SMALL_IMAGE)
    try:
        left = _slimmed(network.options)
    except (TypeError, ValueError):  # timm will say what is wrong with them
        left = 1.0
    usual = MULTIPLY_ADDS["resnet18"]
    share = max(LEAST, MULTIPLY_ADDS.get(network.model, usual) / usual * left)
    return share * (size / 64) ** 2 * (SMALL_STEM if small else 1.0)


def _slimmed(options: Mapping[str, Any]) -> float:
    """What options leave of a network's cost, as far as they are of a ResNet's or DenseNet's shape."""
    if "channels" in options:
        layers = options.get("layers", [2, 2, 2, 2])
        stages = zip(options["channels"], layers, (64, 128, 256, 512), strict=False)
        return float(sum(count * (width / usual) ** 2 for width, count, usual in stages)) / 8
    if "block_config" in options or "growth_rate" in options:
        blocks, growth = options.get("block_config", DENSENET), options.get("growth_rate", 32)
        ours, theirs = (sum(count**2 / 4**place for place, count in enumerate(each)) for each in (blocks, DENSENET))
        return float((growth / 32) ** 2 * ours / theirs)
    return 1.0

"""How everything in a suite is trained: one protocol for every method, so that methods are what differs."""

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt, ValidationInfo, field_validator, model_validator

from roskdbench.suite.augmentation import PRESETS, Augmentation
from roskdbench.suite.declared import Declared
from roskdbench.suite.libraries import model_objection, weights_objection
from roskdbench.suite.metric_presets import Shown
from roskdbench.suite.network_options import options_objection
from roskdbench.suite.plugged import registry_of
from roskdbench.suite.pretrained import Pretrained

Share = Annotated[float, Field(ge=0, le=1)]


SMALL_IMAGE = 64  # pixels: below, `auto` keeps the resolution of the first layers


class NetworkSpec(Declared):
    """A network of timm's, with what its constructor is told."""

    model: str
    """The name timm has for it, such as resnet18."""
    options: dict[str, Any] = {}
    """Arguments for timm's constructor, such as {channels: [16, 32, 64, 128]}."""
    title: str | None = None
    """What tables call it; the model's name if left out."""
    pretrained: Pretrained | None = None
    """A safetensors file of weights that its training begins with; a head of another size is left out."""
    ready_made: bool = False
    """Whether it is a teacher as the pretrained weights have it, and is not trained."""

    @model_validator(mode="after")
    def _is_ready(self) -> "NetworkSpec":
        if self.ready_made and self.pretrained is None:
            raise ValueError("a network that is ready_made needs pretrained: FILE.safetensors")
        return self

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str, info: ValidationInfo) -> str:
        objection = model_objection(model) or weights_objection(model)
        if objection and model not in registry_of(info).of("network"):
            raise ValueError(objection)
        return model

    @field_validator("options")
    @classmethod
    def _says_no_more_than_its_shape(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        own = info.data.get("model") in registry_of(info).of("network")
        if objection := options_objection(options, any_name=own):
            raise ValueError(objection)
        return options

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.title or self.model

    @cached_property
    def key(self) -> str:
        """One text for all that was said of the network."""
        usual = {name for name in ("pretrained", "ready_made") if not getattr(self, name)}
        return self.model_dump_json(exclude=usual)

    @cached_property
    def architecture(self) -> dict[str, Any]:
        """What determines the function; the title does not."""
        return {"model": self.model, "options": self.options}


def _from_name(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


Network = Annotated[NetworkSpec, BeforeValidator(_from_name, json_schema_input_type=str | NetworkSpec)]
"""A network: timm's name for it, or a mapping with `model`, `options` and `title`."""


class Optimiser(Declared):
    """What all networks learn by, and how the learning rate goes. The defaults are the paper's."""

    kind: Literal["sgd", "adamw"] = "sgd"
    """SGD with momentum, or AdamW, for which the rate is .001 and the decay .01 if left out."""
    lr: Annotated[float, Field(gt=0)] = 0.1
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = False
    """Whether SGD looks ahead along its momentum."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.999)
    """How fast AdamW forgets gradients, and their squares."""
    weight_decay: Annotated[float, Field(ge=0)] = 2e-4
    schedule: Literal["steps", "cosine"] = "steps"
    """Whether the rate falls at milestones, or as a cosine does, to zero after the last epoch."""
    milestones: list[PositiveInt] = [25, 40]
    """Epochs from which the learning rate is multiplied by `factor` once more."""
    factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    warmup: Annotated[int, Field(ge=0)] = 0
    """Epochs in which the rate rises to `lr` in a straight line."""
    clip: Annotated[float, Field(gt=0)] | None = None
    """The greatest length that a step's gradient may have; a longer one is shortened to it."""

    @model_validator(mode="before")
    @classmethod
    def _usual_for_its_kind(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("kind") == "adamw":
            return {"lr": 1e-3, "weight_decay": 1e-2, **value}
        return value

    @model_validator(mode="after")
    def _looks_ahead_along_something(self) -> "Optimiser":
        if self.nesterov and (self.kind != "sgd" or self.momentum == 0):
            raise ValueError("nesterov is for sgd with a momentum")
        return self

    @property
    def idle(self) -> list[str]:
        """The settings that were made and say nothing, as the optimiser or the schedule is another one."""
        others = {"sgd": ["betas"], "adamw": ["momentum", "nesterov"]}[self.kind]
        others += {"steps": [], "cosine": ["milestones", "factor"]}[self.schedule]
        return [name for name in others if getattr(self, name) != type(self).model_fields[name].default]

    @property
    def recipe(self) -> dict[str, Any]:
        """What a training's spec says of it; without what is as it always was."""
        found = self.model_dump(mode="json")
        for name in ("nesterov", "betas", "schedule", "warmup", "clip"):
            if getattr(self, name) == type(self).model_fields[name].default:
                del found[name]
        kind = found.pop("kind")
        return found if kind == "sgd" else {**found, "algorithm": kind}


class SplitProtocol(Declared):
    """Shares of the parts, disjoint by patient or lesion."""

    train: Share = 0.7
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    test: Share = 0.2
    seed: int = 0
    per_seed: bool = False
    """Whether every seed of an experiment gets a split of its own (three independent runs, say)."""

    def runs_apart(self, runs: Iterable[tuple[int, int]], folds: int) -> list[list[tuple[int, int]]]:
        """Runs, each a fold and a seed, in order; those together that count as one: seeds of a fold that is the same
        for all of them.
        """
        found: dict[object, list[tuple[int, int]]] = {}
        for fold, seed in sorted(runs):
            found.setdefault((fold, seed) if folds == 1 or self.per_seed else fold, []).append((fold, seed))
        return list(found.values())

    @model_validator(mode="after")
    def _sums_to_one(self) -> "SplitProtocol":
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train, validation and test are shares of one whole; they sum to {total:g}")
        return self


class Distillation(Declared):
    """How students learn from teachers, where neither a method's file nor the suite's row says otherwise."""

    soft_loss: str | dict[str, Any] | None = None
    """The loss from teachers for several findings: bernoulli-mean (the paper's), bernoulli-sum (labels are summed over,
    too, also for teachers), softmax; or a mapping with `kind`, `temperature: multiplies` and `balanced: true`.
    """
    temperature: Annotated[float, Field(gt=0)] | None = None
    alpha: Share | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What is said of it."""
        return self.model_dump(mode="json", exclude_none=True)


class Protocol(Declared):
    """What all methods share. The defaults are the paper's."""

    epochs: Annotated[PositiveInt, Field(le=100_000)] = 50
    batch: Annotated[int, Field(ge=2, le=65_536)] = 64
    optimiser: Optimiser = Optimiser()
    teachers: Annotated[list[Network], Field(min_length=1)] = [
        NetworkSpec(model=name) for name in ("resnet18", "resnet34", "resnet50", "mobilenetv2_100", "densenet121")
    ]
    single_teacher: Network | None = None
    """The teacher of methods that have one; the last of `teachers` if left out."""
    construction: Literal["core", "core-global", "borrow", "ring"] = "core"
    """How overlapping subsets are built from the overlap ratio."""
    subset_steps: Literal["by-epochs", "equal"] = "by-epochs"
    """Whether a teacher on a subset trains for as many epochs as one on all of the data, or for as many steps."""
    subset_size: Literal["by-overlap", "fixed"] = "by-overlap"
    """Whether subsets grow with their overlap so that they cover all of the data, or have 1/k of it at any overlap."""
    distillation: Distillation = Distillation()
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of a label that the loss from labels spreads evenly over all classes, or over presence and absence."""
    mixup: Annotated[float, Field(ge=0)] = 0.0
    """The concentration of the Beta law by which every view and its label are mixed with another sample's; 0: not."""
    sampling: Literal["uniform", "class-balanced"] = "uniform"
    """Whether an epoch meets each sample once, or draws as many, rare classes as often as frequent ones."""
    averaging_warmup: Annotated[int, Field(ge=0)] = 10
    """Epochs before weight averaging starts."""
    augmentation: Augmentation = PRESETS["paper"]
    """What teachers and students see of a sample: none, light, paper, or steps such as [flip, {view: crop}]."""
    views: PositiveInt | None = None
    """How many augmented forms of a sample there are, taken in turn; if left out one an epoch, and one where nothing is
    augmented.
    """
    bank: Literal["float32", "float16"] = "float32"
    """How teacher logits are kept between teacher and student."""
    precision: Literal["float32", "bf16", "auto"] = "float32"
    """`auto` measures both on this machine, and the faster compiled where a training takes minutes; it keeps the choice
    in the store. Tables then depend on the machine.
    """
    stem: Literal["auto", "standard", "small"] = "auto"
    """`small` keeps the resolution in the first layers; `auto` takes it for images under 64 pixels."""
    init: Literal["timm", "torchvision"] = "timm"
    """How fresh weights are drawn: as timm does for the model (the blocks of its ResNets start as identities: the last
    normalisation of each has weights of zero), or as torchvision does: convolutions by Kaiming's law, scales at 1.
    """
    threshold: Literal["tuned", "half"] = "tuned"
    """Multi-label decisions: tuned per class on validation, or 0.5. Both are stored; this one is shown."""
    average: Literal["macro", "micro", "weighted", "f1-of-means"] = "macro"
    """How precision, recall and F1 are averaged over classes. All are stored; this one is shown."""
    shown: Shown = ["precision", "recall", "f1", "auc"]
    """Which metrics tables show: these, accuracy, whatever `roskdbench metrics` lists, or a preset: screening,
    diagnosis. All scores are stored.
    """
    split: SplitProtocol = SplitProtocol()

    @property
    def unreached_milestones(self) -> list[int]:
        """Epochs in which the learning rate would fall if the training lasted so long."""
        steps = self.optimiser.milestones if self.optimiser.schedule == "steps" else []
        return [each for each in steps if each >= self.epochs]

    @property
    def interpolates(self) -> bool:
        """Whether views are made of pixels from between those of an image."""
        whole = (step.view in ("flip", "cutout") or getattr(step, "whole_pixels", False) for step in self.augmentation)
        return not all(whole)

    @property
    def learning(self) -> dict[str, Any]:
        """What a training's spec says of labels and samples; without what is as it always was."""
        names = ("label_smoothing", "mixup", "sampling")
        usual = {name: type(self).model_fields[name].default for name in names}
        return {name: value for name in names if (value := getattr(self, name)) != usual[name]}

    @model_validator(mode="after")
    def _begins_to_fall(self) -> "Protocol":
        if self.optimiser.warmup >= self.epochs:
            raise ValueError(f"optimiser.warmup lasts {self.optimiser.warmup} of {self.epochs} epochs; lower it")
        return self

    @property
    def lone_teacher(self) -> NetworkSpec:
        """The teacher of methods that have one."""
        return self.single_teacher or self.teachers[-1]

"""The jobs from pixels to predictions. Each function makes its job from its arguments alone, once for each of them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from roskdbench.data.content import declaration
from roskdbench.data.subsets import check_overlap, subset_share
from roskdbench.errors import UserError
from roskdbench.fingerprint import without_none
from roskdbench.job import Job
from roskdbench.method import Subset, TeacherSlot
from roskdbench.plan.factory import BACKWARD, JobFactory, job, memoised, pass_cost
from roskdbench.plan.method_row import StudentTraining
from roskdbench.source import code_of
from roskdbench.suite.noise import NoiseSpec
from roskdbench.suite.problems import RealProblem
from roskdbench.suite.protocol import NetworkSpec

FEATURES = 0.3  # what training the small network of the features costs, against an epoch of a ResNet-18


@dataclass(frozen=True, eq=False)
class Base:
    """What every training of a block reads, and what labels call it."""

    problem: str
    pixels: Job
    split: Job
    labels: Job
    train_share: float
    name: str

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """All of it, as one thing to compare."""
        return (self.problem, self.pixels, self.split, self.labels, self.train_share, self.name)

    @cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Base) and self.key == other.key

    def __hash__(self) -> int:
        return self._hash

    @property
    def inputs(self) -> dict[str, Job]:
        """By their roles."""
        return {"pixels": self.pixels, "split": self.split, "labels": self.labels}


class Model(NamedTuple):
    """A training, and which of its weights stand for it."""

    job: Job
    reading: str


def cost_of(factory: JobFactory, problem: str, network: NetworkSpec) -> float:
    """Of a pass of an image of the problem."""
    return pass_cost(network, factory.suite.problems[problem].image_size or 64, factory.protocol.stem)


@memoised
def pixels(factory: JobFactory, problem: str) -> Job:
    """A problem's images and labels."""
    spec, label, cost = factory.suite.problems[problem], f"pixels of {problem}", factory.samples(problem) * 0.05
    code = {f"dataset.{name}": digest for name, digest in spec.code().items()}
    if not isinstance(spec, RealProblem):
        return job("pixels", {"problem": without_none(spec.model_dump(mode="json"))}, {}, label, cost=cost, code=code)
    located = factory.located.get(problem)
    content = located.content.identity if located else None
    places = {"problem": problem}
    if located and located.root:
        places["root"] = str(located.root)
    if spec.corrected is not None:
        places["corrected"] = str(spec.corrected)
    said = {"problem": declaration(spec), "content": content}
    return job("pixels", said, {}, label, cost=cost, code=code, locations=places)


@memoised
def split(factory: JobFactory, problem: str, images: Job, seed: int, fold: int, folds: int) -> Job:
    """Which samples train, validate and test."""
    shares, spec = factory.protocol.split, factory.suite.problems[problem]
    if folds > 1:
        parts: dict[str, Any] = {"folds": folds, "fold": fold, "validation": shares.validation}
    elif isinstance(spec, RealProblem) and spec.split == "official":
        parts = {"folds": 1, "official": True, "validation": shares.validation / (shares.train + shares.validation)}
    else:
        parts = {"folds": 1, "train": shares.train, "validation": shares.validation, "test": shares.test}
    label = f"split of {problem}{_which(fold, seed)}"
    return job("split", {**parts, "seed": seed}, {"pixels": images}, label)


def _which(fold: int, split_seed: int) -> str:
    """The end of a label: what tells the split from the first one."""
    return (f", fold {fold}" if fold else "") + (f", seed {split_seed}" if split_seed else "")


@memoised
def labels(
    factory: JobFactory, problem: str, images: Job, parts: Job, noise: NoiseSpec, split_seed: int, fold: int
) -> Job:
    """The labels that training sees."""
    inputs = {"pixels": images, "split": parts}
    if noise.kind == "instance":
        inputs["features"] = features(factory, problem, images, parts)
    spec = {"noise": noise.effect, "split_seed": split_seed}
    return job("labels", spec, inputs, f"{noise.name} noise on {problem}{_which(fold, split_seed)}")


@memoised
def features(factory: JobFactory, problem: str, images: Job, parts: Job) -> Job:
    """What a small network sees in every image."""
    cost = FEATURES * BACKWARD * factory.samples(problem)
    return job("features", {}, {"pixels": images, "split": parts}, f"features of {problem}", cost=cost)


@memoised
def subsets(
    factory: JobFactory, base: Base, construction: str, count: int, ratio: float, fixed_size: bool, seed: int
) -> Job:
    """The overlapping subsets that teachers learn from."""
    try:
        check_overlap(construction, count, ratio, fixed_size)
    except UserError as error:
        raise UserError(f"problem '{base.problem}': {error}") from None
    spec = {"construction": construction, "count": count, "ratio": ratio, "seed": seed}
    if fixed_size:
        spec["fixed_size"] = True
    return job("subsets", spec, base.inputs, f"subsets of {base.name}")


def subsets_of(factory: JobFactory, base: Base, subset: Subset, seed: int) -> Job:
    """The subsets that one of them is among."""
    return subsets(factory, base, subset.construction, subset.count, subset.ratio, subset.fixed_size, seed)


@memoised
def teacher(factory: JobFactory, base: Base, slot: TeacherSlot, position: int, seed: Any) -> Job:
    """The training of one of the teachers on labels alone."""
    network, share, suffix = slot.network, base.train_share, ""
    assert isinstance(network, NetworkSpec)
    spec = {**factory.network(network), "position": position, "seed": seed}
    inputs = {**base.inputs, **_compute_config(factory, base, network)}
    if slot.subset is not None:
        share *= _take_subset(factory, base, slot.subset, spec, inputs)
        suffix = _subset_name(slot.subset)
    if (hard := factory.hard_loss) is not None:
        spec["soft_loss"] = hard.declaration()
    once = cost_of(factory, base.problem, network)
    return job(
        "teacher",
        spec,
        inputs,
        f"teacher {network.name} on {base.name}{suffix}",
        cost=BACKWARD * factory.samples(base.problem) * share * factory.protocol.epochs * once,
        pass_cost=once,
        network=network.key,
        code={**factory.network_code(network), **({} if hard is None else code_of(type(hard)))},
        locations=factory.location(network),
    )


@memoised
def ready_made(factory: JobFactory, base: Base, network: NetworkSpec) -> Job:
    """A teacher that was trained elsewhere."""
    assert network.pretrained is not None
    spec = {
        "digest": network.pretrained.digest(),
        "ours": False,
        "model": network.model,
        "options": network.options,
        "mean": None,
        "deviation": None,
    }
    return job(
        "model_file",
        spec,
        {"pixels": base.pixels},
        f"{network.name}, ready-made",
        pass_cost=cost_of(factory, base.problem, network),
        network=network.key,
        code=factory.network_code(network),
        locations={"path": str(network.pretrained.file)},
    )


def _take_subset(
    factory: JobFactory, base: Base, subset: Subset, spec: dict[str, Any], inputs: dict[str, Job]
) -> float:
    """Let a training learn from a subset. The share of the epochs' passes that is left."""
    inputs["subsets"] = subsets_of(factory, base, subset, _plain(spec["seed"]))
    spec["subset"] = subset.index
    if subset.equal_steps:
        spec["steps"] = "equal"
        return 1.0
    return subset_share(subset.construction, subset.count, subset.ratio, subset.fixed_size)


def _plain(seed: Any) -> int:
    """The experiment's seed, of a student or of a teacher that is trained as students are."""
    return seed if isinstance(seed, int) else _plain(seed[-1])


def _subset_name(subset: Subset) -> str:
    return f" (subset {subset.index + 1}, overlap {subset.ratio:g})"


@memoised
def bank(factory: JobFactory, base: Base, trained: Job, reading: str, network: NetworkSpec, seed: Any) -> Job:
    """A teacher's logits for every view of the training part."""
    spec = {
        "recipe": factory.recipe,
        "dtype": factory.protocol.bank,
        "precision": factory.precision,
        "seed": seed,
        **({} if reading == "last" else {"reading": reading}),
    }
    inputs = {
        "pixels": base.pixels,
        "split": base.split,
        "teacher": trained,
        **_compute_config(factory, base, network),
    }
    passes = factory.samples(base.problem) * base.train_share * factory.view_count
    cost = passes * cost_of(factory, base.problem, network)
    return job("bank", spec, inputs, f"bank of {trained.label}", cost=cost, network=network.key)


@memoised
def trajectory(
    factory: JobFactory,
    base: Base,
    training: StudentTraining,
    student: NetworkSpec,
    banks: tuple[Job, ...],
    asked: tuple[Model, ...],
    seed: Any,
    subset: Subset | None,
    epochs: int | None,
) -> Job:
    """The training of a student, or of a teacher that is trained as one. Methods that train in the same way share it,
    whatever they are called. Teachers are among its inputs where they are `asked` themselves. `epochs` are the
    protocol's if None.
    """
    spec = {**factory.network(student), "method": training.spec, "averaging": training.averaging, "seed": seed}
    if epochs is not None:
        warmup = round(training.averaging["warmup"] * epochs / factory.protocol.epochs)
        spec["recipe"] = factory.stretched(epochs, bool(banks))
        spec["averaging"] = {**training.averaging, "warmup": min(warmup, epochs - 1)}
    inputs = {**base.inputs, **{f"bank.{number}": each for number, each in enumerate(banks)}}
    inputs |= {f"teacher.{number}": each.job for number, each in enumerate(asked)}
    if any(each.reading != "last" for each in asked):
        spec["readings"] = [each.reading for each in asked]
    share = base.train_share
    if subset is not None:
        share *= _take_subset(factory, base, subset, spec, inputs)
    once = cost_of(factory, base.problem, student)
    step = training.passes * once + training.teacher_passes * sum(each.job.pass_cost for each in asked)
    whose = "" if seed == _plain(seed) else ", a teacher" + (_subset_name(subset) if subset else "")
    return job(
        "trajectory",
        spec,
        {**inputs, **_compute_config(factory, base, student)},
        f"{training.name} {student.name} on {base.name}{whose}",
        cost=BACKWARD * factory.samples(base.problem) * share * (epochs or factory.protocol.epochs) * step,
        pass_cost=once,
        network=student.key,
        code={**training.code, **factory.network_code(student)},
        locations={"method": training.name, **factory.location(student)},
    )


@memoised
def predictions(factory: JobFactory, base: Base, model: Job, reading: str) -> Job:
    """What a network says of the validation and the test part."""
    inputs = {"pixels": base.pixels, "split": base.split, "model": model}
    cost = factory.samples(base.problem) * (1 - base.train_share) * model.pass_cost
    label = f"predictions of {model.label}" + (", averaged" if reading == "averaged" else "")
    return job("predictions", {"reading": reading}, inputs, label, cost=cost, network=model.network)


@memoised
def ensemble(factory: JobFactory, base: Base, members: tuple[Model, ...]) -> Job:
    """The mean probability of several networks' predictions."""
    roles = {f"member.{number}": predictions(factory, base, *each) for number, each in enumerate(members)}
    return job("ensemble", {}, {"pixels": base.pixels, **roles}, f"ensemble on {base.name}")


def _compute_config(factory: JobFactory, base: Base, network: NetworkSpec) -> dict[str, Job]:
    """How the network computes fastest, where the suite leaves the precision to a measurement."""
    if factory.protocol.precision != "auto":
        return {}
    return {"compute_config": compute_config(factory, base.problem, base.pixels, network)}


@memoised
def compute_config(factory: JobFactory, problem: str, images: Job, network: NetworkSpec) -> Job:
    """How a network trains fastest here."""
    spec = {
        "architecture": network.architecture,
        "stem": factory.protocol.stem,
        "batch": factory.protocol.batch,
        "epochs": factory.protocol.epochs,
    }
    label = f"compute configuration of {network.name} on {problem}"
    return job("compute_config", spec, {"pixels": images}, label, cost=50.0, code=factory.network_code(network))

"""The jobs that a training reads from: pixels, splits, labels and subsets. Each function makes its job from its
arguments alone, once for each of them.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from roskdbench.data.content import declaration
from roskdbench.data.subsets import check_overlap
from roskdbench.errors import UserError
from roskdbench.fingerprint import without_none
from roskdbench.job import Job
from roskdbench.method import Subset
from roskdbench.plan.factory import BACKWARD, JobFactory, job, memoised
from roskdbench.suite.noise import NoiseSpec
from roskdbench.suite.problems import RealProblem

FEATURES = 0.3  # what training the small network of the features costs, against an epoch of a ResNet-18


ATTRIBUTES = "attributes"


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
        places["corrected"] = str(Path(spec.corrected).resolve())
    named = {key: value for key, value in declaration(spec).items() if key != ATTRIBUTES}  # they are a job of their own
    said = {"problem": named, "content": content}
    return job("pixels", said, {}, label, cost=cost, code=code, locations=places)


@memoised
def attributes(factory: JobFactory, problem: str, images: Job) -> Job:
    """What is known of a problem's samples beside their labels. A UserError where that is nothing."""
    spec, located = factory.suite.problems[problem], factory.located.get(problem)
    digest = located.content.attributes if located else None
    if digest == "":
        raise UserError(f"problem '{problem}': nothing is known of its samples beside their labels (sex, age, site, …)")
    label = f"attributes of {problem}"
    if isinstance(spec, RealProblem):
        said: dict[str, Any] = {"problem": declaration(spec), "attributes": digest}
    else:
        said = {"problem": without_none(spec.model_dump(mode="json"))}
    return job(ATTRIBUTES, said, {"pixels": images}, label, code=images.code, locations=images.locations)


@memoised
def split(factory: JobFactory, problem: str, images: Job, seed: int, fold: int, folds: int) -> Job:
    """Which samples train, validate and test."""
    shares, spec = factory.protocol.split, factory.suite.problems[problem]
    if folds > 1:
        parts: dict[str, Any] = {"folds": folds, "fold": fold, "validation": shares.validation}
    elif spec.keeps_test_part:
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

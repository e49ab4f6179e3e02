"""The jobs that measure a model: whatever it is and wherever its weights came from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from roskdbench.errors import UserError, nearest
from roskdbench.job import Job
from roskdbench.plan.data_jobs import Base, attributes, pixels, split
from roskdbench.plan.factory import JobFactory, job, memoised
from roskdbench.plan.training_jobs import Model, ensemble, predictions
from roskdbench.suite.measure import Measure
from roskdbench.suite.problems import OFFICIAL
from roskdbench.values import CORRECTED, STUDENT


@dataclass(frozen=True, eq=False)
class Subject:
    """Whom a measurement is about: a network, or the members of an ensemble; and its predictions where it has some."""

    title: str
    role: str
    models: tuple[Job, ...]
    reading: str = "last"
    predictions: Job | None = None
    teachers: tuple[Model, ...] = ()
    """Whom a student learnt from."""
    banks: Callable[[], tuple[Job, ...]] = tuple
    """And what they say of every view it met."""
    subsets: Job | None = None
    subset: int | None = None
    """Which of the subsets it learnt from; all of the training part if None."""
    member: int = 0
    """Which of the teachers it is, from 1 on; 0 for the student or the ensemble."""
    is_ensemble: bool = False
    readings: tuple[str, ...] = ()
    """Which weights of each member stand for it."""

    @property
    def inputs(self) -> dict[str, Job]:
        """The models by their roles."""
        if not self.is_ensemble:
            return {"model": self.models[0]}
        return {f"member.{number}": each for number, each in enumerate(self.models)}


@memoised
def measurement(
    factory: JobFactory,
    base: Base,
    measure: Measure,
    subject: Subject,
    substitute: Job | None,
    seed: int,
) -> Job:
    """A measure of a subject."""
    reads, protocol = measure.inputs_beside(), factory.protocol
    inputs: dict[str, Job] = {"pixels": base.pixels, "split": base.split}
    spec: dict[str, Any] = {"measure": measure.counted, "revision": measure.revision}
    if "predictions" in reads and subject.predictions is not None:
        inputs["predictions"] = subject.predictions
        spec |= {"average": protocol.average, "threshold": protocol.threshold}
        if factory.suite.problems[base.problem].keeps_test_part:
            spec["test"] = OFFICIAL
    for number, (other, their_part) in enumerate(measure.other_problems()):
        inputs |= dict(_elsewhere(factory, base.problem, other, their_part, number, seed))
    if "attributes" in reads:
        inputs["attributes"] = attributes(factory, base.problem, base.pixels)
    if "labels" in reads:
        inputs["labels"] = base.labels
        if getattr(factory.suite.problems[base.problem], "has_second_labels", False):
            spec["truth"] = CORRECTED
    if "model" in reads:
        inputs |= subject.inputs
        spec |= {"reading": subject.reading, "seed": seed}
        if any(each != "last" for each in subject.readings):
            spec["readings"] = list(subject.readings)
    if subject.subsets is not None and "labels" in reads:
        inputs["subsets"] = subject.subsets
        spec["subset"] = subject.subset
    if "substitute" in reads and substitute is not None:
        inputs["substitute"] = substitute
    if "teachers" in reads and subject.teachers:
        inputs |= {f"bank.{number}": each for number, each in enumerate(subject.banks())}
        inputs |= {
            f"taught.{number}": predictions(factory, base, *each) for number, each in enumerate(subject.teachers)
        }
        inputs["ensemble"] = ensemble(factory, base, subject.teachers)
        spec["recipe"] = factory.recipe
        if substitute is not None:
            inputs["baseline"] = predictions(factory, base, substitute, "last")
    asks_model = "model" in reads
    samples = factory.samples(base.problem)
    part = samples * base.train_share if {"labels", "teachers"} & set(reads) else samples * (1 - base.train_share)
    once = sum(each.pass_cost for each in subject.models)
    return job(
        "measurement" if asks_model else "evaluation",
        spec,
        inputs,
        f"{measure.name} of {subject.title} on {base.name}",
        cost=measure.passes(round(measure.images_of(part))) * once if asks_model else 1.0,
        network=" ".join(sorted({each.network for each in subject.models})) if asks_model else "",
        code=measure.code(),
    )


def _elsewhere(
    factory: JobFactory, home: str, other: str, part: str, number: int, seed: int
) -> Iterator[tuple[str, Job]]:
    """The images of another problem, and its split. A UserError where a model of this one cannot look at them."""
    problems = factory.suite.problems
    if other not in problems:
        raise UserError(f"external: the suite has no problem '{other}'; {nearest(other, problems)}")
    ours, theirs = problems[home], problems[other]
    if other == home:
        raise UserError(f"external: '{home}' is where models are trained; name another problem")
    for what in ("task", "channels", "image_size"):
        here, there = getattr(ours, what), getattr(theirs, what)
        if here is not None and there is not None and here != there:
            named = {"image_size": "size", "channels": "number of channels"}.get(what, what)
            raise UserError(f"external: '{other}' differs from '{home}' in its {named}: {there}, not {here}")
    images = pixels(factory, other)
    yield f"external.{number}.pixels", images
    if part == "test":
        shares = factory.protocol.split
        yield f"external.{number}.split", split(factory, other, images, shares.seed + seed * shares.per_seed, 0, 1)


@dataclass(frozen=True)
class Measurement:
    """A job of a cell, what it measures, and of whom."""

    fingerprint: str
    measure: str
    """The name that its numbers stand under: the measure's, numbered where an experiment has it several times."""
    subject: str = STUDENT
    member: int = 0


@dataclass(frozen=True)
class Measured:
    """What an experiment measures: each measure under the name its numbers stand under."""

    measures: Mapping[str, Measure]

    @cached_property
    def roles(self) -> set[str]:
        """Whom the measures are about."""
        return {role for measure in self.measures.values() for role in measure.subjects}

    def jobs(
        self,
        factory: JobFactory,
        base: Base,
        subjects: list[Subject],
        substitute: Job | None,
        seed: int,
    ) -> Iterator[tuple[Measurement, Job]]:
        """Every measure of each subject that it is about."""
        for name, measure in self.measures.items():
            for subject in subjects:
                if subject.role in measure.subjects:
                    other = None if substitute in subject.models and subject.reading == "last" else substitute
                    made = measurement(factory, base, measure, subject, other, seed)
                    yield Measurement(made.fingerprint, name, subject.role, subject.member), made

"""What all methods of a problem, noise, seed and fold share, and what a method's row comes to there."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from roskdbench.errors import UserError
from roskdbench.job import Job
from roskdbench.method import Teachers, TeacherSlot
from roskdbench.plan import training_jobs
from roskdbench.plan.factory import JobFactory
from roskdbench.plan.measuring_jobs import Subject
from roskdbench.plan.method_row import MethodRow
from roskdbench.plan.training_jobs import Base
from roskdbench.suite.noise import NoiseSpec
from roskdbench.suite.protocol import NetworkSpec
from roskdbench.values import ENSEMBLE, STUDENT, TEACHER


class Block:
    """Pixels, split and labels, and the teachers, banks and students that come from them."""

    def __init__(self, factory: JobFactory, problem: str, noise: NoiseSpec, seed: int, fold: int, folds: int) -> None:
        self.factory, self.seed = factory, seed
        self._known: dict[tuple[Teachers, float], Taught] = {}
        split = factory.protocol.split
        train_share = 1 - 1 / folds - split.validation if folds > 1 else split.train
        if train_share <= 0:
            raise UserError(f"{folds} folds and {split.validation:g} for validation leave nothing to train on")
        split_seed = split.seed + seed if split.per_seed else split.seed
        noise_name = "" if noise.kind == "none" else f" ({noise.name})"
        name = problem + noise_name + (f" fold {fold + 1}" if folds > 1 else "") + (f" seed {seed}" if seed else "")
        pixels = training_jobs.pixels(factory, problem)
        parts = training_jobs.split(factory, problem, pixels, split_seed, fold, folds)
        labels = training_jobs.labels(factory, problem, pixels, parts, noise, split_seed, fold)
        self.base = Base(problem, pixels, parts, labels, train_share, name)

    def subjects(
        self, row: MethodRow, student: NetworkSpec, overlap: float, roles: Collection[str]
    ) -> tuple[list[Subject], int]:
        """Who is measured of a row here, as far as any measure is about such: the model that stands for it, first; then
        each teacher that it learns from. And how many teachers there are.
        """
        taught = self._taught(row.method.teachers, overlap)
        teachers = taught.teachers
        if row.method.trains_student:
            model, reading = self.trajectory(row, student, taught.banks), row.method.averaging.reading
            predictions = training_jobs.predictions(self.factory, self.base, model, reading)
            own = Subject(row.title, STUDENT, (model,), reading, predictions, teachers=teachers, banks=taught.banks)
        elif teachers:
            predictions = training_jobs.ensemble(self.factory, self.base, teachers)
            own = Subject(row.title, ENSEMBLE, teachers, "last", predictions, is_ensemble=True)
        else:
            raise UserError(f"method '{row.name}' trains no student and has no teachers")
        return [own, *(taught.subjects if TEACHER in roles else ())], len(teachers)

    def trajectory(self, row: MethodRow, student: NetworkSpec, banks: tuple[Job, ...] = ()) -> Job:
        """The training of a row's student."""
        return training_jobs.trajectory(self.factory, self.base, row.training, student, banks, self.seed)

    def _taught(self, teachers: Teachers, overlap: float) -> "Taught":
        """The teachers of a method and their banks, the same for all methods that declare these teachers."""
        key = (teachers, overlap)
        if key not in self._known:
            slots = teachers.slots(self.factory.protocol, overlap)
            trained = self._trained(slots)
            banks = tuple(
                training_jobs.bank(self.factory, self.base, teacher, slot.network, self.seed)
                for slot, teacher in zip(slots, trained, strict=True)
            )
            subjects = tuple(self._as_subject(*each) for each in enumerate(zip(slots, trained, strict=True), 1))
            self._known[key] = Taught(trained, banks, subjects)
        return self._known[key]

    def _as_subject(self, number: int, assigned: tuple[TeacherSlot, Job]) -> Subject:
        slot, teacher = assigned
        subset = slot.subset
        return Subject(
            f"teacher {number} ({slot.network.name})",
            TEACHER,
            (teacher,),
            subsets=training_jobs.subsets_of(self.factory, self.base, subset, self.seed) if subset else None,
            subset=subset.index if subset else None,
            member=number,
        )

    def _trained(self, slots: list[TeacherSlot]) -> tuple[Job, ...]:
        """Each teacher at its position among the protocol's: a lone teacher is the same network as there."""
        networks, found = self._networks, []
        for number, slot in enumerate(slots):
            position = number
            if len(slots) != len(networks):
                known = slot.network.architecture in networks
                position = networks.index(slot.network.architecture) if known else len(networks) + number
            found.append(training_jobs.teacher(self.factory, self.base, slot, position, self.seed))
        return tuple(found)

    @cached_property
    def _networks(self) -> list[dict[str, object]]:
        return [network.architecture for network in self.factory.protocol.teachers]


@dataclass(frozen=True)
class Taught:
    """Teachers, their banks, and the teachers as those who are measured."""

    teachers: tuple[Job, ...]
    banks: tuple[Job, ...]
    subjects: tuple[Subject, ...]

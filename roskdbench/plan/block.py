"""What all methods of a problem, noise, seed and fold share, and what a method's row comes to there."""

from functools import cached_property

from roskdbench.errors import UserError
from roskdbench.job import Job
from roskdbench.method import TeacherSlot
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

    def subjects(self, row: MethodRow, student: NetworkSpec, overlap: float) -> list[Subject]:
        """What a row comes to here: the model that stands for it, first; then each teacher that it learns from."""
        slots = row.method.teachers.slots(self.factory.protocol, overlap)
        teachers = self._teachers(slots)
        if row.method.trains_student:
            model, reading = self.trajectory(row, student, slots, teachers), row.method.averaging.reading
            predictions = training_jobs.predictions(self.factory, self.base, model, reading)
            own = Subject(row.title, STUDENT, (model,), reading, predictions)
        elif teachers:
            predictions = training_jobs.ensemble(self.factory, self.base, tuple(teachers))
            own = Subject(row.title, ENSEMBLE, tuple(teachers), "last", predictions, is_ensemble=True)
        else:
            raise UserError(f"method '{row.name}' trains no student and has no teachers")
        return [own, *(self._as_subject(*each) for each in enumerate(zip(slots, teachers, strict=True), 1))]

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

    def trajectory(self, row: MethodRow, student: NetworkSpec, slots: list[TeacherSlot], teachers: list[Job]) -> Job:
        """The training of a row's student."""
        banks = tuple(
            training_jobs.bank(self.factory, self.base, teacher, slot.network, self.seed)
            for slot, teacher in zip(slots, teachers, strict=True)
        )
        return training_jobs.trajectory(self.factory, self.base, row.training, student, banks, self.seed)

    def _teachers(self, slots: list[TeacherSlot]) -> list[Job]:
        """Each teacher at its position among the protocol's: a lone teacher is the same network as there."""
        networks, found = self._networks, []
        for number, slot in enumerate(slots):
            position = number
            if len(slots) != len(networks):
                known = slot.network.architecture in networks
                position = networks.index(slot.network.architecture) if known else len(networks) + number
            found.append(training_jobs.teacher(self.factory, self.base, slot, position, self.seed))
        return found

    @cached_property
    def _networks(self) -> list[dict[str, object]]:
        return [network.architecture for network in self.factory.protocol.teachers]

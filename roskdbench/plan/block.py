"""What all methods of a problem, noise, seed and fold share, and what a method's row comes to there."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from roskdbench.errors import UserError
from roskdbench.job import Job
from roskdbench.method import Subset, Teachers, TeacherSlot
from roskdbench.method.teachers import STUDENT as STUDENTS_OWN
from roskdbench.plan import data_jobs, training_jobs
from roskdbench.plan.data_jobs import Base
from roskdbench.plan.factory import BACKWARD, JobFactory
from roskdbench.plan.measuring_jobs import Subject
from roskdbench.plan.method_row import MethodRow
from roskdbench.plan.training_jobs import Model
from roskdbench.suite.experiments import MethodChoice
from roskdbench.suite.noise import NoiseSpec
from roskdbench.suite.protocol import NetworkSpec
from roskdbench.values import ENSEMBLE, STUDENT, TEACHER

DEEPEST = 12  # teachers of teachers


class Block:
    """Pixels, split and labels, and the teachers, banks and students that come from them."""

    def __init__(self, factory: JobFactory, problem: str, noise: NoiseSpec, seed: int, fold: int, folds: int) -> None:
        self.factory, self.seed = factory, seed
        self._known: dict[tuple[Any, ...], Taught] = {}
        self._rows: dict[str, MethodRow] = {}
        split = factory.protocol.split
        train_share = 1 - 1 / folds - split.validation if folds > 1 else split.train
        if train_share <= 0:
            raise UserError(f"{folds} folds and {split.validation:g} for validation leave nothing to train on")
        split_seed = split.seed + seed if split.per_seed else split.seed
        noise_name = "" if noise.kind == "none" else f" ({noise.name})"
        name = problem + noise_name + (f" fold {fold + 1}" if folds > 1 else "") + (f" seed {seed}" if seed else "")
        pixels = data_jobs.pixels(factory, problem)
        parts = data_jobs.split(factory, problem, pixels, split_seed, fold, folds)
        labels = data_jobs.labels(factory, problem, pixels, parts, noise, split_seed, fold)
        self.base = Base(problem, pixels, parts, labels, train_share, name)

    def subjects(
        self, row: MethodRow, student: NetworkSpec, overlap: float, roles: Collection[str]
    ) -> tuple[list[Subject], int]:
        """Who is measured of a row here, as far as any measure is about such: the model that stands for it, first; then
        each teacher that it learns from. And how many teachers there are.
        """
        taught = self._taught(row, row.method.teachers, student, overlap, self.seed)
        teachers = taught.teachers
        if row.method.trains_student:
            epochs = None if row.as_costly_as is None else self._epochs_for(row, row.as_costly_as, student, overlap)
            model = self._student(row, student, taught, epochs=epochs)
            predictions = training_jobs.predictions(self.factory, self.base, *model)
            own = Subject(row.title, STUDENT, (model.job,), model.reading, predictions, teachers, lambda: taught.banks)
        elif teachers:
            predictions = training_jobs.ensemble(self.factory, self.base, teachers)
            models = tuple(each.job for each in teachers)
            readings = tuple(each.reading for each in teachers)
            own = Subject(row.title, ENSEMBLE, models, "last", predictions, is_ensemble=True, readings=readings)
        else:
            raise UserError(f"method '{row.name}' trains no student and has no teachers")
        return [own, *(taught.subjects if TEACHER in roles else ())], taught.trainings

    def cost(self, subject: Subject, student: NetworkSpec) -> float:
        """What stands behind a model's predictions costs, relative to its student on labels alone."""
        assert subject.predictions is not None
        passes = BACKWARD * self.factory.samples(self.base.problem) * self.base.train_share
        once = training_jobs.cost_of(self.factory, self.base.problem, student)
        return self.factory.passes.behind(subject.predictions) / (passes * self.factory.protocol.epochs * once)

    def _epochs_for(self, row: MethodRow, other: MethodRow, student: NetworkSpec, overlap: float) -> int:
        """How long a row's students have to train to cost what another row's do."""
        models = []
        for each in (row, other):
            taught = self._taught(each, each.method.teachers, student, overlap, self.seed)
            models.append(self._student(each, student, taught).job)
        own, target = (self.factory.passes.behind(each) for each in models)
        a_student = models[0].cost
        epochs = round((target - (own - a_student)) / a_student * self.factory.protocol.epochs)
        if epochs < 1:
            raise UserError(f"method '{row.name}' costs more without its student than '{other.name}' in all")
        return epochs

    def trajectory(self, row: MethodRow, student: NetworkSpec) -> Job:
        """The training of the student of a row without teachers."""
        return self._student(row, student, Taught()).job

    def _student(
        self,
        row: MethodRow,
        student: NetworkSpec,
        taught: "Taught",
        seed: Any = None,
        subset: Subset | None = None,
        epochs: int | None = None,
    ) -> Model:
        """A training as a row says, of its student or of a teacher that is trained so."""
        if student.ready_made:
            raise UserError(f"{student.name} is ready_made and cannot be a student: leave that out to train it on")
        asked = taught.teachers if row.method.asks_teachers else ()
        banks = taught.banks if row.method.uses_teacher_logits else ()
        self._refuse_mixup(row, bool(banks and subset))
        given = (row.training, student, banks, asked, self.seed if seed is None else seed, subset)
        trained = training_jobs.trajectory(self.factory, self.base, *given, epochs)
        return Model(trained, row.method.averaging.reading)

    def _refuse_mixup(self, row: MethodRow, by_banks_of_more: bool) -> None:
        """A UserError where samples would be mixed with others that a training must not meet."""
        if not self.factory.protocol.mixup:
            return
        if by_banks_of_more:
            why = "what its teachers say of mixed samples is of partners outside its subset"
        elif row.method.weighting.held_out:
            why = "it holds samples back from the student, and others would be mixed with them"
        else:
            return
        raise UserError(f"method '{row.name}' cannot be trained with protocol.mixup here: {why}")

    def _taught(
        self, row: MethodRow, teachers: Teachers, student: NetworkSpec, overlap: float, seed: Any, depth: int = 0
    ) -> "Taught":
        """Teachers of a row and their banks, the same for all rows that declare these teachers."""
        if depth > DEEPEST:
            raise UserError(f"method '{row.name}': its teachers are trained by methods whose teachers never end")
        slots = [_of_student(slot, student) for slot in teachers.slots(self.factory.protocol, overlap)]
        former = row if any(slot.taught_by for slot in slots) else None
        key = (tuple(slots), seed, former, overlap)  # of which teachers of teachers may be
        if key not in self._known:
            trained = [self._trained(row, slots, number, overlap, seed, depth) for number in range(len(slots))]
            models = tuple(model for model, _ in trained)
            asked = list(zip(models, map(_network, slots), strict=True))
            subjects = tuple(self._as_subject(*each) for each in enumerate(zip(slots, models, strict=True), 1))

            def bank_of(model: Model, network: NetworkSpec) -> Job:
                return training_jobs.bank(self.factory, self.base, *model, network, seed)

            self._known[key] = Taught(
                models, lambda: [bank_of(*each) for each in asked], subjects, sum(n for _, n in trained)
            )
        return self._known[key]

    def _as_subject(self, number: int, assigned: tuple[TeacherSlot, Model]) -> Subject:
        slot, teacher = assigned
        subset = slot.subset
        return Subject(
            f"teacher {number} ({_network(slot).name})",
            TEACHER,
            (teacher.job,),
            teacher.reading,
            subsets=data_jobs.subsets_of(self.factory, self.base, subset, self.seed) if subset else None,
            subset=subset.index if subset else None,
            member=number,
        )

    def _trained(
        self, row: MethodRow, slots: list[TeacherSlot], number: int, overlap: float, seed: Any, depth: int
    ) -> tuple[Model, int]:
        """A teacher at its position among the protocol's: a lone one is the same network as there. And how many
        trainings that takes.
        """
        slot, network, networks = slots[number], _network(slots[number]), self._networks
        position = number
        if len(slots) != len(networks):
            same = [place for place, each in enumerate(networks) if each == network.architecture]
            before = sum(_network(each).architecture == network.architecture for each in slots[:number])
            position = same[before] if before < len(same) else len(networks) + number
        if network.ready_made:
            return Model(training_jobs.ready_made(self.factory, self.base, network), "last"), 0
        if slot.method is None and slot.taught_by is None:
            return Model(training_jobs.teacher(self.factory, self.base, slot, position, seed), "last"), 1
        like = row if slot.method is None else self._row_of(slot.method)
        teachers = slot.taught_by or like.method.teachers
        own_seed = ("teacher", position, depth, seed)
        taught = self._taught(like, teachers, network, overlap, own_seed, depth + 1)
        return self._student(like, network, taught, own_seed, slot.subset), taught.trainings + 1

    def _row_of(self, choice: MethodChoice) -> MethodRow:
        """A method that teachers are trained by."""
        key = choice.canonical
        if key not in self._rows:
            row = MethodRow.of(choice, self.factory.registry, self.factory.protocol)
            if not row.method.trains_student:
                raise UserError(f"teachers cannot be trained by '{choice.method}': it trains no student")
            if reason := self.factory.undefined_for(self.base.problem, row.method):
                raise UserError(f"teachers cannot be trained by '{choice.method}' here: it is not for {reason}")
            self._rows[key] = row
        return self._rows[key]

    @cached_property
    def _networks(self) -> list[dict[str, object]]:
        return [network.architecture for network in self.factory.protocol.teachers]


def _of_student(slot: TeacherSlot, student: NetworkSpec) -> TeacherSlot:
    """The slot with a network, where it asks for the student's."""
    return replace(slot, network=student) if slot.network == STUDENTS_OWN else slot


def _network(slot: TeacherSlot) -> NetworkSpec:
    assert isinstance(slot.network, NetworkSpec)
    return slot.network


@dataclass(frozen=True)
class Taught:
    """Teachers, their banks, the teachers as those who are measured, and how many trainings they take."""

    teachers: tuple[Model, ...] = ()
    make_banks: Callable[[], Sequence[Job]] = tuple
    subjects: tuple[Subject, ...] = ()
    trainings: int = 0

    @cached_property
    def banks(self) -> tuple[Job, ...]:
        """What the teachers say of every view, planned where somebody wants it."""
        return tuple(self.make_banks())

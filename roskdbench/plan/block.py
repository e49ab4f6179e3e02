"""What all methods of a problem, noise, seed and fold stand on, and the jobs that are built on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roskdbench.data.content import declaration
from roskdbench.data.subsets import check_overlap, subset_share
from roskdbench.errors import UserError
from roskdbench.fingerprint import without_none
from roskdbench.job import Job
from roskdbench.method import Subset, TeacherSlot
from roskdbench.plan.factory import BACKWARD, JobFactory, cost, job
from roskdbench.plan.method_row import MethodRow
from roskdbench.suite.noise import NoiseSpec
from roskdbench.suite.problems import RealProblem
from roskdbench.suite.protocol import NetworkSpec

FEATURES = 0.3  # what training the small network of the features costs, against an epoch of a ResNet-18


@dataclass(frozen=True)
class Model:
    """What is measured: a network, or the members of an ensemble; which weights are read; and its predictions."""

    title: str
    inputs: Mapping[str, Job]
    reading: str
    predictions: Job

    @property
    def cost(self) -> float:
        """Of a pass, against a ResNet-18's."""
        return float(sum(each.hints["cost"] for each in self.inputs.values()))

    @property
    def network(self) -> str:
        """What its speed is known by."""
        return " ".join(sorted({each.hints["network"] for each in self.inputs.values()}))


@dataclass(frozen=True)
class AssignedTeacher:
    """One of a method's teachers: what it is called, its training, and the slot it fills."""

    name: str
    teacher: Job
    slot: TeacherSlot


class Block:
    """Pixels, split and labels, and the teachers, banks and students that come from them."""

    def __init__(self, factory: JobFactory, problem: str, noise: NoiseSpec, seed: int, fold: int, folds: int) -> None:
        self.factory, self.protocol = factory, factory.protocol
        self.problem, self.noise, self.seed, self.fold, self.folds = problem, noise, seed, fold, folds
        self.spec, self.samples = factory.suite.problems[problem], factory.samples(problem)
        noise_name = "" if noise.kind == "none" else f" ({noise.name})"
        self.name = (
            problem + noise_name + (f" fold {fold + 1}" if folds > 1 else "") + (f" seed {seed}" if seed else "")
        )
        split = self.protocol.split
        self.train_share = 1 - 1 / folds - split.validation if folds > 1 else split.train
        if self.train_share <= 0:
            raise UserError(f"{folds} folds and {split.validation:g} for validation leave nothing to train on")
        self.test_samples = self.samples * (1 - self.train_share)
        split_seed = split.seed + seed if split.per_seed else split.seed
        where = (problem, split_seed, fold, folds)
        self.pixels = factory.once(("pixels", problem), self._pixels)
        self.split = factory.once(("split", where), lambda: self._split(split_seed))
        self.labels = factory.once(("labels", where, noise.key), lambda: self._labels(split_seed))
        self.base = {"pixels": self.pixels, "split": self.split, "labels": self.labels}
        self.where = (*where, noise.key, seed)

    def model(self, row: MethodRow, student: NetworkSpec, overlap: float) -> tuple[Model, list[AssignedTeacher]]:
        """What a row comes to on this block, and the teachers it learns from."""
        teachers = self._assigned_teachers(row.method.teachers.slots(self.protocol, overlap))
        reading = row.method.averaging.reading
        if row.method.trains_student:
            trajectory = self.trajectory(row, student, teachers)
            predictions = self.predictions(trajectory, reading)
            return Model(row.title, {"model": trajectory}, reading, predictions), teachers
        if not teachers:
            raise UserError(f"method '{row.name}' trains no student and has no teachers")
        members = {f"member.{number}": teacher.teacher for number, teacher in enumerate(teachers)}
        return Model(row.title, members, reading, self._ensemble([teacher.teacher for teacher in teachers])), teachers

    def cost(self, network: NetworkSpec) -> float:
        """Of a pass of an image."""
        return cost(network, self.spec.size or 64, self.protocol.stem)

    def _pixels(self) -> Job:
        label, work = f"pixels of {self.problem}", self.samples * 0.05
        if not isinstance(self.spec, RealProblem):
            facts = without_none(self.spec.model_dump(mode="json"))
            return job("pixels", {"problem": facts}, {}, label, work)
        located = self.factory.located.get(self.problem)
        content = located.content.identity if located else None
        return job(
            "pixels",
            {"problem": declaration(self.spec), "content": content},
            {},
            label,
            work,
            problem=self.problem,
            declared=self.spec.model_dump(mode="json"),
            root=str(located.root) if located and located.root else None,
        )

    def _split(self, seed: int) -> Job:
        split = self.protocol.split
        if self.folds > 1:
            parts: dict[str, Any] = {"folds": self.folds, "fold": self.fold, "validation": split.validation}
        elif isinstance(self.spec, RealProblem) and self.spec.split == "official":
            parts = {"folds": 1, "official": True, "validation": split.validation / (split.train + split.validation)}
        else:
            parts = {"folds": 1, "train": split.train, "validation": split.validation, "test": split.test}
        label = f"split of {self.problem}{self._which(seed)}"
        return job("split", {**parts, "seed": seed}, {"pixels": self.pixels}, label)

    def _labels(self, split_seed: int) -> Job:
        inputs = {"pixels": self.pixels, "split": self.split}
        if self.noise.kind == "instance":
            inputs["features"] = self.factory.once(("features", self.split.fingerprint), self._features)
        spec = {"noise": self.noise.effect, "split_seed": split_seed}
        return job("labels", spec, inputs, f"{self.noise.name} noise on {self.problem}{self._which(split_seed)}")

    def _which(self, split_seed: int) -> str:
        """The end of a label: what tells the split from the first one."""
        fold = f", fold {self.fold}" if self.fold else ""
        return fold + (f", seed {split_seed}" if split_seed else "")

    def _features(self) -> Job:
        inputs = {"pixels": self.pixels, "split": self.split}
        return job("features", {}, inputs, f"features of {self.name}", FEATURES * BACKWARD * self.samples)

    def predictions(self, model: Job, reading: str) -> Job:
        """What a network says of the validation and the test part."""

        def make() -> Job:
            inputs = {"pixels": self.pixels, "split": self.split, "model": model}
            work = self.test_samples * model.hints["cost"]
            label = f"predictions of {model.label}" + (", averaged" if reading == "averaged" else "")
            network = model.hints["network"]
            return job("predictions", {"reading": reading}, inputs, label, work, network=network)

        return self.factory.once(("predictions", model.fingerprint, reading), make)

    def _ensemble(self, teachers: list[Job]) -> Job:
        members = {f"member.{number}": self.predictions(each, "last") for number, each in enumerate(teachers)}
        key = ("ensemble", *(member.fingerprint for member in members.values()))
        inputs = {"pixels": self.pixels, **members}
        return self.factory.once(key, lambda: job("ensemble", {}, inputs, f"ensemble on {self.name}"))

    def trajectory(self, row: MethodRow, student: NetworkSpec, teachers: list[AssignedTeacher]) -> Job:
        """The training of a row's student."""
        banks = [self._bank(teacher.teacher, teacher.slot.network) for teacher in teachers]

        def make() -> Job:
            spec = {
                **self.factory.network(student),
                "method": row.training,
                "averaging": row.averaging,
                "seed": self.seed,
            }
            roles = {f"bank.{number}": bank for number, bank in enumerate(banks)}
            return job(
                "trajectory",
                spec,
                {**self.base, **roles, **self._form(student)},
                f"{row.name} {student.name} on {self.name}",
                BACKWARD * self.samples * self.train_share * self.protocol.epochs * self.cost(student),
                code=row.code,
                method=row.name,
                parameters=row.parameters,
                cost=self.cost(student),
                network=student.key,
            )

        # The key leaves out the method's name: rows that train in the same way share the training.
        key = ("trajectory", self.where, student.key, row.key, *(bank.fingerprint for bank in banks))
        return self.factory.once(key, make)

    def _assigned_teachers(self, slots: list[TeacherSlot]) -> list[AssignedTeacher]:
        """Each teacher at its place among the protocol's: a lone teacher is the same network as there."""
        networks = [network.architecture for network in self.protocol.teachers]
        teachers = []
        for number, slot in enumerate(slots):
            position = number
            if len(slots) != len(networks):
                known = slot.network.architecture in networks
                position = networks.index(slot.network.architecture) if known else len(networks) + number
            teachers.append(
                AssignedTeacher(f"teacher {number + 1} ({slot.network.name})", self._teacher(slot, position), slot)
            )
        return teachers

    def _teacher(self, slot: TeacherSlot, position: int) -> Job:
        def make() -> Job:
            spec = {**self.factory.network(slot.network), "position": position, "seed": self.seed}
            inputs = {**self.base, **self._form(slot.network)}
            share, suffix = self.train_share, ""
            if slot.subset is not None:
                inputs["subsets"] = self.subsets(slot.subset)
                spec["subset"] = slot.subset.index
                share *= subset_share(slot.subset.construction, slot.subset.count, slot.subset.ratio)
                suffix = f" (subset {slot.subset.index + 1}, overlap {slot.subset.ratio:g})"
            return job(
                "teacher",
                spec,
                inputs,
                f"teacher {slot.network.name} on {self.name}{suffix}",
                BACKWARD * self.samples * share * self.protocol.epochs * self.cost(slot.network),
                cost=self.cost(slot.network),
                network=slot.network.key,
            )

        return self.factory.once(("teacher", self.where, position, slot.network.key, slot.subset), make)

    def _bank(self, teacher: Job, network: NetworkSpec) -> Job:
        def make() -> Job:
            spec = {
                "recipe": self.factory.recipe,
                "dtype": self.protocol.bank,
                "precision": self.factory.precision,
                "seed": self.seed,
            }
            inputs = {"pixels": self.pixels, "split": self.split, "teacher": teacher, **self._form(network)}
            work = self.samples * self.train_share * self.factory.view_count * self.cost(network)
            return job("bank", spec, inputs, f"bank of {teacher.label}", work, network=network.key)

        return self.factory.once(("bank", teacher.fingerprint), make)

    def subsets(self, subset: Subset) -> Job:
        """The overlapping subsets that teachers learn from."""

        def make() -> Job:
            try:
                check_overlap(subset.construction, subset.count, subset.ratio)
            except UserError as error:
                raise UserError(f"problem '{self.problem}': {error}") from None
            spec = {
                "construction": subset.construction,
                "count": subset.count,
                "ratio": subset.ratio,
                "seed": self.seed,
            }
            return job("subsets", spec, self.base, f"subsets of {self.name}")

        return self.factory.once(("subsets", self.where, subset.construction, subset.count, subset.ratio), make)

    def _form(self, network: NetworkSpec) -> dict[str, Job]:
        """The measured form of a network, where the suite leaves the precision to a measurement."""
        if self.protocol.precision != "auto":
            return {}

        def make() -> Job:
            spec = {
                "architecture": network.architecture,
                "stem": self.protocol.stem,
                "batch": self.protocol.batch,
                "epochs": self.protocol.epochs,
            }
            return job("form", spec, {"pixels": self.pixels}, f"form of {network.name} on {self.problem}", 50.0)

        return {"form": self.factory.once(("form", self.problem, network.key), make)}

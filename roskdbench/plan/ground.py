"""What all methods of a problem, noise, seed and fold stand on, and the jobs that are built on it."""

from collections.abc import Iterator, Mapping
from typing import Any

from roskdbench.data.content import declaration
from roskdbench.data.subsets import check_overlap, subset_share
from roskdbench.errors import UserError
from roskdbench.fingerprint import without_none
from roskdbench.job import Job
from roskdbench.method import Subset, TeacherSlot
from roskdbench.plan.row import Row
from roskdbench.plan.workshop import BACKWARD, Workshop, cost, job
from roskdbench.suite.attacks import Attacks
from roskdbench.suite.experiments import Measure
from roskdbench.suite.noise import NoiseSpec
from roskdbench.suite.problems import RealProblem
from roskdbench.suite.protocol import NetworkSpec

FEATURES = 0.3  # what training the small network of the features costs, against an epoch of a ResNet-18


class Ground:
    """Pixels, split and labels, and the teachers, banks and students that come from them."""

    def __init__(self, workshop: Workshop, problem: str, noise: NoiseSpec, seed: int, fold: int, folds: int) -> None:
        self.workshop, self.protocol = workshop, workshop.protocol
        self.problem, self.noise, self.seed, self.fold, self.folds = problem, noise, seed, fold, folds
        self.spec, self.samples = workshop.suite.problems[problem], workshop.samples(problem)
        said = "" if noise.kind == "none" else f" ({noise.name})"
        self.name = problem + said + (f" fold {fold + 1}" if folds > 1 else "") + (f" seed {seed}" if seed else "")
        split = self.protocol.split
        self.train_share = 1 - 1 / folds - split.validation if folds > 1 else split.train
        if self.train_share <= 0:
            raise UserError(f"{folds} folds and {split.validation:g} for validation leave nothing to train on")
        split_seed = split.seed + seed if split.per_seed else split.seed
        where = (problem, split_seed, fold, folds)
        self.pixels = workshop.once(("pixels", problem), self._pixels)
        self.split = workshop.once(("split", where), lambda: self._split(split_seed))
        self.labels = workshop.once(("labels", where, noise.key), lambda: self._labels(split_seed))
        self.base = {"pixels": self.pixels, "split": self.split, "labels": self.labels}
        self.where = (*where, noise.key, seed)

    def measured(
        self,
        row: Row,
        student: NetworkSpec,
        overlap: float,
        measures: Mapping[str, Measure],
        substitute: Row | None,
    ) -> tuple[Job, list[tuple[Job, str]], int]:
        """The job that scores a cell, those of its other measures with whom each is about, and how many networks it
        would train alone.
        """
        slots = row.method.teachers.slots(self.protocol, overlap)
        others: list[tuple[Job, str]] = []
        if row.method.trains_student:
            trajectory = self._trajectory(row, student, slots)
            predictions = self._predictions(trajectory, row.method.averaging.reading)
            models = {"model": trajectory}
            if "memorisation" in measures:
                others.append((self._memorisation(trajectory, row.method.averaging.reading), "student"))
        elif slots:
            teachers = [self._teacher(slot, position) for position, slot in self._positions(slots)]
            predictions = self._ensemble(teachers)
            models = {f"member.{number}": teacher for number, teacher in enumerate(teachers)}
        else:
            raise UserError(f"method '{row.name}' trains no student and has no teachers")

        if "memorisation" in measures:
            for number, (position, slot) in enumerate(self._positions(slots)):
                who = f"teacher {number + 1} ({slot.network.name})"
                others.append((self._memorisation(self._teacher(slot, position), "last", slot.subset), who))

        if "calibration" in measures:
            others.append((self._calibration(row, predictions), ""))
        if isinstance(attacks := measures.get("attacks"), Attacks):
            against = self._trajectory(substitute, student, []) if substitute else None
            others.append((self._attacks(attacks, row, models, predictions, against), ""))

        def make() -> Job:
            inputs = {"pixels": self.pixels, "split": self.split, "predictions": predictions}
            return job("scores", {}, inputs, f"scores of {row.title} on {self.name}")

        scores = self.workshop.once(("scores", predictions.fingerprint), make)
        return scores, others, len(slots) + row.method.trains_student

    def _pixels(self) -> Job:
        label, work = f"pixels of {self.problem}", self.samples * 0.05
        if not isinstance(self.spec, RealProblem):
            facts = without_none(self.spec.model_dump(mode="json"))
            return job("pixels", {"problem": facts}, {}, label, work)
        located = self.workshop.located.get(self.problem)
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
        return job("split", {**parts, "seed": seed}, {"pixels": self.pixels}, f"split of {self.problem}")

    def _labels(self, split_seed: int) -> Job:
        inputs = {"pixels": self.pixels, "split": self.split}
        if self.noise.kind == "instance":
            inputs["features"] = self.workshop.once(("features", self.split.fingerprint), self._features)
        spec = {"noise": self.noise.effect, "split_seed": split_seed}
        return job("labels", spec, inputs, f"{self.noise.name} noise on {self.problem}")

    def _features(self) -> Job:
        inputs = {"pixels": self.pixels, "split": self.split}
        return job("features", {}, inputs, f"features of {self.name}", FEATURES * BACKWARD * self.samples)

    def _calibration(self, row: Row, predictions: Job) -> Job:
        inputs = {"pixels": self.pixels, "split": self.split, "predictions": predictions}
        key = ("calibration", predictions.fingerprint)
        label = f"calibration of {row.title} on {self.name}"
        return self.workshop.once(key, lambda: job("calibration", {}, inputs, label))

    def _attacks(
        self, attacks: Attacks, row: Row, models: dict[str, Job], predictions: Job, substitute: Job | None
    ) -> Job:
        reading = row.method.averaging.reading
        if substitute is not None and substitute in models.values() and reading == "last":
            substitute = None  # it is the model itself

        def make() -> Job:
            inputs = {"pixels": self.pixels, "split": self.split, "predictions": predictions, **models}
            if substitute is not None:
                inputs["substitute"] = substitute
            spec = {
                "attacks": attacks.model_dump(mode="json", exclude={"measure"}),
                "reading": reading,
                "seed": self.seed,
            }
            images = min(attacks.images or self.samples, self.samples * (1 - self.train_share))
            passes = 1.5 * BACKWARD * sum(getattr(each, "steps", 1) for each in attacks.chosen)
            work = images * (passes + 80 * len(attacks.sweep)) * sum(model.hints["cost"] for model in models.values())
            return job("attacks", spec, inputs, f"attacks on {row.title} on {self.name}", work)

        key = ("attacks", predictions.fingerprint, attacks.model_dump_json(), reading)
        return self.workshop.once(key, make)

    def _memorisation(self, model: Job, reading: str, subset: Subset | None = None) -> Job:
        def make() -> Job:
            inputs = {**self.base, "model": model}
            spec: dict[str, Any] = {"reading": reading}
            if subset is not None:
                inputs["subsets"] = self._subsets(subset)
                spec["subset"] = subset.index
            work = self.samples * self.train_share * model.hints["cost"]
            return job("memorisation", spec, inputs, f"memorisation of {model.label}", work)

        return self.workshop.once(("memorisation", model.fingerprint, reading), make)

    def _predictions(self, model: Job, reading: str) -> Job:
        def make() -> Job:
            inputs = {"pixels": self.pixels, "split": self.split, "model": model}
            work = self.samples * (1 - self.train_share) * model.hints["cost"]
            return job("predictions", {"reading": reading}, inputs, f"predictions of {model.label}", work)

        return self.workshop.once(("predictions", model.fingerprint, reading), make)

    def _ensemble(self, teachers: list[Job]) -> Job:
        members = {f"member.{number}": self._predictions(each, "last") for number, each in enumerate(teachers)}
        key = ("ensemble", *(member.fingerprint for member in members.values()))
        inputs = {"pixels": self.pixels, **members}
        return self.workshop.once(key, lambda: job("ensemble", {}, inputs, f"ensemble on {self.name}"))

    def _trajectory(self, row: Row, student: NetworkSpec, slots: list[TeacherSlot]) -> Job:
        banks = [self._bank(self._teacher(slot, position), slot.network) for position, slot in self._positions(slots)]

        def make() -> Job:
            spec = {
                **self.workshop.network(student),
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
                BACKWARD * self.samples * self.train_share * self.protocol.epochs * cost(student),
                code=row.code,
                method=row.name,
                parameters=row.parameters,
                cost=cost(student),
            )

        # The key leaves out the method's name: rows that train in the same way share the training.
        key = ("trajectory", self.where, student.key, row.key, *(bank.fingerprint for bank in banks))
        return self.workshop.once(key, make)

    def _positions(self, slots: list[TeacherSlot]) -> Iterator[tuple[int, TeacherSlot]]:
        """Each slot with its place among the protocol's teachers: a lone teacher is the same network as there."""
        networks = [network.architecture for network in self.protocol.teachers]
        for number, slot in enumerate(slots):
            if len(slots) == len(networks):
                yield number, slot
            else:
                known = slot.network.architecture in networks
                yield networks.index(slot.network.architecture) if known else len(networks) + number, slot

    def _teacher(self, slot: TeacherSlot, position: int) -> Job:
        def make() -> Job:
            spec = {**self.workshop.network(slot.network), "position": position, "seed": self.seed}
            inputs = {**self.base, **self._form(slot.network)}
            share, suffix = self.train_share, ""
            if slot.subset is not None:
                inputs["subsets"] = self._subsets(slot.subset)
                spec["subset"] = slot.subset.index
                share *= subset_share(slot.subset.construction, slot.subset.count, slot.subset.ratio)
                suffix = f" (subset {slot.subset.index + 1}, overlap {slot.subset.ratio:g})"
            return job(
                "teacher",
                spec,
                inputs,
                f"teacher {slot.network.name} on {self.name}{suffix}",
                BACKWARD * self.samples * share * self.protocol.epochs * cost(slot.network),
                cost=cost(slot.network),
            )

        return self.workshop.once(("teacher", self.where, position, slot.network.key, slot.subset), make)

    def _bank(self, teacher: Job, network: NetworkSpec) -> Job:
        def make() -> Job:
            spec = {
                "recipe": self.workshop.recipe,
                "dtype": self.protocol.bank,
                "precision": self.workshop.precision,
                "seed": self.seed,
            }
            inputs = {"pixels": self.pixels, "split": self.split, "teacher": teacher, **self._form(network)}
            work = self.samples * self.train_share * self.workshop.view_count * cost(network)
            return job("bank", spec, inputs, f"bank of {teacher.label}", work)

        return self.workshop.once(("bank", teacher.fingerprint), make)

    def _subsets(self, subset: Subset) -> Job:
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

        return self.workshop.once(("subsets", self.where, subset.construction, subset.count, subset.ratio), make)

    def _form(self, network: NetworkSpec) -> dict[str, Job]:
        """The measured form of a network, where the suite leaves the precision to a measurement."""
        if self.protocol.precision != "auto":
            return {}

        def make() -> Job:
            spec = {"architecture": network.architecture, "stem": self.protocol.stem, "batch": self.protocol.batch}
            return job("form", spec, {"pixels": self.pixels}, f"form of {network.name} on {self.problem}", 50.0)

        return {"form": self.workshop.once(("form", self.problem, network.key), make)}

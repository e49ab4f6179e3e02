"""From a suite to a graph of jobs. What two cells have in common is one job: they ask for the same fingerprint.

Nothing here imports torch, looks at data or touches the store.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from roskdbench.data.subsets import check_overlap, subset_share
from roskdbench.errors import UserError, nearest
from roskdbench.fingerprint import without_none
from roskdbench.job import Job
from roskdbench.method import Mean, Method, RunningMean, Subset, TeacherSlot, code_identity
from roskdbench.registry import Registry
from roskdbench.suite import Experiment, MethodChoice, ProblemSpec, Suite
from roskdbench.suite.protocol import NetworkSpec

# Multiply-adds of a forward pass at 224 px against ResNet-18's 1.8 billion; others count as 1.
RELATIVE_COST = {
    "resnet18": 1.0,
    "resnet34": 2.0,
    "resnet50": 2.3,
    "mobilenetv2_100": 0.17,
    "densenet121": 1.6,
}
BACKWARD = 3.0  # a training pass against a forward pass


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of an experiment's grid, and the job that scores it."""

    experiment: str
    problem: str
    method: str  # the row's title
    registered: str  # the name the method is registered under
    student: str
    overlap: float
    noise: str
    fold: int
    seed: int
    scores: str  # fingerprint
    trainings: int  # networks that a script for this cell alone would train


@dataclass
class Plan:
    """Jobs in an order in which every job comes after its inputs, and the cells that want them."""

    suite: Suite
    jobs: dict[str, Job] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    not_built: list[str] = field(default_factory=list)
    """What the suite asks for that this version cannot do, a line each."""

    @property
    def problems(self) -> list[str]:
        """Names of the problems that the planned cells use."""
        return list(dict.fromkeys(cell.problem for cell in self.cells))

    def kinds(self) -> Counter[str]:
        """How many jobs there are of each kind."""
        return Counter(job.kind for job in self.jobs.values())

    @property
    def trainings(self) -> int:
        """Networks that are trained."""
        return sum(job.kind in ("teacher", "trajectory") for job in self.jobs.values())

    @property
    def trainings_alone(self) -> int:
        """Networks that would be trained by a script per cell."""
        return sum(cell.trainings for cell in self.cells)

    def needed(self, have: Iterable[str] = ()) -> dict[str, Job]:
        """The jobs that the cells' scores still need when the artifacts in `have` are there, in order."""
        there, wanted = set(have), set()
        waiting = [cell.scores for cell in self.cells]
        while waiting:
            fingerprint = waiting.pop()
            if fingerprint not in there and fingerprint not in wanted:
                wanted.add(fingerprint)
                waiting.extend(self.jobs[fingerprint].inputs.values())
        return {fingerprint: job for fingerprint, job in self.jobs.items() if fingerprint in wanted}


def plan(suite: Suite, registry: Registry, only: Iterable[str] = ()) -> Plan:
    """The plan of a suite, or of some of its experiments. A UserError names what does not fit together."""
    chosen = list(only)
    for name in chosen:
        if name not in suite.experiments:
            raise UserError(f"the suite has no experiment '{name}'; {nearest(name, suite.experiments)}")
    planner = _Planner(suite, registry)
    for name, experiment in suite.experiments.items():
        if not chosen or name in chosen:
            planner.add(name, experiment)
    return planner.plan


class _Planner:
    """Builds a plan, job by job; a job asked for twice is made once."""

    def __init__(self, suite: Suite, registry: Registry) -> None:
        self.suite, self.protocol, self.registry = suite, suite.protocol, registry
        self.plan = Plan(suite)
        self._made: dict[tuple[Any, ...], Job] = {}
        protocol = suite.protocol
        self._recipe = {
            "epochs": protocol.epochs,
            "batch": protocol.batch,
            **protocol.optimiser.model_dump(mode="json"),
            "augmentation": protocol.augmentation,
            "views": protocol.views,
        }
        self._views = min(protocol.views or protocol.epochs, protocol.epochs)

    def add(self, name: str, experiment: Experiment) -> None:
        """Plan the cells of an experiment."""
        for measure in experiment.measures:
            if not measure.built:
                self._note(f"the measure '{measure.measure}' of experiment '{name}'")
        rows = [(choice, self._method(name, choice)) for choice in experiment.methods]
        titles = Counter(_title(choice, method) for choice, method in rows)
        for title, times in titles.items():
            if times > 1:
                raise UserError(f"experiment '{name}' has {times} rows called '{title}'; give them titles of their own")
        for problem in experiment.problems or list(self.suite.problems):
            if not self.suite.problems[problem].built:
                dataset = self.suite.problems[problem].dataset
                self._note(f"the loader of problem '{problem}' ({dataset})")
        self.plan.cells.extend(self._cells(name, experiment, rows))

    def _note(self, line: str) -> None:
        if line not in self.plan.not_built:
            self.plan.not_built.append(line)

    def _method(self, experiment: str, choice: MethodChoice) -> Method:
        try:
            method = self.registry.make(choice.method, choice.parameters)
            objection = method.weighting.objection(self.protocol.epochs)
            averaging = method.averaging
            if isinstance(averaging, Mean) and self._warmup(averaging) >= self.protocol.epochs:
                objection = (
                    f"averaging starts after epoch {self._warmup(averaging)}, but there are "
                    f"{self.protocol.epochs}; lower protocol.averaging_warmup"
                )
            if objection:
                raise UserError(f"method '{choice.method}': {objection}")
        except UserError as error:
            raise UserError(f"experiment '{experiment}': {error}") from None
        return method

    def _warmup(self, averaging: Mean) -> int:
        return self.protocol.averaging_warmup if averaging.warmup is None else averaging.warmup

    def _cells(self, name: str, experiment: Experiment, rows: list[tuple[MethodChoice, Method]]) -> Iterator[Cell]:
        problems = experiment.problems or list(self.suite.problems)
        codes = [code_identity(method) for _, method in rows]
        for problem, noise, seed, fold in product(
            problems, experiment.noise, experiment.seeds, range(experiment.folds)
        ):
            ground = _Ground(self, problem, noise, seed, fold, experiment.folds)
            for ((choice, method), code), student, overlap in product(
                zip(rows, codes, strict=True), experiment.students, experiment.overlap
            ):
                scores, trainings = ground.scores(choice, method, code, student, overlap)
                yield Cell(
                    name,
                    problem,
                    _title(choice, method),
                    choice.method,
                    student.name,
                    overlap,
                    noise,
                    fold,
                    seed,
                    scores.fingerprint,
                    trainings,
                )

    def job(
        self,
        key: tuple[Any, ...],
        kind: str,
        spec: dict[str, Any],
        inputs: dict[str, Job],
        label: str,
        work: float = 1.0,
        code: dict[str, str] | None = None,
        **hints: Any,
    ) -> Job:
        """The job for a key, made when it is first asked for. Equal keys must mean equal jobs."""
        found = self._made.get((kind, *key))
        if found is None:
            fingerprints = {role: job.fingerprint for role, job in inputs.items()}
            found = Job(kind, spec, fingerprints, code or {}, {"label": label, "work": work, **hints})
            found = self.plan.jobs.setdefault(found.fingerprint, found)
            self._made[(kind, *key)] = found
        return found


class _Ground:
    """What all methods of a problem, noise, seed and fold stand on."""

    def __init__(self, planner: _Planner, problem: str, noise: str, seed: int, fold: int, folds: int) -> None:
        self.planner, self.protocol = planner, planner.protocol
        self.problem, self.seed = problem, seed
        self.spec = planner.suite.problems[problem]
        split = self.protocol.split
        split_seed = split.seed + seed if split.per_seed else split.seed
        self.name = problem + (f" fold {fold + 1}" if folds > 1 else "") + (f" seed {seed}" if seed else "")
        self.pixels = planner.job(
            (problem,),
            "pixels",
            {"problem": _facts(self.spec)},
            {},
            f"pixels of {problem}",
            self.samples * 0.05,
        )
        if folds > 1:
            parts = {"folds": folds, "fold": fold, "validation": split.validation}
            self.train_share = 1 - 1 / folds - split.validation
        else:
            parts = {"folds": 1, "train": split.train, "validation": split.validation, "test": split.test}
            self.train_share = split.train
        if self.train_share <= 0:
            raise UserError(f"{folds} folds and {split.validation:g} for validation leave nothing to train on")
        self.split = planner.job(
            (problem, split_seed, fold, folds),
            "split",
            {**parts, "seed": split_seed},
            {"pixels": self.pixels},
            f"split of {problem}",
        )
        self.labels = planner.job(
            (problem, split_seed, fold, folds, noise),
            "labels",
            {"noise": noise},
            {"pixels": self.pixels, "split": self.split},
            f"{noise} noise on {problem}",
        )
        self.where = (problem, split_seed, fold, folds, noise, seed)

    @property
    def samples(self) -> int:
        return self.spec.samples

    def scores(
        self, choice: MethodChoice, method: Method, code: dict[str, str], student: NetworkSpec, overlap: float
    ) -> tuple[Job, int]:
        """The job that scores a cell, and how many networks the cell would train alone."""
        slots = method.teachers.slots(self.protocol, overlap)
        reading = method.averaging.reading if method.trains_student else "last"
        if method.trains_student:
            model = self._trajectory(choice, method, code, student, slots)
            predictions = self._predictions(model, reading)
        elif slots:
            members = {
                f"member.{number}": self._predictions(self._teacher(slot, number), "last")
                for number, slot in self._positions(slots)
            }
            key = tuple(job.fingerprint for job in members.values())
            roles = {"pixels": self.pixels, **members}
            predictions = self.planner.job(key, "ensemble", {}, roles, f"ensemble on {self.name}")
        else:
            raise UserError(f"method '{choice.method}' trains no student and has no teachers")
        scores = self.planner.job(
            (predictions.fingerprint,),
            "scores",
            {},
            {"pixels": self.pixels, "split": self.split, "predictions": predictions},
            f"scores of {_title(choice, method)} on {self.name}",
        )
        return scores, len(slots) + method.trains_student

    def _predictions(self, model: Job, reading: str) -> Job:
        return self.planner.job(
            (model.fingerprint, reading),
            "predictions",
            {"reading": reading},
            {"pixels": self.pixels, "split": self.split, "model": model},
            f"predictions of {model.label}",
            self.samples * (1 - self.train_share) * model.hints["cost"],
        )

    def _trajectory(
        self,
        choice: MethodChoice,
        method: Method,
        code: dict[str, str],
        student: NetworkSpec,
        slots: list[TeacherSlot],
    ) -> Job:
        banks = {
            f"bank.{number}": self._bank(self._teacher(slot, position), slot)
            for number, (position, slot) in enumerate(self._positions(slots))
        }
        averaging = method.averaging if isinstance(method.averaging, Mean) else RunningMean()
        mean = {**averaging.declaration(), "warmup": self.planner._warmup(averaging)}
        spec = {
            **self._network(student),
            "method": method.training_declaration(),
            "averaging": mean,
            "seed": self.seed,
        }
        inputs = {**self._base(), **banks, **self._form(student)}
        cost = _cost(student)
        # The key leaves out the method's name: methods with the same declaration and code share the training.
        key = (
            *self.where,
            student.model_dump_json(),
            str(spec["method"]),
            str(mean),
            str(code),
            *_prints(banks),
        )
        return self.planner.job(
            key,
            "trajectory",
            spec,
            inputs,
            f"{choice.method} {student.name} on {self.name}",
            BACKWARD * self.samples * self.train_share * self.protocol.epochs * cost,
            code,
            method=choice.method,
            parameters=choice.parameters,
            cost=cost,
        )

    def _positions(self, slots: list[TeacherSlot]) -> Iterator[tuple[int, TeacherSlot]]:
        """Each slot with its place among the protocol's teachers: a lone teacher is the same network as there."""
        networks = self.protocol.teachers
        for number, slot in enumerate(slots):
            if len(slots) == len(networks):
                yield number, slot
            else:
                yield (
                    networks.index(slot.network) if slot.network in networks else len(networks) + number,
                    slot,
                )

    def _teacher(self, slot: TeacherSlot, position: int) -> Job:
        cost = _cost(slot.network)
        spec = {**self._network(slot.network), "position": position, "seed": self.seed}
        inputs = {**self._base(), **self._form(slot.network)}
        share, suffix = self.train_share, ""
        if slot.subset is not None:
            inputs["subsets"] = self._subsets(slot.subset)
            spec["subset"] = slot.subset.index
            share *= subset_share(slot.subset.construction, slot.subset.count, slot.subset.ratio)
            suffix = f" (subset {slot.subset.index + 1}, overlap {slot.subset.ratio:g})"
        return self.planner.job(
            (*self.where, position, slot.network.model_dump_json(), slot.subset),
            "teacher",
            spec,
            inputs,
            f"teacher {slot.network.name} on {self.name}{suffix}",
            BACKWARD * self.samples * share * self.protocol.epochs * cost,
            cost=cost,
        )

    def _bank(self, teacher: Job, slot: TeacherSlot) -> Job:
        spec = {
            "recipe": self.planner._recipe,
            "dtype": self.protocol.bank,
            "precision": self._precision,
            "seed": self.seed,
        }
        inputs = {"pixels": self.pixels, "split": self.split, "teacher": teacher, **self._form(slot.network)}
        work = self.samples * self.train_share * self.planner._views * teacher.hints["cost"]
        return self.planner.job((teacher.fingerprint,), "bank", spec, inputs, f"bank of {teacher.label}", work)

    def _subsets(self, subset: Subset) -> Job:
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
        key = (*self.where, subset.construction, subset.count, subset.ratio)
        return self.planner.job(key, "subsets", spec, self._base(), f"subsets of {self.name}")

    def _base(self) -> dict[str, Job]:
        return {"pixels": self.pixels, "split": self.split, "labels": self.labels}

    def _network(self, network: NetworkSpec) -> dict[str, Any]:
        return {
            "architecture": network.architecture,
            "stem": self.protocol.stem,
            "recipe": self.planner._recipe,
            "precision": self._precision,
        }

    @property
    def _precision(self) -> str:
        return "measured" if self.protocol.precision == "auto" else self.protocol.precision

    def _form(self, network: NetworkSpec) -> dict[str, Job]:
        """The measured form of a network, where the suite leaves the precision to a measurement."""
        if self.protocol.precision != "auto":
            return {}
        spec = {
            "architecture": network.architecture,
            "stem": self.protocol.stem,
            "batch": self.protocol.batch,
        }
        key = (self.problem, network.model_dump_json())
        label = f"form of {network.name} on {self.problem}"
        return {"form": self.planner.job(key, "form", spec, {"pixels": self.pixels}, label, 50.0)}


def _title(choice: MethodChoice, method: Method) -> str:
    return choice.title or type(method).title()


def _facts(spec: ProblemSpec) -> dict[str, Any]:
    return without_none(spec.model_dump(mode="json"))


def _cost(network: NetworkSpec) -> float:
    return RELATIVE_COST.get(network.model, 1.0)


def _prints(jobs: dict[str, Job]) -> tuple[str, ...]:
    return tuple(job.fingerprint for job in jobs.values())

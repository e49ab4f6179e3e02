"""A plan: jobs, each after its inputs, and the cells that want them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from roskdbench.data.content import Located
from roskdbench.job import Job
from roskdbench.plan.measuring_jobs import Measurement
from roskdbench.suite import Suite
from roskdbench.suite.measure import Measure
from roskdbench.suite.problems import RealProblem

AXES = ("student", "overlap", "noise")
"""Of the grid, on which rows of a method may differ."""


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
    measurements: tuple[Measurement, ...]  # every job that measures it, that of its scores first
    labels: str  # fingerprint of the labels that training sees
    trainings: int  # networks that a script for this cell alone would train
    cost: float | None = None  # passes of its trainings, relative to those of its student on labels alone
    family: str = ""  # the group of methods that it belongs to
    points: tuple[tuple[str, str | float], ...] = ()  # where its row stands on axes of the method's parameters


def fingerprints_of(cell: Cell) -> list[str]:
    """Of every job that measures a cell."""
    return [each.fingerprint for each in cell.measurements]


@dataclass
class Plan:
    """Jobs in an order in which every job comes after its inputs, and the cells that want them."""

    suite: Suite
    jobs: dict[str, Job] = field(default_factory=dict)
    located: Mapping[str, Located] = field(default_factory=dict)
    """The data of problems on disk, as far as they were prepared."""
    cells: list[Cell] = field(default_factory=list)
    undefined: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Experiment, problem and row of each method that is not for the problem, and what it is not for."""
    remarks: dict[str, list[str]] = field(default_factory=dict)
    """Of each experiment what is to be known of its methods under the protocol, a line each."""
    measures: dict[str, dict[str, Measure]] = field(default_factory=dict)
    """Of each experiment its measures, by the names that their numbers stand under."""

    @property
    def problems(self) -> list[str]:
        """Names of the problems that the planned cells use, and of those that their models are tested on."""
        others = [
            name
            for measures in self.measures.values()
            for each in measures.values()
            for name, _ in each.other_problems()
        ]
        return list(dict.fromkeys([*(cell.problem for cell in self.cells), *others]))

    @property
    def experiments(self) -> list[str]:
        """Names of the experiments that were planned."""
        return list(dict.fromkeys(cell.experiment for cell in self.cells))

    def pixels(self, problem: str) -> str:
        """The job that makes a problem's images and labels."""
        for cell in self.cells:
            if cell.problem == problem:
                return self.jobs[cell.scores].inputs["pixels"]
            for each in cell.measurements:
                names = [name for name, _ in self.measures[cell.experiment][each.measure].other_problems()]
                if problem in names:
                    return self.jobs[each.fingerprint].inputs[f"external.{names.index(problem)}.pixels"]
        raise KeyError(problem)

    def model(self, cell: Cell) -> Job | None:
        """What a cell's predictions come from: a training, a model file, or an ensemble's predictions themselves. None
        where jobs are not known, as of a leaderboard.
        """
        if cell.scores not in self.jobs:
            return None
        predictions = self.jobs[self.jobs[cell.scores].inputs["predictions"]]
        return self.jobs[predictions.inputs.get("model", predictions.fingerprint)]

    def image_size(self, problem: str) -> int | None:
        """Width and height of a problem's images; None where it does not say, and nobody has looked."""
        located = self.located.get(problem)
        return self.suite.problems[problem].image_size or (located.content.size if located else 0) or None

    def is_guessed(self, problem: str) -> bool:
        """Whether nobody has looked yet how many images the problem has."""
        return isinstance(self.suite.problems[problem], RealProblem) and problem not in self.located

    def kinds(self) -> Counter[str]:
        """How many jobs there are of each kind, and of each measure."""
        return Counter(job.group for job in self.jobs.values())

    @property
    def trainings(self) -> int:
        """Networks that are trained."""
        return sum(job.trains for job in self.jobs.values())

    @property
    def trainings_alone(self) -> int:
        """Networks that would be trained by a script per cell."""
        return sum(cell.trainings for cell in self.cells)

    def needed(self, have: Iterable[str] = ()) -> dict[str, Job]:
        """The jobs that the cells' scores still need when the artifacts in `have` are there, in order."""
        there, wanted = set(have), set[str]()
        waiting = [each for cell in self.cells for each in fingerprints_of(cell)]
        while waiting:
            fingerprint = waiting.pop()
            if fingerprint not in there and fingerprint not in wanted:
                wanted.add(fingerprint)
                waiting.extend(self.jobs[fingerprint].inputs.values())
        return {fingerprint: job for fingerprint, job in self.jobs.items() if fingerprint in wanted}

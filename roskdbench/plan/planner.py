"""Going through a suite's experiments, cell by cell."""

import gc
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from math import prod

from pydantic import TypeAdapter

from roskdbench.data.content import Located
from roskdbench.errors import PlacedError, UserError, nearest
from roskdbench.plan.block import Block
from roskdbench.plan.claims import refuse_claims
from roskdbench.plan.factory import JobFactory
from roskdbench.plan.graph import Cell, Plan
from roskdbench.plan.measuring_jobs import Measured
from roskdbench.plan.method_row import MethodRow
from roskdbench.plan.remarks import remarks_on
from roskdbench.plan.shown import measures_of
from roskdbench.plugins import Registry
from roskdbench.suite import Experiment, MethodChoice, Suite
from roskdbench.suite.measure import Measure
from roskdbench.suite.problems import Dataset, DrawnDataset

SUBSTITUTE = "baseline-i"
MOST_CELLS = 200_000


def plan(
    suite: Suite, registry: Registry, only: Iterable[str] = (), located: Mapping[str, Located] | None = None
) -> Plan:
    """The plan of a suite, or of some of its experiments. A UserError names what does not fit together.

    `located` are the data of problems on disk. A plan without them shows what there is to do; it cannot be run.
    """
    chosen = list(only)
    for name in chosen:
        if name not in suite.experiments:
            raise UserError(f"the suite has no experiment '{name}'; {nearest(name, suite.experiments)}")
    _refuse_too_large(suite)
    planned = Plan(suite, located=located or {})
    factory = JobFactory(suite, registry, planned.jobs, planned.located)
    with _without_looking_for_garbage():
        _fill(planned, factory, chosen)
        if any(choice.budget for experiment in suite.experiments.values() for choice in experiment.methods):
            planned.jobs = planned.needed()  # budgets were reckoned by trainings that nobody asked for
    refuse_claims(planned)
    return planned


def _refuse_too_large(suite: Suite) -> None:
    """A UserError for a grid that no store could hold."""
    for name, each in suite.experiments.items():
        axes = (each.problems or suite.problems, each.methods, each.students, each.overlap, each.noise, each.seeds)
        cells = prod(map(len, axes)) * each.folds
        if cells > MOST_CELLS:
            raise PlacedError(
                f"experiment '{name}' has {cells:,} cells; {MOST_CELLS:,} are the most", ("experiments", name)
            )


@contextmanager
def _without_looking_for_garbage() -> Iterator[None]:
    """A plan is many small objects that all stay, and none of them are circles."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


def _fill(planned: Plan, factory: JobFactory, chosen: Collection[str]) -> None:
    """Plan the chosen experiments, or all of them."""
    suite, registry = planned.suite, factory.registry
    for name, experiment in suite.experiments.items():
        if not chosen or name in chosen:
            rows = _rows(name, experiment, suite, registry)
            _refuse_noise(name, experiment, planned)
            _refuse_reference(name, experiment, rows, registry)
            refuse_measures(name, suite, planned.located)
            measures = measures_of(suite, name, registry)
            planned.measures[name] = measures
            planned.remarks[name] = remarks_on(rows, suite.protocol, experiment.overlap[0])
            substitute = _substitute(measures_read(measures.values()), registry, suite)
            problems = experiment.problems or list(suite.problems)
            defined: dict[str, list[MethodRow]] = {problem: [] for problem in problems}
            for problem, row in product(problems, rows):
                if reason := factory.undefined_for(problem, row.method):
                    planned.undefined.append((name, problem, row.title, reason))
                else:
                    defined[problem].append(row)
            planned.cells += _cells(name, experiment, defined, Measured(measures), substitute, factory)


def measures_read(measures: Iterable[object]) -> set[str]:
    """All that some measures read."""
    return {each for measure in measures for each in getattr(measure, "reads", ())}


def _refuse_noise(name: str, experiment: Experiment, planned: Plan) -> None:
    """A UserError for noise that speaks of other classes than a problem has, as far as these are known."""
    for problem, (number, noise) in product(experiment.problems or planned.suite.problems, enumerate(experiment.noise)):
        located = planned.located.get(problem)
        known = located.content.classes if located else planned.suite.problems[problem].known_classes
        if known and (objection := noise.objection(known)):
            keys = ("experiments", name, "noise", number)
            raise PlacedError(f"experiment '{name}', problem '{problem}': {objection}", keys)


def refuse_measures(name: str, suite: Suite, located: Mapping[str, Located]) -> None:
    """A UserError for a measure that cannot be taken on a problem, as far as its task and classes are known."""
    experiment = suite.experiments[name]
    for problem, measure in product(experiment.problems or suite.problems, experiment.measures):
        declared = suite.problems[problem]
        known = located[problem].content.classes if problem in located else declared.known_classes
        objection = measure.objection(declared.task, known) if declared.task else None
        if objection := objection or _lacks_attributes(measure, declared, located.get(problem)):
            keys = ("experiments", name, "measures")
            raise PlacedError(f"experiment '{name}', problem '{problem}': {objection}", keys)


def _lacks_attributes(measure: Measure, declared: Dataset, located: Located | None) -> str | None:
    """Which attribute that a measure goes by the data do not have, as far as that is known before they are read."""
    wanted = measure.attributes_wanted()
    known = located.content.attribute_names if located else ()
    if wanted and isinstance(declared, DrawnDataset):
        known = tuple(declared.attributes())
    lacking = next((each for each in wanted if each not in known), None) if known else None
    return f"{measure.name}: the data have no attribute '{lacking}'; {nearest(lacking, known)}" if lacking else None


def _refuse_reference(name: str, experiment: Experiment, rows: list[MethodRow], registry: Registry) -> None:
    """A UserError for a reference that is no method; one without a row here compares nothing."""
    methods = registry.of("method")
    known = {each for row in rows for each in (row.name, row.title)} | methods.keys()
    known |= {entry.thing.title() for entry in methods.values()}
    if experiment.reference not in known:
        objection = f"experiment '{name}': no method '{experiment.reference}' to compare with"
        raise PlacedError(f"{objection}; {nearest(experiment.reference, known)}", ("experiments", name, "reference"))


def _rows(name: str, experiment: Experiment, suite: Suite, registry: Registry) -> list[MethodRow]:
    rows = []
    for number, choice in enumerate(experiment.methods):
        try:
            rows.append(MethodRow.of(choice, registry, suite.protocol))
        except UserError as error:
            keys = ("experiments", name, "methods", number)
            raise PlacedError(f"experiment '{name}': {error}", keys) from None
    for title, times in Counter(row.title for row in rows).items():
        if times > 1:
            raise UserError(f"experiment '{name}' has {times} rows called '{title}'; give them titles of their own")
    return rows


def _substitute(reads: set[str], registry: Registry, suite: Suite) -> MethodRow | None:
    """Baseline I, whose attacked images are tried on the other models, and which students are compared with."""
    if not {"substitute", "teachers"} & reads or SUBSTITUTE not in registry.of("method"):
        return None
    return MethodRow.of(TypeAdapter[MethodChoice](MethodChoice).validate_python(SUBSTITUTE), registry, suite.protocol)


def _cells(
    name: str,
    experiment: Experiment,
    rows: Mapping[str, list[MethodRow]],
    measured: Measured,
    substitute: MethodRow | None,
    factory: JobFactory,
) -> Iterator[Cell]:
    places = product(rows, experiment.noise, experiment.seeds, range(experiment.folds))
    for problem, noise, seed, fold in places:
        block = Block(factory, problem, noise, seed, fold, experiment.folds)
        for row, student, overlap in product(rows[problem], experiment.students, experiment.overlap):
            subjects, teachers = block.subjects(row, student, overlap, measured.roles)
            against = block.trajectory(substitute, student) if substitute else None
            found = [each for each, _ in measured.jobs(factory, block.base, subjects, against, seed)]
            yield Cell(
                experiment=name,
                problem=problem,
                method=row.title,
                registered=row.name,
                student=student.name,
                overlap=overlap,
                noise=noise.name,
                fold=fold,
                seed=seed,
                scores=found[0].fingerprint,
                measurements=tuple(found),
                labels=block.base.labels.fingerprint,
                trainings=teachers + row.method.trains_student,
                cost=round(block.cost(subjects[0], student), 3),
                family=type(row.method).listed_under(),
                points=row.points,
            )

"""A plan as a run's record has it: for rows whose methods are not here. All others are planned again, and what the
record says of the rest is held against them: it may be a stranger's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from roskdbench import foreign
from roskdbench.data.content import Located
from roskdbench.job import Job
from roskdbench.plan.cells import cell_of
from roskdbench.plan.graph import Cell, Plan
from roskdbench.plan.planner import SUBSTITUTE, plan
from roskdbench.plugins import Registry
from roskdbench.suite import Experiment, MethodChoice, Suite

ON_TRUST = (
    "their methods are not here: what these rows are called and which models they are of is as the run's record says."
)
LONGEST_TITLE = 200  # letters
LARGEST_COST = 1e30
PLACE = ("experiment", "problem", "student", "overlap", "noise", "fold", "seed")


def written(plan: Plan) -> dict[str, Any]:
    """All of a plan that does not follow from its suite alone."""
    return {
        "jobs": [{each.name: getattr(job, each.name) for each in fields(job)} for job in plan.jobs.values()],
        "cells": [asdict(cell) for cell in plan.cells],
        "undefined": plan.undefined,
        "remarks": plan.remarks,
    }


def lacks_methods(suite: Suite, experiments: Iterable[str], registry: Registry) -> bool:
    """Whether a row of these experiments is of a method that the registry does not have."""
    known = registry.of("method")
    declared = [suite.experiments[name] for name in experiments if name in suite.experiments]
    return any(choice.method not in known for each in declared for choice in each.methods)


def read_again(
    facts: Mapping[str, Any],
    suite: Suite,
    experiments: Iterable[str],
    registry: Registry,
    located: Mapping[str, Located],
) -> Plan:
    """The plan of a record. A ValueError, KeyError, TypeError, AttributeError, ImportError or OverflowError where it is
    none, or does not fit what is planned here; a UserError where that cannot be planned without the others.
    """
    foreign.refuse_control_characters(facts)
    known = registry.of("method")
    here = _with_known_methods(suite, known)
    again = plan(here, registry, [str(name) for name in experiments], located)
    beside = {_place(cell): cell for cell in again.cells}
    titles = {cell.method for cell in again.cells}
    jobs = {job.fingerprint: job for job in map(_job, facts["jobs"])}
    added: dict[tuple[Any, ...], Cell] = {}
    order: dict[tuple[Any, ...], None] = {}
    for cell in map(cell_of, facts["cells"]):
        order[cell.method, *_place(cell)] = None
        if cell.registered not in known:
            _refuse_unlike(cell, beside[_place(cell)], jobs, again)
            if cell.method in titles or len(cell.method) > LONGEST_TITLE:
                raise ValueError("a row goes by another's name")
            if (cell.method, *_place(cell)) in added:
                raise ValueError("a cell is there twice")
            added[cell.method, *_place(cell)] = cell
    _refuse_one_training_for_several_runs(added.values())
    ours = {
        (cell.method, *_place(cell)): cell for cell in again.cells if cell.registered in _named(suite, cell.experiment)
    }
    remarks = {
        name: [*again.remarks[name], *_on_trust(cell for cell in added.values() if cell.experiment == name)]
        for name in again.experiments
    }
    every = {**ours, **added}
    cells = [every.pop(each) for each in order if each in every] + list(every.values())
    return replace(again, suite=suite, jobs={**again.jobs, **jobs}, cells=cells, remarks=remarks)


def _named(suite: Suite, experiment: str) -> set[str]:
    return {choice.method for choice in suite.experiments[experiment].methods}


def _with_known_methods(suite: Suite, known: Mapping[str, Any]) -> Suite:
    """The suite without the rows of other methods, but with one row at least, and without claims."""

    def reduced(each: Experiment) -> Experiment:
        methods = [choice for choice in each.methods if choice.method in known]
        others = Experiment.model_fields["reference"].default
        reference = each.reference if each.reference in {choice.method for choice in methods} else others
        stand_in = [MethodChoice(method=SUBSTITUTE)]
        return each.model_copy(update={"methods": methods or stand_in, "reference": reference})

    experiments = {name: reduced(each) for name, each in suite.experiments.items()}
    return suite.model_copy(update={"experiments": experiments, "claims": {}})


def _place(cell: Cell) -> tuple[Any, ...]:
    return tuple(getattr(cell, name) for name in PLACE)


def _job(facts: Mapping[str, Any]) -> Job:
    job = Job(**facts)
    texts = (job.kind, job.label, job.network, *job.inputs.values(), *job.locations.values())
    if not all(isinstance(each, str) and len(each) <= foreign.LETTERS for each in texts) or not job.kind.isidentifier():
        raise ValueError(f"it is no job: {job.kind!r:.40}")
    for each in (job.spec, job.inputs, job.code, job.locations):
        each.keys()
    if not 0 <= job.cost <= LARGEST_COST or not 0 <= job.pass_cost <= LARGEST_COST:
        raise ValueError(f"a job costs {job.cost!r:.40}")
    if "pretrained" in job.spec and not isinstance(job.spec["pretrained"] + job.spec["architecture"]["model"], str):
        raise ValueError("a job begins with no file")
    return job


def _refuse_unlike(cell: Cell, known: Cell, jobs: Mapping[str, Job], again: Plan) -> None:
    """A ValueError, KeyError or TypeError for a cell that is not on the same data, and measured in the same way, as one
    that was planned here.
    """
    scores, theirs = jobs[cell.scores], again.jobs[known.scores]
    data = {role: each for role, each in theirs.inputs.items() if role != "predictions"}
    if (scores.kind, scores.spec, cell.labels) != (theirs.kind, theirs.spec, known.labels):
        raise ValueError("a row was scored otherwise")
    if {role: each for role, each in scores.inputs.items() if role != "predictions"} != data:
        raise ValueError("a row is of other data")
    predictions = jobs[scores.inputs["predictions"]]
    if predictions.kind not in ("predictions", "ensemble"):
        raise ValueError("a row has no predictions")
    if predictions.kind == "predictions" and (
        jobs[predictions.inputs["model"]].kind not in ("trajectory", "teacher", "model_file")
        or not isinstance(predictions.spec["reading"], str)
    ):
        raise ValueError("a row's predictions are of no model")
    measured = [(each.measure, each.subject, each.member) for each in cell.measurements]
    if len(set(measured)) < len(measured) or cell.measurements[0].fingerprint != cell.scores:
        raise ValueError("a row is measured twice")
    ours = {each.measure: again.jobs[each.fingerprint].kind for each in known.measurements}
    for each in cell.measurements:
        if each.measure not in again.measures[cell.experiment] or not isinstance(each.subject, str):
            raise ValueError("a row is measured by what its experiment does not measure")
        if type(each.member) is not int or not 0 <= each.member <= foreign.LARGEST:
            raise ValueError("a row has a member that is no number")
        if jobs[each.fingerprint].kind != ours.get(each.measure, "measurement"):
            raise ValueError("a measurement is none")
    if not all(isinstance(axis, str) and isinstance(at, str | int | float) for axis, at in cell.points):
        raise ValueError("a row stands nowhere")
    _refuse_gaps(cell, jobs)


def _refuse_gaps(cell: Cell, jobs: Mapping[str, Job]) -> None:
    """A KeyError where a job that the cell rests on is not there."""
    waiting, seen = [each.fingerprint for each in cell.measurements], set[str]()
    while waiting:
        if (fingerprint := waiting.pop()) not in seen:
            seen.add(fingerprint)
            waiting += jobs[fingerprint].inputs.values()


def _refuse_one_training_for_several_runs(cells: Iterable[Cell]) -> None:
    seen: dict[tuple[Any, ...], str] = {}
    for cell in cells:
        row = (cell.experiment, cell.problem, cell.method, cell.student, cell.overlap, cell.noise, cell.scores)
        if row in seen:
            raise ValueError("several runs are one training")
        seen[row] = cell.scores


def _on_trust(cells: Iterable[Cell]) -> list[str]:
    titles = list(dict.fromkeys(cell.method for cell in cells))
    return [f"{', '.join(titles)}: {ON_TRUST}"] if titles else []

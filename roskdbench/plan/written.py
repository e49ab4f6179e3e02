"""A plan as a run's record has it: to be read where the methods that it was made with are not."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from roskdbench import foreign
from roskdbench.data.content import Located
from roskdbench.job import Job
from roskdbench.plan.cells import cell_of
from roskdbench.plan.graph import Plan, fingerprints_of
from roskdbench.plan.shown import measures_of
from roskdbench.plugins import Registry
from roskdbench.suite import Suite

ON_TRUST = (
    "Made with methods that are not here: what each row is called and which models it is about are as the run's record "
    "says."
)


def written(plan: Plan) -> dict[str, Any]:
    """All of a plan that does not follow from its suite alone."""
    return {
        "jobs": [{each.name: getattr(job, each.name) for each in fields(job)} for job in plan.jobs.values()],
        "cells": [asdict(cell) for cell in plan.cells],
        "undefined": plan.undefined,
        "remarks": plan.remarks,
    }


def read_again(facts: Mapping[str, Any], suite: Suite, registry: Registry, located: Mapping[str, Located]) -> Plan:
    """The plan out of a record. A ValueError, KeyError, TypeError, AttributeError or ImportError where it is none."""
    foreign.refuse_control_characters(facts)
    jobs = {job.fingerprint: job for job in map(_job, facts["jobs"])}
    cells = [cell_of(each) for each in facts["cells"]]
    named = {each for cell in cells for each in (*fingerprints_of(cell), cell.scores, cell.labels)}
    if lacking := (named | {each for job in jobs.values() for each in job.inputs.values()}) - jobs.keys():
        raise ValueError(f"no job is {min(lacking):.12}")
    experiments = dict.fromkeys(cell.experiment for cell in cells)
    if strange := {cell.problem for cell in cells} - suite.problems.keys():
        raise ValueError(f"the suite has no problem {min(strange)}")
    return Plan(
        suite,
        jobs,
        located,
        cells,
        [(str(name), str(problem), str(row), str(what)) for name, problem, row, what in facts["undefined"]],
        {name: [*map(str, facts["remarks"].get(name, ())), ON_TRUST] for name in experiments},
        {name: measures_of(suite, name, registry) for name in experiments},
    )


def _job(facts: Mapping[str, Any]) -> Job:
    job = Job(**facts)
    texts = (job.kind, job.label, job.network, *job.inputs.values())
    if not all(isinstance(each, str) for each in texts) or not job.kind.isidentifier():
        raise ValueError(f"it is no job: {job.kind!r:.40}")
    for each in (job.spec, job.inputs, job.code, job.locations):
        each.keys()
    abs(job.cost + job.pass_cost)
    return job

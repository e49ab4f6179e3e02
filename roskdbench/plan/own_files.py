"""Which files of plugins a suite needs."""

from collections.abc import Iterable
from pathlib import Path

from roskdbench.plan.shown import measures_of
from roskdbench.plugins import Registry
from roskdbench.source import neighbours_of
from roskdbench.suite import Suite
from roskdbench.suite.protocol import NetworkSpec


def own_files(suite: Suite, methods: Iterable[str], registry: Registry) -> list[Path]:
    """Files that others need to make or to check a suite's rows; an installed package is theirs to install."""
    used = {("method", each) for each in methods}
    used |= {("dataset", spec.name) for spec in suite.problems.values()}
    used |= {("network", each.model) for each in _networks(suite)}
    for name in suite.experiments:
        for measure in measures_of(suite, name, registry).values():
            used |= measure.mentioned()
    entries = [registry.of(family)[name] for family, name in used if name in registry.of(family)]
    own = [entry for entry in entries if not entry.bundled and entry.in_file]
    return sorted({file for entry in own for file in (Path(entry.origin), *neighbours_of(entry.thing))})


def _networks(suite: Suite) -> list[NetworkSpec]:
    students = [student for experiment in suite.experiments.values() for student in experiment.students]
    return [*suite.protocol.teachers, suite.protocol.lone_teacher, *students]

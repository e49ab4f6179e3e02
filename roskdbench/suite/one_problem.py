"""A suite of one problem and one model, as the commands for a single model file make it from what they are told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from roskdbench.errors import UserError, nearest
from roskdbench.plugins import Registry
from roskdbench.suite.reading import read_suite, suite_of
from roskdbench.suite.schema import Suite

EXPERIMENT = "checkpoint"


def suite_for(
    problem: str,
    measure: Mapping[str, Any],
    option: str,
    title: str,
    size: int | None,
    seed: int = 0,
    registry: Registry | None = None,
) -> Suite:
    """The suite that scores a model and takes one measure of it; `option` is what a user told the measure by.

    `problem` is SUITE:PROBLEM, a mapping such as {dataset: folder, root: DIR}, or the name of a dataset. Images have
    the model's `size` if nothing is said of it.
    """
    name, declared, protocol = _problem(problem, registry)
    if size is not None:
        declared = {"size": size, **declared}
    experiment = {"title": title, "methods": [title], "measures": [measure], "seeds": [seed]}
    data = {
        "suite": EXPERIMENT,
        "problems": {name: declared},
        "protocol": protocol,
        "experiments": {EXPERIMENT: experiment},
    }
    return suite_of(data, {("problems",): f"--problem {problem}", ("experiments",): option}, registry)


def _problem(text: str, registry: Registry | None) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Name and declaration of the problem, and the protocol around it."""
    if text.startswith("{"):
        try:
            declared = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UserError(f"--problem {text}: {getattr(error, 'problem', None) or 'it cannot be read'}") from None
        return str(declared.get("dataset", "problem")), declared, {}
    suite, colon, name = text.rpartition(":")
    if not colon:
        return text, {"dataset": text}, {}
    declared = read_suite(Path(suite), (), registry)
    if name not in declared.problems:
        raise UserError(f"--problem {text}: the suite has no problem '{name}'; {nearest(name, declared.problems)}")
    protocol = declared.protocol.model_dump(mode="json", include={"split", "threshold", "average"})
    return name, declared.problems[name].model_dump(mode="json"), protocol

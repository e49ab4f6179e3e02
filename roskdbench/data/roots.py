"""Where a problem's data are: as the command says, or the suite, or under ROSKDBENCH_DATA. Nothing is downloaded."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from roskdbench import foreign
from roskdbench.errors import UserError, nearest
from roskdbench.suite.problems import ProblemSpec, RealProblem

VARIABLE = "ROSKDBENCH_DATA"


def read_roots(texts: Iterable[str], problems: Iterable[str]) -> dict[str, Path]:
    """The folders of `--data PROBLEM=DIR`; a UserError for a problem that is not known, or that is given two."""
    known = list(problems)
    found: dict[str, Path] = {}
    for text in texts:
        problem, equals, folder = text.partition("=")
        if not equals or not folder:
            raise UserError(f"--data {text}: write it as PROBLEM=DIR, such as lesion=/data/isic2019")
        if problem not in known:
            raise UserError(f"--data {text}: the suite has no problem '{problem}'; {nearest(problem, known)}")
        if problem in found:
            raise UserError(f"--data gives problem '{problem}' two roots, {found[problem]} and {folder}; it has one")
        found[problem] = foreign.at_home(Path(folder))
    return found


def find_roots(problems: Mapping[str, ProblemSpec], chosen: Iterable[str], texts: Iterable[str]) -> dict[str, Path]:
    """Where the data of the chosen problems are, as far as they are on disk and not drawn."""
    given = read_roots(texts, problems)
    for name in given:
        if not isinstance(problems[name], RealProblem):
            raise UserError(f"--data {name}={given[name]}: problem '{name}' is drawn; it has no data")
    return {name: root_of(name, spec, given) for name in chosen if isinstance(spec := problems[name], RealProblem)}


def root_of(name: str, spec: RealProblem, given: Mapping[str, Path]) -> Path:
    """The folder (or file) of a problem; a UserError that says how to get the data if there is none."""
    root = given.get(name) or spec.root or under_variable(type(spec))
    if root is None:
        raise UserError(
            f"problem '{name}' needs its data ({spec.card.how}): say where with problems.{name}.root or "
            f"--data {name}=DIR, or put {'it' if spec.name == 'folder' else spec.name} under {VARIABLE}"
        )
    root = foreign.at_home(root)
    if not (_exists(root.is_dir) or (spec.is_one_file and _exists(root.is_file))):
        raise UserError(f"problem '{name}': there is no folder {root}; to get the data: {spec.card.how}")
    return root.resolve()


def under_variable(dataset: type[RealProblem]) -> Path | None:
    """Where the dataset is under ROSKDBENCH_DATA; None where it is not, or the variable is not set."""
    base = os.environ.get(VARIABLE)
    if not base:
        return None
    folder = foreign.at_home(Path(base))
    if not folder.is_dir():
        raise UserError(f"{VARIABLE} is {base}, and there is no such folder")
    return dataset.found_under(folder)


def _exists(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except OSError:  # a folder around it that cannot be looked into
        return False

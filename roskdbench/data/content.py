"""What a problem's data are to a plan: not where they lie, but what they came to."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from roskdbench.fingerprint import canonical_json, fingerprint, without_none
from roskdbench.store import Store
from roskdbench.suite.problems import PLACES, RealProblem

NOT_CONTENT = PLACES | {"bad_images"}


@dataclass(frozen=True)
class Content:
    """What the data of a problem came to when they were prepared."""

    identity: str
    """Differs where a pixel, a label, a group or a part does."""
    samples: int
    left_out: int
    """Images that could not be read."""


@dataclass(frozen=True)
class Located:
    """A problem's data as a plan takes them: what they are, and, to make them again, where."""

    content: Content
    root: Path | None = None


def declaration(spec: RealProblem) -> dict[str, Any]:
    """What a suite says of the problem, but for where its data are."""
    return without_none(spec.model_dump(mode="json", exclude=set(NOT_CONTENT)))


def known(name: str, spec: RealProblem, store: Store) -> Content | None:
    """What the problem's data came to when they were last prepared in this store; the data are not looked at."""
    with suppress(OSError, ValueError, TypeError):
        return Content(**json.loads((store.root / _note(name, spec)).read_text("utf-8")))
    return None


def remember(name: str, spec: RealProblem, content: Content, store: Store) -> None:
    """Note it for `known`."""
    store.keep(_note(name, spec), canonical_json(asdict(content)))


def _note(name: str, spec: RealProblem) -> str:
    return f"data/known-{fingerprint([name, declaration(spec)])}.json"

"""What a problem's data are to a plan: not where they lie, but what they came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roskdbench.fingerprint import without_none
from roskdbench.suite.problems import LOCATION_KEYS, RealProblem

NOT_CONTENT = LOCATION_KEYS | {"bad_images"}


@dataclass(frozen=True)
class Content:
    """What the data of a problem came to when they were prepared."""

    identity: str
    """Differs where a pixel, a label, a group or a part does."""
    samples: int
    remark: str = ""
    """What a reader of its tables should know, such as how many images could not be read."""
    classes: tuple[str, ...] = ()
    attributes: str = ""
    """Differs where one of a sample's attributes does; empty where there are none."""
    attribute_names: tuple[str, ...] = ()
    images: str = ""
    """The fingerprint of the decoded images, which the identity is made from beside the labels."""
    size: int = 0
    """Their width and height; 0 in records from before it was noted."""

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Content":
        """From a run's record."""
        names = {name: tuple(facts.get(name, ())) for name in ("classes", "attribute_names")}
        return cls(**{**facts, **names})


@dataclass(frozen=True)
class Located:
    """A problem's data as a plan takes them: what they are, and, to make them again, where."""

    content: Content
    root: Path | None = None


def declaration(spec: RealProblem) -> dict[str, Any]:
    """What a suite says of the problem, but for where its data are."""
    return {key: value for key, value in without_none(spec.model_dump(mode="json")).items() if key not in NOT_CONTENT}

"""Numbers that are measured, and the facts that say of what: the columns of the results frame.

No fact stands in a sentence: a radius is a number in a column of its own, and labels are made where it is shown.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

NO_PERTURBATION = "none"
STUDENT, TEACHER, ENSEMBLE = "student", "teacher", "ensemble"
DATA, CORRECTED = "data", "corrected"
KEPT, LOST = "kept", "lost"
"""Of F1 under a perturbation: the share that is left, and before minus after."""


class Facts(NamedTuple):
    """What a number was measured under, as far as it is not the usual: on the data's labels, and nothing perturbed."""

    labels: str = DATA
    """Whose labels it is scored against: the data's, or their corrected ones."""
    test_set: str = ""
    """Another problem's name where it was tested on that; its own test part if empty."""
    group: str = ""
    """Which of the test samples, such as one sex; all of them if empty."""
    perturbation: str = NO_PERTURBATION
    """An attack or a corruption by its name."""
    norm: str = ""
    radius: float | None = None
    """Of the whole image in l2, of each pixel in linf; pixels go from 0 to 1."""
    severity: int | None = None
    steps: int | None = None
    step: float | None = None
    restarts: int | None = None
    loss: str = ""
    options: str = ""
    """Whatever else was asked for, as canonical JSON."""

    def others(self) -> dict[str, Any]:
        """The facts that are not the usual."""
        return {name: value for name, value in self._asdict().items() if value != self._field_defaults[name]}

    @property
    def drawn_as(self) -> str:
        """The end of the names of draws made under these facts, such as @sex: female."""
        perturbed = self.perturbation_label if self.perturbation != NO_PERTURBATION else ""
        what = self.test_set or self.group or (self.labels if self.labels != DATA else "") or perturbed
        return f"@{what}" if what else ""

    @property
    def perturbation_label(self) -> str:
        """What tables call the perturbation, such as pgd linf 4/255, 40 steps."""
        head = " ".join(part for part in (self.perturbation, self.norm, _in_grey_levels(self.radius)) if part)
        parts = [head] if self.severity is None else [f"{head} {self.severity}"]
        for name in ("loss", "steps", "step", "restarts"):
            value = getattr(self, name)
            usual = name in NOT_NAMED and (name != "steps" or self.perturbation == "pgd") and value == NOT_NAMED[name]
            if value not in (None, "") and not usual:
                parts.append(_setting(name, value))
        return ", ".join(parts + ([self.options] if self.options else []))


KINDS = {str: (str,), float: (float, int, type(None))}
"""What texts and numbers are in JSON."""
LARGEST = 2**53
LARGEST_VALUE = 1e300
GREY_LEVELS = 255
NOT_NAMED = {"loss": "ce", "steps": 20, "restarts": 1}
"""Settings that labels leave out; the steps are PGD's, and of other attacks they are always named."""
USUAL = Facts()


def grey_levels(radius: float) -> str:
    """A radius as a share of the 255 grey levels, which is how the field writes it."""
    return f"{radius * GREY_LEVELS:.4g}/{GREY_LEVELS}"


def _in_grey_levels(radius: float | None) -> str:
    return "" if radius is None else grey_levels(radius)


def _setting(name: str, value: Any) -> str:
    if name == "loss":
        return str(value)
    return f"step {grey_levels(value)}" if name == "step" else f"{value} {name}"


class MetricValue(NamedTuple):
    """One number: what was measured, of which class (all of them if empty), on how many samples, and under what."""

    metric: str
    value: float | None
    """None where it is not defined."""
    samples: int
    label: str = ""
    """A class, or whatever the metric has a value for each of."""
    facts: Facts = USUAL


Block = dict[str, Any]
"""Numbers with the same facts, as a job keeps them: {"facts": {...}, "rows": [[metric, class, value, n], ...]}."""


def as_blocks(values: Iterable[MetricValue]) -> list[Block]:
    """Numbers for a file, those with the same facts together, in the order they came in."""
    found: dict[Facts, list[list[Any]]] = {}
    for metric, value, samples, label, facts in values:
        found.setdefault(facts, []).append([metric, label, value, samples])
    return [{"facts": facts.others(), "rows": rows} for facts, rows in found.items()]


def from_blocks(blocks: Any) -> list[tuple[Facts, list[list[Any]]]]:
    """What `as_blocks` wrote; a ValueError, TypeError or KeyError for anything else."""
    if not isinstance(blocks, list):
        raise TypeError("it is no list of numbers")
    found = [(Facts(**block["facts"]), block["rows"]) for block in blocks]
    for facts, rows in found:
        for name, value in facts._asdict().items():
            if type(value) not in KINDS[str if Facts._field_defaults[name] is not None else float]:
                raise ValueError(f"'{name}' is {value!r}")
        for metric, label, value, count in rows:
            if not (type(metric) is type(label) is str and type(value) in KINDS[float] and type(count) is int):
                raise ValueError(f"[{metric!r}, {label!r}, {value!r}, {count!r}] is no number of a measure")
            if abs(count) > LARGEST or abs(value or 0) > LARGEST_VALUE:
                raise ValueError(f"{metric!r} has numbers beyond all bounds")
    return found

"""Claims: what a suite says, before it runs, that its numbers will show. Written as sentences of a few words:

    ros-kd > baseline-v in f1 on lesion                 the first is higher, beyond doubt
    ros-kd - baseline-iii >= .02 in f1 on lesion        higher by so much
    baseline-v == baseline-iii-subset in f1 within .01  alike, to within a margin
    ros-kd > .8 in auc on cardio                        higher than a number
    f1 of ros-kd at overlap .4 > at 0 and at 1          one method at several points of an axis

After these may stand `on PROBLEM`, `with STUDENT`, `under NOISE`, `at overlap P`, `after ATTACK`, `from EXPERIMENT`,
`within MARGIN`. Names with spaces are put in quotes. What is not said is every one of the experiment's.
"""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from roskdbench.suite.declared import Declared

RELATIONS = (">", ">=", "<", "<=", "==")


@dataclass(frozen=True)
class Statement:
    """A claim taken apart: `sign * (left - right)` is above `by`, or within a margin of nothing."""

    left: str
    relation: Literal[">", "=="]
    right: str | float | None = None
    """A method or a number; None where one method is compared with itself along an axis."""
    sign: int = 1
    by: float = 0.0
    metric: str = ""
    axis: str = ""
    at: str = ""
    against: tuple[str, ...] = ()
    """Points of the axis."""
    problems: tuple[str, ...] = ()
    students: tuple[str, ...] = ()
    noises: tuple[str, ...] = ()
    overlap: float | None = None
    after: str = ""
    """A perturbation, or the beginning of its name."""
    experiment: str = ""
    within: float | None = None

    @property
    def methods(self) -> list[str]:
        """The methods that it names."""
        return [self.left, *([self.right] if isinstance(self.right, str) else [])]

    @property
    def tests(self) -> int:
        """How many it takes at a place: one of the bound, and one of the margin if there is one."""
        return 1 if self.within is None else 2


class _Claim(Declared):
    """A claim, and what is known of it beside."""

    claim: str
    """The sentence, such as `ros-kd > baseline-v in f1 on lesion`."""
    printed: float | None = None
    """The difference that whoever claims it has printed, which is then set beside what is found."""

    @model_validator(mode="after")
    def _can_be_read(self) -> "_Claim":
        _ = self.statement
        return self

    @cached_property
    def statement(self) -> Statement:
        """The sentence taken apart. A ValueError says what is wrong with it."""
        return parsed(self.claim)


def _from_sentence(value: Any) -> Any:
    return {"claim": value} if isinstance(value, str) else value


Claim = Annotated[_Claim, BeforeValidator(_from_sentence, json_schema_input_type=str | _Claim)]


@dataclass
class _Words:
    """What is left of a sentence."""

    words: list[str]
    at: int = 0

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self, what: str) -> str:
        if self.at >= len(self.words):
            raise ValueError(f"it ends where {what} should stand")
        self.at += 1
        return self.words[self.at - 1]

    def number(self, what: str) -> float:
        word = self.take(what)
        found = as_number(word)
        if found is None:
            raise ValueError(f"{what} is a number, and '{word}' is none")
        return found

    def several(self, what: str) -> tuple[str, ...]:
        """Names joined by `and`."""
        found = [self.take(what)]
        while self.peek() == "and":
            self.at += 1
            found.append(self.take(what))
        return tuple(found)


def parsed(sentence: str) -> Statement:
    """A claim's sentence taken apart. A ValueError says what is wrong with it."""
    try:
        words = _Words(shlex.split(sentence))
    except ValueError:
        raise ValueError(f"a quote is not closed in '{sentence}'") from None
    along = len(words.words) > 1 and words.words[1] == "of"
    found = _along(words) if along else _compared(words)
    while words.peek():
        found = _condition(words, found)
    if not found.metric:
        raise ValueError("it does not say in which metric; end it with `in METRIC`, such as `in f1`")
    if found.relation == "==" and found.within is None:
        raise ValueError("nothing is ever quite the same; say how near with `within MARGIN`, such as `within .01`")
    if found.within is not None and found.within <= 0:
        raise ValueError("a margin is above 0")
    return found


def _compared(words: _Words) -> Statement:
    """`A > B`, `A - B >= d`, `A > d`, `A == B`."""
    left, word = words.take("a method"), words.take("> or ==")
    if word == "-":
        right = words.take("another method")
        relation, by = _relation(words), words.number("the difference")
        if relation == "==":
            raise ValueError("a difference is above or below a number; say `A == B in METRIC within MARGIN`")
        if relation.startswith("<"):
            return Statement(right, ">", left, by=-by)
        return Statement(left, ">", right, by=by)
    words.at -= 1
    relation, right = _relation(words), words.take("a method or a number")
    number = as_number(right)
    sign = -1 if relation.startswith("<") else 1
    kind: Literal[">", "=="] = "==" if relation == "==" else ">"
    if number is None:
        return Statement(right, kind, left) if sign < 0 else Statement(left, kind, right)
    return Statement(left, kind, number, sign, by=0.0)


def _along(words: _Words) -> Statement:
    """`METRIC of METHOD at AXIS VALUE > at VALUE and at VALUE`."""
    metric = words.take("a metric")
    _expect(words, "of")
    method = words.take("a method")
    _expect(words, "at")
    axis, at = words.take("an axis, such as overlap,"), words.take("a point of the axis")
    relation = _relation(words)
    _expect(words, "at")
    against = [words.take("a point of the axis")]
    while words.peek() == "and":
        words.at += 1
        if words.peek() == "at":
            words.at += 1
        against.append(words.take("a point of the axis"))
    kind: Literal[">", "=="] = "==" if relation == "==" else ">"
    sign = -1 if relation.startswith("<") else 1
    return Statement(method, kind, None, sign, metric=metric, axis=axis, at=at, against=tuple(against))


def _relation(words: _Words) -> str:
    word = words.take("> or ==")
    if word not in RELATIONS:
        raise ValueError(f"'{word}' stands where one of {', '.join(RELATIONS)} should")
    return word


def _expect(words: _Words, word: str) -> None:
    found = words.take(f"`{word}`")
    if found != word:
        raise ValueError(f"'{found}' stands where `{word}` should")


def _overlap(words: _Words) -> float:
    _expect(words, "overlap")
    return words.number("an overlap")


CONDITIONS: dict[str, tuple[str, Callable[[_Words], Any]]] = {
    "in": ("metric", lambda words: words.take("a metric")),
    "on": ("problems", lambda words: words.several("a problem")),
    "with": ("students", lambda words: words.several("a student")),
    "under": ("noises", lambda words: words.several("a noise")),
    "at": ("overlap", _overlap),
    "after": ("after", lambda words: words.take("an attack or a corruption")),
    "from": ("experiment", lambda words: words.take("an experiment")),
    "within": ("within", lambda words: words.number("a margin")),
}


def _condition(words: _Words, found: Statement) -> Statement:
    word = words.take("a condition")
    if word not in CONDITIONS:
        raise ValueError(f"'{word}' is none of {', '.join(CONDITIONS)}")
    name, read = CONDITIONS[word]
    if getattr(found, name) != Statement.__dataclass_fields__[name].default:
        raise ValueError(f"`{word}` stands in it twice")
    return replace(found, **{name: read(words)})


def as_number(word: str) -> float | None:
    """A number such as .02 or 1.28/255; None for anything else."""
    match = re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?)(?:/(\d+\.?\d*))?", word)
    if match is None:
        return None
    divisor = float(match[2] or 1)
    return float(match[1]) / divisor if divisor else None

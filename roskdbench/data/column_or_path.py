"""What a suite says of each sample by a column of the label file, or by a pattern in the image's path."""

import re
from collections.abc import Iterable, Mapping, Sequence
from re._parser import parse  # type: ignore[import-not-found]
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from roskdbench.data.catalogue import some
from roskdbench.data.labelfile import LabelFile
from roskdbench.errors import UserError, nearest
from roskdbench.suite.declared import Declared

LONGEST = 300  # letters of a pattern
MANY = 16  # times, from which on a repetition counts as one without end


def may_take_for_ever(pattern: str) -> bool:
    """Whether a repetition without end holds another one, or branches: what does not match may then be tried in more
    ways than anyone can wait for, and nothing stops a search.
    """
    return _loops(list(parse(pattern)), inside=False)


def _loops(parsed: Iterable[tuple[Any, Any]], inside: bool) -> bool:
    for operation, argument in parsed:
        kind = str(operation)
        if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            _, most, part = argument
            endless = most >= MANY
            if (endless and inside) or _loops(part, inside or endless):
                return True
        elif kind == "BRANCH":
            if inside or any(_loops(part, inside) for part in argument[1]):
                return True
        elif kind in ("SUBPATTERN", "ASSERT", "ASSERT_NOT", "ATOMIC_GROUP"):
            part = argument if kind == "ATOMIC_GROUP" else argument[-1]
            if _loops(part, inside):
                return True
    return False


def _with_one_group(pattern: str) -> str:
    if len(pattern) > LONGEST:
        raise ValueError(f"a pattern of {len(pattern):,} letters; {LONGEST} are the most")
    try:
        groups, slow = re.compile(pattern).groups, may_take_for_ever(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"'{pattern}' is not a regular expression: {error}") from None
    if slow:
        raise ValueError(
            f"'{pattern}' repeats what repeats or branches, so that one path may take for ever; say what stands there "
            "once for each time, as in [^/]+/[^/]+/"
        )
    if groups != 1:
        raise ValueError(
            f"'{pattern}' has {groups} capturing groups; put round brackets around the one part that counts, as in "
            r"patient(\d+), and write others as (?:…)"
        )
    return pattern


PathPattern = Annotated[str, AfterValidator(_with_one_group)]
"""A regular expression with one capturing group."""


class FromPath(Declared):
    """What a regular expression finds in the path of each image from `root`."""

    path: PathPattern
    """Searched in the path; what its one capturing group finds is taken, such as patient(\\d+)."""


def _column_or_path(value: Any) -> Any:
    if isinstance(value, Mapping):
        refuse_unknown(value, ("path",))
        if not isinstance(value.get("path"), str):
            raise ValueError("write a column's name, or {path: PATTERN}")
        return FromPath(path=_with_one_group(value["path"]))
    if not isinstance(value, str | FromPath) or not value:
        raise ValueError("write a column's name, or {path: PATTERN}")
    return value


ColumnOrPath = Annotated[str | FromPath, BeforeValidator(_column_or_path, json_schema_input_type=str | FromPath)]
"""A column's name, or a mapping with `path`."""


def refuse_unknown(value: Mapping[Any, Any], known: Sequence[str]) -> None:
    """A ValueError for a key that is not known."""
    for key in value:
        if key not in known:
            raise ValueError(f"unknown key '{key}'; {nearest(str(key), known)}")


def texts_of(source: str | FromPath, file: LabelFile | None, paths: Sequence[str], what: str) -> list[str]:
    """A text for each image; a UserError, beginning with `what`, if a path has none."""
    if isinstance(source, FromPath):
        return found_in(source.path, paths, what)
    assert file is not None, "a column without a label file"
    return file[source]


def found_in(pattern: str, paths: Sequence[str], what: str, may_be_empty: bool = False) -> list[str]:
    """What the pattern's capturing group finds in each path; a UserError if a path does not match, or the group finds
    nothing in it and that may not be.
    """
    expression = re.compile(pattern)
    found = [match and (match[1] or "") for match in map(expression.search, paths)]
    missed = [path for path, text in zip(paths, found, strict=True) if text is None or not (text or may_be_empty)]
    if missed:
        verb = "does" if len(missed) == 1 else "do"
        raise UserError(f"{what}: {len(missed):,} of {len(paths):,} paths {verb} not match '{pattern}': {some(missed)}")
    return [text or "" for text in found]

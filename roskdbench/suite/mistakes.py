"""What pydantic finds wrong with a suite, as one line: where it was written, what it is, and what would be right."""

import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from roskdbench.errors import nearest
from roskdbench.suite.plugged import NESTED, UNKNOWN
from roskdbench.suite.schema import Suite

DISCRIMINATORS = ("kind", "view")

Key = str | int
Keys = tuple[Key, ...]


def flat(errors: Iterable[ErrorDetails], head: tuple[Key, ...]) -> Iterator[ErrorDetails]:
    """All errors, those of a measure, dataset or attack at their own places."""
    for each in errors:
        loc = (*head, *each["loc"])
        if each["type"] == NESTED:
            yield from flat(each["ctx"]["errors"], loc)
        else:
            yield {**each, "loc": loc}


def sentence(error: ErrorDetails, data: Any, placed: Callable[[Keys], str]) -> str:
    """One line for one of pydantic's errors: where, what, and what would be right."""
    keys, model = _follow(error["loc"], data)
    place, dotted = placed(keys), ".".join(str(key) for key in keys)
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        where = dotted.rpartition(".")[0] or "the suite"
        known = error.get("ctx", {}).get("known") or (model.model_fields if model else ())
        return f"{place}: unknown key '{keys[-1]}' in {where}; {nearest(str(keys[-1]), known)}"
    if kind == "missing":
        where = dotted.rpartition(".")[0]
        return f"{place}: the key '{error['loc'][-1]}' is missing{f' in {where}' if where else ''}"
    if kind == "union_tag_not_found":
        return f"{place}: {dotted} does not say which; it needs the key {error['ctx']['discriminator']}"
    if kind == "union_tag_invalid":
        known = [tag.strip().strip("'") for tag in str(error["ctx"]["expected_tags"]).split(",")]
        named = str(error["ctx"]["discriminator"]).strip("'")
        return f"{place}: unknown {named} '{error['ctx']['tag']}'; {nearest(str(error['ctx']['tag']), known)}"
    reason = error["msg"].removeprefix("Value error, ")
    if kind == "value_error" and not dotted:
        return f"{place}: {reason}"
    shown = "" if isinstance(given, dict | list) or kind == UNKNOWN else f" (it is {given!r})"
    return f"{place}: {dotted or 'the suite'}: {reason[:1].lower()}{reason[1:]}{shown}"


def _follow(loc: Iterable[Key], data: Any) -> tuple[Keys, type[BaseModel] | None]:
    """The keys of `loc` as they stand in the file (pydantic adds union tags), and the model the last one is in."""
    keys: list[Key] = []
    kind: Any = Suite
    model: type[BaseModel] | None = None
    for step in loc:
        here = _models_in(kind)
        tagged = [each for each in here if step in _tags(each)]
        if tagged and not (isinstance(data, Mapping) and step in data):
            kind = tagged[0]
            continue
        model = here[0] if here else None
        keys.append(step)
        if isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        kind = _inside(kind, step)
    return tuple(keys), model


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    """The values that mark a model in a union (`dataset: phantom-lesion`), if it has any."""
    for name, each in model.model_fields.items():
        if name in DISCRIMINATORS and get_origin(each.annotation) is Literal:
            return get_args(each.annotation)
    return ()


def _models_in(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    if get_origin(kind) is Annotated:
        return _models_in(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [model for part in get_args(kind) for model in _models_in(part)]
    return []


def _inside(kind: Any, step: Key) -> Any:
    """The annotation of what `step` leads to inside `kind`."""
    for model in _models_in(kind):
        found = model.model_fields.get(str(step))
        if found is not None:
            return found.annotation
    if get_origin(kind) is Annotated:
        return _inside(get_args(kind)[0], step)
    if get_origin(kind) in (dict, list):
        return get_args(kind)[-1]
    return None

"""What a shell may complete behind `--set`: a suite's keys, and what a key may be."""

import json
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from roskdbench.suite.schema import Suite


def keys(suite: Suite) -> Iterator[str]:
    """All of them, those within others behind dots."""
    yield from _keys(suite.model_dump(mode="json"), "")


def values(suite: Suite, key: str) -> list[str]:
    """What is said of the key now, and the words that may stand there instead; nothing for a key that is not there."""
    thing: Any = suite
    kind: Any = type(suite)
    for part in key.split("."):
        if isinstance(thing, BaseModel) and part in type(thing).model_fields:
            kind, thing = type(thing).model_fields[part].annotation, getattr(thing, part)
        elif isinstance(thing, Mapping) and part in thing:
            kind, thing = None, thing[part]
        else:
            return []
    plain = json.loads(suite.model_dump_json())
    for part in key.split("."):
        plain = plain[part]
    said = plain if isinstance(plain, str) else json.dumps(plain)
    return list(dict.fromkeys([said, *_words(kind)])) if not isinstance(plain, dict) else []


def _keys(said: Mapping[str, Any], before: str) -> Iterator[str]:
    for key, value in said.items():
        yield f"{before}{key}"
        if isinstance(value, dict):
            yield from _keys(value, f"{before}{key}.")


def _words(kind: Any) -> Iterator[str]:
    """Those of a type that has a few."""
    if kind is bool:
        yield from ("true", "false")
    elif get_origin(kind) is Literal:
        yield from (each if isinstance(each, str) else json.dumps(each) for each in get_args(kind))
    elif get_origin(kind) in (Union, UnionType):
        for each in get_args(kind):
            yield from _words(each)
    elif kind is type(None):
        yield "null"

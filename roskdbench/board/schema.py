"""The JSON Schema of a board's provenance.json."""

from typing import Any

from roskdbench.board.content import VERSION
from roskdbench.plugins import Registry
from roskdbench.suite.described import described

TEXT: dict[str, Any] = {"type": "string"}
PRINT: dict[str, Any] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _map(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def board_schema(registry: Registry) -> dict[str, Any]:
    """What provenance.json of a board has to be. That its numbers follow from its predictions is what `leaderboard
    verify` says.
    """
    suite = described(registry)
    definitions = suite.pop("$defs", {})
    measurement = _object({"fingerprint": PRINT, "measure": TEXT, "subject": TEXT, "member": COUNT})
    cell = _object(
        {
            "experiment": TEXT,
            "problem": TEXT,
            "method": TEXT,
            "registered": TEXT,
            "student": TEXT,
            "overlap": {"type": "number"},
            "noise": TEXT,
            "fold": COUNT,
            "seed": COUNT,
            "scores": PRINT,
            "measurements": _list(measurement),
            "labels": PRINT,
            "trainings": COUNT,
        }
    )
    entry = _object({"run": TEXT, "by": TEXT, "date": TEXT, "roskdbench": TEXT, "cells": COUNT, "data": _map(TEXT)})
    stated = _object({"claim": TEXT, "date": TEXT, "computed": COUNT, "cells": COUNT})
    stated["properties"]["models"] = TEXT  # which older boards lack
    noise = {"type": "array", "prefixItems": [TEXT, TEXT, TEXT, {"type": "number"}], "minItems": 4, "maxItems": 4}
    board = _object(
        {
            "version": {"const": VERSION},
            "suite": suite,
            "contents": _map({"type": "object"}),
            "entries": _list(entry),
            "noise": _list(noise),
            "made": _map({"type": "object"}),
            "cells": _list(cell),
        }
    )
    board["properties"]["stated"] = _map(stated)  # which boards of suites without claims may lack
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "provenance.json of a leaderboard of roskdbench",
        **board,
        "$defs": definitions,
    }

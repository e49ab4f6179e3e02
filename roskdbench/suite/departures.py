"""Where a suite is not the bundled one whose name it has: after --set, or in a copy of its file."""

from typing import Any

from roskdbench.bundled import bundled
from roskdbench.suite.problems import LOCATION_KEYS
from roskdbench.suite.reading import read_suite, suite_names
from roskdbench.suite.schema import Suite

ROWS = {"methods", "seeds", "title", "reference"}  # what a table shows by itself, and boards of a suite may differ in
SHOWN = 6


def departures(suite: Suite) -> str:
    """Each key with what it is and, in brackets, what it is in the bundled suite; empty where nothing differs."""
    if suite.suite not in suite_names():
        return ""
    usual = _settings(read_suite(bundled("suites") / f"{suite.suite}.yaml"))
    own = _settings(suite)
    changed = [key for key in dict.fromkeys([*own, *usual]) if own.get(key) != usual.get(key)]
    changes = [f"{key} {_text(own, key)} ({_text(usual, key)})" for key in changed[:SHOWN]]
    return ", ".join(changes) + (f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else "")


def _settings(suite: Suite) -> dict[str, Any]:
    left_out: Any = {"title": True, "problems": {"__all__": LOCATION_KEYS}, "experiments": {"__all__": ROWS}}
    found: dict[str, Any] = {}
    _flatten(suite.model_dump(mode="json", exclude=left_out), "", found)
    return found


def _flatten(value: Any, key: str, into: dict[str, Any]) -> None:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            _flatten(item, f"{key}.{name}" if key else str(name), into)
    else:
        into[key] = value


def _text(settings: dict[str, Any], key: str) -> str:
    if key not in settings:
        return "not there"
    value = settings[key]
    return f"{len(value)} of them" if isinstance(value, list) and len(str(value)) > 40 else str(value)

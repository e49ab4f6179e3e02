"""Whether two results say the same numbers to the last digit: `python benchmarks/same_numbers.py OLD NEW`.

OLD and NEW are results.csv of a board or results.json of a report. OLD may have the columns of before, where one
column, `condition`, held the measure, the subject and the attack in a sentence. Names of columns and fingerprints may
differ; a number that is only in one of them, or another, is printed, and the exit code is 1.
"""

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GRID = ("experiment", "problem", "method", "student", "overlap", "noise", "fold", "seed")
FACTS = (
    "measure",
    "subject",
    "member",
    "labels",
    "perturbation",
    "norm",
    "radius",
    "steps",
    "step",
    "restarts",
    "loss",
)
SHOWN = 20
ATTACK = re.compile(r"(?P<kind>\S+) (?P<norm>l2|linf) (?P<radius>[\d.e+-]+)/255(?P<rest>(, .*)?)")

Key = tuple[Any, ...]


def records(path: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    if path.suffix == ".json":
        rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["results"]
        return rows
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def numbers(path: Path) -> dict[Key, tuple[str, str]]:
    """The value and count of each number, by what it is of."""
    found: dict[Key, tuple[str, str]] = {}
    for row in records(path):
        facts = of_sentence(row["condition"], row["metric"]) if "condition" in row else {k: row[k] for k in FACTS}
        facts.setdefault("metric", row["metric"])
        key = (*(plain(row[name]) for name in GRID), *(plain(facts[name]) for name in (*FACTS, "metric")), row["class"])
        assert key not in found, key
        found[key] = (repr(number(row["value"])), str(int(float(row["n"]))))
    return found


def plain(value: Any) -> Any:
    """A text as it is, a number rounded as sentences rounded it, nothing where there is none."""
    if value in (None, ""):
        return ""
    try:
        return f"{float(value):.6g}"
    except ValueError:
        return value


def number(value: Any) -> float | None:
    """A value, exactly."""
    return None if value in (None, "") else float(value)


def of_sentence(condition: str, metric: str) -> dict[str, Any]:
    """The facts that a sentence of before held."""
    facts: dict[str, Any] = {**dict.fromkeys(FACTS, ""), "member": 0, "labels": "data", "perturbation": "none"}
    if condition in ("clean", "corrected labels"):
        return {**facts, "measure": "scores", "labels": "data" if condition == "clean" else "corrected"}
    if condition in ("calibration", "landscape"):
        return {**facts, "measure": condition}
    if found := re.fullmatch(r"(other )?flipped labels, (student|teacher (\d+) \(.*\))", condition):
        unseen, who, member = found.groups()
        subject = {"subject": who.partition(" ")[0], "member": int(member or 0)}
        return {**facts, "measure": "memorisation", **subject, "metric": metric + ("-unseen" if unseen else "")}
    facts["measure"] = "attacks"
    if condition in ("before attacks", "checks of the attacks"):
        return facts
    found = ATTACK.fullmatch(condition)
    assert found, condition
    facts |= {"perturbation": found["kind"], "norm": found["norm"], "radius": float(found["radius"]) / 255}
    for part in found["rest"].split(", ")[1:]:
        name, _, value = part.rpartition(" ")
        facts |= (
            {"loss": part}
            if not name
            else {"step": float(value.partition("/")[0]) / 255}
            if name == "step"
            else {value: int(name)}
        )
    return facts


def comparable(old: dict[Key, tuple[str, str]], new: dict[Key, tuple[str, str]]) -> Iterator[tuple[str, Any, Any]]:
    """Numbers that are not the same in both. Sentences left usual settings and the subject out, rounded radii to four
    digits, and did not say which attack was checked: there only what both say counts.
    """
    left = {_common(key): value for key, value in old.items()}
    assert len(left) == len(old), "numbers that sentences cannot tell apart"
    for key, value in new.items():
        before = left.pop(_common(key), None)
        if before != value:
            yield " ".join(map(str, key)), before, value
    for common, value in left.items():
        yield " ".join(map(str, common)), value, None


def _common(key: Key) -> Key:
    """What both forms say."""
    grid, facts, (metric, label) = key[: len(GRID)], dict(zip(FACTS, key[len(GRID) :], strict=False)), key[-2:]
    if facts["subject"] != "teacher":
        facts["subject"] = ""
    check = " " in str(metric)
    usual = {"steps": "20", "restarts": "1", "loss": "ce"}
    kept = {name: "" if usual.get(name) == value else value for name, value in facts.items()}
    if kept["radius"]:
        kept["radius"] = f"{float(kept['radius']) * 255:.4g}"
    if check:
        kept |= {"perturbation": "none", "norm": "", "radius": "", "steps": "", "step": "", "restarts": "", "loss": ""}
    return (*grid, *kept.values(), metric, label)


def main() -> None:
    old, new = (numbers(Path(path)) for path in sys.argv[1:3])
    different = list(comparable(old, new))
    print(f"{len(old):,} numbers before, {len(new):,} now, {len(different):,} differ")
    for what, before, now in different[:SHOWN]:
        print(f"  {what}: {before} before, {now} now")
    sys.exit(bool(different))


if __name__ == "__main__":
    main()

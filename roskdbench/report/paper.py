"""The numbers that the paper prints, and where they disagree with each other."""

import json
from functools import cache
from pathlib import Path

ROWS = {
    "baseline-i": "I",
    "baseline-ii": "II",
    "baseline-iii": "III",
    "baseline-iv": "IV",
    "baseline-v": "V",
    "ros-kd": "RoS-KD",
}
METRICS = ("precision", "recall", "f1")

TABLE1_NOTES = (
    "Paper columns: Table I of Jaiswal et al. 2022, one number each, spread not given.",
    "The paper's lesion F1 of Baseline IV, .677, exceeds the harmonic mean of its P and R (.676), which no mean over "
    "classes can.",
    "The paper's cardio rows equal F1 = 2PR/(P+R) of the means; its lesion rows do not.",
    "The paper's text claims cardio gains of 4.5 over I and 2.7 over IV; its table gives 5.0 and 4.2.",
)
PHANTOM_NOTE = (
    "Measured on phantoms (drawn images), printed on patients: the columns stand side by side, not against each other."
)


@cache
def _reported() -> dict[str, dict[str, dict[str, list[float]]]]:
    reported: dict[str, dict[str, dict[str, list[float]]]] = json.loads(
        Path(__file__).with_name("paper.json").read_text("utf-8")
    )
    return reported


def table1(method: str, problem: str, metric: str) -> float | None:
    """Table I's number for a registered method on `lesion` or `cardio`, if it has one."""
    row = _reported()["table1"].get(ROWS.get(method, ""), {})
    values = row.get(problem)
    return values[METRICS.index(metric)] if values else None

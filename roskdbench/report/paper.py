"""The numbers that the paper prints, and where they disagree with each other."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from roskdbench.measures.attacks import PAPER
from roskdbench.plan import Cell
from roskdbench.report.layout import CLEAN, Condition
from roskdbench.report.table import Estimate
from roskdbench.results import Results
from roskdbench.values import USUAL

ROWS = {
    "baseline-i": "I",
    "baseline-ii": "II",
    "baseline-iii": "III",
    "baseline-iv": "IV",
    "baseline-v": "V",
    "ros-kd": "RoS-KD",
}
OWN_AUC = "RoS-KD(DenseNet-121)"  # the row of Table III that is the paper's own
ATTACKS = {attack.facts for attack in PAPER}
METRICS = ("precision", "recall", "f1")
MISPRINT = "printed_as_III_before_equals_II"  # what Table II prints for cardio's Baseline III under attack

NOTES = {
    "table1": (
        "Paper columns: Table I of Jaiswal et al. 2022, one number each, spread not given.",
        "The paper's lesion F1 of Baseline IV, .677, exceeds the harmonic mean of its P and R (.676), which no mean "
        "over classes can.",
        "The paper's cardio rows equal F1 = 2PR/(P+R) of the means; its lesion rows do not.",
        "The paper's text claims cardio gains of 4.5 over I and 2.7 over IV; its table gives 5.0 and 4.2.",
    ),
    "table2": (
        "Paper columns: Table II of Jaiswal et al. 2022. It says l2 and 1.28/255 without a definition: its numbers "
        "stand beside each of the three readings.",
        "The paper's cardio row of Baseline III before attacks repeats Baseline II's of its Table I.",
        "The paper's text has the gains in robustness swapped between the two attacks.",
    ),
    "table3": (
        "Published rows: as the paper's Table III prints them; other splits and other training: not comparable.",
    ),
}
PHANTOM_NOTE = (
    "Measured on phantoms (drawn images), printed on patients: the columns stand side by side, not against each other."
)


@cache
def _reported() -> dict[str, Any]:
    reported: dict[str, Any] = json.loads(Path(__file__).with_name("paper.json").read_text("utf-8"))
    return reported


class Paper:
    """Tables I, II and III of the paper, for the experiments that repeat them."""

    source = "paper"

    def __init__(self, results: Results) -> None:
        self._repeats = {name: each.paper for name, each in results.plan.suite.experiments.items()}

    def number(self, cell: Cell, condition: Condition, metric: str, label: str = "") -> Estimate | None:
        """The number printed for a method on lesion or cardio."""
        table, row = self._repeats[cell.experiment], ROWS.get(cell.registered)
        value: float | None = None
        if table == "table1" and condition == CLEAN and metric in METRICS:
            value = _of(_reported()["table1"].get(row, {}).get(cell.problem), metric)
        elif table == "table2" and metric in METRICS and condition.measure != CLEAN.measure:
            value = _under_attack(row, cell.problem, condition, metric)
        elif table == "table3" and row == "RoS-KD" and metric == "auc" and cell.problem == "cardio":
            classes = _reported()["table3_classes"]
            wanted = label or "Mean"
            value = _reported()["table3"][OWN_AUC][classes.index(wanted)] if wanted in classes else None
        return None if value is None else Estimate(value, None, 1)

    def notes(self, results: Results, experiment: str) -> list[str]:
        """The paper's inconsistencies."""
        suite = results.plan.suite
        problems = suite.experiments[experiment].problems or suite.problems
        drawn = any(suite.problems[problem].dataset.startswith("phantom") for problem in problems)
        return [*NOTES.get(self._repeats[experiment] or "", ()), *([PHANTOM_NOTE] if drawn else [])]


def _of(values: list[float] | None, metric: str) -> float | None:
    return values[METRICS.index(metric)] if values else None


def _under_attack(row: str | None, problem: str, condition: Condition, metric: str) -> float | None:
    """Before attacks the paper repeats Table I, but for one row; after them it has Baseline III and RoS-KD."""
    if condition.facts == USUAL:
        before = "II" if (row, problem) == ("III", "cardio") else row
        return _of(_reported()["table1"].get(before, {}).get(problem), metric) if row in ("III", "RoS-KD") else None
    if condition.facts not in ATTACKS:
        return None
    after = _reported()["table2_after"].get(problem, {}).get(condition.facts.perturbation.upper(), {})
    return _of(after.get(row) or (after.get(MISPRINT) if row == "III" else None), metric)


def published_auc() -> tuple[list[str], dict[str, list[float]]]:
    """Table III's classes, its mean last, and its rows but the paper's own."""
    rows = {name: values for name, values in _reported()["table3"].items() if name != OWN_AUC}
    return _reported()["table3_classes"], rows

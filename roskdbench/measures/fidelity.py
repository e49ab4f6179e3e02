"""`fidelity`: whether students learnt from their teachers, and how far their trainings had come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from roskdbench.plugins import register
from roskdbench.suite.measure import Column, Measure, Reads
from roskdbench.values import STUDENT, TEACHER, MetricValue

if TYPE_CHECKING:
    import pandas

    from roskdbench.jobs.measuring import MeasureContext

LEAST_TAKEN = 0.5
"""Of what teachers say of the training views: a student that takes less did not learn from them."""
MOST_FELL_LATE = 0.05
"""Of all that a training loss fell by: one that fell by more in the last tenth of the schedule is not converged."""

LEAST_GAP = 0.01
"""Of AUC, between Baseline I and the ensemble: of less it is not said what share a student closes."""


@register("fidelity")
class Fidelity(Measure):
    """Fidelity: how near students are to their teachers' mixture, on the views they learnt from and on the test part;
    the teachers' own score; and whether trainings had come to an end.
    """

    revision: ClassVar[int] = 2
    reads: ClassVar[tuple[Reads, ...]] = ("predictions", "model", "teachers")
    subjects: ClassVar[tuple[str, ...]] = (STUDENT, TEACHER)
    heading: ClassVar[str] = "learnt from teachers"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("agreement@train", "agrees"),
        Column("taken@train", "taken"),
        Column("taken@test", "on test"),
        Column("teachers-auc", "their AUC"),
        Column("gap-closed", "gap closed"),
        Column("fell-late", "fell late", higher_is_better=False),
    )

    def compute(self, context: MeasureContext) -> Iterable[MetricValue]:
        """Of a student all; of a teacher, and of a student without teachers, how its loss fell."""
        from roskdbench.measuring import ALL, Row, values_of
        from roskdbench.measuring.fidelity import (
            FELL_LATE,
            TEST,
            TRAIN,
            agreement_rows,
            fell_late,
            mixture,
            share_closed,
        )
        from roskdbench.measuring.scores import mean_auc

        task, classes = context.problem.labels.task, context.problem.labels.classes
        losses = context.history()["loss"]
        rows: list[Row] = [(FELL_LATE, ALL, fell_late(losses), len(losses))]
        if context.has_teachers:
            student, teachers = context.on_training_views()
            rows += agreement_rows(task, classes, mixture(task, teachers), student, TRAIN)
            own, members = context.predictions, context.teacher_logits()
            rows += agreement_rows(task, classes, mixture(task, members), own.logits["test"], TEST)
            together, alone = context.ensemble_logits(), context.baseline_logits()
            auc = {
                name: None if logits is None else mean_auc(task, classes, own.truth, logits, own.known)
                for name, logits in (("own", own.logits["test"]), ("together", together), ("alone", alone))
            }
            rows.append(("teachers-auc", ALL, auc["together"], len(own)))
            rows.append(
                ("gap-closed", ALL, share_closed(auc["alone"], auc["own"], auc["together"], LEAST_GAP), len(own))
            )
        return values_of(rows)

    def passes(self, images: int) -> float:
        """A view of every training sample."""
        return float(images)

    def notes(self, numbers: pandas.DataFrame) -> list[str]:
        """What the columns are, and who did not learn."""
        lines = [
            "Learnt from teachers (their equal mixture): agrees: the share of training views and findings where the "
            "likeliest answer is the same; taken: of what teachers say of training views, or of the test part, beyond "
            "their mean answer, the share that the student says, too (1 at best; by KL at temperature 1).",
            f"Their AUC: of the teachers' ensemble; gap closed: from Baseline I to it, where it is {LEAST_GAP:g} ahead "
            "or more; fell late: of the training loss's fall, the share in the last tenth of the schedule.",
        ]
        whole = numbers[numbers["class"] == ""]
        lines += _named(
            whole[(whole["metric"] == "taken@train") & (whole["value"] < LEAST_TAKEN)],
            f"did not learn from its teachers: takes under {LEAST_TAKEN:g} of what they say of training views",
        )
        late = whole[(whole["metric"] == "fell-late") & (whole["value"] > MOST_FELL_LATE)]
        share = f"over {MOST_FELL_LATE:.0%} of the loss's fall came in the last tenth of the schedule"
        lines += _named(late[late["subject"] == STUDENT], f"not converged: {share}")
        lines += _named(late[late["subject"] == TEACHER], f"teachers not converged: {share}")
        return lines


def _named(numbers: pandas.DataFrame, what: str) -> list[str]:
    """A line with the rows that something is to be said of, by problem."""
    if numbers.empty:
        return []
    found = {
        str(problem): ", ".join(dict.fromkeys(rows["method"]))
        for problem, rows in numbers.groupby("problem", sort=False)
    }
    return [f"{what}: {'; '.join(f'{methods} on {problem}' for problem, methods in found.items())}."]

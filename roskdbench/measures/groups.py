"""`groups`: scores of men and women, by age, by site: of each group, of the worst, and how far groups lie apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, PositiveInt

from roskdbench.errors import UserError, nearest
from roskdbench.measures._further_metrics import FurtherMetrics
from roskdbench.plugins import register
from roskdbench.suite.measure import Column, ConditionRow, Reads
from roskdbench.suite.problems import Task
from roskdbench.values import Facts, MetricValue

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from numpy.typing import NDArray

    from roskdbench.measuring.groups import Group
    from roskdbench.measuring.predictions import Predictions
    from roskdbench.suite.protocol import Protocol

SUFFIXES = ("", "-worst", "-gap")


@register("groups")
class Groups(FurtherMetrics):
    """Groups: scores of men and women, by age, by site and whatever else is known of samples; the worst group, and how
    far groups lie apart.
    """

    revision: ClassVar[int] = 2
    reads: ClassVar[tuple[Reads, ...]] = ("predictions", "attributes")
    heading: ClassVar[str] = "by group"
    rows_by: ClassVar[str] = "group"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("patients", "patients or lesions", higher_is_better=None, counts=True),
        Column("auc", "AUC", has_draws=True),
        Column("f1", "F1", has_draws=True),
        Column("recall", "TPR", has_draws=True),
        Column("ece", "ECE", higher_is_better=False),
    )

    by: Annotated[list[str], Field(min_length=1)] | None = None
    """The attributes, such as [sex, age]; all that the data have if left out."""
    smallest: PositiveInt = 20
    """Patients (or lesions) that a group needs to be compared with others; smaller ones are shown and marked."""

    def attributes_wanted(self) -> Sequence[str]:
        """Those that it goes by."""
        return self.by or ()

    def evaluate(self, predictions: Predictions) -> Iterable[MetricValue]:
        """Of each group, class by class and in the mean; of each attribute the worst group and the gap."""
        import numpy as np

        from roskdbench.measuring.groups import PATIENTS, common_classes, comparisons, mean_over, values_in

        found: list[MetricValue] = []
        further = self._on(predictions.task)
        for attribute, groups in self._groups(predictions).items():
            classes = common_classes(predictions, groups)
            means: dict[str, dict[str, float | None]] = {}
            for group in groups:
                facts, count = Facts(group=group.name), int(group.members.sum())
                found.append(MetricValue(PATIENTS, group.patients, count, facts=facts))
                found.append(MetricValue("small", float(group.small), count, facts=facts))
                values = values_in(predictions, group.members, classes, further)
                means[group.name] = {metric: mean_over(each, classes) for metric, each in values.items()}
                positives = predictions.truth[group.members].sum(0)
                for metric, each in values.items():
                    found.append(MetricValue(metric, means[group.name][metric], count, facts=facts))
                    if len(each) == len(predictions.classes) and metric != "ece":
                        for label, value, number in zip(predictions.classes, each, positives, strict=True):
                            known = None if np.isnan(value) else float(value)
                            found.append(MetricValue(metric, known, int(number), label, facts))
            facts, count = Facts(group=attribute), len(predictions)
            found.append(MetricValue("classes", int(classes.sum()) if groups else 0, count, facts=facts))
            for metric, worst, best, low, high in comparisons(means, groups, further):
                found.append(MetricValue(f"{metric}-worst", low, count, facts=facts))
                found.append(MetricValue(f"{metric}-gap", abs(high - low), count, facts=facts))
                found += [
                    MetricValue(f"{metric}-is", 0.0, count, worst, facts),
                    MetricValue(f"{metric}-is", 1.0, count, best, facts),
                ]
        return found

    def recompute(self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]) -> list[MetricValue]:
        """All of it: boards keep attributes."""
        return self.numbers(predictions)

    def draws(self, predictions: Predictions, seed: int) -> Mapping[str, NDArray[np.floating[Any]]]:
        """Of each group's means, the worst's and the gaps."""
        from roskdbench.statistics.group_draws import group_draws

        return group_draws(predictions, self._groups(predictions), seed, further=self._on(predictions.task))

    def _on(self, task: Task) -> list[Column]:
        """Its further metrics; for one label those that are of all classes at once, where there is such a form."""
        return [
            replace(each, statistic=each.whole, over="samples") if each.whole and task == "single-label" else each
            for each in self._statistics
        ]

    def _groups(self, predictions: Predictions) -> dict[str, list[Group]]:
        from roskdbench.measuring.groups import groups_of

        attributes = predictions.tested.attributes
        assert attributes is not None
        for name in self.by or ():
            if name not in attributes.names:
                raise UserError(f"groups: the data have no attribute '{name}'; {nearest(name, attributes.names)}")
        return groups_of(predictions, self.by, self.smallest)

    def stored_names(self, protocol: Protocol) -> dict[str, list[str]]:
        """Also of the worst group, and of gaps."""
        shown = [*self.columns, *self._further]
        return {f"{each.metric}{end}": [f"{each.metric}{end}"] for each in shown for end in SUFFIXES}

    def table_columns(self, protocol: Protocol, shown: Sequence[str]) -> Sequence[Column]:
        """Those of its own table."""
        return [*self.columns, *self._further]

    def condition_rows(self, numbers: pandas.DataFrame) -> Sequence[ConditionRow]:
        """Every group; then the worst of each attribute, and the gap."""
        found: list[ConditionRow] = []
        small = _small(numbers)
        for name in dict.fromkeys(numbers["group"]):
            attribute, colon, _ = name.partition(": ")
            if attribute in _unknown(numbers):
                continue
            if colon:
                found.append(ConditionRow(f"{name} ({small[name]})" if name in small else name, Facts(group=name)))
            else:
                found += [
                    ConditionRow(f"{attribute}: the worst", Facts(group=name), "-worst"),
                    ConditionRow(f"{attribute}: gap", Facts(group=name), "-gap"),
                ]
        return found

    def notes(self, numbers: pandas.DataFrame) -> list[str]:
        """What is compared, over which classes, and what intervals are."""
        classes = numbers[(numbers["metric"] == "classes") & ~numbers["group"].isin(_unknown(numbers))]
        counts = {
            (problem, group): sorted(set(rows["value"].astype(int)))
            for (problem, group), rows in classes.groupby(["problem", "group"], sort=False)
        }
        said = "; ".join(
            f"{group} on {problem}: {' or '.join(map(str, count))}" for (problem, group), count in counts.items()
        )
        varying = [f"{group} on {problem}" for (problem, group), count in counts.items() if len(count) > 1]
        unlike = (
            f"Not over the same classes in every run, since test parts differ: {', '.join(varying)}. Their means over "
            "runs are of unlike things; results.csv has each run, class by class."
        )
        unknown = [
            f"{attribute} is not known of any image of {problem}'s test part."
            for problem, rows in numbers.groupby("problem", sort=False)
            for attribute in _unknown(rows)
        ]
        return [
            *unknown,
            *([unlike] * bool(varying)),
            "By group: the same thresholds for everybody; means over the classes that every group has (so many: "
            f"{said}). TPR: the share of positives that is found.",
            f"Small: fewer than {self.smallest} patients or lesions (images where nothing is known of these); shown, "
            "and left out of worst and gap in runs where they are small. Intervals are drawn over patients; which "
            "group is worst was seen in these data, so that the interval of a gap among many groups leans away from "
            "zero.",
        ]


def _unknown(numbers: pandas.DataFrame) -> list[str]:
    """The attributes that have no group, as no sample's is known."""
    names = list(dict.fromkeys(numbers["group"]))
    known = {name.partition(": ")[0] for name in names if ": " in name}
    return [name for name in names if ": " not in name and name not in known]


def _small(numbers: pandas.DataFrame) -> dict[str, str]:
    """What is said of groups that are small, in all runs or in some, whose test parts differ."""
    found = {}
    for name, rows in numbers[numbers["metric"] == "small"].groupby("group", sort=False):
        runs = rows.groupby(["fold", "seed"])["value"].max()
        if runs.any():
            found[str(name)] = "small" if runs.all() else f"small in {int(runs.sum())} of {len(runs)} runs"
    return found

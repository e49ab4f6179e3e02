"""`external`: a model tested on the images of other problems, such as another hospital's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from roskdbench.data.shared_findings import shared_classes
from roskdbench.errors import UserError
from roskdbench.fingerprint import seed_for
from roskdbench.measures._further_metrics import FurtherMetrics
from roskdbench.measures.scores import COLUMNS, stored_scores
from roskdbench.plugins import register
from roskdbench.suite.elsewhere import HOME, LOST, Elsewhere
from roskdbench.suite.measure import Column, ConditionRow, Reads
from roskdbench.values import Facts, MetricValue

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas
    from numpy.typing import NDArray

    from roskdbench.jobs.measuring import MeasureContext
    from roskdbench.measuring.predictions import Predictions
    from roskdbench.suite.protocol import Protocol

FILE = "external.npz"
SEEN = "seen-in-training"
ENDS = ("", HOME, LOST)


@register("external")
class External(FurtherMetrics):
    """External: the model on the images of other problems, thresholds carried over, and what is lost against home. An
    experiment says `external: [PROBLEM, …]`.
    """

    revision: ClassVar[int] = 2
    reads: ClassVar[tuple[Reads, ...]] = ("predictions", "model", "external")
    heading: ClassVar[str] = "elsewhere"
    rows_by: ClassVar[str] = "tested on"

    problems: Annotated[list[Elsewhere], Field(min_length=1)]

    @model_validator(mode="after")
    def _differ(self) -> Self:
        names = [each.problem for each in self.problems]
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise ValueError(f"external names the problem '{twice[0]}' twice")
        return self

    def other_problems(self) -> Sequence[tuple[str, str]]:
        """Those that it tests on, and which of their parts."""
        return [(each.problem, each.part) for each in self.problems]

    def compute(self, context: MeasureContext) -> Iterable[MetricValue]:
        """Write external.npz: of each problem the logits of its images, its labels, and which classes are shared."""
        import numpy as np

        from roskdbench.engine.prediction import logits_for
        from roskdbench.measuring.elsewhere import kept_labels, seen_before
        from roskdbench.measuring.ensemble import mean_binary_logits, mean_logits

        members = context.networks()
        task, classes = context.problem.labels.task, context.problem.labels.classes
        together = mean_logits if task == "single-label" else mean_binary_logits
        arrays: dict[str, NDArray[Any]] = {}
        for number, each in enumerate(self.problems):
            problem, samples = context.external(number, each.part)
            pairs = shared_classes(classes, problem.labels.classes, each.labels)
            if objection := _objection(each, task, problem.labels.task, len(pairs)):
                raise UserError(objection)
            context.report(number / len(self.problems), each.problem)
            arrays[f"{each.problem}/pairs"] = np.array(pairs)
            said = [logits_for(member, problem.images, samples, context.device) for member in members]
            arrays[f"{each.problem}/logits"] = said[0] if len(said) == 1 else together(np.stack(said))
            learnt = np.concatenate([context.split["train"], context.split["validation"]])
            seen = seen_before(context.problem.images, learnt, problem.images, samples)
            arrays[f"{each.problem}/seen"] = np.array(seen)
            there = kept_labels(problem.labels.take(samples))
            arrays |= {f"{each.problem}/{name}": array for name, array in there.items()}
        np.savez(context.folder / FILE, allow_pickle=False, **arrays)
        return self.recompute(context.predictions, arrays)

    def recompute(self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]) -> list[MetricValue]:
        """Scores there, at home over the same classes, and what is lost."""
        from roskdbench.measuring import values_of
        from roskdbench.measuring.elsewhere import lost_rows, score_rows, statistic_rows

        found: list[MetricValue] = []
        for each in self.problems:
            facts = Facts(test_set=each.problem)
            both = _both(predictions, kept, each.problem)
            home, away = ([*score_rows(side), *statistic_rows(side, self._statistics)] for side in both)
            found += values_of(away, facts)
            found += values_of(((f"{metric}{HOME}", *rest) for metric, *rest in home), facts)  # type: ignore[misc]
            judged = [row for row in home if row[0] not in self._neither]
            found += values_of(lost_rows(judged, away, {"ece", *self._lower_is_better}), facts)
            shared, scored = len(kept[f"{each.problem}/pairs"]), len(both[1])
            found.append(MetricValue("shared-classes", shared, scored, facts=facts))
            found.append(MetricValue("compared-classes", len(both[1].classes), scored, facts=facts))
            if (seen := kept.get(f"{each.problem}/seen")) is not None:  # boards from before did not keep it
                images = len(kept[f"{each.problem}/targets"])
                found.append(MetricValue(SEEN, float(seen), images, facts=facts))
        return found

    def sides_of(self, metric: str) -> tuple[str, str]:
        """Both of what is lost."""
        if metric.endswith(HOME):
            return metric, ""
        return (metric.removesuffix(LOST) + HOME, metric.removesuffix(LOST)) if metric.endswith(LOST) else ("", metric)

    def draws(self, predictions: Predictions, seed: int) -> Mapping[str, NDArray[np.floating[Any]]]:
        """Of both sides, each over its own patients, and so of what is lost."""
        from roskdbench.statistics.bootstrap import draws_of, statistic_draws

        drawn = [column for column in self._statistics if column.resampled and column.metric not in self._neither]
        found: dict[str, NDArray[np.floating[Any]]] = {}
        for each in self.problems:
            home, away = _both(predictions, predictions.kept, each.problem)
            seeds = seed, _seed_elsewhere(each.problem, away)
            here, there = (
                {**draws_of(side, own), **statistic_draws(drawn, side, own)}
                for side, own in zip((home, away), seeds, strict=True)
            )
            for name in there.keys() & here.keys():
                if "|" not in name:
                    found |= {
                        f"{name}@{each.problem}": there[name],
                        f"{name}-home@{each.problem}": here[name],
                        f"{name}-lost@{each.problem}": (here[name] - there[name])
                        * (-1 if name in self._lower_is_better else 1),
                    }
        return dict(sorted(found.items()))

    def kept(self, folder: Path, test: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Logits and labels of the other problems."""
        import numpy as np

        with np.load(folder / FILE, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def stored_names(self, protocol: Protocol) -> dict[str, list[str]]:
        """As the scores; also at home, and of what is lost."""
        names = {**stored_scores(protocol), "ece": ["ece"], **{each: [each] for each in self.metrics}}
        return {
            f"{metric}{end}": [f"{each}{end}" for each in stored] for metric, stored in names.items() for end in ENDS
        }

    def table_columns(self, protocol: Protocol, shown: Sequence[str]) -> Sequence[Column]:
        """The shown scores, and calibration."""
        own = [COLUMNS[name] for name in shown if name in COLUMNS]
        return [*own, *self._further, Column("ece", "ECE", higher_is_better=False)]

    @property
    def _neither(self) -> set[str]:
        """Those of its metrics that say nothing of a model, such as prevalence."""
        return {each.metric for each in self._statistics if each.higher_is_better is None}

    @property
    def _lower_is_better(self) -> set[str]:
        """Those of its metrics that are the better, the lower they are."""
        return {each.metric for each in self._statistics if each.higher_is_better is False}

    def condition_rows(self, numbers: pandas.DataFrame) -> Sequence[ConditionRow]:
        """Of each problem: there, at home over the same classes, and what is lost."""
        found = []
        for name in dict.fromkeys(numbers["test_set"]):
            facts = Facts(test_set=name)
            found += [
                ConditionRow(name, facts),
                ConditionRow(f"home, for {name}", facts, "-home"),
                ConditionRow(f"lost on {name}", facts, "-lost"),
            ]
        return found

    def passes(self, images: int) -> float:
        """About as many images in each."""
        return float(images * len(self.problems))

    def notes(self, numbers: pandas.DataFrame) -> list[str]:
        """How many images and classes, and what was carried over."""
        shared = numbers[numbers["metric"] == "shared-classes"]
        sizes = [
            f"{home} on {name}: {int(rows['value'].iloc[0])} classes shared, {int(rows['n'].iloc[0]):,} images scored"
            for (home, name), rows in shared.groupby(["problem", "test_set"], sort=False)
        ]
        compared = numbers[numbers["metric"] == "compared-classes"]
        fewer = [
            f"{home} on {name}: scored over {' or '.join(f'{each:g}' for each in sorted(set(rows['value'])))} of the "
            "shared classes, those that the test parts of both sides have samples with and without."
            for (home, name), rows in compared.groupby(["problem", "test_set"], sort=False)
            if set(rows["value"]) != set(shared[(shared["problem"] == home) & (shared["test_set"] == name)]["value"])
        ]
        seen = numbers[(numbers["metric"] == SEEN) & (numbers["value"] > 0)]
        leaks = [
            f"{home} on {name}: {int(rows['value'].max()):,} of {int(rows['n'].iloc[0]):,} images there are images "
            "that the model was trained or tuned on at home; its scores there are no test."
            for (home, name), rows in seen.groupby(["problem", "test_set"], sort=False)
        ]
        return [
            *leaks,
            *fewer,
            f"Elsewhere: {'; '.join(sizes)}. Both sides are scored over the shared classes; thresholds were "
            "chosen on validation at home. Intervals are drawn over the patients of each side; lost: home minus there "
            "(of what is better the lower it is, such as ECE, there minus home).",
        ]


def _both(predictions: Predictions, kept: Mapping[str, NDArray[Any]], name: str) -> tuple[Predictions, Predictions]:
    """At home over the shared classes that both test parts have samples with and without, and elsewhere."""
    from roskdbench.measuring.elsewhere import KEPT, at_home, elsewhere

    pairs = [(int(home), int(away)) for home, away in kept[f"{name}/pairs"].tolist()]
    arrays = {each: kept[f"{name}/{each}"] for each in KEPT if f"{name}/{each}" in kept}
    logits = kept[f"{name}/logits"]
    away = elsewhere(predictions, pairs, arrays, logits)
    defined = at_home(predictions, pairs).told_apart() & away.told_apart()
    if defined.sum() < (2 if predictions.task == "single-label" else 1):
        raise UserError(f"external: '{name}' shares no classes of which the test parts of both sides have samples")
    pairs = [pair for pair, counts in zip(pairs, defined, strict=True) if counts]
    return at_home(predictions, pairs), elsewhere(predictions, pairs, arrays, logits)


def _seed_elsewhere(problem: str, away: Predictions) -> int:
    """Of draws of a problem's samples: the same for the same samples, whatever is the test part at home."""
    import numpy as np

    labels = away.tested.test
    arrays = [labels.groups, labels.targets, away.known]
    return seed_for("elsewhere", problem, *(np.asarray(each, np.int64).tobytes().hex() for each in arrays))


def _objection(each: Elsewhere, home: str, away: str, shared: int) -> str | None:
    """Why a model cannot be tested there."""
    if home != away:
        return f"external: '{each.problem}' is {away}, and the model is of a {home} problem"
    if shared < (2 if home == "single-label" else 1):
        return (
            f"external: no classes that go by the same names in '{each.problem}'; say which do: "
            f"{{problem: {each.problem}, labels: {{NAME AT HOME: NAME THERE}}}}"
        )
    return None

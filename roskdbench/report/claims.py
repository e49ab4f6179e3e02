"""What the numbers say of a suite's claims: each at each of its places, judged together."""

from collections.abc import Sequence
from dataclasses import dataclass

from roskdbench.plan.claims import ClaimAt, Key, Metric, Unplaced, placed
from roskdbench.plan.graph import AXES
from roskdbench.report.evidence import Values, between
from roskdbench.report.layout import PASSED, Condition, Layout, layout_of
from roskdbench.results import Results
from roskdbench.statistics.claims import ClaimEvidence, Judged, judged
from roskdbench.statistics.comparison import FEWEST_RUNS, OverRuns
from roskdbench.values import KEPT, LOST, USUAL


@dataclass(frozen=True)
class ClaimFound:
    """A claim at a place, what its runs show, and what became of it; a reason where it cannot be judged."""

    at: ClaimAt | Unplaced
    tested: ClaimEvidence | None = None
    judged: Judged | None = None
    reason: str = ""
    whole: bool = True
    """Whether the error knows of the test part, and not of trainings alone."""


def claims_of(results: Results) -> list[ClaimFound]:
    """The verdicts on all claims, Holm's correction over them."""
    made: list[ClaimFound] = results.once("claims", lambda: _there(results, _judged(results)))
    return made


def _there(results: Results, found: Sequence[ClaimFound]) -> list[ClaimFound]:
    """Claims of experiments that are not in these results are left out."""
    whole = set(results.plan.experiments) == set(results.plan.suite.experiments)
    return [each for each in found if whole or isinstance(each.at, ClaimAt)]


def _judged(results: Results) -> list[ClaimFound]:
    found = [_found(results, each) for each in placed(results.plan)]
    tested = [each.tested for each in found if each.tested is not None]
    others = sum(each.at.claim.statement.tests for each in found if each.tested is None)
    verdicts = iter(judged(tested, others))
    return [
        each if each.tested is None else ClaimFound(each.at, each.tested, next(verdicts), whole=each.whole)
        for each in found
    ]


def _found(results: Results, at: ClaimAt | Unplaced) -> ClaimFound:
    if isinstance(at, Unplaced):
        return ClaimFound(at, reason=at.reason)
    layout, said = layout_of(results, at.experiment, AXES), at.claim.statement
    contrasts = []
    whole = True
    for right in at.rights:
        reason = _lacking(layout, at, right)
        contrast, known = (None, True) if reason else contrast_of(layout, at, right)
        if contrast is None:
            return ClaimFound(at, reason=reason or "its numbers are not defined")
        if contrast.error == 0:
            same = "both sides have the same numbers" if contrast.mean == 0 else "the effect is the same number"
            return ClaimFound(at, reason=f"{same} in every run, which says nothing of the next")
        whole = whole and known
        contrasts.append(contrast)
    return ClaimFound(at, ClaimEvidence(tuple(contrasts), said.by, said.within, said.relation == "=="), whole=whole)


def _lacking(layout: Layout, at: ClaimAt, right: Key | float) -> str:
    """Why a contrast cannot be judged; empty if it can."""
    rows = [at.left, *([right] if isinstance(right, tuple) else [])]
    if reason := next(filter(None, (_amiss(layout, at.metric, row) for row in rows)), ""):
        return reason
    if len(rows) > 1 and layout.evidence.same(rows[0], rows[1]):
        return "both sides are the same models"
    values = [_values(layout, row, at.metric) for row in rows]
    runs = set.intersection(*(set(each) for each in values))
    if not runs:
        lacking = next((row for row, each in zip(rows, values, strict=True) if not each), rows[0])
        return f"{lacking[0]} has no {at.metric.heading}"
    planned = set.intersection(*(layout.evidence.runs(row) for row in rows))
    if runs < planned:
        return f"{at.metric.heading} is not defined in {len(planned - runs)} of {len(planned)} runs"
    judged_over = len(layout.evidence.apart(runs))
    if judged_over < FEWEST_RUNS:
        says = "run says" if judged_over == 1 else "runs say"
        return f"{judged_over} {says} nothing of methods; it takes {FEWEST_RUNS}"
    return ""


def _amiss(layout: Layout, metric: Metric, row: Key) -> str:
    """Why a row's numbers are not there, or cannot be believed; empty if neither."""
    *key, problem = row
    if state := layout.state(tuple(key), str(problem), metric.measure):
        return f"{row[0]}: {state}"
    if metric.name == KEPT and layout.is_at_chance(row):
        return f"{row[0]}: the AUC on clean images is not surely above .5, and nothing can be kept"
    word = PASSED if metric.facts == USUAL else layout.checked(metric.measure).get(row, PASSED)
    return "" if word == PASSED else f"{row[0]} under {metric.facts.perturbation_label}: {word}"


def contrast_of(layout: Layout, at: ClaimAt, right: Key | float) -> tuple[OverRuns | None, bool]:
    """One contrast over its runs, and whether its error knows of the test part."""
    sign = at.claim.statement.sign
    values = {run: sign * value for run, value in _values(layout, at.left, at.metric).items()}
    source = layout.source(at.metric.name, at.metric.measure, at.metric.facts)
    if isinstance(right, tuple):
        others = {run: sign * value for run, value in _values(layout, right, at.metric).items()}
        found = layout.evidence.contrast(at.left, right, values, others, source)
    else:
        shifted = {run: value - sign * right for run, value in values.items()}
        found = layout.evidence.contrast(at.left, None, shifted, None, source)
    rows = [at.left, *([right] if isinstance(right, tuple) else [])]
    own_test_parts = layout.evidence.shared(at.left) > 0
    return found, own_test_parts or all(layout.evidence.has_draws(row, source) for row in rows)


def _values(layout: Layout, row: Key, metric: Metric) -> Values:
    """The metric's value in each run; what an attack left of F1, or took from it, from before and after."""

    def under(condition: Condition, name: str) -> Values:
        return layout.values.get((*row, condition, name), {})

    condition = Condition(metric.measure, metric.subject, metric.facts)
    if metric.name not in (KEPT, LOST) or metric.facts == USUAL:
        return under(condition, metric.name)
    before, after = under(condition._replace(facts=USUAL), "f1"), under(condition, "f1")
    if metric.name == LOST:
        return between(before, after)
    return {run: value / before[run] for run, value in after.items() if before.get(run, 0) > 0}

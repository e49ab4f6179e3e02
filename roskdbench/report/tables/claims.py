"""The table of a suite's claims: verdict, effect, p, and what the design could have seen."""

from collections.abc import Callable, Sequence
from math import nan

from roskdbench.plan.claims import ClaimAt
from roskdbench.report.claims import ClaimFound, claims_of
from roskdbench.report.evidence import LEVEL
from roskdbench.report.table import Estimate, Table, TableColumn, Value, Word
from roskdbench.results import Results
from roskdbench.statistics.claims import MOST_RUNS, ClaimEvidence, Judged

NOT_JUDGED = "not judged"
VERDICT, EFFECT, P, SMALLEST, RUNS, PRINTED = "verdict", "effect", "p", "smallest", "runs", "printed"
HEADINGS = {
    VERDICT: "verdict",
    EFFECT: "effect",
    P: "p",
    SMALLEST: "could see",
    RUNS: "runs to settle",
    PRINTED: "printed",
}
FOUND = "what was found"


def claims_table(results: Results) -> Table | None:
    """Each claim at each of its places; None where the suite claims nothing that these results are about."""
    found = claims_of(results)
    if not found:
        return None
    suite = results.plan.suite
    printed = any(each.at.claim.printed is not None for each in found)
    headings = HEADINGS if printed else {name: text for name, text in HEADINGS.items() if name != PRINTED}
    columns = [
        TableColumn(FOUND, name, text, source="paper" if name == PRINTED else "") for name, text in headings.items()
    ]
    title = f"{suite.title or suite.suite}: what it claims"
    table = Table("claims", title, ["claim", "says", "where"], columns)
    for each in found:
        where = each.at.where if isinstance(each.at, ClaimAt) else ""
        cells = [_cell(each, name) for name in headings]
        table.rows.append(([each.at.name, each.at.claim.claim, where], cells))
    table.notes = [*_notes(found), *_by_fold(results, found), *_stated(results, found)]
    return table


def _cell(found: ClaimFound, name: str) -> Value:
    if name == PRINTED:
        printed = found.at.claim.printed
        return None if printed is None else Estimate(printed, None, 1)
    if found.judged is None or found.tested is None:
        return Word(NOT_JUDGED) if name == VERDICT else None
    return CELLS[name](found.tested, found.judged)


def _verdict(tested: ClaimEvidence, judged: Judged) -> Value:
    good = {"supported": True, "contradicted": False}.get(judged.verdict)
    return Word(judged.verdict, True if tested.alike and judged.verdict == "equivalent" else good)


def _effect(tested: ClaimEvidence, judged: Judged) -> Value:
    """Bold where the verdict is that there is one. Its p stands in its own column."""
    sure = judged.verdict in ("supported", "contradicted") and tested.by == 0 and not tested.alike
    return tested.weakest.difference(LEVEL)._replace(p=judged.p if sure else nan)


def _p(tested: ClaimEvidence, judged: Judged) -> Value:
    return Word("below .001") if judged.p < 0.001 else Estimate(judged.p, None, 1)


def _smallest(tested: ClaimEvidence, judged: Judged) -> Value:
    return Estimate(judged.smallest, None, 1)


def _runs(tested: ClaimEvidence, judged: Judged) -> Value:
    if judged.verdict != "cannot tell":
        return None
    if judged.runs is None:
        return Word("no number")
    return Word(f"over {MOST_RUNS:,}" if judged.runs > MOST_RUNS else f"{judged.runs:,}")


CELLS: dict[str, Callable[[ClaimEvidence, Judged], Value]] = {
    VERDICT: _verdict,
    EFFECT: _effect,
    P: _p,
    SMALLEST: _smallest,
    RUNS: _runs,
}


def _notes(found: Sequence[ClaimFound]) -> list[str]:
    several = any(each.tested and len(each.tested.contrasts) > 1 for each in found)
    lines = [
        "Supported or contradicted: beyond chance at 5 %, after Holm's steps over all of the suite's claims. "
        "Equivalent: two one-sided tests put the effect within the margin. Cannot tell: neither. Each claim is judged "
        "by itself, by the t over its runs together with draws of the test part's patients; variances are not "
        "moderated over rows.",
        "Effect: with its own 95 % interval, not widened; p: after Holm's steps. Could see: the smallest effect, or "
        "for == the smallest margin, that this design finds four times in five. Runs to settle: with how many an "
        "effect as the one found would be decided four times in five; no number: the test part, or what runs share of "
        "one data set, is too small. Both take the spread of these runs for the true one, which few runs know badly.",
    ]
    if any("<" in each.at.claim.claim for each in found):
        lines.append("Of a claim with < the effect is how far the first is below.")
    if several:
        lines.append("Of a claim with several comparisons the weakest is shown.")
    begun = {
        f"{each.at.name}: {said.metric} is {each.at.metric.heading}."
        for each in found
        if isinstance(each.at, ClaimAt) and not (said := each.at.claim.statement).after
        if said.metric.lower() not in (each.at.metric.name.lower(), each.at.metric.heading.lower())
    }
    lines += sorted(begun)
    if any(not each.whole for each in found if each.tested is not None):
        names = dict.fromkeys(each.at.name for each in found if each.tested is not None and not each.whole)
        lines.append(f"{', '.join(names)}: of new trainings on these test images; of other images it says nothing.")
    reasons: dict[str, list[str]] = {}
    for each in found:
        if each.reason:
            reasons.setdefault(each.reason, []).append(each.at.name)
    lines += [f"{NOT_JUDGED}: {', '.join(dict.fromkeys(names))}: {reason}." for reason, names in reasons.items()]
    return lines


def _by_fold(results: Results, found: Sequence[ClaimFound]) -> list[str]:
    """What more runs would be where they are the folds of one partition."""
    suite = results.plan.suite
    by_fold = any(
        isinstance(each.at, ClaimAt) and each.tested and suite.experiments[each.at.experiment].folds > 1
        for each in found
    )
    if suite.protocol.split.per_seed or not by_fold:
        return []
    return ["Over folds, runs to settle are folds of further partitions, which split: {per_seed: true} makes."]


def _stated(results: Results, found: Sequence[ClaimFound]) -> list[str]:
    """Since when the claims stand, and which were made when there were numbers already."""
    names = dict.fromkeys(each.at.name for each in found)
    claims = results.plan.suite.claims
    known = {name: results.stated[name] for name in names if name in results.stated}
    late = {name: each for name, each in known.items() if not each.same(claims[name]) or each.computed}
    lines = []
    before = [name for name in known if name not in late]
    if before:
        lines.append(f"Stated before any of these numbers was computed: {', '.join(before)}.")
    for name, each in late.items():
        if each.same(claims[name]):
            known_then = f"{each.computed:,} of {each.cells:,} cells had scores"
            lines.append(f"{name}: added or changed on {each.date}, when {known_then}.")
        else:
            lines.append(f"{name}: changed after the run; when it was made, it said: {each.claim}.")
    unknown = [name for name in names if name not in known]
    if unknown:
        lines.append(f"Not in the run's record, so added afterwards: {', '.join(unknown)}.")
    return lines

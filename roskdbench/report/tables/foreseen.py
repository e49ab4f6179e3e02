"""What a design could see of a suite's claims before it runs, by the spread of an earlier run or of its small form."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from roskdbench.errors import UserError
from roskdbench.plan import Plan
from roskdbench.plan.claims import ClaimAt, key_of, placed
from roskdbench.plan.graph import AXES
from roskdbench.report.claims import contrast_of
from roskdbench.report.layout import layout_of
from roskdbench.report.table import Estimate, Table, TableColumn, Value, Word
from roskdbench.results import Results, find_run
from roskdbench.runs import run_name, runs
from roskdbench.statistics.claims import ClaimEvidence, smallest_effect
from roskdbench.statistics.comparison import FEWEST_RUNS, SMALL, OverRuns
from roskdbench.store import Store

SMALL_FORM = "-small"


def foreseen_table(planned: Plan, store: Store) -> Table | None:
    """Each claim with the smallest effect that the planned runs would find; None where the suite claims nothing."""
    claims = placed(planned)
    if not claims:
        return None
    spreads, named = _spreads(planned, store)
    level = SMALL / sum(each.claim.statement.tests for each in claims)
    heads = ["runs", "could see"] if named else ["runs"]
    columns = [TableColumn("the design", head, head) for head in heads]
    table = Table("claims", f"{planned.suite.suite}: what it claims", ["claim", "says", "where"], columns)
    for each in claims:
        if not isinstance(each, ClaimAt):
            table.rows.append(([each.name, each.claim.claim, each.reason], [None] * len(heads)))
            continue
        count = _runs(planned, each)
        row: list[Value] = [Word(str(count))]
        if named:
            spread = spreads.get((each.name, each.problem)) or spreads.get((each.name, ""))
            row.append(_seen(each, spread, count, level))
        table.rows.append(([each.name, each.claim.claim, each.where], row))
    table.notes = [_note(planned, named)]
    return table


def _note(planned: Plan, named: str) -> str:
    if named:
        return (
            f"Could see: the smallest effect, or for == the smallest margin, that would be found four times in five, "
            f"by the spread of the run {named}; test parts of another size move it."
        )
    name = planned.suite.suite
    return (
        f"What the design could see is not known before there is a spread: after a run of {name}{SMALL_FORM}, or of "
        f"{name} with other seeds, in this store."
    )


def _seen(each: ClaimAt, spread: OverRuns | None, count: int, level: float) -> Value:
    if count < FEWEST_RUNS:
        return Word(f"nothing: it takes {FEWEST_RUNS} runs", good=False)
    if spread is None:
        return None
    said = each.claim.statement
    tested = ClaimEvidence((spread.of(count),) * len(each.rights), said.by, said.within, said.relation == "==")
    return Estimate(smallest_effect(tested, level), None, 1)


def _runs(planned: Plan, each: ClaimAt) -> int:
    """Over how many runs the claim will be judged."""
    runs = [
        (cell.fold, cell.seed)
        for cell in planned.cells
        if cell.experiment == each.experiment and key_of(cell) == each.left
    ]
    suite = planned.suite
    return len(suite.protocol.split.runs_apart(runs, suite.experiments[each.experiment].folds))


def _spreads(planned: Plan, store: Store) -> tuple[Mapping[tuple[str, str], OverRuns], str]:
    """Of each claim and problem, and of each claim anywhere (under ""), the widest spread of an earlier run, and which
    run that was.
    """
    wanted = (planned.suite.suite, f"{planned.suite.suite}{SMALL_FORM}")
    own = run_name(planned)
    for name in reversed(runs(store)):
        if name.rpartition("-")[0] in wanted and name != own:
            with suppress(UserError):
                found = _of_run(planned, find_run(name, store, (), ()))
                if found:
                    return found, name
    return {}, ""


def _of_run(planned: Plan, earlier: Results) -> Mapping[tuple[str, str], OverRuns]:
    suite = earlier.plan.suite.model_copy(update={"claims": planned.suite.claims})
    found: dict[tuple[str, str], OverRuns] = {}
    for each in placed(replace(earlier.plan, suite=suite)):
        if not isinstance(each, ClaimAt):
            continue
        layout = layout_of(earlier, each.experiment, AXES)
        contrasts = (contrast_of(layout, each, right)[0] for right in each.rights)
        for contrast in contrasts:
            for key in ((each.name, each.problem), (each.name, "")):
                if contrast is not None and (key not in found or contrast.error > found[key].error):
                    found[key] = contrast
    return found

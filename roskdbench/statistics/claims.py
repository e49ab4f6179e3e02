"""Whether numbers bear a claim out: tests against a bound and within a margin, and what a design could have seen.

A claim may hang on several contrasts (one method above another at two points): it holds where all of them do, so its
p-value is the largest; it is contradicted where one of them is, so the smallest counts, times how many there are.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from roskdbench.statistics.comparison import FEWEST_RUNS, SMALL, OverRuns, holm

POWER = 0.8
MOST_RUNS = 1000
ENDLESS = 10**9  # runs

Verdict = Literal["supported", "contradicted", "equivalent", "cannot tell"]


@dataclass(frozen=True)
class ClaimEvidence:
    """A claim's contrasts as runs show them, signed so that above `by` bears it out."""

    contrasts: tuple[OverRuns, ...]
    by: float = 0.0
    within: float | None = None
    alike: bool = False
    """Whether it says that there is no difference, to within the margin, and not that there is one."""

    @property
    def weakest(self) -> OverRuns:
        """The contrast that says least for it."""
        key: Callable[[OverRuns], float] = (lambda each: -abs(each.mean)) if self.alike else (lambda each: each.mean)
        return min(self.contrasts, key=key)

    @property
    def power_of_each(self) -> float:
        """With which each contrast is to be seen, for all of them to be seen with a power of .8."""
        return 1 - (1 - POWER) / len(self.contrasts)

    def borne_out_by(self, effect: float) -> bool:
        """Whether a contrast of this size, were it known, would be for the claim."""
        return abs(effect) < self.within if self.alike and self.within is not None else effect > self.by

    @property
    def tests(self) -> dict[Verdict, float]:
        """The p-value of each verdict that it may come to."""
        count = len(self.contrasts)
        found: dict[Verdict, float] = {}
        if self.within is not None:
            margin = self.within
            found["equivalent"] = max(max(each.above(-margin), each.below(margin)) for each in self.contrasts)
        if self.alike:
            assert self.within is not None
            outside = min(min(each.above(self.within), each.below(-self.within)) for each in self.contrasts)
            found["contradicted"] = min(1.0, 2 * count * outside)
        else:
            found["supported"] = min(1.0, 2 * max(each.above(self.by) for each in self.contrasts))
            found["contradicted"] = min(1.0, 2 * count * min(each.below(self.by) for each in self.contrasts))
        return found


@dataclass(frozen=True)
class Judged:
    """What became of a claim."""

    verdict: Verdict
    p: float
    """Of the verdict, after Holm over all claims; of the likeliest one where it cannot be told."""
    smallest: float
    """The smallest effect, or for alike the smallest margin, that the design sees with a power of .8."""
    runs: float | None
    """With how many effects as those found are seen with that power; inf where it is too many, None where no number of
    them will do.
    """


def judged(claims: Sequence[ClaimEvidence], others: int = 0) -> list[Judged]:
    """The verdicts, with Holm's correction over the tests of all claims: that one is above its bound or below it is one
    test, and that it is within its margin another. `others` are tests of claims that cannot be judged yet: they count,
    so that no verdict goes once they can.
    """
    entries: list[tuple[int, tuple[Verdict, ...], float]] = []
    for number, each in enumerate(claims):
        for names in ANSWERS:
            known = [each.tests[name] for name in names if name in each.tests]
            if known:
                entries.append((number, names, min(known)))
    adjusted = holm([*(p for _, _, p in entries), *[1.0] * others])
    found = []
    for number, each in enumerate(claims):
        verdict, least = _verdict(
            each, [(names, p) for (n, names, _), p in zip(entries, adjusted, strict=False) if n == number]
        )
        level = SMALL / max(1, len(entries) + others)
        found.append(Judged(verdict, least, smallest_effect(each, level), runs_to_settle(each, level)))
    return found


ANSWERS: tuple[tuple[Verdict, ...], ...] = (("supported", "contradicted"), ("equivalent",))
"""Of which no two of one row can be true, so that one test answers both."""


def _verdict(claim: ClaimEvidence, answers: Sequence[tuple[tuple[Verdict, ...], float]]) -> tuple[Verdict, float]:
    for names, p in answers:
        if p <= SMALL:
            return min((name for name in names if name in claim.tests), key=claim.tests.__getitem__), p
    return "cannot tell", min(p for _, p in answers)


def smallest_effect(claim: ClaimEvidence, level: float = SMALL) -> float:
    """What a test at this level sees with a power of .8: an effect beyond the bound, or a margin around none; of all
    contrasts at once.
    """
    return max(_seen(each, claim.alike, level, claim.power_of_each) for each in claim.contrasts)


def runs_to_settle(claim: ClaimEvidence, level: float = SMALL) -> float | None:
    """How many runs show effects as large as those found with a power of .8: that all of a claim's contrasts bear it
    out, or that one is against it. None where no number of them will do, as the test part, or the data that runs share,
    are too small; inf where it is more than a thousand.
    """
    against = [each for each in claim.contrasts if not claim.borne_out_by(each.mean)]

    def settled(runs: int) -> bool:
        if against:
            count = len(claim.contrasts)
            return any(_power(each.of(runs), each.mean, claim, level / count) >= POWER for each in against)
        wanted = claim.power_of_each
        return all(_power(each.of(runs), each.mean, claim, level) >= wanted for each in claim.contrasts)

    if not settled(MOST_RUNS):
        return math.inf if settled(ENDLESS) else None
    low, high = FEWEST_RUNS - 1, MOST_RUNS  # the first is too few to be judged, the second enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high


def _power(found: OverRuns, effect: float, claim: ClaimEvidence, level: float) -> float:
    """The chance that the claim is decided if the effect is this one."""
    error, freedom = found.error, found.freedom
    if error == 0:
        return 1.0
    if claim.alike and claim.within is not None and abs(effect) < claim.within:
        critical = _quantile(freedom, 1 - level)
        above = _exceeds(freedom, (claim.within + effect) / error, critical)
        below = _exceeds(freedom, (claim.within - effect) / error, critical)
        return max(0.0, above + below - 1)
    beyond = abs(effect) - claim.within if claim.alike and claim.within is not None else abs(effect - claim.by)
    return _exceeds(freedom, beyond / error, _quantile(freedom, 1 - level / 2))


def _seen(found: OverRuns, alike: bool, level: float, power: float) -> float:
    error, freedom = found.error, found.freedom
    if error == 0:
        return 0.0
    critical = _quantile(freedom, 1 - level if alike else 1 - level / 2)
    wanted = (1 + power) / 2 if alike else power  # both of two one-sided tests have to succeed
    low, high = 0.0, 2 * critical + 20
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _exceeds(freedom, middle, critical) < wanted else (low, middle)
    return high * error


def _quantile(freedom: float, share: float) -> float:
    from scipy import special

    return float(special.stdtrit(freedom, share))


def _exceeds(freedom: float, noncentral: float, critical: float) -> float:
    """The chance that a noncentral t is above a value."""
    from scipy import special

    found = 1 - float(special.nctdtr(freedom, noncentral, critical))
    return found if not math.isnan(found) else float(noncentral > critical)

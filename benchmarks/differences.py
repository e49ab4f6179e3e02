"""How often the claims of tables are false, and how often true differences are found: simulated, where truth is known.

    python benchmarks/differences.py [SIMULATIONS]

A reference and seven rivals are tried on 400 patients. What a run measures is the true difference, and chance: which
patients are tested (some suit one method more than the other, whenever they are tested), which were trained on, and the
training itself. Methods differ in how far they vary. Three designs: runs with splits of their own (70/10/20), runs
with one split, and folds. Effects are in standard deviations of a run. Under each rule: claims where there is no
difference (of all comparisons, and of tables with any after Holm's steps), how often intervals hold the truth, and how
often differences of .5, 1 and 2 are claimed, alone and within Holm's steps of seven rows of which three differ.

Rules: `draws and t`, the bootstrap over patients and runs where the plain t has to agree (for folds the corrected t):
what tables went by before; `plain t`; and `tables`, what they go by now.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roskdbench.statistics.comparison import FEWEST_RUNS, Difference, holm, over_trainings, paired, prior_of

Values = NDArray[np.float64]
PATIENTS, RIVALS, DRAWS, LEVEL = 400, 7, 300, 0.95
DIFFER = 3  # of the rivals, where any do
EFFECTS = (0.0, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class World:
    """Standard deviations, of single patients in units where a test part of 80 gives their mean a hundredth of ten."""

    name: str
    suits: float
    """Of how a patient suits a method, whenever it is tested."""
    image: float
    """Of a patient in one run alone."""
    training: float
    """Of the training, in tenths."""
    trained_on: float
    """Of which patients were trained on, in tenths."""
    reference: float = 0.0
    """Of the reference's own training, in tenths: it is in every difference."""


WORLDS = (
    World("the test part matters", 1.0, 1.0, 0.3, 0.3),
    World("the training matters", 0.5, 0.5, 1.5, 0.3),
    World("all of it matters", 0.7, 0.7, 1.0, 0.7),
    World("what was trained on matters most", 0.5, 0.5, 0.7, 1.2),
    World("the reference's training matters most", 0.5, 0.5, 0.4, 0.3, reference=1.5),
)


@dataclass(frozen=True)
class Design:
    """How the runs of a table come about."""

    name: str
    runs: int
    folds: bool = False
    own_splits: bool = True

    @property
    def shared(self) -> float:
        """What the t is corrected by."""
        if self.folds:
            return (1 / self.runs) / (1 - 1 / self.runs - 0.1)
        return 0.2 / 0.7 if self.own_splits else 0.0

    def parts(self, random: np.random.Generator) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Test and training patients of each run."""
        if self.folds:
            dealt = np.array_split(random.permutation(PATIENTS), self.runs)
            rest = [np.concatenate([each for each in dealt if each is not test]) for test in dealt]
            return [(test, own[: int(len(own) - 0.1 * PATIENTS)]) for test, own in zip(dealt, rest, strict=True)]
        orders = [random.permutation(PATIENTS) for _ in range(self.runs if self.own_splits else 1)]
        orders *= 1 if self.own_splits else self.runs
        return [(order[: PATIENTS // 5], order[PATIENTS // 5 : PATIENTS * 9 // 10]) for order in orders]


DESIGNS = (
    *(Design(f"{runs} runs, own splits", runs) for runs in (1, 2, 3, 5, 10)),
    *(Design(f"{runs} runs, one split", runs, own_splits=False) for runs in (3, 5)),
    *(Design(f"{runs} folds", runs, folds=True) for runs in (3, 5)),
)


def simulated(
    world: World, design: Design, effect: float, random: np.random.Generator
) -> tuple[Values, Values, Values]:
    """True differences [7], measured ones [7, R], and draws of each by patient [7, R, D]."""
    scale = np.exp(random.normal(0, 0.35, RIVALS))[:, None]
    parts = design.parts(random)
    tested = len(parts[0][0])
    trained = (0.1 * world.training) ** 2 + (0.1 * world.trained_on) ** 2 + (0.1 * world.reference) ** 2
    sums = (world.suits**2 + world.image**2) / tested + trained
    true = effect * scale[:, 0] * sums**0.5 * (np.arange(RIVALS) < DIFFER)
    suits = world.suits * scale * random.normal(size=(RIVALS, PATIENTS))
    taught = random.normal(size=(RIVALS, PATIENTS))
    found, draws = [], []
    weights: NDArray[np.float64] | None = None
    for test, train in parts:
        training = 0.1 * world.training * random.normal(size=RIVALS)
        trained_on = 0.1 * world.trained_on * taught[:, train].sum(1) / len(train) ** 0.5
        run = scale[:, 0] * (training + trained_on) + true - 0.1 * world.reference * random.normal()
        each = run[:, None] + suits[:, test] + world.image * scale * random.normal(size=(RIVALS, len(test)))
        if weights is None or design.own_splits:  # one test part has one set of draws
            weights = random.multinomial(len(test), np.full(len(test), 1 / len(test)), size=DRAWS) / len(test)
        found.append(each.mean(1))
        draws.append(each @ weights.T)
    return true, np.stack(found, 1), np.stack(draws, 1)


Rule = Callable[[Design, Values, Values, np.random.Generator], list[Difference]]


def tables(design: Design, found: Values, draws: Values, random: np.random.Generator) -> list[Difference]:
    if design.runs < FEWEST_RUNS:
        return [paired(float(own.mean()), each.mean(0), LEVEL) for own, each in zip(found, draws, strict=True)]
    prior = prior_of(found)
    shared = design.shared
    return [
        over_trainings(
            list(own),
            LEVEL,
            shared,
            0.0 if shared else float(each.mean(0).var()),
            float(each.var(1).mean()) if shared else 0.0,
            prior,
        )
        for own, each in zip(found, draws, strict=True)
    ]


def plain_t(design: Design, found: Values, draws: Values, random: np.random.Generator) -> list[Difference]:
    return [over_trainings(list(own), LEVEL) for own in found]


def draws_and_t(design: Design, found: Values, draws: Values, random: np.random.Generator) -> list[Difference]:
    if design.folds:
        return [over_trainings(list(own), LEVEL, design.shared) for own in found]
    if design.runs == 1:
        return [paired(float(own.mean()), each[0], LEVEL) for own, each in zip(found, draws, strict=True)]
    chosen = random.multinomial(design.runs - 1, np.full(design.runs, 1 / design.runs), size=DRAWS).T / (
        design.runs - 1
    )
    claims = []
    for own, each in zip(found, draws, strict=True):
        one, other = paired(float(own.mean()), (each * chosen).sum(0), LEVEL), over_trainings(list(own), LEVEL)
        claims.append(Difference(one.value, min(one.low, other.low), max(one.high, other.high), max(one.p, other.p)))
    return claims


RULES: dict[str, Rule] = {"draws and t": draws_and_t, "plain t": plain_t, "tables": tables}


def main(simulations: int = 300) -> None:
    print(f"{simulations} simulations of each; shares in per cent")
    heading = f"{'':22} {'false':>6} {'any':>4} {'holds':>6}" + "".join(f"{f'{e:g} sd':>8}" for e in EFFECTS[1:])
    print(heading + "  within Holm's steps: " + "".join(f"{f'{e:g} sd':>7}" for e in EFFECTS[1:]))
    for world in WORLDS:
        print(f"\n{world.name}")
        for design in DESIGNS:
            for name, line in judged(world, design, simulations).items():
                print(f"  {design.name:20} {name:11} {line}", flush=True)


def judged(world: World, design: Design, simulations: int) -> dict[str, str]:
    """A line of shares for each rule."""
    alone: dict[tuple[str, float], list[float]] = {}
    stepped: dict[tuple[str, float], list[float]] = {}
    held: dict[str, list[float]] = {}
    for effect in EFFECTS:
        random = np.random.default_rng([int(10 * effect), design.runs])
        for _ in range(simulations):
            true, found, draws = simulated(world, design, effect, random)
            for name, rule in RULES.items():
                if design.runs == 1 and name == "plain t":
                    continue
                claims = rule(design, found, draws, random)
                counted = slice(DIFFER) if effect else slice(None)
                p_values = np.array([claim.p for claim in claims])
                alone.setdefault((name, effect), []).append(float((p_values <= 0.05)[counted].mean()))
                adjusted = (np.array(holm(list(p_values))) <= 0.05)[counted]
                stepped.setdefault((name, effect), []).append(float(adjusted.mean() if effect else adjusted.any()))
                hits = [claim.low <= each <= claim.high for claim, each in zip(claims, true, strict=True)]
                held.setdefault(name, []).append(float(np.mean(hits)))
    lines = {}
    for name, inside in held.items():
        each = [100 * np.mean(alone[name, 0.0]), 100 * np.mean(stepped[name, 0.0]), 100 * np.mean(inside)]
        found_alone = "".join(f"{100 * np.mean(alone[name, effect]):8.0f}" for effect in EFFECTS[1:])
        found_stepped = "".join(f"{100 * np.mean(stepped[name, effect]):7.0f}" for effect in EFFECTS[1:])
        lines[name] = f"{each[0]:4.1f} {each[1]:5.1f} {each[2]:6.1f} {found_alone}                      {found_stepped}"
    return lines


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

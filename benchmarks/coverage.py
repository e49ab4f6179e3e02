"""How often the intervals of scores hold the truth: simulated, where it is known.

    python benchmarks/coverage.py [SIMULATIONS]

Test parts of 30 to 400 patients with one to six images each are drawn from a world in which eight findings, as rare as
in chest films, stay with a patient, and a model ranks them with an area of .8. The truth is what a million images give.
`plain` are draws in which a class that is absent counts as 0 in the means, as it did before; `tables` is what they do.
"""

import sys

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from roskdbench.measuring.scores import averages, score_table
from roskdbench.statistics.bootstrap import score_draws, weights_of_groups
from roskdbench.statistics.intervals import interval

PREVALENCE = np.array([0.12, 0.035, 0.12, 0.18, 0.05, 0.06, 0.02, 0.05])
CLASSES = tuple("abcdefgh")
SEPARATION = 1.19  # of two normal distributions: an area of .8
THRESHOLD = 0.6
METRICS = {"precision-macro@half": "P", "recall-macro@half": "R", "f1-macro@half": "F1", "auc-macro": "AUC"}
PATIENTS, DRAWS = (30, 60, 120, 400), 500

Drawn = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]


def drawn(patients: int, random: np.random.Generator) -> Drawn:
    """Findings, logits and patients of a test part. Half of what a model sees in a patient it sees in each image."""
    images = random.integers(1, 7, patients)
    patient = np.repeat(np.arange(patients), images)
    prone = random.random((patients, 8)) < PREVALENCE / 0.6
    truth = prone[patient] & (random.random((len(patient), 8)) < 0.6)
    shared, own = random.normal(size=(patients, 8)), random.normal(size=(len(patient), 8))
    logits = SEPARATION * truth + (shared[patient] + own) / np.sqrt(2) - SEPARATION * THRESHOLD - 0.5
    return truth.astype(np.uint8), logits.astype(np.float32), patient


def plain_draws(part: Drawn, seed: int) -> dict[str, NDArray[np.floating]]:
    """Precision, recall and F1 where an absent class counts as 0."""
    truth, logits, patient = part
    chosen = logits >= 0
    counts = np.concatenate([truth & chosen, truth, chosen], axis=1).astype(np.float32)
    member = sparse.csr_matrix((np.ones(len(patient)), (patient, np.arange(len(patient)))))
    (weights,) = weights_of_groups(patient[-1] + 1, DRAWS, seed, len(patient))
    found = averages(*np.split(weights @ (member @ counts), 3, axis=1))["macro"]
    return dict(zip(list(METRICS)[:3], found, strict=True))


def main(simulations: int) -> None:
    """Print a table."""
    truth, logits, _ = drawn(285_000, np.random.default_rng(1))
    table = score_table(
        "multi-label",
        CLASSES,
        dict.fromkeys(("test", "validation"), truth),
        dict.fromkeys(("test", "validation"), logits),
    )
    true = {name: value for name, label, value, _ in table if name in METRICS and value is not None}
    print(f"| patients | draws |{''.join(f' {short} |' for short in METRICS.values())}")
    for patients in PATIENTS:
        held: dict[tuple[str, str], list[bool]] = {}
        for number in range(simulations):
            part = drawn(patients, np.random.default_rng([patients, number]))
            targets = dict.fromkeys(("test", "validation"), part[0])
            said = dict.fromkeys(("test", "validation"), part[1])
            found = {
                "plain": plain_draws(part, number),
                "tables": score_draws("multi-label", CLASSES, targets, said, part[2], number, draws=DRAWS),
            }
            for way, draws in found.items():
                for name in METRICS:
                    if name in draws:
                        low, high = interval(draws[name])
                        held.setdefault((way, name), []).append(low <= true[name] <= high)
        for way in ("plain", "tables"):
            cells = (f"{np.mean(held[way, name]):.3f}" if (way, name) in held else "" for name in METRICS)
            print(f"| {patients} | {way} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)

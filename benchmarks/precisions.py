"""`quick.yaml`'s Table I in float32 and in bf16: do the tables differ by more than seeds do?

    python benchmarks/precisions.py [SEEDS] [WORKERS] [STORE]

Three runs: float32, bf16 with the same seeds, and float32 with as many other seeds. Of every number of the table, the
mean over seeds: how far bf16's is from float32's, beside the spread over seeds and beside how far other seeds alone
move it. A store that is kept lets the script go on where it was ended.
"""

import sys
import tempfile
from typing import Any

import pandas

import roskdbench as rb

METRICS = ("precision-macro", "recall-macro", "f1-macro", "auc-macro")


def by_seed(store: str, workers: int, precision: str, seeds: range) -> pandas.DataFrame:
    """The numbers of Table I [problem, method, metric] by seed."""
    settings = {"protocol.precision": precision, "experiments.table1.seeds": list(seeds)}
    frame = rb.run("quick", store, workers, only=["table1"], settings=settings).results
    frame = frame.assign(metric=frame["metric"].str.removesuffix("@tuned"))
    shown = frame[(frame["measure"] == "scores") & (frame["class"] == "") & frame["metric"].isin(METRICS)]
    return shown.pivot_table(index=["problem", "method", "metric"], columns="seed", values="value", sort=False)


def main(seeds: int = 3, workers: int = 2, kept: str = "") -> None:
    with tempfile.TemporaryDirectory() as made:
        store = kept or made
        exact = by_seed(store, workers, "float32", range(seeds))
        rounded = by_seed(store, workers, "bf16", range(seeds))
        others = by_seed(store, workers, "float32", range(seeds, 2 * seeds))
    spread = exact.std(axis=1, ddof=1)
    moved, reseeded = ((each.mean(axis=1) - exact.mean(axis=1)).abs() for each in (rounded, others))
    table = pandas.DataFrame({"float32": exact.mean(axis=1), "bf16": rounded.mean(axis=1), "spread over seeds": spread})
    print(table.round(3).to_string())
    print(f"{len(table)} numbers, {seeds} seeds; root mean square: bf16 moves them by {_size(moved):.4f}, "
          f"other seeds by {_size(reseeded):.4f}; the spread over seeds is {_size(spread):.4f}")  # fmt: skip
    print(f"within their own spread: {(moved <= spread).sum()} with bf16, {(reseeded <= spread).sum()} with other "
          f"seeds; bf16 minus float32 is {(rounded - exact).to_numpy().mean():+.4f} on average")  # fmt: skip


def _size(values: pandas.Series) -> float:
    return float((values**2).mean() ** 0.5)


if __name__ == "__main__":
    arguments: list[Any] = [*map(int, sys.argv[1:3]), *sys.argv[3:4]]
    main(*arguments)

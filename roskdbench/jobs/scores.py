"""`scores`: the numbers of a set of predictions."""

from roskdbench.fingerprint import canonical_json
from roskdbench.jobs.work import Work
from roskdbench.measures.scores import score_table


def run(work: Work) -> None:
    """Write scores.json: a list of [metric, class, value, n]. A value that is not defined is null."""
    labels = work.problem().labels
    split = work.inputs["split"].arrays("split.npz")
    predictions = work.inputs["predictions"].arrays("predictions.npz")
    rows = score_table(
        labels.task,
        labels.classes,
        {part: labels.targets[split[part]] for part in ("validation", "test")},
        predictions,
    )
    (work.folder / "scores.json").write_text(canonical_json(rows), "utf-8")

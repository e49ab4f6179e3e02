"""`calibration`: whether a model's test probabilities are what happens, before and after temperature scaling."""

from roskdbench.fingerprint import canonical_json
from roskdbench.jobs.work import Work
from roskdbench.measures import CALIBRATION, Number
from roskdbench.measures.calibration import calibration_rows, temperature


def run(work: Work) -> None:
    """Write numbers.json. The temperature is chosen on validation; metrics after it end in "@scaled"."""
    labels = work.problem().labels
    split = work.inputs["split"].arrays("split.npz")
    predictions = work.inputs["predictions"].arrays("predictions.npz")
    truth = {part: labels.targets[split[part]] for part in ("validation", "test")}
    known = {part: None if labels.uncertain is None else labels.uncertain[split[part]] == 0 for part in truth}
    chosen = temperature(labels.task, truth["validation"], predictions["validation"], known["validation"])
    rows = calibration_rows(labels.task, truth["test"], predictions["test"], known["test"], "")
    rows += calibration_rows(labels.task, truth["test"], predictions["test"] / chosen, known["test"], "@scaled")
    rows.append(("temperature", "", chosen, len(truth["validation"])))
    numbers: list[Number] = [(CALIBRATION, *row) for row in rows]
    (work.folder / "numbers.json").write_text(canonical_json(numbers), "utf-8")

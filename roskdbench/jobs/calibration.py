"""`calibration`: whether a model's test probabilities are what happens, before and after temperature scaling."""

from roskdbench.fingerprint import canonical_json
from roskdbench.jobs.context import JobContext
from roskdbench.measures.tested import Tested


def run(context: JobContext) -> None:
    """Write numbers.json."""
    tested = Tested.of(context.problem().labels, context.inputs["split"].arrays("split.npz"))
    rows = tested.calibration(context.inputs["predictions"].arrays("predictions.npz"))
    (context.folder / "numbers.json").write_text(canonical_json(rows), "utf-8")

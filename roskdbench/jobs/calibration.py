"""`calibration`: whether a model's test probabilities are what happens, before and after temperature scaling."""

from roskdbench.fingerprint import canonical_json
from roskdbench.jobs.work import Work
from roskdbench.measures.tested import Tested


def run(work: Work) -> None:
    """Write numbers.json."""
    tested = Tested.of(work.problem().labels, work.inputs["split"].arrays("split.npz"))
    rows = tested.calibration(work.inputs["predictions"].arrays("predictions.npz"))
    (work.folder / "numbers.json").write_text(canonical_json(rows), "utf-8")

"""`scores`: the numbers of a set of predictions."""

from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.jobs.work import Work
from roskdbench.measures.tested import Tested
from roskdbench.statistics.bootstrap import draws_of
from roskdbench.statistics.kept import write_draws


def run(work: Work) -> None:
    """Write numbers.json: scores against the problem's labels, and against its better ones where it has such; and
    draws.safetensors: those that tables show over draws of the test part's groups.
    """
    tested = Tested.of(work.problem().labels, work.inputs["split"].arrays("split.npz"))
    predictions = work.inputs["predictions"].arrays("predictions.npz")
    (work.folder / "numbers.json").write_text(canonical_json(tested.clean(predictions)), "utf-8")
    drawn = draws_of(tested, predictions, work.spec["average"], seed_for("bootstrap", work.job.inputs["split"]))
    write_draws(work.folder, drawn)

"""`scores`: the numbers of a set of predictions."""

from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.jobs.context import JobContext
from roskdbench.measures.tested import Tested
from roskdbench.statistics.bootstrap import draws_of
from roskdbench.statistics.kept import write_draws


def run(context: JobContext) -> None:
    """Write numbers.json: scores against the problem's labels, and against its better ones where it has such; and
    draws.safetensors: those that tables show over draws of the test part's groups.
    """
    tested = Tested.of(context.problem().labels, context.inputs["split"].arrays("split.npz"))
    predictions = context.inputs["predictions"].arrays("predictions.npz")
    (context.folder / "numbers.json").write_text(canonical_json(tested.clean(predictions)), "utf-8")
    drawn = draws_of(tested, predictions, context.spec["average"], seed_for("bootstrap", context.job.inputs["split"]))
    write_draws(context.folder, drawn)

"""`compute_config`: the precision and layout in which a network trains fastest on this machine, compiled or not.
Measured, so not reproducible: the choice is kept, and a suite that wants the same bytes everywhere names its precision.
"""

from roskdbench.fingerprint import canonical_json
from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext

KIND = Kind(revision=1, uses_gpu=True)


def run(context: JobContext) -> None:
    """Write compute_config.json."""
    from roskdbench.engine import precision
    from roskdbench.engine.device import prepare

    spec = context.spec
    images = context.problem().images
    count, channels, size, _ = images.shape
    case = precision.Case(
        spec["architecture"], size, spec["batch"], prepare(), channels, spec["stem"], context.registry
    )
    chosen, seconds = precision.choose(case, steps=spec["epochs"] * count / spec["batch"])
    context.notes["step_seconds"] = seconds
    (context.folder / "compute_config.json").write_text(canonical_json(chosen.facts()), "utf-8")

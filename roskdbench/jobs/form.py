"""`form`: the precision and layout in which a network trains fastest on this machine, compiled or not. Measured, so not
reproducible: the choice is kept, and a suite that wants the same bytes everywhere names its precision.
"""

from roskdbench.engine import precision
from roskdbench.engine.device import prepare
from roskdbench.fingerprint import canonical_json
from roskdbench.jobs.context import JobContext


def run(context: JobContext) -> None:
    """Write form.json."""
    spec = context.spec
    images = context.problem().images
    count, channels, size, _ = images.shape
    case = precision.Case(spec["architecture"], size, spec["batch"], prepare(), channels, spec["stem"])
    form, seconds = precision.choose(case, steps=spec["epochs"] * count / spec["batch"])
    context.notes["step_seconds"] = seconds
    (context.folder / "form.json").write_text(canonical_json(form.facts()), "utf-8")

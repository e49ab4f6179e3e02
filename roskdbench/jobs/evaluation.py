"""`evaluation`: a measure that needs no more than predictions."""

from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext
from roskdbench.jobs.measuring import measure

KIND = Kind(revision=1, runs_locally=True)


def run(context: JobContext) -> None:
    """Write numbers.json and draws.safetensors."""
    measure(context)

"""`measurement`: a measure that asks the model itself."""

from roskdbench.job import Kind
from roskdbench.jobs.context import JobContext
from roskdbench.jobs.measuring import measure

KIND = Kind(revision=1, uses_gpu=True)


def run(context: JobContext) -> None:
    """Write numbers.json and what the measure keeps beside it."""
    measure(context)

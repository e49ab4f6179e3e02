"""The kinds of job, one file each: what it reads, does and writes. `execute` runs any of them."""

from roskdbench.jobs.execution import execute

__all__ = ["execute"]

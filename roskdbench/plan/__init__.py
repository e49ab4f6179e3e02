"""From a suite to a graph of jobs. What two cells have in common is one job: they ask for the same fingerprint.

Nothing here imports torch, looks at data or touches the store.
"""

from roskdbench.plan.graph import Cell, Plan, fingerprints_of
from roskdbench.plan.measuring_jobs import Measurement
from roskdbench.plan.planner import plan

__all__ = ["Cell", "Measurement", "Plan", "fingerprints_of", "plan"]

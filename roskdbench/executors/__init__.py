"""Executors: who computes jobs. They tell what happens through events and decide nothing."""

from roskdbench.executors.computing import Computing
from roskdbench.executors.events import Damaged, Event, Failed, Finished, Lost, Progressed

__all__ = [
    "Computing",
    "Damaged",
    "Event",
    "Failed",
    "Finished",
    "Lost",
    "Progressed",
]

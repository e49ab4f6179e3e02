"""Executors: who computes jobs. They tell what happens through events and decide nothing."""

from roskdbench.executors.events import Damaged, Event, Failed, Finished, Lost, Progressed
from roskdbench.executors.inline import InlineExecutor
from roskdbench.executors.processes import ProcessExecutor

__all__ = [
    "Damaged",
    "Event",
    "Failed",
    "Finished",
    "InlineExecutor",
    "Lost",
    "ProcessExecutor",
    "Progressed",
]

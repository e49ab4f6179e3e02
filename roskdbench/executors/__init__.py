"""Executors: who computes jobs. They tell what happens through events and decide nothing."""

from roskdbench.executors.config import ExecutorConfig
from roskdbench.executors.events import Damaged, Event, Failed, Finished, Lost, Progressed

__all__ = [
    "Damaged",
    "Event",
    "ExecutorConfig",
    "Failed",
    "Finished",
    "Lost",
    "Progressed",
]

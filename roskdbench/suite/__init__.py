"""Suites: what a YAML file may say, and how it is read."""

from roskdbench.suite.experiments import Experiment, MethodChoice
from roskdbench.suite.problems import ProblemSpec
from roskdbench.suite.protocol import Network, Protocol
from roskdbench.suite.reading import find_suite, place, read_suite, suite_names
from roskdbench.suite.schema import Suite

__all__ = [
    "Experiment",
    "MethodChoice",
    "Network",
    "ProblemSpec",
    "Protocol",
    "Suite",
    "find_suite",
    "place",
    "read_suite",
    "suite_names",
]

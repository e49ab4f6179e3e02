"""roskdbench: a benchmark for distilling robust students from noisy-label teachers.

What a plugin file needs is named here, and what a notebook does. Names are imported when they are first asked for, so
that the command line starts at once; none of them imports torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roskdbench.errors import UserError as UserError
    from roskdbench.measuring.operating_points import at_sensitivity as at_sensitivity
    from roskdbench.measuring.operating_points import at_specificity as at_specificity
    from roskdbench.method import Averaging as Averaging
    from roskdbench.method import Batch as Batch
    from roskdbench.method import BernoulliMean as BernoulliMean
    from roskdbench.method import BernoulliSum as BernoulliSum
    from roskdbench.method import Cyclic as Cyclic
    from roskdbench.method import Descent as Descent
    from roskdbench.method import Dirichlet as Dirichlet
    from roskdbench.method import EachTeacher as EachTeacher
    from roskdbench.method import Epoch as Epoch
    from roskdbench.method import Equal as Equal
    from roskdbench.method import Exponential as Exponential
    from roskdbench.method import ExponentialMean as ExponentialMean
    from roskdbench.method import FormerStudents as FormerStudents
    from roskdbench.method import Generator as Generator
    from roskdbench.method import LastWeights as LastWeights
    from roskdbench.method import Matching as Matching
    from roskdbench.method import Method as Method
    from roskdbench.method import Mixture as Mixture
    from roskdbench.method import Module as Module
    from roskdbench.method import NoTeachers as NoTeachers
    from roskdbench.method import OnAllData as OnAllData
    from roskdbench.method import OneHot as OneHot
    from roskdbench.method import Output as Output
    from roskdbench.method import Overlapping as Overlapping
    from roskdbench.method import Plain as Plain
    from roskdbench.method import Protocols as Protocols
    from roskdbench.method import RunningMean as RunningMean
    from roskdbench.method import Schedule as Schedule
    from roskdbench.method import Selection as Selection
    from roskdbench.method import Setting as Setting
    from roskdbench.method import Sharpness as Sharpness
    from roskdbench.method import Single as Single
    from roskdbench.method import SoftLoss as SoftLoss
    from roskdbench.method import Softmax as Softmax
    from roskdbench.method import Stepping as Stepping
    from roskdbench.method import Subset as Subset
    from roskdbench.method import Teachers as Teachers
    from roskdbench.method import TeacherSlot as TeacherSlot
    from roskdbench.method import Tensor as Tensor
    from roskdbench.method import TrainingFacts as TrainingFacts
    from roskdbench.method import Weigher as Weigher
    from roskdbench.method import Weighting as Weighting
    from roskdbench.method import Widths as Widths
    from roskdbench.notebook import Run as Run
    from roskdbench.notebook import load as load
    from roskdbench.notebook import model as model
    from roskdbench.notebook import run as run
    from roskdbench.plugins import register as register
    from roskdbench.report.figures.drawing import figure as figure
    from roskdbench.report.formats.registering import report_format as report_format
    from roskdbench.suite.attack import Attack as Attack
    from roskdbench.suite.corruption import Corruption as Corruption
    from roskdbench.suite.measure import Column as Column
    from roskdbench.suite.measure import Measure as Measure
    from roskdbench.suite.metric import metric as metric
    from roskdbench.suite.network import network as network
    from roskdbench.suite.problems import Card as Card
    from roskdbench.suite.problems import DrawnDataset as DrawnDataset
    from roskdbench.suite.problems import RealProblem as RealProblem
    from roskdbench.values import Facts as Facts
    from roskdbench.values import MetricValue as MetricValue

__version__ = "0.1.0"

_MODULES = {
    "errors": ["UserError"],
    "measuring.operating_points": ["at_sensitivity", "at_specificity"],
    "notebook": ["Run", "load", "model", "run"],
    "plugins": ["register"],
    "report.figures.drawing": ["figure"],
    "report.formats.registering": ["report_format"],
    "suite.attack": ["Attack"],
    "suite.corruption": ["Corruption"],
    "suite.measure": ["Column", "Measure"],
    "suite.metric": ["metric"],
    "suite.network": ["network"],
    "suite.problems": ["Card", "DrawnDataset", "RealProblem"],
    "values": ["Facts", "MetricValue"],
    "method": [
        "Averaging",
        "Batch",
        "BernoulliMean",
        "BernoulliSum",
        "Cyclic",
        "Descent",
        "Dirichlet",
        "EachTeacher",
        "Epoch",
        "Equal",
        "Exponential",
        "ExponentialMean",
        "FormerStudents",
        "Generator",
        "LastWeights",
        "Matching",
        "Method",
        "Mixture",
        "Module",
        "NoTeachers",
        "OnAllData",
        "OneHot",
        "Output",
        "Overlapping",
        "Plain",
        "Protocols",
        "RunningMean",
        "Schedule",
        "Selection",
        "Setting",
        "Sharpness",
        "Single",
        "SoftLoss",
        "Softmax",
        "Stepping",
        "Subset",
        "TeacherSlot",
        "Teachers",
        "Tensor",
        "TrainingFacts",
        "Weigher",
        "Weighting",
        "Widths",
    ],
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [*_HOME]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'roskdbench' has no attribute '{name}'")
    return getattr(import_module(f"roskdbench.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*_HOME, "__version__"]

"""roskdbench: a benchmark for distilling robust students from noisy-label teachers.

What a method file needs is named here; nothing of it imports torch.
"""

from roskdbench.errors import UserError
from roskdbench.method import (
    Averaging,
    Batch,
    Dirichlet,
    EachTeacher,
    Equal,
    Exponential,
    ExponentialMean,
    LastWeights,
    Matching,
    Method,
    Mixture,
    NoTeachers,
    OnAllData,
    OneHot,
    Overlapping,
    RunningMean,
    Setting,
    Single,
    Teachers,
    Weigher,
    Weighting,
)
from roskdbench.registry import register

__version__ = "0.1.0"

__all__ = [
    "Averaging",
    "Batch",
    "Dirichlet",
    "EachTeacher",
    "Equal",
    "Exponential",
    "ExponentialMean",
    "LastWeights",
    "Matching",
    "Method",
    "Mixture",
    "NoTeachers",
    "OnAllData",
    "OneHot",
    "Overlapping",
    "RunningMean",
    "Setting",
    "Single",
    "Teachers",
    "UserError",
    "Weigher",
    "Weighting",
    "register",
]

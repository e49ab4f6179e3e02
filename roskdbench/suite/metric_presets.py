"""Presets of metrics: a word under `shown` that stands for a list, after Metrics Reloaded.

Metrics Reloaded (Maier-Hein, Reinke et al., Nature Methods 2024) asks of image-level classification for metrics of
several kinds, because each is blind to something: decisions over all classes, decisions of each class, the ranking over
all thresholds, and calibration.

`screening`: few of those who come are ill, and the working point is fixed beforehand.

- sensitivity at 90 and 95 % specificity, and the reverse: where a target value is given, decisions are to be made by
  it; thresholds come from validation, as they would at a hospital.
- AUC: the ranking over all thresholds, whatever the prevalence; by it methods are compared.
- average precision: how pure the top of the list is, which depends on the prevalence; so that stands beside it.

`diagnosis`: each patient has something, and the question is what.

- balanced accuracy: a rare class counts as much as a frequent one. Where there is one label, the mean of recall over
  classes.
- F1: the decisions of each class, where a false alarm costs something and a correct rejection is worth nothing.
- MCC: one number of the whole confusion matrix that is high only if all of its cells are good. Cohen's kappa says much
  the same; for ordered classes take `kappa-quadratic`.
- AUC: as above.
- Brier score of each class: ranking and calibration together, a proper score.

F1, MCC, average precision and the Brier score depend on the prevalence: they do not compare across data sets.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

PRESETS: dict[str, tuple[str, ...]] = {
    "screening": (
        "auc",
        "sensitivity@spec90",
        "sensitivity@spec95",
        "specificity@sens90",
        "specificity@sens95",
        "average-precision",
        "prevalence",
    ),
    "diagnosis": ("f1", "auc", "balanced-accuracy", "mcc", "brier-by-class"),
}


def expanded(shown: Sequence[str]) -> list[str]:
    """The metrics that are meant, those of presets in their place, each once."""
    if not any(each in PRESETS for each in shown):
        return list(shown)
    return list(dict.fromkeys(name for each in shown for name in PRESETS.get(each, (each,))))


def _alone(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Shown = Annotated[list[str], Field(min_length=1), BeforeValidator(_alone, json_schema_input_type=str | list[str])]
"""What a suite shows: metrics and presets of them, or one of these alone."""

"""Measures: models or predictions in, numbers out."""

Row = tuple[str, str, float | None, int]
"""Metric, class ("" for all), value (None where it is not defined), and the number of samples it rests on."""

Number = tuple[str, str, str, float | None, int]
"""A row with the condition that it was measured under before it: what jobs write to numbers.json."""

ALL = ""  # in place of a class
BINS = 15  # of a reliability diagram
CLEAN = "clean"
CORRECTED = "corrected labels"
CALIBRATION = "calibration"
LANDSCAPE = "landscape"
LEVELS = (0.1, 1.0)  # above the loss at the trained weights: how wide the basin is there
BEFORE = "before attacks"
CHECKS = "checks of the attacks"
SAME_OF_ALL = "not the same is said of every image"
EPSILON = 1e-3  # of sharpness

"""Label noise: from a problem's labels to those that training is made to see.

Every sample of a problem gets its noisy label once, from the noise's seed, whichever part it will be in; only training
labels are then replaced. So a sample that is mislabelled in one fold is so in every fold that trains on it; but for
instance-dependent noise, whose features come from a split's training part.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import softmax
from scipy.stats import truncnorm

from roskdbench.data.problem import Labels
from roskdbench.data.votes import decided
from roskdbench.errors import UserError
from roskdbench.suite.confusions import Confusions
from roskdbench.suite.noise import (
    Annotators,
    Confusion,
    Instance,
    NoiseSpec,
    NoNoise,
    OwnNoise,
    Pair,
    Rates,
    ReportLabels,
    Symmetric,
    Uncertain,
)

Classes = NDArray[np.int64]  # [N]
Findings = NDArray[np.uint8]  # [N, C]
Matrix = NDArray[np.float64]  # [C, C], row: the class, column: what it is called; rows sum to 1


def noisy_labels(
    spec: NoiseSpec, labels: Labels, random: np.random.Generator, features: NDArray[np.floating] | None = None
) -> NDArray[np.generic]:
    """What training would see of every sample: class numbers [N]; 0 and 1 [N, C]; or, where labels are uncertain,
    probabilities [N, C] with NaN for those that are to be ignored. Instance-dependent noise needs features [N, F].
    """
    _refuse(spec, labels)
    targets: NDArray[Any] = labels.targets
    noisy: NDArray[Any]
    match spec:
        case NoNoise():
            noisy = targets
        case OwnNoise():
            if labels.noisy_targets is None:
                raise UserError("the problem has no noisy copy of its labels")
            noisy = labels.noisy_targets
        case Symmetric() if labels.task == "multi-label":
            noisy = misreport(targets, spec.rate, spec.rate, random)
        case Symmetric() | Pair() | Confusion():
            noisy = relabel(targets, transition(spec, labels.classes), random)
        case Instance():
            if features is None:
                raise ValueError("instance-dependent noise without features")
            noisy = mislabel_alike(
                targets,
                features,
                len(labels.classes),
                spec.rate,
                spec.spread,
                random,
                by_features=spec.decided_by == "features",
            )
        case Annotators() if spec.of_the_data:
            assert labels.votes is not None
            noisy = decided(labels.votes, targets, len(labels.classes), spec.decision, random)
        case Annotators():
            noisy = annotate(targets, annotators(spec, labels.classes, random), spec.decision, random)
        case ReportLabels():
            miss, false_alarm = (_by_class(rates, labels.classes) for rates in spec.rates)
            noisy = misreport(targets, miss, false_alarm, random)
        case Uncertain():
            return decide(targets, _marks(labels, spec.rate, random), spec, random)
    if labels.uncertain is None:
        return noisy
    ignored: NDArray[np.float32] = np.where(labels.uncertain == 1, np.nan, noisy).astype(np.float32)
    return ignored


def _refuse(spec: NoiseSpec, labels: Labels) -> None:
    """A UserError for noise that these labels cannot have."""
    if objection := spec.task_objection(labels.task):
        raise UserError(f"{objection}, and this one is {labels.task}")
    if isinstance(spec, Annotators) and spec.of_the_data and labels.votes is None:
        raise UserError("the problem does not know what several annotators said, so none of them can be asked")
    if objection := spec.objection(labels.classes):
        raise UserError(objection)


def flips(labels: Labels, seen: NDArray[np.generic]) -> NDArray[np.uint8]:
    """1 where training sees another label than the problem's; what is not known, or ignored, is not flipped."""
    if labels.task == "single-label":
        changed: NDArray[np.uint8] = (seen != labels.targets).astype(np.uint8)
        return changed
    values = seen.astype(np.float32)
    flipped = ((values > 0.5) != (labels.targets > 0.5)) & ~np.isnan(values)
    found: NDArray[np.uint8] = (flipped if labels.uncertain is None else flipped & (labels.uncertain == 0)).astype("u1")
    return found


def transition(spec: Symmetric | Pair | Confusion, classes: Sequence[str]) -> Matrix:
    """The probability of each class to be called each class."""
    count = len(classes)
    if isinstance(spec, Confusion):
        return (1 - spec.strength) * np.eye(count) + spec.strength * shares(spec.matrix, classes)
    if isinstance(spec, Pair):
        return (1 - spec.rate) * np.eye(count) + spec.rate * np.roll(np.eye(count), 1, axis=1)
    off = spec.rate / (count - 1)
    return off * np.ones((count, count)) + (1 - spec.rate - off) * np.eye(count)


def shares(matrix: Confusions, classes: Sequence[str]) -> Matrix:
    """A declared matrix with its rows summing to 1, in the problem's order of classes."""
    rows = np.array(matrix.rows, dtype=np.float64)
    if matrix.classes:
        order = [matrix.classes.index(name) for name in classes]
        rows = rows[np.ix_(order, order)]
    found: Matrix = rows / rows.sum(1, keepdims=True)
    return found


def relabel(targets: Classes, matrix: Matrix, random: np.random.Generator) -> Classes:
    """Each label drawn from its class's row of the matrix."""
    steps = np.cumsum(matrix, axis=1)
    steps[:, -1] = 1.0
    drawn: Classes = (random.random(len(targets))[:, None] >= steps[targets]).sum(1)
    return drawn


def confuse(targets: Classes, classes: int, rate: float, random: np.random.Generator) -> Classes:
    """Each label replaced, with probability `rate`, by another class drawn evenly."""
    flipped = random.random(len(targets)) < rate
    other = (targets + random.integers(1, classes, len(targets))) % classes
    return np.where(flipped, other, targets)


def misreport(
    targets: Findings,
    miss: float | NDArray[np.float64],
    false_alarm: float | NDArray[np.float64],
    random: np.random.Generator,
) -> Findings:
    """Each finding left out with probability `miss`; each absent one reported with probability `false_alarm`.

    Both are a number, or one a class.
    """
    draws = random.random(targets.shape)
    return np.where(targets == 1, draws >= miss, draws < false_alarm).astype(np.uint8)


def mislabel_alike(
    targets: Classes,
    features: NDArray[np.floating],
    classes: int,
    rate: float,
    spread: float,
    random: np.random.Generator,
    by_features: bool = False,
) -> Classes:
    """Part-dependent noise: image i flips with probability q_i, drawn from a normal distribution cut to [0, 1] of mean
    `rate`, to a class drawn from the softmax of its standardised features times its class's own random matrix, the
    class itself left out. By features, the largest q of a class go to the images that are drawn most to another.
    """
    chance = chances_to_flip(random.random(len(targets)), rate, spread)
    scaled = (features - features.mean(0)) / np.maximum(features.std(0), 1e-6)
    towards = random.standard_normal((classes, features.shape[1], classes)) / np.sqrt(features.shape[1])
    other = np.zeros((len(targets), classes))
    for c in range(classes):
        members = np.flatnonzero(targets == c)
        pull = scaled[members] @ towards[c]  # one matrix a class
        pull[:, c] = -np.inf
        other[members] = softmax(pull, axis=1)
        if by_features:
            chance[members[np.argsort(pull.max(1), kind="stable")]] = np.sort(chance[members])
    steps = np.cumsum(other, axis=1)
    steps[:, -1] = np.inf
    drawn = (random.random(len(targets))[:, None] >= steps).sum(1)
    fallback = (targets + 1) % classes  # a rounding error may point past the last class
    drawn = np.where((drawn >= classes) | (drawn == targets), fallback, drawn)
    return np.where(random.random(len(targets)) < chance, drawn, targets)


def chances_to_flip(uniforms: NDArray[np.float64], rate: float, spread: float) -> NDArray[np.float64]:
    """Draws from the normal distribution of this spread, cut to [0, 1], that has the mean `rate` once it is cut."""
    if rate in (0.0, 1.0):
        return np.full(len(uniforms), rate)

    def excess(middle: float) -> float:
        low, high = (0 - middle) / spread, (1 - middle) / spread
        return float(truncnorm.mean(low, high, loc=middle, scale=spread)) - rate

    reach = 1.0
    while excess(-reach) > 0 or excess(1 + reach) < 0:
        reach *= 2
    middle = brentq(excess, -reach, 1 + reach)
    low, high = (0 - middle) / spread, (1 - middle) / spread
    found: NDArray[np.float64] = truncnorm.ppf(uniforms, low, high, loc=middle, scale=spread)
    return found


def annotators(spec: Annotators, classes: Sequence[str], random: np.random.Generator) -> list[Matrix]:
    """The confusions of each annotator. Those that are drawn err half to one and a half times the rate in each class,
    and prefer some wrong classes over others.
    """
    if spec.matrix:
        return [shares(matrix, classes) for matrix in spec.matrix]
    count = len(classes)
    found = []
    for _ in range(spec.count):
        errors = np.minimum(spec.rate * random.uniform(0.5, 1.5, count), 1.0)
        matrix = np.diag(1 - errors)
        for c in range(count):
            matrix[c, np.arange(count) != c] = errors[c] * random.dirichlet(np.ones(count - 1))
        found.append(matrix)
    return found


def annotate(targets: Classes, matrices: list[Matrix], decision: str, random: np.random.Generator) -> Classes:
    """One annotator's word for each sample, or the vote of all, ties broken at random."""
    words = np.stack([relabel(targets, matrix, random) for matrix in matrices])  # [R, N]
    if decision == "single":
        asked: Classes = words[random.integers(len(matrices), size=len(targets)), np.arange(len(targets))]
        return asked
    votes = np.stack([(words == c).sum(0) for c in range(matrices[0].shape[0])], axis=1)  # [N, C]
    voted: Classes = (votes + random.random(votes.shape) / 2).argmax(1)
    return voted


def decide(targets: Findings, uncertain: Findings, spec: Uncertain, random: np.random.Generator) -> NDArray[np.float32]:
    """Labels with the policy's answer where they are uncertain: 0, 1, NaN (to be ignored) or a probability."""
    draws = random.uniform(*spec.soft, targets.shape)
    answers: dict[str, Any] = {"zeros": 0.0, "ones": 1.0, "ignore": np.nan, "soft": draws}
    decided: NDArray[np.float32] = np.where(uncertain == 1, answers[spec.policy], targets).astype(np.float32)
    return decided


def _marks(labels: Labels, rate: float, random: np.random.Generator) -> Findings:
    drawn: Findings = (random.random(labels.targets.shape) < rate).astype(np.uint8)
    return drawn if labels.uncertain is None else drawn | labels.uncertain


def _by_class(rates: Rates, classes: Sequence[str]) -> NDArray[np.float64]:
    if not isinstance(rates, dict):
        return np.full(len(classes), float(rates))
    return np.array([rates.get(name, 0.0) for name in classes])

"""Average precision: the area under a class's curve of precision over recall.

It is shown and not ranked by. The better a model's precision at the head of its list, the higher it is, and the more
frequent a class, the higher it is, too: a model that knows nothing has the prevalence, which belongs beside it. That it
is to be preferred to AUC where classes are rare is often said and does not hold (McDermott et al., NeurIPS 2024): AUC
improves by as much whichever two neighbours in the ranking are put right, average precision by more the higher they
stand. Of two groups of patients it so favours the one in which the finding is more frequent. Methods are compared by
AUC.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.measuring.weighted_counts import share, undefined
from roskdbench.suite.metric import metric


@metric(
    "average-precision",
    heading="AP",
    compared=False,
    note="AP: average precision; chance has the prevalence. It is not ranked by (McDermott et al. 2024).",
)
def average_precision(
    truth: NDArray[Any], probabilities: NDArray[Any], decisions: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """Average precision: the sum over thresholds of precision times the gain in recall, as scikit-learn has it, without
    interpolation. It is not defined where no sample has the class; chance is the prevalence, which belongs beside it.
    """
    if not truth.any():
        return undefined(weights)
    order = np.argsort(-probabilities, kind="stable")
    ranked, having = probabilities[order], truth[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # of ties
    of_positives = np.searchsorted(ends, np.flatnonzero(having))  # the tie that each is in
    ties, counts = np.unique(of_positives, return_counts=True)
    given = np.cumsum(weights[:, order], axis=1)[:, ends[ties]]
    hits = np.cumsum(weights[:, order[having]], axis=1)[:, np.cumsum(counts) - 1]
    precision = np.divide(hits, given, out=np.zeros(hits.shape), where=given > 0)
    return share((precision * np.diff(hits, axis=1, prepend=0.0)).sum(1), hits[:, -1])

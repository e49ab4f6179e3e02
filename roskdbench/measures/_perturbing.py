"""What measures that perturb test images have in common: scores before and after, from logits that boards keep, too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import PositiveInt

from roskdbench.measures.scores import COLUMNS, stored_scores
from roskdbench.source import code_of, together
from roskdbench.suite.measure import Column, Measure
from roskdbench.suite.plugged import Plugged
from roskdbench.values import KEPT, LOST, Facts, MetricValue

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas
    from numpy.typing import NDArray

    from roskdbench.measuring.predictions import Predictions
    from roskdbench.suite.protocol import Protocol

COST_NOTE = "F1 lost: before minus after; kept: the share that is left."


class Perturbing(Measure):
    """A measure of perturbed test images. Its job leaves the logits of each perturbation by its facts, as JSON, and the
    samples, in the file that it names.
    """

    perturbs: ClassVar[bool] = True
    file: ClassVar[str]

    images: PositiveInt | None = None
    """How many test images are perturbed, the same ones for every method; all of them if left out."""

    @property
    def perturbations(self) -> Sequence[Plugged]:
        """What perturbs, each of which may be a plugin's."""
        raise NotImplementedError

    def mentioned(self) -> set[tuple[str, str]]:
        """Itself and what perturbs."""
        return super().mentioned() | {(each.family, each.name) for each in self.perturbations}

    def code(self) -> dict[str, str]:
        """That of what perturbs, too, where it is a plugin's."""
        return together(super().code(), *(code_of(type(each)) for each in self.perturbations))

    def before_and_after(
        self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]
    ) -> tuple[list[MetricValue], dict[Facts, list[MetricValue]]]:
        """Scores of the chosen images as they are, and under each perturbation. Thresholds stay those of clean ones."""
        from roskdbench.measuring import values_of

        chosen = kept["chosen"]
        before = values_of(predictions.under(chosen, predictions.logits["test"][chosen]).score_rows())
        after = {
            facts: values_of(predictions.under(chosen, logits).score_rows(), facts)
            for facts, logits in by_facts(kept).items()
        }
        return before, after

    def logits_of(
        self, predictions: Predictions, kept: Mapping[str, NDArray[Any]]
    ) -> Mapping[Facts, Sequence[NDArray[np.float32]]]:
        """Of each named perturbation the logits whose mean scores are its own: one, if it is not of several."""
        logits = by_facts(kept)
        return {facts: [logits[facts]] for facts in self.named_perturbations() or logits if facts in logits}

    def draws(self, predictions: Predictions, seed: int) -> Mapping[str, NDArray[np.floating[Any]]]:
        """Of what named perturbations leave of scores, and of F1 as a share and a loss, over the same patients before
        and after.
        """
        import numpy as np

        from roskdbench.statistics.bootstrap import Draws, draws_of

        chosen = predictions.kept["chosen"]
        clean = predictions.logits["test"][chosen]
        before = draws_of(predictions.under(chosen, clean), seed)
        f1 = f"f1-{predictions.average}" + ("" if predictions.task == "single-label" else f"@{predictions.threshold}")
        found: Draws = {}
        for facts, several in self.logits_of(predictions, predictions.kept).items():
            drawn = [draws_of(predictions.under(chosen, logits), seed) for logits in several]
            for name in (name for name in before if "|" not in name):
                found[f"{name}{facts.drawn_as}"] = np.mean([each[name] for each in drawn], axis=0)
            after = found[f"{f1}{facts.drawn_as}"]
            found[f"{LOST}{facts.drawn_as}"] = before[f1] - after
            share = np.divide(after, before[f1], out=np.full(len(after), np.nan, np.float32), where=before[f1] > 0)
            found[f"{KEPT}{facts.drawn_as}"] = share
        return found

    def kept(self, folder: Path, test: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Where the perturbed samples stand in the test part, and the logits of each perturbation by its facts."""
        import numpy as np

        with np.load(folder / self.file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        samples, order = arrays.pop("samples"), np.argsort(test)
        return {"chosen": order[np.searchsorted(test, samples, sorter=order)], **arrays}

    def stored_names(self, protocol: Protocol) -> dict[str, list[str]]:
        """As the scores."""
        return stored_scores(protocol)

    def table_columns(self, protocol: Protocol, shown: Sequence[str]) -> Sequence[Column]:
        """What its table of perturbations has."""
        return [COLUMNS[name] for name in shown if name in COLUMNS]

    def images_of(self, test_samples: float) -> float:
        """As many as are asked for."""
        return min(self.images or test_samples, test_samples)


def by_facts(kept: Mapping[str, NDArray[Any]]) -> dict[Facts, NDArray[np.float32]]:
    """The logits of each perturbation."""
    return {Facts(**json.loads(name)): logits for name, logits in kept.items() if name != "chosen"}


def images_in(numbers: pandas.DataFrame) -> str:
    """How many test images were perturbed, on each problem."""
    clean = numbers[(numbers["perturbation"] == "none") & (numbers["metric"] == "auc-macro")]
    return ", ".join(f"{count:,}" for count in sorted(set(clean["n"])))

"""A model as a folder: weights and config as timm has them, a card, the suite that made it, and ONNX if asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml
from numpy.typing import NDArray

from roskdbench.artifact import DamagedArtifactError
from roskdbench.data.problem import Problem
from roskdbench.errors import UserError, refusal
from roskdbench.exporting.card import CARD, SUITE, Card
from roskdbench.exporting.finding import Model
from roskdbench.plan.model_file import CONFIG
from roskdbench.plugins import Registry
from roskdbench.report.folder import make_folder
from roskdbench.results import Results
from roskdbench.store import Store
from roskdbench.suite.pretrained import WEIGHTS, without_places
from roskdbench.suite.problems import LOCATION_KEYS, Fit, RealProblem

DRAFT = ".draft-"
"""How the folder begins in which all is written first, so that a card never stands beside another model's weights."""
CHECKED = 256
"""On how many test images an ONNX file is held against the network."""


@dataclass(frozen=True)
class Export:
    """What is needed to give a model of a run away."""

    results: Results
    store: Store
    registry: Registry
    model: Model

    def write(self, folder: Path, onnx: bool = False) -> list[Path]:
        """Write the folder; its files. The same model gives the same bytes. A UserError where there are other files."""
        from roskdbench.engine.networks import load_network
        from roskdbench.exporting.onnx_file import FILE, write_onnx
        from roskdbench.exporting.timm_folder import write_network

        names = [WEIGHTS, CONFIG, SUITE, *([FILE] if onnx else []), CARD]
        make_folder(folder)
        there = [each.name for each in folder.iterdir() if not each.name.startswith(DRAFT)]
        if others := sorted({*there} - {*names, FILE}):
            raise UserError(f"{folder} has other files, such as {others[0]}; name a new folder")
        network, facts = load_network(self.model.weights(self.store), self.registry)
        try:
            with TemporaryDirectory(prefix=DRAFT, dir=folder) as place:
                draft = Path(place)
                how = self._fit(), self._thresholds(facts["class_names"])
                loading = write_network(network, facts, draft, self.registry, *how)
                (draft / SUITE).write_text(self._suite(), "utf-8")
                away = write_onnx(network, self._images(), draft) if onnx else None
                card = Card(self.model, self.results, self.store, self.registry, loading, *how, away)
                (draft / CARD).write_text(card.text(), "utf-8")
                (folder / FILE).unlink(missing_ok=True)
                for name in names:
                    (draft / name).replace(folder / name)
        except DamagedArtifactError as error:
            raise UserError(f"{error}; run the suite, which makes it again") from None
        except OSError as error:
            raise UserError(f"cannot write to {folder}: {refusal(error)}") from None
        return [folder / name for name in names]

    def _suite(self) -> str:
        """The suite, without where anything was on the machine that it ran on."""
        said = self.results.plan.suite.model_dump(mode="json", exclude={"problems": {"__all__": set(LOCATION_KEYS)}})
        return yaml.safe_dump(without_places(said), sort_keys=False, allow_unicode=True, width=120)

    def _fit(self) -> Fit:
        problem = self.results.plan.suite.problems[self.model.cell.problem]
        return problem.fit if isinstance(problem, RealProblem) else "crop"

    def _thresholds(self, classes: Sequence[str]) -> list[float]:
        """From which chance on each of several findings is said to be there, as its scores have it."""
        frame, scores = self.results.frame, self.model.cell.scores
        own = frame[(frame["fingerprint"] == scores) & (frame["metric"] == "threshold")]
        tuned = dict(zip(own["class"], own["value"].astype(float), strict=True))
        half = self.results.plan.suite.protocol.threshold == "half"
        return [0.5 if half else tuned[name] for name in classes] if tuned else []

    def _images(self) -> NDArray[np.uint8]:
        jobs, cell = self.results.plan.jobs, self.model.cell
        test = self.store.open(jobs[cell.scores].inputs["split"]).arrays("split.npz")["test"][:CHECKED]
        images = Problem.load(self.store.open(self.results.plan.pixels(cell.problem)).path).images
        chosen: NDArray[np.uint8] = images[test]
        return chosen

"""The card of a model that leaves the store: what it is, what it was trained on, how well it does, and what for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from shlex import quote

from roskdbench import __version__
from roskdbench.data.problem import Problem as Data
from roskdbench.exporting.finding import PLACE, READINGS, Model, every_model
from roskdbench.plan.own_files import own_files
from roskdbench.plugins import Registry
from roskdbench.report.formats.markdown import escape_markdown, markdown
from roskdbench.report.tables import tables_of
from roskdbench.results import GRID, Results, grid_key
from roskdbench.run_facts import made_with, noise_in
from roskdbench.store import Store
from roskdbench.suite.beginning import models_begun_with
from roskdbench.suite.departures import departures
from roskdbench.suite.noise import NO_NOISE
from roskdbench.suite.problems import Dataset, DrawnDataset, Fit

CARD, SUITE = "README.md", "suite.yaml"
CAUTION = (
    "It comes out of a benchmark. It was not validated for patients, and must not be used to find, to rule out or to "
    "treat a disease, nor to choose who is looked at first. What it scored holds for test images of the same source; "
    "of other devices, hospitals and people nothing is known unless a table above says it."
)
DRAWN = "Its images were drawn by a program: it has never seen a patient, and says nothing of any."


@dataclass(frozen=True)
class Card:
    """What a card rests on."""

    model: Model
    results: Results
    store: Store
    registry: Registry
    loading: str
    """The lines of Python that load it."""
    fit: Fit
    thresholds: Sequence[float] = ()
    """From which chance on each of several findings is said to be there."""
    onnx: float | None = None
    """How far the logits of its ONNX file are from its own; None where it has none."""

    def text(self) -> str:
        """All of it, as Markdown with the head that model hubs read."""
        cell = self.model.cell
        problem = self.results.plan.suite.problems[cell.problem]
        parts = [
            self._head(),
            f"# {escape_markdown(f'{cell.method}: {cell.student} on {cell.problem}')}",
            self._what(),
            f"## Load it\n\n```python\n{self.loading}\n```\n\n{self._input()}",
            f"## Scores\n\n{self._scores()}",
            f"## What it was trained on\n\n{self._data(problem)}",
            f"## How it was made\n\n{self._made()}",
            "## What it is not for\n\n" + (f"{DRAWN} " if isinstance(problem, DrawnDataset) else "") + CAUTION,
        ]
        return "\n\n".join(parts) + "\n"

    def _head(self) -> str:
        lines = ["library_name: timm", "pipeline_tag: image-classification", "license: other"]
        tags = ["image-classification", "timm", "roskdbench", "knowledge-distillation", "noisy-labels"]
        return "\n".join(["---", *lines, "tags:", *(f"- {tag}" for tag in tags), "---"])

    def _what(self) -> str:
        cell, plan = self.model.cell, self.results.plan
        method = self.registry.of("method").get(cell.registered)
        said = f" {escape_markdown(f'{method.thing.title()}: {method.thing.summary()}')}." if method else ""
        reading = f"Its weights are the {READINGS[self.model.reading]} of the student's training"
        others = {
            other.cell.method
            for other in every_model(plan)
            if other.training == self.model.training and other.cell.method != cell.method
        }
        shared = f", which {' and '.join(sorted(map(escape_markdown, others)))} shares" if others else ""
        return (
            f"A {escape_markdown(cell.student)}, trained by {escape_markdown(cell.method)}.{said}\n\n{reading}{shared}."
        )

    def _input(self) -> str:
        size = self.results.plan.image_size(self.model.cell.problem)
        images = f"images of {size} x {size} pixels" if size else "images"
        lines = [f"It takes {images}, and gives a logit a class, in the order of `label_names` in `config.json`."]
        if self.fit == "pad":
            lines.append("Images that were not square had black added around them; timm adds the mean colour.")
        if self.thresholds:
            lines.append(
                "A finding is said to be there from its chance in `thresholds` on, as in the scores below; a chance is "
                "the logistic function of a logit."
            )
        if self.onnx is not None:
            lines.append(
                f"`model.onnx` takes pixels from 0 to 1 and normalises them itself; in ONNX Runtime its logits of test "
                f"images are within {self.onnx:.0e} of these weights'."
            )
        return " ".join(lines)

    def _scores(self) -> str:
        alone = of_one(self.results, self.model)
        return markdown(tables_of(alone, self.model.cell.experiment)).rstrip()

    def _data(self, problem: Dataset) -> str:
        cell = self.model.cell
        data = Data.load(self.store.open(self.results.plan.pixels(cell.problem)).path)
        known = (cell.experiment, cell.problem, cell.noise) in self.results.noise
        flipped = f"; {noise_in(cell.labels, self.store):.1%} of the training labels are wrong" if known else ""
        added = "none was added" if cell.noise == NO_NOISE.name else escape_markdown(cell.noise)
        lines = [
            f"- Data: {escape_markdown(problem.dataset)}, {len(data.images):,} images before they were split.",
            f"- Label noise: {added}{flipped}.",
            f"- Classes: {escape_markdown(', '.join(data.labels.classes))}.",
            f"- Licence of the data: {escape_markdown(data.licence)}.",
            f"- Cite the data as: {escape_markdown(data.citation)}",
        ]
        return "\n".join(lines)

    def _made(self) -> str:
        cell, training = self.model.cell, self.model.training
        where = made_with(self.store, training.fingerprint)
        row = " ".join(f"--{name} {quote(str(getattr(cell, name)))}" for name in PLACE)
        real = [name for name in self.results.plan.problems if not self._problem(name).is_drawn]
        needs = "".join(f" --data {quote(name)}=DIR" for name in real) + (" --plugins DIR" if self._own() else "")
        needs += "".join(f" --pretrained {quote(name)}=FILE" for name in models_begun_with(self.results.plan.suite))
        changed, suite = departures(self.results.plan.suite), self.results.plan.suite.suite
        lines = [
            f"- Fingerprint of the training: `{training.fingerprint}`, its {READINGS[self.model.reading]}.",
            f"- Made with roskdbench {__version__}{f', {escape_markdown(where)}' if where else ''}.",
            *([f"- Not the bundled suite {suite}: {escape_markdown(changed)}."] if changed else []),
            f"- [suite.yaml]({SUITE}) is the whole experiment. To make it again:",
        ]
        rows = {each.method for each in self.results.plan.cells if each.registered == cell.registered}
        method = cell.registered if len(rows) == 1 and cell.registered else cell.method
        again = [
            f"roskdbench run {SUITE} --only {quote(cell.experiment)}{needs}",
            f"roskdbench export {quote(method)} --suite {SUITE} {row}{' --plugins DIR' * self._own()} --to again",
        ]
        return "\n".join([*lines, "", "```", *again, "```"])

    def _problem(self, name: str) -> Dataset:
        return self.results.plan.suite.problems[name]

    def _own(self) -> bool:
        """Whether the suite names something that does not come along."""
        plan = self.results.plan
        return bool(own_files(plan.suite, {each.registered for each in plan.cells}, self.registry))


def of_one(results: Results, model: Model) -> Results:
    """The results of one cell alone: one run, whatever others its experiment has."""
    cell, frame = model.cell, results.frame
    same = (frame[list(GRID)] == grid_key(cell)).all(axis=1)
    suite = results.plan.suite
    one_run = {"problems": [cell.problem], "seeds": [cell.seed], "folds": 1}
    declared = suite.experiments[cell.experiment].model_copy(update=one_run)
    one = {"suite": f"{suite.suite}, one model", "experiments": {**suite.experiments, cell.experiment: declared}}
    alone = suite.model_copy(update=one)
    noise = {
        place: rate for place, rate in results.noise.items() if place == (cell.experiment, cell.problem, cell.noise)
    }
    planned = replace(results.plan, suite=alone, cells=[cell])
    return replace(results, plan=planned, frame=frame[same], gaps=[], noise=noise)

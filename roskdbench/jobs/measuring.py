"""What jobs that measure have in common: all that a measure may ask for, and how its numbers are kept."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roskdbench.data.attributes import FILE as ATTRIBUTES
from roskdbench.data.attributes import Attributes
from roskdbench.data.problem import Labels, Problem
from roskdbench.fingerprint import canonical_json, seed_for
from roskdbench.history import History, history_in
from roskdbench.jobs.context import JobContext
from roskdbench.suite.measure import Measure
from roskdbench.values import CORRECTED, as_blocks

if TYPE_CHECKING:
    import torch

    from roskdbench.engine.networks import Classifier
    from roskdbench.measuring.predictions import Predictions

NUMBERS = "numbers.json"


@dataclass
class MeasureContext:
    """A model under measurement: its predictions, its networks, the images and labels, as they are asked for."""

    job: JobContext

    @property
    def folder(self) -> Path:
        """Where files go that are kept beside the numbers."""
        return self.job.folder

    @property
    def report(self) -> Callable[[float, str], None]:
        """Takes the share that is done and a note."""
        return self.job.report

    @property
    def seed(self) -> int:
        """The cell's."""
        return int(self.job.spec["seed"])

    @property
    def reading(self) -> str:
        """Which weights of a training stand for the model: last or averaged."""
        return str(self.job.spec["reading"])

    @cached_property
    def device(self) -> "torch.device":
        """Where networks are to compute."""
        from roskdbench.engine.device import prepare

        return prepare()

    @cached_property
    def problem(self) -> Problem:
        """Images and labels."""
        return self.job.problem()

    @cached_property
    def split(self) -> dict[str, NDArray[np.int64]]:
        """Sample indices of train, validation and test."""
        return self.job.inputs["split"].arrays("split.npz")

    @cached_property
    def predictions(self) -> "Predictions":
        """What the model says of validation and test, beside the labels."""
        from roskdbench.measuring.predictions import Predictions
        from roskdbench.measuring.tested import Tested

        spec = self.job.spec
        tested = Tested.of(self.problem.labels, self.split, self.attributes)
        logits = self.job.inputs["predictions"].arrays("predictions.npz")
        return Predictions(tested, logits, spec["threshold"], spec["average"])

    @cached_property
    def attributes(self) -> Attributes | None:
        """What is known of every sample of the problem beside its labels; None where the measure did not ask."""
        there = self.job.inputs.get("attributes")
        return None if there is None else Attributes.from_arrays(there.arrays(ATTRIBUTES))

    @cached_property
    def training_labels(self) -> dict[str, NDArray[Any]]:
        """`targets` that training sees of all samples, and which of them noise `flipped`."""
        return self.job.inputs["labels"].arrays("labels.npz")

    @cached_property
    def true_labels(self) -> Labels:
        """The problem's labels, with better ones in their place where the plan knew of such."""
        labels = self.problem.labels
        if self.job.spec.get("truth") != CORRECTED or labels.corrected is None:
            return labels
        better = labels.corrected
        targets = np.where(better >= 0, better, labels.targets).astype(labels.targets.dtype)
        return replace(labels, targets=targets)

    @cached_property
    def subset(self) -> NDArray[np.bool_] | None:
        """Which samples of the training part a teacher on a subset learnt from; None where it was all of them."""
        if "subsets" not in self.job.inputs:
            return None
        members = self.job.inputs["subsets"].arrays("members.npz")["members"]
        mine: NDArray[np.bool_] = members[self.job.spec["subset"]] == 1
        return mine

    def network(self, reading: str | None = None) -> "Classifier":
        """The network, at the weights that are measured or at others."""
        from roskdbench.jobs.networks import trained

        return trained(self.job.inputs["model"], reading or self.reading, self.job.registry)

    def networks(self) -> "list[Classifier]":
        """The network, or the members of an ensemble."""
        from roskdbench.jobs.networks import trained

        if "model" in self.job.inputs:
            return [self.network()]
        members = self.job.numbered("member")
        readings = self.job.spec.get("readings", ["last"] * len(members))
        return [trained(*each, self.job.registry) for each in zip(members, readings, strict=True)]

    def history(self) -> History:
        """What was noted after each epoch of the model's training."""
        return history_in(self.job.inputs["model"].file("history.json"))

    @property
    def has_teachers(self) -> bool:
        """Whether the model is a student of teachers."""
        return "ensemble" in self.job.inputs

    def on_training_views(self) -> "tuple[NDArray[np.float32], list[NDArray[Any]]]":
        """Logits of the student, and of each of its teachers, for the views of the last epoch."""
        from roskdbench.engine.bank import logits_of_view
        from roskdbench.engine.device import ComputeConfig
        from roskdbench.engine.recipe import Recipe
        from roskdbench.jobs import networks

        recipe, seeds = Recipe.of(self.job.spec["recipe"]), networks.student_seeds(self.seed)
        view = recipe.view_of(recipe.epochs - 1)
        examples = networks.examples(self.job, self.problem, self.split["train"], self.device)
        network = self.network().to(self.device).eval()
        student = logits_of_view(network, examples, recipe, seeds, view, ComputeConfig().lay_out(network))
        return student, [bank.array("logits.npy")[view] for bank in self.job.numbered("bank")]

    def teacher_logits(self) -> "list[NDArray[np.float32]]":
        """Of each teacher, for the test part."""
        return [each.arrays("predictions.npz")["test"] for each in self.job.numbered("taught")]

    def ensemble_logits(self) -> "NDArray[np.float32]":
        """Of the teachers' mean probability, for the test part."""
        found: NDArray[np.float32] = self.job.inputs["ensemble"].arrays("predictions.npz")["test"]
        return found

    def baseline_logits(self) -> "NDArray[np.float32] | None":
        """Of the student that learnt alone, for the test part; None where this is that."""
        there = self.job.inputs.get("baseline")
        return None if there is None else there.arrays("predictions.npz")["test"]

    def external(self, number: int, part: str) -> tuple[Problem, NDArray[np.int64]]:
        """One of the other problems that the measure names, and which of its samples are looked at."""
        problem = Problem.load(self.job.inputs[f"external.{number}.pixels"].path)
        if part == "all":
            return problem, np.arange(len(problem.labels))
        return problem, self.job.inputs[f"external.{number}.split"].arrays("split.npz")["test"]

    def substitute(self) -> "Classifier | None":
        """Another model of the same problem, whose attacked images may mislead this one; None where there is none."""
        from roskdbench.jobs.networks import trained

        there = self.job.inputs.get("substitute")
        return None if there is None else trained(there, "last", self.job.registry)


def measure(context: JobContext) -> None:
    """Write numbers.json, draws.safetensors where there are draws, and what the measure keeps beside them."""
    declared = Measure.read(context.spec["measure"], context.registry)
    case = MeasureContext(context)
    numbers = declared.compute(case)
    (context.folder / NUMBERS).write_text(canonical_json(as_blocks(numbers)), "utf-8")
    if "predictions" in context.inputs:
        from roskdbench.statistics.bootstrap import measure_draws
        from roskdbench.statistics.draws_file import write_draws

        kept = declared.kept(context.folder, case.split["test"])
        test_part = context.spec.get("test", context.job.inputs["split"])
        drawn = measure_draws(declared, replace(case.predictions, kept=kept), seed_for("bootstrap", test_part))
        if drawn:
            write_draws(context.folder, drawn)

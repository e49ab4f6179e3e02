"""The one training loop. Teachers and students, every method, single-label and multi-label go through here."""

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from roskdbench.engine.answers import Answers, alone, statistics_kept
from roskdbench.engine.beginning import FreshNetwork, begin_state, begin_weigher, soft_scale
from roskdbench.engine.checkpoint import Checkpoint
from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.draws import drawing_from
from roskdbench.engine.epoch_views import EpochViews
from roskdbench.engine.examples import Examples, batches
from roskdbench.engine.lessons import Lesson, Lessons, Step
from roskdbench.engine.method_results import one_number
from roskdbench.engine.networks import Classifier
from roskdbench.engine.optimiser import kept_state, make_optimiser, take_up
from roskdbench.engine.prediction import predict_samples
from roskdbench.engine.recipe import Recipe, Seeds
from roskdbench.engine.validation import ValidationSet
from roskdbench.fingerprint import seed_for
from roskdbench.method import Batch, Descent, Epoch, Mean, Method
from roskdbench.suite.problems import Task

ReportProgress = Callable[[float, str], None]
"""Takes the share that is done and a note such as the loss."""


History = dict[str, list[Any]]
"""Of each epoch the `loss`, the `lr`, the `validation` score, and the teachers' `weights` with their `deviation` over
steps, where the method asked for weights.
"""


class DivergedError(Exception):
    """The loss, or a weight, stopped being a finite number."""


@dataclass
class Training:
    """One network learning under one method.

    `bank` holds the teachers' logits for every view, [K] arrays of [views, n, C]; `teachers` are the teachers
    themselves, for methods that ask them. After `run`, `network` has the last weights and `averaged` the mean ones
    (None if averaging never started).
    """

    task: Task
    method: Method
    network: Classifier
    examples: Examples
    bank: list[NDArray[np.floating]]
    recipe: Recipe
    seeds: Seeds
    config: ComputeConfig = field(default_factory=ComputeConfig)
    mean: Mean | None = None
    warmup: int = 0
    checkpoint: Checkpoint | None = None
    report: ReportProgress = lambda done, note: None
    validation: ValidationSet | None = None
    teachers: Sequence[Classifier] = ()
    fresh_network: FreshNetwork | None = None
    """For methods that keep a network of their own."""
    history: History = field(default_factory=dict)
    averaged: AveragedModel | None = None

    def __post_init__(self) -> None:
        self.device = self.examples.device
        self.network.to(self.device)
        self.config = self.config.lay_out(self.network)
        for teacher in self.teachers:
            self.config.lay_out(teacher.to(self.device).eval().requires_grad_(False))
        method = self.method
        features = method.uses_features or method.weighting.uses_features
        self.answers = Answers(self.network, self.teachers, self.config, features, method.uses_maps)
        self.lessons = Lessons.of(self.examples, self.bank, self.recipe, self.seeds, method.weighting.held_out)
        self.weigher = begin_weigher(method, self.lessons, self.network)
        self.soft_scale = soft_scale(method, self.lessons, self.task)
        self.state = begin_state(
            method, self.lessons, self.task, self.classes, self.network, self.teachers, self.fresh_network
        )
        kept = self.state.parameters() if self.state is not None else ()
        self.learnt = [*self.network.parameters(), *(each for each in kept if each.requires_grad)]
        self.optimiser = make_optimiser(self.recipe, self.learnt)

    def run(self) -> None:
        """Train to the last epoch, going on from the checkpoint if there is one."""
        for epoch in range(self._resume(), self.recipe.epochs):
            with drawing_from(seed_for("dropout", self.seeds.method, epoch)):  # and whatever else a network draws
                self._epoch(epoch)
            if self._averages(epoch, "epoch") and not self.method.weighting.pauses_student(epoch):
                self._take_into_mean()
            self._keep(epoch + 1)
        if self.averaged is not None and self.mean is not None and self.mean.buffers == "reestimated":
            with drawing_from(seed_for("statistics", self.seeds.method)):
                self._reestimate(self.averaged)
        if not (_finite(self.network) and (self.averaged is None or _finite(self.averaged.module))):
            raise DivergedError("the weights were not finite after the last epoch")

    def _epoch(self, epoch: int) -> None:
        rate = self.method.schedule.learning_rate(self.recipe.learning_rate, epoch, self.recipe.epochs)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        learns = not self.method.weighting.pauses_student(epoch)
        chosen = self.method.before_epoch(self._before(epoch))
        lesson = self.lessons.lesson(epoch, chosen, self.task, self.classes)
        steps = list(batches(lesson.order, self.recipe.batch))
        total = torch.zeros((), device=self.device)
        weights: list[Tensor] = []
        self.network.train(learns)
        if self.state is not None:
            self.state.train(learns)
        for step, positions in enumerate(steps):
            progress = (epoch + step / len(steps)) / self.recipe.epochs
            loss, batch = self._step(Step(epoch, step, progress, positions), lesson, learns)
            total += loss.detach() * len(positions)
            if batch.weights_given is not None:
                weights.append(batch.weights_given.detach().mean(1))
            if learns and self._averages(epoch, "step"):
                self._take_into_mean()
        mean_loss = total.item() / len(lesson.order)
        if not math.isfinite(mean_loss):
            raise DivergedError(f"the loss was {mean_loss} in epoch {epoch + 1} of {self.recipe.epochs}")
        self._note(loss=mean_loss, lr=rate)
        if lesson.selected is not None:
            self._note(selected=lesson.selected)
        if self.validation is not None:
            logits = predict_samples(
                self.predict, self.config, self.validation.images, self.validation.samples, self.device
            )
            self._note(validation=self.validation.score(logits))
        if weights:
            over_steps = torch.stack(weights)
            spread = over_steps.std(0, correction=0)
            self._note(weights=_rounded(over_steps.mean(0)), deviation=_rounded(spread))
        self.report((epoch + 1) / self.recipe.epochs, f"loss {mean_loss:.3f}")

    def _step(self, at: Step, lesson: Lesson, learns: bool) -> tuple[Tensor, Batch]:
        images = self.config.images(lesson.views.images(at.positions))
        made: list[Batch] = []

        def loss() -> Tensor:
            made.append(self._batch(at, lesson, images, learns))
            return one_number(self.method.loss(made[-1]), self.method.name, learns)

        if learns:
            self.optimiser.zero_grad(set_to_none=True)
            found = self.method.stepping.gradients(
                Descent(loss, self.learnt, lambda: statistics_kept(self.network, self.state))
            )
            if self.recipe.clip is not None:
                nn.utils.clip_grad_norm_(self.learnt, self.recipe.clip)
            self.optimiser.step()
        else:
            with torch.no_grad():
                found = loss()
        batch = made[0]
        with torch.no_grad():
            self.method.after_step(batch)
        self.weigher.after_step(batch)
        return found, batch

    def _batch(self, at: Step, lesson: Lesson, images: Tensor, learns: bool) -> Batch:
        """What the method sees of a step. Its functions lead back to nothing but themselves."""
        lessons, answers, full = self.lessons, self.answers, self.recipe.batch
        optional: dict[str, Any] = {}
        if self.mean is not None and self.mean.every == "step":
            optional["ask_averaged"] = alone(self._ask_averaged)
        if self.method.asks_teachers:
            optional["ask_teachers"] = alone(answers.of_teachers)
        if len(lessons.held_out):
            optional["held_out"] = lambda: self._held_out_batch(at, lesson)
        return Batch(
            task=self.task,
            images=images,
            targets=lesson.targets[at.positions],
            teacher_logits=lesson.teacher_logits[:, at.positions],
            samples=self.examples.samples[at.positions],
            epoch=at.epoch,
            step=at.number,
            seed=self.seeds.method,
            weigher=self.weigher,
            ask=lambda images: answers.as_it_learns(images, learns, learns and len(images) == full),
            student=alone(self.predict),
            soft_loss=self.method.soft_loss,
            soft_scale=self.soft_scale,
            label_smoothing=self.recipe.label_smoothing,
            classes=self.classes,
            positions=at.positions,
            progress=at.progress,
            state=self.state,
            view=lambda number: self.config.images(lesson.views.images(at.positions, number)),
            **optional,
        )

    def _held_out_batch(self, at: Step, lesson: Lesson) -> tuple[Tensor, Tensor]:
        positions = self.lessons.held_out_positions(at.epoch, at.number)
        return self.config.images(lesson.views.images(positions)), self.lessons.labels[positions]

    def _ask_averaged(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            return self.answers.as_it_stands(self.network if self.averaged is None else self.averaged.module, images)

    def _before(self, epoch: int) -> Epoch:
        generator = torch.Generator().manual_seed(seed_for("epoch", self.seeds.method, epoch))

        def logits(network: nn.Module | None = None) -> Tensor:
            return self.answers.of_all(self.network if network is None else network, self.examples)

        return Epoch(epoch, self.recipe.epochs, self.state, self.lessons.labels, generator, logits)

    def _note(self, **values: Any) -> None:
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)

    def predict(self, images: Tensor) -> Tensor:
        """Logits of the network as it stands, in eval mode. Gradient reaches the images where they want one, and never
        the network.
        """
        return self.answers.as_it_stands(self.network, images)

    def _averages(self, epoch: int, every: str) -> bool:
        return self.mean is not None and self.mean.every == every and epoch >= self.warmup

    def _take_into_mean(self) -> None:
        assert self.mean is not None
        if self.averaged is None:
            self.averaged = self.mean.begin(self.network)
        self.averaged.update_parameters(self.network)

    @cached_property
    def classes(self) -> int:
        """How many there are, as the network has it."""
        return int(self.predict(self.config.images(self.examples.raw(torch.arange(1)).float() / 255)).shape[-1])

    def _reestimate(self, averaged: AveragedModel) -> None:
        """BatchNorm statistics of the averaged weights, by a pass over the last epoch's views, drawn as they were."""
        last, lessons = self.recipe.epochs - 1, self.lessons
        order = lessons.order(last, lessons.learning, lessons.labels, self.task, self.classes)
        views = lessons.views(last)
        images = (self._seen(views, positions) for positions in batches(order, self.recipe.batch))
        with torch.no_grad(), self.config.computing(self.device):
            update_bn(images, averaged)
        averaged.eval()

    def _seen(self, views: EpochViews, positions: Tensor) -> Tensor:
        """Views as training draws them, in float32 whatever the network computes in."""
        with torch.autocast(self.device.type, enabled=False):
            return self.config.images(views.images(positions))

    def _keep(self, epochs_done: int) -> None:
        if self.checkpoint is None or not self.checkpoint.due:
            return
        parts: dict[str, Mapping[str, Tensor]] = {
            "network": self.network.state_dict(),
            "optimiser": kept_state(self.optimiser, self.learnt),
            "state": self.state.state_dict() if self.state is not None else {},
            "weigher": self.weigher.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged is not None else {},
        }
        self.checkpoint.save({"epochs_done": epochs_done, "history": self.history}, parts)

    def _resume(self) -> int:
        """Take up the checkpoint; the number of epochs that are done."""
        kept = self.checkpoint.load(self.device) if self.checkpoint is not None else None
        if kept is None:
            return 0
        facts, parts = kept
        self.network.load_state_dict(parts["network"])
        take_up(parts.get("optimiser", {}), self.optimiser, self.learnt)
        if self.state is not None:
            self.state.load_state_dict(parts.get("state", {}))
        self.weigher.load_state_dict(parts.get("weigher", {}))
        if "averaged" in parts and self.mean is not None:
            self.averaged = self.mean.begin(deepcopy(self.network))
            self.averaged.load_state_dict(parts["averaged"])
        self.history = facts["history"]
        done = int(facts["epochs_done"])
        self.report(done / self.recipe.epochs, "")
        return done


def _finite(network: nn.Module) -> bool:
    """Asked once of all weights, so that a GPU is waited for once."""
    return bool(torch.stack([value.isfinite().all() for value in network.state_dict().values()]).all())


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 6) for value in values.tolist()]

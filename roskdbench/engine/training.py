"""The one training loop. Teachers and students, every method, single-label and multi-label go through here."""

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from roskdbench.engine.checkpoint import Checkpoint
from roskdbench.engine.device import ComputeConfig
from roskdbench.engine.examples import Examples, batches, epoch_order
from roskdbench.engine.networks import Classifier
from roskdbench.engine.prediction import predict_samples
from roskdbench.engine.recipe import Recipe, Seeds
from roskdbench.engine.validation import ValidationSet
from roskdbench.errors import UserError
from roskdbench.fingerprint import seed_for
from roskdbench.method import Batch, Mean, Method, Setting, Weigher
from roskdbench.suite.problems import Task

Asked = Callable[[Tensor], Tensor | tuple[Tensor, Tensor]]
"""Gives logits, or logits and features."""

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

    `bank` holds the teachers' logits for every view, [K] arrays of [views, n, C]. After `run`, `network` has the last
    weights and `averaged` the mean ones (None if averaging never started).
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
    history: History = field(default_factory=dict)
    averaged: AveragedModel | None = None

    def __post_init__(self) -> None:
        self.device = self.examples.device
        self.network.to(self.device)
        self.config = self.config.lay_out(self.network)
        recipe = self.recipe
        self.optimiser = torch.optim.SGD(
            self.network.parameters(),
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=self.device.type == "cuda",
        )
        looks = self.method.uses_features or self.method.weighting.uses_features
        self._ask: Asked = self.network.with_features if looks else self.network
        self._ask_in_full = self.config.in_training(self._ask)
        self.learning, self.held_out = self._set_apart(self.method.weighting.held_out)
        self.weigher = self._begin_weigher()
        self.soft_scale = self._soft_scale()

    def run(self) -> None:
        """Train to the last epoch, going on from the checkpoint if there is one."""
        for epoch in range(self._resume(), self.recipe.epochs):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed_for("dropout", self.seeds.method, epoch))  # and whatever else a network draws
                self._epoch(epoch)
            if self.mean is not None and epoch >= self.warmup:
                if self.averaged is None:
                    self.averaged = self.mean.begin(self.network)
                self.averaged.update_parameters(self.network)
            self._keep(epoch + 1)
        if self.averaged is not None and self.mean is not None and self.mean.buffers == "reestimated":
            self._reestimate(self.averaged)
        if not (_finite(self.network) and (self.averaged is None or _finite(self.averaged.module))):
            raise DivergedError("the weights were not finite after the last epoch")

    def _epoch(self, epoch: int) -> None:
        rate = self.recipe.learning_rate(epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        learns = not self.method.weighting.pauses_student(epoch)
        order = self.learning[epoch_order(len(self.learning), epoch, self.seeds.order)].to(self.device)
        teacher_logits = self._teacher_logits(epoch)
        total = torch.zeros((), device=self.device)
        weights: list[Tensor] = []
        self.network.train(learns)
        for step, positions in enumerate(batches(order, self.recipe.batch)):
            loss, batch = self._step(epoch, step, positions, teacher_logits[:, positions], learns)
            total += loss.detach() * len(positions)
            if batch.weights_given is not None:
                weights.append(batch.weights_given.detach().mean(1))
        mean_loss = total.item() / len(order)
        if not math.isfinite(mean_loss):
            raise DivergedError(f"the loss was {mean_loss} in epoch {epoch + 1} of {self.recipe.epochs}")
        self._note(loss=mean_loss, lr=rate)
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

    def _step(
        self, epoch: int, step: int, positions: Tensor, teacher_logits: Tensor, learns: bool
    ) -> tuple[Tensor, Batch]:
        images = self._views(positions, epoch)
        with torch.set_grad_enabled(learns):
            logits, features = self._forward(images, learns)
            samples = self.examples.samples[positions]
            batch = Batch(
                task=self.task,
                images=images,
                targets=self.examples.targets[samples],
                student_logits=logits,
                teacher_logits=teacher_logits,
                samples=samples,
                epoch=epoch,
                step=step,
                seed=self.seeds.method,
                weigher=self.weigher,
                student=self.predict,
                soft_loss=self.method.soft_loss,
                soft_scale=self.soft_scale,
                pooled_features=features,
                held_out=(lambda: self._held_out_batch(epoch, step)) if len(self.held_out) else None,
            )
            loss = _one_number(self.method.loss(batch), self.method.name)
        if learns:
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
        self.weigher.after_step(batch)
        return loss, batch

    def _note(self, **values: Any) -> None:
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)

    def predict(self, images: Tensor) -> Tensor:
        """Logits of the network as it stands, in eval mode, without gradient."""
        mode = self.network.training
        self.network.eval()
        with torch.no_grad(), self.config.computing(self.device):
            logits: Tensor = self.network(images)
        self.network.train(mode)
        return logits.float()

    def _forward(self, images: Tensor, learns: bool) -> tuple[Tensor, Tensor | None]:
        ask = self._ask_in_full if learns and len(images) == self.recipe.batch else self._ask
        with self.config.computing(self.device):
            answer = ask(images)
        logits, features = answer if isinstance(answer, tuple) else (answer, None)
        return logits.float(), features

    def _views(self, positions: Tensor, epoch: int) -> Tensor:
        view = self.recipe.view_of(epoch)
        return self.config.images(self.examples.views(positions, view, self.seeds.views, self.recipe.augmentation))

    def _teacher_logits(self, epoch: int) -> Tensor:
        """The teachers' logits for this epoch's views. [K, n, C]"""
        view = self.recipe.view_of(epoch)
        if not self.bank:
            return torch.zeros(0, len(self.examples), 1, device=self.device)
        rows = np.stack([teacher[view] for teacher in self.bank])
        return torch.from_numpy(rows).to(self.device).float()

    def _set_apart(self, share: float) -> tuple[Tensor, Tensor]:
        """Positions that are learnt from, and those that are not."""
        everything = torch.arange(len(self.examples))
        if share == 0:
            return everything, everything[:0]
        shuffled = epoch_order(len(everything), 0, seed_for("held out", self.seeds.method))
        kept = max(1, round(share * len(everything)))
        return shuffled[kept:].sort().values, shuffled[:kept].sort().values

    def _held_out_batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed_for("held out", self.seeds.method, epoch, step))
        chosen = self.held_out[torch.randint(len(self.held_out), (self.recipe.batch,), generator=generator)]
        positions = chosen.to(self.device, non_blocking=True)
        return self._views(positions, epoch), self.examples.targets[self.examples.samples[positions]]

    def _begin_weigher(self) -> Weigher:
        classes = self.bank[0].shape[-1] if self.bank else 1
        seed = seed_for("weigher", self.seeds.method)
        setting = Setting(len(self.bank), classes, self.network.feature_width, self.device, seed)
        return self.method.weighting.begin(setting)

    def _soft_scale(self) -> float:
        """What the soft loss is multiplied by so that its gradient starts as long as the hard one's; from the first
        epoch's views, so that a training that goes on finds the same.
        """
        soft_loss = self.method.soft_loss
        if not (soft_loss.balanced and self.bank):
            return 1.0
        targets = self.examples.targets[self.examples.samples]
        divisor = soft_loss.divisor(self.method.temperature)
        return soft_loss.balance(self.task, self._teacher_logits(0), targets, divisor)

    def _reestimate(self, averaged: AveragedModel) -> None:
        """BatchNorm statistics of the averaged weights, by a pass over the last epoch's views."""
        last = self.recipe.epochs - 1
        order = self.learning[epoch_order(len(self.learning), last, self.seeds.order)].to(self.device)
        with torch.no_grad(), self.config.computing(self.device):
            update_bn((self._views(positions, last) for positions in batches(order, self.recipe.batch)), averaged)
        averaged.eval()

    def _keep(self, epochs_done: int) -> None:
        if self.checkpoint is None or not self.checkpoint.due:
            return
        momenta = {
            str(number): self.optimiser.state[parameter]["momentum_buffer"]
            for number, parameter in enumerate(self.network.parameters())
            if "momentum_buffer" in self.optimiser.state[parameter]
        }
        parts: dict[str, Mapping[str, Tensor]] = {
            "network": self.network.state_dict(),
            "momentum": momenta,
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
        momenta = parts.get("momentum", {})
        for number, parameter in enumerate(self.network.parameters()):
            if str(number) in momenta:
                buffer = torch.empty_like(parameter).copy_(momenta[str(number)])
                self.optimiser.state[parameter]["momentum_buffer"] = buffer
        self.weigher.load_state_dict(parts.get("weigher", {}))
        if "averaged" in parts and self.mean is not None:
            self.averaged = self.mean.begin(deepcopy(self.network))
            self.averaged.load_state_dict(parts["averaged"])
        self.history = facts["history"]
        return int(facts["epochs_done"])


def _finite(network: nn.Module) -> bool:
    """Asked once of all weights, so that a GPU is waited for once."""
    return bool(torch.stack([value.isfinite().all() for value in network.state_dict().values()]).all())


def _one_number(loss: Any, method: str) -> Tensor:
    """The loss; a UserError if it cannot be one."""
    if isinstance(loss, Tensor) and loss.ndim == 0:
        return loss
    found = f"a tensor of shape {list(loss.shape)}; return its mean" if isinstance(loss, Tensor) else f"{loss!r:.60}"
    raise UserError(f"the loss of '{method}' has to be one number, and is {found}")


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 6) for value in values.tolist()]

"""CRD: contrastive representation distillation (Tian, Krishnan and Isola 2020, ICLR, arXiv 1910.10699).

Linear maps take pooled features of student and teacher to vectors of length 1. A memory holds a vector of each of the n
samples for either network. The score of a vector v beside one m of the other network's memory is

    h(v, m) = <v, m> / t - log Z - log(N / n),

and the loss asks it to tell the sample's own m+ from N others, with the student's v as with the teacher's:

    loss = CE + w sum over both of [-log sigmoid(h(v, m+)) - N mean over others of log sigmoid(-h(v, m))].

Z is n times the mean of exp(<v, m> / t) in the first step. After each step a memory moves to its new vector: m is the
direction of k m + (1 - k) v. Defaults are the authors': w 0.8, t 0.07, k 0.5, N 16384, 128 dimensions. Others are the
samples with other labels, as in their experiments.

What is adaptation: the N others are not drawn; the loss is what N draws would give on average, from all of the memory.
N is at most n. For several findings any other sample counts as other, which is the paper's policy without labels.
"""

import math
from typing import Annotated, Any

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from roskdbench import Batch, Method, Module, Single, Tensor, TrainingFacts, register


@register("crd")
class CRD(Method):
    """CRD: samples told apart by one teacher's features."""

    uses_features = True
    asks_teachers = True
    uses_teacher_logits = False

    teachers = Single()
    contrast_weight: NonNegativeFloat = 0.8
    """Of the contrast, beside the cross-entropy."""
    contrast_temperature: PositiveFloat = 0.07
    """Divides the products of vectors."""
    negatives: PositiveInt = 16384
    """How many others each sample is told from."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """The share that a memory keeps of its vector."""
    dimensions: PositiveInt = 128
    """Of the vectors."""

    def begin(self, facts: TrainingFacts) -> Module:
        """The linear maps, the memories, the samples' labels and Z, which is 0 until it is known."""
        import torch
        from torch import nn

        (theirs,) = facts.teacher_widths
        spread = math.sqrt(3 / self.dimensions)  # vectors are about 1 long
        state = nn.Module()
        labels = facts.targets if facts.task == "single-label" else torch.arange(facts.samples)
        state.register_buffer("labels", labels.clone())
        for name, width in (("student", facts.widths.features), ("teacher", theirs.features)):
            side = nn.Linear(width, self.dimensions)
            side.register_buffer("memory", (torch.rand(facts.samples, self.dimensions) * 2 - 1) * spread)
            side.register_buffer("normaliser", torch.zeros(()))
            state.add_module(name, side)
        return state

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy, and the contrast of both sides."""
        from torch.nn.functional import normalize

        state: Any = batch.state
        (answer,) = batch.teacher_outputs
        precision = batch.student_logits.dtype
        student = normalize(state.student(batch.features.to(precision)))
        teacher = normalize(state.teacher(answer.features.to(precision)))
        state.latest = student.detach(), teacher.detach()
        others = state.labels != state.labels[batch.positions][:, None]  # [B, n]
        both = ((student, state.student, state.teacher), (teacher, state.teacher, state.student))
        contrast = sum(self._contrast(vectors, side, other.memory, others, batch) for vectors, side, other in both)
        return batch.hard_loss() + self.contrast_weight * batch.hard_parts * contrast

    def _contrast(self, vectors: Tensor, side: Any, memory: Tensor, others: Tensor, batch: Batch) -> Tensor:
        import torch
        from torch.nn.functional import logsigmoid

        products = vectors @ memory.T / self.contrast_temperature  # [B, n]
        samples = len(memory)
        negatives = min(self.negatives, samples)
        with torch.no_grad():
            side.normaliser.copy_(torch.where(side.normaliser > 0, side.normaliser, products.exp().mean() * samples))
        scores = products - side.normaliser.log() - math.log(negatives / samples)
        own = logsigmoid(scores.gather(1, batch.positions[:, None]))[:, 0]
        apart = (logsigmoid(-scores) * others).sum(1) / others.sum(1).clamp(min=1)
        return -(own + negatives * apart).mean()

    def after_step(self, batch: Batch) -> None:
        """Both memories take in the vectors of the step."""
        from torch.nn.functional import normalize

        state: Any = batch.state
        for side, vectors in zip((state.student, state.teacher), state.latest, strict=True):
            kept = side.memory[batch.positions]
            side.memory[batch.positions] = normalize(self.momentum * kept + (1 - self.momentum) * vectors)

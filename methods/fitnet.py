"""FitNets: hints for thin deep nets (Romero, Ballas, Kahou, Chassang, Gatta and Bengio 2015, ICLR, arXiv 1412.6550).

A regressor r makes the student's feature map of a middle stage like the teacher's:

    loss = CE + w mean of (map_teacher - r(map_student))^2,

the mean being over examples, channels and positions.

What is adaptation: the paper first trains the lower half of the student on the hint alone, and then the whole of it by
distillation. Here both parts of the loss are learnt at once, in one stage, as in most code that compares methods; the
weight 100 and the stage before the last come from there (Tian, Krishnan and Isola 2020, ICLR, arXiv 1910.10699, and
their code), and so does the regressor, a convolution of 1x1 and BatchNorm, which learns with the student: with a bare
convolution the loss did not stay finite at a learning rate of .1. Theirs ends in a ReLU, behind which it could not
reach maps that are taken before one, as MobileNet's and DenseNet's are. Stages are counted from the coarsest backwards,
and where two maps differ in size the larger one is pooled to the smaller by its means.
"""

from typing import Annotated

from pydantic import Field, NonNegativeFloat

from roskdbench import Batch, Method, Module, Single, Tensor, TrainingFacts, register

from ._maps import new_regressor, resized, smaller_size


@register("fitnet")
class FitNet(Method):
    """FitNet: one teacher's feature maps as hints, by a regressor that learns along."""

    uses_maps = True
    asks_teachers = True
    uses_teacher_logits = False

    teachers = Single()
    hint_weight: NonNegativeFloat = 100.0
    """Of the mean squared difference between the maps."""
    stage: Annotated[int, Field(ge=1, le=4)] = 2
    """Which feature maps are compared, counted back from the coarsest, which is 1; the finest there is if there are
    fewer.
    """

    def begin(self, facts: TrainingFacts) -> Module:
        """The regressor."""
        (theirs,) = facts.teacher_widths
        depth = min(self.stage, len(facts.widths.maps), len(theirs.maps))
        return new_regressor(facts.widths.maps[-depth][0], theirs.maps[-depth][0])

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy, and the hint."""
        from torch.nn.functional import mse_loss

        (answer,) = batch.teacher_outputs
        depth = min(self.stage, len(batch.maps), len(answer.maps))
        precision = batch.student_logits.dtype
        student, teacher = batch.maps[-depth].to(precision), answer.maps[-depth].to(precision)
        size = smaller_size(student, teacher)
        assert batch.state is not None
        found = batch.state(resized(student, size))
        hint = mse_loss(found, resized(teacher, size))
        return batch.hard_loss() + self.hint_weight * batch.hard_parts * hint

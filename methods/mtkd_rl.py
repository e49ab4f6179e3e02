"""MTKD-RL: Yang, Yu, Yang, An, Yu, Huang and Xu, "Multi-Teacher Knowledge Distillation with Reinforcement Learning for
Visual Recognition", AAAI 2025 (arXiv 2502.18510).

An agent weighs teachers for each example, by w for what they predict and by v for their last feature maps F_m:

    loss = CE + sum_m (w_m t^2 KL(q_m || p) + b v_m |F_m - r_m(F)|^2 / |F_m has so many entries|),
    w = (softmax(agent) + (1 - softmax(CE_m)) / (K - 1) + softmax(t^2 KL_m)) / 3,    v with softmax(cosine) at its end.

The agent, a hidden layer and two heads, sees of all teachers the pooled map, the logits, CE_m with the label, KL_m, and
the cosine of F_m and r_m(F), both pooled. It learns to lower -R (log w_m + log v_m), the mean over teachers and
examples. R is minus the example's loss, less its mean in the batch, over its deviation there, and cut to [0, 1].

This and the defaults are those of the authors' code (t = 4, b = 5, 128 hidden units, every weight 1 in the first epoch,
thirds that stay, the default of two: `--dynamic` learns them, and their table has either ahead, by network); how the
paper prints it was not at hand. Their reward is the same for all teachers, so that it only draws w and v towards equal
weights. `reward: each-teacher` is a reading of ours under which the agent can tell them apart: R_m = -(CE + t^2 KL_m +
b |F_m - r_m(F)|^2 / ...), standardised over teachers and examples.

What is adaptation: the agent learns in every step by the student's optimiser, and this part is in the loss that is
noted; theirs takes plain steps of 0.1, for 1000 batches at a time. It sees a teacher's pooled map in place of an
embedding, and regressors have no ReLU at their end, behind which maps that are taken before one could not be reached.
Where the protocol clips gradients, the agent's is clipped together with the student's. Several findings at once: CE is
binary, over those that are known, and CE_m their sum; KL is as the suite's soft loss reads it. With noisy labels, CE_m
favours teachers that have learnt the noise.
"""

from typing import Any, ClassVar, Literal, cast

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat

from roskdbench import Batch, Method, Module, OnAllData, Setting, Tensor, TrainingFacts, Weigher, Weighting, register

from ._findings import as_sums
from ._maps import new_regressor, resized


class ByAgent(Weighting):
    """Weights that the method's agent finds for each example."""

    def begin(self, setting: Setting) -> Weigher:
        """It has nothing to keep: the agent is in the method's state."""
        return AgentWeigher(self, setting)


class AgentWeigher(Weigher):
    """Hands on the weights that the loss has asked the agent for."""

    both: Tensor  # of predictions and of maps, [2, K, B]

    def weights(self, batch: Batch) -> Tensor:
        """Those of predictions, [K, B]."""
        return self.both[0]


@register("mtkd-rl")
class MTKDRL(Method):
    """MTKD-RL: an agent weighs teachers for each example, and learns from rewards."""

    asks_teachers: ClassVar[bool] = True
    uses_maps: ClassVar[bool] = True

    teachers = OnAllData()
    weighting = ByAgent()
    temperature: PositiveFloat = 4.0
    hint_weight: NonNegativeFloat = 5.0
    """b, what the part from feature maps is multiplied by."""
    reward: Literal["loss", "each-teacher"] = "loss"
    """Minus the example's loss, the same for all teachers; or minus what it is by the label and one teacher alone."""
    pretraining: NonNegativeInt = 1
    """Epochs in which every weight is 1 while the agent learns."""

    def begin(self, facts: TrainingFacts) -> Module:
        """A regressor from the student's last map to that of each teacher, and the agent."""
        from torch import nn

        own, wanted = facts.widths.maps[-1][0], [widths.maps[-1][0] for widths in facts.teacher_widths]
        regressors = [new_regressor(own, each) for each in wanted]
        seen = nn.Linear(sum(wanted) + len(wanted) * (facts.classes + 3), 128, bias=False)
        agent = nn.Sequential(seen, nn.ReLU(), nn.Linear(128, 2 * len(wanted)), nn.Unflatten(1, (2, len(wanted))))
        return nn.ModuleDict({"regressors": nn.ModuleList(regressors), "agent": agent})

    def loss(self, batch: Batch) -> Tensor:
        """The labels' loss and the weighted teachers', for the student, and the agent's own, which leaves it alone."""
        import torch

        weigher, state = cast("AgentWeigher", batch.weigher), cast("Any", batch.state)
        apart = self.soft_loss.divisor(self.temperature) ** 2 * batch.divergences(self.temperature)  # [K, B]
        errors, alike, pooled = hints(batch)
        hard, far = batch.hard_losses(), self.hint_weight * batch.hard_parts * errors
        with torch.no_grad():
            surprise = as_sums(batch, batch.hard_losses(batch.teacher_logits))
            sure = 1 - surprise.softmax(0) + 1e-12
            given = sure / sure.sum(0) + torch.stack([apart.softmax(0), alike.softmax(0)])  # [2, K, B]
            seen = torch.cat([pooled, *batch.teacher_logits, alike.mT, apart.mT, surprise.mT], 1)  # [B, S]
        actions = (state.agent(seen).softmax(2).permute(1, 2, 0) + given) / 3
        weigher.both = actions.detach() if batch.epoch >= self.pretraining else torch.ones_like(given)
        losses = hard + (batch.weights * apart + weigher.both[1] * far).sum(0)  # [B]
        gained = -(losses if self.reward == "loss" else hard + apart + far).detach()
        reward = ((gained - gained.mean()) / gained.std(correction=0).clamp(min=1e-8)).clamp(0, 1)
        agents_loss: Tensor = -(reward * actions.log()).mean((1, 2)).sum()
        return losses.mean() + agents_loss


def hints(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """The regressed map's squared errors and cosines, [K, B], and the teachers' pooled maps side by side."""
    import torch

    state: Any = batch.state
    errors, cosines, pooled = [], [], []
    for regressor, teacher in zip(state.regressors, batch.teacher_outputs, strict=True):
        wanted = teacher.maps[-1].to(regressor[0].weight.dtype)
        own = regressor(resized(batch.maps[-1].to(wanted.dtype), wanted.shape[2:]))
        errors.append((own - wanted).square().flatten(1).mean(1))
        pooled.append(wanted.mean((2, 3)))
        cosines.append(torch.cosine_similarity(own.mean((2, 3)), pooled[-1]))
    return torch.stack(errors), torch.stack(cosines), torch.cat(pooled, 1)

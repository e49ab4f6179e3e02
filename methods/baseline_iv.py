"""Baseline IV of Jaiswal et al. 2022: teachers chosen by a policy that learns (Yuan et al. 2021, arXiv 2012.06048).

For every example and teacher a logistic policy says whether the teacher is asked; those asked count the same, and
where none is asked one is drawn. The policy sees the student's features, the teacher's probabilities, the teacher's
cross-entropy on the example and which teacher it is. It learns by REINFORCE from how the student does afterwards.

The student first learns from all teachers, then rests while the policy learns, then the two take turns in every step.

What is adaptation: the paper's policy is trained at the end of an episode, here after every step, from a second
look of the student at the same batch. While the student rests, r1 cannot depend on what was chosen (the student does
not change), so that phase then settles the baseline and the entropy only; under r2 and r3's r2 part it teaches. What
holds its variance down is ours: the running mean of rewards as a baseline, rewards by their standard deviation in the
batch, and a bonus for entropy. The policy's features are normalised, and of several findings its cross-entropy is their
mean, whatever the suite reads for the student.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt

from roskdbench import Batch, Method, Mixture, OnAllData, Setting, Weigher, Weighting, register

if TYPE_CHECKING:
    import torch


class ReinforcedSelection(Weighting):
    """Teachers chosen for each example by a learned Bernoulli policy."""

    uses_features: ClassVar[bool] = True

    reward: Literal["r1", "r2", "r3"] = "r1"
    """r1 = -CE; r2 = -CE - KL; r3 = share * r2 + (1 - share) * accuracy on samples the student does not learn from."""
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    policy_split: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Under r3, the share of training samples kept from the student."""
    student_pretraining: NonNegativeInt = 5
    """Epochs in which the student learns from all teachers."""
    policy_pretraining: NonNegativeInt = 5
    """Epochs after those in which only the policy learns."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    entropy: Annotated[float, Field(ge=0)] = 0.01
    temperature: Annotated[float, Field(gt=0)] = 0.5
    """Of the divergence in r2 and r3."""

    def begin(self, setting: Setting) -> Weigher:
        """A fresh policy."""
        return Selection(self, setting)

    def pauses_student(self, epoch: int) -> bool:
        """It does while the policy is pretrained."""
        return 0 <= epoch - self.student_pretraining < self.policy_pretraining

    @property
    def held_out(self) -> float:
        """r3 needs samples of its own."""
        return self.policy_split if self.reward == "r3" else 0.0

    def objection(self, epochs: int) -> str | None:
        """The two take turns for at least one epoch."""
        phases = self.student_pretraining + self.policy_pretraining
        if phases < epochs:
            return None
        return (
            f"student_pretraining + policy_pretraining = {phases} leave none of the {epochs} epochs for taking turns; "
            "lower them under `weighting`"
        )


class Selection(Weigher):
    """The policy, its optimiser, and the running mean of its rewards."""

    def __init__(self, weighting: ReinforcedSelection, setting: Setting) -> None:
        import torch

        super().__init__(weighting, setting)
        self.rules = weighting
        width = setting.features + setting.classes + 1 + setting.teachers
        self.policy = torch.zeros(width + 1, device=setting.device, requires_grad=True)  # the last is the bias
        self.optimiser = torch.optim.Adam([self.policy], lr=weighting.lr, capturable=setting.device.type == "cuda")
        self.reward_mean = torch.zeros((), device=setting.device)
        self.steps = torch.zeros((), device=setting.device)
        self.taken: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def weights(self, batch: Batch) -> torch.Tensor:
        """Equal weights while the student is pretrained, then those of the chosen teachers. [K, B]"""
        import torch

        teachers, examples, _ = batch.teacher_logits.shape
        if batch.epoch < self.rules.student_pretraining:
            return torch.full((teachers, 1), 1 / teachers, device=self.setting.device)
        state = self.state(batch)
        chance = torch.sigmoid(state @ self.policy[:-1].detach() + self.policy[-1].detach())  # [K, B]
        draws = torch.rand(teachers, examples, generator=batch.generator).to(chance.device)
        actions = (draws < chance).float()
        fallback = torch.randint(teachers, (examples,), generator=batch.generator).to(chance.device)
        lonely = torch.nn.functional.one_hot(fallback, teachers).T.float()
        asked = torch.where(actions.sum(0) == 0, lonely, actions)
        weights = asked / asked.sum(0)
        self.taken = (state, actions, weights)
        return weights

    def state(self, batch: Batch) -> torch.Tensor:
        """What the policy sees of each teacher and example, [K, B, S]; no gradient reaches the student."""
        import torch

        from roskdbench.method import losses

        logits = batch.teacher_logits
        teachers, examples, _ = logits.shape
        features = batch.features.detach().float()
        features = torch.nn.functional.layer_norm(features, features.shape[-1:]).expand(teachers, -1, -1)
        probabilities = logits.softmax(-1) if batch.task == "single-label" else logits.sigmoid()
        surprise = losses.hard_losses(batch.task, logits, batch.targets)[..., None]
        identity = torch.eye(teachers, device=logits.device)[:, None].expand(-1, examples, -1)
        return torch.cat([features, probabilities, surprise, identity], -1)

    def after_step(self, batch: Batch) -> None:
        """REINFORCE with a running mean as baseline, standardised rewards and an entropy bonus."""
        import torch

        if self.taken is None:
            return
        (state, actions, weights), self.taken = self.taken, None
        reward = self.rewards(batch, weights)
        self.steps += 1
        self.reward_mean += (reward.mean() - self.reward_mean) / self.steps
        advantage = (reward - self.reward_mean) / (reward.std(correction=0) + 1e-8)
        with torch.enable_grad():
            logits = state @ self.policy[:-1] + self.policy[-1]
            chance = torch.distributions.Bernoulli(logits=logits)
            gain = (advantage * chance.log_prob(actions).sum(0)).mean()
            loss = -gain - self.rules.entropy * chance.entropy().mean()
            self.optimiser.zero_grad()
            loss.backward()
        self.optimiser.step()

    def rewards(self, batch: Batch, weights: torch.Tensor) -> torch.Tensor:
        """How the student does on each example now that it has learnt from the chosen teachers, [B]."""
        from roskdbench.method import losses

        logits = batch.student(batch.images)
        reward = -losses.hard_losses(batch.task, logits, batch.targets)
        if self.rules.reward == "r1":
            return reward
        temperature = self.rules.temperature
        reward = reward - losses.mixture_divergence(batch.task, batch.teacher_logits, weights, logits, temperature)
        if self.rules.reward == "r2" or batch.held_out is None:
            return reward
        images, targets = batch.held_out()
        unseen = batch.student(images)
        right = unseen.argmax(-1) == targets if batch.task == "single-label" else (unseen > 0) == (targets > 0.5)
        return self.rules.share * reward + (1 - self.rules.share) * right.float().mean()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The policy, its optimiser's moments, and the baseline."""
        moments = self.optimiser.state.get(self.policy, {})
        kept = {"policy": self.policy.detach(), "reward_mean": self.reward_mean, "steps": self.steps}
        return kept | {f"adam.{name}": value for name, value in moments.items()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from a kept state."""
        self.policy.data.copy_(state["policy"])
        self.reward_mean.copy_(state["reward_mean"])
        self.steps.copy_(state["steps"])
        moments = {name[5:]: value.clone() for name, value in state.items() if name.startswith("adam.")}
        if moments:
            self.optimiser.state[self.policy] = moments


@register("baseline-iv")
class BaselineIV(Method):
    """Baseline IV: teachers on all of the data, chosen by a reinforced policy."""

    teachers = OnAllData()
    weighting = ReinforcedSelection()
    matching = Mixture()

"""DivideMix: "DivideMix: Learning with Noisy Labels as Semi-supervised Learning", Li et al., ICLR 2020 (2002.07394).

Two networks. After a warm-up on labels, each epoch fits a mixture of two Gaussians to the losses of all samples under
either network; w is a sample's chance to be of the part with smaller losses, and counts for the *other* network. Where
w > threshold a sample is labelled: y = w label + (1 - w) p of the network itself (co-refinement); else y is the mean p
of both (co-guessing). p is a mean over two views, and y is sharpened: y^(1/T), normalised. Images and y of both views
are mixed with partners as in MixMatch, by s = max(s, 1 - s) with s ~ Beta(a, a), and for C classes

    L = mean CE(y, p) over labelled + w_u mean |p - y|^2 / C over unlabelled + KL(uniform || mean p)

where w_u rises to `unlabelled_weight`. Defaults are those of the authors' code for CIFAR-10.

What is adaptation: samples are divided within the shared batches, instead of by loaders that pair as many labelled with
as many unlabelled ones. Warm-up and rise are shares of a training: of 50 epochs, the authors' 10 and 16 (of 300). Both
networks guess in eval mode, and learn in one step of one optimiser. The student is the first, not the mean of both. The
warm-up is without the authors' penalty for asymmetric noise, and losses are those of one epoch, where they take the
mean of five at a rate of .9. Several findings have no division by one loss. As in the paper the last term wants all
classes equally often. Where nine of ten samples were of one class the ranking came out reversed (AUC .09 on chest
X-rays): rare samples have large losses, and presumably count as wrongly labelled.
"""

from typing import Annotated, Any

from pydantic import Field, NonNegativeFloat, PositiveFloat

from roskdbench import Batch, Epoch, Method, Module, Tensor, TrainingFacts, register


@register("dividemix")
class DivideMix(Method):
    """DivideMix: two networks divide the samples for each other, and learn from some without labels."""

    tasks = ("single-label",)

    warmup: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The share of the epochs, at least one, that both networks spend on labels alone."""
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """The chance of a right label above which a sample is labelled."""
    sharpening: PositiveFloat = 0.5
    """T: below 1 it sharpens."""
    concentration: PositiveFloat = 4.0
    """a of the Beta law."""
    unlabelled_weight: NonNegativeFloat = 25.0
    """The weight of the unlabelled samples when it has risen."""
    rise: PositiveFloat = 0.32
    """The share of the training after the warm-up in which it rises from 0."""

    @property
    def passes(self) -> float:
        """Of two networks: two views to learn from, the same two to guess by, and a look at every sample."""
        return 2 * (self.warmup + (1 - self.warmup) * (2 + 2 / 3 + 1 / 3))

    def begin(self, facts: TrainingFacts) -> Module:
        """The second network, and by the losses of either network each sample's chance of a right label."""
        import torch

        state = torch.nn.Module()
        state.second = facts.network("dividemix")
        state.begins = max(1, round(self.warmup * facts.epochs)) / facts.epochs
        state.register_buffer("chances", torch.ones(2, facts.samples))
        return state

    def before_epoch(self, epoch: Epoch) -> None:
        """Divide the samples anew."""
        from torch.nn.functional import cross_entropy

        if epoch.number / epoch.epochs >= epoch.state.begins:
            for row, logits in enumerate((epoch.logits(), epoch.logits(epoch.state.second))):
                epoch.state.chances[row] = right_chances(cross_entropy(logits, epoch.targets, reduction="none"))

    def loss(self, batch: Batch) -> Tensor:
        """Of both networks, each by the other's division."""
        import torch

        second = batch.state.second
        if batch.progress < batch.state.begins:
            return batch.hard_loss() + batch.hard_losses(second(batch.images)).mean()
        views = torch.cat([batch.images, batch.view(1)])
        second.eval()
        with torch.no_grad():
            answers = torch.stack([batch.student(views), second(views)])
        second.train()
        own = answers.softmax(-1).unflatten(1, (2, -1)).mean(1)  # [2, B, C]
        asks = (lambda images: batch.ask(images).logits), second
        return sum(self.part(batch, views, own, row, asks[row]) for row in (0, 1))

    def part(self, batch: Batch, views: Any, guesses: Any, row: int, ask: Any) -> Tensor:
        """One network's loss, from the guesses of both, [2, B, C]."""
        import torch

        chance = batch.state.chances[1 - row, batch.positions, None]
        labels = batch.targets if batch.targets.ndim == 2 else torch.eye(guesses.shape[-1]).to(guesses)[batch.targets]
        labelled, refined = chance > self.threshold, chance * labels + (1 - chance) * guesses[row]
        targets = torch.where(labelled, refined, guesses.mean(0)) ** (1 / self.sharpening)
        targets = (targets / targets.sum(-1, keepdim=True)).repeat(2, 1)
        share = float(torch._sample_dirichlet(torch.full((2,), self.concentration).double(), batch.generator).max())
        partner = torch.randperm(len(views), generator=batch.generator).to(views.device)
        targets = share * targets + (1 - share) * targets[partner]
        said = ask(share * views + (1 - share) * views[partner]).log_softmax(-1)
        surprise, distance = -(targets * said).sum(-1), (said.exp() - targets).square().mean(-1)
        weight = self.unlabelled_weight * min(1.0, (batch.progress - batch.state.begins) / self.rise)
        unevenness = -(said.shape[-1] * said.exp().mean(0).clamp(min=1e-12)).log().mean()
        labelled = labelled[:, 0].repeat(2)
        of_its_kind = torch.where(labelled, labelled.sum(), (~labelled).sum())
        return (torch.where(labelled, surprise, weight * distance) / of_its_kind).sum() + unevenness


def right_chances(losses: Tensor) -> Tensor:
    """The chance of each loss, scaled to [0, 1], to be of the lower of two Gaussians."""
    import torch
    from sklearn.mixture import GaussianMixture

    scaled = (losses - losses.min()) / (losses.max() - losses.min()).clamp(min=1e-12)
    values = scaled.cpu().double().numpy()[:, None]
    mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0).fit(values)
    return torch.from_numpy(mixture.predict_proba(values)[:, mixture.means_.argmin()]).to(losses)

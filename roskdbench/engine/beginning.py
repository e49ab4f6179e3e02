"""What a method is told before a training begins, and what it brings along: weights of teachers, and a state."""

from collections.abc import Callable, Sequence

from torch import nn

from roskdbench.engine.answers import alone
from roskdbench.engine.draws import drawing_from
from roskdbench.engine.epoch_views import as_shares
from roskdbench.engine.examples import batches
from roskdbench.engine.lessons import Lessons
from roskdbench.engine.networks import Classifier
from roskdbench.errors import UserError
from roskdbench.fingerprint import seed_for
from roskdbench.method import Method, Setting, TrainingFacts, Weigher
from roskdbench.method.losses import smoothed
from roskdbench.suite.problems import Task

FreshNetwork = Callable[[str], nn.Module]
"""Gives a network like the student's with weights drawn for a purpose."""


def begin_weigher(method: Method, lessons: Lessons, network: Classifier) -> Weigher:
    """What weighs the teachers."""
    bank, device = lessons.bank, lessons.examples.device
    classes = bank[0].shape[-1] if bank else 1
    seed = seed_for("weigher", lessons.seeds.method)
    return method.weighting.begin(Setting(len(bank), classes, network.feature_width, device, seed))


def soft_scale(method: Method, lessons: Lessons, task: Task) -> float:
    """What the soft loss is multiplied by so that its gradient starts as long as the hard one's; from the first epoch's
    views and labels, so that a training that goes on finds the same.
    """
    soft_loss = method.soft_loss
    if not (soft_loss.balanced and lessons.bank):
        return 1.0
    teachers, smoothing = lessons.teacher_logits(0), lessons.recipe.label_smoothing
    classes = teachers.shape[-1]
    targets = lessons.views(0).targets(lessons.labels, task, classes)
    if smoothing:
        targets = smoothed(task, as_shares(targets, task, classes), smoothing)
    return soft_loss.balance(task, teachers, targets, soft_loss.divisor(method.temperature))


def begin_state(
    method: Method,
    lessons: Lessons,
    task: Task,
    classes: int,
    network: Classifier,
    teachers: Sequence[Classifier],
    fresh: FreshNetwork | None,
) -> nn.Module | None:
    """What the method keeps, its weights drawn for it; None if it keeps nothing."""
    if type(method).begin is Method.begin:
        return None
    examples = lessons.examples
    size = examples.pixels.shape[-1]
    facts = TrainingFacts(
        task=task,
        classes=classes,
        targets=lessons.labels,
        epochs=lessons.recipe.epochs,
        steps=sum(1 for _ in batches(lessons.learning, lessons.recipe.batch)),
        widths=network.widths(size, method.uses_maps),
        teachers=max(len(lessons.bank), len(teachers)),
        teacher_widths=tuple(each.widths(size, method.uses_maps) for each in teachers),
        network=alone(fresh) if fresh else _no_network,
        device=examples.device,
    )
    with drawing_from(seed_for("state", lessons.seeds.method)):
        state = method.begin(facts)
    if not isinstance(state, nn.Module | None):
        raise UserError(f"`begin` of '{method.name}' has to return a torch.nn.Module or None, not {state!r:.60}")
    return None if state is None else state.to(examples.device)


def _no_network(purpose: str) -> nn.Module:
    raise UserError("the method wants a network like the student's, and none can be made here")

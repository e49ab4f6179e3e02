"""The Method class, and what of a method's code a training depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

# pydantic's metaclass is public in all but name; see _DeclaredByValue.
from pydantic._internal._model_construction import ModelMetaclass

from roskdbench.errors import UserError, nearest_three
from roskdbench.method.averaging import Averaging, LastWeights, Mean, RunningMean
from roskdbench.method.matching import EachTeacher, Matching
from roskdbench.method.parts import Part
from roskdbench.method.schedule import Protocols, Schedule
from roskdbench.method.soft_loss import BernoulliMean, SoftLoss
from roskdbench.method.stepping import Plain, Stepping
from roskdbench.method.teachers import FormerStudents, NoTeachers, Single, Teachers
from roskdbench.method.weighting import Equal, Weighting
from roskdbench.source import is_ours, source_digest
from roskdbench.suite.declared import Declared, first_sentence
from roskdbench.suite.problems import TASKS, Task

if TYPE_CHECKING:
    import torch
    from torch import nn

    from roskdbench.method.batch import Batch
    from roskdbench.method.training_facts import Epoch, Selection, TrainingFacts
    from roskdbench.suite.protocol import Protocol


_ADDED_LATER: dict[str, Part] = {"soft_loss": BernoulliMean(), "stepping": Plain(), "schedule": Protocols()}
# Class attributes that say nothing of how a student is trained.
_GIVEN = ("name", "kind", "family", "group", "tasks", "fewest_classes")


class _DeclaredByValue(ModelMetaclass):
    """Lets a method write `teachers = Overlapping()` where pydantic wants `teachers: Teachers = Overlapping()`."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **rest: Any) -> type:
        annotations = namespace.setdefault("__annotations__", {})
        for base in bases:
            for field, info in getattr(base, "__pydantic_fields__", {}).items():
                if field in namespace and field not in annotations:
                    annotations[field] = info.rebuild_annotation()
        _refuse_unknown(name, bases, namespace, annotations)
        return super().__new__(cls, name, bases, namespace, **rest)


def _refuse_unknown(
    name: str, bases: tuple[type, ...], namespace: Mapping[str, Any], annotations: Mapping[str, Any]
) -> None:
    """A UserError for a value in a class body that is nothing a Method has, and no parameter either, without a type."""
    for each, value in namespace.items():
        is_code = callable(value) or hasattr(value, "__get__")
        known = each in annotations or any(hasattr(base, each) for base in bases)
        if not (each.startswith("_") or is_code or known):
            words = {word for base in bases for word in dir(base) if not word.startswith(("_", "model_"))}
            hint = nearest_three(each, words)
            raise UserError(
                f"a Method has no `{each}` ({name}){f'; {hint}' if hint else '.'} "
                f"A parameter of its own has a type: `{each}: {type(value).__name__} = …`"
            )


class Method(Declared, metaclass=_DeclaredByValue):
    """A way to make a student. Declare its parts; override `loss` for a new objective.

    Fields are parameters that a suite can set. The docstring's first line is "TITLE: what it is".
    """

    model_config = ConfigDict(validate_default=True)  # a method file declares its parts as defaults

    family: ClassVar[str] = "method"
    name: ClassVar[str] = ""
    uses_features: ClassVar[bool] = False
    """Whether `loss` wants `features` of the student, or of the teachers it asks."""
    uses_maps: ClassVar[bool] = False
    """Whether `loss` wants `maps` of the student, or of the teachers it asks."""
    asks_teachers: ClassVar[bool] = False
    """Whether `loss` asks the teachers themselves, and not only what they say of a view (`batch.teacher_logits`)."""
    uses_teacher_logits: ClassVar[bool] = True
    """Whether `loss` wants `batch.teacher_logits`. Without it no bank is made."""
    tasks: ClassVar[tuple[Task, ...]] = TASKS
    """What it is defined for; elsewhere plans and tables say that it is not."""
    fewest_classes: ClassVar[int] = 2
    """How many classes there must be for it to say anything; with fewer, plans and tables say that it does not."""
    group: ClassVar[str] = ""
    """What lists and tables put it under; by its teachers if left out."""
    trains_student: ClassVar[bool] = True
    """False for the teachers' ensemble itself: their mean probability is then the prediction."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Refuse words that say something else than was meant."""
        if (
            not isinstance(cls.tasks, tuple)
            or not cls.tasks
            or (odd := [each for each in cls.tasks if each not in TASKS])
        ):
            named = repr(odd[0]) if isinstance(cls.tasks, tuple) and cls.tasks else repr(cls.tasks)
            raise UserError(f"tasks of {cls.__name__} has {named}; write a tuple of {' and '.join(map(repr, TASKS))}")
        for name in ("uses_features", "uses_maps", "asks_teachers", "uses_teacher_logits", "trains_student"):
            if not isinstance(getattr(cls, name), bool):
                raise UserError(f"{name} of {cls.__name__} is True or False, and not {getattr(cls, name)!r:.40}")

    teachers: Teachers = NoTeachers()
    weighting: Weighting = Equal()
    matching: Matching = EachTeacher()
    averaging: Averaging = LastWeights()
    soft_loss: SoftLoss = BernoulliMean()
    """How the loss from teachers is read for several findings; the protocol's way if left out."""
    stepping: Stepping = Plain()
    """Where a step's gradient comes from."""
    schedule: Schedule = Protocols()
    """The learning rate of each epoch; one of the method's own is said beside its row."""
    temperature: Annotated[float, Field(gt=0)] = 0.5
    """Divides logits before they are compared; the paper prints 0.5, which sharpens."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.9
    """The share of the soft part in the loss."""

    def loss(self, batch: Batch) -> torch.Tensor:
        """The loss of a step: a t^2 times the divergence from the teachers, and (1 - a) times that from the labels."""
        hard = batch.hard_loss()
        if len(batch.teacher_logits) == 0:
            return hard
        soft = self.matching.divergence(batch, self.temperature)
        if self.soft_loss.balanced:
            return (hard + batch.soft_scale * soft) / 2
        return self.alpha * self.soft_loss.divisor(self.temperature) ** 2 * soft + (1 - self.alpha) * hard

    def begin(self, facts: TrainingFacts) -> nn.Module | None:
        """What the method keeps while a student trains. Its parameters learn in the same optimiser, its buffers are
        memory; all of it is in checkpoints, and `batch.state`.
        """
        return None

    def before_epoch(self, epoch: Epoch) -> Selection | None:
        """Which samples an epoch learns from, and with which labels; all of them with their own if None."""
        return None

    def after_step(self, batch: Batch) -> None:
        """Called without gradient when the student has learnt from the batch."""

    def remark(self, protocol: Protocol) -> str | None:
        """What is to be known of the method under a protocol, as a sentence that plans and tables show behind its name;
        None if nothing is.
        """
        return None

    @property
    def passes(self) -> float:
        """Training passes of the student in a step, its own stepping left aside: what it costs beside Baseline I."""
        return 1.0

    @property
    def teacher_passes(self) -> float:
        """Training passes of each teacher in a step, for methods that ask them: one look at the batch is a third."""
        return 1 / 3 if self.asks_teachers else 0.0

    @property
    def cost(self) -> float:
        """Training passes in a step, all in all."""
        return self.passes * self.stepping.passes

    @property
    def collected_mean(self) -> Mean:
        """The mean of weights that a training collects: the method's own, or the usual one, for others to read."""
        return self.averaging if isinstance(self.averaging, Mean) else RunningMean()

    @classmethod
    def undefined_for(cls, task: Task | None, classes: int) -> str | None:
        """The problems that it is not for, if this is one of them. A task may be None and classes 0 where they are not
        known yet.
        """
        if task not in (None, *cls.tasks):
            return f"{task} problems"
        few = task == "single-label" and 0 < classes < cls.fewest_classes
        return f"fewer than {cls.fewest_classes} classes" if few else None

    @classmethod
    def title(cls) -> str:
        """What tables call the method: its docstring up to the colon."""
        return first_sentence(cls).partition(":")[0].strip() or cls.name

    @classmethod
    def listed_under(cls) -> str:
        """The group of methods that it belongs to."""
        teachers = cls.model_fields["teachers"].default
        by_teachers = "alone" if isinstance(teachers, NoTeachers) else "many teachers"
        return cls.group or ("one teacher" if isinstance(teachers, Single | FormerStudents) else by_teachers)

    @classmethod
    def summary(cls) -> str:
        """What it is, in a line: the docstring's first sentence after the colon."""
        before, _, after = first_sentence(cls).partition(":")
        return (after or before).strip()

    def declaration(self) -> dict[str, Any]:
        """The method's parameters as a suite would write them, every one included."""
        plain = self.model_dump(mode="json")
        parts = {name: getattr(self, name) for name in type(self).model_fields}
        found = plain | {name: part.declaration() for name, part in parts.items() if isinstance(part, Part)}
        for name, usual in _ADDED_LATER.items():  # left out where they are as ever: old fingerprints hold
            if getattr(self, name) == usual:
                del found[name]
        return found

    def training_declaration(self) -> dict[str, Any]:
        """The parameters that a student's training depends on: neither whom its teachers learnt from nor what is
        read off it afterwards. Methods that differ only there share one training.
        """
        return {key: value for key, value in self.declaration().items() if key not in ("teachers", "averaging")}


def code_identity(method: Method) -> dict[str, str]:
    """Digests of the files outside roskdbench whose code a training with this method runs, by class.

    A class that only declares values adds nothing: its values are in the declaration. Comments, docstrings and
    layout do not count. Of our own parts their revision counts, from the second on.
    """
    pieces: Mapping[str, object] = {
        "method": method,
        "weighting": method.weighting,
        "matching": method.matching,
        "soft_loss": method.soft_loss,
        "averaging": method.averaging,
        "stepping": method.stepping,
        "schedule": method.schedule,
    }
    found = {}
    for role, piece in pieces.items():
        for cls in type(piece).__mro__:
            if not is_ours(cls.__module__) and _has_behaviour(cls):
                name = f"{role}.{cls.__name__}"
                while name in found:  # a class may be called as the one that it is made from
                    name += ", its base"
                found[name] = source_digest(cls)
        if isinstance(piece, Part) and piece.revision > 1 and is_ours(type(piece).__module__):
            found[f"{role}.{type(piece).__name__}"] = f"revision {piece.revision}"
    return found


def _has_behaviour(cls: type) -> bool:
    """Whether the class holds anything but declared fields: those are not in its namespace any more."""
    return bool(defined_in(cls))


def defined_in(cls: type) -> set[str]:
    """The functions and constants that the body of a class defines; declared fields are not among them."""
    return {name for name in vars(cls) if not name.startswith(("__", "_abc", "model_")) and name not in _GIVEN}

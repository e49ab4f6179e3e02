"""A row of an experiment: a method as the suite wants it, and what of it a training depends on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roskdbench.errors import UserError
from roskdbench.fingerprint import canonical_json
from roskdbench.method import Method, code_identity, make_method
from roskdbench.method.effects import parameters_read
from roskdbench.plugins import Registry
from roskdbench.suite import MethodChoice, Protocol
from roskdbench.suite.parameter_axes import point_text


@dataclass(frozen=True, eq=False)
class StudentTraining:
    """What of a method a training depends on. Two are equal where students are trained in the same way."""

    name: str
    """The name of a method that trains so."""
    spec: Mapping[str, Any]
    """Parameters that a training depends on."""
    averaging: Mapping[str, Any]
    """The mean that its training collects, its warm-up settled."""
    code: Mapping[str, str]
    passes: float
    """Training passes of the student in a step, which cost time and change nothing."""
    teacher_passes: float
    """And of each teacher that is asked."""
    key: str = field(repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StudentTraining) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def usual_parameters(chosen: type[Method], protocol: Protocol) -> dict[str, Any]:
    """What the protocol says of distillation, as far as the method's file leaves it open."""
    return {
        name: value
        for name, value in protocol.distillation.parameters.items()
        if name in chosen.model_fields and chosen.model_fields[name].default == Method.model_fields[name].default
    }


@dataclass(frozen=True)
class MethodRow:
    """Everything about a method that its cells have in common."""

    name: str
    title: str
    method: Method
    training: StudentTraining
    as_costly_as: "MethodRow | None" = None
    """The row whose cost its students' epochs are stretched to."""
    points: tuple[tuple[str, str | float], ...] = ()
    """Where it stands on axes of its parameters."""

    @classmethod
    def of(cls, choice: MethodChoice, registry: Registry, protocol: Protocol) -> "MethodRow":
        """The row of a method that can be used under the protocol; a UserError if it cannot."""
        usual = usual_parameters(registry.find("method", choice.method).thing, protocol)
        method = make_method(registry, choice.method, {**usual, **choice.parameters})
        if idle := sorted(choice.parameters.keys() - parameters_read(method)):
            raise UserError(f"method '{choice.method}' does not go by {' and '.join(idle)}: leave that out")
        mean = method.collected_mean
        begins = method.schedule.averaging_begins(protocol.epochs) if mean.warmup is None else mean.warmup
        warmup = protocol.averaging_warmup if begins is None else begins
        objection = method.weighting.objection(protocol.epochs)
        if method.averaging.reading == "averaged" and warmup >= protocol.epochs:
            objection = (
                f"averaging starts after epoch {warmup}, but there are {protocol.epochs}; "
                "lower protocol.averaging_warmup"
            )
        if objection:
            raise UserError(f"method '{choice.method}': {objection}")
        code, spec = code_identity(method), method.training_declaration()
        averaging = {**mean.declaration(), "warmup": warmup}
        key = canonical_json([code, spec, averaging])
        training = StudentTraining(choice.method, spec, averaging, code, method.cost, method.teacher_passes, key)
        other = None
        if choice.budget_of is not None:
            like = type(choice).model_validate({"method": choice.budget_of})
            other = cls.of(like, registry, protocol)
            if not method.trains_student:
                raise UserError(f"method '{choice.method}' trains no student that could be given a budget")
        usual_title = type(method).title() + ("" if other is None else f" (budget of {other.title})")
        title = ", ".join([choice.title or usual_title, *(f"{axis} {point_text(at)}" for axis, at in choice.points)])
        if title.startswith("_"):
            raise UserError(f"the title '{title}' begins with an underscore, and legends leave such titles out")
        return cls(choice.method, title, method, training, other, choice.points)

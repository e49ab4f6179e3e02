"""Label noise as an axis: what training is made to see in place of the problem's labels."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from roskdbench.errors import nearest
from roskdbench.fingerprint import canonical_json
from roskdbench.suite.confusions import Matrix
from roskdbench.suite.declared import Declared
from roskdbench.suite.protocol import Share

BOTH = ("single-label", "multi-label")
SINGLE = ("single-label",)
MULTI = ("multi-label",)
REPORT_PRESETS = {"light": (0.2, 0.01), "missing": (0.5, 0.01), "alarming": (0.2, 0.05), "heavy": (0.5, 0.05)}


class _Noise(Declared):
    tasks: ClassVar[tuple[str, ...]] = BOTH

    seed: int = 0
    """Of the drawing. With `split.per_seed` every split also has noise of its own."""
    title: str | None = None
    """What tables call it."""

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.title or self._usual_name()

    def task_objection(self, task: str) -> str | None:
        """Why problems of this task cannot have it, if they cannot."""
        return None if task in self.tasks else f"{self.kind} noise is for {self.tasks[0]} problems"  # type: ignore[attr-defined]

    def objection(self, classes: Sequence[str]) -> str | None:
        """Why a problem with these classes cannot have it, if it cannot."""
        return None

    @cached_property
    def effect(self) -> dict[str, Any]:
        """What of it acts, as JSON: two noises with the same effect are the same noise."""
        return self.model_dump(mode="json", exclude={"title"})

    @property
    def is_drawn(self) -> bool:
        """Whether another seed would be another noise."""
        other = type(self).model_validate({**self.model_dump(), "seed": self.seed + 1})
        return bool(other.effect != self.effect)

    @cached_property
    def key(self) -> str:
        """One text for its effect."""
        return canonical_json(self.effect)

    def _usual_name(self) -> str:
        return str(self.kind)  # type: ignore[attr-defined]


class NoNoise(_Noise):
    """The problem's labels as they are."""

    kind: Literal["none"]

    @cached_property
    def effect(self) -> dict[str, Any]:
        """Nothing is drawn, so the seed does not act."""
        return {"kind": self.kind, "seed": 0}


class OwnNoise(_Noise):
    """The noisy copy that a problem brings with it (phantoms do)."""

    kind: Literal["own"]

    @cached_property
    def effect(self) -> dict[str, Any]:
        """Nothing is drawn, so the seed does not act."""
        return {"kind": self.kind, "seed": 0}


class Symmetric(_Noise):
    """Each label becomes another class, any of them, with probability `rate`; each finding of a multi-label problem is
    turned into its opposite with that probability.
    """

    kind: Literal["symmetric"]
    rate: Share

    def _usual_name(self) -> str:
        return f"symmetric {self.rate:g}"


class Pair(_Noise):
    """Each label becomes the next class with probability `rate`; after the last comes the first."""

    tasks: ClassVar[tuple[str, ...]] = SINGLE
    kind: Literal["pair"]
    rate: Share

    def _usual_name(self) -> str:
        return f"pair {self.rate:g}"


class Confusion(_Noise):
    """Each label becomes another as (1 - strength) I + strength C says, C from a CSV or written down."""

    tasks: ClassVar[tuple[str, ...]] = SINGLE
    kind: Literal["confusion"]
    matrix: Matrix
    strength: Share = 1.0

    def objection(self, classes: Sequence[str]) -> str | None:
        """The matrix's."""
        return self.matrix.objection(classes)

    def _usual_name(self) -> str:
        return f"confusion {self.strength:g}"


class Instance(_Noise):
    """Images that look alike are mislabelled alike (part-dependent noise, Xia et al. 2020): an image flips with a
    probability of its own, drawn from a normal distribution cut to [0, 1] whose mean is `rate`, to where a random
    projection of its features points, one projection a class. The features are those of a small network trained on the
    split's training part.
    """

    tasks: ClassVar[tuple[str, ...]] = SINGLE
    kind: Literal["instance"]
    rate: Share
    spread: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Standard deviation of an image's own probability to flip, before it is cut."""
    decided_by: Literal["chance", "features"] = "chance"
    """Which images have the high probabilities: any, as in the paper, or those of each class that are drawn most
    strongly to another one.
    """

    def _usual_name(self) -> str:
        return f"instance {self.rate:g}" + (", by features" if self.decided_by == "features" else "")


class Annotators(_Noise):
    """Several annotators: one is asked for each image, or all vote. They are drawn, each with confusions of its own, or
    they are the data's own, where it is known what each of them said.
    """

    tasks: ClassVar[tuple[str, ...]] = SINGLE
    kind: Literal["annotators"]
    source: Literal["drawn", "data"] = "drawn"
    """Drawn annotators, for single-label problems; or those of the data, for problems of both kinds."""
    count: Annotated[int, Field(ge=1, le=50)] = 3
    rate: Share = 0.3
    """How often an annotator errs, on average over annotators and classes."""
    decision: Literal["single", "majority", "soft"] = "single"
    """One of those who saw the image, drawn at random; what most of them say, ties broken at random; or, for several
    findings and with the data's annotators, the share of them that says so.
    """
    matrix: list[Matrix] = []
    """Confusions of each annotator; drawn at random if left out."""

    @model_validator(mode="after")
    def _source_fits(self) -> "Annotators":
        if not self.of_the_data:
            if self.decision == "soft":
                raise ValueError("decision: soft is for what the data's annotators said; say source: data, too")
            return self
        fields = type(self).model_fields
        for key in ("count", "rate", "matrix"):
            if getattr(self, key) != fields[key].default:
                raise ValueError(f"'{key}' is of annotators that are drawn; leave it out, or leave out source: data")
        return self

    @property
    def of_the_data(self) -> bool:
        """Whether they are the data's own."""
        return self.source == "data"

    @cached_property
    def effect(self) -> dict[str, Any]:
        """Number and rate do not act where the confusions are given, nor where the data's own annotators are asked; the
        seed does not where nothing is drawn.
        """
        if self.of_the_data:
            seed = 0 if self.decision == "soft" else self.seed
            return {"kind": self.kind, "seed": seed, "source": self.source, "decision": self.decision}
        silent = {"count", "rate"} if self.matrix else set()
        return self.model_dump(mode="json", exclude={"title", "source", *silent})

    def task_objection(self, task: str) -> str | None:
        """Drawn confusions are of one label; shares of votes are of several findings."""
        if not self.of_the_data:
            return super().task_objection(task)
        if self.decision == "soft" and task not in MULTI:
            return "soft labels of annotators are for multi-label problems (say decision: single or majority)"
        return None

    def objection(self, classes: Sequence[str]) -> str | None:
        """That of the first matrix that has one."""
        return next((objection for matrix in self.matrix if (objection := matrix.objection(classes))), None)

    @property
    def annotators(self) -> int:
        """How many are drawn."""
        return len(self.matrix) or self.count

    def _usual_name(self) -> str:
        if self.of_the_data:
            return f"the data's annotators, {self.decision}"
        return f"{self.annotators} annotators, {self.decision}" + ("" if self.matrix else f" {self.rate:g}")


Rates = Share | dict[str, Share]


class ReportLabels(_Noise):
    """Labels mined from reports: a finding is missed with probability `miss`, an absent one reported with
    `false_alarm`; each one number, or a number a class (others keep their labels).

    The presets are light (.2, .01), missing (.5, .01), alarming (.2, .05) and heavy (.5, .05).
    """

    tasks: ClassVar[tuple[str, ...]] = MULTI
    kind: Literal["report"]
    preset: Literal["light", "missing", "alarming", "heavy"] | None = None
    miss: Rates | None = None
    false_alarm: Rates | None = None

    @model_validator(mode="after")
    def _says_how_much(self) -> "ReportLabels":
        if (self.preset is None) == (self.miss is None and self.false_alarm is None):
            raise ValueError("report noise needs a preset, or miss and false_alarm")
        return self

    @cached_property
    def effect(self) -> dict[str, Any]:
        """A preset is its rates."""
        return {"kind": self.kind, "seed": self.seed, "miss": self.rates[0], "false_alarm": self.rates[1]}

    def objection(self, classes: Sequence[str]) -> str | None:
        """A rate for a class that is not there."""
        named = [name for rates in self.rates if isinstance(rates, dict) for name in rates if name not in classes]
        return f"report noise names the class '{named[0]}'; {nearest(named[0], classes)}" if named else None

    @property
    def rates(self) -> tuple[Rates, Rates]:
        """P(miss) and P(false alarm)."""
        return REPORT_PRESETS[self.preset] if self.preset else (self.miss or 0.0, self.false_alarm or 0.0)

    def _usual_name(self) -> str:
        if self.preset:
            return f"report {self.preset}"
        return f"report {_text(self.rates[0])}/{_text(self.rates[1])}"


class Uncertain(_Noise):
    """Labels marked as uncertain (the data's own, and a share `rate` of all at random), and what is made of them."""

    tasks: ClassVar[tuple[str, ...]] = MULTI
    kind: Literal["uncertain"]
    policy: Literal["zeros", "ones", "ignore", "soft"]
    """Absent, present, left out of the loss, or a probability drawn from `soft`."""
    rate: Share = 0.0
    soft: tuple[Share, Share] = (0.55, 0.85)

    @property
    def is_drawn(self) -> bool:
        """Not where labels are the data's own and nothing is made of them by chance."""
        return self.rate > 0 or self.policy == "soft"

    @cached_property
    def effect(self) -> dict[str, Any]:
        """The range acts where the policy is soft."""
        return self.model_dump(mode="json", exclude={"title", *(() if self.policy == "soft" else ("soft",))})

    def _usual_name(self) -> str:
        return f"uncertain {self.policy}" + (f" {self.rate:g}" if self.rate else "")


def _text(rates: Rates) -> str:
    return "by class" if isinstance(rates, dict) else f"{rates:g}"


def _noise_from_name(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


_Noises = NoNoise | OwnNoise | Symmetric | Pair | Confusion | Instance | Annotators | ReportLabels | Uncertain
NoiseSpec = Annotated[_Noises, Field(discriminator="kind")]
Noise = Annotated[NoiseSpec, BeforeValidator(_noise_from_name, json_schema_input_type=Literal["none", "own"] | _Noises)]
NO_NOISE = NoNoise(kind="none")

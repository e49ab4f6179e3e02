"""Augmentation: the steps from a sample to one of its views, and the presets made of them."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from roskdbench.suite.declared import Declared

Part = Annotated[float, Field(gt=0, le=1)]
Reach = Annotated[float, Field(ge=0, le=1)]


class Flip(Declared):
    """Mirrored left to right, half of the time; upside down as well if so wished."""

    colour: ClassVar[bool] = False
    view: Literal["flip"] = "flip"
    vertical: bool = False


class Shift(Declared):
    """Moved by up to `reach` of the image's side, each way; edges repeat."""

    colour: ClassVar[bool] = False
    view: Literal["shift"] = "shift"
    reach: Part = 0.1
    whole_pixels: bool = False
    """Move by whole pixels only: nothing is blurred."""


class Crop(Declared):
    """A square from anywhere in the image, its side at least `smallest` of the image's, brought back to full size."""

    colour: ClassVar[bool] = False
    view: Literal["crop"] = "crop"
    smallest: Part = 0.9


class Rotation(Declared):
    """Turned by up to so many degrees either way; edges repeat."""

    colour: ClassVar[bool] = False
    view: Literal["rotation"] = "rotation"
    degrees: Annotated[float, Field(gt=0, le=180)] = 10.0


class ColourJitter(Declared):
    """Brightness, contrast and saturation scaled by up to so much either way, and hue turned by up to so much of a
    circle. For RGB images.
    """

    colour: ClassVar[bool] = True
    view: Literal["colour-jitter"] = "colour-jitter"
    brightness: Reach = 0.2
    contrast: Reach = 0.2
    saturation: Reach = 0.2
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.02


class Cutout(Declared):
    """A square of `side` of the image's side, centred anywhere in it, covered with the image's mean colour."""

    colour: ClassVar[bool] = False
    view: Literal["cutout"] = "cutout"
    side: Part = 0.25


def _step_from_name(value: Any) -> Any:
    return {"view": value} if isinstance(value, str) else value


_Steps = Flip | Shift | Crop | Rotation | ColourJitter | Cutout
StepName = Literal["flip", "shift", "crop", "rotation", "colour-jitter", "cutout"]
Step = Annotated[
    Annotated[_Steps, Field(discriminator="view")],
    BeforeValidator(_step_from_name, json_schema_input_type=StepName | _Steps),
]

PRESETS: dict[str, list[Any]] = {
    "none": [],
    "light": [Flip(), Shift(reach=0.125, whole_pixels=True)],
    "paper": [Flip(), Shift(reach=0.1), Crop(smallest=0.9), Rotation(degrees=10.0)],
}


def _steps_of_preset(value: Any) -> Any:
    if isinstance(value, str):
        if value not in PRESETS:
            raise ValueError(f"a preset ({', '.join(PRESETS)}) or a list of steps")
        return PRESETS[value]
    return value


Augmentation = Annotated[
    list[Step],
    BeforeValidator(_steps_of_preset, json_schema_input_type=Literal["none", "light", "paper"] | list[Step]),
]
"""Steps, or the name of a preset. Moves are made in their order, then colours change, then cutouts cover."""

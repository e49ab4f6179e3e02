"""What a file of weights says of the network that they belong to, so that it can be built again."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from roskdbench import foreign
from roskdbench.errors import UserError
from roskdbench.suite.declared import Declared

Count = Annotated[int, Field(ge=1, le=4096)]


class Architecture(Declared):
    """Its name, and what its constructor was told."""

    model: Annotated[str, Field(max_length=200)]
    options: dict[str, Any] = {}


class NetworkFacts(Declared):
    """All that it takes to rebuild a network."""

    architecture: Architecture
    stem: Literal["auto", "standard", "small"]
    channels: Count
    size: Count
    classes: Count
    task: Literal["single-label", "multi-label"] | None = None
    class_names: list[str] = []
    mean: list[float] | None = None
    """Of pixels, where the weights are those of timm's network alone: it is not among them then."""
    deviation: list[float] | None = None


def read_facts(text: str, path: Path) -> NetworkFacts:
    """The facts in a file's head; a UserError where they are none."""
    try:
        return NetworkFacts.model_validate(foreign.parsed(text, path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{path} does not say which network its weights belong to: {where}: {first['msg']}") from None

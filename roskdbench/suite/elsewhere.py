"""Another problem of the suite on whose images models are tested, too."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from roskdbench.suite.declared import Declared

HOME, LOST = "-home", "-lost"
"""The ends of metrics at home over what is shared, and of what is lost against it."""


class _Elsewhere(Declared):
    """Another problem."""

    problem: str
    """Its name among the suite's problems."""
    labels: dict[str, str] = {}
    """What it calls classes, by what they are called at home, beside the names that are known to mean the same."""
    part: Literal["test", "all"] = "test"
    """Its test part, or all of its images where nothing is trained on them."""


def _from_name(value: Any) -> Any:
    return {"problem": value} if isinstance(value, str) else value


Elsewhere = Annotated[_Elsewhere, BeforeValidator(_from_name, json_schema_input_type=str | _Elsewhere)]

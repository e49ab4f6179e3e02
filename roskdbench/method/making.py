"""From a method's name and parameters to the method itself."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from roskdbench.errors import UserError, nearest
from roskdbench.method.contract import Method
from roskdbench.plugins import Registry


def make_method(registry: Registry, name: str, parameters: Mapping[str, Any] | None = None) -> Method:
    """The method of that name with parameters; a UserError if either is not known."""
    chosen: type[Method] = registry.find("method", name).thing
    try:
        return chosen.model_validate(dict(parameters or {}))
    except ValidationError as error:
        first = error.errors()[0]
        keys = ".".join(str(key) for key in first["loc"])
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            reason = f"unknown parameter '{keys}'; {nearest(keys, chosen.model_fields)}"
        else:
            message = first["msg"].removeprefix("Value error, ")
            reason = f"{keys}: {message[:1].lower()}{message[1:]}"
        raise UserError(f"method '{name}': {reason}") from None

"""The base of everything that a suite file declares: frozen, and strict about its keys."""

from pydantic import BaseModel, ConfigDict


class Declared(BaseModel):
    """A frozen record. A key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

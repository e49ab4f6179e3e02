"""The base of everything that a suite file declares: frozen, and strict about its keys."""

import ast
import inspect
import re
from collections.abc import Mapping
from functools import cached_property
from textwrap import dedent
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler

from roskdbench.fingerprint import canonical_json


class Declared(BaseModel):
    """A frozen record. A key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @cached_property
    def canonical(self) -> str:
        """One text for all that it says."""
        return canonical_json(self.model_dump(mode="json"))

    def __hash__(self) -> int:
        return hash(self.canonical)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, perhaps with other values; what was worked out from the old ones is not taken along."""
        copy = super().model_copy(update=update, deep=deep)
        for name in copy.__dict__.keys() - type(self).model_fields.keys():
            del copy.__dict__[name]
        return copy

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The JSON schema, where a field is described by the text under it. Pydantic can read those texts too, but does
        so for every class that is made, and only the schema needs them.
        """
        schema = handler(core_schema)
        fields = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in field_texts(cls).items():
            if name in fields:
                fields[name].setdefault("description", text)
        return schema


def field_texts(declared: type[Declared]) -> dict[str, str]:
    """The texts under the fields of a class and of those that it is made from."""
    found: dict[str, str] = {}
    for each in reversed(declared.__mro__):
        if issubclass(each, Declared):
            (described,) = ast.parse(dedent(inspect.getsource(each))).body
            assert isinstance(described, ast.ClassDef)
            for field, text in zip(described.body, described.body[1:], strict=False):
                match field, text:
                    case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(words))):
                        found[name] = inspect.cleandoc(words)
    return found


def first_sentence(declared: object) -> str:
    """The first sentence of a docstring, which says a title and, after a colon, what it is. Without its full stop."""
    paragraph = (inspect.getdoc(declared) or "").strip().partition("\n\n")[0]
    return re.split(r"\.\s|\.$", " ".join(paragraph.split()), maxsplit=1)[0]

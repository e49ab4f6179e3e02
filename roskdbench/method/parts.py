"""Parts of a method: small frozen declarations that a suite can name, such as
`weighting: {kind: dirichlet, concentration: 0.1}`.

Each direct subclass of Part is a family (Weighting, say) and each subclass of a family a kind of it, known by its
class name in kebab-case. A method file may add kinds of its own.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import ModelWrapValidatorHandler, model_validator

from roskdbench.errors import nearest
from roskdbench.suite.declared import Declared


class Part(Declared):
    """A choice that a method declares."""

    kinds: ClassVar[dict[str, type["Part"]]]
    kind: ClassVar[str]
    abstract: ClassVar[bool] = False
    revision: ClassVar[int] = 1
    """Of a kind that comes with roskdbench: counted up when what it computes changes, for trainings to be made anew."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Note the new kind with its family; an abstract one cannot be named in a suite."""
        cls.kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()
        if Part in cls.__bases__:
            cls.kinds = {}
        elif not vars(cls).get("abstract", False):
            cls.kinds[cls.kind] = cls

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Where a family is asked for, take a kind's name or a mapping with the key `kind`."""
        if Part not in cls.__bases__ or isinstance(value, cls):
            return handler(value)
        named = {"kind": value} if isinstance(value, str) else value
        if not isinstance(named, Mapping) or "kind" not in named:
            raise ValueError(f"name a {cls.kind} or give a mapping with 'kind'; {nearest('', cls.kinds)}")
        chosen = cls.kinds.get(str(named["kind"]))
        if chosen is None:
            raise ValueError(f"unknown {cls.kind} '{named['kind']}'; {nearest(str(named['kind']), cls.kinds)}")
        settings = {key: item for key, item in named.items() if key != "kind"}
        for key in settings:
            if key not in chosen.model_fields:
                raise ValueError(f"{chosen.kind} has no setting '{key}'; {nearest(str(key), chosen.model_fields)}")
        return chosen.model_validate(settings)  # type: ignore[return-value]

    def declaration(self) -> dict[str, Any]:
        """The part as a suite would write it, every setting included."""
        return {"kind": self.kind, **self.model_dump(mode="json")}

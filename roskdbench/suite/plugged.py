"""What a suite names from a family that plugins can add to: a measure, a dataset, an attack.

In YAML it is a name, or a mapping that has the name under the family's own key, such as
`{measure: landscape, points: 21}`. Which names there are says the registry that the suite is read with.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BeforeValidator,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_serializer,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from roskdbench.errors import UserError
from roskdbench.plugins import Registry, bundled_registry
from roskdbench.source import code_of
from roskdbench.suite.declared import Declared, first_sentence

UNKNOWN = "unknown"
"""The type of an error about a name that nothing has; its message says the name."""
NESTED = "nested"
"""The type of an error whose context holds the errors of what a name stands for."""


class Plugged(Declared):
    """One of a family, its fields the settings that a suite can give it. The docstring begins "TITLE: what it is"."""

    family: ClassVar[str]
    name: ClassVar[str] = ""

    @model_serializer(mode="wrap")
    def _with_its_name(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {self.family: self.name, **handler(self)}

    @classmethod
    def title_of(cls) -> str:
        """What it is called: its docstring up to the colon."""
        return first_sentence(cls).partition(":")[0].strip() or cls.name

    @classmethod
    def summary(cls) -> str:
        """What it is, in a line: the docstring's first sentence after the colon."""
        before, _, after = first_sentence(cls).partition(":")
        return (after or before).strip()

    @classmethod
    def from_text(cls, text: str) -> Mapping[str, Any]:
        """What a text in place of a mapping means: the name alone."""
        return {cls.family: text}

    @classmethod
    def also_understood(cls) -> Iterable[str]:
        """Names that `from_text` takes beside those of the family, to be suggested where a name is not known."""
        return ()

    def declaration(self) -> dict[str, Any]:
        """What is not as it is by default: a setting that is added later leaves old fingerprints as they are."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def code(self) -> dict[str, str]:
        """Digests of the files outside roskdbench whose code it runs."""
        return code_of(type(self))

    @classmethod
    def read(cls, value: Any, registry: Registry) -> Self:
        """The one that a suite means. A UserError for a name that is not known, a ValidationError for its settings."""
        named = cls.from_text(value) if isinstance(value, str) else value
        if not isinstance(named, Mapping):
            raise UserError(f"write a {cls.family} as its name, or as a mapping with the key {cls.family}")
        if cls.family not in named:
            raise UserError(f"it does not say which {cls.family}; it needs the key '{cls.family}'")
        chosen: type[Self] = registry.find(cls.family, str(named[cls.family]), cls.also_understood()).thing
        settings = {key: setting for key, setting in named.items() if key != cls.family}
        return chosen.model_validate(settings, context={"registry": registry})


Base = TypeVar("Base", bound=Plugged)


def registry_of(info: ValidationInfo) -> Registry:
    """The registry that something is read with; the bundled one where none is said."""
    return (info.context or {}).get("registry") or bundled_registry()


def one_of(base: type[Base]) -> Any:
    """The type of a field that holds one of a family."""

    def read(value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, base):
            return value
        try:
            return base.read(value, registry_of(info))
        except UserError as error:
            raise PydanticCustomError(UNKNOWN, "{reason}", {"reason": str(error)}) from None
        except ValidationError as error:
            chosen = registry_of(info).find(base.family, _name_in(base, value)).thing
            known = [base.family, *chosen.model_fields]
            nested = [_with_known(each, known) for each in error.errors(include_url=False)]
            raise PydanticCustomError(NESTED, "{reason}", {"reason": nested[0]["msg"], "errors": nested}) from None

    return Annotated[SerializeAsAny[base], BeforeValidator(read), WithJsonSchema({"x-family": base.family})]  # type: ignore[misc,valid-type]


def _name_in(base: type[Plugged], value: Any) -> str:
    named = base.from_text(value) if isinstance(value, str) else value
    return str(named[base.family])


def _with_known(error: ErrorDetails, known: list[str]) -> ErrorDetails:
    """An error about a key that is not known, with those that are."""
    if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
        return {**error, "ctx": {"known": known}}
    return error

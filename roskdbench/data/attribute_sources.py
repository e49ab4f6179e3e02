"""Attributes of samples as a suite names them: each from a column or from the path, as it is or as a band of ages."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializerFunctionWrapHandler, model_serializer

from roskdbench.data.attributes import MOST_VALUES, SEXES, age_band, known
from roskdbench.data.column_or_path import PathPattern, found_in, refuse_unknown
from roskdbench.data.labelfile import LabelFile
from roskdbench.errors import UserError
from roskdbench.suite.declared import Declared

SEX = "sex"


class Attribute(Declared):
    """Where an attribute is read: in a column, or in the path."""

    column: str | None = None
    """The column that holds it."""
    path: PathPattern | None = None
    """A regular expression that is searched in the path of each image from `root`; what its one capturing group finds
    is taken, and where the group finds nothing, nothing is known.
    """
    bands: bool = False
    """Take ages in years as bands of twenty years, such as 40 to 59."""

    @model_serializer(mode="wrap")
    def _what_is_set(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value}


def _from_name(value: Any) -> Any:
    if isinstance(value, str) and value:
        return {"column": value}
    if isinstance(value, Mapping):
        refuse_unknown(value, tuple(Attribute.model_fields))
    elif not isinstance(value, Attribute):
        raise ValueError("write a column's name, or {column: NAME} or {path: PATTERN}, perhaps with bands: true")
    if isinstance(value, Mapping) and bool(value.get("column")) == bool(value.get("path")):
        raise ValueError("an attribute is read from one place: say column or path")
    return value


AttributeSource = Annotated[Attribute, BeforeValidator(_from_name, json_schema_input_type=str | Attribute)]
"""A column's name, or a mapping."""


def read_attributes(
    sources: Mapping[str, Attribute], file: LabelFile | None, paths: Sequence[str]
) -> tuple[dict[str, list[str]], list[str]]:
    """A text of each attribute for each image, empty where nothing is known, and remarks on what was not understood."""
    found: dict[str, list[str]] = {}
    remarks: list[str] = []
    for name, source in sources.items():
        texts = _texts(name, source, file, paths)
        if source.bands:
            texts, remark = _bands(name, texts)
            remarks += remark
        elif name.lower() == SEX:
            texts = [known(text, SEXES) or text for text in texts]
        _refuse_many(name, source, texts)
        found[name] = texts
    return found, remarks


def _texts(name: str, source: Attribute, file: LabelFile | None, paths: Sequence[str]) -> list[str]:
    if source.path is not None:
        return found_in(source.path, paths, f"the attribute '{name}'", may_be_empty=True)
    assert file is not None, "a column without a label file"
    return file[str(source.column)]


def _bands(name: str, texts: list[str]) -> tuple[list[str], list[str]]:
    band_of = {text: age_band(text) for text in set(texts)}
    bands = [band_of[text] for text in texts]
    none = Counter(text for text in texts if text and not band_of[text])
    if not none:
        return bands, []
    first = next(iter(none))
    if not any(bands):
        raise UserError(f"the attribute '{name}': no value is an age in years, such as 58 or 058Y; one is '{first}'")
    return bands, [f"Values of '{name}' that are no age, such as '{first}', count as not known: {none.total():,}."]


def _refuse_many(name: str, source: Attribute, texts: list[str]) -> None:
    there = sorted(set(texts) - {""})
    if len(there) <= MOST_VALUES:
        return
    ages = sum(bool(age_band(text)) for text in there) > len(there) / 2
    place = f"column: {source.column}" if source.column else f"path: '{source.path}'"
    hint = f"for ages in years, say {name}: {{{place}, bands: true}}" if ages else f"{MOST_VALUES} are the most"
    raise UserError(
        f"the attribute '{name}' has {len(there):,} values, such as {there[0]} and {there[1]}, which are too many "
        f"groups to compare; {hint}"
    )

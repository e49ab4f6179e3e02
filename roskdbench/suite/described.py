"""The JSON Schema of suite files, with every measure, dataset and attack there is."""

from typing import Any

from roskdbench.plugins import Registry
from roskdbench.suite.schema import Suite


def described(registry: Registry) -> dict[str, Any]:
    """What a suite may say, for editors."""
    schema = Suite.model_json_schema()
    schema["properties"]["extends"] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": "A suite to lay this one over, or several, each over those before it.",
    }
    definitions = schema.setdefault("$defs", {})
    filled: set[str] = set()
    _fill(schema, registry, definitions, filled)
    return schema


def _fill(part: Any, registry: Registry, definitions: dict[str, Any], filled: set[str]) -> None:
    """Put references in place of what families of plugins there are, and describe each of the family once."""
    if isinstance(part, list):
        for each in part:
            _fill(each, registry, definitions, filled)
    if not isinstance(part, dict):
        return
    if family := part.pop("x-family", None):
        part["$ref"] = f"#/$defs/{family}"
        if family not in filled:
            filled.add(family)
            definitions[family] = _family(family, registry, definitions)
            _fill(definitions[family], registry, definitions, filled)
    for each in list(part.values()):
        _fill(each, registry, definitions, filled)


def _family(family: str, registry: Registry, definitions: dict[str, Any]) -> dict[str, Any]:
    choices = []
    for name, entry in registry.of(family).items():
        own = entry.thing.model_json_schema(mode="validation")
        definitions |= {key: value for key, value in own.pop("$defs", {}).items() if key not in definitions}
        own["properties"] = {family: {"const": name}, **own.get("properties", {})}
        own["required"] = [family, *own.get("required", [])]
        choices.append(own)
    names: dict[str, Any] = {"type": "string", "description": "The name alone, or as tables write it."}
    return {"anyOf": [names, *choices]}

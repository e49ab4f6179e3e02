"""Pages that are made from the code while the documentation is built: every key of a suite, every command, every
method, and the pictures of the gallery. MkDocs calls `on_files`.
"""

import re
import sys
from pathlib import Path
from typing import Any

import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from roskdbench.cli import app
from roskdbench.method.effects import parameters_read
from roskdbench.method.families import in_order
from roskdbench.plugins import bundled_registry
from roskdbench.suite.described import described

ROOT = Path(__file__).parent.parent
PICTURES = (
    *(f"quick/{name}" for name in ("run", "table", "page", "turned", "examples-lesion", "examples-cardio")),
    *("ham10000/table1-f1", "site", "export"),
)
LONGEST = 60  # letters of a default that stands in a table


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that nobody writes by hand."""
    texts = {"reference/suite.md": suite_page(), "reference/commands.md": commands_page(), **method_pages()}
    for name, text in texts.items():
        files.append(File.generated(config, name, content=text))
    for each in PICTURES:
        picture = ROOT / "leaderboards" / f"{each}.png"
        files.append(File.generated(config, f"pictures/{each.replace('/', '-')}.png", abs_src_path=str(picture)))
    return files


def suite_page() -> str:
    """Every key that a suite may have, from its schema."""
    schema = described(bundled_registry())
    definitions = schema["$defs"]
    waiting, seen, parts = ["#"], {"#"}, []
    while waiting:
        name = waiting.pop(0)
        part = schema if name == "#" else definitions[name]
        for each in _referred(part):
            if each not in seen:
                seen.add(each)
                waiting.append(each)
        parts.append(_keys(name, part))
    head = (
        "# Keys of a suite\n\nAll that a YAML suite may say, from the schema that `roskdbench schema` prints. "
        "Begin with [how suites are written](../how-to/suites.md).\n"
    )
    return head + "\n".join(parts)


def _referred(part: Any) -> list[str]:
    if isinstance(part, list):
        return [name for each in part for name in _referred(each)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"].rpartition("/")[2]] if "$ref" in part else []
    return own + [name for each in part.values() for name in _referred(each)]


def _keys(name: str, part: dict[str, Any]) -> str:
    title = "The suite" if name == "#" else name.strip("_")
    lines = [f"\n## {title} {{ #{_anchor(name)} }}\n"]
    if text := part.get("description"):
        lines.append(f"{_plain(text)}\n")
    for choice in part.get("anyOf", []):
        if "properties" in choice:
            named = (f"{key}: {value['const']}" for key, value in choice["properties"].items() if "const" in value)
            said = next(named, "")
            lines.append(f"\n### `{said or choice.get('title', '')}`\n")
            if text := choice.get("description"):
                lines.append(f"{_plain(text)}\n")
            lines += _table(choice)
        else:
            lines.append(f"- {_kind(choice)}\n")
    return "\n".join(lines + (_table(part) if "properties" in part else [] if "anyOf" in part else [_kind(part)]))


def _table(part: dict[str, Any], linked: bool = True) -> list[str]:
    rows = ["\n| key | what | default |", "|---|---|---|"]
    required = part.get("required", [])
    for key, each in part["properties"].items():
        if "const" in each:
            continue
        default = "**needed**" if key in required else _default(each.get("default", ""))
        text, kind = _plain(each.get("description", "")), _kind(each)
        if not linked:
            kind = re.sub(r"\[(\w+)\]\([^)]*\)", r"\1", kind)
        rows.append(f"| `{key}` | {kind}{'. ' + text if text else ''} | {_cell(default)} |")
    return rows if len(rows) > 2 else []


def _default(value: Any) -> str:
    """A default that is told where its own keys are is not repeated."""
    long = isinstance(value, dict) or (isinstance(value, list) and len(str(value)) > LONGEST)
    return "" if value == "" or long else f"`{value!r}`"


def _kind(part: dict[str, Any]) -> str:
    """A type in words."""
    several = part.get("anyOf") or part.get("oneOf")
    if several:
        return " or ".join(dict.fromkeys(map(_kind, several)))
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return f"[{name.strip('_')}](#{_anchor(name)})"
    if "const" in part or "enum" in part:
        return ", ".join(f"`{each}`" for each in part.get("enum", [part.get("const")]))
    return _plain_kind(part)


def _plain_kind(part: dict[str, Any]) -> str:
    kind, items, values = part.get("type", "anything"), part.get("items"), part.get("additionalProperties")
    if kind == "array":
        return f"list of {_kind(items)}" if isinstance(items, dict) else "list"
    if kind == "object":
        return f"mapping of names to {_kind(values)}" if isinstance(values, dict) and values else "mapping"
    bounds = [f"{word} {part[key]:g}" for key, word in BOUNDS.items() if key in part]
    return " ".join([WORDS.get(kind, kind), *bounds])


BOUNDS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
WORDS = {"integer": "whole number", "string": "text", "boolean": "true or false", "null": "nothing"}


def _anchor(name: str) -> str:
    return "suite" if name == "#" else "key-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _plain(text: str) -> str:
    return _cell(" ".join(str(text).split())).replace("<", "&lt;").replace("[", "\\[")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def commands_page() -> str:
    """Every command with its arguments and options, as --help has them."""
    lines = ["# Commands", "", "What `roskdbench COMMAND --help` says."]
    for path, command in _commands(typer.main.get_command(app), ()):
        lines += ["", f"## roskdbench {' '.join(path)}", "", _plain(command.help or ""), ""]
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        options = [each for each in command.params if each.param_type_name == "option" and each.name != "help"]
        usage = " ".join(["roskdbench", *path, *map(_name, arguments), "[OPTIONS]"])
        lines += ["```text", usage, "```", ""]
        rows = [(_name(each), each) for each in arguments]
        rows += [(", ".join([*each.opts, *each.secondary_opts]), each) for each in options]
        if rows:
            lines += ["| | |", "|---|---|"]
            lines += [f"| `{_cell(name)}` | {_plain(getattr(each, 'help', '') or '')} |" for name, each in rows]
    return "\n".join(lines) + "\n"


def _name(argument: Any) -> str:
    return str(argument.metavar or (argument.name or "").upper())


def _commands(command: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(path, command)]
    own = [(path, command)] if path and getattr(command, "invoke_without_command", False) else []
    return own + [each for name, one in sorted(inner.items()) for each in _commands(one, (*path, name))]


def method_pages() -> dict[str, str]:
    """A page for each method, and one that lists them by family."""
    registry = bundled_registry().of("method")
    lines = [
        "# Methods",
        "",
        "Each is a file of its own under `methods/`. Passes are those of a training step through the student, of which "
        "labels alone take 1. [How to add one](../tutorial/own-method.md).",
    ]
    pages = {}
    for family, names in in_order({name: entry.thing for name, entry in registry.items()}):
        lines += ["", f"## {family.capitalize()}", "", "| method | what | passes |", "|---|---|---|"]
        for name in names:
            method = registry[name].thing
            passes = f"{method().cost:.3g}" if method().trains_student else "none"
            lines.append(f"| [`{name}`]({name}.md) | {_plain(method.title())}: {_plain(method.summary())} | {passes} |")
            pages[f"methods/{name}.md"] = _method_page(name, registry[name])
    return {"methods/index.md": "\n".join(lines) + "\n", **pages}


def _method_page(name: str, entry: Any) -> str:
    source = Path(entry.origin).read_text("utf-8")
    told = (sys.modules[entry.thing.__module__].__doc__ or entry.thing.__doc__ or "").strip()
    schema, read = entry.thing.model_json_schema(), parameters_read(entry.thing())
    schema["properties"] = {key: each for key, each in schema["properties"].items() if key in read}
    settings = "\n".join(_table(schema, linked=False))
    shown = source.partition('"""')[2].partition('"""')[2].strip() if source.startswith('"""') else source.strip()
    return (
        f"# {_plain(entry.thing.title())}\n\n{_plain(entry.thing.summary()).capitalize()}. In a suite: `{name}`.\n\n"
        f"{told.replace('<', '&lt;')}\n\n## Its parameters\n{settings}\n\n## Its file\n\n```python\n{shown}\n```\n"
    )

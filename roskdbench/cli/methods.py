"""`methods`: which there are, family by family, or the card of one."""

import inspect
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roskdbench.cli.options import Folders, console

if TYPE_CHECKING:
    from rich.console import Console

    from roskdbench.method import Method
    from roskdbench.plugins import Entry, Registry

FEWEST_CLASSES = 2  # that any method needs
LABELS = {"single-label": "one label", "multi-label": "several findings"}


def methods(
    name: Annotated[str | None, typer.Argument(help="One of them, whose card is to be shown.")] = None,
    folders: Folders = None,
) -> None:
    """List the methods by family, with their teachers and what a step costs, or show the card of one."""
    from roskdbench.method import make_method
    from roskdbench.plugins import discover

    registry, screen = discover(folders or []), console()
    if name is not None:
        _print_card(registry.find("method", name), make_method(registry, name), screen)
        return
    _print_list(registry, screen)


def _print_list(registry: "Registry", screen: "Console") -> None:
    from rich.table import Table
    from rich.text import Text

    from roskdbench.cli.look import print_left_out
    from roskdbench.method import make_method
    from roskdbench.method.families import in_order

    grid = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("method", "", "teachers", "passes", "from"):
        grid.add_column(heading, justify="right" if heading == "passes" else "left")
    entries = registry.of("method")
    for family, names in in_order({each: entry.thing for each, entry in entries.items()}):
        grid.add_section()
        grid.add_row(Text(family, style="bold underline"))
        for each in names:
            entry, method = entries[each], make_method(registry, each)
            only = "" if len(method.tasks) == len(LABELS) else f" ({_labels(method)} only)"
            line = Text.assemble(f"{type(method).title()}: {type(method).summary()}", (only, "yellow"))
            passes = f"{method.cost:.3g}" if method.trains_student else "0"
            origin = "bundled" if entry.bundled else entry.origin
            grid.add_row(Text(each, style="bold"), line, _teachers(method), passes, Text(origin, style="dim"))
    screen.print(grid)
    screen.print(
        "passes: forward and backward through the student in a step, Baseline I's being 1. methods NAME shows a card.",
        style="dim",
        soft_wrap=True,
    )
    print_left_out(registry, "method", screen)


def _labels(method: "Method") -> str:
    """What kinds of labels it is for."""
    kinds = " and ".join(LABELS[task] for task in method.tasks)
    return kinds + (f", {method.fewest_classes} classes or more" if method.fewest_classes > FEWEST_CLASSES else "")


def _teachers(method: "Method") -> str:
    """Whom it learns from, in a word or two."""
    how = getattr(method.teachers, "trained_by", None)
    return method.teachers.described + (f", by {how.method}" if how else "")


def _print_card(entry: "Entry", method: "Method", screen: "Console") -> None:
    from rich.table import Table
    from rich.text import Text

    from roskdbench.method import Part
    from roskdbench.method.effects import parameters_read

    kind = type(method)
    screen.print(Text.assemble((kind.title(), "bold"), f": {kind.summary()}"), soft_wrap=True)
    told = inspect.getdoc(sys.modules.get(kind.__module__)) or ""
    for paragraph in _paragraphs(told):
        screen.print(f"\n{paragraph}", markup=False, highlight=False)
    screen.print()
    grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    facts = {
        "family": kind.listed_under(),
        "labels": _labels(method),
        "teachers": _teachers(method),
        "asks": _asked(method),
        "passes": f"{method.cost:.3g} through the student in a step" if method.trains_student else "none: no student",
        "file": "bundled" if entry.bundled else entry.origin,
    }
    for label, fact in facts.items():
        grid.add_row(Text(label, style="dim"), fact)
    screen.print(grid)
    parameters = Table(box=None, padding=(0, 2, 0, 0), title="parameters", title_justify="left", title_style="bold")
    for heading in ("name", "default", ""):
        parameters.add_column(heading)
    texts, read = _texts(kind), parameters_read(method)
    for each in (name for name in kind.model_fields if name in read):
        value = getattr(method, each)
        plain = value.declaration() if isinstance(value, Part) else value
        parameters.add_row(Text(each, style="bold"), Text(_written(plain)), Text(texts.get(each, ""), style="dim"))
    screen.print(parameters)


def _paragraphs(text: str) -> list[str]:
    """Paragraphs as one line each, for a terminal of any width; formulas, which are indented, as they stand."""
    found = text.split("\n\n") if text else []
    return [each if each.startswith(" ") else " ".join(each.split()) for each in found]


def _asked(method: "Method") -> str:
    wants = {
        "what teachers say of each view": method.uses_teacher_logits and method.teachers.described != "none",
        "teachers themselves": method.asks_teachers,
        "features": method.uses_features or method.uses_maps,
        "feature maps": method.uses_maps,
    }
    return ", ".join(name for name, wanted in wants.items() if wanted) or "nothing but labels"


def _written(value: Any) -> str:
    """A parameter as a suite would write it."""
    if isinstance(value, dict):
        kind, rest = value.get("kind", ""), {key: each for key, each in value.items() if key != "kind"}
        inner = ", ".join(f"{key}: {_written(each)}" for key, each in rest.items() if each is not None)
        return f"{{kind: {kind}, {inner}}}" if inner else str(kind)
    return "" if value is None else str(value)


def _texts(kind: type) -> dict[str, str]:
    """What stands under each field."""
    from roskdbench.suite.declared import field_texts

    return field_texts(kind)

"""Writing the pages: an index with every table, a page a method, and the figures source them.

Every text goes through a template that escapes it; data for scripts are JSON without a character that could end them.
"""

import json
import re
import struct
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roskdbench.artifact import DamagedArtifactError
from roskdbench.errors import UserError, refusal
from roskdbench.plugins import Registry
from roskdbench.report.contents import Contents
from roskdbench.report.figures.drawing import draw_all, figures_of
from roskdbench.report.formats.text import cell_text, heading
from roskdbench.report.page.facts import facts
from roskdbench.report.page.links import PageLinks
from roskdbench.report.table import Estimate, Table, Value, Word
from roskdbench.results import Results
from roskdbench.statistics.comparison import Difference
from roskdbench.store import Store

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

DENSITY = 2  # pixels of a picture to one of the page


def write_page(results: Results, contents: Contents, store: Store, registry: Registry, folder: Path) -> list[Path]:
    """Write the folder; the files of text, the index first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pictures = [path for path in draw_all(results, store, folder / "figures", registry) if path.suffix == ".png"]
        drawn = {path.name: _width(path) for path in pictures}
        places = PageLinks(results)
        shown = [(name, [_table(table, places, name) for table in each]) for name, each in contents.by_experiment]
        whole = [_table(table, places, "") for table in contents.whole]
        pages = {"index.html": _index(results, whole, shown, drawn, places, store, registry)}
        for title, registered in places.methods.items():
            own = [
                (table, row)
                for _, each in shown
                for table in each
                for row in table["rows"]
                if row["labels"][0] == title
            ]
            pages[places.page(title)] = _method(results, registry, title, registered, own, drawn)
        formats = [entry.thing for entry in registry.of("format").values() if entry.thing.file]
        pages |= {each.file: each.write(contents.every, results) for each in formats}
        for name, text in pages.items():
            (folder / name).write_text(text, "utf-8")
        return [folder / name for name in pages]
    except DamagedArtifactError as error:
        raise UserError(f"{error}; run the suite again, then report") from None
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {refusal(error)}") from None


def _table(table: Table, places: PageLinks, experiment: str) -> dict[str, Any]:
    spans = [(name, len(list(each))) for name, each in groupby(table.columns, lambda column: column.group)]
    rows = []
    for labels, cells in table.rows:
        own = places.page(labels[0]) if labels[0] in places.methods else ""
        shown = []
        for column, cell in zip(table.columns, cells, strict=True):
            kind = "others" if column.source else _kind(cell)
            link = "" if column.source or cell is None else places.of(experiment, labels, column.problem)
            shown.append({"text": _text(cell), "value": _value(cell), "kind": kind, "id": link, "more": _more(cell)})
        rows.append({"labels": labels, "page": own, "cells": shown})
    return {
        "name": table.name,
        "title": table.title,
        "labels": table.labels,
        "groups": [{"name": name, "span": span} for name, span in spans],
        "heads": [heading(column) for column in table.columns],
        "whole_heads": [f"{column.group} {heading(column)}" for column in table.columns],
        "rows": rows,
        "notes": table.notes,
    }


def _text(cell: Value) -> str:
    return cell_text(cell, "{}", " ± ")


def _value(cell: Value) -> float | None:
    return cell.mean if isinstance(cell, Estimate) else cell.value if isinstance(cell, Difference) else None


def _kind(cell: Value) -> str:
    if isinstance(cell, Word):
        return "" if cell.good is None else "best" if cell.good else "bad"
    if isinstance(cell, str):
        return "bad"
    return "best" if (isinstance(cell, Estimate) and cell.best) or (isinstance(cell, Difference) and cell.sure) else ""


def _more(cell: Value) -> str:
    if isinstance(cell, Estimate) and cell.low is not None:
        return f"95 %: {cell.low:.3f} to {cell.high:.3f}; {cell.runs} {'run' if cell.runs == 1 else 'runs'}"
    if isinstance(cell, Difference):
        return f"p = {cell.p:.2g} after correction"
    return f"{cell.runs} {'run' if cell.runs == 1 else 'runs'}" if isinstance(cell, Estimate) else ""


def _png(experiment: str, figure: str) -> str:
    return f"{experiment}-{figure}.png"


def _shown(drawn: Mapping[str, int], experiment: str, figure: str, alt: str) -> dict[str, Any]:
    name = _png(experiment, figure)
    return {"file": f"figures/{name}", "alt": alt, "width": drawn[name]}


def _width(picture: Path) -> int:
    """How wide a picture is to be at most, so that letters are of one size in all of them."""
    with picture.open("rb") as file:
        pixels: int = struct.unpack(">I", file.read(20)[16:])[0]  # of a PNG's header
    return pixels // DENSITY


def _index(
    results: Results,
    whole: list[dict[str, Any]],
    shown: list[tuple[str, list[dict[str, Any]]]],
    drawn: Mapping[str, int],
    places: PageLinks,
    store: Store,
    registry: Registry,
) -> str:
    suite = results.plan.suite
    experiments = []
    for number, (name, tables) in enumerate(shown, 1):
        figures = [
            _shown(drawn, name, each.name, each.caption)
            for each in figures_of(registry)
            if _png(name, each.name) in drawn
        ]
        title = suite.experiments[name].title or name
        experiments.append({"id": f"e{number}", "title": title, "tables": tables, "figures": figures})
    data = facts(results, places, store)
    return (
        _templates()
        .get_template("index.html")
        .render(
            title=suite.title or suite.suite,
            run=results.name,
            made_with=results.made_with,
            whole=whole,
            experiments=experiments,
            methods=list(places.methods),
            landscapes=[f"{each['problem']}: {each['name']}" for each in data["landscapes"]],
            data=_script_data(data),
            style=_part("page.css"),
            scripts=[_part("page.js"), _part("landscape.js")],
        )
    )


def _method(
    results: Results,
    registry: Registry,
    title: str,
    registered: str,
    own: Iterable[tuple[dict[str, Any], dict[str, Any]]],
    drawn: Mapping[str, int],
) -> str:
    cell = next(cell for cell in results.plan.cells if cell.method == title)
    where = dict.fromkeys(each.experiment for each in results.plan.cells if each.method == title)
    figures = [
        _shown(drawn, name, each.name, f"{name}: {each.caption}")
        for name in where
        for each in figures_of(registry)
        if each.on_method_pages and _png(name, each.name) in drawn
    ]
    model = results.plan.model(cell)
    parameters: dict[str, Any] = {}
    if model is not None and model.kind == "trajectory":
        parameters = {**model.spec["method"], "averaging": model.spec["averaging"]}
    entry = registry.of("method").get(registered)
    text = (entry.thing.__doc__ or "").strip() if entry else ""
    tables = [{**table, "rows": [row]} for table, row in own]
    method = {
        "title": title,
        "registered": registered,
        "text": re.sub(r"\n    ", "\n", text),
        "parameters": {name: json.dumps(value, ensure_ascii=False) for name, value in parameters.items()},
        "code": dict(model.code) if model else {},
        "tables": _joined(tables),
        "figures": figures,
    }
    suite = results.plan.suite
    return (
        _templates()
        .get_template("method.html")
        .render(method=method, title=suite.title or suite.suite, style=_part("page.css"))
    )


def _joined(tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one table under one heading."""
    found: dict[str, dict[str, Any]] = {}
    for table in tables:
        if table["name"] in found:
            found[table["name"]]["rows"] = [*found[table["name"]]["rows"], *table["rows"]]
        else:
            found[table["name"]] = dict(table)
    return list(found.values())


def _script_data(data: Any) -> "Markup":
    """JSON that cannot end the script it stands in."""
    from markupsafe import Markup

    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _part(name: str) -> "Markup":
    """A file of ours, as it is."""
    from markupsafe import Markup

    return Markup((files(__package__) / name).read_text("utf-8"))


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("roskdbench.report.page", ".")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)

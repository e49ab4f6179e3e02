"""Writing the pages: an index with every table, a page a method, and the figures source them.

Every text goes through a template that escapes it; data for scripts are JSON without a character that could end them.
"""

import json
import struct
from collections.abc import Iterable, Mapping
from functools import partial
from inspect import cleandoc
from pathlib import Path
from typing import Any

from roskdbench.artifact import DamagedArtifactError
from roskdbench.errors import UserError, refusal
from roskdbench.plugins import Registry
from roskdbench.report.contents import Contents
from roskdbench.report.figures.drawing import draw_all, figures_of, on_dark
from roskdbench.report.page.facts import facts
from roskdbench.report.page.links import PageLinks
from roskdbench.report.page.shaping import part, script_data, shaped, templates
from roskdbench.results import Results
from roskdbench.store import Store

DENSITY = 2  # pixels of a picture to one of the page


def write_page(
    results: Results, contents: Contents, store: Store, registry: Registry, folder: Path, images: bool = False
) -> list[Path]:
    """Write the folder, with images of data that are not generated only if so wished; the files of text, the index
    first.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        drawn = {
            path.name: _width(path)
            for path in draw_all(results, store, folder / "figures", registry, images, dark=True)
        }
        places = PageLinks(results)
        page_of = places.page_of
        shown = [
            (name, [shaped(table, page_of, partial(places.of, name)) for table in each])
            for name, each in contents.by_experiment
        ]
        whole = [shaped(table, page_of, partial(places.of, "")) for table in contents.whole]
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


def _png(experiment: str, figure: str) -> str:
    return f"{experiment}-{figure}.png"


def _shown(drawn: Mapping[str, int], experiment: str, figure: str, alt: str) -> dict[str, Any]:
    name = _png(experiment, figure)
    return {"file": f"figures/{name}", "dark": f"figures/{on_dark(name)}", "alt": alt, "width": drawn[name]}


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
        templates()
        .get_template("index.html")
        .render(
            title=suite.title or suite.suite,
            run=results.name,
            made_with=results.made_with,
            whole=whole,
            experiments=experiments,
            methods=list(places.methods),
            landscapes=[f"{each['problem']}: {each['name']}" for each in data["landscapes"]],
            data=script_data(data),
            style=part("page.css"),
            scripts=[part("tables.js"), part("page.js"), part("landscape.js")],
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
    text = cleandoc(entry.thing.__doc__ or "") if entry else ""
    tables = [{**table, "rows": [row]} for table, row in own]
    method = {
        "title": title,
        "registered": registered,
        "text": text,
        "parameters": {name: json.dumps(value, ensure_ascii=False) for name, value in parameters.items()},
        "code": dict(model.code) if model else {},
        "tables": _joined(tables),
        "figures": figures,
    }
    suite = results.plan.suite
    return (
        templates()
        .get_template("method.html")
        .render(method=method, title=suite.title or suite.suite, style=part("page.css"))
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

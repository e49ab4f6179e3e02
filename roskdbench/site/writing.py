"""Writing the site: an index over all boards, a page a board, a page a method, and how to hand a board in."""

import json
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Any

from roskdbench import foreign
from roskdbench.board.binding import on_trust
from roskdbench.board.content import FILES, README, Board, read_board
from roskdbench.board.schema import board_schema
from roskdbench.errors import UserError, refusal
from roskdbench.fingerprint import fingerprint
from roskdbench.plugins import Registry
from roskdbench.report.contents import contents_of
from roskdbench.report.formats.text import plain_number
from roskdbench.report.page.shaping import part, shaped, templates
from roskdbench.results import Results
from roskdbench.site.before import remove_what_is_gone
from roskdbench.site.prose import prose
from roskdbench.site.standings import Standing, standings
from roskdbench.statistics.comparison import FEWEST_RUNS

SCHEMA = "board.schema.json"
TICKS = (0.125, 0.375, 0.625, 0.875)
WORDS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class _Shown:
    """A board, and what the site says of it."""

    name: str
    folder: Path
    board: Board
    results: Results
    standings: Sequence[Standing]

    @property
    def title(self) -> str:
        return self.board.suite.title or self.board.suite.suite


def write_site(
    boards: Path, folder: Path, registry: Registry, begins: Callable[[str], None] = lambda doing: None
) -> list[Path]:
    """Write the site over the boards that are folders of `boards`; its pages, the index first. The same boards give the
    same bytes. `begins` takes what is being done, of which board. A UserError where one cannot be read.
    """
    if not boards.is_dir():
        raise UserError(f"there is no folder {boards}")
    found = []
    for path in sorted(each.parent for each in boards.glob(f"*/{FILES[0]}")):
        begins(f"reading {path.name}")
        found.append(_shown(path, registry))
    if not found:
        raise UserError(f"there is no board in {boards}; make one with: roskdbench leaderboard add RUN")
    pages = {"index.html": _index(found, registry), "submit.html": _render("submit.html", "Submit a board", "submit")}
    for each in found:
        begins(f"the page of {each.name}")
        pages[f"board-{each.name}.html"] = _board_page(each, registry)
    pages |= _method_pages(found, registry)
    pages[SCHEMA] = json.dumps(board_schema(registry), indent=2) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_what_is_gone(folder, pages.keys(), {each.name for each in found}, FILES)
        for name, text in pages.items():
            (folder / name).write_text(text, "utf-8")
        for each in found:
            (folder / "boards" / each.name).mkdir(parents=True, exist_ok=True)
            for path in _files(each):
                shutil.copyfile(path, folder / "boards" / each.name / path.name)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {refusal(error)}") from None
    return [folder / name for name in pages]


def _shown(folder: Path, registry: Registry) -> _Shown:
    board = read_board(folder, registry)
    results = board.results()
    return _Shown(slug(folder.name), folder, board, results, list(standings(results)))


def _files(each: _Shown) -> list[Path]:
    """What is offered beside a board's page: its files, and the pictures of its README."""
    return [path for name in FILES if _own(path := each.folder / name)] + _pictures(each)


def _pictures(each: _Shown) -> list[Path]:
    return sorted(path for path in each.folder.glob("*.png") if _own(path))


def _own(path: Path) -> bool:
    """Whether a file is the board's own: a stranger's link could lead to any file of this machine."""
    return path.is_file() and not path.is_symlink()


def slug(text: str) -> str:
    """A name for a file: the text where it is one, else with a mark that keeps it apart from others."""
    plain = WORDS.sub("-", text.lower()).strip("-")[:60]
    return plain if plain == text else f"{plain or 'x'}-{fingerprint(text)[:6]}"


def method_page(standing: Standing) -> str:
    """The file of a method's page."""
    return f"method-{slug(standing.registered or standing.method)}.html"


def _render(template: str, title: str, here: str, **values: Any) -> str:
    made: str = (
        templates("roskdbench.site")
        .get_template(template)
        .render(
            title=title,
            here=here,
            style=[part("page.css"), part("site.css", "roskdbench.site")],
            scripts=[part("tables.js"), part("site.js", "roskdbench.site")],
            **values,
        )
    )
    return made


def _index(found: Sequence[_Shown], registry: Registry) -> str:
    rows = [_row(each, standing, registry) for each in found for standing in each.standings]
    claims = [
        {"board": each, "table": shaped(table, lambda title: "")}
        for each in found
        for table in contents_of(each.results).whole
    ]
    choices = {name: _several(row[name] for row in rows) for name in ("problem", "noise", "family", "metric")}
    choices["board"] = {each.name: None for each in found}
    boards = [
        {
            "shown": each,
            "cells": len(each.board.cells),
            "methods": len({cell.method for cell in each.board.cells}),
            "seeds": len({cell.seed for cell in each.board.cells}),
            "problems": ", ".join(each.results.plan.problems),
            "date": max((entry["date"] for entry in each.board.entries), default=""),
            "by": ", ".join(dict.fromkeys(entry["by"] for entry in each.board.entries)),
        }
        for each in found
    ]
    return _render("index.html", "Leaderboards", "index", rows=rows, claims=claims, choices=choices, boards=boards)


def _several(values: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(sorted(set(values)))


def _row(each: _Shown, standing: Standing, registry: Registry) -> dict[str, Any]:
    """A standing as a row of the index, or of its method's page."""
    place, experiment = dict(standing.place), each.board.suite.experiments[standing.experiment]
    several = f", overlap {place['overlap']}" if len(experiment.overlap) > 1 else ""
    return {
        "board": each,
        "about": experiment.title or standing.experiment,
        "standing": standing,
        "page": method_page(standing),
        "family": _family(standing, registry),
        "problem": standing.problem,
        "noise": standing.noise,
        "student": place["student"] + several,
        "metric": standing.heading,
        "mean": plain_number(standing.mean),
        "interval": _between(standing.low, standing.high),
        "rank": f"{standing.rank:g} of {standing.among}",
        "ranked": _between(standing.rank_low, standing.rank_high, "{:g}"),
        "verdict": _verdict(standing),
    }


def _family(standing: Standing, registry: Registry) -> str:
    """Boards of before do not say it."""
    entry = registry.of("method").get(standing.registered)
    return standing.family or (entry.thing.listed_under() if entry else "of its author's")


def _between(low: float | None, high: float | None, form: str = "") -> str:
    if low is None or high is None:
        return ""
    return " to ".join(form.format(each) if form else plain_number(each) for each in (low, high))


def _verdict(standing: Standing) -> str:
    parts = []
    if standing.wins:
        parts.append(f"ahead of {', '.join(standing.wins)}")
    if standing.losses:
        parts.append(f"behind {', '.join(standing.losses)}")
    if standing.unclear:
        parts.append(f"{standing.unclear} cannot be told")
    told = "; ".join(parts) or "alone"
    few = standing.runs < FEWEST_RUNS and standing.among > 1
    return f"{standing.unclear} cannot be told: too few runs" if few else told


def _board_page(each: _Shown, registry: Registry) -> str:
    pages = {standing.method: method_page(standing) for standing in each.standings}
    contents = contents_of(each.results)

    def page_of(title: str) -> str:
        return pages.get(title, "")

    written = foreign.text_of(each.folder / README, foreign.RECORD) if _own(each.folder / README) else ""
    pictures = [path.name for path in _pictures(each)]
    text = prose(written, pictures, f"boards/{each.name}/")
    declared = each.board.suite.experiments
    return _render(
        "board.html",
        each.title,
        "board",
        shown_board=each,
        prose=text,
        whole=[shaped(table, page_of) for table in contents.whole],
        experiments=[
            {
                "id": f"e{number}",
                "title": declared[name].title or name,
                "tables": [shaped(table, page_of) for table in tables],
                "forests": _forests([one for one in each.standings if one.experiment == name]),
            }
            for number, (name, tables) in enumerate(contents.by_experiment, 1)
        ],
        files=[path.name for path in _files(each) if path.suffix != ".png"],
        entries=each.board.entries,
        made_with=each.results.made_with,
        trust=on_trust(each.board),
    )


def _forests(rows: Sequence[Standing]) -> list[dict[str, Any]]:
    """A picture of means and intervals for each problem, place and metric, methods in the order of their ranks."""
    groups: dict[Any, list[Standing]] = {}
    for each in rows:
        groups.setdefault((each.problem, each.place, each.metric), []).append(each)
    several = len({dict(each.place)["overlap"] for each in rows}) > 1
    return [_forest(group, several) for group in groups.values() if len(group) > 1]


def _forest(group: Sequence[Standing], several: bool) -> dict[str, Any]:
    """`several`: whether there are others that differ in their overlap."""
    ordered = sorted(group, key=lambda each: each.rank)
    ends = [end for each in ordered for end in (each.low, each.high, each.mean) if end is not None]
    low, high = min(ends), max(ends)
    room = (high - low or 0.1) * 0.06
    low, high = low - room, high + room
    first = ordered[0]
    place = dict(first.place)
    overlap = f", overlap {place['overlap']}" if several else ""
    return {
        "title": f"{first.heading} on {first.problem}, {place['student']}, noise {place['noise']}{overlap}",
        "ticks": [{"at": 100 * tick, "text": plain_number(low + (high - low) * tick)} for tick in TICKS],
        "rows": [
            {
                "name": each.method,
                "page": method_page(each),
                "at": 100 * (each.mean - low) / (high - low),
                "from": None if each.low is None else 100 * (each.low - low) / (high - low),
                "to": None if each.high is None else 100 * (each.high - low) / (high - low),
                "text": plain_number(each.mean),
                "interval": _between(each.low, each.high),
            }
            for each in ordered
        ],
    }


def _method_pages(found: Sequence[_Shown], registry: Registry) -> dict[str, str]:
    """A page for each method on any board."""
    by_page: dict[str, list[tuple[_Shown, Standing]]] = {}
    for each in found:
        for standing in each.standings:
            by_page.setdefault(method_page(standing), []).append((each, standing))
    pages = {}
    for page, stands in by_page.items():
        first = stands[0][1]
        entry = registry.of("method").get(first.registered)
        text = cleandoc(entry.thing.__doc__ or "") if entry else ""
        totals = {
            "ahead": sum(len(standing.wins) for _, standing in stands),
            "behind": sum(len(standing.losses) for _, standing in stands),
            "unclear": sum(standing.unclear for _, standing in stands),
        }
        pages[page] = _render(
            "standing.html",
            entry.thing.title() if entry else first.method,
            "method",
            registered=first.registered,
            family=_family(first, registry),
            text=text,
            totals=totals,
            rows=[_row(each, standing, registry) for each, standing in stands],
        )
    return pages

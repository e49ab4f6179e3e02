"""What the page's script is given: where each number comes from, differences between methods, landscapes to turn."""

from itertools import combinations
from typing import Any

import numpy as np

from roskdbench.plan.graph import AXES
from roskdbench.report.evidence import Key
from roskdbench.report.figures.drawing import Drawing
from roskdbench.report.figures.landscape import levels, planes
from roskdbench.report.layout import CLEAN, layout_of, number_of, text_of
from roskdbench.report.page.links import PageLinks
from roskdbench.results import Results
from roskdbench.run_facts import MADE_WITH, made_with
from roskdbench.store import Store

MOST_PAIRS = 3000
HEADINGS = {"precision": "P", "recall": "R", "f1": "F1", "auc": "AUC"}


def facts(results: Results, places: PageLinks, store: Store) -> dict[str, Any]:
    """All of it, as JSON."""
    methods = list(places.methods)
    differences = pairs(results, methods)
    return {
        "metrics": list(HEADINGS.values()),
        "cells": provenance(results, places, store),
        "pairs": differences,
        "cut": len(differences) >= MOST_PAIRS,
        "landscapes": landscapes(results, store),
    }


def provenance(results: Results, places: PageLinks, store: Store) -> dict[str, Any]:
    """For each link: the runs behind it, their values, and what they were made by."""
    found = {}
    for (experiment, _), (name, cells) in places.cells.items():
        first, runs = cells[0], []
        layout = layout_of(results, experiment, AXES)
        for cell in cells:
            row = (*layout.row(cell), cell.problem, CLEAN)
            numbers = [layout.values.get((*row, metric), {}).get((cell.fold, cell.seed)) for metric in HEADINGS]
            prints = [("scores", cell.scores)]
            made = ""
            model = results.plan.model(cell)
            if model is not None:
                prints.append((model.kind, model.fingerprint))
                prints += [(f"code of {each}", code) for each, code in model.code.items()]
                made = made_with(store, model.fingerprint, ("roskdbench", *MADE_WITH))
            runs.append({"fold": cell.fold, "seed": cell.seed, "values": numbers, "prints": prints, "made": made})
        where = f"student {first.student}, overlap {first.overlap:g}, noise {first.noise}"
        found[name] = {"method": first.method, "problem": first.problem, "where": where, "runs": runs}
    return found


def pairs(results: Results, methods: list[str]) -> list[list[Any]]:
    """F1 and AUC of any two methods under the same conditions, with the interval of their difference."""
    found = []
    for experiment in results.plan.experiments:
        layout = layout_of(results, experiment)
        places: dict[Key, list[str]] = {}
        for row, cells in layout.rows.items():
            for problem in cells:
                places.setdefault((*row[1:], problem), []).append(str(row[0]))
        for place, own in places.items():
            for (a, b), metric in ((pair, metric) for pair in combinations(own, 2) for metric in ("f1", "auc")):
                one, other = (layout.values.get((method, *place, CLEAN, metric), {}) for method in (a, b))
                difference = layout.evidence.difference((a, *place), (b, *place), one, other, layout.source(metric))
                if difference is None:
                    continue
                where = ", ".join(text_of(each) for each in place[:-1])
                means = [number.mean if (number := number_of(each)) else None for each in (one, other)]
                numbers = [_short(each) for each in (*means, difference.value, difference.low, difference.high)]
                found.append(
                    [layout.title, place[-1], where, HEADINGS[metric], methods.index(a), methods.index(b), *numbers]
                )
                if len(found) >= MOST_PAIRS:
                    return found
    return found


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def landscapes(results: Results, store: Store) -> list[dict[str, Any]]:
    """The plane of each row on each problem, with the heights that all rows of a problem are drawn between."""
    found = []
    for experiment in results.plan.experiments:
        for problem, panels in planes(Drawing(results, store, experiment)).items():
            bounds = levels(panels)
            for name, plane in panels.items():
                found.append(
                    {
                        "problem": problem,
                        "name": name,
                        "places": [_short(place) for place in plane.places.tolist()],
                        "losses": np.round(plane.losses, 4).tolist(),
                        "most": _short(plane.most) if np.isfinite(plane.most) else None,
                        "low": _short(float(bounds[0])),
                        "high": _short(float(bounds[-1])),
                    }
                )
    return found

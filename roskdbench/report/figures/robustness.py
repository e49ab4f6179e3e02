"""Pictures of perturbations: scores over radii, and a few perturbed images."""

import json
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from roskdbench.measures.attacks import Attacks
from roskdbench.report.figures.drawing import Drawing, figure
from roskdbench.report.figures.intervals import means_over
from roskdbench.report.figures.over_conditions import line_over
from roskdbench.report.layout import Condition
from roskdbench.report.legend import below
from roskdbench.report.tables.perturbed import curves
from roskdbench.values import GREY_LEVELS, USUAL, Facts

WIDTH = 3.4  # inches a panel
SHOWN = 3  # images
ROUNDING = 1e-4  # of a pixel: less is no change
NORMS = {"linf": "ℓ∞", "l2": "ℓ2"}
STYLES = {"pgd": "-", "fgsm": "--"}


@figure("robustness", caption="scores over the radius of attacks", on_method_pages=True, order=50)
def robustness_curves(drawing: Drawing) -> Figure | None:
    """F1 against the radius, a panel a problem and norm: PGD in full lines, FGSM in dashed ones."""
    layout = drawing.layout
    found = {
        (name, shape): radii
        for name, measure in layout.measures.items()
        if measure.perturbs
        for shape, radii in curves(layout, name).items()
        if shape.perturbation in STYLES and shape == Facts(perturbation=shape.perturbation, norm=shape.norm,
                                                           steps=shape.steps, restarts=shape.restarts, loss="ce")
    }  # fmt: skip
    norms = [norm for norm in NORMS if any(shape.norm == norm for _, shape in found)]
    panels = [(problem, norm) for problem in layout.problems for norm in norms]
    if not panels:
        return None
    lines = len(panels) // len(norms)
    picture = Figure(figsize=(WIDTH * len(norms), 2.3 * lines + 0.5), layout="constrained")
    axes: list[Axes] = list(picture.subplots(lines, len(norms), squeeze=False).ravel())
    for panel, (problem, norm) in zip(axes, panels, strict=True):
        met, named = {0.0}, set[str]()
        for (name, shape), radii in found.items():
            if shape.norm == norm:
                conditions = {
                    radius * GREY_LEVELS: Condition(name, facts=facts)
                    for radius, facts in {0.0: USUAL, **radii}.items()
                }
                style = STYLES[shape.perturbation]
                for method in layout.methods:
                    look = {"color": drawing.palette[method], "label": None if method in named else method}
                    reached = line_over(panel, layout, (problem, method), conditions, linestyle=style, **look)
                    met |= {*reached}
                    named |= {method} if reached else set()
        panel.set_title(f"{problem}, {NORMS[norm]}")
        panel.set_xlabel("radius (grey levels of 255); dashed: FGSM")
        panel.set_xscale("symlog", linthresh=1)
        _name_radii(panel, met)
        panel.grid(color="#dddddd", linewidth=0.5)
    for panel in axes[:: len(norms)]:
        panel.set_ylabel(f"F1 ({drawing.results.plan.suite.protocol.average})")
    below(picture, 3, means_over(layout.labels))
    return picture


def _name_radii(panel: Axes, radii: set[float]) -> None:
    """A tick at each radius, and its number from the largest down where there is room."""
    named: list[float] = []
    places = panel.xaxis.get_transform().transform(sorted(radii))
    for place in reversed(places):
        if not named or named[-1] - place > 0.09 * (places[-1] - places[0]):
            named.append(place)
    labels = [f"{radius:.3g}" if place in named else "" for radius, place in zip(sorted(radii), places, strict=True)]
    panel.set_xticks(sorted(radii), labels)
    panel.xaxis.set_minor_locator(NullLocator())


@figure("attacked", caption="images, attacked images and their difference", order=51)
def attacked_pictures(drawing: Drawing) -> Figure | None:
    """A few images of the first row of each problem: as they are, under its strongest PGD, and how they differ."""
    rows: list[tuple[str, NDArray[Any], NDArray[Any]]] = []
    for problem in drawing.results.plan.problems:
        found = _pictures(drawing, problem) if drawing.shows(problem) else None
        if found is not None:
            attack, clean, changed = found
            rows.append((f"{problem}\n{attack}", clean, changed))
    if not rows:
        return None
    picture = Figure(figsize=(1.1 * 3 * SHOWN, 1.25 * len(rows)), layout="constrained")
    panels = picture.subplots(len(rows), 3 * SHOWN, squeeze=False)
    for panel in panels.ravel():
        panel.axis("off")
    for line, (name, clean, changed) in zip(panels, rows, strict=True):
        for number in range(min(SHOWN, len(changed))):
            difference = changed[number] - clean[number]
            most = np.abs(difference).max()
            left = most < ROUNDING
            shown = (clean[number], changed[number], 0.5 + difference * (0 if left else 0.5 / most))
            last = "no difference" if left else f"difference × {0.5 / most:.2g}"
            for panel, image, title in zip(line[3 * number :], shown, ("clean", "attacked", last), strict=False):
                panel.set_title(title, fontsize=6)
                values = np.moveaxis(image, 0, -1)
                panel.imshow(values if values.shape[2] == 3 else values[..., 0], cmap="gray", vmin=0, vmax=1)
        line[0].text(-0.12, 0.5, name, rotation=90, va="center", ha="right", ma="center", fontsize=6,
                     transform=line[0].transAxes)  # fmt: skip
    return picture


def _pictures(drawing: Drawing, problem: str) -> tuple[str, NDArray[Any], NDArray[Any]] | None:
    """The largest l-infinity PGD, the first images of the attacked part, and the same under it."""
    for cell, artifact in drawing.artifacts(Attacks):
        if cell.problem != problem:
            continue
        pictures = {Facts(**json.loads(name)): array for name, array in artifact.arrays("pictures.npz").items()}
        climbs = [facts for facts in pictures if facts.perturbation == "pgd"]
        if not climbs:
            return None
        strongest = max(climbs, key=lambda facts: (facts.norm == "linf", facts.radius or 0.0))
        samples = artifact.arrays("attacked.npz")["samples"][:SHOWN]
        pixels = drawing.store.open(drawing.results.plan.pixels(problem))
        images = pixels.array("images.npy")[samples] / 255
        return f"{cell.method}, {strongest.perturbation_label}", images, pictures[strongest][:SHOWN]
    return None

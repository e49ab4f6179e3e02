"""Pictures of attacks and of calibration: scores over radii, a few attacked images, reliability diagrams."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from roskdbench.measures import BEFORE, BINS, CALIBRATION
from roskdbench.report.layout import shown_metric
from roskdbench.report.legend import below
from roskdbench.results import Results
from roskdbench.store import Store
from roskdbench.suite.attacks import radius_of

if TYPE_CHECKING:
    import pandas

WIDTH = 3.4  # inches a panel
SHOWN = 3  # images
ROUNDING = 1e-4  # of a pixel: less is no change
NORMS = {"linf": "ℓ∞", "l2": "ℓ2"}


def robustness_curves(results: Results, experiment: str, palette: Mapping[str, str]) -> Figure | None:
    """F1 against the radius, a panel a problem and norm: PGD in full lines, FGSM in dashed ones."""
    frame = results.frame[(results.frame["experiment"] == experiment) & (results.frame["class"] == "")]
    names = [shown_metric(results.plan.suite, "f1", suffix) for suffix in (False, True)]
    frame = frame[frame["metric"].isin(names)]
    places = {name: place for name in frame["condition"].unique() if (place := radius_of(name))}
    norms = [norm for norm in NORMS if len({place[2] for place in places.values() if place[1] == norm}) > 1]
    panels = [(problem, norm) for problem in frame["problem"].unique() for norm in norms]
    if not panels:
        return None
    lines = len(panels) // len(norms)
    figure = Figure(figsize=(WIDTH * len(norms), 2.3 * lines + 0.5), layout="constrained")
    axes: list[Axes] = list(figure.subplots(lines, len(norms), squeeze=False).ravel())
    for panel, (problem, norm) in zip(axes, panels, strict=True):
        part = frame[frame["problem"] == problem]
        for method in part["method"].unique():
            own = part[part["method"] == method]
            for attack, style in (("pgd", "-"), ("fgsm", "--")):
                _curve(panel, own, places, attack, norm, style, palette[method], method if style == "-" else None)
        panel.set_title(f"{problem}, {NORMS[norm]}")
        panel.set_xlabel("radius (grey levels of 255); dashed: FGSM")
        panel.set_xscale("symlog", linthresh=1)
        met = [places[name] for name in part["condition"].unique() if name in places]
        _name_radii(panel, {0.0, *(radius for _, of_norm, radius in met if of_norm == norm)})
        panel.grid(color="#dddddd", linewidth=0.5)
    for panel in axes[:: len(norms)]:
        panel.set_ylabel(f"F1 ({results.plan.suite.protocol.average})")
    below(figure, axes[0], 3)
    return figure


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


def _curve(
    panel: Axes,
    own: "pandas.DataFrame",
    places: Mapping[str, tuple[str, str, float]],
    attack: str,
    norm: str,
    style: str,
    colour: str,
    label: str | None,
) -> None:
    points = {0.0: own[own["condition"] == BEFORE]["value"]}
    for name, (kind, of_norm, radius) in places.items():
        if (kind, of_norm) == (attack, norm):
            points[radius] = own[own["condition"] == name]["value"]
    radii = sorted(radius for radius, values in points.items() if len(values))
    means = [float(points[radius].mean()) for radius in radii]
    panel.plot(radii, means, style, color=colour, label=label, linewidth=1.2, marker="o", markersize=2.5)


def attacked_pictures(results: Results, store: Store, experiment: str) -> Figure | None:
    """A few images of the first row of each problem: as they are, under its strongest PGD, and how they differ."""
    rows: list[tuple[str, NDArray[Any], NDArray[Any]]] = []
    for problem in results.plan.problems:
        found = _pictures(results, store, experiment, problem)
        if found is not None:
            attack, clean, changed = found
            rows.append((f"{problem}\n{attack}", clean, changed))
    if not rows:
        return None
    figure = Figure(figsize=(1.1 * 3 * SHOWN, 1.25 * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), 3 * SHOWN, squeeze=False)
    for line, (name, clean, changed) in zip(panels, rows, strict=True):
        for number in range(SHOWN):
            difference = changed[number] - clean[number]
            most = np.abs(difference).max()
            left = most < ROUNDING
            shown = (clean[number], changed[number], 0.5 + difference * (0 if left else 0.5 / most))
            last = "no difference" if left else f"difference × {0.5 / most:.2g}"
            for panel, image, title in zip(line[3 * number :], shown, ("clean", "attacked", last), strict=False):
                panel.axis("off")
                panel.set_title(title, fontsize=6)
                picture = np.moveaxis(image, 0, -1)
                panel.imshow(picture if picture.shape[2] == 3 else picture[..., 0], cmap="gray", vmin=0, vmax=1)
        line[0].text(-0.12, 0.5, name, rotation=90, va="center", ha="right", ma="center", fontsize=6,
                     transform=line[0].transAxes)  # fmt: skip
    return figure


def _pictures(
    results: Results, store: Store, experiment: str, problem: str
) -> tuple[str, NDArray[Any], NDArray[Any]] | None:
    """The largest l-infinity PGD, the first images of the attacked part, and the same under it."""
    for cell in results.plan.cells:
        if (cell.experiment, cell.problem) != (experiment, problem):
            continue
        for fingerprint, _ in cell.others:
            job = results.plan.jobs[fingerprint]
            if job.kind != "attacks" or fingerprint not in store:
                continue
            pictures = store.open(fingerprint).arrays("pictures.npz")
            places = {
                name: place for name in pictures if (place := radius_of(name.partition(",")[0])) and place[0] == "pgd"
            }
            if not places:
                return None
            strongest = max(places, key=lambda name: (places[name][1] == "linf", places[name][2]))
            samples = store.open(fingerprint).arrays("attacked.npz")["samples"][:SHOWN]
            images = store.open(job.inputs["pixels"]).array("images.npy")[samples] / 255
            return f"{cell.method}, {strongest}", images, pictures[strongest][:SHOWN]
    return None


def reliability_diagrams(results: Results, experiment: str, palette: Mapping[str, str]) -> Figure | None:
    """How often a model is right against how sure it is, before and after temperature scaling, a panel a problem."""
    frame = results.frame[(results.frame["experiment"] == experiment) & (results.frame["condition"] == CALIBRATION)]
    problems: Sequence[str] = list(frame["problem"].unique())
    if not problems:
        return None
    figure = Figure(figsize=(WIDTH * 1.6, 2.6 * len(problems) + 0.5), layout="constrained")
    axes: list[Axes] = list(figure.subplots(len(problems), 2, squeeze=False).ravel())
    for number, problem in enumerate(problems):
        part = frame[frame["problem"] == problem]
        for panel, suffix, title in zip(axes[2 * number :], ("", "@scaled"), ("as it is", "scaled"), strict=False):
            panel.plot([0, 1], [0, 1], color="#888888", linewidth=0.8, linestyle=":")
            for method in part["method"].unique():
                own = part[part["method"] == method]
                mean, share = (_bins(own, f"{what}{suffix}") for what in ("confidence", "right"))
                panel.plot(mean, share, color=palette[method], linewidth=1.1, marker="o", markersize=2.5, label=method)
            panel.set_title(f"{problem}, {title}")
            panel.set_xlabel("probability given")
            panel.set_aspect("equal")
            panel.grid(color="#dddddd", linewidth=0.5)
    for panel in axes[::2]:
        panel.set_ylabel("share that was so")
    below(figure, axes[0], 4)
    return figure


def _bins(own: "pandas.DataFrame", metric: str) -> NDArray[np.float64]:
    """The mean over runs in each bin, each run by how many it had there; NaN where there was none."""
    part = own[(own["metric"] == metric) & own["value"].notna()]
    found = np.full(BINS, np.nan)
    for number in range(BINS):
        rows = part[part["class"] == f"bin {number + 1}"]
        if len(rows):
            found[number] = np.average(rows["value"].astype(float), weights=rows["n"])
    return found

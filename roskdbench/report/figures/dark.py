"""A figure in the colours of a dark page."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from numpy.typing import NDArray

GROUND, INK = to_rgba("#14171b"), to_rgba("#e6e9ed")  # as the pages have them
GREY = 0.06  # what the channels of a grey may differ by
READABLE = 4.5  # contrast with the ground, as WCAG reckons it


def darken(picture: Figure) -> None:
    """Turn what is white, black or grey, white becoming the page's ground and black its ink. Colours say who is who and
    keep their hue; those too dark for the ground become lighter. Images stay as they are.
    """
    for artist in picture.findobj():
        given_all = {name: getattr(artist, f"get_{name}")() for name in _colours_of(artist)}  # some follow others
        for name, given in given_all.items():
            if given is not None and not (isinstance(given, str) and given == "none"):
                turned = _turned(to_rgba_array(given))
                getattr(artist, f"set_{name}")(turned if isinstance(artist, Collection) else tuple(turned[0]))


def _colours_of(artist: Artist) -> Iterator[str]:
    if isinstance(artist, Text):
        yield "color"
    elif isinstance(artist, Line2D):
        yield from ("color", "markeredgecolor", "markerfacecolor", "gapcolor")
    elif isinstance(artist, Patch) or (isinstance(artist, Collection) and artist.get_array() is None):
        yield from ("facecolor", "edgecolor")


def _turned(colours: NDArray[Any]) -> NDArray[np.float64]:
    found = np.asarray(colours, float).copy()
    ground, ink = np.array(GROUND[:3]), np.array(INK[:3])
    for colour in found:
        shade = colour[:3]
        if np.ptp(shade) < GREY:
            colour[:3] = ink + (ground - ink) * shade.mean()
        else:
            mixed = (shade + (ink - shade) * part for part in np.linspace(0, 1, 21))
            colour[:3] = next(each for each in mixed if _contrast(each, ground) >= READABLE)
    return found


def _contrast(one: NDArray[Any], other: NDArray[Any]) -> float:
    """That of WCAG 2: of the two luminances, each .05 higher."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(shade: NDArray[Any]) -> float:
    linear = np.where(shade <= 0.04045, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))

"""Bringing a problem's data into the store: the way from a folder to the content that jobs are named by."""

import csv
import io
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roskdbench.artifact import DamagedArtifactError
from roskdbench.data.attributes import Attributes
from roskdbench.data.cache import (
    CachedImages,
    UnreadableImagesError,
    cached_images,
    find_cached,
    link_or_copy,
)
from roskdbench.data.catalogue import Catalogue, some
from roskdbench.data.content import Content, Located
from roskdbench.data.datasets import catalogue
from roskdbench.data.decoding import DEEP, PixelForm
from roskdbench.data.problem import IMAGES, Labels, Problem
from roskdbench.errors import UserError
from roskdbench.fingerprint import fingerprint
from roskdbench.sheet_cells import guarded
from roskdbench.store import Store
from roskdbench.suite.problems import ProblemSpec, RealProblem

ANY_SHARE = 1.0
"""Of the images may be unreadable where a plan has seen them already: `identity` says which were."""

Report = Callable[[int, int, int], None]
"""Takes how many images are done, how many of those were found from before, and how many there are."""


def prepare(
    name: str,
    spec: RealProblem,
    root: Path,
    store: Store,
    workers: int,
    report: Report = lambda done, found, total: None,
) -> Content:
    """Look the data over, decode what is not in the store, and note what it came to. UserError for what is wrong."""
    listed = catalogue(name, spec, root)
    images = _decoded(name, spec, listed, store, workers, spec.bad_images, report)
    kept = _kept(listed, images)
    labels, attributes = listed.labels.take(kept), _attributes(listed).take(kept)
    remarks = (listed.remark, _left_out(images, len(listed.images)))
    remark = " ".join(part for part in remarks if part)
    digest = attributes.digest if attributes.names else ""
    identity = _identity(images, labels)
    names = tuple(attributes.names)
    return Content(identity, len(labels), remark, labels.classes, digest, names, images.fingerprint, listed.size)


def locate(
    problems: Mapping[str, ProblemSpec],
    roots: Mapping[str, Path],
    store: Store,
    workers: int,
    report: Callable[[str, int, int, int], None],
) -> dict[str, Located]:
    """Prepare every problem that has a root. `report` is told the problem's name first."""
    located = {}
    for name, root in roots.items():
        spec = problems[name]
        assert isinstance(spec, RealProblem)
        located[name] = Located(prepare(name, spec, root, store, workers, partial(report, name)), root)
    return located


def prepared_images(
    spec: RealProblem, listed: Catalogue, store: Store
) -> tuple[NDArray[np.uint8], NDArray[np.int64]] | None:
    """The pixels of these files, if they are in the store, and the rows of the catalogue that they are of."""
    found = find_cached(listed.images, _form(spec, listed), store)
    return None if found is None else (store.open(found.fingerprint).array(IMAGES), _kept(listed, found))


def write_problem(
    name: str, spec: RealProblem, root: Path, identity: str, store: Store, folder: Path, report: Report
) -> None:
    """Write the problem's arrays into `folder`, the images as another name for the cached ones."""
    listed = catalogue(name, spec, root)
    images = _decoded(name, spec, listed, store, 1, ANY_SHARE, report)
    labels = listed.labels.take(_kept(listed, images))
    if _identity(images, labels) != identity:
        raise UserError(f"the data of problem '{name}' changed while the suite was running; run it again")
    unread = Store(store.root)  # one that has verified nothing yet: these bytes may be asked for because they changed
    try:
        array = unread.open(images.fingerprint)
    except DamagedArtifactError:  # it was set aside, so it is decoded again
        array = unread.open(_decoded(name, spec, listed, store, 1, ANY_SHARE, report).fingerprint)
    link_or_copy(array.file(IMAGES), folder / IMAGES)
    nothing = np.broadcast_to(np.uint8(0), (len(labels), 1, 1, 1))  # the images are there already
    Problem(spec.name, nothing, labels, spec.card.licence, spec.card.citation).save_description(folder)


def labels_of(name: str, spec: RealProblem, root: Path, store: Store) -> Labels:
    """The labels of the samples that `write_problem` writes."""
    listed = catalogue(name, spec, root)
    images = _decoded(name, spec, listed, store, 1, ANY_SHARE, lambda done, found, total: None)
    return listed.labels.take(_kept(listed, images))


def attributes_of(name: str, spec: RealProblem, root: Path, digest: str, store: Store) -> Attributes:
    """What is known of the samples that `write_problem` writes."""
    listed = catalogue(name, spec, root)
    images = _decoded(name, spec, listed, store, 1, ANY_SHARE, lambda done, found, total: None)
    attributes = _attributes(listed).take(_kept(listed, images))
    if attributes.digest != digest:
        raise UserError(f"the data of problem '{name}' changed while the suite was running; run it again")
    return attributes


def _attributes(listed: Catalogue) -> Attributes:
    found = Attributes.of(listed.attributes)
    return found if found.names else Attributes((), (), np.zeros((len(listed.labels), 0), np.int16))


def _decoded(
    name: str, spec: RealProblem, listed: Catalogue, store: Store, workers: int, allowed: float, report: Report
) -> CachedImages:
    total = len(listed.images)
    try:
        images = cached_images(
            listed.images,
            _form(spec, listed),
            store,
            workers,
            allowed,
            lambda done, found: report(done, found, total),
        )
        if images.unreadable:
            _write_bad(name, listed, images.unreadable, store)
        return images
    except UnreadableImagesError as error:
        path = _write_bad(name, listed, error.unreadable, store)
        bad = some(f"{listed.images.names[row]} ({reason})" for row, reason in error.unreadable.items())
        raise UserError(
            f"problem '{name}': {len(error.unreadable):,} of {total:,} images cannot be read: {bad}; "
            f"all are named in {path}; mend them, or allow a share of them with problems.{name}.bad_images"
            + _hint(name, spec, error.unreadable)
        ) from None


def _hint(name: str, spec: RealProblem, unreadable: Mapping[int, str]) -> str:
    """How to go on where images are refused for their depth alone."""
    deep = spec.window is None and any(reason.startswith(DEEP) for reason in unreadable.values())
    return f"; say how 16-bit images become 8 bits with problems.{name}.window: full (or percentiles)" if deep else ""


def _write_bad(name: str, listed: Catalogue, unreadable: dict[int, str], store: Store) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "reason"])
    writer.writerows((guarded(listed.images.names[row]), guarded(reason)) for row, reason in unreadable.items())
    mark = fingerprint([name, listed.images.names])[:8]
    return store.keep(f"data/unreadable-{name}-{mark}.csv", text.getvalue())


def _form(spec: RealProblem, listed: Catalogue) -> PixelForm:
    return PixelForm(listed.size, spec.fit, listed.channels, spec.window)


def _kept(listed: Catalogue, images: CachedImages) -> NDArray[np.int64]:
    return np.array([row for row in range(len(listed.images)) if row not in images.unreadable], dtype=np.int64)


def _identity(images: CachedImages, labels: Labels) -> str:
    return identity_of(images.fingerprint, labels)


def identity_of(images: str, labels: Labels) -> str:
    """What a problem's data are known by: the fingerprint of their decoded images, and their labels."""
    arrays = {
        name: [str(array.dtype), list(array.shape), sha256(np.ascontiguousarray(array).data).hexdigest()]
        for name, array in labels.arrays().items()
    }
    return fingerprint([images, labels.task, labels.classes, arrays])


def _left_out(images: CachedImages, total: int) -> str:
    bad = len(images.unreadable)
    return f"{bad:,} of {total:,} images could not be read and are left out everywhere." if bad else ""

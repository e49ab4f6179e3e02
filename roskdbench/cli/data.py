"""`data check` and `data prepare`: the data of a suite, ahead of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from roskdbench.cli.commands import Commands
from roskdbench.cli.options import STORE, Data, Folders, Settings, StoreFolder, SuiteName, console, registry_found

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from roskdbench.data.catalogue import Images
    from roskdbench.data.duplicates import Pair
    from roskdbench.data.problem import Labels
    from roskdbench.suite import Suite

app = Commands(
    help="Look over a suite's data, decode them ahead of a run, or draw a small release.", no_args_is_help=True
)


@app.command()
def check(
    suite: SuiteName,
    data: Data = None,
    settings: Settings = None,
    store: StoreFolder = STORE,
    folders: Folders = None,
) -> None:
    """Read a suite's label files, find every image, look at the head of each, and say what there is in which part, what
    is there twice, and what that will do to scores.
    """
    from roskdbench.data.checking import check_images
    from roskdbench.data.datasets import catalogue
    from roskdbench.data.preparation import prepared_images
    from roskdbench.errors import UserError
    from roskdbench.store import Store
    from roskdbench.suite.problems import DrawnDataset, RealProblem

    declared, roots = _declared(suite, settings, data, folders)
    screen, unreadable = console(), 0
    for name, spec in declared.problems.items():
        if isinstance(spec, DrawnDataset):
            drawn = spec.draw()
            _show(declared, name, drawn.labels, "drawn", [], drawn.images, [], attributes=spec.attributes())
            continue
        assert isinstance(spec, RealProblem)
        listed = catalogue(name, spec, roots[name])
        bad = check_images(listed.images, spec.window)
        found = prepared_images(spec, listed, Store(store))
        labels = listed.labels if found is None else listed.labels.take(found[1])
        remarks = [listed.remark] if listed.remark else []
        names = listed.images.names if found is None else [listed.images.names[row] for row in found[1]]
        blank = listed.blank if listed.blank is None or found is None else listed.blank[found[1]]
        rows = range(len(listed.labels)) if found is None else found[1].tolist()
        attributes = {key: [texts[row] for row in rows] for key, texts in listed.attributes.items()}
        place = {row: number for number, row in enumerate(rows)}
        copies = [(place[one], place[other]) for one, other in _twice(listed.images) if {one, other} <= place.keys()]
        images = found[0] if found else None
        _show(declared, name, labels, str(roots[name]), remarks, images, names, blank, copies, attributes)
        for image, reason in list(bad.items())[:10]:
            screen.print(f"  {image}: {reason}", style="red", markup=False)
        if len(bad) > 10:
            screen.print(f"  … and {len(bad) - 10:,} more", style="red")
        unreadable += len(bad) if len(bad) > spec.bad_images * len(listed.images) else 0
        state = (
            "its pixels are in the store"
            if found
            else f"to decode it now, and compare its pictures, too: roskdbench data prepare {suite}, then check again"
        )
        screen.print(f"  {state}\n", style="dim", markup=False, soft_wrap=True)
    if unreadable:
        raise UserError(f"{unreadable:,} images cannot be read (above); mend them, or allow a share with bad_images")


def _show(
    suite: "Suite",
    name: str,
    labels: "Labels",
    where: str,
    remarks: list[str],
    images: "NDArray[np.uint8] | None",
    names: list[str],
    blank: "NDArray[np.uint8] | None" = None,
    copies: "Sequence[Pair]" = (),
    attributes: "Mapping[str, Sequence[str]]" = MappingProxyType({}),
) -> None:
    """The problem's table, and files that are copies; where its pixels are at hand, pictures that look alike across its
    parts are named, too.
    """
    import numpy as np

    from roskdbench.data.duplicates import look_alikes
    from roskdbench.data.inspection import inspected
    from roskdbench.report.data_table import data_table

    folds = [each.folds for each in suite.experiments.values() if name in (each.problems or suite.problems)]
    found = inspected(suite.problems[name], labels, suite.protocol.split, max(folds, default=1), blank)
    part_of = {row: part for part, rows in found.parts.items() for row in rows.tolist()}

    def named(pairs: "Sequence[Pair]") -> str:
        shown = [
            " and ".join(f"{names[row] if names else f'row {row}'} ({part_of.get(row, 'no part')})" for row in pair)
            for pair in pairs[:3]
        ]
        return ", ".join(shown) + (", …" if len(pairs) > 3 else "")

    lines = list(remarks)
    if copies:
        have = "files have" if len(copies) > 1 else "file has"
        lines.append(f"{len(copies):,} {have} the bytes of another: {named(copies)}")
    train, validation, test = (found.parts[part] for part in ("train", "validation", "test"))
    both = np.concatenate([train, validation])
    for part, rows, others, does in (
        ("test", test, both, "trains or validates"),
        ("validation", validation, train, "trains"),
    ):
        if images is not None and (pairs := look_alikes(images, rows, others, labels.groups)):
            alike = len({one for one, _ in pairs})
            lines.append(
                f"{alike:,} {part} image{'s look' if alike > 1 else ' looks'} like one that {does}, of another "
                f"{found.grouped_by or 'image'}: {named(pairs)}"
            )
    console().print(data_table(name, where, found, lines, attributes))


def _twice(images: "Images") -> "Sequence[Pair]":
    """Pairs of files with the same bytes."""
    from roskdbench.data.catalogue import ImageFiles
    from roskdbench.data.duplicates import same_bytes

    return same_bytes(images.paths) if isinstance(images, ImageFiles) else ()


@app.command()
def prepare(
    suite: SuiteName,
    data: Data = None,
    settings: Settings = None,
    store: StoreFolder = STORE,
    folders: Folders = None,
) -> None:
    """Decode every image of a suite into the store. Stop it whenever you like: it goes on where it stopped."""
    from roskdbench.data.preparation import locate
    from roskdbench.executors.config import cores
    from roskdbench.live import decoding_for
    from roskdbench.store import Store

    declared, roots = _declared(suite, settings, data, folders)
    screen = console()
    try:
        with decoding_for(screen) as report:
            located = locate(declared.problems, roots, Store.at(store), cores(), report)
    except KeyboardInterrupt:
        screen.print("Interrupted. What is decoded is kept; the same command goes on from there.")
        raise typer.Exit(130) from None
    for name, found in located.items():
        message = f"{name}: {found.content.samples:,} images are ready. {found.content.remark}"
        screen.print(message.rstrip(), markup=False, soft_wrap=True)
    if not roots:
        screen.print("All problems of this suite are drawn; there are no data to prepare.")


@app.command()
def generate(
    dataset: Annotated[str, typer.Argument(help="A dataset's name, such as chexpert.")],
    folder: Annotated[Path, typer.Argument(help="Where to write; it must not be there, or be empty.")],
    patients: Annotated[int, typer.Option(min=1, max=100_000, help="How many patients, or lesions.")] = 60,
    seed: Annotated[int, typer.Option(help="Of the drawing; the same seed writes the same files.")] = 0,
    folders: Folders = None,
) -> None:
    """Write a small release in a dataset's official layout, with drawn images: to try a suite on before the data are
    there.
    """
    from roskdbench.errors import UserError, refusal
    from roskdbench.suite.problems import RealProblem

    chosen = registry_found(folders).find("dataset", dataset).thing
    if not issubclass(chosen, RealProblem):
        raise UserError(f"{dataset} is drawn anew wherever it is needed; there are no files to write")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} is there already, and not empty; name a new folder")
        chosen.generate(folder, patients, seed)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {refusal(error)}") from None
    message = f"A drawn {dataset} in the official layout is in {folder}. Its images say nothing of patients."
    console().print(message, markup=False, soft_wrap=True)


def _declared(
    suite: str, settings: list[str] | None, data: list[str] | None, folders: list[Path] | None
) -> "tuple[Suite, dict[str, Path]]":
    from roskdbench.data.roots import find_roots
    from roskdbench.suite import read_suite

    declared = read_suite(suite, settings or [], registry_found(folders))
    return declared, find_roots(declared.problems, declared.problems, data or ())

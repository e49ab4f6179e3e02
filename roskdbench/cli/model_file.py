"""`attack` and `landscape`: the measures for a single model file, wherever it was trained."""

from pathlib import Path
from typing import Annotated, Any

import typer

from roskdbench.cli.options import STORE, Folders, StoreFolder, WithImages, Workers, console, registry_found
from roskdbench.cli.report import say_what_is_withheld

File = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A safetensors file: one of ours, or the weights of a timm model with its name in the metadata; or a "
        "folder with model.safetensors and config.json, as `roskdbench export` writes it and timm for a hub.",
    ),
]
Problem = Annotated[
    str,
    typer.Option(
        metavar="PROBLEM",
        help="The images: a dataset such as phantom-lesion, SUITE:PROBLEM such as quick:lesion, or a mapping such as "
        "'{dataset: folder, root: DIR, size: 64}'. The model is measured on the test part of its split.",
    ),
]
Root = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Where the problem's data are.")]
Timm = Annotated[str | None, typer.Option("--model", metavar="NAME", help="timm's name, where the file has none.")]
Seed = Annotated[
    int, typer.Option(help="Of the model's training, where the suite gives every seed a split of its own (quick does).")
]
Images = Annotated[int | None, typer.Option(min=1, help="How many test images to take.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Write tables and figures into this folder.")]


def attack(
    checkpoint: File,
    problem: Problem,
    attacks: Annotated[
        list[str] | None,
        typer.Option(
            "--attack",
            metavar="ATTACK",
            help="Such as 'pgd linf 8/255' or 'pgd l2 128/255, margin, 40 steps'. Repeatable. "
            "Default: the paper's six.",
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None, typer.Option(metavar="RADIUS", help="A radius of a curve, such as 2/255. Repeatable.")
    ] = None,
    worst_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ATTACK|all",
            help="An attack whose worst case, image by image, is told beside, for each norm and radius; all: of every "
            "one that is named. Repeatable.",
        ),
    ] = None,
    images: Images = None,
    seed: Seed = 0,
    data: Root = None,
    model: Timm = None,
    out: Out = None,
    with_images: WithImages = False,
    workers: Workers = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
) -> None:
    """Attack one model, and check whether the attacks can be believed."""
    worst = "all" if worst_of == ["all"] else worst_of or []
    settings = {"attacks": attacks or [], "sweep": sweep or [], "images": images, "worst_of": worst}
    option = " ".join([*(f"--attack '{each}'" for each in attacks or ()), *(f"--sweep {each}" for each in sweep or ())])
    option = option or "the attacks"
    _measure(
        "attack", checkpoint, problem, settings, option, seed, data, model, (out, with_images), workers, folders, store
    )


def landscape(
    checkpoint: File,
    problem: Problem,
    points: Annotated[int, typer.Option(min=3, help="On each side of the plane; odd.")] = 25,
    images: Images = 500,
    seed: Seed = 0,
    data: Root = None,
    model: Timm = None,
    out: Out = None,
    workers: Workers = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
) -> None:
    """Measure the loss around one model's weights; --out draws it."""
    settings, option = {"points": points, "images": images}, f"--points {points}"
    _measure(
        "landscape", checkpoint, problem, settings, option, seed, data, model, (out, False), workers, folders, store
    )


def _measure(
    command: str,
    checkpoint: Path,
    problem: str,
    settings: dict[str, Any],
    option: str,
    seed: int,
    data: Path | None,
    model: str | None,
    into: tuple[Path | None, bool],
    workers: int | None,
    folders: list[Path] | None,
    store: Path,
) -> None:
    from roskdbench.cli.running import shown
    from roskdbench.data.roots import find_roots
    from roskdbench.errors import UserError
    from roskdbench.executors import ExecutorConfig
    from roskdbench.plan.model_file import plan_model_file, read_model_file
    from roskdbench.report.tables import tables_of
    from roskdbench.report.terminal import terminal_table
    from roskdbench.session import Session
    from roskdbench.store import Store
    from roskdbench.suite.one_problem import EXPERIMENT, suite_for

    out, with_images = into
    screen, registry = console(), registry_found(folders)
    if out is not None:
        from roskdbench.report.folder import make_folder

        make_folder(out)
    read = read_model_file(checkpoint, registry, model)
    named = next(name for name, each in registry.of("measure").items() if each.thing.command == command)
    measure = {"measure": named, **settings}
    suite = suite_for(problem, measure, option, read.title, read.size, seed, registry)
    kept = Store.at(store)
    roots = find_roots(suite.problems, suite.problems, [f"{name}={data}" for name in suite.problems if data])
    session = Session(suite.suite, store, folders or [], executor=ExecutorConfig(workers=workers))
    shown(session, screen)
    try:
        located = session.prepared(suite, roots, kept) if roots else {}
        planned = plan_model_file(suite, read, located, registry)
        results, progress = session.computed(planned, kept)
    except KeyboardInterrupt:
        screen.print("Interrupted. What is finished is kept; the same command goes on from there.")
        raise typer.Exit(130) from None
    for each, reason in progress.reasons.items():
        if planned.jobs[each].kind == "model_file":
            raise UserError(reason)
    tables = tables_of(results, EXPERIMENT)
    for table in tables:
        screen.print(terminal_table(table))
    if out is not None:
        from roskdbench.report.folder import write_folder

        for path in write_folder(results, tables, kept, out, registry, with_images):
            typer.echo(f"wrote {path}", err=True)
        say_what_is_withheld(results, with_images)
    if not progress.well or results.gaps:
        raise typer.Exit(1)

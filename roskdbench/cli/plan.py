"""`plan`: what a suite comes to before it is computed."""

from typing import TYPE_CHECKING, Annotated

import typer

from roskdbench.cli.options import (
    STORE,
    Folders,
    Only,
    Pretrained,
    Settings,
    StoreFolder,
    SuiteName,
    console,
    registry_found,
)

if TYPE_CHECKING:
    from rich.console import Console

    from roskdbench.plan import Plan
    from roskdbench.plugins import Registry
    from roskdbench.store import Store


def plan(
    suite: SuiteName,
    only: Only = None,
    pretrained: Pretrained = None,
    settings: Settings = None,
    folders: Folders = None,
    store: StoreFolder = STORE,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="Time a few training steps of each network here, to say how long the suite would take."
        ),
    ] = False,
) -> None:
    """Show what a suite comes to: jobs by kind, what sharing saves, what is in the store, how long the rest takes, and
    what of its claims it could see.
    """
    from roskdbench.session import Session
    from roskdbench.store import Store

    session = Session(suite, store, folders or [], only or [], settings=settings or [], pretrained=pretrained or [])
    registry = registry_found(folders)
    planned = session.planned(registry, Store(store))
    print_plan(planned, console(), Store(store))
    _print_hours(planned, console(), Store(store), registry if measure else None)
    if planned.suite.claims:
        from roskdbench.report.tables.foreseen import foreseen_table
        from roskdbench.report.terminal import terminal_table

        if table := foreseen_table(planned, Store(store)):
            console().print(terminal_table(table))


def _print_hours(planned: "Plan", screen: "Console", store: "Store", measuring: "Registry | None") -> None:
    """On each device that is known. With a registry to build them by, networks that this machine does not know are
    tried.
    """
    from roskdbench.plan.estimate import alone, speeds, trainings_by_network

    found = speeds(store)
    told = {each.device for each in found}
    trained = trainings_by_network(planned)
    if measuring is not None:
        from roskdbench.trial import with_trials

        found = with_trials(found, planned, measuring)
    left = list(planned.needed(each for each in planned.jobs if each in store).values())
    for each in found:
        unit = "GPU-hours" if each.is_gpu else "hours of one core"
        whole, separate = each.hours(planned.jobs.values()), each.hours(alone(planned))
        tried = ["a few steps of its networks"] if measuring and each is found[0] else []
        how = " and ".join([*(["jobs in this store"] if each.device in told else []), *tried])
        text = (
            f"On {each.device}, by the speed of {how}: {_hours(each.hours(left))} {unit} to do, {_hours(whole)} from "
            f"an empty store. Scripts that share nothing would take {_hours(separate)}: {separate / whole:.1f} times."
        )
        screen.print(text, soft_wrap=True, markup=False)
        if new := [job for network, job in trained.items() if not each.knows(network)]:
            names = sorted({job.spec["architecture"]["model"] for job in new})
            screen.print(
                f"That is a guess: of {len(new)} of its {len(trained)} networks ({', '.join(names)}) nothing is known "
                "there; --measure tries them here.",
                style="dim",
                soft_wrap=True,
                markup=False,
            )
    if not found:
        screen.print("How long it will take is not known yet: add --measure.", style="dim")


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.1f}" if hours >= 10 else f"{hours:.2g}"


def print_plan(planned: "Plan", screen: "Console", store: "Store") -> None:
    """What there is, and what of it is to be done."""
    from rich.table import Table

    needed = planned.needed(each for each in planned.jobs if each in store)
    waiting = {kind: [job for job in needed.values() if job.group == kind] for kind in planned.kinds()}
    grid = Table(title=f"{planned.suite.suite}: {len(planned.cells)} cells", title_style="bold")
    for heading in ("kind", "jobs", "to do", "work to do"):
        grid.add_column(heading, justify="left" if heading == "kind" else "right")
    for kind, count in planned.kinds().items():
        grid.add_row(kind, str(count), str(len(waiting[kind])), _work(sum(job.cost for job in waiting[kind])))
    grid.add_section()
    grid.add_row("all", str(len(planned.jobs)), str(len(needed)), _work(sum(job.cost for job in needed.values())))
    screen.print(grid)
    shared, alone = planned.trainings, planned.trainings_alone
    if shared:
        screen.print(
            f"{shared} networks are trained; a script per method and cell would train {alone} "
            f"({alone / shared:.1f} times as many).",
            soft_wrap=True,
        )
    screen.print(
        "Work counts forward passes of one image of 64 pixels through a ResNet-18; a training pass is three.",
        style="dim",
        soft_wrap=True,
    )
    for line in remarks(planned):
        screen.print(line, style="yellow", soft_wrap=True, markup=False)


def remarks(planned: "Plan") -> list[str]:
    """What is to be known of a plan before it is computed, a line each."""
    from roskdbench.report.tables.notes import schedule_remarks, undefined, ungrouped
    from roskdbench.suite.beginning import models_without_weights

    problems = planned.suite.problems
    guessed = [
        f"{name} {problems[name].image_count():,} images" for name in planned.problems if planned.is_guessed(name)
    ]
    lines = [f"Until its data have been run, a guess: {', '.join(guessed)}."] if guessed else []
    lines += ungrouped(planned.suite, planned.problems)
    lines += [f"It takes --pretrained {model}=FILE: of these weights the bytes alone are known." for model in
              models_without_weights(planned.suite)]  # fmt: skip
    lines += schedule_remarks(planned.suite.protocol)
    for experiment in planned.experiments:
        lines += [f"{experiment}, {line}" for line in (*undefined(planned, experiment), *planned.remarks[experiment])]
    return lines + _weak_pulls(planned)


def _weak_pulls(planned: "Plan") -> list[str]:
    """A line for each way of reading the loss in which students are hardly drawn towards labels at the start."""
    from dataclasses import replace

    from roskdbench.plan.pull import Pull, pulls

    groups: dict[Pull, dict[str, None]] = {}
    for each in pulls(planned):
        if each.is_weak:
            groups.setdefault(replace(each, experiment="", method=""), {})[each.method] = None
    return [
        f"{each.problem}: at temperature {each.temperature:g} and alpha {each.alpha:g}, {', '.join(methods)} are drawn "
        f"towards labels by about {each.share:.2f} of what Baseline I is at the start: a learning rate of {each.lr:g} "
        f"is as one of {each.lr * each.share:.2g}, for {each.steps:,} steps. They may end before they have learnt; the "
        "measure fidelity says whether they did. protocol.distillation: {temperature: 2} draws more, "
        "{soft_loss: {kind: bernoulli-mean, balanced: true}} as much."
        for each, methods in groups.items()
    ]


def _work(passes: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if passes >= size:
            return f"{passes / size:.1f} {unit}"
    return f"{passes:.0f}"

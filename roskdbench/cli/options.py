"""What several commands take, and how they print."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roskdbench.errors import visible

if TYPE_CHECKING:
    from rich.console import Console

    from roskdbench.plugins import Registry

STORE = Path("roskdbench-store")


def keys_of_suite(context: typer.Context, incomplete: str) -> list[str]:
    """For the shell: keys of the suite that stands on the line, or of quick, that begin so; after a key and its sign
    what it may be, as far as that can be listed, and what it is.
    """
    from contextlib import suppress

    from roskdbench.errors import UserError
    from roskdbench.suite import read_suite
    from roskdbench.suite.completion import keys, values

    with suppress(UserError):
        suite = read_suite(str(context.params.get("suite") or _first_word(os.environ) or "quick"))
        key, sign, _ = incomplete.partition("=")
        every = [f"{key}={value}" for value in values(suite, key)] if sign else [f"{each}=" for each in keys(suite)]
        return [each for each in every if each.startswith(incomplete)]
    return []


def _first_word(environment: Mapping[str, str]) -> str:
    """The one behind the command on the line that a shell asks about: the parser does not know it yet."""
    words = (environment.get("COMP_WORDS") or environment.get("_TYPER_COMPLETE_ARGS") or "").split()[2:]
    return words[0] if words and not words[0].startswith("-") else ""


SuiteName = Annotated[str, typer.Argument(help="A suite file, or the name of a bundled suite such as quick.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of the suite, such as protocol.epochs=5. Repeatable.",
        autocompletion=keys_of_suite,
    ),
]
Folders = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugins",
        "--methods",
        metavar="DIR",
        help="A folder with methods, measures, metrics, datasets, attacks, corruptions or networks of your own. "
        "Repeatable.",
    ),
]
StoreFolder = Annotated[
    Path,
    typer.Option(
        "--store",
        metavar="DIR",
        envvar="ROSKDBENCH_STORE",
        help="Where everything computed is kept and found again.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        envvar="ROSKDBENCH_WORKERS",
        help="Jobs at a time. Default: one for each core, or as many as a GPU's memory takes.",
    ),
]


WHERE = "Where it is computed"


class ExecutorKind(StrEnum):
    """Who computes jobs."""

    local = "local"
    ray = "ray"
    slurm = "slurm"


Executor = Annotated[
    ExecutorKind,
    typer.Option(
        help="Who computes jobs: this machine, a Ray cluster, or Slurm. Tables are the same.", rich_help_panel=WHERE
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE,…",
        help="What workers are spread over: cuda:0,cuda:1 or cpu. Default: every GPU.",
        rich_help_panel=WHERE,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Of a Ray cluster, such as auto. Default: Ray on this machine, for this run.", rich_help_panel=WHERE
    ),
]
SlurmOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--slurm",
        metavar="KEY=VALUE",
        help="An option of submitit, such as slurm_partition=gpu, gpus_per_node=1 or timeout_min=240. Repeatable.",
        rich_help_panel=WHERE,
    ),
]
DeterministicCpu = Annotated[
    bool,
    typer.Option(
        "--deterministic-cpu",
        help="Keep to one instruction set, so that different x86-64 processors give the same bytes. Slower.",
        rich_help_panel=WHERE,
    ),
]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="EXPERIMENT", help="Just this experiment. Repeatable.")
]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="PROBLEM=DIR",
        help="Where a problem's data are, such as lesion=/data/isic2019. Before the suite's root. Repeatable.",
    ),
]
Pretrained = Annotated[
    list[str] | None,
    typer.Option(
        "--pretrained",
        metavar="MODEL=FILE",
        help="Weights that all networks of a model begin with: a safetensors file, or a folder as `export` writes it, "
        "such as resnet18=weights.safetensors. Repeatable.",
    ),
]

WithImages = Annotated[
    bool,
    typer.Option(
        "--with-images", help="Also draw images of data that are not generated. They may be somebody's: think first."
    ),
]


def console() -> "Console":
    """Where tables go."""
    from roskdbench.report.screen import Screen

    return Screen(highlight=False)


def registry_found(folders: list[Path] | None) -> "Registry":
    """All that there is; files that cannot be loaded are named on the error output."""
    from roskdbench.plugins import discover

    registry = discover(folders or [])
    for line in registry.broken:
        typer.echo(visible(f"roskdbench: left out {line}"), err=True)
    return registry

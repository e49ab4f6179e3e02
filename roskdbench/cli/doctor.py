"""`doctor`: whether everything is in place, a line each, and what to do where it is not."""

from collections.abc import Iterator
from importlib import import_module
from typing import Literal

import typer

from roskdbench.cli.options import STORE, Data, Folders, StoreFolder, console

State = Literal["ok", "note", "no"]
Finding = tuple[State, str, str]
"""How it stands, of what, and what is to be said of it."""

MARKS = {"ok": "[green]ok  [/]", "note": "[yellow]note[/]", "no": "[red]no  [/]"}
OPTIONAL = {
    "tensorboard": ("--track tensorboard", "'roskdbench[tensorboard]'"),
    "mlflow": ("--track mlflow", "'roskdbench[mlflow]'"),
    "wandb": ("--track wandb", "'roskdbench[wandb]'"),
    "ray": ("--executor ray", "'roskdbench[ray]'"),
    "submitit": ("--executor slurm", "'roskdbench[slurm]'"),
    "pyarrow": ("report --format parquet", "'roskdbench[parquet]'"),
    "pydicom": ("images that are DICOM files", "'roskdbench[dicom]'"),
    "onnxruntime": ("export --onnx", "'roskdbench[onnx]'"),
    "torchattacks": ("attack: torchattacks", "--no-deps torchattacks==3.5.1"),
}
PROGRAMS = {
    "g++": "with precision: auto, to compile networks that train for minutes",
    "pdflatex": "to compile what report --format latex --standalone prints",
    "chromium": "only the tests of the pages ask for it",
}


def doctor(data: Data = None, folders: Folders = None, store: StoreFolder = STORE) -> None:
    """Look over this installation: versions, devices, precision, data, disk, methods, optional parts."""
    screen, well = console(), True
    findings = (
        _libraries(),
        _device(),
        _disk(store),
        _methods(folders),
        _datasets(data),
        _parts(),
    )
    for group in findings:
        for state, what, message in _all(group):
            well = well and state != "no"
            screen.print(MARKS[state], end=" ")
            screen.print(f"{what}: {message}", markup=False, soft_wrap=True)
    if not well:
        raise typer.Exit(1)


def _all(group: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of a group; what breaks it off is one of them."""
    from roskdbench.errors import one_line

    try:
        yield from group
    except Exception as error:
        yield "no", "this installation", one_line(error)


def _libraries() -> Iterator[Finding]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from roskdbench import __version__
    from roskdbench.jobs.execution import LIBRARIES

    yield "ok", "python", f"{platform.python_version()}, roskdbench {__version__}"
    there = []
    for name in LIBRARIES[1:]:
        try:
            there.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield "no", name, f"it is not installed; pip install {name}"
    yield "ok", "libraries", ", ".join(there)
    try:
        import_module("torchvision")
    except (ImportError, RuntimeError, OSError) as error:
        message = f"it does not go with this torch ({' '.join(str(error).split())[:80]}); install both from one index"
        yield "no", "torchvision", message


def _device() -> Iterator[Finding]:
    from pathlib import Path

    import torch

    from roskdbench.engine.device import prepare
    from roskdbench.engine.precision import Case, choose
    from roskdbench.executors.config import cores, default_devices, default_workers
    from roskdbench.jobs.execution import environment, instructions

    device, jobs = prepare(), default_workers(default_devices())
    yield "ok", "device", f"{environment()['device']}; {cores()} cores, {jobs} jobs at a time by default"
    yield "ok", "instruction set", f"{instructions()}; on a processor with another, trainings end in other digits"
    if device.type == "cpu" and Path("/dev/nvidiactl").exists():
        yield "no", "GPU", "there is one, and torch does not see it: install a CUDA build of torch, or mend the driver"
    elif device.type == "cuda":
        for number in range(torch.cuda.device_count()):
            free, whole = torch.cuda.mem_get_info(number)
            name = torch.cuda.get_device_name(number)
            yield "ok", f"cuda:{number}", f"{name}, {free / 2**30:.0f} of {whole / 2**30:.0f} GiB free"
    form, seconds = choose(Case({"model": "resnet18", "options": {}}, 64, 16, device))
    times = ", ".join(f"{name} {1000 * each:.0f} ms" for name, each in seconds.items())
    message = f"a ResNet-18 at 64 px trains fastest in {form} (a step of 16: {times})"
    if form.precision == "float32":
        yield "ok", "precision", f"{message}; float32, the default, is right here"
    else:
        yield "note", "precision", f"{message}; protocol.precision: auto would use it, the default float32 does not"


def _disk(store: "StoreFolder") -> Iterator[Finding]:
    import os
    import shutil

    from rich.filesize import decimal

    place = store if store.exists() else store.absolute().parent
    if not place.exists() or not os.access(place, os.W_OK):
        yield "no", "store", f"{place} cannot be written; name another with --store DIR or ROSKDBENCH_STORE"
        return
    free = shutil.disk_usage(place).free
    message = f"{store}{'' if store.exists() else ' (made by the first run)'}, {decimal(free)} free"
    yield (
        ("ok", "store", message)
        if free > 5e9
        else ("note", "store", f"{message}: banks of large problems take gigabytes")
    )


def _methods(folders: "Folders") -> Iterator[Finding]:
    from roskdbench.plugins import discover

    registry = discover(folders or [])
    yield "ok", "methods", f"{len(registry.of('method'))}, which roskdbench methods lists"
    for line in registry.broken:
        yield "no", "plugin", line


def _datasets(data: "Data") -> Iterator[Finding]:
    from roskdbench.data.roots import VARIABLE, read_roots, under_variable
    from roskdbench.plugins import bundled_registry
    from roskdbench.suite.problems import RealProblem

    there = {name: each.thing for name, each in bundled_registry().of("dataset").items()}
    real = {name: each for name, each in there.items() if issubclass(each, RealProblem)}
    given, missing = read_roots(data or (), real), []
    for name, dataset in real.items():
        place = given.get(name) or under_variable(dataset)
        if place is not None and place.exists():
            yield "ok", name, f"found at {place}"
        elif dataset.known_classes or dataset.channels is not None:
            missing.append(name)
    if missing:
        message = f"not found: {', '.join(missing)}; roskdbench datasets says how to get them ({VARIABLE} is where)"
        yield "note", "data", message


def _parts() -> Iterator[Finding]:
    import shutil
    from importlib.util import find_spec

    for module, (use, given) in OPTIONAL.items():
        if find_spec(module):
            yield "ok", module, f"installed, for {use}"
        else:
            yield "note", module, f"not installed; for {use}: pip install {given}"
    for program, use in PROGRAMS.items():
        place = shutil.which(program)
        yield ("ok", program, place) if place else ("note", program, f"not found; {use}")

"""Finding what can be added: methods, measures, metrics, datasets, attacks, corruptions, networks, report formats and
figures.

Each is declared in one file, bundled or a user's, and known by its family and name. Files of a user are looked for in
the folders that a command names, in ROSKDBENCH_PLUGINS, and in installed packages (entry points `roskdbench.plugins`).
A file that cannot be loaded is noted in one line and hides no other.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, TypeVar

from roskdbench.bundled import bundled
from roskdbench.errors import PLUGIN_FILES, UserError, nearest, one_line

VARIABLE = "ROSKDBENCH_PLUGINS"
GROUP = "roskdbench.plugins"


@dataclass(frozen=True)
class Family:
    """A kind of thing that can be added."""

    name: str
    plural: str
    package: str = ""
    """Where the bundled ones are, each a module or package of its own; a folder of files at the top if empty."""


FAMILIES = {
    family.name: family
    for family in (
        Family("method", "methods"),
        Family("measure", "measures", "roskdbench.measures"),
        Family("metric", "metrics", "roskdbench.metrics"),
        Family("dataset", "datasets", "roskdbench.datasets"),
        Family("attack", "attacks", "roskdbench.attacks"),
        Family("corruption", "corruptions", "roskdbench.corruptions"),
        Family("network", "networks"),
        Family("format", "formats", "roskdbench.report.formats"),
        Family("figure", "figures", "roskdbench.report.figures"),
    )
}
SHOWN_LATE = ("format", "figure")
"""Families that only reports ask for: their bundled files are loaded when they are."""

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Entry:
    """Something that was found, and where it came from."""

    thing: Any
    origin: str
    bundled: bool = False
    in_file: bool = True
    """Whether a folder of plugins has it, and no package or notebook."""


@dataclass
class Registry:
    """What was found, by family and name, and a line for each place that could not be loaded."""

    families: dict[str, dict[str, Entry]] = field(default_factory=lambda: {name: {} for name in FAMILIES})
    clashes: dict[tuple[str, str], str] = field(default_factory=dict)
    """Names that were given twice in a family, with a sentence that says where."""
    broken: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    """Files that register nothing."""

    def of(self, family: str) -> dict[str, Entry]:
        """All of a family, by name."""
        if family in SHOWN_LATE:
            _load_bundled(family)
            return _chosen(family, self.families[family])
        return self.families[family]

    def find(self, family: str, name: str, understood: Iterable[str] = ()) -> Entry:
        """The one of that name; a UserError if there is none, or two. It suggests what else is `understood`, too."""
        if clash := self.clashes.get((family, name)):
            raise UserError(clash)
        there = self.of(family)
        if name not in there:
            broken = f" (could not be loaded: {'; '.join(self.broken)})" if self.broken else ""
            silent = f" (no @register in {', '.join(self.silent)})" if self.silent else ""
            raise UserError(f"unknown {family} '{name}'; {nearest(name, {*there, *understood})}{broken}{silent}")
        return there[name]

    def has_others(self) -> bool:
        """Whether anything in it does not come with roskdbench."""
        return any(not entry.bundled for family in self.families.values() for entry in family.values())


_registered: dict[tuple[str, str], list[Any]] = {}


def keep(family: str, name: str, thing: Thing, module: str) -> Thing:
    """Make a thing of a family known under a name. `module` is the one that it is written in."""
    known = _registered.get((family, name), [])
    same_place = [each for each in known if _file_of(each[1]) == _file_of(module)]
    if same_place and module.startswith(PLUGIN_FILES):
        raise UserError(f"two {FAMILIES[family].plural} of this file are registered as '{name}'; rename one")
    _registered[family, name] = [*(each for each in known if each not in same_place), (thing, module)]
    return thing


def register(name: str) -> Callable[[type[Thing]], type[Thing]]:
    """Make a class known under a name: `@register("my-method")` above a Method, Measure, Dataset, Attack
    or Corruption.
    """

    def take(thing: type[Thing]) -> type[Thing]:
        family = getattr(thing, "family", None)
        if not isinstance(thing, type) or family not in FAMILIES:
            raise TypeError(
                f"@register('{name}') is for classes that inherit from Method, Measure, Dataset, Attack or Corruption"
            )
        thing.name = name  # type: ignore[attr-defined]
        return keep(family, name, thing, thing.__module__)

    return take


def named_folders() -> list[Path]:
    """The folders of plugins that the environment names."""
    return [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]


def discover(directories: Iterable[Path] = ()) -> Registry:
    """Everything there is: bundled, of installed packages, in the environment's folders and in `directories`."""
    registry = Registry()
    for family in FAMILIES:
        if family not in SHOWN_LATE:
            _load_bundled(family)
    for point in _entry_points():
        try:
            point.load()
        except (Exception, SystemExit) as error:
            registry.broken.append(f"entry point {point.name} ({point.value}): {one_line(error)}")
    modules = dict(_load_folders([bundled("methods"), *named_folders(), *directories], registry))
    speaking = {module for things in _registered.values() for _, module in things}
    loaded = sys.modules.keys() - speaking
    registry.silent += [str(file) for module, file in modules.items() if module in loaded]
    for (family, name), things in sorted(_registered.items()):
        current = [each for each in things if not each[1].startswith(PLUGIN_FILES) or each[1] in modules]
        if len(current) > 1:
            both = " and ".join(_file_of(module) for _, module in current)
            registry.clashes[family, name] = (
                f"two {FAMILIES[family].plural} are registered as '{name}': {both}; rename one"
            )
        for thing, module in current[:1]:
            registry.families[family][name] = _entry(thing, module)
    return registry


@cache
def bundled_registry() -> Registry:
    """What comes with roskdbench, and what the environment names."""
    return discover()


def _entry_points() -> list[EntryPoint]:
    """What installed packages offer. Asked for once: it takes longer than all the rest."""
    return list(_every_entry_point(tuple(sys.path)).select(group=GROUP))


@cache
def _every_entry_point(path: tuple[str, ...]) -> Any:
    return entry_points()


def _load_folders(folders: Iterable[Path], registry: Registry) -> Iterator[tuple[str, Path]]:
    """Load the files in each folder; the names of their modules, and the files."""
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"no folder of plugins at {folder}")
        package = _package(folder)
        for file in sorted(folder.glob("*.py")):
            if file.name.startswith(("test_", "_")):
                continue
            name = f"{package}.{file.stem}"
            if problem := _load(name, folder):
                registry.broken.append(f"{file}: {problem}")
            yield name, file


def _entry(thing: Any, module: str) -> Entry:
    inside = module.startswith(("roskdbench.", f"{_bundled_package()}."))
    return Entry(thing, _file_of(module), inside, module.startswith(PLUGIN_FILES))


def _chosen(family: str, found: dict[str, Entry]) -> dict[str, Entry]:
    """The bundled ones of a family that is loaded late, and those that were found before."""
    ours = {
        name: _entry(thing, module)
        for (each, name), things in _registered.items()
        for thing, module in things
        if each == family and module.startswith("roskdbench.")
    }
    return {**ours, **found}


@cache
def _load_bundled(family: str) -> None:
    package = FAMILIES[family].package
    if package:
        path = import_module(package).__path__
        for each in iter_modules(path):
            if not each.name.startswith("_"):
                import_module(f"{package}.{each.name}")


_seen: dict[str, dict[str, tuple[int, int]]] = {}
"""Of each folder's package its files as they were when they were loaded."""


def _package(folder: Path) -> str:
    """A package that a folder of plugins is, so that its files can import each other: `from ._shared import attack`.
    Where a file has changed all of them are loaded anew: one may have what another imported.
    """
    place = folder.resolve()
    name = _name_of_package(place)
    state = {file.name: (file.stat().st_mtime_ns, file.stat().st_size) for file in place.glob("*.py")}
    if _seen.get(name) != state:
        for module in [each for each in sys.modules if each.startswith(f"{name}.")]:
            _forget(module)
            del sys.modules[module]
        package = ModuleType(name)
        package.__path__ = [str(place)]
        sys.modules[name] = package
        importlib.invalidate_caches()
        _seen[name] = state
    return name


def _name_of_package(place: Path) -> str:
    return f"{PLUGIN_FILES}_{sha256(str(place).encode()).hexdigest()[:8]}"


@cache
def _bundled_package() -> str:
    return _name_of_package(bundled("methods").resolve())


def _load(name: str, folder: Path) -> str | None:
    """Import a module of a folder of plugins. Returns why it failed, in a line."""
    try:
        import_module(name)
    except (Exception, SystemExit) as error:
        _forget(name)
        missed = str(error.name) if isinstance(error, ModuleNotFoundError) else ""
        beside = missed and (folder / f"{missed}.py").is_file()
        return one_line(error) + (f"; a neighbour is imported by: from .{missed} import …" if beside else "")
    return None


def _forget(module: str) -> None:
    for things in _registered.values():
        things[:] = [each for each in things if each[1] != module]


def _file_of(module: str) -> str:
    return str(getattr(sys.modules.get(module), "__file__", None) or module)

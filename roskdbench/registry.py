"""Finding methods: bundled ones, those in directories a user names, and those of installed packages.

A file that cannot be loaded is noted in one line and hides no other.
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from roskdbench.bundled import bundled
from roskdbench.errors import METHOD_FILES, UserError, nearest, one_line
from roskdbench.method import Method

VARIABLE = "ROSKDBENCH_METHODS"
GROUP = "roskdbench.methods"


@dataclass(frozen=True)
class Entry:
    """A method and where it came from."""

    method: type[Method]
    origin: str
    bundled: bool = False
    in_file: bool = True
    """Whether a folder of methods has it, and no package or notebook."""


@dataclass
class Registry:
    """The methods that were found, and a line for each place that could not be loaded."""

    entries: dict[str, Entry] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    """Files that register no method."""

    def make(self, name: str, parameters: Mapping[str, Any] | None = None) -> Method:
        """The method of that name with parameters; a UserError if either is not known."""
        entry = self.entries.get(name)
        if entry is None:
            broken = f" (could not be loaded: {'; '.join(self.broken)})" if self.broken else ""
            silent = f" (no @register in {', '.join(self.silent)})" if self.silent else ""
            raise UserError(f"unknown method '{name}'; {nearest(name, self.entries)}{broken}{silent}")
        try:
            return entry.method.model_validate(dict(parameters or {}))
        except ValidationError as error:
            first = error.errors()[0]
            keys = ".".join(str(key) for key in first["loc"])
            if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
                reason = f"unknown parameter '{keys}'; {nearest(keys, entry.method.model_fields)}"
            else:
                message = first["msg"].removeprefix("Value error, ")
                reason = f"{keys}: {message[:1].lower()}{message[1:]}"
            raise UserError(f"method '{name}': {reason}") from None


_registered: dict[str, list[type[Method]]] = {}


def register(name: str) -> Callable[[type[Method]], type[Method]]:
    """Make a method known under a name: `@register("my-method")`."""

    def keep(method: type[Method]) -> type[Method]:
        if not (isinstance(method, type) and issubclass(method, Method)):
            raise TypeError(f"@register('{name}') is for classes that inherit from Method")
        method.name = name
        same_place = [each for each in _registered.get(name, []) if _origin(each) == _origin(method)]
        if same_place and _in_file(method):
            raise UserError(f"two methods of this file are registered as '{name}'; rename one")
        others = [each for each in _registered.get(name, []) if each not in same_place]
        _registered[name] = [*others, method]
        return method

    return keep


def named_folders() -> list[Path]:
    """The folders of methods that the environment names."""
    return [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]


def discover(directories: Iterable[Path] = ()) -> Registry:
    """Every method there is: bundled, of installed packages, in ROSKDBENCH_METHODS and in `directories`."""
    registry = Registry()
    places = [bundled("methods"), *named_folders(), *directories]
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except (Exception, SystemExit) as error:
            registry.broken.append(f"entry point {point.name} ({point.value}): {one_line(error)}")
    modules = set()
    for place in places:
        if not place.is_dir():
            raise UserError(f"no folder of methods at {place}")
        for file in sorted(place.glob("*.py")):
            if file.name.startswith(("test_", "_")):
                continue
            modules.add(_module_name(file))
            problem = _load(file)
            if problem:
                registry.broken.append(f"{file}: {problem}")
            elif not any(each.__module__ == _module_name(file) for methods in _registered.values() for each in methods):
                registry.silent.append(str(file))
    for name, methods in sorted(_registered.items()):
        current = [each for each in methods if _is_current(each, modules)]
        if len(current) > 1:
            both = " and ".join(_origin(each) for each in current)
            raise UserError(f"two methods are registered as '{name}': {both}; rename one")
        for method in current:
            inside = Path(_origin(method)).parent == bundled("methods")
            registry.entries[name] = Entry(method, _origin(method), inside, _in_file(method))
    return registry


def _in_file(method: type[Method]) -> bool:
    return method.__module__.startswith(METHOD_FILES)


def _is_current(method: type[Method], modules: set[str]) -> bool:
    """Method files count only where this call looked; classes of imported packages and notebooks always."""
    return not _in_file(method) or method.__module__ in modules


def _module_name(file: Path) -> str:
    return f"{METHOD_FILES}_{sha256(str(file.resolve()).encode()).hexdigest()[:8]}_{file.stem}"


_loaded: dict[str, tuple[int, int]] = {}


def _load(file: Path) -> str | None:
    """Run a method file unless it was run as it is. Returns why it failed, in a line."""
    name, stat = _module_name(file), file.stat()
    state = (stat.st_mtime_ns, stat.st_size)
    if _loaded.get(name) == state:
        return None
    _forget(name)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        return "it is not a Python file"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        _forget(name)
        return one_line(error)
    _loaded[name] = state
    return None


def _forget(module: str) -> None:
    for methods in _registered.values():
        methods[:] = [each for each in methods if each.__module__ != module]


def _origin(method: type[Method]) -> str:
    module = sys.modules.get(method.__module__)
    return str(getattr(module, "__file__", None) or method.__module__)

"""What code says, without comments, docstrings and layout: what a fingerprint covers of a plugin's file."""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from textwrap import dedent
from typing import Any

OURS = ("roskdbench", "pydantic", "builtins", "abc", "typing")


def is_ours(module: str) -> bool:
    """Whether a module's code is part of roskdbench, whose changes are told by revisions."""
    return module.partition(".")[0] in OURS


def code_of(thing: Any) -> dict[str, str]:
    """The digest of the file that a plugin is written in, by its name; nothing for bundled things."""
    return {} if is_ours(thing.__module__) else {thing.__qualname__: source_digest(thing)}


def together(*codes: Mapping[str, str]) -> dict[str, str]:
    """The digests of several things; those of one name, of different files, are all kept."""
    found: dict[str, str] = {}
    for code in codes:
        for first, digest in code.items():
            name = first
            while found.get(name, digest) != digest:
                name += ", another"
            found[name] = digest
    return found


def source_digest(thing: Any) -> str:
    """Of the whole file of a class or function and of the neighbours that it imports; of its own source where it has no
    file, as in a notebook.
    """
    own = bare_source(source_of(thing))
    neighbours = [bare_source(file.read_text("utf-8")) for file in neighbours_of(thing)]
    return sha256("\n\0\n".join([own, *neighbours]).encode()).hexdigest()


def own_classes(cls: type) -> list[type]:
    """A class and those that it is made from, without ours: what its author wrote."""
    return [each for each in cls.__mro__ if not is_ours(each.__module__) and each is not object]


def neighbours_of(thing: Any) -> list[Path]:
    """The files of its folder that the file of a class or function imports, and those that these import, by name."""
    file = getattr(sys.modules.get(thing.__module__), "__file__", None)
    found: dict[Path, None] = {}
    waiting = [Path(file)] if file and not is_ours(thing.__module__) else []
    while waiting:
        place = waiting.pop()
        for name in _imported_beside(ast.parse(place.read_text("utf-8"))):
            neighbour = place.with_name(f"{name}.py")
            if neighbour.is_file() and neighbour not in found and str(neighbour) != file:
                found[neighbour] = None
                waiting.append(neighbour)
    return sorted(found)


def _imported_beside(tree: ast.Module) -> Iterator[str]:
    """The names of neighbours in `from . import a` and `from .a import b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            yield from [node.module.partition(".")[0]] if node.module else [each.name for each in node.names]


def source_of(thing: Any) -> str:
    """The file that a class or function is written in; its own source where there is none."""
    file = getattr(sys.modules.get(thing.__module__), "__file__", None)
    return Path(file).read_text("utf-8") if file else dedent(inspect.getsource(thing))


def bare_source(source: str) -> str:
    """Python source without comments, docstrings and layout."""
    return ast.unparse(bare_tree(source))


def bare_tree(source: str) -> ast.Module:
    """What Python makes of a source, without its docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return tree

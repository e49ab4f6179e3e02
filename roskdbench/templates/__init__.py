"""What `roskdbench new` writes: a file to start from, and its test; or a suite. The texts stand beside this file."""

import keyword
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from roskdbench.errors import UserError, refusal
from roskdbench.plugins import FAMILIES, discover

OFFERED = ("method", "measure", "metric", "dataset", "attack", "corruption")


def write_plugin(family: str, name: str, folder: Path) -> list[Path]:
    """Write the two files into `folder`; a UserError if the name cannot be one or a file is there already."""
    module = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(module):
        raise UserError(f"'{name}' names no new {family}: use small letters, digits and single hyphens, like my-own")
    if name in discover().of(family):
        raise UserError(f"there is a {family} '{name}' already; give yours another name")
    words = name.split("-")
    texts = {
        "title": " ".join(words).capitalize(),
        "name": name,
        "module": module,
        "class_name": "".join(word.capitalize() for word in words),
        "family": family,
        "plural": FAMILIES[family].plural,
    }
    return _write({folder / f"{module}.py": family, folder / f"test_{module}.py": "test"}, texts)


def write_suite(name: str, folder: Path) -> Path:
    """Write a suite into `folder`; a UserError if the name cannot be one or the file is there already."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise UserError(f"'{name}' names no suite: use letters, digits, hyphens and dots, like my-suite")
    file = folder / f"{name}.yaml"
    (path,) = _write({file: "suite"}, {"name": name, "path": str(file)})
    return path


def _write(wanted: Mapping[Path, str], texts: Mapping[str, str]) -> list[Path]:
    """Fill templates in; the files, none of which may be there."""
    for path in wanted:
        if path.exists():
            raise UserError(f"{path} is there already")
    try:
        for path, template in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            text = (files(__package__) / f"{template}.txt").read_text("utf-8")
            path.write_text(Template(text).substitute(texts), "utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {path.parent}: {refusal(error)}") from None
    return list(wanted)

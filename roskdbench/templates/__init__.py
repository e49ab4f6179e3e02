"""What `roskdbench new FAMILY NAME` writes: a file to start from, and its test. The texts stand beside this file."""

import keyword
import re
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
    written = {folder / f"{module}.py": family, folder / f"test_{module}.py": "test"}
    for path in written:
        if path.exists():
            raise UserError(f"{path} is there already")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, template in written.items():
            text = (files(__package__) / f"{template}.txt").read_text("utf-8")
            path.write_text(Template(text).substitute(texts), "utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {refusal(error)}") from None
    return list(written)

"""Which models timm has and which attacks torchattacks, read from their files: importing them would import torch."""

import ast
import re
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from roskdbench.errors import nearest_three

_REGISTERED = re.compile(r"^@register_model\s*\ndef (\w+)", re.MULTILINE)


def model_objection(name: str) -> str | None:
    """Why timm cannot make a model of this name, or None."""
    if ":" in name:
        return f"'{name}' is an address, and nothing is downloaded here; write the name that timm has for the model"
    architecture = name.partition(".")[0]
    if architecture in _models():
        return None
    timm: Any = sys.modules.get("timm")  # a method file may have registered a network of its own
    if timm is not None and timm.is_model(name):
        return None
    return f"timm has no model '{name}'; {nearest_three(architecture, _models()) or 'see timm.list_models()'}"


def weights_objection(name: str) -> str | None:
    """What to write for a name that asks for weights, too, or None."""
    architecture, dot, tag = name.partition(".")
    if not dot or architecture not in _models():
        return None
    return f"'.{tag}' names weights of timm's, and networks are trained from scratch here; write '{architecture}'"


@cache
def _models() -> frozenset[str]:
    files = (_home("timm").parent / "models").glob("*.py")
    return frozenset(name for file in files for name in _REGISTERED.findall(file.read_text("utf-8")))


@cache
def packaged_attacks() -> frozenset[str]:
    """The names of torchattacks' attacks; none where it is not installed."""
    if find_spec("torchattacks") is None:
        return frozenset()
    tree = ast.parse(_home("torchattacks").read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return frozenset(name.asname or name.name for node in imports for name in node.names)


def _home(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin)

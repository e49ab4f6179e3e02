"""What a method's file says that nothing reads. Nothing is run."""

import ast
from collections.abc import Iterator
from difflib import get_close_matches

from roskdbench.method import Method
from roskdbench.method.contract import defined_in
from roskdbench.method.effects import parameters_read
from roskdbench.method.parts import Part
from roskdbench.method.teachers import NoTeachers
from roskdbench.source import own_classes, source_of


def unread(method: Method) -> str | None:
    """The hooks and fields of a method and its parts that nothing asks for: they would change nothing, silently."""
    parts = [each for name in type(method).model_fields if isinstance(each := getattr(method, name), Part)]
    found = [reason for piece in (method, *parts) for cls in own_classes(type(piece)) for reason in _unread(cls)]
    return "; ".join(dict.fromkeys(found)) or None


def idle(method: Method) -> str | None:
    """What a method declares of teachers and their weights, and does not go by."""
    usual = {name: field.default for name, field in Method.model_fields.items()}
    declared = [name for name in ("teachers", "weighting", "matching") if getattr(method, name) != usual[name]]
    found = [name for name in declared if name not in parameters_read(method)]
    why = "it has no teachers" if isinstance(method.teachers, NoTeachers) else "its loss does not ask for them"
    return f"{' and '.join(found)} would change nothing: {why}" if found else None


def _unread(cls: type) -> Iterator[str]:
    inherited = {name for base in cls.__mro__[1:] for name in _names(base)}
    read = {node.attr for node in ast.walk(_tree(cls)) if isinstance(node, ast.Attribute)}
    read |= {node.id for node in ast.walk(_tree(cls)) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for name in sorted(_names(cls) - inherited - read):
        meant = get_close_matches(name, inherited, n=1)
        other = f"; did you mean `{meant[0]}`?" if meant else ""
        if callable(getattr(cls, name, None)):
            yield f"nothing calls `{name}` of {cls.__name__}: it is no hook that the engine knows{other}"
        else:
            yield f"nothing reads `{name}` of {cls.__name__}: it would change nothing{other}"


def _names(cls: type) -> set[str]:
    """What the body of a class defines: fields, constants, functions."""
    return defined_in(cls) | set(vars(cls).get("__annotations__", {}))


def _tree(cls: type) -> ast.Module:
    return ast.parse(source_of(cls))

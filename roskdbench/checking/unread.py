"""What a method's file says that nothing reads, and where it reaches past what it is given. Nothing is run."""

import ast
from collections.abc import Iterator

from roskdbench.method import Method
from roskdbench.method.contract import defined_in
from roskdbench.method.parts import Part
from roskdbench.source import is_ours, source_of

WAYS_PAST = ("__self__", "__closure__", "__globals__", "__wrapped__", "f_back", "_getframe")


def unread(method: Method) -> str | None:
    """The hooks and fields of a method and its parts that nothing asks for: they would change nothing, silently."""
    parts = [each for name in type(method).model_fields if isinstance(each := getattr(method, name), Part)]
    found = [reason for piece in (method, *parts) for cls in _own_classes(type(piece)) for reason in _unread(cls)]
    return "; ".join(dict.fromkeys(found)) or None


def reaches_past(method: Method) -> str | None:
    """Whether the code goes behind what a batch offers."""
    for cls in _own_classes(type(method)):
        for node in ast.walk(_tree(cls)):
            if isinstance(node, ast.Attribute) and node.attr in WAYS_PAST:
                return (
                    f"line {node.lineno} uses {node.attr}; a loss sees what roskdbench.Batch offers, and nothing else"
                )
    return None


def _own_classes(cls: type) -> list[type]:
    return [each for each in cls.__mro__ if not is_ours(each.__module__) and each is not object]


def _unread(cls: type) -> Iterator[str]:
    inherited = {name for base in cls.__mro__[1:] for name in _names(base)}
    read = {node.attr for node in ast.walk(_tree(cls)) if isinstance(node, ast.Attribute)}
    read |= {node.id for node in ast.walk(_tree(cls)) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for name in sorted(_names(cls) - inherited - read):
        if callable(getattr(cls, name, None)):
            yield f"nothing calls `{name}` of {cls.__name__}: it is no hook that the engine knows"
        else:
            yield f"nothing reads `{name}` of {cls.__name__}: it would change nothing"


def _names(cls: type) -> set[str]:
    """What the body of a class defines: fields, constants, functions."""
    return defined_in(cls) | set(vars(cls).get("__annotations__", {}))


def _tree(cls: type) -> ast.Module:
    return ast.parse(source_of(cls))

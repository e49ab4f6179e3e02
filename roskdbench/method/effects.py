"""Which of its parameters a method goes by: what a suite may set for it, and what its card shows."""

from __future__ import annotations

import ast
from functools import cache

from roskdbench.method.contract import Method
from roskdbench.method.teachers import NoTeachers
from roskdbench.source import bare_tree, neighbours_of, own_classes, source_of

WHOLE = {"model_dump", "declaration"}  # every parameter at once
WEIGHED = {"weights", "weigher", "matching", "mixture_divergence"}  # what the weights of teachers come in by
HEARD = WEIGHED | {"teacher_logits", "divergences", "teacher_outputs", "ask_teachers"}
SMOOTHED = {"hard_loss", "hard_losses", "smoothed_targets"}  # what the protocol's smoothing of labels comes in by
OF_THE_USUAL_LOSS = {"alpha", "temperature", "matching", "hard_loss"}


def parameters_read(method: Method) -> set[str]:
    """The parameters of a method that change anything, as far as its code tells."""
    taught = not isinstance(method.teachers, NoTeachers)
    if not method.trains_student:
        return {"teachers"}
    said = _said(type(method), taught)
    if WHOLE & said:
        return set(type(method).model_fields)
    found = {name for name in type(method).model_fields if name not in Method.model_fields or name in said}
    found |= {"averaging", "stepping", "schedule", "soft_loss"}
    found -= {"teachers", "weighting", "matching"}
    found |= {"teachers"} if HEARD & _said(type(method), taught=True) else set()
    found |= {"weighting"} if taught and WEIGHED & said else set()
    return found | ({"matching"} if taught and "matching" in said else set())


def hears_smoothing(method: Method) -> bool:
    """Whether the protocol's smoothing of labels reaches the loss."""
    return bool(SMOOTHED & _said(type(method), not isinstance(method.teachers, NoTeachers)))


def _said(kind: type[Method], taught: bool) -> set[str]:
    """The attributes that a method's code asks for, those of the usual loss where it has no other."""
    said = set(_asked_for(kind))
    if kind.loss is Method.loss or "loss" in said:  # super().loss(batch)
        said |= OF_THE_USUAL_LOSS if taught else {"hard_loss"}
    return said


@cache
def _asked_for(kind: type[Method]) -> frozenset[str]:
    """The attributes in the bodies of a method's classes, and of what these call by name, in neighbouring files too."""
    own = own_classes(kind)
    sources = dict.fromkeys(source_of(each) for each in own)
    sources |= dict.fromkeys(file.read_text("utf-8") for each in own for file in neighbours_of(each))
    defined: dict[str, list[ast.stmt]] = {}
    for source in sources:
        for node in bare_tree(source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                defined.setdefault(node.name, []).append(node)
    found, waiting, seen = set[str](), [each.__name__ for each in own], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            for inner in (inner for each in defined.get(name, ()) for inner in ast.walk(each)):
                match inner:
                    case ast.Attribute(attr=asked) | ast.Constant(str(asked)):  # as in getattr(self, "alpha")
                        found.add(asked)
                    case ast.Name(called):
                        waiting.append(called)
    return frozenset(found)

"""Where a method's files reach past what a batch offers. Nothing is run. It finds slips; malice would get by."""

import ast
from collections.abc import Iterator

import roskdbench
from roskdbench.method import Method
from roskdbench.source import bare_tree, neighbours_of, own_classes, source_of

OFFERED = ("roskdbench.method", "roskdbench.suite", "roskdbench.errors")  # and what roskdbench itself exports
WAYS_PAST = (
    "__self__",
    "__closure__",
    "__globals__",
    "__wrapped__",
    "f_back",
    "f_locals",
    "_getframe",
    "cell_contents",
)
LOOK_BEHIND = ("gc", "inspect", "ctypes", "importlib", "builtins")
RUN_TEXT = ("eval", "exec", "compile", "__import__", "globals")


def reaches_past(method: Method) -> str | None:
    """Where the code of a method, or of a neighbour that it imports, goes behind what a batch offers."""
    own = own_classes(type(method))
    sources = {source_of(each): "" for each in own}
    sources |= {file.read_text("utf-8"): f"{file.name}, " for each in own for file in neighbours_of(each)}
    for source, where in sources.items():
        for line, reason in sorted(_slips(bare_tree(source))):
            return f"{where}line {line} {reason}; a loss sees what roskdbench.Batch offers, and nothing else"
    return None


def _slips(tree: ast.Module) -> Iterator[tuple[int, str]]:
    modules = set(_imported(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if name in WAYS_PAST:
                yield node.lineno, f"uses {name}"
            case ast.Attribute(value=ast.Name("sys"), attr="modules"):
                yield node.lineno, "looks through sys.modules"
            case ast.Attribute(value=ast.Name("roskdbench"), attr=name) if not _is_offered(f"roskdbench.{name}"):
                yield node.lineno, f"uses roskdbench.{name}"
            case ast.Constant(str(text)) if any(each in text for each in WAYS_PAST):
                yield node.lineno, f"names {text[:40]}"
            case ast.Name(name, ast.Load()) if name in RUN_TEXT:
                yield node.lineno, f"uses {name}"
            case ast.Import() | ast.ImportFrom():
                for each in _sources_of(node):
                    if each.partition(".")[0] in LOOK_BEHIND or not _is_offered(each):
                        yield node.lineno, f"imports {each}"
            case ast.Attribute(ctx=ast.Store() | ast.Del()) if _root(node) in modules:
                yield node.lineno, f"changes {ast.unparse(node)}, which everything shares"
            case ast.Call(ast.Name("setattr" | "delattr"), [first, *_]) if _root(first) in modules:
                yield node.lineno, f"changes {ast.unparse(first)}, which everything shares"
            case _:
                pass


def _sources_of(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """What an import takes, by its full name; nothing of neighbours."""
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif not node.level and node.module:
        yield from (f"{node.module}.{each.name}" for each in node.names)


def _is_offered(name: str) -> bool:
    """Whether something is of another library, or of roskdbench and meant for methods."""
    first, _, rest = name.partition(".")
    if first != "roskdbench" or not rest:
        return True
    return rest.partition(".")[0] in roskdbench.__all__ or any(f"{name}.".startswith(f"{each}.") for each in OFFERED)


def _imported(tree: ast.Module) -> Iterator[str]:
    """The names that imports bind."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for each in node.names:
                yield each.asname or each.name.partition(".")[0]


def _root(node: ast.expr) -> str:
    """The name at the beginning of `a.b[c].d`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""

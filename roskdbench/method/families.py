"""The families that lists and tables put methods under, and their order."""

from collections.abc import Iterable, Mapping

from roskdbench.method.contract import Method

FAMILIES = ("alone", "one teacher", "many teachers", "robust")


def place_of(family: str) -> tuple[int, str]:
    """Where a family stands among others; those of a user's own come last, by name."""
    return (FAMILIES.index(family) if family in FAMILIES else len(FAMILIES), family)


def in_order(methods: Mapping[str, type[Method]]) -> Iterable[tuple[str, list[str]]]:
    """Each family with the names of its methods."""
    found: dict[str, list[str]] = {}
    for name, method in methods.items():
        found.setdefault(method.listed_under(), []).append(name)
    return sorted(found.items(), key=lambda each: place_of(each[0]))

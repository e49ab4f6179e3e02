"""Texts as cells of a sheet: one that begins like a formula has an apostrophe before it, and none once it is read."""

FORMULAS = "=+-@"  # what a spreadsheet takes a cell for that begins so


def guarded(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in FORMULAS and text else text


def unguarded(cell: str) -> str:
    """The text of such a cell."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULAS and cell[1:] else cell

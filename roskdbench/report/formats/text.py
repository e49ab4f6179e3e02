"""Numbers and headings as text, the same in every format."""

from roskdbench.report.table import Estimate, TableColumn, Value, Word
from roskdbench.statistics.comparison import Difference

DIGITS = 3


def plain_number(value: float) -> str:
    """Three digits without the leading zero, as the paper prints them; four digits in all from 10 on."""
    text = f"{abs(value):.{DIGITS}f}" if abs(value) < 10 else f"{abs(value):.4g}"
    minus = "-" if value < 0 and float(text) else ""
    return minus + (text[1:] if text.startswith("0.") else text)


def signed(value: float) -> str:
    """The number with its sign."""
    return ("-" if value < 0 else "+") + plain_number(abs(value))


def bounds(difference: Difference) -> str:
    """The interval of a difference of scores."""
    return f"[{signed(difference.low)}, {signed(difference.high)}]"


def heading(column: TableColumn) -> str:
    """The column's heading; the paper's are marked."""
    return f"{column.heading} ({column.source})" if column.source else column.heading


def cell_text(cell: Value, bold: str, between: str) -> str:
    """A cell's text; only the mean is set in bold."""
    if cell is None:
        return "–" if between == " ± " else "--"
    if isinstance(cell, Word | str):
        return cell.text if isinstance(cell, Word) else cell
    if isinstance(cell, Difference):
        value = signed(cell.value)
        return f"{bold.format(value) if cell.sure else value} {bounds(cell)}"
    mean = plain_number(cell.mean)
    return (bold.format(mean) if cell.best else mean) + beside(cell, between)


def beside(cell: Estimate, between: str) -> str:
    """The spread, else the interval."""
    if cell.spread is not None:
        return f"{between}{plain_number(cell.spread)}"
    known = cell.low is not None and cell.high is not None
    return f" [{plain_number(cell.low or 0.0)}, {plain_number(cell.high or 0.0)}]" if known else ""

"""Tables as LaTeX, Markdown, CSV and JSON. Text from suites and methods is escaped; equal tables give equal bytes."""

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape
from itertools import groupby

from roskdbench.report.table import Column, Estimate, Table, Value
from roskdbench.results import Results
from roskdbench.statistics.comparison import Difference

DIGITS = 3
WIDE = 8  # columns
CSV_COLUMNS = ("table", "row", "problem", "metric", "source", "mean", "spread", "runs", "low", "high", "p", "best")


def plain_number(value: float) -> str:
    """Three digits without the leading zero, as the paper prints them; four digits in all from 10 on."""
    text = f"{abs(value):.{DIGITS}f}" if abs(value) < 10 else f"{abs(value):.4g}"
    minus = "-" if value < 0 and float(text) else ""
    return minus + (text[1:] if text.startswith("0.") else text)


def signed(value: float) -> str:
    """The number with its sign."""
    return ("-" if value < 0 else "+") + plain_number(abs(value))


def bounds(difference: Difference) -> str:
    """The interval of a difference of scores; any where it reaches as far as scores can differ."""
    low, high = signed(difference.low), signed(difference.high)
    return "[any]" if (low, high) == ("-1.000", "+1.000") else f"[{low}, {high}]"


def heading(column: Column) -> str:
    """The column's heading; the paper's are marked."""
    return f"{column.heading} ({column.source})" if column.source else column.heading


def markdown(tables: Sequence[Table]) -> str:
    """GitHub-flavoured tables."""
    return "\n".join(_markdown(table) for table in tables)


def _markdown(table: Table) -> str:
    groups = {column.group for column in table.columns}
    heads = [
        escape_markdown(f"{column.group} {heading(column)}" if len(groups) > 1 else heading(column))
        for column in table.columns
    ]
    lines = [
        f"### {escape_markdown(table.title)}",
        "",
        _markdown_row([*table.labels, *heads]),
        _markdown_row(["---"] * len(table.labels) + ["---:"] * len(heads)),
    ]
    for labels, cells in table.rows:
        texts = [cell_text(cell, "**{}**", " ± ") for cell in cells]
        lines.append(_markdown_row([*(escape_markdown(label) for label in labels), *texts]))
    return "\n".join([*lines, "", *(f"- {escape_markdown(note)}" for note in table.notes), ""])


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is."""
    escaped = "".join(f"\\{letter}" if letter in "\\|`*_[]#" else letter for letter in text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")


def html(table: Table) -> str:
    """A plain table for notebooks."""
    heads = [*table.labels, *(f"{column.group} {heading(column)}" for column in table.columns)]
    lines = [f"<h4>{escape(table.title)}</h4><table><thead><tr>", *(f"<th>{escape(head)}</th>" for head in heads)]
    lines.append("</tr></thead><tbody>")
    for labels, cells in table.rows:
        shown = [*(escape(label) for label in labels), *(_html_cell(cell) for cell in cells)]
        lines.append(f"<tr>{''.join(f'<td>{each}</td>' for each in shown)}</tr>")
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    return "".join([*lines, f"</tbody></table><ul>{notes}</ul>"])


def _html_cell(cell: Value) -> str:
    return cell_text(escape(cell) if isinstance(cell, str) else cell, "<b>{}</b>", " ± ")


def latex(tables: Sequence[Table], standalone: bool = False) -> str:
    """Booktabs tables; `standalone` makes a document that compiles by itself."""
    body = "\n".join(_latex(table) for table in tables)
    if not standalone:
        return body
    return (
        "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n\\usepackage[utf8]{inputenc}\n"
        "\\usepackage{booktabs,graphicx}\n\\usepackage[margin=2cm,landscape]{geometry}\n"
        f"\\begin{{document}}\n{body}\\end{{document}}\n"
    )


def _latex(table: Table) -> str:
    groups = [(group, len(list(columns))) for group, columns in groupby(table.columns, lambda column: column.group)]
    width = len(table.labels)
    top, rules = [], []
    for group, span in groups:
        top.append(f"\\multicolumn{{{span}}}{{c}}{{{_escape_latex(group)}}}")
        rules.append(f"\\cmidrule(lr){{{width + 1}-{width + span}}}")
        width += span
    heads = [_latex_heading(column) for column in table.columns]
    lines = [
        "\\begin{table}[ht]",
        "\\centering",
        f"\\caption{{{_escape_latex(table.title)}}}",
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%",
        f"\\begin{{tabular}}{{{'l' * len(table.labels)}{'r' * len(table.columns)}}}",
        "\\toprule",
        " & ".join([*[""] * len(table.labels), *top]) + " \\\\",
        "".join(rules),
        " & ".join([*(_escape_latex(label) for label in table.labels), *heads]) + " \\\\",
        "\\midrule",
    ]
    for labels, cells in table.rows:
        fitting = [_mean_alone(cell) if len(cells) > WIDE else cell for cell in cells]
        texts = [cell_text(cell, "\\textbf{{{}}}", "\\,$\\pm$\\,") for cell in fitting]
        lines.append(" & ".join([*(_escape_latex(label) for label in labels), *texts]) + " \\\\")
    lines += ["\\bottomrule", "\\end{tabular}}", ""]
    lines += [
        f"\\par\\smallskip\\parbox{{\\linewidth}}{{\\footnotesize {_escape_latex(note)}}}" for note in table.notes
    ]
    return "\n".join([*lines, "\\end{table}", ""])


def _mean_alone(cell: Value) -> Value:
    """Without its interval, for which a page has no room in a wide table; spreads are shorter and stay."""
    return replace(cell, low=None, high=None) if isinstance(cell, Estimate) else cell


def _latex_heading(column: Column) -> str:
    source = f"$_\\mathrm{{{_escape_latex(column.source)}}}$" if column.source else ""
    return _escape_latex(column.heading) + source


LATEX_SPECIAL = {
    "\\": "\\textbackslash{}",
    "&": "\\&",
    "%": "\\%",
    "$": "\\$",
    "#": "\\#",
    "_": "\\_",
    "{": "\\{",
    "}": "\\}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "±": "$\\pm$",
    "×": "$\\times$",
    "·": "$\\cdot$",
    "–": "--",
    "—": "---",
    "→": "$\\rightarrow$",
    "≤": "$\\leq$",
    "≥": "$\\geq$",
    "∞": "$\\infty$",
    "\n": " ",
}


GREEK_LIKE_LATIN = ("ALPHA", "BETA", "EPSILON", "ZETA", "ETA", "IOTA", "KAPPA", "MU", "NU", "RHO", "TAU", "CHI")


def _escape_latex(text: str) -> str:
    return "".join(_latex_letter(letter) for letter in text)


def _latex_letter(letter: str) -> str:
    """The letter for LaTeX with Latin fonts: Greek as mathematics, what they lack by its plain form or as a `?`."""
    if letter in LATEX_SPECIAL or ord(letter) < 256:
        return LATEX_SPECIAL.get(letter, letter)
    kind, _, name = unicodedata.name(letter, "").partition(" LETTER ")
    if kind in ("GREEK SMALL", "GREEK CAPITAL") and name.isalpha() and name != "OMICRON":
        word = {"LAMDA": "LAMBDA"}.get(name, name)
        roman = kind == "GREEK CAPITAL" and word in GREEK_LIKE_LATIN
        return word[0] if roman else f"$\\{word.lower() if kind == 'GREEK SMALL' else word.capitalize()}$"
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return "".join(LATEX_SPECIAL.get(each, each) for each in plain) or "?"


def cell_text(cell: Value, bold: str, between: str) -> str:
    """A cell's text; only the mean is set in bold."""
    if cell is None:
        return "–" if between == " ± " else "--"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Difference):
        value = signed(cell.value)
        return f"{bold.format(value) if cell.sure else value} {bounds(cell)}"
    mean = plain_number(cell.mean)
    mean = bold.format(mean) if cell.best else mean
    if cell.spread is not None:
        return f"{mean}{between}{plain_number(cell.spread)}"
    if cell.low is not None and cell.high is not None:
        return f"{mean} [{plain_number(cell.low)}, {plain_number(cell.high)}]"
    return mean


def as_csv(tables: Sequence[Table]) -> str:
    """One line a number, at full precision."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*CSV_COLUMNS, "state"])
    for table in tables:
        for labels, cells in table.rows:
            for column, cell in zip(table.columns, cells, strict=True):
                head = [table.name, " / ".join(labels), column.group, column.heading]
                head.append(column.source or "measured")
                if isinstance(cell, Estimate):
                    spread, low, high = (
                        "" if each is None else repr(each) for each in (cell.spread, cell.low, cell.high)
                    )
                    writer.writerow([*head, repr(cell.mean), spread, cell.runs, low, high, "", int(cell.best), ""])
                elif isinstance(cell, Difference):
                    low, high, p = (repr(each) for each in (cell.low, cell.high, cell.p))
                    writer.writerow([*head, repr(cell.value), "", "", low, high, p, int(cell.sure), ""])
                elif cell is not None:
                    writer.writerow([*head, *[""] * 7, cell])
    return out.getvalue()


def as_json(results: Results) -> str:
    """The tidy frame and its gaps, a record a line."""
    frame = results.frame.astype(object).where(results.frame.notna(), None)
    rows = [json.dumps(record, ensure_ascii=False) for record in frame.to_dict("records")]
    gaps = [
        json.dumps(
            {"cell": _cell_facts(gap.cell), "state": gap.state, "without": gap.without, "reason": gap.reason},
            ensure_ascii=False,
        )
        for gap in results.gaps
    ]
    rows_text, gaps_text = ",\n".join(rows), ",\n".join(gaps)
    return f'{{"run": {json.dumps(results.name)},\n"results": [\n{rows_text}\n],\n"gaps": [\n{gaps_text}\n]}}\n'


def _cell_facts(cell: object) -> dict[str, object]:
    return {name: getattr(cell, name) for name in cell.__slots__}  # type: ignore[attr-defined]


Text = Callable[[Sequence[Table]], str]
TEXTS: dict[str, Text] = {"markdown": markdown, "latex": latex, "csv": as_csv}

"""Names in links: of rows on a problem, and of methods."""

import re
from collections.abc import Sequence

from roskdbench.plan import Cell
from roskdbench.report.evidence import Key
from roskdbench.report.layout import layout_of, text_of
from roskdbench.results import Results


class PageLinks:
    """Names in links: of rows on a problem, and of methods."""

    def __init__(self, results: Results) -> None:
        self.methods = {cell.method: cell.registered for cell in results.plan.cells}
        self.cells: dict[tuple[str, Key], tuple[str, list[Cell]]] = {}
        for experiment in results.plan.experiments:
            layout = layout_of(results, experiment)
            for cell in layout.cells:
                row = (*(text_of(each) for each in layout.row(cell)), cell.problem)
                self.cells.setdefault((experiment, row), (f"c{len(self.cells) + 1}", []))[1].append(cell)

    def of(self, experiment: str, labels: Sequence[str], problem: str) -> str:
        """The name of a row's numbers on a problem; empty for rows that are nobody's here."""
        for length in range(len(labels), 0, -1):
            found = self.cells.get((experiment, (*labels[:length], problem)))
            if found:
                return found[0]
        return ""

    def page(self, method: str) -> str:
        """The file of a method's page."""
        number = list(self.methods).index(method) + 1
        return f"method-{number}-{re.sub(r'[^a-z0-9]+', '-', method.lower()).strip('-')[:40] or 'x'}.html"

    def page_of(self, title: str) -> str:
        """The file of a row's method; empty for rows that are nobody's here."""
        return self.page(title) if title in self.methods else ""

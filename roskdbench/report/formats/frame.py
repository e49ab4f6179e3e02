"""JSON: the tidy frame itself."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from roskdbench.report.formats.registering import report_format
from roskdbench.report.table import Table
from roskdbench.results import Results


@report_format("json", file="results.json")
def as_json(tables: Sequence[Table], results: Results) -> str:
    """The tidy frame and its gaps, a record a line."""
    frame = results.frame.astype(object).where(results.frame.notna(), None)
    rows = [json.dumps(record, ensure_ascii=False) for record in frame.to_dict("records")]
    gaps = [
        json.dumps(
            {"cell": asdict(gap.cell), "state": gap.state, "without": gap.without, "reason": gap.reason},
            ensure_ascii=False,
        )
        for gap in results.gaps
    ]
    rows_text, gaps_text = ",\n".join(rows), ",\n".join(gaps)
    return f'{{"run": {json.dumps(results.name)},\n"results": [\n{rows_text}\n],\n"gaps": [\n{gaps_text}\n]}}\n'

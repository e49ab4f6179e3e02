"""Parquet: the tidy frame for other programs, such as R, DuckDB and Polars."""

import io
from collections.abc import Sequence

from roskdbench.errors import UserError
from roskdbench.report.formats.registering import report_format
from roskdbench.report.table import Table
from roskdbench.results import Results


@report_format("parquet")
def as_parquet(tables: Sequence[Table], results: Results) -> bytes:
    """The tidy frame."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UserError("Parquet takes pyarrow: pip install 'roskdbench[parquet]'") from None

    frame = pyarrow.Table.from_pandas(results.frame, preserve_index=False).replace_schema_metadata(None)
    written = io.BytesIO()
    parquet.write_table(frame, written, compression="zstd")
    return written.getvalue()

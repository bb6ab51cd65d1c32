"""Tables of the items' metadata: CSV, JSON lines and Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.show.formats import Format, write
from hamsight_curate.export.exporter import Exporter
from hamsight_curate.export.items import Source
from hamsight_curate.export.report import Report

if TYPE_CHECKING:
    import pyarrow as pa


def write_csv(source: Source, file: Path, report: Report) -> None:
    """Write CSV with a header; lists and maps as JSON."""
    with file.open("xb") as stream:
        for number, page in enumerate(_pages(source, report)):
            text = io.BytesIO()
            write(page, Format.CSV, text)
            header, _, rows = text.getvalue().partition(b"\n")
            stream.write(rows if number else header + b"\n" + rows)


def write_jsonl(source: Source, file: Path, report: Report) -> None:
    """Write a JSON object a line."""
    with file.open("xb") as stream:
        for page in _pages(source, report):
            write(page, Format.JSONL, stream)


def write_parquet(source: Source, file: Path, report: Report) -> None:
    """Write one Parquet file that keeps the types."""
    import pyarrow.parquet as pq

    pages = _pages(source, report)
    first = next(pages)
    with file.open("xb") as stream, pq.ParquetWriter(stream, first.schema) as writer:
        writer.write_table(first)
        for page in pages:
            writer.write_table(page)


def _pages(source: Source, report: Report) -> Iterator[pa.Table]:
    for part in source.parts:
        for page in source.pages(part):
            report.items += page.num_rows
            yield page


def csv() -> Exporter:
    """Return how CSV is written."""
    return Exporter(file=write_csv)


def jsonl() -> Exporter:
    """Return how JSON lines are written."""
    return Exporter(file=write_jsonl)


def parquet() -> Exporter:
    """Return how Parquet is written."""
    return Exporter(file=write_parquet)

"""What every kind of table offers: named columns and rows, read one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

TableFormat = Literal["CSV", "TSV", "JSON", "JSONL", "Parquet", "Arrow"]

_SUFFIXES: dict[str, TableFormat] = {
    ".csv": "CSV",
    ".tsv": "TSV",
    ".json": "JSON",
    ".jsonl": "JSONL",
    ".ndjson": "JSONL",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".arrow": "Arrow",
    ".feather": "Arrow",
    ".ipc": "Arrow",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `place` says where it stands in its file; `number` counts rows from 0.

    Values are those of Python; a column of images within the table has None.
    """

    place: str
    number: int
    values: Mapping[str, Any]


class Rows(Protocol):
    """A table, opened. Iterating yields its rows again each time, in bounded memory.

    `image_columns` hold images themselves, not where they are; `labels` has the words for the
    whole numbers of a column.
    """

    file: Path
    format: TableFormat
    columns: Sequence[str]
    image_columns: Sequence[str]
    labels: Mapping[str, Sequence[str]]

    def count(self) -> int:
        """Return the number of rows. Raises SourceError."""

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows. Raises SourceError naming the file, the place and what was expected."""


def table_format(path: Path) -> TableFormat | None:
    """Return the format of a table by its name, or None. Parts as `.tsv000` count as tables."""
    return _SUFFIXES.get(re.sub(r"(?<=sv)[0-9]+$", "", path.suffix.lower()))


def table_words(path: Path) -> str:
    """Return what a table is by its name, such as "a CSV table"."""
    format = table_format(path)
    return f"an {format} table" if format == "Arrow" else f"a {format} table"


def open_rows(path: Path) -> Rows:
    """Return the table in a file. Raises SourceError where it is no table, or an empty one."""
    format = table_format(path)
    if format in ("CSV", "TSV"):
        from hamsight_ingest.readers.table_text import TextRows

        return TextRows(path, format)
    if format in ("JSON", "JSONL"):
        from hamsight_ingest.readers.table_json import JsonRows

        return JsonRows(path, format)
    if format in ("Parquet", "Arrow"):
        from hamsight_ingest.readers.table_arrow import ArrowRows

        return ArrowRows(path, format)
    raise ValueError(f"{path}: not named as a table")

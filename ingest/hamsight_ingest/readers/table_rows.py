"""What every kind of table offers: named columns and rows, read one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from hamsight_ingest.readers.wrong import Notes

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
    """A table, opened. `read` yields its rows again each time, in bounded memory.

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

    def read(self, notes: Notes) -> Iterator[Row]:
        """Yield the rows; one that cannot be read is refused in `notes`.

        Raises SourceError where no row after it can be read either.
        """


def table_format(path: Path) -> TableFormat | None:
    """Return the format of a table by its name, or None. Parts as `.tsv000` count as tables."""
    return _SUFFIXES.get(re.sub(r"(?<=sv)[0-9]+$", "", path.suffix.lower()))


def table_words(path: Path) -> str:
    """Return what a table is by its name, such as "a CSV table"."""
    format = table_format(path) or "CSV"
    return f"an {format} table" if format == "Arrow" else f"a {format} table"

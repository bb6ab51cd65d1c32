"""CSV and TSV tables: a first line of names, quoted as RFC 4180 says."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from hamsight_ingest.readers.table_rows import Row, TableFormat
from hamsight_ingest.readers.texts import lines
from hamsight_ingest.readers.wrong import Notes, WrongEntryError, fail

_LONGEST_FIELD = 16 * 1024 * 1024
_SAMPLE = 256 * 1024
_DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"(?:[^"]|"")*"?')


class TextRows:
    """The rows of a CSV or TSV file; an empty field is None, all others are text."""

    image_columns: Sequence[str] = ()

    def __init__(self, file: Path, format: TableFormat) -> None:
        self.file, self.format = file, format
        self.labels: Mapping[str, Sequence[str]] = {}
        first = next(lines(file), None)
        if first is None:
            fail(file, "", "an empty file; expected a first line that names the columns")
        self._delimiter, self._spaced = "\t", False
        if format == "CSV":
            self._delimiter, self._spaced = _delimiter(first)
        self._quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
        if format == "TSV" and not self._is_quoted():
            self._quoting = csv.QUOTE_NONE
        self.columns: Sequence[str] = self._header()

    def count(self) -> int:
        """Return the number of rows."""
        return sum(1 for _ in self.read(Notes()))

    def read(self, notes: Notes) -> Iterator[Row]:
        """Yield the rows; blank lines are none."""
        records = self._records(notes)
        next(records, None)
        width = len(self.columns)
        for number, (line, fields) in enumerate(records):
            with notes.refusing():
                if len(fields) != width and (len(fields) < width or any(fields[width:])):
                    words = (
                        f"{len(fields)} fields; expected {width}, as the first line names columns"
                    )
                    fail(self.file, line, words)
                values = {name: value or None for name, value in zip(self.columns, fields)}  # noqa: B905
                yield Row(f"line {line}", number, values)

    def _header(self) -> list[str]:
        notes = Notes()
        line, names = next(self._records(notes), (1, []))
        notes.check()
        while names and not names[-1]:
            names.pop()
        columns = [name.strip() or f"column_{place}" for place, name in enumerate(names, 1)]
        for place, name in enumerate(columns):
            if name in columns[:place]:
                fail(self.file, line, f"two columns are called {name!r}; give each its own name")
        return columns

    def _records(self, notes: Notes) -> Iterator[tuple[int, list[str]]]:
        """Yield (line of its start, fields) of each record that is not blank."""
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
        reader = csv.reader(
            lines(self.file, notes),
            delimiter=self._delimiter,
            quoting=self._quoting,
            skipinitialspace=self._spaced,
            strict=True,
        )
        start = 1
        while True:
            try:
                fields = next(reader, None)
            except csv.Error as error:
                words = (
                    f"not {self.format}: {error} (at line {reader.line_num}); expected quotes"
                    " within a quoted field to be doubled"
                )
                notes.refused.append(WrongEntryError(self.file, start, words))
                fields = []
            if fields is None:
                return
            if fields:
                yield start, fields
            start = reader.line_num + 1

    def _is_quoted(self) -> bool:
        """Return whether the quotes at the start of a TSV file, if any, enclose fields."""
        sample, size = [], 0
        for line in lines(self.file, Notes()):
            size += len(line)
            if size > _SAMPLE:
                break
            sample.append(line)
        if not any(line.startswith('"') or '\t"' in line for line in sample):
            return True
        try:
            widths = {len(fields) for fields in csv.reader(sample, "excel-tab", strict=True)}
        except csv.Error:
            return False
        return len(widths - {0}) == 1


def _delimiter(first: str) -> tuple[str, bool]:
    """Return what separates the names in a first line, and whether a space follows it each time.

    What stands in quotes does not count.
    """
    bare = _QUOTED.sub("", first)
    delimiter = max(_DELIMITERS, key=bare.count)
    times = bare.count(delimiter)
    return delimiter, 0 < times == bare.count(f"{delimiter} ")

"""CSV and TSV tables: UTF-8, a first line of names, quoted as RFC 4180 says."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from hamsight_ingest.readers.annotated import fail
from hamsight_ingest.readers.table_rows import Row, TableFormat

_LONGEST_LINE = 64 * 1024 * 1024
_LONGEST_FIELD = 16 * 1024 * 1024
_SAMPLE = 256 * 1024
_DELIMITERS = ",;\t|"


class TextRows:
    """The rows of a CSV or TSV file; an empty field is None, all others are text."""

    image_columns: Sequence[str] = ()

    def __init__(self, file: Path, format: TableFormat) -> None:
        self.file, self.format = file, format
        self.labels: Mapping[str, Sequence[str]] = {}
        first = next(lines(file), None)
        if first is None:
            fail(file, "", "an empty file; expected a first line that names the columns")
        self._delimiter = "\t"
        if format == "CSV":
            self._delimiter = max(_DELIMITERS, key=first.count) if first else ","
        self._quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
        if format == "TSV" and not self._is_quoted():
            self._quoting = csv.QUOTE_NONE
        self.columns: Sequence[str] = self._header()

    def count(self) -> int:
        """Return the number of rows."""
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows; blank lines are none."""
        records = self._records()
        next(records)
        for number, (line, fields) in enumerate(records):
            width = len(self.columns)
            if len(fields) != width and (len(fields) < width or any(fields[width:])):
                fail(
                    self.file,
                    line,
                    f"{len(fields)} fields; expected {width}, as the first line names columns",
                )
            values = {name: value or None for name, value in zip(self.columns, fields)}  # noqa: B905
            yield Row(f"line {line}", number, values)

    def _header(self) -> list[str]:
        line, names = next(self._records(), (1, []))
        while names and not names[-1]:
            names.pop()
        columns = [name.strip() or f"column_{place}" for place, name in enumerate(names, 1)]
        for place, name in enumerate(columns):
            if name in columns[:place]:
                fail(self.file, line, f"two columns are called {name!r}; give each its own name")
        return columns

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line of its start, fields) of each record that is not blank."""
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
        reader = csv.reader(
            lines(self.file),
            delimiter=self._delimiter,
            quoting=self._quoting,
            strict=True,
        )
        start = 1
        try:
            for fields in reader:
                if fields:
                    yield start, fields
                start = reader.line_num + 1
        except csv.Error as error:
            fail(
                self.file,
                start,
                f"not {self.format}: {error} (at line {reader.line_num}); expected quotes within"
                " a quoted field to be doubled",
            )

    def _is_quoted(self) -> bool:
        """Return whether the quotes at the start of a TSV file, if any, enclose fields."""
        sample, size = [], 0
        for line in lines(self.file):
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


def lines(file: Path) -> Iterator[str]:
    """Yield the lines of a UTF-8 file, each with its end. Raises SourceError naming the line."""
    number = 0
    try:
        with file.open("rb") as opened:
            for number, line in enumerate(_raw_lines(opened), 1):
                if len(line) > _LONGEST_LINE:
                    fail(file, number, f"a line longer than {_LONGEST_LINE} bytes; expected text")
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        fail(file, number, f"byte {error.start} of it is not UTF-8; save the file as UTF-8")
    except OSError as error:
        fail(file, "", f"cannot be read: {error.strerror or error}")


def _raw_lines(opened: BinaryIO) -> Iterator[bytes]:
    while line := opened.readline(_LONGEST_LINE + 1):
        yield line

"""Results as they leave the program: an Arrow table in the format that was asked for."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any, BinaryIO

from hamsight_core.controls import masked, printable, printable_json
from hamsight_core.errors import UsageError
from hamsight_core.images.places.uris import local_path

if TYPE_CHECKING:
    import pyarrow as pa


class Format(str, Enum):
    """The formats of `write`.

    - `table`: aligned columns for people, long cells cut to the terminal.
    - `json`: one array with an object a line; `jsonl`: an object a line. Decimals are strings,
      so that no digit is lost; NaN and infinities are null.
    - `csv`: RFC 4180 with a header and `\\n` line ends; lists, maps and structs as JSON,
      null as an empty field.
    - `parquet`: one Parquet file; `arrow`: an Arrow IPC stream; `feather`: an Arrow IPC file.
      All keep the types.
    - `paths0`: where the image files are, a path or URL each, with a zero byte after it, as
      `xargs -0` reads them. Needs the column uri.

    In the text formats bytes are hex digits unless a whole column of them is UTF-8, dates
    and times are ISO 8601, and all is UTF-8.
    """

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"
    FEATHER = "feather"
    PATHS0 = "paths0"


def write(
    table: pa.Table,
    format: Format,
    stream: BinaryIO,
    *,
    width: int | None = None,
    mixed: bool = False,
) -> None:
    """Write the table to a binary stream, which need not be seekable and stays open.

    `width` is that of the terminal, in columns, to which `Format.TABLE` is cut; None where the
    stream is none. What a terminal would obey is escaped in tables, in JSON, whose values stay the
    same, and in CSV for a terminal. With `mixed`, rows are of several kinds: an object of JSON has
    no nulls, only the columns of its own kind.
    User, password and signatures of URLs are masked in every format.
    Raises BrokenPipeError when the reader has gone, and UsageError for a type, such as a
    Variant, that Parquet does not have.
    """
    if format is Format.PARQUET:
        _write_parquet(masked_table(table), stream)
    elif format is Format.ARROW:
        _write_arrow(masked_table(table), stream)
    elif format is Format.FEATHER:
        _write_feather(masked_table(table), stream)
    elif format is Format.PATHS0:
        _write_paths(table, stream)
    else:
        for text in _TEXT[format](table, width, mixed):
            stream.write(text.encode("utf-8", errors="backslashreplace"))
    stream.flush()


def _table(table: pa.Table, width: int | None, mixed: bool) -> Iterator[str]:
    from hamsight_core.show.text_table import lines

    for line in lines(table, width=width):
        yield line + "\n"


def _jsonl(table: pa.Table, width: int | None, mixed: bool) -> Iterator[str]:
    for line in _objects(table, mixed):
        yield line + "\n"


def _json(table: pa.Table, width: int | None, mixed: bool) -> Iterator[str]:
    before = "[\n"
    for line in _objects(table, mixed):
        yield before + line
        before = ",\n"
    yield "\n]\n" if table.num_rows else "[]\n"


def _csv(table: pa.Table, width: int | None, mixed: bool) -> Iterator[str]:
    from hamsight_core.show.values import batches, values

    sink = _CsvLines()
    writer = csv.writer(sink, lineterminator="\r\n")
    shown = printable if width is not None else masked
    writer.writerow(map(shown, table.column_names))
    yield from sink.take()
    for batch in batches(table):
        columns = [
            [_field(value, shown) for value in values(column, finite=column.type.num_fields > 0)]
            for column in batch.columns
        ]
        writer.writerows(zip(*columns, strict=True))
        yield from sink.take()


class _CsvLines:
    """Lines of the csv module with `\\n` ends.

    The module is told `\\r\\n`, for before Python 3.13 it quotes only the line ends it is told.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []

    def write(self, line: str) -> None:
        self._lines.append(line.removesuffix("\r\n") + "\n")

    def take(self) -> list[str]:
        lines, self._lines = self._lines, []
        return lines


def _field(value: Any, shown: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return shown(value)
    return as_json(value) if isinstance(value, (bool, list, dict)) else value


def _objects(table: pa.Table, mixed: bool) -> Iterator[str]:
    """Yield each row as JSON; columns of one name are all kept, with `mixed` without nulls."""
    from hamsight_core.show.values import batches, values

    keys = [as_json(name) + ": " for name in table.column_names]
    for batch in batches(table):
        columns = [
            [
                "" if mixed and value is None else key + as_json(value)
                for value in values(column, finite=True)
            ]
            for key, column in zip(keys, batch.columns, strict=True)
        ]
        for row in zip(*columns, strict=True):
            yield "{" + ", ".join(filter(None, row)) + "}"


def as_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON, safe to print on a terminal; raises ValueError for NaN."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str, indent=indent)
    return "\n".join(map(printable_json, text.split("\n")))


def masked_table(table: pa.Table) -> pa.Table:
    """Return the table with the secrets of URLs in its columns of text masked."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    for index, field in enumerate(table.schema):
        if pt.is_string(field.type) or pt.is_large_string(field.type):
            column = table.column(index)
            if pc.any(pc.match_substring(column, "://")).as_py():
                texts = (None if one is None else masked(one) for one in column.to_pylist())
                table = table.set_column(index, field, pa.array(texts, field.type))
    return table


def _write_parquet(table: pa.Table, stream: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.write_table(table, _Forward(stream))
    except pa.ArrowNotImplementedError as error:
        raise UsageError(
            f"Parquet cannot hold this result: {error}; cast the column in SQL, or choose arrow"
        ) from error


def _write_arrow(table: pa.Table, stream: BinaryIO) -> None:
    import pyarrow as pa

    with pa.ipc.new_stream(_Forward(stream), table.schema) as writer:
        writer.write_table(table)


def _write_feather(table: pa.Table, stream: BinaryIO) -> None:
    import pyarrow as pa

    with pa.ipc.new_file(_Forward(stream), table.schema) as writer:
        writer.write_table(table)


def _write_paths(table: pa.Table, stream: BinaryIO) -> None:
    if "uri" not in table.column_names:
        raise UsageError("paths0 writes the column uri, which this output does not have")
    for uri in table["uri"].to_pylist():
        path = local_path(uri)
        stream.write((os.fsencode(path) if path is not None else uri.encode()) + b"\0")


class _Forward(io.RawIOBase):
    """A sink for pyarrow, which asks for its place and closes it, before a pipe, which has none."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._place = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def write(self, data: Any) -> int:
        self._stream.write(data)
        self._place += len(data)
        return len(data)


_TEXT = {Format.TABLE: _table, Format.JSON: _json, Format.JSONL: _jsonl, Format.CSV: _csv}

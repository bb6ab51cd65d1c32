"""Image bytes in the rows of Parquet and Arrow tables, read in any order by many threads."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

from hamsight_core.errors import ImageError
from hamsight_core.images.places.archives import open_seekable, stamp
from hamsight_core.images.places.arrow import arrow_errors, ipc_batches
from hamsight_core.images.places.bytes_at import bytes_at
from hamsight_core.images.places.local import read_file, too_large
from hamsight_core.images.places.opened import Opened
from hamsight_core.images.places.uris import TableKind, is_url, local_path, split_row

_OPEN_TABLES = 4
_SECONDS = 30.0
_BATCH_ROWS = 32
_KEPT_BYTES = 64 * 1024 * 1024


def read_row(uri: str, max_bytes: int) -> bytes:
    """Return the bytes at a `parquet://` or `arrow://` uri. Raises ImageError.

    A column of structs with the fields `bytes` and `path`, as Hugging Face datasets have, gives
    its bytes, or what is at its path where it has none.
    """
    place = split_row(uri)
    try:
        key = (place.kind, place.table, place.column, *stamp(place.table))
    except ImageError as error:
        raise ImageError(f"the table {local_path(place.table)}: {error}") from error
    with _tables.lease(key) as table:
        value = table.value(place.row)
    if isinstance(value, dict):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, str):
        return _elsewhere(value, place.table, max_bytes)
    if not isinstance(value, bytes) or not value:
        raise ImageError("the row has no image")
    if len(value) > max_bytes:
        raise too_large(max_bytes)
    return value


def _elsewhere(path: str, table: str, max_bytes: int) -> bytes:
    """Return the bytes at a URL, or at a path from the table's folder."""
    file = local_path(table)
    if file is not None and not is_url(path):
        return read_file(file.parent / path, max_bytes)
    if not is_url(path):
        path = f"{table.rpartition('/')[0]}/{quote(path) if is_url(table) else path.lstrip('/')}"
    return bytes_at(path, _SECONDS, max_bytes)


class _Column(Protocol):
    """One column of a table: parts that start at known rows, each read in batches."""

    rows: int
    starts: list[int]

    def batches(self, part: int) -> Iterator[Any]:
        """Yield the Arrow arrays of the column from the start of a part to the table's end."""

    def close(self) -> None:
        """Close the file."""


class _Rows:
    """Rows of one column; those near the last that was asked for cost no new reading."""

    def __init__(self, column: _Column) -> None:
        self._column = column
        self._lock = threading.Lock()
        self._kept: deque[tuple[int, Any]] = deque()
        self._batches: Iterator[Any] = iter(())
        self._next_row: int | None = None

    def value(self, row: int) -> Any:
        if row >= self._column.rows:
            raise ImageError(f"no row {row}: the table has {self._column.rows} rows, from 0")
        with self._lock, arrow_errors():
            for start, batch in reversed(self._kept):
                if start <= row < start + len(batch):
                    return batch[row - start].as_py()
            return self._advanced(row)

    def _advanced(self, row: int) -> Any:
        part = bisect_right(self._column.starts, row) - 1
        start = self._column.starts[part]
        if self._next_row is None or not start <= self._next_row <= row:
            self._kept.clear()
            self._batches, self._next_row = self._column.batches(part), start
        try:
            for batch in self._batches:
                start = self._next_row
                self._keep(start, batch)
                self._next_row = start + len(batch)
                if row < self._next_row:
                    return batch[row - start].as_py()
        except BaseException:
            self._next_row = None
            raise
        self._next_row = None
        raise ImageError(f"the table ends before row {row}")

    def _keep(self, start: int, batch: Any) -> None:
        self._kept.append((start, batch))
        while len(self._kept) > 2 and sum(b.nbytes for _, b in self._kept) > _KEPT_BYTES:
            self._kept.popleft()

    def close(self) -> None:
        self._batches, self._kept = iter(()), deque()
        self._column.close()


class _ParquetColumn:
    def __init__(self, table: str, column: str) -> None:
        import pyarrow.parquet as pq

        self._column = column
        self._opened = open_seekable(table)
        self._file = pq.ParquetFile(self._opened, pre_buffer=False, buffer_size=1 << 20)
        if column not in self._file.schema_arrow.names:
            raise ImageError(f"the table has no column {column!r}")
        self.rows, self.starts = 0, []
        for group in range(self._file.num_row_groups):
            self.starts.append(self.rows)
            self.rows += self._file.metadata.row_group(group).num_rows

    def batches(self, part: int) -> Iterator[Any]:
        for batch in self._file.iter_batches(
            _BATCH_ROWS,
            row_groups=range(part, len(self.starts)),
            columns=[self._column],
            use_threads=False,
        ):
            yield batch.column(batch.schema.get_field_index(self._column))

    def close(self) -> None:
        self._opened.close()


class _ArrowColumn:
    """A column of an Arrow IPC file or stream; a local one is mapped into memory."""

    def __init__(self, table: str, column: str) -> None:
        self._source: Path | BinaryIO = local_path(table) or open_seekable(table)
        self._column = column
        self.rows, self.starts = 0, [0]
        for batch in ipc_batches(self._source):
            if column not in batch.schema.names:
                raise ImageError(f"the table has no column {column!r}")
            self.rows += batch.num_rows

    def batches(self, part: int) -> Iterator[Any]:
        for batch in ipc_batches(self._source):
            array = batch.column(batch.schema.get_field_index(self._column))
            array.validate(full=True)
            yield array

    def close(self) -> None:
        """Close a file elsewhere; of a local one batches keep their own map."""
        if not isinstance(self._source, Path):
            self._source.close()


def _open(key: tuple[TableKind, str, str, int, int]) -> _Rows:
    kind, table, column = key[:3]
    with arrow_errors():
        return _Rows(
            _ParquetColumn(table, column) if kind == "parquet" else _ArrowColumn(table, column)
        )


_tables: Opened[tuple[TableKind, str, str, int, int], _Rows] = Opened(_open, _OPEN_TABLES)

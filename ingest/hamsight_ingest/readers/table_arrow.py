"""Parquet and Arrow tables, with the features that Hugging Face writes into them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hamsight_core.errors import ImageError, SourceError
from hamsight_core.images.places.arrow import arrow_errors, ipc_batches, open_ipc
from hamsight_ingest.listing import printable
from hamsight_ingest.readers.table_rows import Row, TableFormat
from hamsight_ingest.readers.wrong import Notes, WrongEntryError, fail

_BATCH_ROWS = 1024


class ArrowRows:
    """The rows of a Parquet or Arrow file; columns of images stay on the disk."""

    def __init__(self, file: Path, format: TableFormat) -> None:
        self.file, self.format = file, format
        with self._errors():
            schema = self._read_schema()
            self.columns: Sequence[str] = list(schema.names)
            self.image_columns: Sequence[str] = [f.name for f in schema if _has_bytes(f.type)]
        for place, name in enumerate(self.columns):
            if name in self.columns[:place]:
                fail(file, "", f"two columns are called {name!r}; give each its own name")
        self.labels: Mapping[str, Sequence[str]] = _class_names(schema.metadata or {})

    def count(self) -> int:
        """Return the number of rows."""
        with self._errors():
            if self.format == "Arrow":
                return sum(batch.num_rows for batch in ipc_batches(self.file))
            import pyarrow.parquet as pq

            rows: int = pq.read_metadata(self.file).num_rows
            return rows

    def read(self, notes: Notes) -> Iterator[Row]:
        """Yield the rows; where the file is damaged, what follows is refused."""
        with notes.refusing():
            yield from self._rows()

    def _rows(self) -> Iterator[Row]:
        number = 0
        batches = self._batches()
        while True:
            with self._errors(number):
                batch = next(batches, None)
                if batch is None:
                    return
                names = batch.schema.names
                columns = [_values(batch.column(place)) for place in range(len(names))]
            absent = dict.fromkeys(self.image_columns)
            for values in zip(*columns, strict=True) if columns else [()] * batch.num_rows:
                yield Row(f"row {number}", number, {**absent, **dict(zip(names, values))})  # noqa: B905
                number += 1

    def _read_schema(self) -> Any:
        if self.format == "Parquet":
            import pyarrow.parquet as pq

            return pq.read_schema(self.file)
        with open_ipc(self.file) as reader:
            return reader.schema

    def _batches(self) -> Iterator[Any]:
        kept = [name for name in self.columns if name not in self.image_columns]
        if self.format == "Arrow":
            for batch in ipc_batches(self.file):
                for start in range(0, batch.num_rows, _BATCH_ROWS):
                    yield batch.slice(start, _BATCH_ROWS).select(kept)
            return
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.file, pre_buffer=False, buffer_size=1 << 20) as opened:
            yield from opened.iter_batches(_BATCH_ROWS, columns=kept, use_threads=False)

    @contextmanager
    def _errors(self, row: int | None = None) -> Iterator[None]:
        try:
            with arrow_errors():
                yield
        except ImageError as error:
            if row is None:
                raise SourceError(f"{printable(self.file)}: {error}") from error
            raise WrongEntryError(self.file, f"at or after row {row}", str(error)) from error


def _has_bytes(kind: Any) -> bool:
    """Return whether a column's type holds bytes: alone, or as `bytes` beside a path."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        inner = kind.get_field_index("bytes")
        return inner >= 0 and _has_bytes(kind.field(inner).type)
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or (hasattr(pa.types, "is_binary_view") and pa.types.is_binary_view(kind))
    )


def _values(column: Any) -> list[Any]:
    """Return a column's values as Python has them; single floats as short as they can be."""
    import pyarrow as pa

    column.validate(full=True)
    kind = column.type
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        return [None if text is None else float(text) for text in _as_text(column)]
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_time64(kind):
        column = column.cast(pa.time64("us"), safe=False)
    elif pa.types.is_duration(kind) and kind.unit == "ns":
        column = column.cast(pa.duration("us"), safe=False)
    values: list[Any] = column.to_pylist()
    if pa.types.is_map(kind):
        return [None if pairs is None else dict(pairs) for pairs in values]
    return values


def _as_text(column: Any) -> list[str | None]:
    import pyarrow as pa

    texts: list[str | None] = column.cast(pa.float32()).cast(pa.string()).to_pylist()
    return texts


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names of the classes of each column that Hugging Face's features say."""
    try:
        content = json.loads(metadata.get(b"huggingface", b"{}"))
        features = content["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return class_names(features)


def class_names(features: Any) -> dict[str, list[str]]:
    """Return the class names of each ClassLabel, alone or in a list, of Hugging Face features."""
    found: dict[str, list[str]] = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        while isinstance(feature, (dict, list)) and "names" not in feature:
            feature = feature[0] if isinstance(feature, list) and feature else feature
            inner = feature.get("feature") if isinstance(feature, dict) else None
            if inner is None or inner is feature:
                break
            feature = inner
        names = feature.get("names") if isinstance(feature, dict) else None
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            found[column] = names
    return found

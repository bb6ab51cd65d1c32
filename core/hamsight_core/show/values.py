"""Arrow columns as plain Python values, for the text formats."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from itertools import islice
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

BATCH_ROWS = 8192
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yield the table in batches of at most `BATCH_ROWS` rows, its binary text columns as text.

    A binary column, nested ones included, counts as text when all of it is UTF-8.
    """
    for index, field in enumerate(table.schema):
        text = _text_type(field.type)
        if not text.equals(field.type):
            column = _cast_or_none(table.column(index), text)
            if column is not None:
                table = table.set_column(index, field.with_type(text), column)
    yield from table.to_batches(max_chunksize=BATCH_ROWS)


def records(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table by column, as `values` has them: finite, or None."""
    for batch in batches(table):
        columns = [values(column, finite=True) for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield dict(zip(batch.schema.names, row, strict=True))


def values(array: pa.Array, *, finite: bool) -> list[Any]:
    """Return one value for each element: None, bool, int, float, str, Decimal, list or dict.

    Maps and structs become dicts, dates and times ISO 8601 text with as many digits as their
    unit has, bytes hex digits. A byte of a string that is not UTF-8 is written `\\xff`.
    A 32-bit float becomes the 64-bit float with the same shortest decimal form (0.1, not
    0.10000000149). With `finite`, NaN and infinities become None.
    """
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _extension(array, finite)
    if pt.is_dictionary(kind):
        return values(array.dictionary_decode(), finite=finite)
    if pt.is_floating(kind):
        return _floats(array, finite)
    if pt.is_string(kind) or pt.is_large_string(kind):
        return _strings(array)
    if pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_fixed_size_binary(kind):
        return [None if value is None else value.hex() for value in array.to_pylist()]
    if pt.is_timestamp(kind):
        return _timestamps(array)
    if pt.is_date(kind) or pt.is_time(kind):
        return list(array.cast(pa.string()).to_pylist())
    if pt.is_map(kind):
        return _maps(array, finite)
    if pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
        return _lists(array, values(array.flatten(), finite=finite))
    if pt.is_struct(kind):
        return _structs(array, finite)
    if pt.is_union(kind):
        return _unions(array, finite)
    return list(array.to_pylist())


def _text_type(kind: pa.DataType) -> pa.DataType:
    if pt.is_binary(kind):
        return pa.string()
    if pt.is_large_binary(kind):
        return pa.large_string()
    if pt.is_map(kind):
        return pa.map_(_text_type(kind.key_type), _text_type(kind.item_type))
    if pt.is_list(kind):
        return pa.list_(_text_type(kind.value_type))
    if pt.is_large_list(kind):
        return pa.large_list(_text_type(kind.value_type))
    if pt.is_struct(kind):
        return pa.struct([field.with_type(_text_type(field.type)) for field in kind])
    return kind


def _cast_or_none(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _extension(array: pa.Array, finite: bool) -> list[Any]:
    name = array.type.extension_name
    if name == "arrow.uuid":
        return [None if value is None else str(value) for value in array.to_pylist()]
    stored = values(array.storage, finite=finite)
    if name == "arrow.json":
        return [None if value is None else json.loads(value) for value in stored]
    return stored


def _floats(array: pa.Array, finite: bool) -> list[Any]:
    if not pt.is_float64(array.type):
        array = array.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
    found = array.to_pylist()
    if finite:
        return [value if value is None or isfinite(value) else None for value in found]
    return list(found)


def _strings(array: pa.Array) -> list[Any]:
    try:
        return list(array.to_pylist())
    except UnicodeDecodeError:
        large = pt.is_large_string(array.type)
        raw = array.cast(pa.large_binary() if large else pa.binary()).to_pylist()
        return [None if value is None else value.decode(errors="backslashreplace") for value in raw]


def _timestamps(array: pa.Array) -> list[Any]:
    zone = _zone(array.type.tz)
    digits = _DIGITS[array.type.unit]
    return [
        None if value is None else _timestamp(value, digits, zone)
        for value in array.cast(pa.int64()).to_pylist()
    ]


def _timestamp(value: int, digits: int, zone: datetime.tzinfo | None) -> str:
    seconds, fraction = divmod(value, 10**digits)
    moment = _EPOCH + datetime.timedelta(seconds=seconds)
    moment = moment.astimezone(zone) if zone else moment.replace(tzinfo=None)
    text = moment.isoformat()
    return f"{text[:19]}.{fraction:0{digits}d}{text[19:]}" if digits else text


def _zone(name: str | None) -> datetime.tzinfo | None:
    """Return the time zone; UTC, which says the same instant, where this machine lacks it."""
    if name is None:
        return None
    try:
        zone: datetime.tzinfo = pa.lib.string_to_tzinfo(name)
    except KeyError:
        return datetime.timezone.utc
    return zone


def _lists(array: pa.Array, elements: list[Any]) -> list[Any]:
    import pyarrow.compute as pc

    remaining = iter(elements)
    lengths = pc.list_value_length(array).to_pylist()
    return [None if n is None else list(islice(remaining, n)) for n in lengths]


def _maps(array: pa.Array, finite: bool) -> list[Any]:
    pair = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
    array = array.cast(pa.list_(pair))
    keys, items = array.flatten().flatten()
    named = [
        key if isinstance(key, (str, int, float)) else str(key)
        for key in values(keys, finite=finite)
    ]
    pairs = list(zip(named, values(items, finite=finite), strict=True))
    return [None if row is None else dict(row) for row in _lists(array, pairs)]


def _structs(array: pa.Array, finite: bool) -> list[Any]:
    names = [field.name for field in array.type]
    children = [values(child, finite=finite) for child in array.flatten()]
    rows = zip(*children, strict=True) if children else iter([()] * len(array))
    present = array.is_valid().to_pylist()
    return [
        dict(zip(names, row, strict=True)) if valid else None
        for row, valid in zip(rows, present, strict=True)
    ]


def _unions(array: pa.Array, finite: bool) -> list[Any]:
    return [
        values(pa.repeat(scalar.value, 1), finite=finite)[0] if scalar.is_valid else None
        for scalar in array
    ]

"""Identities of items from a stream: what `hamsight query --format jsonl|json|csv` wrote."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, BinaryIO

from hamsight_core.errors import UsageError
from hamsight_core.items import Identity
from hamsight_core.names import is_text

_FIELDS = ("dataset", "subset", "id")
_EXPECTED = (
    "expected the fields dataset, subset and id as JSON lines, one JSON array or CSV with a"
    " header: hamsight query … --format jsonl"
)


def read_identities(stream: BinaryIO) -> list[Identity]:
    """Return the identities that a stream of JSON lines, a JSON array or CSV names, in its order.

    Raises UsageError naming the line for text that is none of these.
    """
    start = stream.readline()
    if not start:
        return []
    first = start.lstrip()[:1]
    if first == b"{":
        return list(_json_lines(start, stream))
    if first == b"[":
        return list(_json_array(start + stream.read()))
    return list(_csv(start, stream))


def _json_lines(start: bytes, stream: BinaryIO) -> Iterator[Identity]:
    number, line = 1, start
    while line:
        if line.strip():
            where = f"line {number} of the items piped in"
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{where} is not JSON ({error}); {_EXPECTED}") from None
            yield _identity(value, where)
        line = stream.readline()
        number += 1


def _json_array(data: bytes) -> Iterator[Identity]:
    try:
        values = json.loads(data)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"line {error.lineno} of the items piped in is not JSON ({error.msg}); {_EXPECTED}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the items piped in are not JSON ({error}); {_EXPECTED}") from None
    for number, value in enumerate(values, 1):
        yield _identity(value, f"item {number} of the JSON array piped in")


def _csv(start: bytes, stream: BinaryIO) -> Iterator[Identity]:
    reader = csv.reader(line.decode() for line in chain([start], stream))
    try:
        header = next(reader)
        missing = [name for name in _FIELDS if name not in header]
        if missing:
            raise UsageError(
                f"line 1 of the items piped in has no {' and no '.join(missing)}; {_EXPECTED}"
            )
        for row in reader:
            if row:
                value = dict(zip(header, row, strict=False))
                yield _identity(value, f"line {reader.line_num} of the items piped in")
    except (csv.Error, UnicodeDecodeError) as error:
        raise UsageError(
            f"line {reader.line_num + 1} of the items piped in is not CSV ({error}); {_EXPECTED}"
        ) from None


def _identity(value: Any, where: str) -> Identity:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where} is no object; {_EXPECTED}")
    for name in _FIELDS:
        if not isinstance(value.get(name), str):
            state = "is not text" if name in value else "is missing"
            raise UsageError(f"{where}: {name} {state}; {_EXPECTED}")
    dataset, subset, id = (value[name] for name in _FIELDS)
    if isinstance(value.get("parent"), str):  # of an object, whose picture is meant
        id = value["parent"]
    if not dataset or not id:
        raise UsageError(f"{where}: dataset or id is empty; {_EXPECTED}")
    if not is_text(f"{dataset}{subset}{id}"):
        raise UsageError(f"{where} holds half a character, which is no text; {_EXPECTED}")
    return sys.intern(dataset), sys.intern(subset), id

"""The files that hold features and hashes, each read as Arrow tables whose columns are roles."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hamsight_core.errors import SourceError, UsageError
from hamsight_ingest.features.columns import find_roles
from hamsight_ingest.features.sqlite import read_sqlite

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 65_536
"""Rows of a table at most."""

_NPZ_ERRORS = (
    *(ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error),
    *(MemoryError, RuntimeError),  # a shape beyond all memory; encrypted, or compressed otherwise
)
_KINDS = "Parquet, Arrow, npz, SQLite or Datumaro's hash_keys.json"


def read_features(path: Path, columns: Mapping[str, str], table: str | None) -> Iterator[pa.Table]:
    """Yield the rows of a file in tables with the columns id, feature, hash, uri, … it has.

    `columns` names columns by role, `table` a table of SQLite. Raises SourceError for a file that
    cannot be read or is of no known kind, and what `find_roles` raises.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from None
    readers: list[tuple[bytes, Callable[[Path, Mapping[str, str]], Iterator[pa.Table]]]] = [
        (b"PAR1", _parquet),
        (b"ARROW1", _arrow_file),
        (b"\xff\xff\xff\xff", _arrow_stream),
        (b"PK\x03\x04", _npz),
        (b"{", _datumaro),
    ]
    sqlite = head.startswith(b"SQLite format 3\0")
    if table is not None and not sqlite:
        raise UsageError(f"--table {table}: {path} is no SQLite file")
    if sqlite:
        return read_sqlite(path, columns, table, ROWS)
    for magic, reader in readers:
        if head.lstrip().startswith(magic) if magic == b"{" else head.startswith(magic):
            return reader(path, columns)
    raise SourceError(f"{path} is of no known kind; expected {_KINDS}")


def _parquet(path: Path, columns: Mapping[str, str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _arrow_errors(path, pa), pq.ParquetFile(path) as file:
        roles = find_roles(str(path), file.schema_arrow.names, columns)
        wanted = list(dict.fromkeys(roles.values()))
        for batch in file.iter_batches(ROWS, columns=wanted):
            yield _by_role(pa.Table.from_batches([batch]), roles)


def _arrow_file(path: Path, columns: Mapping[str, str]) -> Iterator[pa.Table]:
    import pyarrow as pa

    with _arrow_errors(path, pa), pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source)
        roles = find_roles(str(path), reader.schema.names, columns)
        for number in range(reader.num_record_batches):
            yield from _pieces(pa.Table.from_batches([reader.get_batch(number)]), roles)


def _arrow_stream(path: Path, columns: Mapping[str, str]) -> Iterator[pa.Table]:
    import pyarrow as pa

    with _arrow_errors(path, pa), pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_stream(source)
        roles = find_roles(str(path), reader.schema.names, columns)
        for batch in reader:
            yield from _pieces(pa.Table.from_batches([batch]), roles)


def _pieces(table: pa.Table, roles: Mapping[str, str]) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, ROWS):
        yield _by_role(table.slice(start, ROWS), roles)


def _by_role(table: pa.Table, roles: Mapping[str, str]) -> pa.Table:
    import pyarrow as pa

    return pa.table({role: table.column(name) for role, name in roles.items()})


def _npz(path: Path, columns: Mapping[str, str]) -> Iterator[pa.Table]:
    import numpy as np
    import pyarrow as pa

    try:
        with np.load(path, allow_pickle=False) as file:
            roles = find_roles(str(path), file.files, columns)
            arrays = {role: file[name] for role, name in roles.items()}
    except _NPZ_ERRORS as error:
        raise SourceError(f"{path} cannot be read as npz: {error}") from None
    for role, array in arrays.items():
        expected = 2 if role in ("feature", "hash") else 1
        if array.ndim != expected:
            raise SourceError(
                f"{path}: the array {roles[role]!r} has the shape {array.shape};"
                f" expected {expected} dimension{'s' * (expected - 1)} for the role {role}"
            )
        if len(array) != len(arrays["id"]):
            raise SourceError(
                f"{path}: the array {roles[role]!r} has {len(array)} rows,"
                f" but {roles['id']!r} has {len(arrays['id'])}"
            )
    for start in range(0, len(arrays["id"]), ROWS):
        rows = {role: array[start : start + ROWS] for role, array in arrays.items()}
        yield pa.table({role: _numpy_column(array) for role, array in rows.items()})


def _numpy_column(array: Any) -> Any:
    """Return a numpy array of one dimension, or of two as lists of one length, for Arrow."""
    import numpy as np
    import pyarrow as pa

    if array.ndim == 1:
        texts = array.astype("U") if array.dtype.kind == "S" else array
        return pa.array(texts.tolist())
    if array.dtype == np.bool_:
        array = np.packbits(array, axis=1)
    return pa.FixedSizeListArray.from_arrays(pa.array(array.ravel()), array.shape[1])


def _datumaro(path: Path, columns: Mapping[str, str]) -> Iterator[pa.Table]:
    """Yield the rows of Datumaro's `{"hashkey": {"SUBSET/ID": [byte, …]}}`."""
    import pyarrow as pa

    if columns:
        raise UsageError(f"--column: {path} is of Datumaro and has no columns to choose from")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is no JSON: {error}") from None
    keys = content.get("hashkey") if isinstance(content, dict) else None
    if not isinstance(keys, dict):
        raise SourceError(f'{path}: expected {{"hashkey": {{"SUBSET/ID": [byte, …]}}}}')
    names = list(keys)
    for start in range(0, len(names), ROWS):
        chosen = names[start : start + ROWS]
        split = [name.partition("/") for name in chosen]
        for name, (_, slash, _) in zip(chosen, split, strict=True):
            if not slash:
                raise SourceError(f"{path}: the key {name!r} is not SUBSET/ID")
        yield pa.table(
            {
                "id": [id for _, _, id in split],
                "subset": ["" if subset == "default" else subset for subset, _, _ in split],
                "hash": pa.array([_bytes(path, name, keys[name]) for name in chosen], pa.binary()),
            }
        )


def _bytes(path: Path, name: str, value: object) -> bytes:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    try:
        if isinstance(value, list):
            return bytes(value)
    except (TypeError, ValueError):
        pass
    raise SourceError(f"{path}: {name!r} has no list of numbers from 0 to 255")


@contextmanager
def _arrow_errors(path: Path, pa: Any) -> Iterator[None]:
    """Turn what Arrow says of a broken file into SourceError."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from None

"""Rows of a file made fit for a model's table, or an error that names the row that is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from hamsight_core.catalog.catalog import CatalogModel
from hamsight_core.errors import SourceError
from hamsight_core.hashing.sign import SIGN, TERNARY, Hash, stored_precision

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_FLOATS = {2: "<f2", 4: "<f4", 8: "<f8"}


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks against a model's dimension and bits; `dataset` and `subset` stand for missing
    columns, or in place of those the file has where they were `given`."""

    path: str
    model: CatalogModel
    hash: Hash
    dataset: str
    subset: str
    dataset_given: bool
    subset_given: bool

    def rows(self, table: pa.Table, start: int) -> pa.Table:
        """Return the rows of a staging table: row, dataset, subset, id, uri, hash, feature.

        `start` rows came before; messages count rows from 1. Raises SourceError.
        """
        import numpy as np
        import pyarrow as pa

        table = table.combine_chunks()
        count = table.num_rows
        features = self._features(table, start) if "feature" in table.column_names else None
        hashes = self._hashes(table, features, start)
        width = 0 if features is None else self.model.dimension
        flat = np.empty(0, np.float32) if features is None else features.ravel()
        offsets = np.arange(count + 1, dtype=np.int64) * width
        # older servers take no large lists
        lists, of = (pa.ListArray, pa.int32()) if offsets[-1] < 2**31 else (pa.LargeListArray, None)
        return pa.table(
            {
                "row": pa.array(np.arange(start + 1, start + count + 1, dtype=np.uint64)),
                "dataset": self._named(table, "dataset", self.dataset, self.dataset_given),
                "subset": self._named(table, "subset", self.subset, self.subset_given),
                "id": self._ids(table, start),
                "uri": self._named(table, "uri", "", False),
                "hash": hashes,
                "feature": lists.from_arrays(pa.array(offsets, of), pa.array(flat, pa.float32())),
            }
        )

    def _wrong(self, row: int, reason: str) -> NoReturn:
        raise SourceError(f"{self.path}, row {row}: {reason}; nothing was imported")

    def _ids(self, table: pa.Table, start: int) -> Any:
        import pyarrow.compute as pc

        ids = self._texts(table, "id")
        missing = pc.fill_null(pc.equal(ids, ""), True)
        if (place := pc.index(missing, True).as_py()) >= 0:
            self._wrong(start + place + 1, "there is no id")
        return ids

    def _named(self, table: pa.Table, role: str, default: str, given: bool) -> Any:
        import pyarrow as pa

        if given or role not in table.column_names:
            return pa.repeat(pa.scalar(default, pa.string()), table.num_rows)
        return self._texts(table, role).fill_null(default)

    def _texts(self, table: pa.Table, role: str) -> Any:
        import pyarrow as pa

        column = _whole(table, role)
        kind = column.type
        if pa.types.is_dictionary(kind):
            column = column.dictionary_decode()
            kind = column.type
        texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer)
        if not any(fits(kind) for fits in texts):
            raise SourceError(
                f"{self.path}: the column of the role {role} is {kind}; expected text"
            )
        return column.cast(pa.string())

    def _features(self, table: pa.Table, start: int) -> NDArray[np.float32]:
        import numpy as np

        dimension = self.model.dimension
        found = self._matrix(_whole(table, "feature"), dimension, "feature", "numbers", start)
        features = np.ascontiguousarray(found, np.float32)
        lengths = np.linalg.norm(features, axis=1)
        wrong = ~np.isfinite(lengths)
        if wrong.any():
            self._wrong(start + int(wrong.argmax()) + 1, "the feature holds NaN or infinity")
        if (lengths == 0).any():
            place = start + int((lengths == 0).argmax()) + 1
            self._wrong(place, "the feature is all zeros and has no direction")
        unit: NDArray[np.float32] = features / lengths[:, None]
        return stored_precision(unit) if self.model.hash_scheme == TERNARY else unit

    def _hashes(self, table: pa.Table, features: NDArray[np.float32] | None, start: int) -> Any:
        import numpy as np
        import pyarrow as pa

        width = self.model.bits // 8
        if "hash" not in table.column_names:
            if self.model.hash_scheme not in (SIGN, TERNARY):
                raise SourceError(
                    f"{self.path} holds no hashes, and those of {self.model.name!r} are not made"
                    f" from features alone ({self.model.hash_scheme}): give them too"
                )
            assert features is not None
            return _fixed(self.hash.encode_images(features), width)
        if self.model.hash_scheme == TERNARY:
            raise SourceError(
                f"{self.path} holds hashes, but those of {self.model.name!r} are fitted to the"
                " catalog's features: leave the column out with --column hash=, or give the"
                " catalog plain signs again with `hamsight rehash --scheme sign`"
            )
        column = _whole(table, "hash")
        if pa.types.is_fixed_size_binary(column.type) and column.type.byte_width == width:
            if column.null_count:
                self._wrong(start + _first_null(column) + 1, "there is no hash")
            return column
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = self._from_hex(column, start)
        bytes_ = self._matrix(column, width, "hash", "bytes", start)
        if bytes_.dtype != np.uint8:
            wrong = ((bytes_ < 0) | (bytes_ > 255) | (bytes_ != np.floor(bytes_))).any(axis=1)
            if wrong.any():
                place = start + int(wrong.argmax()) + 1
                self._wrong(place, "the hash holds numbers that are no bytes from 0 to 255")
        return _fixed(bytes_.astype(np.uint8), width)

    def _from_hex(self, column: Any, start: int) -> Any:
        import pyarrow as pa

        found = []
        for row, text in enumerate(column.to_pylist(), start=start + 1):
            try:
                found.append(None if text is None else bytes.fromhex(text))
            except ValueError:
                self._wrong(row, f"the hash {text[:40]!r} is not hexadecimal")
        return pa.array(found, pa.binary())

    def _matrix(self, column: Any, width: int, role: str, unit: str, start: int) -> Any:
        """Return a column of lists or blobs as an array (n, width)."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if column.null_count:
            self._wrong(start + _first_null(column) + 1, f"there is no {role}")
        kind, types = column.type, pa.types
        if types.is_fixed_size_binary(kind):
            column, kind = column.cast(pa.binary()), pa.binary()
        if types.is_binary(kind) or types.is_large_binary(kind):
            lengths = pc.binary_length(column)
            of = _FLOATS.get((lengths[0].as_py() or 0) // width, "") if role == "feature" else "u1"
            size = width * (np.dtype(of).itemsize if of else 4)
            self._check_lengths(lengths, size, role, "bytes", start)
            data = np.frombuffer(b"".join(column.to_pylist()), of)
            return data.reshape(len(column), width)
        if types.is_fixed_size_list(kind):
            if kind.list_size != width:
                self._wrong(start + 1, f"the {role} has {kind.list_size} {unit}; expected {width}")
        elif types.is_list(kind) or types.is_large_list(kind):
            self._check_lengths(pc.list_value_length(column), width, role, unit, start)
        else:
            raise SourceError(
                f"{self.path}: the column of the role {role} is {kind}; expected lists"
            )
        values = column.flatten()
        if values.null_count:
            self._wrong(start + _first_null(values) // width + 1, f"the {role} has a gap")
        if not (types.is_integer(values.type) or types.is_floating(values.type)):
            raise SourceError(f"{self.path}: the role {role} holds {values.type}, not numbers")
        return values.to_numpy(zero_copy_only=False).reshape(len(column), width)

    def _check_lengths(self, lengths: Any, width: int, role: str, unit: str, start: int) -> None:
        import pyarrow.compute as pc

        if (place := pc.index(pc.not_equal(lengths, width), True).as_py()) >= 0:
            found = lengths[place].as_py()
            self._wrong(start + place + 1, f"the {role} has {found} {unit}; expected {width}")


def _whole(table: pa.Table, role: str) -> Any:
    import pyarrow as pa

    column = table.column(role)
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _fixed(hashes: NDArray[np.uint8], width: int) -> Any:
    import pyarrow as pa

    buffers = [None, pa.py_buffer(hashes.tobytes())]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(hashes), buffers)


def _first_null(column: Any) -> int:
    return int(column.is_null().index(True).as_py())

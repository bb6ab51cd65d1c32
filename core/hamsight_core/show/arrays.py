"""Arrow arrays made without `pyarrow.array` and `pyarrow.scalar`.

Those import pandas where it is installed, which takes longer than a search.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def strings(values: Iterable[str]) -> pa.Array:
    """Return strings, fewer than 2 GiB in all, as an Arrow array."""
    import pyarrow as pa

    encoded = [value.encode() for value in values]
    ends = array("i", accumulate(map(len, encoded), initial=0))
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def unsigned(values: Sequence[int]) -> pa.Array:
    """Return whole numbers as an Arrow array of uint64."""
    import pyarrow as pa

    buffers = [None, pa.py_buffer(array("Q", values))]
    return pa.Array.from_buffers(pa.uint64(), len(values), buffers)

"""Arrow files: opened without reading them whole, their faults put into words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from hamsight_core.errors import ImageError

_FILE_MAGIC = b"ARROW1"
_FEATHER_V1 = b"FEA1"


@contextmanager
def arrow_errors() -> Iterator[None]:
    """Turn what PyArrow raises into an ImageError with the reason alone."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"a table that cannot be read: {words[:300]}") from error


def ipc_batches(source: Path | BinaryIO) -> Iterator[Any]:
    """Yield the record batches of an Arrow (Feather 2) file or stream.

    A path is mapped into memory. The batches' buffers are not checked: validate a column before
    its values are taken.
    Raises what PyArrow raises; see `arrow_errors`.
    """
    with open_ipc(source) as reader:
        if hasattr(reader, "num_record_batches"):
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)
        else:
            yield from reader


@contextmanager
def open_ipc(source: Path | BinaryIO) -> Iterator[Any]:
    """Yield PyArrow's reader of an Arrow (Feather 2) file or stream; a file stays open."""
    import pyarrow as pa

    with ExitStack() as stack:
        if isinstance(source, Path):
            mapped = stack.enter_context(pa.memory_map(str(source)))
        else:
            source.seek(0)
            mapped = pa.PythonFile(source, "r")
        start = mapped.read(8)
        mapped.seek(0)
        if start.startswith(_FEATHER_V1):
            raise ValueError("Feather version 1 is not read; write it again as version 2")
        opened = pa.ipc.open_file if start.startswith(_FILE_MAGIC) else pa.ipc.open_stream
        with opened(mapped) as reader:
            yield reader

"""Objects in memory by the names that S3 has for them, in the place of fsspec's S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem


class Store(MemoryFileSystem):
    """Objects in memory, by the names that S3 has for them."""

    cachable = False
    store: dict = {}  # noqa: RUF012 - as MemoryFileSystem has it
    pseudo_dirs: list = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("s3://"))


@contextmanager
def filled(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Yield an empty store, which fsspec has for every scheme until the end."""
    made = Store()
    monkeypatch.setattr(fsspec, "filesystem", lambda name: made)
    try:
        yield made
    finally:
        made.store.clear()

"""A catalog that is opened when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Union

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.closing import Closing
from hamsight_core.forks import forked

PathLike = Union[str, "os.PathLike[str]"]


class Opened(Closing):
    """A catalog at a DSN; a context manager."""

    def __init__(self, dsn: PathLike | None = None) -> None:
        self._dsn = dsn
        self._catalog: Catalog | None = None
        self._process = os.getpid()

    def close(self) -> None:
        """Close the catalog; the next use opens it again."""
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None

    def catalog(self, *, create: bool = False) -> Catalog:
        """Return the open catalog; with `create`, make what is missing of it.

        Raises UsageError in a forked child, where the parent has opened it.
        """
        if self._catalog is None:
            self._process = os.getpid()
            self._catalog = Catalog.open(self._dsn, create=create)
        elif self._process != os.getpid():
            raise forked()
        elif create:
            self._catalog.create()
        return self._catalog


def several(values: PathLike | Sequence[PathLike]) -> tuple[str, ...]:
    """Return one value, or several, as texts."""
    if isinstance(values, (str, os.PathLike)):
        values = [values]
    return tuple(os.fspath(value) for value in values)

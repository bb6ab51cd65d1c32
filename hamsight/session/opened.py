"""A catalog that is opened when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Union

from hamsight.catalog import Catalog

if TYPE_CHECKING:
    from typing_extensions import Self

PathLike = Union[str, "os.PathLike[str]"]


class Opened:
    """A catalog at a DSN; a context manager."""

    def __init__(self, dsn: PathLike | None = None) -> None:
        self._dsn = dsn
        self._catalog: Catalog | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalog; the next use opens it again."""
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None

    def catalog(self, *, create: bool = False) -> Catalog:
        """Return the open catalog; with `create`, make what is missing of it."""
        if self._catalog is None:
            self._catalog = Catalog.open(self._dsn, create=create)
        elif create:
            self._catalog.create()
        return self._catalog


def several(values: PathLike | Sequence[PathLike]) -> list[str]:
    """Return one value, or several, as a list of texts."""
    if isinstance(values, (str, os.PathLike)):
        values = [values]
    return [os.fspath(value) for value in values]

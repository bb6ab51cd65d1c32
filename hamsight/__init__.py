"""Hamsight: find, compare and clean images in datasets by content, in plain ClickHouse.

>>> import hamsight
>>> with hamsight.open(".hamsight") as catalog:
...     catalog.ingest("photos")
...     matches = catalog.query(text="a dog in the snow", k=10)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hamsight import session
from hamsight_core.errors import (
    CatalogBusyError,
    CatalogError,
    ConnectionFailedError,
    EmptyCatalogError,
    ExpressionError,
    HamsightError,
    ImageError,
    ModelError,
    ModelMismatchError,
    SourceError,
    StatementError,
    UnknownItemError,
    UsageError,
)

if TYPE_CHECKING:
    from hamsight_explore import Running

__all__ = [
    "CatalogBusyError",
    "CatalogError",
    "ConnectionFailedError",
    "EmptyCatalogError",
    "ExpressionError",
    "HamsightError",
    "ImageError",
    "ModelError",
    "ModelMismatchError",
    "Session",
    "SourceError",
    "StatementError",
    "UnknownItemError",
    "UsageError",
    "open",
]


class Session(session.Session):
    """A catalog at a DSN, opened when it is first needed; made by `hamsight.open`.

    Close it, or use it as a context manager: an embedded catalog serves one process at a time.
    """

    def explore(self, *, port: int = 0, read_only: bool = False, root_path: str = "") -> Running:
        """Serve the page of the catalog in the background of this process, on this machine alone.

        As the last line of a notebook's cell it shows the page in a frame. `port` 0 is any that is
        free. `root_path` is the page's address at a proxy, such as jupyter-server-proxy, with
        `{port}` for the port: "https://HUB/user/ann/proxy/{port}". Each call of the server's
        `link()` returns an address that lets one browser in, once; `close()` ends it. Raises
        UsageError for a port that is taken, and CatalogError.
        """
        from hamsight_explore import Options, start

        return start(self._dsn, Options(port=port, read_only=read_only, root_path=root_path))


def open(dsn: str | os.PathLike[str] | None = None) -> Session:
    """Return a session on the catalog at `dsn`: a folder, `chdb:///FOLDER` or `clickhouse://…`.

    Without `dsn`, `HAMSIGHT_DB` names it, else it is `./.hamsight`.
    """
    return Session(dsn)

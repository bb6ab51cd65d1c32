"""Hamsight: find, compare and clean images in datasets by content, in plain ClickHouse.

>>> import hamsight
>>> with hamsight.open(".hamsight") as catalog:
...     catalog.ingest("photos")
...     matches = catalog.query(text="a dog in the snow", k=10)
"""

from __future__ import annotations

import os

from hamsight.session import Session
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


def open(dsn: str | os.PathLike[str] | None = None) -> Session:
    """Return a session on the catalog at `dsn`: a folder, `chdb:///FOLDER` or `clickhouse://…`.

    Without `dsn`, `HAMSIGHT_DB` names it, else it is `./.hamsight`.
    """
    return Session(dsn)

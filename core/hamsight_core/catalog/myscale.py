"""MyScale: how its servers are known, and the vector index of an items table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hamsight_core.catalog.statements import fill
from hamsight_core.errors import StatementError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_OWN_SETTING = "enable_brute_force_vector_search"
_INDEX_TYPES = ("MSTG", "SCANN")
"""MyScale's own first, which its cloud has; then that of its open source."""
_WHOLE_BOXES = {"flatten_nested": "0"}
"""ClickHouse 23 makes columns of their own of an array of tuples otherwise."""
_NO_SUCH_INDEX = "Unknown index type"


def is_myscale(client: Client) -> bool:
    """Return whether a server is MyScale: of the settings that it has, one is MyScale's alone.

    The driver has asked for them when it connected, so this costs no question.
    """
    return _OWN_SETTING in client.server_settings


def with_vector_index(create: Callable[..., None], dimension: int) -> None:
    """Create an items table with the best vector index that a server has.

    `create` takes what `Catalog.run` does, the definition of an index as `vector_index`. Raises
    StatementError.
    """
    for kind in _INDEX_TYPES:
        index = fill("vector_index", dimension=dimension, type=kind)
        try:
            create(None, _WHOLE_BOXES, vector_index=index)
        except StatementError as error:
            if kind == _INDEX_TYPES[-1] or _NO_SUCH_INDEX not in str(error):
                raise
        else:
            return

"""One ClickHouse database: statements of `sql/` sent to it, in the words that it takes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog import served
from hamsight_core.catalog.address import parse_dsn
from hamsight_core.catalog.connect import connect, engine_errors, has_fixed_settings
from hamsight_core.catalog.embedded import opened_at
from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.lock import Lock
from hamsight_core.catalog.myscale import is_myscale
from hamsight_core.catalog.statements import fill
from hamsight_core.closing import Closing
from hamsight_core.errors import NoTableError

if TYPE_CHECKING:
    import pyarrow as pa
    from clickhouse_connect.driver.client import Client


class Database(Closing):
    """A database and what sends statements to it. Close it, or use it as a context manager."""

    def __init__(self, client: Client, dsn: str | os.PathLike[str] | None) -> None:
        self.client = client
        address = parse_dsn(dsn)
        self.location = str(address)
        self._path = address.path if client.uri.startswith("chdb:") else None
        resident = address.resident and self._path is not None
        self.layout = Layout(
            address.cluster, is_myscale(client), resident, has_fixed_settings(client)
        )
        self._dsn = dsn
        place = f"{address} {address.database}"
        self._lock = Lock(place, self)
        self.is_open = True

    @property
    def embedded(self) -> bool:
        """Whether this process alone has the catalog: it is embedded, and served to no other."""
        return self._path is not None and served.find(self._path) is None

    @property
    def opened_at(self) -> int | None:
        """When this process opened the embedded catalog that it alone has, in seconds since 1970.

        None for another's.
        """
        return opened_at(self._path) if self._path is not None else None

    def close(self) -> None:
        """Close the connection; an embedded catalog is then free for other processes."""
        self.is_open = False
        self.client.close()

    @contextmanager
    def locked(self, what: str) -> Iterator[Lock]:
        """Hold the lock of the catalog, once nobody else does; see `hamsight_core.catalog.lock`."""
        with self._lock.hold(what, alone=self.embedded):
            yield self._lock

    def reader(self, settings: Mapping[str, str] | None = None) -> Client:
        """Return another client of the catalog, to which ClickHouse allows no change.

        `settings` are for all its statements.
        """
        return connect(self._dsn, settings={**(settings or {}), "readonly": "1"})

    def run(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, str] | None = None,
        /,
        **fragments: object,
    ) -> None:
        """Run a statement of `sql/` that answers nothing."""
        with engine_errors(self.client):
            # `command` would put the parameters into the URL, which a server cuts off sooner.
            table = str(fragments.get("table", ""))
            sql = fill(statement, **{**self.layout.fragments(table), **fragments})
            self.client.raw_query(
                sql,
                parameters=dict(parameters or {}),
                settings={**self.layout.settings, **(settings or {})},
            )

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None, **fragments: object
    ) -> Sequence[Sequence[Any]]:
        """Return the rows that a statement of `sql/` answers."""
        with engine_errors(self.client):
            sql = fill(statement, **fragments)
            return self.client.query(sql, parameters=dict(parameters or {})).result_rows

    def rows_if_any(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows that a statement of `sql/` answers, none where its table is missing."""
        try:
            return self.rows(statement, parameters)
        except NoTableError:
            return []

    def arrow(
        self, sql: str, parameters: Mapping[str, Any] | None = None, **settings: object
    ) -> pa.Table:
        """Return the answer to the text of a statement as an Arrow table."""
        with engine_errors(self.client):
            return self.client.query_arrow(
                sql, parameters=dict(parameters or {}), settings=settings or None
            )

    def rows_fetched_late(self) -> int:
        """Return for how many rows at most the engine reads columns after it has cut the rest."""
        settings = self.client.server_settings
        limit = settings.get("query_plan_max_limit_for_lazy_materialization")
        return (int(limit.value) or sys.maxsize) if limit is not None else 0

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert an Arrow table; its rows become visible together."""
        with engine_errors(self.client):
            self.client.insert_arrow(table, rows)

    def insert_rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert a few rows, each a mapping of the same columns; moments are texts, in UTC.

        For many rows `insert` is faster; but both PyArrow and the driver's own `insert` load
        pandas where it is installed, which takes longer than an ingest that finds nothing new.
        """
        lines = "\n".join(json.dumps(row) for row in rows)
        with engine_errors(self.client):
            self.client.raw_insert(table, list(rows[0]), lines.encode(), fmt="JSONEachRow")

    def has_table(self, table: str) -> bool:
        """Tell whether the catalog has the table."""
        return bool(self.rows("count_tables", {"table": table})[0][0])

    def spread(self, table: str) -> None:
        """On a cluster, make the table that stands for a table's shards, which are there."""
        if self.layout.cluster:
            self.run("create_distributed", table=table)

    def await_replicas(self, table: str) -> None:
        """On a cluster, wait until every replica has what was inserted into a table."""
        if self.layout.cluster:
            self.run("await_replicas", table=table)

    def drop(self, table: str) -> None:
        """Drop a table that nothing names any more, with its shards."""
        for name in dict.fromkeys([table, self.layout.shard_table(table)]):
            self.run("drop_table", table=name)

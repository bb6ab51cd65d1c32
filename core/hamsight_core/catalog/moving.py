"""A model's move from one items table to another, which loses no change of the former.

Who fills a new table takes a lease of the former at the end, brings the new one up to date, makes
the model's row name it and gives the lease back. Who changes a table looks for a lease afterwards,
waits for its end, and makes the change once more where the model then has another table. So a
change that was whole before the lease is found by the mover, and any later one is made again by its
own author. Nobody waits to read. The lease of a mover that was killed ends by itself.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import CatalogError, StatementError

LEASE_SECONDS = 60
_RENEW_SECONDS = 20
_POLL_SECONDS = 0.1


class Lease:
    """The right to move a model away from a table, while it is renewed; made by `leased`."""

    def __init__(self, catalog: Catalog, table: str) -> None:
        self._catalog, self._name = catalog, _lease_of(table)
        self._owner = f"{os.getpid()} {uuid.uuid4().hex}"
        self._renewed = 0.0

    def take(self) -> None:
        """Take the lease, once a mover who has it has given it back or was killed."""
        while True:
            try:
                self._catalog.run("create_lease", table=self._name, comment=self._said())
            except StatementError:
                found = _holder(self._catalog, self._name)
                if found is None:
                    if not self._catalog.has_table(self._name):
                        raise
                    self._catalog.drop(self._name)
                time.sleep(_POLL_SECONDS)
            else:
                self._renewed = time.monotonic()
                return

    def renew(self, at_once: bool = False) -> None:
        """Keep the lease; call it every few seconds, and `at_once` before the move.

        Raises CatalogError where it was lost, as after a standstill of minutes.
        """
        if not at_once and time.monotonic() - self._renewed < _RENEW_SECONDS:
            return
        self._check()
        self._catalog.run("renew_lease", table=self._name, comment=self._said())
        self._renewed = time.monotonic()
        self._check()

    def give_back(self) -> None:
        """End the lease, if it still is this one."""
        if _holder(self._catalog, self._name) == self._owner:
            self._catalog.drop(self._name)

    def _check(self) -> None:
        if _holder(self._catalog, self._name) != self._owner:
            raise CatalogError(
                "this process stood still for so long that others may have changed the items"
                " meanwhile: nothing was changed; run the same command again"
            )

    def _said(self) -> str:
        now = int(self._catalog.rows("server_time")[0][0])
        return json.dumps({"owner": self._owner, "until": now + LEASE_SECONDS})


@contextmanager
def leased(catalog: Catalog, table: str) -> Iterator[Lease]:
    """Hold the lease of a table; waits for another mover's."""
    lease = Lease(catalog, table)
    lease.take()
    try:
        yield lease
    finally:
        lease.give_back()


def settle(catalog: Catalog, table: str) -> None:
    """Wait while a model is being moved away from the table; then the models' rows say where to."""
    name = _lease_of(table)
    while _holder(catalog, name) is not None:
        time.sleep(_POLL_SECONDS)


def change_tables(
    catalog: Catalog, tables: Callable[[], Sequence[str]], change: Callable[[str], None]
) -> None:
    """Make a change in every table that `tables` says, and in those that take their place.

    The change must be one that may be made twice. Raises what it raises, but for a table that is
    no longer there because its model has moved.
    """
    done: set[str] = set()
    while left := [table for table in tables() if table not in done]:
        for table in left:
            try:
                change(table)
            except StatementError:
                settle(catalog, table)
                if table in tables():
                    raise
            settle(catalog, table)
            done.add(table)


def _lease_of(table: str) -> str:
    return f"moving_{table}"


def _holder(catalog: Catalog, name: str) -> str | None:
    """Return the owner of a lease that lasts, None where there is none."""
    found = catalog.rows("find_lease", {"table": name})
    if not found:
        return None
    said = json.loads(found[0][0])
    owner = str(said["owner"])
    killed = catalog.embedded and owner.split()[0] != str(os.getpid())
    return None if killed or int(said["until"]) < int(found[0][1]) else owner

"""Hashes that a session holds in memory, of items tables that have not changed since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.generations import view_of
from hamsight_core.errors import StatementError

if TYPE_CHECKING:
    from hamsight_core.catalog.database import Database

ROWS_OF_A_LOOKUP = 20_000
"""Rows whose hashes are read from disk in the time of looking one up by its key."""


def resident_table(items_table: str) -> str:
    """Return the name of the table in memory that stands beside an items table."""
    return f"resident_{items_table}"


class ResidentHashes:
    """The tables in memory of one session with an embedded catalog.

    A table of hashes is right only while the items table is as it was when they were read: rank by
    what `hold` has read, and see with `is_held` afterwards that nothing has changed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, Sequence[Any]] = {}

    def hold(self, items_table: str, wanted: int) -> bool:
        """Read the hashes of an items table into memory, unless some are there.

        Return False, and read nothing, where to look up as many items as are wanted takes longer
        than to rank by the hashes on disk. Raises StatementError where they need more memory than
        a statement may take.
        """
        state = self._held.get(items_table) or self._state(items_table)
        if wanted * ROWS_OF_A_LOOKUP > state[0]:
            return False
        if items_table in self._held:
            return True
        # one of former rows, and those of other generations of the same items
        gone = [one for one in self._held if view_of(one) == view_of(items_table)]
        for table in [items_table, *gone]:
            self._held.pop(table, None)
            self._database.run("drop_resident", resident=resident_table(table))
        resident = resident_table(items_table)
        try:
            self._database.run("hold_resident", resident=resident, table=items_table)
        except StatementError as error:
            raise StatementError(
                f"the hashes of {items_table} cannot be held in memory: leave hashes=memory out"
                f" of the DSN, or see to this: {error}"
            ) from error
        self._held[items_table] = state
        return True

    def is_held(self, items_table: str) -> bool:
        """Tell whether an items table is as it was before its hashes were read.

        Where it is not, `hold` will read them again.
        """
        if self._held.get(items_table) == self._state(items_table):
            return True
        self._held.pop(items_table, None)
        return False

    def _state(self, items_table: str) -> Sequence[Any]:
        return tuple(self._database.rows("state_of_table", {"table": items_table})[0])

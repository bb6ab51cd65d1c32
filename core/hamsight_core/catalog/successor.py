"""The next generation of a model's items: filled while others change the items, then caught up.

Rows are compared by a digest of all but hash and feature, which change with no other row. So the
lock is held for as long as it takes to compare, and to bring over what changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hamsight_core.catalog.database import Database
from hamsight_core.catalog.generations import create_items, switch
from hamsight_core.catalog.model_row import CatalogModel, TableKind
from hamsight_core.catalog.statements import fill
from hamsight_core.closing import Closing


class Successor(Closing):
    """The generation that `made` names, in place of that of `former`. Close it, or use it as a
    context manager.

    `rows` is a SELECT of `sql/` that makes its rows of those of `$former` that hold `$held`, and
    `parameters` are its values. `dataset` is what the SELECT makes of the column.
    """

    def __init__(
        self,
        database: Database,
        former: CatalogModel,
        made: CatalogModel,
        rows: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        dataset: str | None = None,
        **fragments: str,
    ) -> None:
        self.former, self.made = former, made
        self._database, self._rows, self._parameters = database, rows, dict(parameters or {})
        self._fragments = fragments
        self._dataset = dataset or fill("same_dataset")
        self._digest = fill("item_digest", dataset=self._dataset)
        self._own_digest = fill("item_digest", dataset=fill("same_dataset"))
        self._switched = False
        create_items(database, made)

    def fill(self) -> None:
        """Put all rows into the generation."""
        self._insert(fill("every_item"))

    def catch_up(self) -> None:
        """Let the generation have the rows as they are now; called while the lock is held."""
        made, former = self.made.items_table, self.former.items_table
        mine = {"table": made, "digest": self._own_digest, "others": former}
        theirs = {"table": former, "digest": self._digest, "others": made}
        mine["digest_of_others"], theirs["digest_of_others"] = self._digest, self._own_digest
        if self._database.rows("count_others", self._parameters, **mine)[0][0]:
            self._database.run("delete_others", self._parameters, **mine)
        if self._database.rows("count_others", self._parameters, **theirs)[0][0]:
            self._insert(fill("not_in_others", **theirs))

    def switch(self, *, same_hashes: bool = False) -> None:
        """Let the generation take the place of the old one; called while the lock is held."""
        self._switched = True
        switch(self._database, self.former, self.made, same_hashes=same_hashes)

    def close(self) -> None:
        """Drop the generation where it took no place."""
        if not self._switched:
            self._database.drop(self.made.items_table)

    def _insert(self, held: str) -> None:
        made, former = self.made.items_table, self.former.items_table
        given = {**self._fragments, "dataset": self._dataset}
        rows = fill(self._rows, former=former, held=held, **given)
        names = fill("own_of_objects") if self.made.kind is TableKind.OBJECTS else ""
        self._database.run("insert_rows", self._parameters, table=made, rows=rows, names=names)
        self._database.await_replicas(made)

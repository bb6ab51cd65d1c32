"""Where the tables of a catalog are: on one server, on all nodes of a cluster, on MyScale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hamsight_core.catalog.statements import fill

CENTRES = "_centres"
"""How the name of a table of centres goes on after that of its cells."""

# Rows are on their shards when an insert returns; a subquery over items runs once, not on each
# shard.
SETTINGS = {
    "distributed_foreground_insert": "1",
    "distributed_product_mode": "global",
}
_ON_MYSCALE = {
    "feature_type": "feature_type_on_myscale",
    "without_waiting": "without_waiting_on_myscale",
    "given_feature": "given_feature_as_numbers",
    "differing_bits": "differing_bits_by_words",
    "unlikeness": "unlikeness_by_ngrams",
}
"""What sql/myscale/ says in other words."""
_MYSCALE_SETTINGS = {"mutations_sync": "2"}
"""A DELETE is waited for, as it is by default from ClickHouse 24.4 on."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the statements of `sql/` say otherwise on a cluster and on a MyScale server.

    `cluster` is "" on one server. `resident` says that a session holds hashes in memory, `fixed`
    that the user of a server may not change settings.
    """

    cluster: str = ""
    myscale: bool = False
    resident: bool = False
    fixed: bool = False

    def fill(self, name: str, /, **fragments: object) -> str:
        """Return a statement with its fragments filled in, in words that the server takes."""
        return fill(_ON_MYSCALE.get(name, name) if self.myscale else name, **fragments)

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings of statements that change something, where the server's own do not serve."""
        return _MYSCALE_SETTINGS if self.myscale else {}

    def shard_table(self, table: str) -> str:
        """Return the table that holds a shard's rows of `table`: itself unless it is spread."""
        return f"shard_{table}" if self._is_spread(table) else table

    def fragments(self, table: str = "") -> Mapping[str, str]:
        """Return the fragments of statements that make tables, or change the rows of `table`."""
        engine = fill("engine")
        words = {name: self.fill(name) for name in ("feature_type", "without_waiting")}
        if not self.cluster:
            return {
                **words,
                "vector_index": "",
                "own_columns": "",
                "engine": engine,
                "shard_engine": engine,
                "replacing_engine": fill("replacing_engine"),
                "shard_table": table,
                "on_cluster": "",
                "on_shards": "",
            }
        on_cluster = " " + fill("on_cluster", cluster=self.cluster)
        return {
            **words,
            "vector_index": "",
            "own_columns": "",
            "engine": fill("engine_everywhere"),
            "shard_engine": fill("engine_of_shard"),
            "replacing_engine": fill("replacing_engine_of_shard"),
            "shard_table": self.shard_table(table),
            "on_cluster": on_cluster,
            "on_shards": on_cluster if self._is_spread(table) else "",
            "cluster": self.cluster,
        }

    def _is_spread(self, table: str) -> bool:
        """Return whether a table is of items, objects or their cells, but not of cells' centres."""
        of_cells = table.startswith("cells_") and not table.endswith(CENTRES)
        return bool(self.cluster) and (of_cells or table.startswith(("items_", "objects_")))

"""The command-line options that say which items a command is for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.options import takes
from hamsight_core.errors import UsageError

if TYPE_CHECKING:
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.selection import Identity, Selection

STDIN = "-"

Items = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ITEM",
        help="Items by name, [DATASET/][SUBSET/]ID. With - or without names, items are read from a"
        " pipe: `hamsight query … --format jsonl` (or json, csv).",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="EXPRESSION",
        help='Items for which this is true: dog > 2 and "good" in groups',
    ),
]
Dataset = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Only items of this dataset.")
]
Subset = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Only items of this subset.")
]
Model = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only in the table of this model. Default: in all."),
]


class Asked:
    """Which items a command line asks for; what is piped in is read before a catalog is opened.

    The program at the other end of a pipe may hold the embedded catalog until it has ended.
    """

    def __init__(
        self,
        items: Items = None,
        where: Where = None,
        dataset: Dataset = None,
        subset: Subset = None,
        model: Model = None,
    ) -> None:
        names = list(items or ())
        filters = where is not None or bool(dataset) or bool(subset)
        self._names, self._where, self._model = names, where, model
        self._datasets, self._subsets = tuple(dataset or ()), tuple(subset or ())
        self.piped = STDIN in names or (
            not names and not filters and sys.stdin is not None and not sys.stdin.isatty()
        )
        if names and where is not None:
            raise UsageError("give items by name or with --where, not both")
        if self.piped and (len(names) > 1 or filters):
            raise UsageError("items piped in stand alone: no names, --where, --dataset or --subset")
        self._identities = self._read() if self.piped else None

    def selection(self, catalog: Catalog) -> Selection:
        """Return the selection; raises UsageError and UnknownItemError."""
        from hamsight_curate.names import select

        items = self._identities if self.piped else self._names or None
        return select(catalog, items, self._where, self._datasets, self._subsets, self._model)

    @staticmethod
    def _read() -> Sequence[Identity]:
        from hamsight.cli.piped import read_identities

        return read_identities(sys.stdin.buffer)


takes_items = takes("asked", Asked)
"""Gives a command the options of `Asked` in place of its parameter `asked`."""

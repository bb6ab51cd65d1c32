"""What the page shows of items: the rows of a window, one item, the values of facets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UnknownItemError
from hamsight_core.items import Identity
from hamsight_core.show.values import records
from hamsight_curate.selection import Condition
from hamsight_explore.directory import Directory
from hamsight_explore.last_kept import LastKept
from hamsight_explore.selections import Selection
from hamsight_explore.view import TEXT_FIELDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_ROWS = 400
_PLACES = 50_000
_SHOWN_TEXT, _SHOWN_LIST, _SHOWN_BOXES = 300, 50, 200
FACETS = {
    "tags": "facet_of_tags",
    "groups": "facet_of_groups",
    "attributes": "facet_of_attributes",
}
_COUNTED = 5000
"""Of more selected items than these, facets say no counts."""


class Windows:
    """Rows of items by number; it remembers where the pictures of the last ones are."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._places: LastKept[int, tuple[str, str]] = LastKept(_PLACES)

    def rows(
        self, catalog: Catalog, model: CatalogModel, numbers: Sequence[int], *, whole: bool = False
    ) -> list[dict[str, Any] | None]:
        """Return what the page shows of each item, None for those that were deleted.

        Unless `whole`, long texts and lists are cut.
        """
        identities = self._directory.identities(numbers)
        found: dict[Identity, dict[str, Any]] = {}
        table = view_of(model.items_table)
        sql = fill("items_of_answer", columns=fill("explored"), table=table)
        for page in pages(identities):
            for item in records(catalog.arrow(sql, {"identities": as_json(page)})):
                found[item["dataset"], item["subset"], item["id"]] = item
        rows: list[dict[str, Any] | None] = []
        for number, identity in zip(numbers, identities, strict=True):
            item_found = found.get(identity)
            if item_found is None:
                rows.append(None)
                continue
            row = dict(item_found)  # a number may be asked for twice
            place = row["uri"], row.pop("sha256")
            self._places.put(number, place)
            rows.append(_shown(row, number, place, whole=whole))
        return rows

    def rows_of(
        self, catalog: Catalog, model: CatalogModel, identities: Sequence[Identity]
    ) -> list[dict[str, Any] | None]:
        """Return what the page shows of each item by identity, None for those that are gone."""
        table = view_of(model.items_table)
        numbers, known = self._directory.of_identities(catalog, table, identities)
        rows = iter(self.rows(catalog, model, numbers.tolist()))
        return [next(rows) if one else None for one in known.tolist()]

    def known(self, number: int) -> tuple[str, str] | None:
        """Return what `place` returns, where it was read before."""
        return self._places.get(number)

    def place(self, catalog: Catalog, model: CatalogModel, number: int) -> tuple[str, str]:
        """Return the uri of an item's picture and its SHA-256. Raises UnknownItemError."""
        if (known := self.known(number)) is not None:
            return known
        if number >= len(self._directory):
            raise UnknownItemError(f"there is no item {number}")
        self.rows(catalog, model, [number])
        if (known := self.known(number)) is None:
            raise UnknownItemError("this item was deleted")
        return known


def _shown(
    row: dict[str, Any], number: int, place: tuple[str, str], *, whole: bool
) -> dict[str, Any]:
    uri, sha256 = place
    known_by = sha256 if sha256.strip("0") else uri
    row["version"] = hashlib.sha256(known_by.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    row["number"] = number
    row.pop("item")
    if not whole:
        row.pop("uri")
        row.pop("scores")
        row["captions"] = [text[:_SHOWN_TEXT] for text in row["captions"][:3]]
        row["groups"] = [text[:_SHOWN_TEXT] for text in row["groups"][:_SHOWN_LIST]]
        row["boxes"] = row["boxes"][:_SHOWN_BOXES]
        tags = sorted(row["tags"].items(), key=lambda one: -one[1])[:_SHOWN_LIST]
        row["tags"] = {name[:_SHOWN_TEXT]: count for name, count in tags}
        attributes = list(row["attributes"].items())[:_SHOWN_LIST]
        row["attributes"] = {name[:_SHOWN_TEXT]: text[:_SHOWN_TEXT] for name, text in attributes}
    return row


def facet(
    catalog: Catalog,
    model: CatalogModel,
    condition: Condition,
    field: str,
    contains: str,
    limit: int,
    hashes: NDArray[np.uint64] | None,
) -> dict[str, Any]:
    """Return the values of a field with their counts: of items, and of the selected ones.

    `hashes` are of the selected items.
    """
    is_text = field in TEXT_FIELDS
    chosen = fill("facet_of_text", column=field) if is_text else fill(FACETS[field])
    parameters: dict[str, Any] = {**condition.parameters, "contains": contains, "limit": limit}
    counted = hashes is not None and 0 < len(hashes) <= _COUNTED
    if counted and hashes is not None:
        parameters["selected"] = as_json([int(one) for one in hashes])
    sql = fill(
        "facet",
        values=chosen,
        table=view_of(model.items_table),
        condition=condition.sql,
        selected=fill("is_selected" if counted else "no_item"),
    )
    rows = catalog.arrow(sql, parameters).to_pylist()
    return {
        "field": field,
        "values": [
            {"value": row["value"], "items": row["items"]}
            | ({"selected": row["selected"]} if counted else {})
            for row in rows
        ],
        "more": max(0, rows[0]["values"] - len(rows)) if rows else 0,
    }


def marked(rows: Sequence[dict[str, Any] | None], selected: Selection) -> None:
    """Tell in rows which items are selected."""
    import numpy as np

    there = [row for row in rows if row is not None]
    bits = selected.has(np.array([row["number"] for row in there], np.uint32))
    for row, is_selected in zip(there, bits.tolist(), strict=True):
        row["selected"] = is_selected

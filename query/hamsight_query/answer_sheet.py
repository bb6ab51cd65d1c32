"""A search and its answer as a contact sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.items import Box, Identity
from hamsight_core.show.sheet import MatchCell, QueryCell
from hamsight_core.show.sheet_page import MOST_MATCHES, draw_sheet

if TYPE_CHECKING:
    from hamsight_query.result import Matches
    from hamsight_query.target import Target

Boxes = Mapping[Identity, Sequence[Box]]
"""The annotated boxes of items that have some."""


def boxes_of(catalog: Catalog, items_table: str, matches: Matches) -> Boxes:
    """Return the boxes of the items that a sheet shows, none of them where these are objects."""
    shown = [] if matches.of_objects else [match.item for match in matches[:MOST_MATCHES]]
    found: dict[Identity, Sequence[Box]] = {}
    for page in pages(shown):
        given = {"identities": as_json(page)}
        for dataset, subset, id, boxes in catalog.rows(
            "boxes_of_items", given, table=view_of(items_table)
        ):
            found[dataset, subset, id] = [
                Box(box["label"], box["x"], box["y"], box["width"], box["height"]) for box in boxes
            ]
    return found


def draw_answer(matches: Matches, boxes: Boxes, path: Path) -> None:
    """Draw queries and matches, with their boxes. Raises UsageError as `draw_sheet` does."""
    numbers = {one.label: n for n, one in enumerate(matches.targets) if not one.parts}
    queries = [_query_cell(one) for target in matches.targets for one in target.asked]
    cells = [
        MatchCell(
            match.rank,
            f"{match.tag} · {match.name}" if matches.of_objects else match.name,
            match.uri,
            match.distance if matches.tells_distance else None,
            match.similarity,
            numbers.get(match.query),
            tuple(boxes.get(match.item, ())),
            match.box if matches.of_objects else None,
        )
        for match in matches
    ]
    draw_sheet(queries, cells, path)


def _query_cell(target: Target) -> QueryCell:
    query, part = target.query, target.query.box
    pixels = None if part is None else part.pixels
    return QueryCell(query.shown, target.uri, target.box, pixels, query.kind.value)

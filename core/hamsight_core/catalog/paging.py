"""Pages: long lists of values as several statements, and rows of a table in the order of its key.

ClickHouse takes a parameter over HTTP as one form field, of 128 KiB at most
(`http_max_field_value_size`). A list goes as one text of JSON, which ClickHouse reads several times
faster than an array literal; the driver's escaping may double its characters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hamsight_core.catalog.database import Database
from hamsight_core.catalog.statements import all_of, fill

_BYTES = 60_000


def pages(identities: Iterable[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    """Yield the identities in their order, in lists that each fit into one parameter."""
    page: list[tuple[str, ...]] = []
    held = 0
    for identity in identities:
        size = len(as_json(identity).encode()) + 1
        if page and held + size > _BYTES:
            yield page
            page, held = [], 0
        page.append(identity)
        held += size
    if page:
        yield page


def as_json(values: Sequence[object]) -> str:
    """Return a list of texts, or of tuples of texts, as a statement takes it: JSON."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def item_pages(
    database: Database,
    table: str,
    page: int,
    conditions: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the condition of each page of some `page` rows, with the values of its parameters.

    All rows of one identity are in one page. `conditions` hold for every page, and `parameters`
    are theirs; a page may have no rows.
    """
    held, values = list(conditions), dict(parameters or {})
    while True:
        given = {**values, "before_last": page - 1}
        ends = database.rows("end_of_page", given, table=table, conditions=all_of(held))
        if not ends:
            yield all_of(held), values
            return
        last = _identity("last", ends[0])
        yield all_of([*held, fill("up_to_item")]), {**values, **last}
        held = [*conditions, fill("after_item")]
        values = {**(parameters or {}), **_identity("after", ends[0])}


def _identity(prefix: str, row: Sequence[str]) -> dict[str, str]:
    return dict(zip((f"{prefix}_dataset", f"{prefix}_subset", f"{prefix}_id"), row, strict=True))

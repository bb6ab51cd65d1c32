"""Going through an items table in the order of its key, a page of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import fill


def item_pages(
    catalog: Catalog,
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
        ends = catalog.rows("end_of_page", given, table=table, conditions=_all(held))
        if not ends:
            yield _all(held), values
            return
        last = _identity("last", ends[0])
        yield _all([*held, fill("up_to_item")]), {**values, **last}
        held = [*conditions, fill("after_item")]
        values = {**(parameters or {}), **_identity("after", ends[0])}


def _all(conditions: Sequence[str]) -> str:
    return f" {fill('and_also')} ".join(conditions) or fill("every_item")


def _identity(prefix: str, row: Sequence[str]) -> dict[str, str]:
    return dict(zip((f"{prefix}_dataset", f"{prefix}_subset", f"{prefix}_id"), row, strict=True))

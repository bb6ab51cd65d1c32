"""Items in the order of their nearness to the border of a classifier, as a statement."""

from __future__ import annotations

from dataclasses import replace

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import all_of, fill
from hamsight_query.search import Prepared
from hamsight_query.steps import Statement, Steps
from hamsight_query.term import term_of


def by_border(catalog: Catalog, prepared: Prepared, border: float, *, below: bool) -> Prepared:
    """Return what answers a request of one query in the order of the nearness to a border.

    `border` is a cosine similarity to the query; with `below` only items less similar are listed.
    """
    request, model = prepared.request, prepared.model
    term = term_of(1, prepared.targets[0], catalog.layout, model.bits // 8, by_index=False)
    held = [*prepared.conditions.sql, *([fill("below_the_border")] if below else [])]
    parameters = {
        **prepared.conditions.parameters,
        **term.parameters,
        "border": border,
        "k": request.k,
        "offset": request.offset,
    }

    def statement(columns: str, more: str) -> Statement:
        sql = fill(
            "nearest_the_border",
            columns=fill(columns),
            measured=term.distance,
            similarity=term.similarity,
            more=more,
            table=model.items_table,
            conditions=all_of(held),
        )
        return Statement(sql, parameters)

    whole = statement("identity_and_place", f",\n    {fill('described')}")
    steps = Steps(statement("identity", ""), apart=True)
    return replace(prepared, statement=replace(whole, steps=steps))

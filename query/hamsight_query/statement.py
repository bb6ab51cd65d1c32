"""The statement of a search, put together from the fragments of `sql/search.sql`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from textwrap import indent
from typing import Any

from hamsight_core.catalog.catalog import CatalogModel
from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UsageError
from hamsight_query.candidates import Candidates, Form, what_else_sorts
from hamsight_query.filters import Conditions
from hamsight_query.near_cells import near_cells
from hamsight_query.percentiles import Scales, as_percentiles, cosine_below
from hamsight_query.request import Combine, Rank, Request
from hamsight_query.resident_search import ResidentHashes, ResidentSearch, is_resident
from hamsight_query.score import order_of, score_of
from hamsight_query.steps import Statement, Steps
from hamsight_query.target import Target
from hamsight_query.term import term_of
from hamsight_query.vector_index import uses_vector_index

LONGEST = 128 * 1024
"""Bytes of the longest statement that ClickHouse takes over HTTP as a form."""
_ALL = 2**31
"""More items than a table has."""
_APART = 4
"""From so many candidates for each item of the answer, columns are fetched in a second step."""
_OF_WORDS = 3
"""Differences of words need so many times the candidates of words, measured on CLIP's vectors."""
_OF_PICTURES = 2
"""Sums of pictures need 1.4 times the candidates of pictures, as `evaluate` measures on photos."""
_SPARE = 4
_LEAST_SPARE = 50
"""One scan fetches so many rows more, and of what is wanted a quarter, for ties at the end."""
_SPARE_OF_PLANES = 10
"""Of queries with planes, whose order is finer than whole bits, a tenth of what is wanted."""


def build(
    request: Request,
    targets: Sequence[Target],
    model: CatalogModel,
    conditions: Conditions,
    layout: Layout,
    scales: Scales | None = None,
    order: Conditions | None = None,
) -> Statement:
    """Return the statement that answers the request, of items that hold its conditions.

    `layout` says where the catalog's tables are. `scales` are those of a calibrated request;
    `order` is that of a sorted one, without which its matches have what they are to be sorted by.
    Raises UsageError for too many queries.
    """
    found, least = request, None
    if order is not None:
        found, least = found_set(request), request.min_similarity
    if least is not None and scales is not None:
        least = cosine_below(scales[targets[0].kind], least)
    builder = _Builder(found, targets, model, conditions, layout, least)
    if request.sort is None and scales is None:
        statement = builder.build()
    else:
        statement = builder.whole(Form(described=True, sorted=request.sort is not None))
    if scales is not None:
        statement = as_percentiles(statement, scales, [target.kind for target in targets])
    if request.min_similarity is not None:
        sql = fill("at_least_similar", statement=statement.sql)
        given = {**statement.parameters, "min_similarity": request.min_similarity}
        statement = replace(statement, sql=sql, parameters=given, least=request.min_similarity)
    if order is not None:
        statement = in_order(statement, order, request)
    check_length(statement, len(targets))
    return statement


def in_order(statement: Statement, order: Conditions, request: Request) -> Statement:
    """Return the page of a request of what a statement finds, in an order."""
    sql = fill(
        "sorted",
        what_else_sorts=what_else_sorts(request.table_kind),
        statement=indent(statement.sql, " " * 4).lstrip(),
        order=order.sql[0],
    )
    page = {"page": request.k, "skipped": request.offset}
    return Statement(sql, {**statement.parameters, **order.parameters, **page})


def check_length(statement: Statement, queries: int) -> None:
    """Raise UsageError for a statement of so many queries that is too long for ClickHouse."""
    length = len(statement.sql.encode())
    if length > LONGEST:
        raise UsageError(
            f"{queries} queries make a statement of {length} bytes, but ClickHouse takes"
            f" {LONGEST}: ask some {queries * LONGEST // length} at a time"
        )


def found_set(request: Request) -> Request:
    """Return the request for all that a sorted one orders."""
    return replace(request, k=_ALL if request.is_cut_off else request.k, offset=0)


class _Builder:
    def __init__(
        self,
        request: Request,
        targets: Sequence[Target],
        model: CatalogModel,
        conditions: Conditions,
        layout: Layout,
        least: float | None = None,
    ) -> None:
        self._request, self._targets, self._layout = request, targets, layout
        first = 0 if request.rank is Rank.HAMMING else candidates_of(request, targets, model)
        reach = max(first, request.k + request.offset)
        asked = [one for target in targets for one in target.asked]
        excluded = [one.identity for one in asked if one.identity]
        if request.exclude_self is False:
            excluded = []
        scanned = reach + len(excluded)
        share = _SPARE_OF_PLANES if all(target.planes for target in targets) else _SPARE
        self._scanned, self._excludes = scanned, bool(excluded)
        # the count of a short statement would keep the shards of a cluster from cutting off theirs
        self._is_short = len(targets) == 1 and not first and not layout.cluster
        self._fetched = scanned + scanned // share + _LEAST_SPARE
        by_index = first > 0 and uses_vector_index(layout, request)
        self._apart = scanned > _APART * request.k
        # all that the index found is ordered by similarity; ClickHouse 23 takes no parameter in a
        # window
        self._beyond = fill("no_item" if by_index else "beyond_candidates")
        terms = [
            term_of(number, target, layout, model.bits // 8, by_index=by_index)
            for number, target in enumerate(targets, start=1)
        ]
        held = list(conditions.sql)
        if least is not None and len(terms) == 1 and not by_index:
            held.append(fill("similar_enough", similarity=terms[0].similarity))
        self._read = Candidates(
            request,
            terms,
            model.items_table,
            held,
            fill("is_a_query" if excluded else "no_item"),
            layout,
            by_index,
        )
        self._cells = near_cells(request, targets, model.hash_settings.cells, scanned)
        self._parameters: dict[str, Any] = {
            "k": request.k,
            "offset": request.offset,
            "candidates": scanned * len(targets) if by_index else first,
            "reach": reach,
            "scanned": scanned,
            "fetched": self._fetched,
            "left_out": len(excluded),
            "excluded": excluded,
            "max_distance": request.max_distance,
            "least": least,
            **conditions.parameters,
        }
        if cells := self._cells:
            self._parameters["probed"] = cells.probed
            for number, count in enumerate(cells.probes, start=1):
                self._parameters[f"probes_{number}"] = count
        for term in self._read.terms:
            self._parameters.update(term.parameters)

    @property
    def _takes_turns(self) -> bool:
        return self._request.combine is Combine.BALANCED and len(self._targets) > 1

    def whole(self, form: Form) -> Statement:
        """Return the statement that tells everything at once."""
        if self._takes_turns:
            return self._balanced(form)
        if form.apart and self._is_short:
            return self._with_parameters(self._read.of_apart(form, form.apart))
        return self._search(form)

    def build(self) -> Statement:
        described, balanced, form = not self._apart, self._takes_turns, self.whole
        ranking = form(Form(described))
        if self._cells is not None:
            checked = form(Form(described, apart=self._cells, checked=True))
            statement = form(Form(described=True, apart=self._cells))
            steps = Steps(ranking, self._apart, checked)
            return replace(statement, steps=steps, in_cells=True)
        in_one = not balanced and not self._read.by_index
        one_scan = form(Form(described, one_scan=True)) if in_one else None
        steps = Steps(ranking, self._apart, one_scan, self._fetched)
        if is_resident(self._layout, self._request, self._targets):
            found = form(Form(described, apart=ResidentHashes(self._read.table)))
            wanted = self._scanned * (len(self._targets) if balanced else 1)
            steps = replace(steps, resident=ResidentSearch(found, wanted))
        return replace(form(Form(described=True)), steps=steps)

    def _search(self, form: Form) -> Statement:
        score = score_of(self._request, len(self._targets), self._beyond)
        sql = fill(
            "search",
            score=score.score,
            query=score.query,
            query_by_distance=score.by_distance,
            first_columns=form.first_columns,
            more=form.more(self._read.table),
            bounds=form.bounds,
            apart=fill("excluded_apart") + " " if self._excludes else "",
            frame=" " + fill("in_full") if form.one_scan else "",
            kept=fill("not_excluded" if self._excludes else "every_item"),
            candidates=indent(self._read.of_all(form), " " * 8).lstrip(),
        )
        return self._with_parameters(sql)

    def _balanced(self, form: Form) -> Statement:
        sql = fill(
            "search_balanced",
            first_columns=form.first_columns,
            more=form.more(self._read.table),
            beyond=self._beyond,
            order=order_of(self._request),
            candidates=indent(self._read.of_each(form), " " * 12).lstrip(),
        )
        return self._with_parameters(sql)

    def _with_parameters(self, sql: str) -> Statement:
        used = {one: given for one, given in self._parameters.items() if f"{{{one}:" in sql}
        return Statement(sql, used)


def candidates_of(request: Request, targets: Sequence[Target], model: CatalogModel) -> int:
    """Return how many candidates cosine orders: as asked, else what the neediest query needs."""
    if request.candidates is not None:
        return request.candidates
    return max(model.hash_settings.candidates(one.kind) * _more(one) for one in targets)


def _more(target: Target) -> int:
    """Return how many times the candidates of its kind a query needs."""
    if target.subtracts_words:
        return _OF_WORDS
    return _OF_PICTURES if target.parts and target.kind == "image" else 1

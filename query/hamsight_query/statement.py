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
from hamsight_query.among import among_cells, among_resident, measured
from hamsight_query.filters import Conditions
from hamsight_query.form import Form
from hamsight_query.near_cells import near_cells
from hamsight_query.request import Combine, Kind, Rank, Request
from hamsight_query.resident import ranks_resident
from hamsight_query.steps import Statement, Steps
from hamsight_query.target import Target
from hamsight_query.term import Term, term_of
from hamsight_query.vector_index import candidates_by_index, uses_vector_index

LONGEST = 128 * 1024
"""Bytes of the longest statement that ClickHouse takes over HTTP as a form."""
_APART = 4
"""From so many candidates for each item of the answer, columns are fetched in a second step."""
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
) -> Statement:
    """Return the statement that answers the request, of items that hold its conditions.

    `layout` says where the catalog's tables are. Raises UsageError for too many queries.
    """
    statement = _Builder(request, targets, model, conditions, layout).build()
    length = len(statement.sql.encode())
    if length > LONGEST:
        raise UsageError(
            f"{len(targets)} queries make a statement of {length} bytes, but ClickHouse takes"
            f" {LONGEST}: ask some {len(targets) * LONGEST // length} at a time"
        )
    return statement


class _Builder:
    def __init__(
        self,
        request: Request,
        targets: Sequence[Target],
        model: CatalogModel,
        conditions: Conditions,
        layout: Layout,
    ) -> None:
        self._request, self._targets, self._table = request, targets, model.items_table
        self._layout = layout
        first = 0 if request.rank is Rank.HAMMING else _candidates_of(request, targets, model)
        reach = max(first, request.k + request.offset)
        excluded = [target.identity for target in targets if target.identity]
        if request.exclude_self is False:
            excluded = []
        scanned = reach + len(excluded)
        share = _SPARE_OF_PLANES if all(target.planes for target in targets) else _SPARE
        self._fetched = scanned + scanned // share + _LEAST_SPARE
        self._ranks_by_cosine = first > 0
        self._by_index = first > 0 and uses_vector_index(layout, request)
        self._apart = scanned > _APART * request.k
        self._parameters: dict[str, Any] = {
            "k": request.k,
            "offset": request.offset,
            "candidates": scanned * len(targets) if self._by_index else first,
            "reach": reach,
            "scanned": scanned,
            "fetched": self._fetched,
            "left_out": len(excluded),
            "excluded": excluded,
            **conditions.parameters,
        }
        # all that the index found is ordered by similarity; ClickHouse 23 takes no parameter in a
        # window
        self._beyond = fill("no_item" if self._by_index else "beyond_candidates")
        self._excluded = fill("is_a_query" if excluded else "no_item")
        self._conditions = conditions.sql
        self._cells = near_cells(request, targets, model.hash_settings.cells, scanned)
        if self._cells:
            self._parameters["probed"] = self._cells.probed
            for number, count in enumerate(self._cells.probes, start=1):
                self._parameters[f"probes_{number}"] = count
        self._terms = [
            term_of(number, target, layout, model.bits // 8, by_index=self._by_index)
            for number, target in enumerate(targets, start=1)
        ]
        for term in self._terms:
            self._parameters.update(term.parameters)

    def build(self) -> Statement:
        balanced = self._request.combine is Combine.BALANCED and len(self._targets) > 1
        form = self._balanced if balanced else self._search
        ranking = form(Form(described=not self._apart))
        described = not self._apart
        by_hash_alone = len(self._targets) == 1 and not self._ranks_by_cosine
        if self._cells is not None and by_hash_alone:
            near = Form(described=True, in_cells=True)
            exact = form(Form(described=True))
            quick, tied = self._nearest(near, quick=True), self._nearest(near)
            steps = Steps(exact, self._request.k, near=quick, tied=tied)
            return replace(tied, steps=steps, in_cells=True)
        if self._cells is not None:
            checked = form(Form(described, in_cells=True, checked=True))
            statement = form(Form(described=True, in_cells=True))
            steps = Steps(ranking, self._request.k, self._apart, checked)
            return replace(statement, steps=steps, in_cells=True)
        in_one = not balanced and not self._by_index
        one_scan = form(Form(described, one_scan=True)) if in_one else None
        steps = Steps(ranking, self._request.k, self._apart, one_scan, self._fetched)
        if ranks_resident(self._request, self._targets, self._layout):
            held = Form(described, resident=True)
            found = self._nearest(held, quick=True) if by_hash_alone else form(held)
            wanted = self._parameters["scanned"] * (len(self._targets) if balanced else 1)
            steps = replace(steps, resident=found, wanted=wanted)
        statement = form(Form(described=True))
        return replace(statement, steps=steps)

    def _search(self, form: Form) -> Statement:
        score, query, query_by_distance = self._score()
        at_once = form.one_scan and self._request.where is not None
        sql = fill(
            "search",
            score=score,
            query=query,
            query_by_distance=query_by_distance,
            first_columns=form.first_columns,
            more=form.more,
            bounds=form.bounds,
            apart=fill("excluded_apart") + " " if self._parameters["excluded"] else "",
            frame=" " + fill("in_full") if form.one_scan else "",
            kept=fill("not_excluded" if self._parameters["excluded"] else "every_item"),
            candidates=indent(self._candidates_of_all(form), " " * 8).lstrip(),
            settings=self._layout.settings_of("read_at_once") if at_once else "",
        )
        return self._with_parameters(sql)

    def _balanced(self, form: Form) -> Statement:
        sql = fill(
            "search_balanced",
            first_columns=form.first_columns,
            more=form.more,
            beyond=self._beyond,
            order=self._order(),
            candidates=indent(self._candidates_of_each(form), " " * 12).lstrip(),
        )
        return self._with_parameters(sql)

    def _with_parameters(self, sql: str) -> Statement:
        used = {one: given for one, given in self._parameters.items() if f"{{{one}:" in sql}
        return Statement(sql, used)

    def _candidates_of_all(self, form: Form) -> str:
        """Return the candidates by distance to the nearest query, or the farthest (`all`)."""
        every = self._request.combine is Combine.ALL
        counting = "greatest_of" if every and not self._request.dissimilar else "least_of"
        within = "greatest_of" if every else "least_of"
        return self._candidates(
            form,
            self._terms,
            _one_of(counting, [term.ordered for term in self._terms]),
            _one_of(within, [term.named for term in self._terms]),
        )

    def _candidates_of_each(self, form: Form) -> str:
        """Return the candidates of every query for itself."""
        selects = []
        for term in self._terms:
            candidates = self._candidates(form, [term], term.ordered, term.named)
            select = fill(
                "candidates_of_query",
                number=term.number,
                candidates=indent(candidates, " " * 4).lstrip(),
            )
            selects.append(select)
        return f"\n{fill('or_also')}\n".join(selects)

    def _candidates(self, form: Form, terms: Sequence[Term], counting: str, within: str) -> str:
        """Return candidates in the order of `counting`, cut off by the distance `within`."""
        nearness = self._nearness(counting)
        held = self._held(within)
        if form.looks_up:
            held = [self._among(form, terms, nearness, held)]
        parts = {
            "table": self._table,
            "columns": form.columns,
            "excluded": self._excluded,
            "similarities": _listed([term.similarity for term in terms], 4),
            "distances": _listed([term.distance for term in terms], 4),
            "order": _listed([term.order for term in terms], 4),
            "nearness": nearness,
        }
        conditions = f" {fill('and_also')} ".join(held) or fill("every_item")
        if self._by_index:
            numbers = [term.number for term in terms]
            return candidates_by_index(numbers, self._layout, condition=conditions, **parts)
        if form.looks_up:
            ties, limit = f", {fill('identity')}", "scanned"
        elif form.one_scan:
            ties, limit = "", "fetched"
        else:
            return fill("candidates", conditions=conditions, **parts)
        one_scan = {"conditions": conditions, "ties": ties, "limit": limit}
        return fill("candidates_in_one_scan", **one_scan, **parts)

    def _nearest(self, form: Form, *, quick: bool = False) -> Statement:
        """Return what ranks by the hash of one query, among hashes apart from the items table.

        A `quick` one brings settings, and all that was looked up, for with a limit ClickHouse reads
        what describes items in a pass of its own: unless rows before a page would be read for
        nothing, or each shard is to cut its own. One of cells then tells whether ties are missing.
        """
        paged = not quick or self._request.offset > 0 or bool(self._layout.cluster)
        tied = paged or not form.in_cells
        term = self._terms[0]
        nearness = self._nearness(term.ordered)
        sql = fill(
            "nearest_among",
            measured=measured([term]),
            nearness=nearness,
            first_columns=form.first_columns,
            similarity=indent(term.similarity, " " * 4).lstrip(),
            more=form.more,
            farther="" if tied else f",\n    {fill('farther', nearness=nearness)}",
            table=self._table,
            conditions=self._among(form, [term], nearness, self._held(term.named), tied),
            kept=f" {fill('and_not_a_query')}" if self._parameters["excluded"] else "",
            page=f"\n{fill('page')}" if paged else "",
            settings=self._layout.settings_of("looks_up") if quick else "",
        )
        return self._with_parameters(sql)

    def _among(
        self,
        form: Form,
        terms: Sequence[Term],
        nearness: str,
        held: Sequence[str],
        tied: bool = True,
    ) -> str:
        """Return the condition that an item is near by what stands of it apart from its table.

        `held` are the search's other conditions; one that is answered from cells has none.
        """
        if form.in_cells and self._cells is not None:
            return among_cells(terms, nearness, tied, self._cells, self._layout)
        return among_resident(terms, nearness, self._table, held)

    def _nearness(self, counting: str) -> str:
        return fill("reversed", value=counting) if self._request.dissimilar else counting

    def _held(self, within: str) -> list[str]:
        """Return the conditions that items meet, with the cut-off of the distance `within`."""
        if self._request.max_distance is None:
            return list(self._conditions)
        self._parameters["max_distance"] = self._request.max_distance
        return [*self._conditions, fill("distance_within", distance=within)]

    def _score(self) -> tuple[str, str, str]:
        """Return the score that orders candidates, the query answered, and that by distance."""
        request, single = self._request, len(self._targets) == 1
        if request.combine is Combine.ALL and not single:
            score = fill("score_by_worst_rank", similarity_ranks=_listed(self._ranks(), 4))
            by_distance = "least_distant_query" if request.dissimilar else "most_distant_query"
            return score, fill("ranked_query"), fill(by_distance)
        cut_off = request.max_distance is not None and not single
        similarities = fill("similarities_within" if cut_off else "all_similarities")
        score_name = "score_by_dissimilarity" if request.dissimilar else "score_by_similarity"
        score = fill(score_name, similarities=similarities)
        if single:
            return score, fill("only_query"), fill("only_query")
        query = fill("most_similar_query", similarities=similarities)
        return score, query, fill("least_distant_query")

    def _ranks(self) -> list[str]:
        return [
            fill("similarity_rank", beyond=self._beyond, number=number, order=self._order())
            for number in range(1, len(self._targets) + 1)
        ]

    def _order(self) -> str:
        return fill("ascending" if self._request.dissimilar else "descending")


def _candidates_of(request: Request, targets: Sequence[Target], model: CatalogModel) -> int:
    """Return how many candidates cosine orders: as asked, else what the neediest query needs."""
    if request.candidates is not None:
        return request.candidates
    kinds = {"words" if target.query.kind is Kind.TEXT else "image" for target in targets}
    return max(model.hash_settings.candidates(kind) for kind in kinds)


def _one_of(choice: str, names: Sequence[str]) -> str:
    """Return the least or greatest of the values of those names.

    Two at a time: of more at once ClickHouse takes three times as long as to compute them.
    """
    left = list(names)
    while len(left) > 1:
        pairs = [left[n : n + 2] for n in range(0, len(left), 2)]
        left = [fill(choice, values=", ".join(pair)) if pair[1:] else pair[0] for pair in pairs]
    return left[0]


def _listed(values: Sequence[str], depth: int) -> str:
    """Return values as a list of SQL, a line each where there are several."""
    if len(values) == 1:
        return indent(values[0], " " * depth).lstrip()
    listed = ",\n".join(indent(value, " " * (depth + 4)) for value in values)
    return f"\n{listed}\n{' ' * depth}"

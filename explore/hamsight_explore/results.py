"""Answers that the page goes through: items in their order, kept on the server as numbers."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.paging import as_json
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UnknownItemError, UsageError
from hamsight_core.items import Identity
from hamsight_curate.selection import Condition
from hamsight_explore.directory import Directory
from hamsight_explore.last_kept import LastKept
from hamsight_explore.queried import Queried
from hamsight_explore.ranking import fused, ranking, total_of
from hamsight_explore.uploads import Uploads
from hamsight_explore.view import View
from hamsight_explore.view_condition import condition_of
from hamsight_explore.view_result import Result, Spread, spread_of
from hamsight_query.filters import Conditions, check_names, order_of_items
from hamsight_query.request import Request
from hamsight_query.steps import Statement, ranked_items

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIRST = 1000
"""So many items of a search are ranked at once; the others when someone goes there."""
_KEPT = 24


class Results:
    """The last answers by key, and how a view is answered."""

    def __init__(self, directory: Directory, uploads: Uploads) -> None:
        self._directory, self._queried = directory, Queried(uploads)
        self._kept: LastKept[str, Result] = LastKept(_KEPT)

    def get(self, key: str) -> Result:
        """Return the answer of a key. Raises UnknownItemError where it is not kept any more."""
        found = self._kept.get(key)
        if found is None:
            raise UnknownItemError("this answer is not kept any more: ask again")
        return found

    @staticmethod
    def model(catalog: Catalog, name: str | None) -> CatalogModel:
        """Return the model of a name, which is no folder, or else the first. Raises UsageError."""
        models = catalog.models() if name is None else []
        return models[0] if models else catalog.model(name, folders=False)

    def ask(self, catalog: Catalog, view: View) -> Result:
        """Answer a view and keep the answer. Raises what a search raises."""
        started = time.monotonic()
        name = view.models[0] if view.models else view.model
        models = catalog.models() if name is None else []
        model = models[0] if models else self.model(catalog, name)
        if models[1:]:
            view = replace(view, model=model.name)
        condition = condition_of(catalog, model, view)
        answer = self._searched if view.queries else self._browsed
        result = answer(catalog, view, model, condition)
        result.milliseconds = (time.monotonic() - started) * 1000
        self._kept.put(result.key, result)
        return result

    def list(
        self, catalog: Catalog, view: View, identities: Sequence[Identity], sql: str, started: float
    ) -> Result:
        """Keep items that are listed, in their order, as an answer."""
        model = self.model(catalog, view.model)
        numbers, _ = self._directory.of_identities(catalog, view_of(model.items_table), identities)
        hashes = as_json([int(one) for one in self._directory.hashes(numbers)])
        condition = Condition(fill("is_selected"), {"selected": hashes})
        result = self._made(catalog, view, model, condition, Statement(sql), numbers)
        result.command = shlex.join(["hamsight", "sql", sql, "--db", catalog.location])
        result.sql = sql
        result.milliseconds = (time.monotonic() - started) * 1000
        self._kept.put(result.key, result)
        return result

    def reach(self, catalog: Catalog, result: Result, end: int) -> None:
        """See that an answer has its items up to a place, or all where it has fewer."""
        with result.lock:
            if end > len(result.numbers) and result.asked is not None:
                self._rank_all(catalog, result)

    def spread(self, catalog: Catalog, result: Result) -> Spread:
        """Return the similarities of all items that a search ranks. Raises UsageError."""
        if result.similarities is None:
            raise UsageError("only a search has similarities: search by words or by a picture")
        with result.lock:
            if result.asked is not None:
                self._rank_all(catalog, result)
            if result.spread is None:
                result.spread = spread_of(result.similarities)
            return result.spread

    def _rank_all(self, catalog: Catalog, result: Result) -> None:
        import numpy as np

        assert result.asked is not None
        request, targets, scales = result.asked
        items = max(1, len(self._directory), result.total)
        whole = replace(request, k=items, min_similarity=None, sort=None)
        view = result.view
        statement = ranking(catalog, result.model, view, whole, targets, scales).statement
        found = ranked_items(catalog, statement, result.model.items_table)
        table = view_of(result.model.items_table)
        numbers, known = self._directory.numbers(catalog, table, found["item"].to_numpy())
        similarities = found["similarity"].to_numpy()[known]
        result.spread = spread_of(similarities)
        kept: Any = slice(None)
        if request.min_similarity is not None:
            kept = similarities >= request.min_similarity
        result.numbers = numbers[kept]
        result.similarities = similarities[kept].astype(np.float32)
        result.distances = found["distance"].to_numpy()[known][kept].astype(np.uint32)
        result.total = len(result.numbers)
        result.asked = None

    def _browsed(
        self, catalog: Catalog, view: View, model: CatalogModel, condition: Condition
    ) -> Result:
        table = view_of(model.items_table)
        order = self._order(catalog, model, view)
        if view.sort is None:
            sql = fill("browsed", table=table, condition=condition.sql)
            found = catalog.arrow(sql, condition.parameters)["item"].to_numpy()
            numbers, _ = self._directory.numbers(catalog, table, found)
            numbers = self._directory.sorted(numbers)
        else:
            numbers = self._in_order(catalog, model, condition, order)
        sql = fill("browsed_by_analyst", table=table, condition=condition.sql, order=order.sql[0])
        shown = Statement(sql, {**condition.parameters, **order.parameters})
        return self._made(catalog, view, model, condition, shown, numbers)

    @staticmethod
    def _order(catalog: Catalog, model: CatalogModel, view: View) -> Conditions:
        """Return the order of a view's items, by identity where it has none."""
        request = Request(where="true", sort=view.sort)
        order = order_of_items(catalog, model, request)
        if view.sort is not None:
            check_names(catalog, model, request, order)
        return order

    def _in_order(
        self, catalog: Catalog, model: CatalogModel, condition: Condition, order: Conditions
    ) -> NDArray[np.uint32]:
        table = view_of(model.items_table)
        sql = fill("browsed_in_order", table=table, condition=condition.sql, order=order.sql[0])
        found = catalog.arrow(sql, {**condition.parameters, **order.parameters})
        return self._directory.numbers(catalog, table, found["item"].to_numpy())[0]

    def _searched(
        self, catalog: Catalog, view: View, model: CatalogModel, condition: Condition
    ) -> Result:
        import numpy as np

        targets, notes = self._queried.targets(catalog, model, view)
        queries = list(dict.fromkeys(target.query for target in targets))
        request = view.request(queries, FIRST, model.name)
        if request.models:
            request = replace(request, k=FIRST * len(request.models))
            each = [self.model(catalog, name) for name in request.models]
            of_each = [self._queried.targets(catalog, one, view)[0] for one in each]
            prepared = fused(catalog, each, view, request, of_each)
        else:
            prepared = ranking(catalog, model, view, request, targets)
        table = view_of(model.items_table)
        if request.models or request.min_similarity is None:
            found = ranked_items(catalog, prepared.statement, model.items_table)
            numbers, known = self._directory.numbers(catalog, table, found["item"].to_numpy())
            result = self._made(catalog, view, model, condition, prepared.statement, numbers)
            result.similarities = found["similarity"].to_numpy()[known].astype(np.float32)
            result.distances = found["distance"].to_numpy()[known].astype(np.uint32)
            if len(numbers) == FIRST and not request.models:
                result.asked = request, targets, prepared.scales
                total = total_of(catalog, model, prepared.conditions, targets)
                result.total = max(len(numbers), total)
        else:
            nothing = np.empty(0, np.uint32)
            result = self._made(catalog, view, model, condition, prepared.statement, nothing)
            result.asked = request, targets, prepared.scales
            self._rank_all(catalog, result)
            if view.sort is not None:
                self._sort(catalog, result)
        result.notes = notes
        stored = {one.query.given: one.identity for one in targets if one.identity}
        if stored:
            numbers, there = self._directory.of_identities(catalog, table, list(stored.values()))
            names = [name for name, known in zip(stored, there, strict=True) if known]
            result.queried = dict(zip(names, numbers.tolist(), strict=True))
        return result

    def _sort(self, catalog: Catalog, result: Result) -> None:
        """Put the items that a search found into the order of its view."""
        import numpy as np

        assert result.similarities is not None and result.distances is not None
        order = self._order(catalog, result.model, result.view)
        every = self._in_order(catalog, result.model, result.condition, order)
        places = np.full(len(self._directory), -1, np.int64)
        places[result.numbers] = np.arange(len(result.numbers))
        found = places[every]
        found = found[found >= 0]
        result.numbers = result.numbers[found]
        result.similarities = result.similarities[found]
        result.distances = result.distances[found]

    def _made(
        self,
        catalog: Catalog,
        view: View,
        model: CatalogModel,
        condition: Condition,
        statement: Statement,
        numbers: NDArray[np.uint32],
    ) -> Result:
        names = self._queried.names(view)
        return Result(
            key=secrets.token_urlsafe(9),
            view=view,
            model=model,
            condition=condition,
            total=len(numbers),
            numbers=numbers,
            sql=statement.script(),
            command=view.command(catalog.location, names),
            milliseconds=0.0,
        )

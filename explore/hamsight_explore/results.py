"""Answers that the page goes through: items in their order, kept on the server as numbers."""

from __future__ import annotations

import secrets
import shlex
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.paging import as_json
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UnknownItemError
from hamsight_curate.change import count
from hamsight_curate.selection import Condition, Selection, conditions
from hamsight_explore.directory import Directory, Identity
from hamsight_explore.uploads import Uploads
from hamsight_explore.view import UPLOAD, View
from hamsight_query.request import Kind, Query, Request
from hamsight_query.search import prepare_targets
from hamsight_query.steps import Statement
from hamsight_query.target import Target, hashed, resolve

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FIRST = 1000
"""So many items of a search are ranked at once; the others when someone goes there."""
_KEPT = 24
_TARGETS = 200


@dataclass(slots=True)
class Result:
    """The answer to a view.

    `numbers` (n,) uint32 are the items in their order; of a search, the first of `total`, with
    `similarities` (n,) float32 and `distances` (n,) uint32 in bits. `sql` is for an analyst.
    `asked` is what ranks all items, where only the first are ranked.
    """

    key: str
    view: View
    model: CatalogModel
    condition: Condition
    total: int
    numbers: NDArray[np.uint32]
    sql: str
    command: str
    milliseconds: float
    similarities: NDArray[np.float32] | None = None
    distances: NDArray[np.uint32] | None = None
    asked: tuple[Request, Sequence[Target]] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def as_json(self) -> dict[str, Any]:
        """Return what the page shows of the answer."""
        return {
            "result": self.key,
            "model": self.model.name,
            "total": self.total,
            "ranked": self.is_search,
            "sql": self.sql,
            "command": self.command,
            "where": self.view.expression(),
            "milliseconds": round(self.milliseconds, 1),
        }

    @property
    def is_search(self) -> bool:
        """Whether queries rank the items."""
        return self.similarities is not None


class Results:
    """The last answers by key, and how a view is answered."""

    def __init__(self, directory: Directory, uploads: Uploads) -> None:
        self._directory, self._uploads = directory, uploads
        self._kept: OrderedDict[str, Result] = OrderedDict()
        self._targets: OrderedDict[tuple[str, str], Target] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Result:
        """Return the answer of a key. Raises UnknownItemError where it is not kept any more."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                raise UnknownItemError("this answer is not kept any more: ask again")
            self._kept.move_to_end(key)
            return found

    def ask(self, catalog: Catalog, view: View) -> Result:
        """Answer a view and keep the answer. Raises what a search raises."""
        started = time.monotonic()
        model = catalog.model(view.model)
        condition = condition_of(catalog, model, view)
        result = (self._searched if view.queries else self._browsed)(
            catalog, view, model, condition
        )
        result.milliseconds = (time.monotonic() - started) * 1000
        self._keep(result)
        return result

    def _keep(self, result: Result) -> None:
        with self._lock:
            self._kept[result.key] = result
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def list(
        self, catalog: Catalog, view: View, identities: Sequence[Identity], sql: str, started: float
    ) -> Result:
        """Keep items that are listed, in their order, as an answer."""
        model = catalog.model(view.model)
        numbers, _ = self._directory.of_identities(catalog, view_of(model.items_table), identities)
        hashes = as_json([int(one) for one in self._directory.hashes(numbers)])
        condition = Condition(fill("is_selected"), {"selected": hashes})
        statement = Statement(sql)
        result = self._made(catalog, view, model, condition, statement, numbers)
        result.command = shlex.join(["hamsight", "sql", sql, "--db", catalog.location])
        result.sql = sql
        result.milliseconds = (time.monotonic() - started) * 1000
        self._keep(result)
        return result

    def reach(self, catalog: Catalog, result: Result, end: int) -> None:
        """See that an answer has its items up to a place, or all where it has fewer."""
        with result.lock:
            if end <= len(result.numbers) or result.asked is None:
                return
            request, targets = result.asked
            whole = replace(request, k=max(1, result.total))
            statement = prepare_targets(catalog, result.model, whole, targets).statement
            sql = fill("ranked_whole", statement=statement.sql)
            found = catalog.arrow(sql, statement.parameters)
            self._rank(catalog, result, found)
            result.asked = None

    def _browsed(
        self, catalog: Catalog, view: View, model: CatalogModel, condition: Condition
    ) -> Result:
        table = view_of(model.items_table)
        direction = fill("descending" if view.descending else "ascending")
        by_identity = view.sort in (None, "id")
        if by_identity:
            sql = fill("browsed", table=table, condition=condition.sql)
        else:
            sql = fill(
                "browsed_in_order",
                table=table,
                condition=condition.sql,
                column=view.sort,
                direction=direction,
            )
        found = catalog.arrow(sql, condition.parameters)["item"].to_numpy()
        numbers, _ = self._directory.numbers(catalog, table, found)
        key = fill("identity").split(", ")
        if by_identity:
            numbers = self._directory.sorted(numbers)
            numbers = numbers[::-1] if view.descending else numbers
            order = [f"{name} {direction}" for name in key] if view.descending else key
        else:
            order = [f"{view.sort} {direction}", *key]
        shown = Statement(
            fill(
                "browsed_by_analyst",
                table=table,
                condition=condition.sql,
                order=", ".join(order),
            ),
            condition.parameters,
        )
        return self._made(catalog, view, model, condition, shown, numbers)

    def _searched(
        self, catalog: Catalog, view: View, model: CatalogModel, condition: Condition
    ) -> Result:
        import numpy as np

        targets = [self._target(catalog, model, view, one.kind, one.given) for one in view.queries]
        request = Request(
            tuple(target.query for target in targets),
            k=FIRST,
            combine=view.combine,
            where=view.expression(),
            model=model.name,
        )
        prepared = prepare_targets(catalog, model, request, targets)
        matches = prepared.answer(catalog).to_arrow()
        columns = [matches[name].to_pylist() for name in ("dataset", "subset", "id")]
        identities = list(zip(*columns, strict=True))
        numbers, known = self._directory.of_identities(
            catalog, view_of(model.items_table), identities
        )
        result = self._made(catalog, view, model, condition, prepared.statement, numbers)
        result.total = max(len(numbers), self._total(catalog, model, condition, targets))
        result.similarities = matches["similarity"].to_numpy()[known].astype(np.float32)
        result.distances = matches["distance"].to_numpy()[known].astype(np.uint32)
        if len(numbers) < FIRST:
            result.total = len(numbers)
        else:
            result.asked = request, targets
        return result

    @staticmethod
    def _total(
        catalog: Catalog, model: CatalogModel, condition: Condition, targets: Sequence[Target]
    ) -> int:
        """Return how many items a search ranks: the items that are queries are left out."""
        excluded = [target.identity for target in targets if target.identity]
        if excluded:
            sql = fill("without_queries", condition=condition.sql)
            condition = Condition(sql, {**condition.parameters, "excluded": excluded})
        return count(catalog, [view_of(model.items_table)], condition)

    def _rank(self, catalog: Catalog, result: Result, found: pa.Table) -> None:
        import numpy as np

        table = view_of(result.model.items_table)
        hashes = found["item"].to_numpy()
        result.numbers, known = self._directory.numbers(catalog, table, hashes)
        result.similarities = found["similarity"].to_numpy()[known].astype(np.float32)
        result.distances = found["distance"].to_numpy()[known].astype(np.uint32)
        result.total = len(result.numbers)

    def _made(
        self,
        catalog: Catalog,
        view: View,
        model: CatalogModel,
        condition: Condition,
        statement: Statement,
        numbers: NDArray[np.uint32],
    ) -> Result:
        names = [self._uploads.get(one.given).name for one in view.queries if one.kind == UPLOAD]
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

    def _target(
        self, catalog: Catalog, model: CatalogModel, view: View, kind: str, given: str
    ) -> Target:
        """Return what a query of a view is to the model; words are encoded once."""
        if kind == UPLOAD:
            return self._upload(catalog, model, given)
        query = Query(Kind(kind), given)
        if query.kind is not Kind.TEXT:
            return resolve(catalog, model, Request((query,), model=model.name))[0]
        key = (f"{model.name} {model.digest} {model.hash_parameters}", given)
        with self._lock:
            known = self._targets.get(key)
        if known is None:
            known = resolve(catalog, model, Request((query,), model=model.name))[0]
            with self._lock:
                self._targets[key] = known
                while len(self._targets) > _TARGETS:
                    self._targets.popitem(last=False)
        return known

    def _upload(self, catalog: Catalog, model: CatalogModel, key: str) -> Target:
        import numpy as np

        from hamsight_core.images.decode import decode
        from hamsight_core.models.encoder import encode_pixels

        upload = self._uploads.get(key)
        if model.digest not in upload.features:
            image = catalog.package(model).image
            pixels = image.preprocess(decode(upload.data, least=image.preprocess.least).image)
            features = encode_pixels(catalog.package(model), np.stack([pixels]))
            upload.features[model.digest] = features[0].tolist()
        query = Query(Kind.IMAGE, upload.name)
        target = Target(query, "", upload.features[model.digest], sha256=upload.sha256)
        return hashed(target, hash_of(catalog, model))


def condition_of(
    catalog: Catalog, model: CatalogModel, view: View, without: str | None = None
) -> Condition:
    """Return the condition that a view's filters make. Raises ExpressionError."""
    where = view.expression(without)
    if where is None:
        return Condition(fill("every_item"))
    return conditions(catalog, [view_of(model.items_table)], Selection(where=where))[0]

"""The part of the HTTP API that is of classifiers, which the last pages began."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from hamsight_analyze.classifier import Classifier, Order, begin
from hamsight_analyze.items import Scope
from hamsight_core.errors import UnknownItemError, UsageError
from hamsight_explore.explorer import Explorer
from hamsight_explore.given import Given
from hamsight_explore.last_kept import LastKept
from hamsight_explore.web import Answers, json_answer

if TYPE_CHECKING:
    from starlette.responses import Response

ORDERS = tuple(order.value for order in Order)
_KEPT = 16
_MOST = 200


class ClassifierApi:
    """The answers of one server that are of classifiers."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self._kept: LastKept[str, Classifier] = LastKept(_KEPT)
        self.read: Answers = {"/api/classifier": self.ranked}
        self.write: Answers = {
            "/api/classifier": self.begin,
            "/api/classifier/mark": self.mark,
            "/api/classifier/save": self.save,
        }

    def begin(self, given: Given) -> Response:
        """Begin a classifier from words, from what a page has selected as right, or from both."""
        words, name = given.text_or_none("words"), given.text_or_none("model")
        where, page = given.text_or_none("where"), given.text_or_none("page")
        given.finish()
        selected = () if page is None else self._explorer.selections.of(page).numbers()
        if words is None and not len(selected):
            raise UsageError("say in words what to look for, or select pictures that are right")
        if len(selected) > _MOST:
            raise UsageError(f"{len(selected)} pictures are selected: begin from {_MOST} at most")
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            model = self._explorer.results.model(catalog, name).name
            made = begin(catalog, words, Scope(where=where, model=model))
            if len(selected):
                made.mark(catalog, right=self._explorer.directory.identities(selected))
        key = secrets.token_urlsafe(9)
        self._kept.put(key, made)
        return json_answer({"classifier": key, "model": model, **_counts(made)})

    def mark(self, given: Given) -> Response:
        """Mark items right or wrong, or neither."""
        asked = self._of(given)
        marks = {name: given.wholes(name, most=1000) for name in ("right", "wrong", "neither")}
        given.finish()
        directory = self._explorer.directory
        if any(number >= len(directory) for numbers in marks.values() for number in numbers):
            raise UnknownItemError("one of the items is not known: ask again")
        items = {name: directory.identities(numbers) for name, numbers in marks.items()}
        with self._explorer.pool.lent() as session:
            asked.mark(session.catalog(), **items)
        return json_answer(_counts(asked))

    def ranked(self, given: Given) -> Response:
        """Return the first rows of a list, and those of the marked items."""
        asked, order = self._of(given), Order(given.choice("order", ORDERS, Order.LIKELY.value))
        count = given.whole("count", 48, most=_MOST)
        given.finish()
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            matches = asked.matches(catalog, order, k=max(1, count)).to_arrow()
            columns = [matches[name].to_pylist() for name in ("dataset", "subset", "id")]
            model = catalog.model(asked.model.name)
            rows_of = partial(self._explorer.windows.rows_of, catalog, model)
            rows = rows_of(list(zip(*columns, strict=True)))
            for row, similarity in zip(rows, matches["similarity"].to_pylist(), strict=True):
                if row is not None:
                    row["similarity"] = round(similarity, 4)
            right, wrong = rows_of(asked.right[-_MOST:]), rows_of(asked.wrong[-_MOST:])
        lists = {"rows": rows, "right": right, "wrong": wrong}
        found = {name: [row for row in some if row] for name, some in lists.items()}
        border = asked.learned().border
        return json_answer({**found, "border": None if border is None else round(border, 4)})

    def save(self, given: Given) -> Response:
        """Keep the ranking as a saved query."""
        asked, name, replace = self._of(given), given.text("name"), given.flag("replace")
        given.finish()
        with self._explorer.pool.lent() as session:
            asked.save(session.catalog(), name, replace=replace)
        return json_answer({"name": name})

    def _of(self, given: Given) -> Classifier:
        found = self._kept.get(given.text("classifier"))
        if found is None:
            raise UnknownItemError("this classifier is not kept any more: begin again")
        return found


def _counts(asked: Classifier) -> dict[str, Any]:
    return {"words": asked.words, "right": len(asked.right), "wrong": len(asked.wrong)}

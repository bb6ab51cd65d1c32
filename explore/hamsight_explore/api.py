"""The HTTP API that the page uses: what each path answers. `openapi.json` describes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING

from hamsight_core.errors import HamsightError, UsageError
from hamsight_explore import asked_sql, saved_views
from hamsight_explore.analyzing_api import AnalysesApi
from hamsight_explore.classifier_api import ClassifierApi
from hamsight_explore.events import told
from hamsight_explore.explorer import Explorer
from hamsight_explore.given import Given
from hamsight_explore.map_api import MapApi
from hamsight_explore.openapi import document
from hamsight_explore.pictures_api import PicturesApi
from hamsight_explore.query_api import QueryApi
from hamsight_explore.selection_api import SelectionApi
from hamsight_explore.view import FIELDS, View
from hamsight_explore.view_condition import condition_of
from hamsight_explore.web import asked, json_answer, sent, uploaded, watched
from hamsight_explore.windows import MOST_ROWS, facet, marked

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import Route


class Api:
    """The answers of one server. Each method takes what was given and returns a response."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = self._its = explorer

    def health(self, given: Given) -> Response:
        """Say that the server runs."""
        given.finish()
        return json_answer({"status": "ok"})

    def openapi(self, given: Given) -> Response:
        """Return the OpenAPI document."""
        given.finish()
        return json_answer(document(version("hamsight")))

    def catalog(self, given: Given) -> Response:
        """Return models, datasets and counts."""
        given.finish()
        return json_answer(self._its.describe())

    def search(self, given: Given) -> Response:
        """Answer a view: total, SQL, command, and the key of the result."""
        view = View.of(given)
        with self._its.pool.lent() as session:
            catalog = session.catalog()
            result = self._its.results.ask(catalog, view)
            rows = self._its.windows.rows(catalog, result.model, list(result.queried.values()))
        queried = {name: row for name, row in zip(result.queried, rows, strict=True) if row}
        return json_answer({**result.as_json(), "queried": queried})

    def sql(self, given: Given, mark: str) -> Response:
        """Answer a statement that reads: its rows, or, as a view, the items that they name.

        `mark` is a comment that the statement gets, by which `end` ends it.
        """
        statement, as_view = given.text("statement"), given.flag("view")
        view = View(model=given.text_or_none("model"))
        given.finish()
        started = time.monotonic()
        with self._its.statements.one(), self._its.pool.lent() as session:
            catalog = session.catalog()
            answer = asked_sql.ask(catalog, statement, mark)
            if not as_view:
                return json_answer(asked_sql.as_json(answer, started))
            if not asked_sql.names_items(answer):
                raise UsageError("the answer has no columns dataset, subset and id to show")
            items = asked_sql.identities(answer)
            result = self._its.results.list(catalog, view, items, statement, started)
        return json_answer({**result.as_json(), "queried": {}})

    def end(self, mark: str) -> None:
        """End a statement that nobody waits for."""
        with self._its.pool.lent() as session, suppress(HamsightError):  # its time ends else
            session.catalog().run("end_statement", {"mark": mark})

    def saved(self, given: Given) -> Response:
        """Return the saved queries."""
        given.finish()
        with self._its.pool.lent() as session:
            return json_answer({"saved": saved_views.listed(session)})

    def save(self, given: Given) -> Response:
        """Keep the search of a view under a name."""
        name, replace = given.text("name"), given.flag("replace")
        asked = given.object("view")
        given.finish()
        view = View.of(asked) if asked else View()
        with self._its.pool.lent() as session:
            saved_views.save(session, name, view, replace=replace)
        return json_answer({"name": name})

    def rows(self, given: Given) -> Response:
        """Return the rows of a window of a result."""
        result = self._its.results.get(given.text("result"))
        start, wanted = given.whole("from", 0), given.whole("count", 100, most=MOST_ROWS)
        selection = self._its.selections.of(given.text("page", ""))
        given.finish()
        with self._its.pool.lent() as session:
            self._its.results.reach(session.catalog(), result, min(start + wanted, result.total))
            numbers = result.numbers[start : start + wanted].tolist()
            rows = self._its.windows.rows(session.catalog(), result.model, numbers)
        marked(rows, selection)
        for place, row in enumerate(rows, start):
            if row is not None and result.similarities is not None:
                row["similarity"] = round(float(result.similarities[place]), 4)
            if row is not None and result.distances is not None:
                row["distance"] = int(result.distances[place])
        answer = {"from": start, "total": result.total, "selected": selection.count, "rows": rows}
        return json_answer(answer)

    def histogram(self, given: Given) -> Response:
        """Return how many items of a search have which similarity."""
        result = self._its.results.get(given.text("result"))
        given.finish()
        with self._its.pool.lent() as session:
            found = self._its.results.spread(session.catalog(), result)
        return json_answer(asdict(found))

    def facets(self, given: Given) -> Response:
        """Return the values of one field within a result, with counts."""
        result = self._its.results.get(given.text("result"))
        field = given.choice("field", FIELDS)
        contains, limit = str(given.text_or_none("contains") or ""), given.whole("limit", 30)
        selection = self._its.selections.of(given.text("page", ""))
        given.finish()
        hashes = self._its.directory.hashes(selection.numbers()) if selection.count else None
        with self._its.pool.lent() as session:
            catalog = session.catalog()
            condition = result.condition
            if any(one.field == field for one in result.view.filters):
                condition = condition_of(catalog, result.model, result.view, without=field)
            found = facet(
                catalog, result.model, condition, field, contains, min(limit, 1000), hashes
            )
        return json_answer(found)

    def item(self, given: Given) -> Response:
        """Return all that the catalog says of one item."""
        number = given.whole("number")
        model = given.text_or_none("model")
        given.finish()
        with self._its.pool.lent() as session:
            catalog = session.catalog()
            chosen = self._its.results.model(catalog, model)
            self._its.windows.place(catalog, chosen, number)
            row = self._its.windows.rows(catalog, chosen, [number], whole=True)[0]
        return json_answer(row)

    def undo(self, given: Given) -> Response:
        """Undo the last change of this server's pages."""
        given.finish()
        with self._its.pool.lent() as session:
            label = self._its.actions.undo(session)
        version, following = self._its.actions.version, self._its.actions.last
        return json_answer({"undone": label, "version": version, "undo": following})

    def jobs(self, given: Given) -> Response:
        """Return the jobs, the last first, and the version of the catalog's items."""
        given.finish()
        return json_answer(self._its.working())

    def events(self, given: Given) -> Response:
        """Tell what the jobs do, as server-sent events, until none runs."""
        given.finish()
        return told(self._its)

    def cancel(self, given: Given) -> Response:
        """Tell a job to end."""
        job = self._its.jobs.cancel(given.whole("job"))
        given.finish()
        return json_answer(job.as_json())


def routes(api: Api) -> list[Route]:
    """Return the routes of the API."""
    from starlette.routing import Route

    read: Mapping[str, Callable[[Given], Response]] = {
        "/api/health": api.health,
        "/api/openapi.json": api.openapi,
        "/api/catalog": api.catalog,
        "/api/rows": api.rows,
        "/api/facets": api.facets,
        "/api/histogram": api.histogram,
        "/api/item": api.item,
        "/api/saved": api.saved,
        "/api/jobs": api.jobs,
        "/api/events": api.events,
    }
    write: Mapping[str, Callable[[Given], Response]] = {
        "/api/search": api.search,
        "/api/saved": api.save,
        "/api/undo": api.undo,
        "/api/cancel": api.cancel,
    }
    its = api.explorer
    pictures = PicturesApi(its)
    others = (SelectionApi, AnalysesApi, MapApi, ClassifierApi, QueryApi)
    for more in (pictures, *(one(its) for one in others)):
        read, write = {**read, **more.read}, {**write, **more.write}
    return [
        *(Route(path, asked(answer), methods=["GET"]) for path, answer in read.items()),
        *(Route(path, sent(answer), methods=["POST"]) for path, answer in write.items()),
        Route("/api/sql", watched(api.sql, api.end), methods=["POST"]),
        Route("/api/uploads", uploaded(pictures.upload), methods=["POST"]),
    ]

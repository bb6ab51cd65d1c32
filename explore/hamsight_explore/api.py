"""The HTTP API that the page uses: what each path answers. `openapi.json` describes it."""

from __future__ import annotations

import time
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
from hamsight_explore.web import Answers, asked, json_answer, sent, uploaded, watched
from hamsight_explore.windows import MOST_ROWS, facet, marked

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import Route


class Api:
    """The answers of one server. Each method takes what was given and returns a response."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self.read: Answers = {
            "/api/health": self.health,
            "/api/openapi.json": self.openapi,
            "/api/catalog": self.catalog,
            "/api/rows": self.rows,
            "/api/facets": self.facets,
            "/api/histogram": self.histogram,
            "/api/item": self.item,
            "/api/place": self.place,
            "/api/saved": self.saved,
            "/api/jobs": self.jobs,
            "/api/events": self.events,
        }
        self.write: Answers = {
            "/api/search": self.search,
            "/api/saved": self.save,
            "/api/undo": self.undo,
            "/api/cancel": self.cancel,
        }

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
        return json_answer(self._explorer.describe())

    def search(self, given: Given) -> Response:
        """Answer a view: total, SQL, command, and the key of the result."""
        view = View.of(given)
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            result = self._explorer.results.ask(catalog, view)
            rows = self._explorer.windows.rows(catalog, result.model, list(result.queried.values()))
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
        with self._explorer.statements.one(), self._explorer.pool.lent() as session:
            catalog = session.catalog()
            answer = asked_sql.ask(catalog, statement, mark)
            if not as_view:
                return json_answer(asked_sql.as_json(answer, started))
            if not asked_sql.names_items(answer):
                raise UsageError("the answer has no columns dataset, subset and id to show")
            items = asked_sql.identities(answer)
            result = self._explorer.results.list(catalog, view, items, statement, started)
        return json_answer({**result.as_json(), "queried": {}})

    def end(self, mark: str) -> None:
        """End a statement that nobody waits for."""
        with self._explorer.pool.lent() as session, suppress(HamsightError):  # its time ends else
            session.catalog().run("end_statement", {"mark": mark})

    def saved(self, given: Given) -> Response:
        """Return the saved queries."""
        given.finish()
        with self._explorer.pool.lent() as session:
            return json_answer({"saved": saved_views.listed(session)})

    def save(self, given: Given) -> Response:
        """Keep the search of a view under a name."""
        name, replace = given.text("name"), given.flag("replace")
        asked = given.object("view")
        given.finish()
        view = View.of(asked) if asked else View()
        with self._explorer.pool.lent() as session:
            saved_views.save(session, name, view, replace=replace)
        return json_answer({"name": name})

    def rows(self, given: Given) -> Response:
        """Return the rows of a window of a result."""
        result = self._explorer.results.get(given.text("result"))
        start, wanted = given.whole("from", 0), given.whole("count", 100, most=MOST_ROWS)
        selection = self._explorer.selections.of(given.text("page", ""))
        given.finish()
        with self._explorer.pool.lent() as session:
            self._explorer.results.reach(
                session.catalog(), result, min(start + wanted, result.total)
            )
            numbers = result.numbers[start : start + wanted].tolist()
            rows = self._explorer.windows.rows(session.catalog(), result.model, numbers)
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
        result = self._explorer.results.get(given.text("result"))
        given.finish()
        with self._explorer.pool.lent() as session:
            found = self._explorer.results.spread(session.catalog(), result)
        return json_answer(asdict(found))

    def facets(self, given: Given) -> Response:
        """Return the values of one field within a result, with counts."""
        result = self._explorer.results.get(given.text("result"))
        field = given.choice("field", FIELDS)
        contains, limit = str(given.text_or_none("contains") or ""), given.whole("limit", 30)
        selection = self._explorer.selections.of(given.text("page", ""))
        given.finish()
        hashes = self._explorer.directory.hashes(selection.numbers()) if selection.count else None
        with self._explorer.pool.lent() as session:
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
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            chosen = self._explorer.results.model(catalog, model)
            self._explorer.windows.place(catalog, chosen, number)
            row = self._explorer.windows.rows(catalog, chosen, [number], whole=True)[0]
        return json_answer(row)

    def place(self, given: Given) -> Response:
        """Return the place of an item in a result, of a search among the items ranked by now."""
        import numpy as np

        result, number = self._explorer.results.get(given.text("result")), given.whole("number")
        given.finish()
        places = np.flatnonzero(result.numbers == number)
        return json_answer({"place": int(places[0]) if len(places) else None})

    def undo(self, given: Given) -> Response:
        """Undo the last change of this server's pages."""
        given.finish()
        with self._explorer.pool.lent() as session:
            label = self._explorer.actions.undo(session)
        version, following = self._explorer.actions.version, self._explorer.actions.last
        return json_answer({"undone": label, "version": version, "undo": following})

    def jobs(self, given: Given) -> Response:
        """Return the jobs, the last first, and the version of the catalog's items."""
        given.finish()
        return json_answer(self._explorer.working())

    def events(self, given: Given) -> Response:
        """Tell what the jobs do, as server-sent events, until none runs."""
        given.finish()
        return told(self._explorer)

    def cancel(self, given: Given) -> Response:
        """Tell a job to end."""
        job = self._explorer.jobs.cancel(given.whole("job"))
        given.finish()
        return json_answer(job.as_json())


def routes(explorer: Explorer) -> list[Route]:
    """Return the routes of the API."""
    from starlette.routing import Route

    api, pictures = Api(explorer), PicturesApi(explorer)
    others = (SelectionApi, AnalysesApi, MapApi, ClassifierApi, QueryApi)
    parts = (api, pictures, *(part(explorer) for part in others))
    read = [one for part in parts for one in part.read.items()]
    write = [one for part in parts for one in part.write.items()]
    return [
        *(Route(path, asked(answer), methods=["GET"]) for path, answer in read),
        *(Route(path, sent(answer), methods=["POST"]) for path, answer in write),
        Route("/api/sql", watched(api.sql, api.end), methods=["POST"]),
        Route("/api/uploads", uploaded(pictures.upload), methods=["POST"]),
    ]

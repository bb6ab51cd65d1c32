"""The HTTP API that the page uses: what each path answers. `openapi.json` describes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from hamsight_core.errors import HamsightError, ImageError, UsageError
from hamsight_curate.export.choices import Images
from hamsight_curate.export.exporter import exporters
from hamsight_explore import asked_sql, saved_views
from hamsight_explore.analyzing_api import AnalysesApi
from hamsight_explore.classifier_api import ClassifierApi
from hamsight_explore.events import told
from hamsight_explore.explorer import Explorer
from hamsight_explore.given import Given
from hamsight_explore.jobs import Job
from hamsight_explore.map_api import MapApi
from hamsight_explore.openapi import document
from hamsight_explore.query_api import QueryApi
from hamsight_explore.results import condition_of
from hamsight_explore.thumbnails import SIZES, as_jpeg, placeholder
from hamsight_explore.view import FIELDS, View
from hamsight_explore.web import asked, bytes_answer, json_answer, sent, uploaded, watched
from hamsight_explore.windows import MOST_ROWS, facet, marked

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import Route

_LASTING = "private, max-age=31536000, immutable"
_SHOWABLE = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
_OPERATIONS = ("set", "add", "remove", "toggle", "none")
_ACTIONS = ("group", "ungroup", "status", "attribute", "delete", "export")


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

    def thumb(self, given: Given) -> Response:
        """Return an item's thumbnail as JPEG, or an SVG that says why there is none."""
        number, size = given.whole("number"), given.whole("size", 256)
        model = given.text_or_none("model")
        given.text("version", "")
        given.finish()
        if size not in SIZES:
            raise UsageError(f"'size' is {size}; expected {', '.join(map(str, SIZES))}")
        uri, sha256 = self._place(number, model)
        try:
            made = self._its.thumbnails.get(uri, sha256, size)
        except ImageError as error:
            return bytes_answer(placeholder(str(error)), "image/svg+xml", "no-store")
        return bytes_answer(made, "image/jpeg", _LASTING)

    def picture(self, given: Given) -> Response:
        """Return an item's picture: its file, or a JPEG where no browser shows that type."""
        from hamsight_core.images.decode import decode
        from hamsight_core.images.image_types import open_image
        from hamsight_core.images.places import fetch

        number = given.whole("number")
        model = given.text_or_none("model")
        given.text("version", "")
        given.finish()
        uri, _ = self._place(number, model)
        try:
            data = fetch(uri)
            name, _ = open_image(_stream(data))
            if name in _SHOWABLE:
                return bytes_answer(data, _SHOWABLE[name], _LASTING)
            image = decode(data).image
        except ImageError as error:
            return bytes_answer(placeholder(str(error)), "image/svg+xml", "no-store")
        return bytes_answer(as_jpeg(image, max(image.size)), "image/jpeg", _LASTING)

    def upload(self, data: bytes, name: str) -> Response:
        """Keep a picture to search by."""
        key, kept = self._its.uploads.add(data, name)
        return json_answer(
            {"upload": key, "name": kept.name, "width": kept.width, "height": kept.height}
        )

    def uploaded(self, given: Given) -> Response:
        """Return a small JPEG of a picture that was sent."""
        kept = self._its.uploads.get(given.text("key"))
        given.finish()
        return bytes_answer(kept.small, "image/jpeg", _LASTING)

    def selection(self, given: Given) -> Response:
        """Change what a page has selected; return how many items it has now."""
        import numpy as np

        selection = self._its.selections.of(given.text("page"))
        operation = given.choice("operation", _OPERATIONS)
        key = given.text_or_none("result")
        start, stop = given.whole("from", 0), given.whole("to", 2**32 - 1)
        items = given.wholes("items")
        given.finish()
        if operation in ("set", "none"):
            selection.clear()
        numbers = np.array(items, np.uint32)
        numbers = numbers[numbers < len(self._its.directory)]
        if key is not None:
            result = self._its.results.get(key)
            with self._its.pool.lent() as session:
                self._its.results.reach(session.catalog(), result, min(stop, result.total))
            numbers = result.numbers[start:stop]
        if operation == "toggle":
            selection.toggle(numbers)
        elif operation != "none":
            selection.put(numbers, selected=operation != "remove")
        return json_answer({"selected": selection.count})

    def selected(self, given: Given) -> Response:
        """Return how many items a page has selected, and rows of the first of them."""
        selection = self._its.selections.of(given.text("page"))
        model = given.text_or_none("model")
        limit = given.whole("limit", 12, most=100)
        given.finish()
        with self._its.pool.lent() as session:
            catalog = session.catalog()
            first = self._its.directory.sorted(selection.numbers())[:limit].tolist()
            rows = (
                self._its.windows.rows(catalog, self._its.results.model(catalog, model), first)
                if first
                else []
            )
        return json_answer({"selected": selection.count, "rows": [row for row in rows if row]})

    def actions(self, given: Given) -> Response:
        """Change the selected items, or those named; or export them, as a job."""
        action = given.choice("action", _ACTIONS)
        selection = self._its.selections.of(given.text("page"))
        numbers = self._its.chosen(selection, given.wholes("items"))
        if not len(numbers):
            raise UsageError("no item is selected: select some first")
        if action == "export":
            return self._export(given, numbers)
        made = self._its.actions
        name = given.text("name", "") if action != "delete" else ""
        value = given.text_or_none("value")
        confirmed = given.whole("confirmed", 0)
        given.finish()
        if action == "delete" and confirmed != len(numbers):
            raise UsageError(f"deleting {len(numbers)} items must be confirmed by that number")
        with self._its.pool.lent() as session:
            if action in ("group", "ungroup"):
                done = made.group(session, name, numbers, add=action == "group")
            elif action == "status":
                done = made.status(session, name, numbers)
            elif action == "attribute":
                done = made.attribute(session, name, value, numbers)
            else:
                done = made.delete(session, numbers)
                self._its.selections.let_go(numbers)
        return json_answer({**asdict(done), "version": made.version})

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

    def _place(self, number: int, model: str | None) -> tuple[str, str]:
        """Return where an item's picture is, and its SHA-256."""
        known = self._its.windows.known(number)
        if known is not None:
            return known
        with self._its.pool.lent() as session:
            catalog = session.catalog()
            model_asked = self._its.results.model(catalog, model)
            return self._its.windows.place(catalog, model_asked, number)

    def _export(self, given: Given, numbers: Any) -> Response:
        target = given.text("target").strip()
        to = given.choice("to", exporters())
        images = given.text_or_none("images")
        given.finish()
        if not target:
            raise UsageError("say where to: name a new folder, for tables a new file")
        identities = self._its.directory.identities(numbers)

        def work(job: Job) -> str:
            with self._its.pool.own() as session:
                done = session.export(
                    target,
                    to,
                    identities,
                    images=_images(images),
                    on_progress=lambda done: job.step(done, len(identities)),
                )
            left = f", {done.missing_count} left out" if done.missing_count else ""
            return f"{done.items} items in {target} ({to}){left}"

        job = self._its.jobs.start(f"export {len(identities)} items to {to}", work, "export")
        return json_answer(job.as_json(), 202)


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
        "/api/thumb": api.thumb,
        "/api/picture": api.picture,
        "/api/uploaded": api.uploaded,
        "/api/selected": api.selected,
        "/api/saved": api.saved,
        "/api/jobs": api.jobs,
        "/api/events": api.events,
    }
    write: Mapping[str, Callable[[Given], Response]] = {
        "/api/search": api.search,
        "/api/saved": api.save,
        "/api/selection": api.selection,
        "/api/actions": api.actions,
        "/api/undo": api.undo,
        "/api/cancel": api.cancel,
    }
    its = api.explorer
    for more in (AnalysesApi(its), MapApi(its), ClassifierApi(its)):
        read, write = {**read, **more.read}, {**write, **more.write}
    write = {**write, **QueryApi(its).write}
    return [
        *(Route(path, asked(answer), methods=["GET"]) for path, answer in read.items()),
        *(Route(path, sent(answer), methods=["POST"]) for path, answer in write.items()),
        Route("/api/sql", watched(api.sql, api.end), methods=["POST"]),
        Route("/api/uploads", uploaded(api.upload), methods=["POST"]),
    ]


def _stream(data: bytes) -> Any:
    import io

    return io.BytesIO(data)


def _images(name: str | None) -> str | None:
    return None if name is None else Images(name).value

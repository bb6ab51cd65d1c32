"""The HTTP API that the page uses: what each path answers. `openapi.json` describes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from hamsight_core.errors import ExpressionError, HamsightError, ImageError, UsageError
from hamsight_curate.export.choices import Images
from hamsight_curate.export.exporter import exporters
from hamsight_explore.explorer import Explorer
from hamsight_explore.given import Given, of_query
from hamsight_explore.jobs import Job
from hamsight_explore.results import condition_of
from hamsight_explore.thumbnails import SIZES, as_jpeg, placeholder
from hamsight_explore.uploads import MAX_BYTES
from hamsight_explore.view import FIELDS, View
from hamsight_explore.windows import MOST_ROWS, facet, marked

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

_MOST_BODY = 4 * 1024 * 1024
_LASTING = "private, max-age=31536000, immutable"
_SHOWABLE = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
_OPERATIONS = ("set", "add", "remove", "toggle", "none")
_ACTIONS = ("group", "ungroup", "status", "attribute", "delete", "export")

Answer = Callable[["Api", Given], "Response"]


class Api:
    """The answers of one server. Each method takes what was given and returns a response."""

    def __init__(self, explorer: Explorer) -> None:
        self._its = explorer

    def health(self, given: Given) -> Response:
        """Say that the server runs."""
        given.finish()
        return _json({"status": "ok"})

    def catalog(self, given: Given) -> Response:
        """Return models, datasets and counts."""
        given.finish()
        return _json(self._its.describe())

    def search(self, given: Given) -> Response:
        """Answer a view: total, SQL, command, and the key of the result."""
        view = View.of(given)
        with self._its.pool.lent() as session:
            result = self._its.results.ask(session.catalog(), view)
        return _json(
            {
                "result": result.key,
                "model": result.model.name,
                "total": result.total,
                "ranked": result.is_search,
                "sql": result.sql,
                "command": result.command,
                "where": view.expression(),
                "milliseconds": round(result.milliseconds, 1),
            }
        )

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
        return _json(answer)

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
            condition = condition_of(catalog, result.model, result.view, without=field)
            found = facet(
                catalog, result.model, condition, field, contains, min(limit, 1000), hashes
            )
        return _json(found)

    def item(self, given: Given) -> Response:
        """Return all that the catalog says of one item."""
        number = given.whole("number")
        model = given.text_or_none("model")
        given.finish()
        with self._its.pool.lent() as session:
            catalog = session.catalog()
            chosen = catalog.model(model)
            self._its.windows.place(catalog, chosen, number)
            row = self._its.windows.rows(catalog, chosen, [number], whole=True)[0]
        return _json(row)

    def thumb(self, given: Given) -> Response:
        """Return an item's thumbnail as JPEG, or an SVG that says why there is none."""
        number, size = given.whole("number"), given.whole("size", 256)
        model = given.text_or_none("model")
        given.text("version", "")
        given.finish()
        if size not in SIZES:
            raise UsageError(f"'size' is {size}; expected {', '.join(map(str, SIZES))}")
        with self._its.pool.lent() as session:
            catalog = session.catalog()
            uri, sha256 = self._its.windows.place(catalog, catalog.model(model), number)
        try:
            made = self._its.thumbnails.get(uri, sha256, size)
        except ImageError as error:
            return _bytes(placeholder(str(error)), "image/svg+xml", "no-store")
        return _bytes(made, "image/jpeg", _LASTING)

    def picture(self, given: Given) -> Response:
        """Return an item's picture: its file, or a JPEG where no browser shows that type."""
        from hamsight_core.images.decode import decode
        from hamsight_core.images.image_types import open_image
        from hamsight_core.images.places import fetch

        number = given.whole("number")
        model = given.text_or_none("model")
        given.text("version", "")
        given.finish()
        with self._its.pool.lent() as session:
            catalog = session.catalog()
            uri, _ = self._its.windows.place(catalog, catalog.model(model), number)
        try:
            data = fetch(uri)
            name, _ = open_image(_stream(data))
            if name in _SHOWABLE:
                return _bytes(data, _SHOWABLE[name], _LASTING)
            image = decode(data).image
        except ImageError as error:
            return _bytes(placeholder(str(error)), "image/svg+xml", "no-store")
        return _bytes(as_jpeg(image, max(image.size)), "image/jpeg", _LASTING)

    def upload(self, data: bytes, name: str) -> Response:
        """Keep a picture to search by."""
        key, kept = self._its.uploads.add(data, name)
        return _json({"upload": key, "name": kept.name, "width": kept.width, "height": kept.height})

    def uploaded(self, given: Given) -> Response:
        """Return a small JPEG of a picture that was sent."""
        kept = self._its.uploads.get(given.text("key"))
        given.finish()
        return _bytes(kept.small, "image/jpeg", _LASTING)

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
        return _json({"selected": selection.count})

    def selected(self, given: Given) -> Response:
        """Return how many items a page has selected, and rows of the first of them."""
        selection = self._its.selections.of(given.text("page"))
        model = given.text_or_none("model")
        limit = given.whole("limit", 12, most=100)
        given.finish()
        with self._its.pool.lent() as session:
            catalog = session.catalog()
            first = self._its.directory.sorted(selection.numbers())[:limit].tolist()
            rows = self._its.windows.rows(catalog, catalog.model(model), first) if first else []
        return _json({"selected": selection.count, "rows": [row for row in rows if row]})

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
        return _json({**asdict(done), "version": made.version})

    def undo(self, given: Given) -> Response:
        """Undo the last change of this server's pages."""
        given.finish()
        with self._its.pool.lent() as session:
            label = self._its.actions.undo(session)
        version, following = self._its.actions.version, self._its.actions.last
        return _json({"undone": label, "version": version, "undo": following})

    def jobs(self, given: Given) -> Response:
        """Return the jobs, the last first, and the version of the catalog's items."""
        given.finish()
        return _json({"jobs": self._its.jobs.all(), "version": self._its.actions.version})

    def cancel(self, given: Given) -> Response:
        """Tell a job to end."""
        job = self._its.jobs.cancel(given.whole("job"))
        given.finish()
        return _json(job.as_json())

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
                done = session.export(target, to, identities, images=_images(images))
            job.done = job.total = done.items
            left = f", {done.missing_count} left out" if done.missing_count else ""
            return f"{done.items} items in {target} ({to}){left}"

        job = self._its.jobs.start(f"export {len(identities)} items to {to}", work)
        return _json(job.as_json(), 202)


def routes(api: Api) -> list[Route]:
    """Return the routes of the API."""
    from starlette.routing import Route

    read: Mapping[str, Callable[[Given], Response]] = {
        "/api/health": api.health,
        "/api/catalog": api.catalog,
        "/api/rows": api.rows,
        "/api/facets": api.facets,
        "/api/item": api.item,
        "/api/thumb": api.thumb,
        "/api/picture": api.picture,
        "/api/uploaded": api.uploaded,
        "/api/selected": api.selected,
        "/api/jobs": api.jobs,
    }
    write: Mapping[str, Callable[[Given], Response]] = {
        "/api/search": api.search,
        "/api/selection": api.selection,
        "/api/actions": api.actions,
        "/api/undo": api.undo,
        "/api/cancel": api.cancel,
    }
    return [
        *(Route(path, _asked(answer), methods=["GET"]) for path, answer in read.items()),
        *(Route(path, _sent(answer), methods=["POST"]) for path, answer in write.items()),
        Route("/api/uploads", _uploaded(api), methods=["POST"]),
    ]


def _asked(answer: Callable[[Given], Response]) -> Callable[[Request], Any]:
    async def respond(request: Request) -> Response:
        return await _answered(lambda: answer(of_query(request.query_params)))

    return respond


def _sent(answer: Callable[[Given], Response]) -> Callable[[Request], Any]:
    async def respond(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _error(415, "the request is not JSON", "send application/json")
        body = await _body(request, _MOST_BODY)
        if body is None:
            return _error(413, "the request is too large", f"send at most {_MOST_BODY} bytes")
        try:
            members = json.loads(body)
        except (ValueError, RecursionError):
            return _error(400, "the request is not JSON", "send a JSON object")
        return await _answered(lambda: answer(Given(members)))

    return respond


def _uploaded(api: Api) -> Callable[[Request], Any]:
    async def respond(request: Request) -> Response:
        name = unquote(request.headers.get("x-file-name", ""))[:200] or "picture"
        body = await _body(request, MAX_BYTES)
        if body is None:
            return _error(413, "the picture is too large", f"send at most {MAX_BYTES >> 20} MB")
        return await _answered(lambda: api.upload(body, name))

    return respond


async def _body(request: Request, most: int) -> bytes | None:
    """Return the body of a request, None where it has more bytes than it may."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > most:
        return None
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


async def _answered(answer: Callable[[], Response]) -> Response:
    """Return what a function answers in a thread of its own; its errors become answers."""
    from starlette.concurrency import run_in_threadpool

    try:
        return await run_in_threadpool(answer)
    except ExpressionError as error:
        first = str(error).partition("\n")[0]
        extra = {"column": error.column, "expression": error.expression}
        return _json({"error": first, "hint": "", **extra}, 400)
    except UsageError as error:
        return _error(400, str(error))
    except HamsightError as error:
        return _error(422 if isinstance(error, ImageError) else 409, str(error))


async def refused(_: Request, error: Exception) -> Response:
    """Answer a request of a path that is not there, or that takes another method."""
    status = getattr(error, "status_code", 404)
    return _error(status, "there is nothing here" if status == 404 else "not by that method")


async def failed(_: Request, error: Exception) -> Response:
    """Answer a request that met a fault of the server's own."""
    return _error(500, f"the server failed: {type(error).__name__}: {error}", "please report it")


def _error(status: int, message: str, hint: str = "") -> Response:
    return _json({"error": message, "hint": hint}, status)


def _json(content: Any, status: int = 200) -> Response:
    from starlette.responses import Response

    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    headers = {"cache-control": "no-store"}
    body = text.encode("utf-8", "replace")
    return Response(body, status, headers, media_type="application/json")


def _bytes(content: bytes, kind: str, caching: str) -> Response:
    from starlette.responses import Response

    return Response(content, headers={"cache-control": caching}, media_type=kind)


def _stream(data: bytes) -> Any:
    import io

    return io.BytesIO(data)


def _images(name: str | None) -> str | None:
    return None if name is None else Images(name).value

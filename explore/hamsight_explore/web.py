"""Requests of the page and answers to them: bodies within limits, errors in one form."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote

from hamsight_core.errors import ExpressionError, HamsightError, ImageError, UsageError
from hamsight_explore.given import Given, of_query
from hamsight_explore.uploads import MAX_BYTES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

Answers: TypeAlias = "Mapping[str, Callable[[Given], Response]]"
"""What answers requests, by their path."""
LASTING = "private, max-age=31536000, immutable"
"""The Cache-Control of what never changes at its address."""
_MOST_BODY = 4 * 1024 * 1024
_LOOK = 0.5


def asked(answer: Callable[[Given], Response]) -> Callable[[Request], Any]:
    """Return what answers a GET: its parameters are given."""

    async def respond(request: Request) -> Response:
        return await _answered(lambda: answer(of_query(request.query_params)))

    return respond


def sent(answer: Callable[[Given], Response]) -> Callable[[Request], Any]:
    """Return what answers a POST of a JSON object, whose members are given."""

    async def respond(request: Request) -> Response:
        members = await _members(request)
        if isinstance(members, _Refused):
            return _error(*members.said)
        return await _answered(lambda: answer(Given(members)))

    return respond


def watched(
    answer: Callable[[Given, str], Response], end: Callable[[str], None]
) -> Callable[[Request], Any]:
    """Return what answers a POST as `sent` does, and ends the answer where nobody waits for it.

    Both functions get a mark of the request; `end` is called while `answer` is under way.
    """

    async def respond(request: Request) -> Response:
        members = await _members(request)
        if isinstance(members, _Refused):
            return _error(*members.said)
        mark = f"/* page {uuid.uuid4()} */"
        task = asyncio.create_task(_answered(lambda: answer(Given(members), mark)))
        while not task.done():
            await asyncio.wait([task], timeout=_LOOK)
            if not task.done() and await request.is_disconnected():
                await asyncio.to_thread(end, mark)
        return task.result()

    return respond


@dataclass(frozen=True, slots=True)
class _Refused:
    """The status, the error and the hint for a body that cannot be taken."""

    said: tuple[int, str, str]


async def _members(request: Request) -> Any:
    """Return the JSON of a request's body, or why it is not taken."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return _Refused((415, "the request is not JSON", "send application/json"))
    body = await _body(request, _MOST_BODY)
    if body is None:
        return _Refused((413, "the request is too large", f"send at most {_MOST_BODY} bytes"))
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _Refused((400, "the request is not JSON", "send a JSON object"))


def uploaded(answer: Callable[[bytes, str], Response]) -> Callable[[Request], Any]:
    """Return what answers a POST of a picture: its bytes and name are given."""

    async def respond(request: Request) -> Response:
        name = unquote(request.headers.get("x-file-name", ""))[:200] or "picture"
        body = await _body(request, MAX_BYTES)
        if body is None:
            return _error(413, "the picture is too large", f"send at most {MAX_BYTES >> 20} MB")
        return await _answered(lambda: answer(body, name))

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
        return json_answer({"error": first, "hint": "", **extra}, 400)
    except UsageError as error:
        return _error(400, str(error))
    except HamsightError as error:
        return _error(422 if isinstance(error, ImageError) else 409, str(error))


async def refused(_: Request, error: Exception) -> Response:
    """Answer a request of a path that is not there, or that takes another method."""
    status = getattr(error, "status_code", 404)
    answer = _error(status, "there is nothing here" if status == 404 else "not by that method")
    answer.headers.update(getattr(error, "headers", None) or {})  # Allow: the methods there are
    return answer


async def failed(_: Request, error: Exception) -> Response:
    """Answer a request that met a fault of the server's own."""
    return _error(500, f"the server failed: {type(error).__name__}: {error}", "please report it")


def _error(status: int, message: str, hint: str = "") -> Response:
    return json_answer({"error": message, "hint": hint}, status)


def json_answer(content: Any, status: int = 200) -> Response:
    """Return an answer in JSON, which no browser keeps."""
    from starlette.responses import Response

    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    headers = {"cache-control": "no-store"}
    body = text.encode("utf-8", "replace")
    return Response(body, status, headers, media_type="application/json")


def bytes_answer(content: bytes, kind: str, caching: str) -> Response:
    """Return an answer of a media type; `caching` is its Cache-Control."""
    from starlette.responses import Response

    return Response(content, headers={"cache-control": caching}, media_type=kind)

"""What stands before every route of the server.

It refuses a Host that is not the server's own (so that no other name can be pointed at it),
requests that another site made, writes of another Origin, and whoever has no cookie; and it sets
the page's content security policy.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlencode

from hamsight_explore.access import Access

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_SAFE = ("GET", "HEAD")
_WRITES_IN_READ_ONLY = (
    *("/api/actions", "/api/undo", "/api/saved", "/api/maps", "/api/classifier/save"),
    *("/api/analyze", "/api/decide"),
)
_TOKEN, _FRAMING = "token", "frame"
_MOST_FORM = 4096
_HINT = (
    "open the address that `hamsight explore` printed; it serves once, and"
    " `hamsight explore --link` prints another"
)


class Guard:
    """Let through what this server's own page asks; answer all else with an error."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        root = self._access.place.root
        if root and scope["path"].startswith(f"{root}/"):  # of a proxy that leaves it there
            scope = {**scope, "path": scope["path"][len(root) :]}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", self._access.policy.encode())
                message["headers"] = [*message.get("headers", []), policy, *_HEADERS]
            await send(message)

        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refused(scope, headers)
        if refused is not None:
            await _refuse(with_headers, headers, *refused)
            return
        token = self._token(scope)
        if token is not None:
            await self._exchange(scope, token, headers, with_headers)
            return
        if scope["path"] == "/log-in" and scope["method"] == "POST" and self._access.has_password:
            await self._log_in(receive, headers, with_headers)
            return
        if not self._access.admits(headers.get(b"cookie", "")):
            await self._turn_away(scope, headers, with_headers)
            return
        if self._access.read_only and self._writes(scope):
            await _refuse(
                with_headers,
                headers,
                403,
                "this page is read-only",
                "start `hamsight explore` without --read-only to change the catalog",
            )
            return
        await self._app(scope, receive, with_headers)

    def _refused(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str, str] | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host = headers.get(b"host", "").lower()
        if len(hosts) != 1 or host not in self._access.place.hosts:
            return 421, "this server does not go by that name", "use the address that was printed"
        origin = headers.get(b"origin")
        named = "" if origin is None else origin.partition("://")[2].lower()
        proxy = self._access.place.base.partition("://")[2].lower()
        foreign = origin is not None and named not in (host, proxy)
        if foreign and (scope["method"] not in _SAFE or origin != "null"):
            return 403, "another site asks", "open the page itself"
        if scope["path"].startswith("/api/"):
            site = headers.get(b"sec-fetch-site", "same-origin")
            if site not in ("same-origin", "none"):
                return 403, "another site asks", "open the page itself"
        return None

    @staticmethod
    def _token(scope: Scope) -> str | None:
        if scope["path"] != "/" or scope["method"] not in _SAFE:
            return None
        query = scope["query_string"].decode("latin-1")
        return next((value for name, value in parse_qsl(query) if name == _TOKEN), None)

    async def _exchange(
        self, scope: Scope, token: str, headers: dict[bytes, str], send: Send
    ) -> None:
        if self._access.is_held_up():
            await _hold_up(send, headers)
            return
        pairs = parse_qsl(scope["query_string"].decode("latin-1"))
        framing = next((value for name, value in pairs if name == _FRAMING), "")
        cookie = self._access.exchange(token, framing)
        if cookie is None:
            await _refuse(
                send,
                headers,
                403,
                "this address has been used",
                "an address serves once: `hamsight explore --link` prints another",
            )
            return
        rest = urlencode([pair for pair in pairs if pair[0] not in (_TOKEN, _FRAMING)])
        await self._let_in(send, cookie, f"?{rest}" if rest else "")

    async def _log_in(self, receive: Receive, headers: dict[bytes, str], send: Send) -> None:
        body, more = b"", True
        while more and len(body) <= _MOST_FORM:
            message = await receive()
            if message["type"] != "http.request":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if self._access.is_held_up():
            await _hold_up(send, headers)
            return
        given = parse_qs(body[:_MOST_FORM].decode("utf-8", "replace"))
        cookie = self._access.log_in(given.get("password", [""])[0])
        if cookie is None:
            await _page(send, 403, self._form("The password is wrong."))
            return
        await self._let_in(send, cookie, "")

    async def _let_in(self, send: Send, cookie: str, query: str) -> None:
        headers = [
            (b"location", f"./{query}".encode()),  # proxies rewrite those that begin with /
            (b"set-cookie", self._access.set_cookie(cookie).encode()),
            (b"cache-control", b"no-store"),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _turn_away(self, scope: Scope, headers: dict[bytes, str], send: Send) -> None:
        """Answer a browser that has no cookie, or sends none as another site's link led here."""
        is_page = scope["path"] == "/" and scope["method"] in _SAFE and _takes_html(headers)
        if is_page and headers.get(b"sec-fetch-site") in ("cross-site", "same-site"):
            await _page(send, 200, '<meta http-equiv="refresh" content="0"><p>One moment …</p>')
        elif is_page and self._access.has_password:
            await _page(send, 401, self._form(""))
        else:
            await _refuse(send, headers, 401, "this browser has not been let in", _HINT)

    def _form(self, fault: str) -> str:
        return (
            '<form method="post" action="./log-in">'
            f'<p role="alert">{escape(fault)}</p><p><label>Password of this page'
            ' <input name="password" type="password" autocomplete="current-password" autofocus'
            " required></label> <button>Open</button></p></form>"
        )

    @staticmethod
    def _writes(scope: Scope) -> bool:
        writes = scope["path"].startswith(_WRITES_IN_READ_ONLY)
        return writes and scope["method"] not in _SAFE


def _takes_html(headers: dict[bytes, str]) -> bool:
    return "text/html" in headers.get(b"accept", "")


async def _hold_up(send: Send, headers: dict[bytes, str]) -> None:
    await _refuse(send, headers, 429, "too many attempts", "wait a minute")


async def _refuse(
    send: Send, headers: dict[bytes, str], status: int, error: str, hint: str
) -> None:
    """Say why a request is refused: as a page to a browser, else as JSON."""
    if _takes_html(headers):
        await _page(send, status, f"<p>{escape(error)}: {escape(hint)}.</p>")
    else:
        await _answer(send, status, {"error": error, "hint": hint})


async def _answer(send: Send, status: int, content: dict[str, str]) -> None:
    await _send(send, status, b"application/json", json.dumps(content).encode())


async def _page(send: Send, status: int, body: str) -> None:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Hamsight</title>'
        '<meta name="color-scheme" content="light dark"></head><body><main><h1>Hamsight</h1>'
        f"{body}</main></body></html>"
    )
    await _send(send, status, b"text/html; charset=utf-8", text.encode())


async def _send(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

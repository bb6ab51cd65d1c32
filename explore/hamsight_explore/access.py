"""Who may use the server: addresses that serve once, the cookie that they give, names of the host.

`Guard` stands before every route. It refuses a Host that is not the server's own (so that no
other name can be pointed at it), requests that another site made, writes of another Origin, and
whoever has no cookie; and it sets the page's content security policy.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; worker-src 'self'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'self'"
)
_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_SAFE = ("GET", "HEAD")
_ADDRESSES = 16
_WRITES_IN_READ_ONLY = (
    "/api/actions",
    "/api/undo",
    "/api/saved",
    "/api/analyze",
    "/api/decide",
)
_TOKEN = "token"  # noqa: S105 - the name of a parameter


class Access:
    """The secrets of one server. `port` is where it listens.

    Who knows `password`, a process of the same user, may ask for a new address.
    """

    def __init__(self, port: int, password: str = "", *, read_only: bool = False) -> None:
        names = ("127.0.0.1", "localhost", "[::1]")
        self.hosts = frozenset(f"{name}:{port}" for name in names)
        self.port, self._password = port, password
        self.cookie = f"hamsight_{port}"
        self.read_only = read_only
        self._secret = secrets.token_urlsafe(32)
        self._addresses: list[str] = []
        self._lock = threading.Lock()

    def mint(self) -> str:
        """Return the token of a new address, which serves once; the last 16 of them are valid."""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._addresses = [*self._addresses, token][-_ADDRESSES:]
        return token

    def link(self, host: str = "127.0.0.1") -> str:
        """Return an address that lets one browser in, once."""
        return f"http://{host}:{self.port}/?token={self.mint()}"

    def knows(self, authorization: str) -> bool:
        """Tell whether an Authorization header has the password."""
        expected = f"Bearer {self._password}".encode()
        return bool(self._password) and hmac.compare_digest(authorization.encode(), expected)

    def exchange(self, token: str) -> str | None:
        """Return the value of the cookie for a token that is valid, which it is no more then."""
        with self._lock:
            for known in self._addresses:
                if hmac.compare_digest(known.encode(), token.encode()):
                    self._addresses.remove(known)
                    return self._secret
        return None

    def admits(self, cookies: str) -> bool:
        """Tell whether a Cookie header holds this server's cookie."""
        try:
            found = SimpleCookie(cookies).get(self.cookie)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(
            found.value.encode(), self._secret.encode()
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

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refused(scope, headers)
        if refused is not None:
            await _refuse(with_headers, *refused)
            return
        if scope["path"] == "/api/link" and scope["method"] == "POST":
            if self._access.knows(headers.get(b"authorization", "")):
                await _answer(with_headers, 200, {"link": self._access.link()})
            else:
                await _refuse(with_headers, 401, "wrong password", "use `hamsight explore --link`")
            return
        token = self._token(scope)
        if token is not None:
            await self._exchange(scope, token, with_headers)
            return
        if not self._access.admits(headers.get(b"cookie", "")):
            await _refuse(
                with_headers,
                401,
                "this browser has not been let in",
                "open the address that `hamsight explore` printed; it serves once, and"
                " `hamsight explore --link` prints another",
            )
            return
        if self._access.read_only and self._writes(scope):
            await _refuse(
                with_headers,
                403,
                "this page is read-only",
                "start `hamsight explore` without --read-only to change the catalog",
            )
            return
        await self._app(scope, receive, with_headers)

    def _refused(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str, str] | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host = headers.get(b"host", "").lower()
        if len(hosts) != 1 or host not in self._access.hosts:
            return 421, "this server does not go by that name", "use the address that was printed"
        origin = headers.get(b"origin")
        foreign = origin is not None and origin.partition("://")[2].lower() != host
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

    async def _exchange(self, scope: Scope, token: str, send: Send) -> None:
        cookie = self._access.exchange(token)
        if cookie is None:
            await _refuse(
                send,
                403,
                "this address has been used",
                "an address serves once: `hamsight explore --link` prints another",
            )
            return
        query = scope["query_string"].decode("latin-1")
        rest = urlencode([pair for pair in parse_qsl(query) if pair[0] != _TOKEN])
        root = scope.get("root_path", "")
        given = f"{self._access.cookie}={cookie}; Path={root or '/'}; HttpOnly; SameSite=Strict"
        location = f"{root}/?{rest}" if rest else f"{root}/"
        headers = [
            (b"location", location.encode()),
            (b"set-cookie", given.encode()),
            (b"cache-control", b"no-store"),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    @staticmethod
    def _writes(scope: Scope) -> bool:
        writes = scope["path"].startswith(_WRITES_IN_READ_ONLY)
        return writes and scope["method"] not in _SAFE


async def _refuse(send: Send, status: int, error: str, hint: str) -> None:
    await _answer(send, status, {"error": error, "hint": hint})


async def _answer(send: Send, status: int, content: dict[str, str]) -> None:
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""Who may use the server: addresses that serve once, a password, and the cookie that they give."""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from collections import deque
from http.cookies import CookieError, SimpleCookie

from hamsight_explore.options import Options

_ADDRESSES = 16
_FAILURES, _SECONDS = 10, 60.0
_LOOPBACK_ORIGIN = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; worker-src 'self'; frame-ancestors {}; base-uri 'none';"
    " form-action 'self'"
)


class Access:
    """The secrets of one server. `port` is where it listens.

    Failures to come in are counted: after 10 in a minute, nobody comes in for a minute.
    """

    def __init__(self, port: int, options: Options) -> None:
        self.place = options.place(port)
        self._password = options.password
        self.cookie = f"hamsight_{port}"
        self.read_only = options.read_only
        self._secret = secrets.token_urlsafe(32)
        self._addresses: list[str] = []
        self._failures: deque[float] = deque(maxlen=_FAILURES)
        self._lock = threading.Lock()
        self._framing = {self.place.framing} - {""}

    @property
    def has_password(self) -> bool:
        """Whether a password lets browsers in."""
        return bool(self._password)

    @property
    def policy(self) -> str:
        """The page's content security policy."""
        return _POLICY.format(" ".join(sorted(self._framing)) or "'none'")

    def mint(self) -> str:
        """Return the token of a new address, which serves once; the last 16 of them are valid."""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._addresses = [*self._addresses, token][-_ADDRESSES:]
        return token

    def link(self) -> str:
        """Return an address that lets one browser in, once."""
        return f"{self.place.base}{self.place.root}/?token={self.mint()}"

    def is_held_up(self) -> bool:
        """Tell whether too many have failed to come in, within a minute."""
        with self._lock:
            full = len(self._failures) == _FAILURES
            return full and self._failures[0] > time.monotonic() - _SECONDS

    def exchange(self, token: str, framing: str = "") -> str | None:
        """Return the value of the cookie for a token that is valid, which it is no more then.

        Who has the token may name an origin on loopback, a notebook's, that may frame the page.
        """
        with self._lock:
            for known in self._addresses:
                if hmac.compare_digest(known.encode(), token.encode("utf-8", "replace")):
                    self._addresses.remove(known)
                    if _LOOPBACK_ORIGIN.fullmatch(framing):
                        self._framing.add(framing)
                    return self._secret
            self._failures.append(time.monotonic())
        return None

    def log_in(self, password: str) -> str | None:
        """Return the value of the cookie for the right password."""
        given, expected = (text.encode("utf-8", "replace") for text in (password, self._password))
        if self._password and hmac.compare_digest(given, expected):
            return self._secret
        with self._lock:
            self._failures.append(time.monotonic())
        return None

    def set_cookie(self, value: str) -> str:
        """Return the header that gives the cookie to a browser."""
        secure = "; Secure" if self.place.secure else ""
        path = self.place.root or "/"
        return f"{self.cookie}={value}; Path={path}; HttpOnly; SameSite=Strict{secure}"

    def admits(self, cookies: str) -> bool:
        """Tell whether a Cookie header holds this server's cookie."""
        try:
            found = SimpleCookie(cookies).get(self.cookie)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(
            found.value.encode("utf-8", "replace"), self._secret.encode()
        )

"""Connections over http and https, for downloads: credentials, redirects and addresses checked."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import urllib.request
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit, urlunsplit

from hamsight_core.images.places.addresses import Reach, check_named, connected

_KEPT = "%/:=&?~#+!$,;'@()*[]"


class Watch:
    """Cuts the connections of one download off when its time, in seconds, is over."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.expired = seconds, False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def add(self, opened: socket.socket) -> None:
        """Watch a socket too."""
        self._sockets.append(opened)
        if self.expired:
            self._expire()

    def _expire(self) -> None:
        self.expired = True
        for opened in self._sockets:
            try:
                socket.socket.shutdown(opened, socket.SHUT_RDWR)  # of TLS sockets too
            except OSError:  # closed already: the download is over
                continue


def request_of(url: str, headers: dict[str, str] | None = None) -> urllib.request.Request:
    """Return the request of a URL: spaces and letters beyond ASCII encoded, user and password sent.

    `Authorization` is never sent to another host than the URL's. Raises ValueError.
    """
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not host.isascii():
        host = host.encode("idna").decode()
    path, query = quote(parts.path, safe=_KEPT), quote(parts.query, safe=_KEPT)
    request = urllib.request.Request(  # noqa: S310 - the opener knows http and https alone
        urlunsplit((parts.scheme, host, path, query, ""))
    )
    for name, value in (headers or {}).items():
        if name.lower() == "authorization":
            request.add_unredirected_header(name, value)
        else:
            request.add_header(name, value)
    if at:
        user, colon, password = userinfo.partition(":")
        said = unquote_to_bytes(user) + (colon or ":").encode() + unquote_to_bytes(password)
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(said).decode()}")
    return request


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any
    ) -> Any:
        """Return the request that a redirect asks for; credentials go to the same host alone."""
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is None:
            return None
        kept = request_of(newurl, dict(made.headers))
        kept.unverifiable = True
        kept.origin_req_host = req.origin_req_host
        said = req.unredirected_hdrs.get("Authorization")
        if said and urlsplit(req.full_url)[:2] == urlsplit(kept.full_url)[:2]:
            kept.add_unredirected_header("Authorization", said)
        return kept


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def opener(reach: Reach, watch: Watch | None = None) -> urllib.request.OpenerDirector:
    """Return an opener of http and https alone, so that no redirect leads to a file or FTP.

    Each host, of redirects too, is asked at a private address only where `reach` allows it: its
    `open` raises ImageError elsewhere. `watch` cuts the connections off.
    """

    def opened(kind: type[http.client.HTTPConnection], request: Any, **always: Any) -> Any:
        asked = urlsplit(request.full_url)
        name, port = asked.hostname or "", asked.port or kind.default_port
        proxied = getattr(request, "_tunnel_host", None) or request.host != asked.netloc
        if proxied:
            check_named(name, port, reach)

        def connection(*given: Any, **named: Any) -> Any:
            made: Any = kind(*given, **{**always, **named})

            def create(address: tuple[str, int], timeout: Any, source: Any) -> socket.socket:
                if proxied:
                    return socket.create_connection(address, timeout, source)
                return connected(*address, reach, timeout, source)

            connect = made.connect

            def connect_watched() -> None:
                connect()
                if watch is not None:
                    watch.add(made.sock)

            made._create_connection, made.connect = create, connect_watched
            return made

        return connection

    class Http(urllib.request.HTTPHandler):
        def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(opened(http.client.HTTPConnection, request), request)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            kind = http.client.HTTPSConnection
            return self.do_open(opened(kind, request, context=_tls()), request)

    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        Http(),
        Https(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        director.add_handler(handler)
    director.addheaders = [("User-Agent", "hamsight"), ("Accept", "image/*,*/*;q=0.5")]
    return director

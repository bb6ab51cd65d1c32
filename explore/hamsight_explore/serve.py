"""Starting the server: where it listens, the addresses that it prints, and stopping it."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.address import parse_dsn
from hamsight_core.catalog.mirrored import is_read_only
from hamsight_core.closing import Closing
from hamsight_core.errors import UsageError
from hamsight_core.show.terminal import say
from hamsight_explore.access import Access
from hamsight_explore.api import routes
from hamsight_explore.explorer import Explorer
from hamsight_explore.framed import framed
from hamsight_explore.guard import Guard
from hamsight_explore.options import LOOPBACK, Options
from hamsight_explore.page import is_built, page_routes
from hamsight_explore.shared import Shared, end_at_sigterm, shares
from hamsight_explore.web import failed, refused

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

_CONNECTIONS = 1024
_STARTS = 20.0


class Running(Closing):
    """A server that runs in a thread of this process."""

    def __init__(self, dsn: str | os.PathLike[str] | None, options: Options) -> None:
        path = parse_dsn(dsn).path
        if path is not None and is_read_only(path):
            options = replace(options, read_only=True)
        self._shared = Shared(dsn) if shares(dsn) else None
        self._explorer = Explorer(dsn, read_only=options.read_only)
        try:
            self.describe = self._explorer.describe()
            self._socket = _bound(options)
        except BaseException:
            self._let_go()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._access = Access(self.port, options)
        if self._shared is not None:
            self._shared.announce(self.port, self.link)
        try:
            self._server = _server(self._explorer, self._access, options)
        except BaseException:
            self._socket.close()
            self._let_go()
            raise
        # a join that a signal interrupts may take the thread for ended
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hamsight explore", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        self._explorer.jobs.start("open the catalog", self._explorer.warm)
        until = time.monotonic() + _STARTS
        while not (self._server.started or self._ended.is_set()) and time.monotonic() < until:
            time.sleep(0.01)

    def _repr_html_(self) -> str:
        """Show the page in a frame of a notebook."""
        return framed(self._access.link(), framing=not self._access.place.root)

    def link(self) -> str:
        """Return an address that lets one browser in, once."""
        return self._access.link()

    def wait(self) -> None:
        """Return when the server has ended."""
        while not self._ended.wait(0.5):
            pass

    def close(self) -> None:
        """End the server, its jobs, and the catalog's sessions."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._ended.wait()
        self._socket.close()
        self._let_go()

    def _let_go(self) -> None:
        self._explorer.close()
        if self._shared is not None:
            self._shared.close()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._ended.set()


def start(dsn: str | os.PathLike[str] | None = None, options: Options | None = None) -> Running:
    """Return a server of the catalog at `dsn` that runs in the background of this process.

    Raises UsageError, and CatalogError where the catalog cannot be opened.
    """
    running = Running(dsn, options or Options())
    running.start()
    return running


def explore(
    dsn: str | os.PathLike[str] | None, options: Options, *, open_browser: bool = True
) -> None:
    """Serve the page of a catalog until the process is told to end."""
    if not is_built():
        raise UsageError(
            "this Hamsight was built without its page (HAMSIGHT_NO_PAGE): install it from a wheel,"
            " or again without that variable"
        )
    end_at_sigterm()
    with start(dsn, options) as running:
        print(running.link(), flush=True)  # noqa: T201 - the command's answer
        items = sum(model["items"] for model in running.describe["models"])
        say(f"{running.describe['location']}: {items} items; end with Ctrl-C")
        remote = os.environ.get("SSH_CONNECTION", "").split()
        if remote and options.host in LOOPBACK and not options.root_path:
            port, machine = running.port, remote[2] if len(remote) > 2 else "THIS-MACHINE"
            say(f"from your own machine: ssh -L {port}:127.0.0.1:{port} {machine}, then open it")
        if open_browser and sys.stdout.isatty() and not remote:
            import webbrowser

            webbrowser.open(running.link())
        running.wait()


def _application(explorer: Explorer, access: Access) -> ASGIApp:
    from starlette.applications import Starlette

    handlers = {404: refused, 405: refused, Exception: failed}
    app = Starlette(
        routes=[*routes(explorer), *page_routes()],
        exception_handlers=handlers,
    )
    app.router.redirect_slashes = False
    return Guard(app, access)


def _server(explorer: Explorer, access: Access, options: Options) -> uvicorn.Server:
    import uvicorn

    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "date_header": False,
        "lifespan": "off",
        "http": "h11",
        "ws": "none",
        "proxy_headers": False,
        "limit_concurrency": _CONNECTIONS,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 2,
        "h11_max_incomplete_event_size": 32 * 1024,
    }
    if options.certificate:
        config |= {"ssl_certfile": options.certificate, "ssl_keyfile": options.key}
    made = uvicorn.Config(_application(explorer, access), **config)
    try:
        made.load()
    except (OSError, ValueError) as error:
        raise UsageError(f"--certificate {options.certificate}: {error}") from None
    return uvicorn.Server(made)


def _bound(options: Options) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only where the protocol is named
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name != "nt":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((options.host, options.port))
        made.listen(256)
    except OSError as error:
        made.close()
        raise UsageError(
            f"--port {options.port}: cannot listen on {options.host}: {error.strerror};"
            " leave --port out for any that is free"
        ) from None
    return made

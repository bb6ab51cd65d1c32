"""An embedded catalog that this process serves to the others of this user."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable
from contextlib import ExitStack, closing
from http import HTTPStatus

from hamsight_core.catalog import served
from hamsight_core.catalog.address import parse_dsn
from hamsight_core.catalog.connect import connect
from hamsight_core.catalog.embedded import read_only
from hamsight_core.catalog.mirrored import is_read_only, mirror
from hamsight_core.closing import Closing
from hamsight_core.errors import UsageError
from hamsight_core.show.terminal import say
from hamsight_explore.front import LINK, HttpFront
from hamsight_explore.front import serve as served_at


class Shared(Closing):
    """Holds an embedded catalog and answers ClickHouse's HTTP protocol for it.

    Every other `hamsight` command of this user then goes through it, as if alone, unless the
    catalog can only be read. Raises what `connect` raises.
    """

    def __init__(self, dsn: str | os.PathLike[str] | None) -> None:
        path = parse_dsn(dsn).path
        assert path is not None
        self._announced = None if is_read_only(path) else path
        self.password = secrets.token_urlsafe(24)
        with ExitStack() as opened:
            opened.enter_context(closing(connect(dsn)))
            self.path = str(path if self._announced else mirror(path))
            serving = served_at(self.path, served.USER, self.password)
            self.front = opened.enter_context(serving)
            self._opened = opened.pop_all()
        self.announce()

    def announce(self, page: int = 0, link: Callable[[], str] | None = None) -> None:
        """Say where the catalog is served, and the port of its page; `link` makes its addresses."""
        self.front.link = link
        if self._announced is None:
            return
        made = served.Served(os.getpid(), self.front.server_port, self.password, page)
        served.announce(self._announced, made)

    def close(self) -> None:
        """Serve no more, and let go of the catalog."""
        if self._announced is not None:
            served.withdraw(self._announced)
        self._opened.close()


def page_link(dsn: str | os.PathLike[str] | None) -> str:
    """Return a new address of the page that another process shows of a catalog.

    Raises UsageError where none does.
    """
    import http.client

    path = parse_dsn(dsn).path
    found = None if path is None else served.find(path)
    if found is None or not found.page:
        raise UsageError(
            "no page of this catalog is open on this machine: start one with `hamsight explore`"
        )
    connection = http.client.HTTPConnection("127.0.0.1", found.port, timeout=10)
    try:
        headers = {"X-ClickHouse-User": served.USER, "X-ClickHouse-Key": found.password}
        connection.request("POST", LINK, headers=headers)
        answer = connection.getresponse()
        link = answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise UsageError(f"the page of this catalog does not answer: {error}") from None
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise UsageError("the page of this catalog gives no address: end it, and start it again")
    return link


def end_at_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does, so that all is closed."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)


def shares(dsn: str | os.PathLike[str] | None) -> bool:
    """Tell whether a DSN names an embedded catalog that this process would hold."""
    path = parse_dsn(dsn).path
    return path is not None and served.find(path) is None


def serve(
    dsn: str | os.PathLike[str] | None, *, port: int = 0, password: str = "", write: bool = False
) -> None:
    """Serve an embedded catalog to clients on this machine until the process is told to end.

    Other commands of this user work on it meanwhile. Raises UsageError for a catalog on a server,
    and for one that another process serves.
    """
    path = parse_dsn(dsn).path
    if path is None:
        raise UsageError("this catalog is on a ClickHouse server, which serves its clients itself")
    if not shares(dsn):
        raise UsageError(
            "another process of yours serves this catalog already, a page or `hamsight serve`:"
            " end it first"
        )
    if write and is_read_only(path):
        raise read_only(path)
    end_at_sigterm()
    with Shared(dsn) as shared:
        made = HttpFront(
            shared.path,
            served.USER,
            password or secrets.token_urlsafe(16),
            port=port,
            read_only=not write,
        )
        with made as front:
            database = parse_dsn(dsn).database
            print(front.dsn(database), flush=True)  # noqa: T201 - the command's answer
            say("clients may change the catalog" if write else "clients only read the catalog")
            front.serve_forever()

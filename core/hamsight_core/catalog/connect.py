"""Connections to ClickHouse: a server over HTTP, or the engine embedded in this process (chDB).

chDB's quirks: one engine path a process and one process a path; the folder `path` is created
on opening; its file `status` names the process that holds it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from hamsight_core.catalog.address import GIB, Address, parse_dsn
from hamsight_core.catalog.interrupt import Interruptible
from hamsight_core.catalog.layout import SETTINGS as CLUSTER_SETTINGS
from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.myscale import is_myscale
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import (
    CatalogBusyError,
    ConnectionFailedError,
    EmptyCatalogError,
    NoTableError,
    StatementError,
    UsageError,
)
from hamsight_core.forks import check_threads, forked, in_child, keep_for_ever, threads_run

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_clients: WeakSet[Client] = WeakSet()
_CHDB_NAMES = {"data", "metadata", "status", "store", "tmp", "uuid"}
_AUTHENTICATION_FAILED = 516
_OUT_OF_MEMORY = 241
_NO_TABLE, _NO_DATABASE = 60, 81


def connect(
    dsn: str | os.PathLike[str] | None = None,
    *,
    create: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Client:
    """Return a clickhouse-connect client of the catalog at `dsn`.

    With `create` the folder or database is made where it is missing; without, a missing folder
    raises EmptyCatalogError, and where a database is missing, so does the first statement.
    `settings` are ClickHouse's, for every statement. Raises UsageError for a malformed DSN,
    CatalogBusyError when another process holds the embedded catalog, and ConnectionFailedError
    when nothing answers.
    """
    address = parse_dsn(dsn)
    memory = {"max_memory_usage": str(int(address.memory * GIB))} if address.memory else {}
    # `readonly`, where it is among the settings, forbids those that come after it
    wanted = {**memory, **(CLUSTER_SETTINGS if address.cluster else {}), **(settings or {})}
    client = _embedded(address, create, wanted) if address.path else _server(address, wanted)
    _clients.add(client)
    try:
        with engine_errors():
            if address.cluster:
                _check_cluster(client, address)
            if create and not _has_database(client, address.database):
                made = fill("create_database", **Layout(address.cluster).fragments())
                client.command(made, parameters={"database": address.database})
            client.database = address.database
    except BaseException:
        client.close()
        raise
    return client


class _Elsewhere:
    """Stands in a forked child for the connection of a client that its parent opened."""

    def __getattr__(self, name: str) -> Any:
        raise forked()

    def close(self) -> None:
        """Leave the connection to the parent."""


def _leave_to_parent() -> None:
    clients: list[Any] = list(_clients)
    for client in clients:
        connection = client._backend
        keep_for_ever(connection)
        if release := getattr(connection, "_release", None):
            release.detach()
        client._backend = _Elsewhere()
    _clients.clear()


in_child(_leave_to_parent)


def has_fixed_settings(client: Client) -> bool:
    """Tell whether the user of a server may not change settings, as one who may only read.

    The driver has asked for them when it connected, so this costs no question.
    """
    one = client.server_settings.get("max_threads")
    return one is not None and bool(one.readonly)


def _check_cluster(client: Client, address: Address) -> None:
    cluster = address.cluster
    if is_myscale(client):
        raise UsageError(
            f"{address} is a MyScale server, where a catalog cannot be spread over a cluster:"
            " leave ?cluster out of the DSN"
        )
    known = [row[0] for row in client.query(fill("list_clusters")).result_rows]
    if cluster not in known:
        raise UsageError(
            f"the server knows no cluster {cluster!r} (remote_servers in its configuration);"
            f" it knows: {', '.join(known) or 'none'}"
        )


def _has_database(client: Client, database: str) -> bool:
    rows = client.query(fill("count_databases"), parameters={"database": database}).result_rows
    return bool(rows[0][0])


def _embedded(address: Address, create: bool, settings: dict[str, str]) -> Client:
    path = address.path
    assert path is not None
    check_threads()
    threads_run()
    try:
        import chdb
        import clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError, ProgrammingError

        _check_folder(path, create)
        if _is_locked(path):
            raise _busy(path, _holder(path))
        path.mkdir(parents=True, exist_ok=True)
        client: Any = clickhouse_connect.get_client(
            interface="chdb",
            path=str(path),
            chdb_options=dict(address.options),
            settings=settings,
        )
        opened = client._backend._handle
        opened.conn = Interruptible(opened.conn, partial(chdb.connect, str(path)))
        return cast("Client", client)
    except ImportError as error:
        raise ConnectionFailedError(
            f"the embedded engine chDB cannot be loaded ({error}):"
            " install the package chdb, or use a server with --db clickhouse://HOST/DATABASE"
        ) from None
    except OSError as error:
        raise ConnectionFailedError(
            f"no catalog can be opened or made at {path}: {error.strerror or error}"
        ) from None
    except (ProgrammingError, ClickHouseError) as error:
        raise _why_not_opened(path, error) from None


def _check_folder(path: Path, create: bool) -> None:
    """Refuse a path that is not chDB's folder, nor empty, nor, with `create`, yet to be made."""
    if not path.exists():
        if not create:
            raise EmptyCatalogError(
                f"there is no catalog at {path}: make one with `hamsight ingest FOLDER`,"
                " or name another with --db or HAMSIGHT_DB"
            )
        return
    if not path.is_dir():
        raise UsageError(f"{path} is a file: a catalog is a folder or a clickhouse:// DSN")
    names = {entry.name for entry in path.iterdir()}
    if "metadata" not in names and not names <= _CHDB_NAMES:
        raise UsageError(
            f"{path} holds other things than a catalog: name a new or empty folder with --db"
        )


def _why_not_opened(path: Path, error: Exception) -> ConnectionFailedError | CatalogBusyError:
    holder = _holder(path)
    if "different path" in str(error):
        return CatalogBusyError(
            f"this process already holds another catalog than {path}:"
            " chDB opens one a process, so close the other first"
        )
    if holder is not None and holder != os.getpid():
        return _busy(path, holder)
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return ConnectionFailedError(f"the catalog {path} is not writable for this user")
    reason = str(error).partition(", Stack trace")[0]
    return ConnectionFailedError(f"chDB cannot open the catalog {path}: {reason}")


def _busy(path: Path, holder: int | None) -> CatalogBusyError:
    process = "another process" if holder is None else f"process {holder}"
    return CatalogBusyError(
        f"the catalog {path} is held by {process}: wait until it has ended, or keep"
        " the catalog on a server, which many can use at once (--db clickhouse://HOST/DATABASE)"
    )


def _is_locked(path: Path) -> bool:
    """Return whether another process holds the embedded catalog.

    Asked before chDB is, which would print a line of its own. chDB locks the file `status`.
    """
    if _holder(path) == os.getpid():
        return False
    try:
        import fcntl
    except ImportError:
        return False
    try:
        with (path / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _holder(path: Path) -> int | None:
    """Return the id of the living process that holds the embedded catalog, if one does."""
    try:
        found = re.search(r"PID:\s*(\d+)", (path / "status").read_text(encoding="utf-8"))
    except OSError:
        return None
    if found is None:
        return None
    process = int(found[1])
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return process
    return process


def _server(address: Address, settings: dict[str, str]) -> Client:
    import clickhouse_connect
    from clickhouse_connect.driver.exceptions import ClickHouseError

    try:
        return clickhouse_connect.get_client(
            host=address.host,
            port=address.port,
            username=address.user,
            password=address.password,
            interface="https" if address.secure else "http",
            form_encode_query_params=True,
            autogenerate_session_id=False,
            settings=settings,
            **dict[str, Any](address.options),
        )
    except TypeError as error:
        raise UsageError(f"the DSN's options are not all known: {error}") from None
    except ClickHouseError as error:
        if getattr(error, "code", None) == _AUTHENTICATION_FAILED:
            raise ConnectionFailedError(
                f"{address} refused the user {address.user!r} or the password:"
                " put both into the DSN, clickhouse://USER:PASSWORD@HOST:PORT/DATABASE"
            ) from None
        raise ConnectionFailedError(
            f"no ClickHouse answers at {address}: {_reason(error)};"
            " see that the server runs and that the port is its HTTP port"
        ) from None


@contextmanager
def engine_errors(client: Client | None = None) -> Iterator[None]:
    """Turn errors of the driver into StatementError or ConnectionFailedError.

    A missing table is a NoTableError, a missing database an EmptyCatalogError.

    `client` is the one that answers, where it goes on to be used: chDB 4.4 puts what a failed
    statement had written before the answer to the next.
    """
    from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

    try:
        yield
    except OperationalError as error:
        raise ConnectionFailedError(
            f"the connection to ClickHouse broke: {_reason(error)}"
        ) from error
    except ClickHouseError as error:
        if client is not None and client.uri.startswith("chdb:"):
            with suppress(ClickHouseError):
                client.raw_query(fill("nothing"))
        raise _refused(error, client) from error


def _refused(error: Exception, client: Client | None) -> StatementError | EmptyCatalogError:
    code = getattr(error, "code", None)
    if code == _NO_DATABASE and client is not None:
        return EmptyCatalogError(
            f"the catalog has no database {client.database!r}:"
            " fill it with `hamsight ingest FOLDER`, or name another with --db"
        )
    if code == _NO_TABLE:
        return NoTableError(f"ClickHouse refused the statement: {_first_line(error)}")
    if code == _OUT_OF_MEMORY:
        return StatementError(
            f"the statement needs more memory than it may take: {_first_line(error)};"
            " ask for less (of a search, fewer --candidates or a smaller -k), or allow more"
            " with ?memory=GIB in the DSN, on a server up to its own max_memory_usage"
        )
    return StatementError(f"ClickHouse refused the statement: {_first_line(error)}")


def _reason(error: BaseException) -> str:
    """Return what the system says of a connection that failed, without what HTTP makes of it."""
    words = _first_line(error)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            words = cause.strerror or _first_line(cause)
        cause = cause.__cause__ or cause.__context__
    return words


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__

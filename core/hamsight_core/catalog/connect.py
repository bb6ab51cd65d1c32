"""Connections to ClickHouse: a server over HTTP, or the engine embedded in this process (chDB)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from hamsight_core.catalog import served
from hamsight_core.catalog.address import GIB, Address, parse_dsn
from hamsight_core.catalog.definitions import innermost
from hamsight_core.catalog.embedded import holder, open_embedded
from hamsight_core.catalog.layout import SETTINGS as CLUSTER_SETTINGS
from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.myscale import is_myscale
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import (
    CatalogError,
    ConnectionFailedError,
    DamagedCatalogError,
    DiskFullError,
    EmptyCatalogError,
    HamsightError,
    NoTableError,
    StatementError,
    UsageError,
    not_text,
)
from hamsight_core.forks import forked, in_child, keep_for_ever

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_clients: WeakSet[Client] = WeakSet()
_AUTHENTICATION_FAILED = 516
_OUT_OF_MEMORY = 241
_NOT_ENOUGH_SPACE = 243
_DAMAGED = {
    32,  # ATTEMPT_TO_READ_AFTER_EOF
    33,  # CANNOT_READ_ALL_DATA
    40,  # CHECKSUM_DOESNT_MATCH
    107,  # FILE_DOESNT_EXIST
    117,  # INCORRECT_DATA
    246,  # CORRUPTED_DATA
    271,  # CANNOT_DECOMPRESS
    432,  # UNKNOWN_CODEC
}
_FULL = ("No space left on device", "errno: 28,")
_NO_TABLE, _NO_DATABASE, _NO_COLUMN = 60, 81, 47
_LATER_COLUMN = re.compile(r"[Ii]dentifier [`']?(?:[\w.`]+\.)?`?(scores|phash|phash_trimmed)\b")


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
    address = _where_served(parse_dsn(dsn))
    memory = {"max_memory_usage": str(int(address.memory * GIB))} if address.memory else {}
    # `readonly`, where it is among the settings, forbids those that come after it
    wanted = {**memory, **(CLUSTER_SETTINGS if address.cluster else {}), **(settings or {})}
    client = open_embedded(address, create, wanted) if address.path else _server(address, wanted)
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


def _where_served(address: Address) -> Address:
    """Return the address of the process that holds an embedded catalog and serves it, if one does.

    Another address stays as it is.
    """
    found = None if address.path is None else served.find(address.path)
    if found is None or address.path is None or found.process == os.getpid():
        return address
    if holder(address.path) != found.process:
        return address
    return replace(
        address,
        path=None,
        host="127.0.0.1",
        port=found.port,
        user=served.USER,
        password=found.password,
        resident=False,
        options=(),
    )


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
    except UnicodeEncodeError as error:
        raise not_text(error) from None
    except OperationalError as error:
        if isinstance(error.__cause__, HamsightError):
            raise error.__cause__ from None
        raise ConnectionFailedError(
            f"the connection to ClickHouse broke: {_reason(error)}"
        ) from error
    except ClickHouseError as error:
        if isinstance(error.__cause__, UnicodeEncodeError):
            raise not_text(error.__cause__) from None
        if isinstance(error.__cause__, HamsightError):  # raised before the engine was asked
            raise error.__cause__ from None
        if client is not None and client.uri.startswith("chdb:"):
            with suppress(ClickHouseError):
                client.raw_query(fill("nothing"))
        raise _refused(error, client) from error


def _refused(error: Exception, client: Client | None) -> CatalogError:
    code = getattr(error, "code", None)
    if code == _NOT_ENOUGH_SPACE or any(words in str(error) for words in _FULL):
        return DiskFullError(
            f"the disk of the catalog is full: {innermost(str(error))}; free space there, and do"
            " this again"
        )
    if code == _NO_DATABASE and client is not None:
        place = re.sub(r"^chdb:/*(?=/)|\?.*$", "", client.uri)
        return EmptyCatalogError(
            f"there is no database {client.database!r} at {place}:"
            " fill it with `hamsight ingest FOLDER`, or name another with --db"
        )
    if code in _DAMAGED and client is not None and client.uri.startswith("chdb:"):
        return DamagedCatalogError(
            f"a part of the catalog cannot be read: {innermost(str(error))}; `hamsight verify`"
            " names the damaged parts. Restore a backup, or ingest into a new catalog"
        )
    if code == _NO_TABLE:
        return NoTableError(f"ClickHouse refused the statement: {_first_line(error)}")
    if code == _NO_COLUMN and (found := _LATER_COLUMN.search(str(error))):
        return StatementError(
            f"the items have no column {found[1]} yet: the catalog is of an older version of"
            " Hamsight, and what writes to it, such as `hamsight ingest`, adds the column"
        )
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

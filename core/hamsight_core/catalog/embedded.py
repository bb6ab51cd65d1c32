"""The engine embedded in this process (chDB): its folder is checked, then opened.

chDB's quirks: one engine path a process and one process a path; the folder `path` is created
on opening; its file `status` names the process that holds it.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hamsight_core.catalog.address import Address
from hamsight_core.catalog.definitions import (
    CHANGING,
    KEPT,
    Fault,
    changed,
    faults,
    innermost,
    keep_definitions,
    set_aside,
)
from hamsight_core.catalog.engine_connection import EngineConnection
from hamsight_core.catalog.mirrored import is_read_only, mirror
from hamsight_core.catalog.room import RESERVE, check_room
from hamsight_core.errors import (
    CatalogBusyError,
    CatalogError,
    ConnectionFailedError,
    DamagedCatalogError,
    EmptyCatalogError,
    ReadOnlyCatalogError,
    UsageError,
)
from hamsight_core.forks import check_threads, threads_run
from hamsight_core.processes import lives

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_CHDB_NAMES = {"data", "metadata", "status", "store", "tmp", "uuid", KEPT, CHANGING}
_CONFIG = Path(__file__).with_name("engine.xml")
REPAIR = " `hamsight verify --repair` restores what can be restored without loss"
_MOST_NAMED = 3
_opened: dict[Path, int] = {}
_ADDRESS_SPACE, _ADDRESS_SPACE_OF_CORE = 3 << 30, 64 << 20
"""Below it, chDB 4.4 hangs as it opens, or its package cannot be loaded."""


def open_embedded(address: Address, create: bool, settings: dict[str, str]) -> Client:
    """Return a client of the embedded engine; raises what `connect` raises, and DiskFullError.

    Raises MemoryError where the engine would wait for ever for memory that it may not have.
    """
    path = address.path
    assert path is not None
    check_threads()
    _check_address_space()
    threads_run()
    import clickhouse_connect
    from clickhouse_connect.driver.exceptions import ClickHouseError, ProgrammingError

    try:
        import chdb

        check_is_catalog(path, create=create)
        check_free(path)
        reads = is_read_only(path)
        if reads and create:
            raise read_only(path)
        place = mirror(path) if reads else path
        cleaning = {} if reads else {"config-file": str(_CONFIG)}
        if create:
            check_room(path)
        first = holder(place) != os.getpid()
        if first and (found := faults(path)):
            raise damaged(path, found)
        place.mkdir(parents=True, exist_ok=True)
        with _muted() as words:
            client: Any = clickhouse_connect.get_client(
                interface="chdb",
                path=str(place),
                chdb_options={**cleaning, **dict(address.options)},
                settings={"min_free_disk_bytes_to_perform_insert": str(RESERVE), **settings},
            )
        if first:
            _opened[path] = int(time.time())
        if first and not _warn_of_damage(path) and create:
            keep_definitions(path)
        opened = client._backend._handle
        again = partial(chdb.connect, str(place))
        opened.conn = EngineConnection(
            opened.conn, place, again, read_only(path) if reads else None
        )
        return cast("Client", client)
    except ImportError as error:
        raise ConnectionFailedError(
            f"the embedded engine chDB cannot be loaded ({error}):"
            " install the package chdb, or use a server with --db clickhouse://HOST/DATABASE"
        ) from None
    except OSError as error:
        if _is_here_gone():  # which the engine asks for
            raise ConnectionFailedError(
                "the folder that this process was started in is gone: go to another"
            ) from None
        raise ConnectionFailedError(
            f"no catalog can be opened or made at {path}: {error.strerror or error}"
        ) from None
    except (ProgrammingError, ClickHouseError) as error:
        raise _why_not_opened(path, error, "".join(words)) from None


def _is_here_gone() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def opened_at(path: Path) -> int | None:
    """Return when this process opened the engine at a path, in seconds since 1970."""
    return _opened.get(path)


def _check_address_space() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    needed = _ADDRESS_SPACE + (os.cpu_count() or 1) * _ADDRESS_SPACE_OF_CORE
    if limit not in (resource.RLIM_INFINITY, -1) and limit < needed:
        raise MemoryError(
            f"the embedded engine needs {needed >> 20} MiB of address space and this process may"
            f" have {limit >> 20} (ulimit -v)"
        )


def read_only(path: Path) -> ReadOnlyCatalogError:
    """Return the error of a change of a catalog that this user may only read."""
    return ReadOnlyCatalogError(
        f"the catalog {path} can only be read by this user or on this disk: copy its folder, and"
        " change the copy"
    )


def check_free(path: Path) -> None:
    """Raise CatalogBusyError where another process holds the embedded catalog."""
    if _is_locked(path):
        raise _busy(path, holder(path))


def check_is_catalog(path: Path, *, create: bool = False) -> None:
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


def _why_not_opened(path: Path, error: Exception, words: str) -> CatalogError:
    held_by = holder(path)
    if "different path" in str(error):
        return CatalogBusyError(
            f"this process already holds another catalog than {path}:"
            " chDB opens one a process, so close the other first"
        )
    if held_by is not None and held_by != os.getpid():
        return _busy(path, held_by)
    if not path.exists() and not os.access(path.parent, os.W_OK):
        return ConnectionFailedError(f"no catalog can be made at {path}: its folder is read-only")
    if found := changed(path):
        return damaged(path, found)
    reason = innermost((words.strip() or str(error)).partition(", Stack trace")[0])
    return DamagedCatalogError(f"chDB cannot open the catalog {path}: {reason}.{REPAIR}")


def damaged(path: Path, found: Sequence[Fault]) -> DamagedCatalogError:
    """Return the error that names the files which the engine cannot read."""
    said = "; ".join(f"{fault.file} ({fault.what}) {fault.why}" for fault in found[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return DamagedCatalogError(
        f"files of the catalog {path} are damaged, so that it cannot be opened: {said}{more}."
        f"{REPAIR}"
    )


def _warn_of_damage(path: Path) -> bool:
    """Warn of definitions that are not as they were, and of parts; tell whether there are any."""
    if altered := changed(path):
        said = ", ".join(fault.what for fault in altered[:_MOST_NAMED])
        warnings.warn(
            f"the catalog {path} is damaged, or another program has changed it: {said} is not as"
            " Hamsight left it. `hamsight verify --repair` restores it",
            stacklevel=2,
        )
    found = set_aside(path)
    if found:
        said = ", ".join(f"{table} ({folder.name})" for table, folder in found[:_MOST_NAMED])
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        warnings.warn(
            f"the catalog {path} is damaged: parts of its tables could not be read, so rows or"
            f" their last changes are missing: {said}{more}. Restore a backup or ingest the"
            " datasets again; then `hamsight verify --repair` takes the damaged parts away",
            stacklevel=2,
        )
    return bool(altered or found)


@contextmanager
def _muted() -> Iterator[list[str]]:
    """Yield a list that gets what the engine prints to stderr by itself, past Python."""
    said: list[str] = []
    try:
        sys.stderr.flush()
        stderr = os.dup(2)
    except (OSError, AttributeError, ValueError):  # there is none
        yield said
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            file.seek(0)
            said += file.read().decode("utf-8", "replace").splitlines(keepends=True)


def _busy(path: Path, held_by: int | None) -> CatalogBusyError:
    process = "another process" if held_by is None else f"process {held_by}"
    return CatalogBusyError(
        f"the catalog {path} is held by {process}: wait until it has ended, or keep"
        " the catalog on a server, which many can use at once (--db clickhouse://HOST/DATABASE)"
    )


def _is_locked(path: Path) -> bool:
    """Return whether another process holds the embedded catalog.

    Asked before chDB is, which would print a line of its own. chDB locks the file `status`.
    """
    if holder(path) == os.getpid():
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


def holder(path: Path) -> int | None:
    """Return the id of the living process that holds the embedded catalog, if one does."""
    try:
        found = re.search(r"PID:\s*(\d+)", (path / "status").read_text(encoding="utf-8"))
    except OSError:
        return None
    return int(found[1]) if found and lives(int(found[1])) else None

"""The lock of a catalog, held for a moment by whoever changes items.

A batch of an ingest, a curation, a deletion and the switch of a rebuild each hold it from their
first look at the rows to their last change of them. Readers never ask for it.

Threads of one process wait for one another in the process. An embedded catalog needs no more, as
long as its process serves no other. Otherwise the lock is also a table of a fixed name, which only
one process can create. Its comment names the holder, and changes every few seconds while the lock
is held. A holder whose comment stands still, or whose process on this machine has ended, is dead:
one of the waiting processes drops its table. The right to drop another's table is itself a table,
named after the holder, so that two that wait never drop the table of a third.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hamsight_core.errors import CatalogError, StatementError
from hamsight_core.forks import in_child
from hamsight_core.processes import lives

TABLE = "write_lock"
DEAD_SECONDS = 30.0
"""How long the comment of a living holder stands still at most."""
RENEW_SECONDS = 5.0
PATIENCE_SECONDS = 2.0
"""How long is waited before a word about it."""
_POLL_SECONDS = 0.02
_SLOWEST_POLL_SECONDS = 0.5
_EXISTS = "already exists"


class Sends(Protocol):
    """What sends statements of `sql/`."""

    def run(self, statement: str, /, **fragments: object) -> None:
        """Run a statement that answers nothing."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None, /
    ) -> Sequence[Sequence[Any]]:
        """Return the rows that a statement answers."""


@dataclass(eq=False)
class _Threads:
    """The lock among threads of this process; `depth` counts how often its thread has taken it."""

    lock: Any = field(default_factory=threading.RLock)
    depth: int = 0
    what: str = ""


_of_process: dict[str, _Threads] = {}
in_child(_of_process.clear)


class Lock:
    """The lock of the catalog at `location`. A thread that has it may take it again."""

    def __init__(self, location: str, sends: Sends) -> None:
        self._threads = _of_process.setdefault(location, _Threads())
        self._sends = sends
        self._table: _Table | None = None

    @contextmanager
    def hold(self, what: str, *, alone: bool = False) -> Iterator[None]:
        """Hold the lock; `what` says in a few plain words what for, and others read it.

        `alone` says that one process has the catalog.

        Raises CatalogError at the end where this process stood still for so long that another took
        the lock, and StatementError where no table can be made.
        """
        threads = self._threads
        if not threads.lock.acquire(timeout=PATIENCE_SECONDS):
            _tell(threads.what, "in this process")
            threads.lock.acquire()
        threads.depth += 1
        try:
            if threads.depth > 1:
                yield
                return
            threads.what = what
            if alone:
                yield
                return
            self._table = _Table(self._sends, what)
            with self._table.held():
                yield
        finally:
            threads.depth -= 1
            if not threads.depth:
                self._table = None
            threads.lock.release()

    def check(self) -> None:
        """Raise CatalogError where the lock was lost: ask before a change that is whole at once."""
        if self._table is not None:
            self._table.confirm()


class _Table:
    """The table that is the lock of a catalog on a server, taken once."""

    def __init__(self, sends: Sends, what: str) -> None:
        self._sends, self._what = sends, what
        self._token = uuid.uuid4().hex
        self._renewals = 0
        self._renewed = time.time()
        self._lost = False
        self._ended = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="write lock", daemon=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Create the table, once nobody alive has it, and drop it at the end."""
        try:
            self._take()
            yield
        except BaseException:
            self._give_back()
            raise
        self._give_back()
        self._check()

    def _take(self) -> None:
        begun = time.monotonic()
        seen: tuple[str, float] | None = None
        told, pause = False, _POLL_SECONDS
        while not self._create(TABLE):
            now = time.monotonic()
            holder = self._holder()
            if holder is not None:
                if seen is None or seen[0] != holder:
                    seen = holder, now
                said = json.loads(holder)
                if now - seen[1] > DEAD_SECONDS or _has_ended(said):
                    self._take_from(said["token"])
                    continue
                if not told and now - begun > PATIENCE_SECONDS:
                    _tell(said["what"], f"of process {said['process']} on {said['host']}")
                    told = True
            time.sleep(pause)
            pause = min(pause * 1.5, _SLOWEST_POLL_SECONDS)
        self._renewed = time.time()
        self._renewing.start()

    def _give_back(self) -> None:
        """Drop the table, unless it is another's."""
        self._ended.set()
        taken = self._renewing.ident is not None
        if taken:
            self._renewing.join()
        if taken and not self._lost and time.time() - self._renewed < DEAD_SECONDS / 2:
            self._sends.run("drop_table", table=TABLE)
        else:
            self._lost = not self._take_from(self._token)

    def _check(self) -> None:
        if self._lost:
            raise CatalogError(
                "this process stood still for so long that others may have changed the items"
                " meanwhile: run the same command again"
            )

    def confirm(self) -> None:
        """See whether the lock is still held; raise CatalogError where it is not."""
        holder = self._holder()
        self._lost = holder is None or json.loads(holder)["token"] != self._token
        self._check()

    def _create(self, table: str) -> bool:
        """Create a table of the lock; return False where it is there."""
        try:
            self._sends.run("create_lock", table=table, comment=self._said())
        except StatementError as error:
            if _EXISTS not in str(error):
                raise
            return False
        return True

    def _take_from(self, token: str) -> bool:
        """Drop the table of a holder, this one or a dead one; return whether it was there.

        Whoever else is about to do the same is left to do it.
        """
        right = f"{TABLE}_of_{token}"
        if not self._create(right):
            time.sleep(_SLOWEST_POLL_SECONDS)
            return False
        try:
            holder = self._holder()
            found = holder is not None and json.loads(holder)["token"] == token
            if found:
                self._sends.run("drop_table", table=TABLE)
        finally:
            self._sends.run("drop_table", table=right)
        return found

    def _holder(self) -> str | None:
        """Return what the comment of the table says, None where nobody has the lock."""
        found = self._sends.rows("find_lock", {"table": TABLE})
        return str(found[0][0]) if found else None

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_SECONDS):
            self._renewals += 1
            try:
                self._sends.run("comment_table", table=TABLE, comment=self._said())
            except CatalogError:  # the holder sees it at the end
                self._lost = True
                return
            self._renewed = time.time()

    def _said(self) -> str:
        said = {
            "token": self._token,
            "what": _plain(self._what),
            "host": _plain(socket.gethostname()),
            "process": os.getpid(),
            "machine": _machine(),
            "renewals": self._renewals,
        }
        return json.dumps(said)


def _plain(text: str) -> str:
    """Return a text without what a literal of SQL or JSON would have to escape."""
    return re.sub(r"[^\w .,:/-]", "_", text, flags=re.ASCII)


def _tell(what: str, whose: str) -> None:
    warnings.warn(f"waiting until {what} {whose} is done", stacklevel=5)


def _has_ended(holder: Mapping[str, Any]) -> bool:
    """Tell whether a holder is a process of this machine that is no more."""
    is_here = bool(holder["machine"]) and holder["machine"] == _machine()
    return is_here and not lives(holder["process"])


def _machine() -> str:
    """Return what tells the processes that this one can see from those of other machines.

    Empty where that is not known: containers may share a name and have processes of their own.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""

"""Sessions on one catalog, of which several answer at the same time."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager

from hamsight.session import Session
from hamsight_core.closing import Closing

_SESSIONS = 4


class Pool(Closing):
    """Sessions that are lent to one thread at a time; a statement waits only for its own."""

    def __init__(self, dsn: str | os.PathLike[str] | None) -> None:
        self._all = [Session(dsn) for _ in range(_SESSIONS)]
        self._free: queue.LifoQueue[Session] = queue.LifoQueue()
        for session in reversed(self._all):
            self._free.put(session)
        self._dsn = dsn

    @contextmanager
    def lent(self) -> Iterator[Session]:
        """Yield a session that no other thread has."""
        session = self._free.get()
        try:
            yield session
        finally:
            self._free.put(session)

    @contextmanager
    def own(self) -> Iterator[Session]:
        """Yield a session of its own, for what takes long."""
        with Session(self._dsn) as session:
            yield session

    def close(self) -> None:
        """Close all sessions."""
        for session in self._all:
            session.close()

"""Archives and tables that stay open between reads, a bounded number of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What holds a file open."""

    def close(self) -> None:
        """Close it."""


K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Closable)


class _Entry(Generic[T]):
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.thing: T | None = None


class Opened(Generic[K, T]):
    """Open things by key, shared by threads; beyond `limit` the longest unused is closed."""

    def __init__(self, open: Callable[[K], T], limit: int) -> None:
        self._open, self._limit = open, limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, _Entry[T]] = OrderedDict()

    @contextmanager
    def lease(self, key: K) -> Iterator[T]:
        """Yield the thing of that key, opened where it is not; it stays open within the block."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            entry.users += 1
        try:
            with entry.lock:
                if entry.thing is None:
                    entry.thing = self._open(key)
            yield entry.thing
        finally:
            with self._lock:
                entry.users -= 1
                unused = self._unused()
            for thing in unused:
                thing.close()

    def close(self) -> None:
        """Close all that nobody uses."""
        with self._lock:
            unused = self._unused(limit=0)
        for thing in unused:
            thing.close()

    def _unused(self, limit: int | None = None) -> list[T]:
        """Take out what failed to open and, beyond the limit, what nobody uses."""
        idle = [key for key, entry in self._entries.items() if not entry.users]
        surplus = len(self._entries) - (self._limit if limit is None else limit)
        things = []
        for key in idle:
            thing = self._entries[key].thing
            if thing is None:
                del self._entries[key]
            elif surplus > 0:
                things.append(thing)
                del self._entries[key]
            else:
                continue
            surplus -= 1
        return things

"""The last values that a server keeps, by key."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LastKept(Generic[Key, Value]):
    """At most `most` values, for several threads; what was put or asked for longest ago goes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: Key, value: Value) -> None:
        """Keep a value, in place of one of the same key."""
        with self._lock:
            self._kept[key] = value
            self._used(key)

    def get(self, key: Key) -> Value | None:
        """Return the value of a key, None where it is not kept any more."""
        with self._lock:
            if key in self._kept:
                self._used(key)
            return self._kept.get(key)

    def setdefault(self, key: Key, value: Value) -> Value:
        """Return the value of a key, which is the given one where there is none."""
        with self._lock:
            found = self._kept.setdefault(key, value)
            self._used(key)
            return found

    def values(self) -> list[Value]:
        """Return all values."""
        with self._lock:
            return list(self._kept.values())

    def _used(self, key: Key) -> None:
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

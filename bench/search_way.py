"""One way to search, as bench/search_speed.py times it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Way:
    """A search to be timed; `ask(n)` answers the n-th query with numbers of rows, best first.

    `answers` is "hash" where it is the nearest by Hamming distance, "cosine" where the most
    similar, else what it is of which no recall is told. It asks `queries` at a time.
    """

    name: str
    answers: str
    ask: Callable[[int], Sequence[int] | Any]
    queries: int = 1

"""What is asked of a search: the queries and how their answers are ranked and filtered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hamsight_core.controls import masked
from hamsight_core.errors import UsageError
from hamsight_core.names import as_text

DEFAULT_K = 50
DEFAULT_RECALL = 0.95
_UINT32 = 2**32


class Kind(str, Enum):
    """What a query is given as."""

    IMAGE = "image"
    TEXT = "text"
    ITEM = "item"


class Combine(str, Enum):
    """How several queries make one ranking.

    `nearest`: an item counts by the query that it is most like. `balanced`: by its best rank in
    the queries' own answers, so that each query gets its share. `all`: by its worst rank in the
    queries' orders of the candidates, so that only items near to every query come first; there
    the candidates are those least far from the farthest query. docs/search.md says all of it.
    """

    NEAREST = "nearest"
    BALANCED = "balanced"
    ALL = "all"


class Rank(str, Enum):
    """`cosine` orders the candidates by cosine similarity, `hamming` ranks by the hash alone."""

    COSINE = "cosine"
    HAMMING = "hamming"


@dataclass(frozen=True, slots=True)
class Query:
    """One query: a picture's path or URL, words, or the name of a stored item."""

    kind: Kind
    given: str

    @property
    def label(self) -> str:
        """Return how the query is called in answers.

        Secrets of a URL are masked, and bytes of a path that are not UTF-8 are escaped.
        """
        given = masked(self.given) if self.kind is Kind.IMAGE else self.given
        return f"{self.kind.value}: {given}".encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class Request:
    """A search. Distances are in bits; `candidates` is how many the hash finds for cosine.

    Without `candidates` they are as many as the catalog's calibration says, or else 2000.

    `exclude_self` leaves the queries' own rows out of the answer: None those of stored items,
    True those and stored copies of the pictures, False nothing.

    Where the table has cells (`hamsight index`), so many of them are read that a share `recall`
    of the nearest is found; `exact` reads all items.
    """

    queries: tuple[Query, ...]
    k: int = DEFAULT_K
    offset: int = 0
    combine: Combine = Combine.NEAREST
    rank: Rank = Rank.COSINE
    candidates: int | None = None
    max_distance: int | None = None
    dissimilar: bool = False
    datasets: tuple[str, ...] = ()
    subsets: tuple[str, ...] = ()
    where: str | None = None
    exclude_self: bool | None = None
    model: str | None = None
    recall: float = DEFAULT_RECALL
    exact: bool = False

    def __post_init__(self) -> None:
        """Raise UsageError for what no search can mean."""
        if not self.queries:
            raise UsageError("nothing to search for: give --image, --text or --item")
        for query in self.queries:
            if not query.given.strip():
                raise UsageError(f"--{query.kind.value} is empty: say what to search for")
            if query.kind is not Kind.IMAGE:
                as_text(f"--{query.kind.value}", query.given)
        for option, names in (("--dataset", self.datasets), ("--subset", self.subsets)):
            for name in names:
                as_text(option, name)
        self._within("-k", self.k, 1, _UINT32, "at least 1")
        self._within("--offset", self.offset, 0, _UINT32, "0 or more")
        if self.candidates is not None:
            self._within("--candidates", self.candidates, 1, _UINT32, "at least 1")
        if self.max_distance is not None:
            self._within("--max-distance", self.max_distance, 0, _UINT32, "0 or more bits")
        if not 0 < self.recall <= 1:
            raise UsageError(f"--recall is {self.recall}; expected more than 0 and at most 1")

    @staticmethod
    def _within(option: str, value: int, least: int, below: int, expected: str) -> None:
        if not least <= value < below:
            raise UsageError(f"{option} is {value}; expected {expected} and less than {below}")

"""What is asked of a search: the queries and how their answers are ranked and filtered.

One definition serves the command line, Python, saved queries and HTTP, where JSON carries it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from hamsight_core.catalog.model_row import TableKind
from hamsight_core.controls import masked
from hamsight_core.errors import UsageError
from hamsight_core.names import as_text, check_options, chosen
from hamsight_query.region import Region

DEFAULT_K = 50
DEFAULT_RECALL = 0.95
_UINT32 = 2**32
_MOST_WEIGHT = 1e9


class Kind(str, Enum):
    """What a query is given as; a classifier only as a saved query."""

    IMAGE = "image"
    TEXT = "text"
    ITEM = "item"
    GROUP = "group"
    CLASSIFIER = "classifier"
    EACH_OF = "each-of"

    @property
    def is_group(self) -> bool:
        """Whether it names a group, whose items are no answers."""
        return self in (Kind.GROUP, Kind.EACH_OF)


class Combine(str, Enum):
    """How several queries make one ranking.

    `nearest`: an item counts by the query that it is most like. `balanced`: by its best rank in
    the queries' own answers, so that each query gets its share. `all`: by its worst rank in the
    queries' orders of the candidates, so that only items near to every query come first; there
    the candidates are those least far from the farthest query. `blend`: by its likeness to the
    weighted sum of the queries' embeddings. docs/search.md says all of it.
    """

    NEAREST = "nearest"
    BALANCED = "balanced"
    ALL = "all"
    BLEND = "blend"


class Rank(str, Enum):
    """`cosine` orders the candidates by cosine similarity, `hamming` ranks by the hash alone."""

    COSINE = "cosine"
    HAMMING = "hamming"


@dataclass(frozen=True, slots=True)
class Query:
    """A query: a picture's path or URL, words, or the name of a stored item or of a group.

    A group is asked for by the mean of its items or, as `each-of`, by each of them. `weight` counts
    where queries are blended; `box` is the part of a picture that is asked for.
    """

    kind: Kind
    given: str
    weight: float = 1.0
    box: Region | None = None

    @property
    def label(self) -> str:
        """Return how the query is called in answers.

        Secrets of a URL are masked, and bytes of a path that are not UTF-8 are escaped.
        """
        return f"{self.kind.value}: {self.shown}"

    @property
    def shown(self) -> str:
        """The query without its kind, with its box and weight, as `label` writes them."""
        box = "" if self.box is None else f" [{self.box}]"
        weight = "" if self.weight == 1 else f" ^{self.weight:g}"
        given = masked(self.given) if self.kind is Kind.IMAGE else self.given
        return f"{given}{box}{weight}".encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class Request:
    """A search. Distances are in bits; `candidates` is how many the hash finds for cosine.

    Without `candidates` they are as many as the catalog's calibration says, or else 2000.

    `exclude_self` leaves the queries' own rows out of the answer: None those of stored items and
    groups, True those and stored copies of the pictures, False nothing. `min_similarity` leaves
    out matches less similar (cosine, -1 to 1). With `calibrated` a similarity is the share of the
    catalog's own pairs that are no more alike, from 0 to 1.

    With several `models`, each ranks the items of its own table, and the rankings are fused.

    Where the table has cells (`hamsight index`), so many of them are read that a share `recall`
    of the nearest is found; `exact` reads all items.

    With `objects` the answer is of annotated boxes, not of pictures.

    `sort` orders what is found: all matches within `min_similarity` or `max_distance`, else the
    best `k`. It is an expression as in `where`, with `-` before it for the greatest first.

    Without queries it is a list of items, ordered by `sort`, by `random`, a seed, or by identity.
    """

    queries: tuple[Query, ...] = ()
    k: int = DEFAULT_K
    offset: int = 0
    combine: Combine = Combine.NEAREST
    rank: Rank = Rank.COSINE
    candidates: int | None = None
    max_distance: int | None = None
    min_similarity: float | None = None
    dissimilar: bool = False
    datasets: tuple[str, ...] = ()
    subsets: tuple[str, ...] = ()
    where: str | None = None
    sort: str | None = None
    random: int | None = None
    exclude_self: bool | None = None
    model: str | None = None
    models: tuple[str, ...] = ()
    calibrated: bool = False
    recall: float = DEFAULT_RECALL
    exact: bool = False
    objects: bool = False

    @property
    def table_kind(self) -> TableKind:
        """What the rows of the tables are that are searched."""
        return TableKind.of(self.objects)

    def __post_init__(self) -> None:
        """Raise UsageError for what no search can mean."""
        if not self.queries:
            self._check_list()
        else:
            self._check_search()
        for query in self.queries:
            if not query.given.strip():
                raise UsageError(f"--{query.kind.value} is empty: say what to search for")
            if query.kind is not Kind.IMAGE:
                as_text(f"--{query.kind.value}", query.given)
            if query.weight == 0 or not abs(query.weight) <= _MOST_WEIGHT:
                raise UsageError(f"{query.label}: a weight is a number other than 0, within 1e9")
            if query.box is not None and query.kind not in (Kind.IMAGE, Kind.ITEM):
                raise UsageError(f"--box is a part of a picture, which {query.label!r} is not")
        for option, names in (("--dataset", self.datasets), ("--subset", self.subsets)):
            for name in names:
                as_text(option, name)
        if self.combine is not Combine.BLEND and any(query.weight != 1 for query in self.queries):
            raise UsageError(
                "weights and --not-text blend the queries:"
                f" --combine {self.combine.value} takes neither"
            )
        self._within("-k", self.k, 1, _UINT32, "at least 1")
        self._within("--offset", self.offset, 0, _UINT32, "0 or more")
        if self.candidates is not None:
            self._within("--candidates", self.candidates, 1, _UINT32, "at least 1")
        if self.max_distance is not None:
            self._within("--max-distance", self.max_distance, 0, _UINT32, "0 or more bits")
        least = 0 if self.calibrated else -1
        if self.min_similarity is not None and not least <= self.min_similarity <= 1:
            expected = "a share, from 0 to 1" if self.calibrated else "a cosine, from -1 to 1"
            raise UsageError(f"--min-similarity is {self.min_similarity}; expected {expected}")
        if not 0 < self.recall <= 1:
            raise UsageError(f"--recall is {self.recall}; expected more than 0 and at most 1")

    @property
    def is_cut_off(self) -> bool:
        """Whether a similarity or a distance says where the matches end."""
        return self.min_similarity is not None or self.max_distance is not None

    def _check_search(self) -> None:
        if self.random is not None:
            raise UsageError("--random orders a list of items: leave the query out")
        if self.sort is not None and self.offset and not self.is_cut_off:
            raise UsageError(
                "--sort without a cut-off orders the best -k matches, which have no second page:"
                " give --min-similarity or --max-distance, or leave --offset out"
            )
        if not self.models:
            return
        if self.model is not None or len({*self.models}) < len(self.models) or not self.models[1:]:
            raise UsageError("several models are fused: name each of them once")
        if self.max_distance is not None:
            raise UsageError("the bits of several models differ: leave --max-distance out")
        if self.min_similarity is not None and not self.calibrated:
            raise UsageError(
                "cosines of several models differ in scale: with --min-similarity say --calibrated"
            )

    def _check_list(self) -> None:
        if self.models:
            raise UsageError("several models rank items for a query: for a list name one --model")
        if self.sort is not None and self.random is not None:
            raise UsageError("--sort and --random each give an order: choose one of them")
        if self.random is not None:
            self._within("--random", self.random, 0, 2**63, "a seed of 0 or more")
        ranked = {
            "--max-distance": self.max_distance is not None,
            "--min-similarity": self.min_similarity is not None,
            "--dissimilar": self.dissimilar,
            "--calibrated": self.calibrated,
        }
        for option, is_given in ranked.items():
            if is_given:
                raise UsageError(f"{option} needs a query: say what the items are compared with")
        ordered = self.sort is not None or self.random is not None
        if not (ordered or self.where is not None or self.datasets or self.subsets):
            raise UsageError(
                "nothing to search for: give words, a picture, --item or --group, or list items"
                " with --where, --dataset, --subset, --sort or --random"
            )

    @staticmethod
    def _within(option: str, value: int, least: int, below: int, expected: str) -> None:
        if not least <= value < below:
            raise UsageError(f"{option} is {value}; expected {expected} and less than {below}")

    def to_json(self) -> dict[str, Any]:
        """Return the request as JSON has it, without what is the default."""
        found: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name != "queries" and value != one.default:
                found[one.name] = list(value) if isinstance(value, tuple) else value
        for name in ("combine", "rank"):
            if name in found:
                found[name] = found[name].value
        found["queries"] = [query_json(query) for query in self.queries]
        return found

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Request:
        """Return the request that `to_json` made; weights imply `combine` blend.

        Raises UsageError for anything else.
        """
        values = dict(given)
        options = fields(cls)
        check_options(values, [one.name for one in options])
        asked = values.pop("queries", [])
        if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
            raise UsageError("queries: expected a list of objects with kind and given")
        for one in options:
            if one.name in values:
                values[one.name] = _checked(one.name, str(one.type), values[one.name])
        queries = tuple(query_from_json(one) for one in asked)
        return cls(queries, **{"combine": combine_of(queries), **values})


def combine_of(queries: Sequence[Query]) -> Combine:
    """Return how queries are combined where nobody says it: weights imply `blend`."""
    weighted = any(query.weight != 1 for query in queries)
    return Combine.BLEND if weighted else Combine.NEAREST


def query_json(query: Query) -> dict[str, Any]:
    """Return a query as the JSON of a request has it."""
    found: dict[str, Any] = {"kind": query.kind.value, "given": query.given}
    if query.weight != 1:
        found["weight"] = query.weight
    if query.box is not None:
        found["box"] = [query.box.x, query.box.y, query.box.width, query.box.height]
    return found


def query_from_json(given: Mapping[str, Any]) -> Query:
    """Return one of the queries of `Request.to_json`. Raises UsageError for anything else."""
    check_options(given, ("kind", "given", "weight", "box"))
    text, weight, box = given.get("given"), given.get("weight", 1.0), given.get("box")
    if not isinstance(text, str):
        raise UsageError("queries: each has kind and given, which are texts")
    if (
        isinstance(weight, bool)
        or not isinstance(weight, (int, float))
        or abs(weight) > _MOST_WEIGHT
    ):
        raise UsageError(f"queries: weight is {weight!r}; expected a number")
    if box is not None and not isinstance(box, list):
        raise UsageError(f"queries: box is {box!r}; expected a list of four numbers")
    kind = chosen("kind", Kind, given.get("kind", ""))
    return Query(kind, text, float(weight), None if box is None else Region.of(box))


def _checked(name: str, kind: str, value: Any) -> Any:
    """Return a JSON value as a field of a Request has it. Raises UsageError for another kind."""
    if name == "combine":
        return chosen(name, Combine, value)
    if name == "rank":
        return chosen(name, Rank, value)
    if kind.startswith("tuple"):
        fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
        value = tuple(value) if fits else value
    else:
        known = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
        fits = type(value) in known[kind.split(" ")[0]] or (value is None and "None" in kind)
    if not fits:
        raise UsageError(f"{name} is {value!r}; expected {kind.replace('None', 'null')}")
    return value

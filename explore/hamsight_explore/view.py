"""What a view asks: queries, filters, an order; and the same as a Request and as a command."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UsageError
from hamsight_core.names import chosen
from hamsight_explore.given import Given
from hamsight_query.asked import WHOLE, written
from hamsight_query.region import Region
from hamsight_query.request import Combine, Kind, Query, Request, combine_of
from hamsight_query.where.scope import quoted

TEXT_FIELDS = ("dataset", "subset", "status", "format")
FIELDS = (*TEXT_FIELDS, "tags", "groups", "attributes")
"""The fields that have facets."""
UPLOAD = "upload"
KINDS = (Kind.TEXT.value, Kind.ITEM.value, Kind.GROUP.value, Kind.EACH_OF.value, UPLOAD)
_MOST_CORNERS, _MOST_MODELS = 400, 10
_ORDER = (UPLOAD, Kind.TEXT.value, Kind.ITEM.value, Kind.GROUP.value, Kind.EACH_OF.value)
"""The order that the command line gives queries of several kinds."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One value of a facet, of which a view has the items, or has all but these."""

    field: str
    value: str
    excluded: bool = False

    @property
    def where(self) -> str:
        """Return the filter as an expression of `--where`."""
        if self.field == "attributes":
            name, _, value = self.value.partition(" = ")
            held = f"{quoted(name)} in attributes and attributes[{quoted(name)}] == {quoted(value)}"
        elif self.field in TEXT_FIELDS:
            held = f"{self.field} == {quoted(self.value)}"
        else:
            held = f"{quoted(self.value)} in {self.field}"
        return f"not ({held})" if self.excluded else held


@dataclass(frozen=True, slots=True)
class Asked:
    """A query of a view: words, the name of a stored item or group, or the key of an upload.

    `box` is the part of the picture that is asked for, in shares of its size.
    """

    kind: str
    given: str
    weight: float = 1.0
    box: Region | None = None

    @classmethod
    def of(cls, given: Given) -> Asked:
        """Return the query that an object describes. Raises UsageError."""
        kind, text = given.choice("kind", KINDS), given.text("given")
        weight, box = given.number("weight", 1.0, -1, 1), given.numbers("box")
        given.finish()
        region = Region.of([round(number, 4) for number in box]) if box else None
        return cls(kind, text, round(weight, 2), region)

    def query(self, name: str | None = None) -> Query:
        """Return what a Request has of it; `name` is that of an upload's file."""
        if self.kind == UPLOAD:
            return Query(Kind.IMAGE, name or self.given, self.weight, self.box)
        return Query(Kind(self.kind), self.given, self.weight, self.box)

    def as_json(self) -> dict[str, Any]:
        """Return the query as `of` takes it."""
        box = self.box
        numbers = None if box is None else [box.x, box.y, box.width, box.height]
        return {"kind": self.kind, "given": self.given, "weight": self.weight, "box": numbers}


@dataclass(frozen=True, slots=True)
class Lasso:
    """A part of a map: the name of its layout, and the corners of a polygon, (x, y) each."""

    map: str
    polygon: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, given: Given) -> Lasso:
        """Return the lasso that an object describes, x and y in turn. Raises UsageError."""
        analysis, numbers = given.text("map"), given.numbers("polygon", most=_MOST_CORNERS * 2)
        given.finish()
        if len(numbers) < 6 or len(numbers) % 2 or not all(map(math.isfinite, numbers)):
            raise UsageError("a lasso has three corners or more, x and y of each")
        return cls(analysis, tuple(zip(numbers[::2], numbers[1::2], strict=True)))

    def as_json(self) -> dict[str, Any]:
        """Return the lasso as `of` takes it."""
        return {"map": self.map, "polygon": [one for corner in self.polygon for one in corner]}


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows: items of a model that answer filters, ranked by queries or in order.

    `combine`, `where`, `sort`, `min_similarity` and `calibrated` are those of a Request; without
    `sort` items are in the order of their identities. A search is sorted where it has a cut-off.
    Queries are in the order that the command gives them. Several `models` are fused in a search;
    all else is of the first of them.
    """

    model: str | None = None
    queries: tuple[Asked, ...] = ()
    combine: Combine | None = None
    filters: tuple[Filter, ...] = ()
    where: str | None = None
    sort: str | None = None
    min_similarity: float | None = None
    calibrated: bool = False
    models: tuple[str, ...] = ()
    lasso: Lasso | None = None

    @classmethod
    def of(cls, given: Given) -> View:
        """Return the view that a request describes. Raises UsageError."""
        queries = [Asked.of(one) for one in given.objects("queries", most=20)]
        filters = []
        for one in given.objects("filters"):
            filters.append(
                Filter(one.choice("field", FIELDS), one.text("value"), one.flag("excluded"))
            )
            one.finish()
        least = given.number_or_none("min_similarity", -1, 1)
        combine, lasso = given.text_or_none("combine"), given.object("lasso")
        view = cls(
            model=given.text_or_none("model"),
            queries=tuple(sorted(queries, key=lambda one: _ORDER.index(one.kind))),
            combine=None if combine is None else chosen("combine", Combine, combine),
            filters=tuple(filters),
            where=given.text_or_none("where"),
            sort=given.text_or_none("sort"),
            min_similarity=least,
            calibrated=given.flag("calibrated"),
            models=tuple(given.texts("models", most=_MOST_MODELS)),
            lasso=None if lasso is None else Lasso.of(lasso),
        )
        given.finish()
        return view

    def as_json(self) -> dict[str, Any]:
        """Return the view as `of` takes it."""
        return {
            "model": self.model,
            "queries": [one.as_json() for one in self.queries],
            "combine": None if self.combine is None else self.combine.value,
            "filters": [asdict(one) for one in self.filters],
            "where": self.where,
            "sort": self.sort,
            "min_similarity": self.min_similarity,
            "calibrated": self.calibrated,
            "models": list(self.models),
            "lasso": None if self.lasso is None else self.lasso.as_json(),
        }

    def request(self, queries: Sequence[Query], k: int, model: str | None = None) -> Request:
        """Return what `hamsight query` is asked for the same; `queries` are the view's.

        Raises UsageError for what no search can mean.
        """
        is_found_set = not queries or self.min_similarity is not None
        where, sort = self.expression(), self.sort if is_found_set else None
        if not queries and where is None and sort is None:
            sort = fill("identity").partition(",")[0]
        return Request(
            tuple(queries),
            k=k,
            combine=self.combine or combine_of(queries),
            where=where,
            sort=sort,
            min_similarity=self.min_similarity if queries else None,
            calibrated=self.calibrated and bool(queries),
            models=self.models if queries else (),
            model=None if self.models and queries else model or self.model,
        )

    def expression(self, without: str | None = None) -> str | None:
        """Return the filters as one expression of `--where`, None where there are none.

        Values of one field that are asked for are alternatives. `without` leaves out those of a
        field, for a count of what else it might be.
        """
        parts = [] if self.where is None else [self.where]
        for field in FIELDS:
            wanted = [one.where for one in self.filters if one.field == field and not one.excluded]
            if wanted and field != without:
                parts.append(" or ".join(f"({one})" for one in wanted) if wanted[1:] else wanted[0])
            parts.extend(one.where for one in self.filters if one.field == field and one.excluded)
        if not parts:
            return None
        return " and ".join(f"({part})" for part in parts) if parts[1:] else parts[0]

    def command(self, location: str, uploads: Sequence[str]) -> str | None:
        """Return the `hamsight query` that gives the same answer; `uploads` are files' names.

        There is none for a part of a map.
        """
        if self.lasso is not None:
            return None
        names = iter(uploads)
        queries = [one.query(next(names) if one.kind == UPLOAD else None) for one in self.queries]
        words = ["hamsight", "query"]
        has_boxes = any(query.box is not None for query in queries)
        for query in queries:
            words.extend((f"--{query.kind.value}", written(query)))
            if has_boxes and query.kind in (Kind.IMAGE, Kind.ITEM):
                words.extend(("--box", WHOLE if query.box is None else str(query.box)))
        request = self.request(queries, 1)
        if queries[1:] and self.combine is not None:
            words.extend(("--combine", self.combine.value))
        if request.min_similarity is not None:
            words.extend(("--min-similarity", f"{request.min_similarity:g}"))
        if request.where is not None:
            words.extend(("--where", request.where))
        if request.sort is not None:
            words.append(f"--sort={request.sort}")
        if request.calibrated:
            words.append("--calibrated")
        for name in request.models or ([self.model] if self.model is not None else []):
            words.extend(("--model", name))
        return shlex.join([*words, "--db", location])

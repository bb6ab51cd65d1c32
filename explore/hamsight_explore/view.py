"""What a view asks: queries, filters, an order; and the same as `--where` and as a command."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from hamsight_explore.given import Given
from hamsight_query.request import Combine, Kind
from hamsight_query.where.scope import quoted

TEXT_FIELDS = ("dataset", "subset", "status", "format")
FIELDS = (*TEXT_FIELDS, "tags", "groups", "attributes")
"""The fields that have facets."""
SORTS = ("id", "filename", "width", "height", "file_size", "subset", "status", "ingested_at")
UPLOAD = "upload"
_KINDS = (Kind.TEXT.value, Kind.ITEM.value, UPLOAD)


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
    """A query of a view: words, the name of a stored item, or the key of an upload."""

    kind: str
    given: str


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows: items of a model that answer filters, ranked by queries or in order."""

    model: str | None = None
    queries: tuple[Asked, ...] = ()
    combine: Combine = Combine.NEAREST
    filters: tuple[Filter, ...] = ()
    where: str | None = None
    sort: str | None = None
    descending: bool = False

    @classmethod
    def of(cls, given: Given) -> View:
        """Return the view that a request describes. Raises UsageError."""
        queries, filters = [], []
        for one in given.objects("queries", most=20):
            queries.append(Asked(one.choice("kind", _KINDS), one.text("given")))
            one.finish()
        for one in given.objects("filters"):
            filters.append(
                Filter(one.choice("field", FIELDS), one.text("value"), one.flag("excluded"))
            )
            one.finish()
        sort = given.object("sort")
        column = None if sort is None else sort.choice("by", SORTS)
        descending = sort is not None and sort.flag("descending")
        if sort is not None:
            sort.finish()
        view = cls(
            given.text_or_none("model"),
            tuple(queries),
            Combine(given.choice("combine", [one.value for one in Combine], "nearest")),
            tuple(filters),
            given.text_or_none("where"),
            column,
            descending,
        )
        given.finish()
        return view

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

    def command(self, location: str, uploads: Sequence[str]) -> str:
        """Return the `hamsight query` that gives the same answer; `uploads` are files' names."""
        words = ["hamsight", "query"]
        names = iter(uploads)
        for one in self.queries:
            if one.kind == UPLOAD:
                words.extend(("--image", next(names)))
            else:
                words.extend((f"--{one.kind}", one.given))
        if self.queries[1:] and self.combine is not Combine.NEAREST:
            words.extend(("--combine", self.combine.value))
        where = self.expression()
        if where is not None:
            words.extend(("--where", where))
        if self.model is not None:
            words.extend(("--model", self.model))
        return shlex.join([*words, "--db", location])

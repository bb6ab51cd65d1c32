"""What a search reads: the items that come first by distance, of all or of those that hashes apart
from the items, in near cells or in memory, say are near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Protocol

from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.model_row import TableKind, kind_of
from hamsight_core.catalog.statements import all_of, fill, union_of
from hamsight_query.request import Combine, Request
from hamsight_query.term import Term, measured
from hamsight_query.vector_index import candidates_by_index


class Apart(Protocol):
    """Hashes that stand apart from the items: in near cells, or in memory.

    `limit` is the parameter that says how many of them are looked up.
    """

    @property
    def limit(self) -> str: ...  # noqa: D102 - above

    def hashes(self, layout: Layout) -> str:
        """Return their table."""
        ...

    def conditions(self, terms: Sequence[Term], held: Sequence[str]) -> Sequence[str]:
        """Return what they must hold, of the conditions `held` of a search."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """How candidates are read: with the columns that describe items, or not; in one scan or two.

    `apart` looks among hashes that stand apart in place of all items, and `checked` tells whether
    there were enough; `sorted` adds the columns that matches are sorted by.
    """

    described: bool
    one_scan: bool = False
    apart: Apart | None = None
    checked: bool = False
    sorted: bool = False

    def columns(self, table: str) -> str:
        """Return the columns of candidates of a table."""
        if not self.described:
            return fill("identity")
        return ", ".join([self.first_columns, *self._described(table)])

    @property
    def first_columns(self) -> str:
        """The columns of an answer before `distance`."""
        return fill("identity_and_place" if self.described else "identity")

    def more(self, table: str) -> str:
        """Return the columns of an answer after `query`."""
        parts = self._described(table)
        parts.extend([fill("whole")] if self.one_scan else [])
        parts.extend([fill("whole_in_cells")] if self.checked else [])
        return "".join(f",\n    {part}" for part in parts)

    def _described(self, table: str) -> list[str]:
        parts = [described_by(table)] if self.described else []
        return [*parts, what_else_sorts(kind_of(table))] if self.sorted else parts

    @property
    def bounds(self) -> str:
        """What tells how near the items are that one scan found."""
        return f",\n{indent(fill('bounds'), ' ' * 8)}" if self.one_scan else ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates of a request's queries (`terms`) in an items table, as SQL.

    `conditions` are those of the request's filters; `excluded` is the fragment that tells the
    queries' own items; `by_index` says that a vector index finds what is near.
    """

    request: Request
    terms: Sequence[Term]
    table: str
    conditions: Sequence[str]
    excluded: str
    layout: Layout
    by_index: bool

    def of_all(self, form: Form) -> str:
        """Return the candidates by distance to the nearest query, or the farthest (`all`)."""
        every = self.request.combine is Combine.ALL
        counting = "greatest_of" if every and not self.request.dissimilar else "least_of"
        within = "greatest_of" if every else "least_of"
        return self._read(
            form,
            self.terms,
            _one_of(counting, [term.ordered for term in self.terms]),
            _one_of(within, [term.named for term in self.terms]),
        )

    def of_each(self, form: Form) -> str:
        """Return the candidates of every query for itself."""
        selects = []
        for term in self.terms:
            read = self._read(form, [term], term.ordered, term.named)
            candidates = indent(read, " " * 4).lstrip()
            selects.append(fill("candidates_of_query", number=term.number, candidates=candidates))
        return union_of(selects)

    def of_apart(self, form: Form, apart: Apart) -> str:
        """Return the whole search where the hash of one query alone ranks what `apart` holds."""
        (term,) = self.terms
        nearness = self._nearness(term.ordered)
        return fill(
            "search_apart",
            measured=measured([term]),
            first_columns=form.first_columns,
            distance=term.named,
            similarity=indent(term.similarity, " " * 4).lstrip(),
            more=form.more(self.table),
            table=self.table,
            conditions=self._among(apart, [term], nearness, self._held(term.named)),
            excluded=self.excluded,
            nearness=nearness,
        )

    def _read(self, form: Form, terms: Sequence[Term], counting: str, within: str) -> str:
        """Return candidates in the order of `counting`, cut off by the distance `within`."""
        nearness, held = self._nearness(counting), self._held(within)
        if form.apart:
            held = [self._among(form.apart, terms, nearness, held)]
        conditions = all_of(held)
        parts = {
            "table": self.table,
            "columns": form.columns(self.table),
            "excluded": self.excluded,
            "similarities": listed([term.similarity for term in terms], 4),
            "distances": listed([term.distance for term in terms], 4),
            "order": listed([term.order for term in terms], 4),
            "nearness": nearness,
        }
        if self.by_index:
            numbers = [term.number for term in terms]
            return candidates_by_index(numbers, self.layout, condition=conditions, **parts)
        if not (form.apart or form.one_scan):
            return fill("candidates", conditions=conditions, **parts)
        ties, limit = (f", {fill('identity')}", "scanned") if form.apart else ("", "fetched")
        return fill(
            "candidates_in_one_scan", conditions=conditions, ties=ties, limit=limit, **parts
        )

    def _among(
        self, apart: Apart, terms: Sequence[Term], nearness: str, held: Sequence[str]
    ) -> str:
        """Return the condition that an item is near by hashes that stand apart from its table."""
        conditions = all_of(apart.conditions(terms, held))
        return fill(
            "among_hashes",
            hashes=apart.hashes(self.layout),
            conditions=conditions or fill("every_item"),
            measured=measured(terms),
            nearness=nearness,
            limit=apart.limit,
        )

    def _nearness(self, counting: str) -> str:
        return fill("reversed", value=counting) if self.request.dissimilar else counting

    def _held(self, within: str) -> list[str]:
        """Return the conditions that items meet, with the cut-off of the distance `within`."""
        if self.request.max_distance is None:
            return list(self.conditions)
        return [*self.conditions, fill("distance_within", distance=within)]


def described_by(table: str) -> str:
    """Return the columns that describe the items, or objects, of a table."""
    objects = kind_of(table) is TableKind.OBJECTS
    return fill("described_object" if objects else "described")


def what_else_sorts(kind: TableKind) -> str:
    """Return the columns that matches are sorted by, other than those that describe them."""
    return fill("what_else_sorts_objects" if kind is TableKind.OBJECTS else "what_else_sorts")


def listed(values: Sequence[str], depth: int) -> str:
    """Return values as a list of SQL, a line each where there are several."""
    if len(values) == 1:
        return indent(values[0], " " * depth).lstrip()
    lines = ",\n".join(indent(value, " " * (depth + 4)) for value in values)
    return f"\n{lines}\n{' ' * depth}"


def _one_of(choice: str, names: Sequence[str]) -> str:
    """Return the least or greatest of the values of those names.

    Two at a time: of more at once ClickHouse takes three times as long as to compute them.
    """
    left = list(names)
    while len(left) > 1:
        pairs = [left[n : n + 2] for n in range(0, len(left), 2)]
        left = [fill(choice, values=", ".join(pair)) if pair[1:] else pair[0] for pair in pairs]
    return left[0]

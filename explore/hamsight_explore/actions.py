"""Changes of items that the page makes, each with the way back."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from hamsight.session import Session
from hamsight_core.catalog.catalog import Catalog, TableKind
from hamsight_core.catalog.generations import view_of
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity
from hamsight_core.names import checked
from hamsight_curate.selection import Selection, conditions
from hamsight_explore.directory import Directory
from hamsight_ingest.object_writer import of_parents

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_UNDONE = 100


@dataclass(frozen=True, slots=True)
class Done:
    """A change: how many items it was for, how many it changed, and the number to undo it by."""

    label: str
    selected: int
    changed: int
    undo: int | None


@dataclass(frozen=True, slots=True)
class Made:
    """A change that was made: for how many items, how many it changed, and the way back."""

    label: str
    selected: int
    changed: int
    back: Callable[[Session], None]


class Actions:
    """Groups, status, attributes and deleting, one change at a time, undone in their order."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._made: list[Made] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.version = 0
        """Rises with every change that a page makes."""

    @property
    def last(self) -> str | None:
        """What `undo` would undo."""
        return self._made[-1].label if self._made else None

    def group(self, session: Session, name: str, numbers: NDArray[np.uint32], *, add: bool) -> Done:
        """Put items into a group, or take them out of it."""
        with self.changing(session):
            return self.done(self.put(session, name, numbers, add=add))

    def put(self, session: Session, name: str, numbers: NDArray[np.uint32], *, add: bool) -> Made:
        """Put items into a group, or take them out of it, within a change."""
        import numpy as np

        checked("the name of a group", name)
        members = self._asked(session.catalog(), "group_members", {"group": name})[0]
        is_member = np.isin(numbers, members)
        changing = self._identities(numbers[~is_member] if add else numbers[is_member])

        def put(session: Session, *, add: bool) -> None:
            if changing:
                (session.add_to_group if add else session.remove_from_group)(name, changing)

        put(session, add=add)
        label = f"{len(changing)} {'put into' if add else 'taken out of'} {name!r}"
        return Made(label, len(numbers), len(changing), lambda session: put(session, add=not add))

    def status(self, session: Session, status: str, numbers: NDArray[np.uint32]) -> Done:
        """Give items a status."""
        with self.changing(session):
            items, former = self._asked(session.catalog(), "statuses", {"status": status})
            back = self._grouped(numbers, items, former)
            changing = [identity for identities in back.values() for identity in identities]
            if changing:
                session.set(changing, status=status)

            def undo(session: Session) -> None:
                for value, identities in back.items():
                    session.set(identities, status=value)

            label = f"{len(changing)} set to {status!r}"
            return self.done(Made(label, len(numbers), len(changing), undo))

    def attribute(
        self, session: Session, name: str, value: str | None, numbers: NDArray[np.uint32]
    ) -> Done:
        """Give items a value of an attribute, or take the attribute from them (None)."""
        with self.changing(session):
            return self.done(self.assign(session, name, {value: numbers}))

    def assign(
        self, session: Session, name: str, wanted: Mapping[str | None, NDArray[np.uint32]]
    ) -> Made:
        """Give items the value of an attribute that `wanted` has them under, within a change."""
        import numpy as np

        checked("the name of an attribute", name)
        items, former = self._asked(session.catalog(), "attribute_values", {"name": name})
        values: dict[str, list[Identity]] = {}
        without: list[Identity] = []
        changed = 0
        for value, numbers in wanted.items():
            back = self._grouped(numbers, items, former)
            if value is not None:
                back.pop(value, None)
                lacking = self._identities(numbers[~np.isin(numbers, items)])
            else:
                lacking = []
            changing = [*lacking, *(one for some in back.values() for one in some)]
            if changing and value is None:
                session.set(changing, remove_attributes=[name])
            elif changing and value is not None:
                session.set(changing, attributes={name: value})
            changed += len(changing)
            without += lacking
            for text, identities in back.items():
                values.setdefault(text, []).extend(identities)

        def undo(session: Session) -> None:
            for text, identities in values.items():
                session.set(identities, attributes={name: text})
            if without:
                session.set(without, remove_attributes=[name])

        value = next(iter(wanted), None)
        given = f"lost {name!r}" if value is None else f"got {name!r}"
        words = f"{given} = {value!r}" if value is not None and len(wanted) == 1 else given
        selected = sum(map(len, wanted.values()))
        return Made(f"{changed} {words}", selected, changed, undo)

    def way_back(self, catalog: Catalog, name: str) -> Callable[[Session], None]:
        """Return what gives all items the values of an attribute that they have now."""
        import numpy as np

        items, values = self._asked(catalog, "attribute_values", {"name": name})

        def undo(session: Session) -> None:
            now, _ = self._asked(session.catalog(), "attribute_values", {"name": name})
            former = {value: items[values == value] for value in set(values.tolist())}
            self.assign(session, name, {**former, None: now[~np.isin(now, items)]})

        return undo

    def delete(self, session: Session, numbers: NDArray[np.uint32]) -> Done:
        """Delete items from the catalog; their files stay."""
        with self.changing(session):
            return self.done(self.remove(session, numbers))

    def remove(self, session: Session, numbers: NDArray[np.uint32]) -> Made:
        """Delete items from the catalog, within a change."""
        catalog, identities = session.catalog(), self._identities(numbers)
        kept = _rows(catalog, identities)
        deleted = session.delete(identities) if identities else 0

        def undo(session: Session) -> None:
            catalog = session.catalog()
            for model, kind, rows in kept:
                table = catalog.model(model, kind=kind).items_table
                catalog.client.raw_insert(table, insert_block=rows, fmt="Native")

        return Made(f"{deleted} deleted", len(numbers), deleted, undo)

    def undo(self, session: Session) -> str:
        """Undo the last change that was not undone; return what it was. Raises UsageError."""
        with self.changing(session):
            if not self._made:
                raise UsageError("nothing to undo: this page has changed nothing yet")
            last = self._made[-1]
            last.back(session)
            self._made.pop()
            self.version += 1
            return last.label

    @contextmanager
    def changing(self, session: Session) -> Iterator[None]:
        """Hold what keeps others from changing items between a look at them and their change."""
        with self._lock, session.catalog().locked("a change in the page"):
            yield

    def done(self, made: Made) -> Done:
        """Note a change that was made, so that it can be undone; within that change."""
        if not made.changed:
            return Done(made.label, made.selected, 0, None)
        self.version += 1
        self._made = [*self._made, made][-_UNDONE:]
        return Done(made.label, made.selected, made.changed, next(self._numbers))

    def _identities(self, numbers: NDArray[np.uint32]) -> list[Identity]:
        return self._directory.identities(numbers)

    def _asked(
        self, catalog: Catalog, statement: str, parameters: dict[str, str]
    ) -> tuple[NDArray[np.uint32], NDArray[np.object_]]:
        """Return the items that a statement finds in any model's table, and its second column."""
        import numpy as np

        numbers, values = [], []
        for model in catalog.models():
            table = view_of(model.items_table)
            found = catalog.arrow(fill(statement, table=table), parameters)
            hashes = found["item"].to_numpy()
            some, known = self._directory.numbers(catalog, table, hashes)
            numbers.append(some)
            values.append(np.array(found[found.column_names[-1]].to_pylist(), object)[known])
        every, first = np.unique(np.concatenate(numbers), return_index=True)
        return every, np.concatenate(values)[first]

    def _grouped(
        self, numbers: NDArray[np.uint32], items: NDArray[np.uint32], values: NDArray[np.object_]
    ) -> dict[str, list[Identity]]:
        """Return the identities of those of `numbers` that are among items, by items' values."""
        import numpy as np

        wanted = np.isin(items, numbers)
        found: dict[str, list[Identity]] = {}
        identities = self._identities(items[wanted])
        for identity, value in zip(identities, values[wanted], strict=True):
            found.setdefault(value, []).append(identity)
        return found


def _rows(catalog: Catalog, identities: Sequence[Identity]) -> list[tuple[str, TableKind, bytes]]:
    """Return the rows of items and their objects, as Native, by the model and its table's kind."""
    kept = []
    for model in catalog.models(None):
        if model.kind is TableKind.ITEMS:
            selection = Selection(list(identities))
            asked = [
                (one.sql, dict(one.parameters))
                for one in conditions(catalog, [model.items_table], selection)
            ]
        else:
            asked = [
                (fill("of_parents"), given)
                for dataset, some in groupby(sorted(identities), itemgetter(0))
                for given in of_parents(dataset, [one[1:] for one in some])
            ]
        for condition, given in asked:
            sql = fill("rows_kept", table=model.items_table, condition=condition)
            if rows := catalog.client.raw_query(sql, parameters=given, fmt="Native"):
                kept.append((model.name, model.kind, rows))
    return kept

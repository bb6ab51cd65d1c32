"""What a page decides about findings: remembered in the catalog, and undone like every change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hamsight.session import Session
from hamsight_analyze.decisions import (
    Finding,
    decide,
    forget,
    forget_pairs,
    keep_pairs,
    pairs_of,
    read_decided,
)
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.generations import view_of
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity
from hamsight_core.names import checked
from hamsight_curate.labels import put_back, replace_tags
from hamsight_curate.to_subset import move_back, move_groups
from hamsight_explore.actions import Actions, Done, Made
from hamsight_explore.directory import Directory
from hamsight_explore.findings import Findings, Listed, entries_of, identity_of, items_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REMEMBERED = {
    "keep": "kept",
    "ignore": "ignored",
    "group": "grouped",
    "delete": "deleted",
    "relabel": "relabelled",
    "move": "moved",
    "reconsider": "",
}
"""What can be decided, and how the catalog remembers it."""
_OF_KIND = {
    "duplicates": ("keep", "group", "delete", "reconsider"),
    "leaks": ("move", "keep", "group", "reconsider"),
    "mislabelled": ("relabel", "ignore", "group", "reconsider"),
    "outliers": ("ignore", "group", "delete", "reconsider"),
    "quality": ("ignore", "group", "delete", "reconsider"),
}
_Rows = Sequence[dict[str, Any]]


class Decisions:
    """Decides entries of lists, with what follows of it: groups, tags, deleted items."""

    def __init__(self, actions: Actions, findings: Findings, directory: Directory) -> None:
        self._actions, self._findings, self._directory = actions, findings, directory

    def decide(
        self,
        session: Session,
        listed: Listed,
        keys: NDArray[np.uint32],
        decision: str,
        name: str,
        kept: Sequence[Identity] = (),
    ) -> Done:
        """Decide entries of a list. Raises UsageError for what cannot be decided of their kind.

        `name` is the group that items are put into, the subset that they move to, or the tag that
        takes the place of the wrong one (without it, the suggested). `kept` are items of groups of
        duplicates to keep in place of those that the analysis found best.
        """
        if decision not in _OF_KIND[listed.kind]:
            choices = ", ".join(_OF_KIND[listed.kind])
            raise UsageError(f"{decision!r} is no decision about {listed.kind}; expected {choices}")
        rows = self._findings.rows(session.catalog(), listed.analysis, listed.kind, keys)
        if not rows:
            raise UsageError("nothing is chosen to decide")
        with self._actions.changing(session):
            made = self._follow(session, listed, rows, decision, name, kept)
            change = decide(session.catalog(), map(_finding, rows), REMEMBERED[decision])

            def undo(session: Session) -> None:
                made.back(session)
                forget(session.catalog(), change)

            count = len(keys)
            label = f"{count} {'entry' if count == 1 else 'entries'}: {made.label}"
            return self._actions.done(Made(label, count, count, undo))

    def _follow(
        self,
        session: Session,
        listed: Listed,
        rows: _Rows,
        decision: str,
        name: str,
        kept: Sequence[Identity],
    ) -> Made:
        """Do what a decision asks for besides being remembered."""
        catalog = session.catalog()
        if decision in ("group", "delete"):
            numbers = self._numbers(catalog, listed, _others(listed.kind, rows, kept))
            if decision == "delete":
                return self._actions.remove(session, numbers)
            return self._actions.put(session, name, numbers, add=True)
        if decision == "relabel":
            return _relabel(catalog, rows, name)
        if decision == "move":
            return _move(catalog, _members(listed.kind, rows), name)
        if decision == "ignore":
            return _made("ignored")
        known = read_decided(catalog) if listed.kind in ("duplicates", "leaks") else frozenset()
        pairs = pairs_of(_members(listed.kind, rows)) if known or decision == "keep" else []
        if decision == "keep":
            new = [pair for pair in pairs if pair not in known]
            keep_pairs(catalog, new)
            return _made("kept", lambda session: forget_pairs(session.catalog(), new))
        former = [pair for pair in pairs if pair in known]
        forget_pairs(catalog, former)
        return _made("to be decided again", lambda session: keep_pairs(session.catalog(), former))

    def _numbers(
        self, catalog: Catalog, listed: Listed, identities: Sequence[Identity]
    ) -> NDArray[np.uint32]:
        table = view_of(catalog.model(listed.model).items_table)
        return self._directory.of_identities(catalog, table, identities)[0]


def _made(label: str, back: Callable[[Session], None] = lambda session: None) -> Made:
    return Made(label, 0, 0, back)


def _finding(row: dict[str, Any]) -> Finding:
    return Finding(row["finding"], identity_of(row), identity_of(row, "other_"), row["tag"])


def _others(kind: str, rows: _Rows, kept: Sequence[Identity]) -> list[Identity]:
    """Return the items that a decision is for: of duplicates those that are not kept."""
    if kind != "duplicates":
        found = [one for group in _members(kind, rows) for one in group]
        return list(dict.fromkeys(found))
    best = {identity_of(row) for row in rows if row["keep"]}
    rest: list[Identity] = []
    for members in _members(kind, rows):
        keeping = set(kept).intersection(members) or best.intersection(members)
        rest += [one for one in members if one not in keeping]
    return rest


def _members(kind: str, rows: _Rows) -> list[list[Identity]]:
    """Return the items of each group, pair or finding."""
    return [items_of(of_entry) for of_entry in entries_of(rows, kind)]


def _relabel(catalog: Catalog, rows: _Rows, name: str) -> Made:
    if name:
        checked("the tag", name)
    replaced: dict[Identity, dict[str, str]] = {}
    for row in rows:
        replaced.setdefault(identity_of(row), {})[row["tag"]] = name or row["suggested"]
    made = replace_tags(catalog, replaced)
    label = f"{made.change.changed} tags changed"
    return _made(label, lambda session: put_back(session.catalog(), made))


def _move(catalog: Catalog, pairs: Sequence[Sequence[Identity]], subset: str) -> Made:
    moved = move_groups(catalog, pairs, subset)
    blocked = len(moved.blocked)
    if not moved.moved:
        reason = "it has items of these ids already" if blocked else "they stand in other datasets"
        raise UsageError(f"no picture can move to the subset {subset!r}: {reason}")
    items = [identity for _, identity in moved.moved]
    label = f"{len(items)} moved to {subset!r}" + (f", {blocked} could not" if blocked else "")

    def back(session: Session) -> None:
        move_back(session.catalog(), items)

    return _made(label, back)

"""Moved files: the places that the catalog keeps of a dataset's images follow them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import SourceError, UsageError
from hamsight_core.images.places.uris import PATH_SCHEMES, holding_file, scheme
from hamsight_curate.datasets import check_dataset

_SAMPLE = 100
_PAGE = 10_000
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Moved:
    """How many items got new places, and how many of their files were looked at there."""

    former_root: str
    new_root: str
    items: int
    checked: int


def move_dataset(
    catalog: Catalog,
    dataset: str,
    new_root: str,
    *,
    former_root: str | None = None,
    check_all: bool = False,
) -> Moved:
    """Replace the root of the places of a dataset's files, after looking for files at the new.

    `former_root` is by default the place from which the dataset was ingested. A hundred files
    are looked for, all with `check_all`; those of a URL are not. Raises UsageError for an unknown
    dataset or a root that no file is under, and SourceError naming the files that are not there.
    """
    check_dataset(catalog, dataset)
    former = _root(former_root) if former_root else _source(catalog, dataset)
    new = _root(new_root)
    if former == new:
        raise UsageError(f"the files of {dataset!r} are at {new} already")
    if scheme(new) is None and not Path(new).exists():
        raise UsageError(f"there is no {new}: move the files first, then tell the catalog")
    tables = [model.items_table for model in catalog.models()]
    moves = [_Move(dataset, *pair) for pair in _pairs(former, new)]
    under = [(table, move, move.count(catalog, table)) for table in tables for move in moves]
    if not any(count for _, _, count in under):
        raise UsageError(
            f"no file of {dataset!r} is under {former}: name the folder that was moved"
            f" with --from; one of its files is {_example(catalog, tables, dataset)}"
        )
    checked = sum(_check(catalog, table, move, check_all) for table, move, count in under if count)
    with catalog.locked("a change of places of files"):
        for table in [*(model.items_table for model in catalog.models(None)), "rejects"]:
            for move in moves:
                move.run(catalog, "uri", table)
        for move in moves:
            move.run(catalog, "source", "ingests")
    items = max(sum(c for t, _, c in under if t == table) for table in tables)
    return Moved(former, new, items, checked)


@dataclass(frozen=True, slots=True)
class _Move:
    dataset: str
    root: str
    new_root: str

    @property
    def parameters(self) -> dict[str, Any]:
        return {"dataset": self.dataset, "root": self.root, "new_root": self.new_root}

    def condition(self, column: str) -> str:
        return fill("under_root", place=fill("place_of", uri=column))

    def count(self, catalog: Catalog, table: str) -> int:
        fragments = {"table": table, "condition": self.condition("uri")}
        return int(catalog.rows("count_rows", self.parameters, **fragments)[0][0])

    def run(self, catalog: Catalog, column: str, table: str) -> None:
        fragments = {"uri": column, "place": fill("place_of", uri=column)}
        condition = self.condition(column)
        catalog.run("move_files", self.parameters, table=table, condition=condition, **fragments)

    def uris(self, catalog: Catalog, table: str, everything: bool) -> Iterator[str]:
        fragments = {"table": table, "condition": self.condition("uri")}
        if not everything:
            given = {**self.parameters, "limit": _SAMPLE}
            yield from (row[0] for row in catalog.rows("sample_under_root", given, **fragments))
            return
        after = ""
        while True:
            given = {**self.parameters, "limit": _PAGE, "after": after}
            page = [row[0] for row in catalog.rows("places_under_root", given, **fragments)]
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1]

    def moved(self, uri: str) -> str:
        head, mark, place = uri.rpartition("::")
        return f"{head}{mark}{self.new_root}{place[len(self.root) :]}"


def _check(catalog: Catalog, table: str, move: _Move, everything: bool) -> int:
    """Look for the files at their new places; return how many were looked at."""
    checked, missing = 0, []
    for uri in move.uris(catalog, table, everything):
        path = holding_file(move.moved(uri))
        if path is not None:
            checked += 1
            if not path.exists():
                missing.append(str(path))
    if missing:
        more = len(missing) - _LISTED
        listed = ", ".join(missing[:_LISTED]) + (f" and {more} more" if more > 0 else "")
        raise SourceError(
            f"{len(missing)} of {checked} files of {move.dataset!r} are not at their new places:"
            f" {listed}. Nothing was changed; --from says which folder was moved"
        )
    return checked


def _pairs(former: str, new: str) -> Iterator[tuple[str, str]]:
    """Yield the old and the new root in every form in which a uri may hold them."""
    yield former, new
    if scheme(former) is None and scheme(new) is None:
        before, after = (PurePath(root).as_uri().removeprefix("file") for root in (former, new))
        for form in PATH_SCHEMES:
            yield form + before, form + after


def _root(text: str) -> str:
    """Return a root without a slash at its end, a path made absolute."""
    if not text.strip() or "\x00" in text:
        raise UsageError(f"{text!r} is no folder or URL")
    if scheme(text) is not None:
        return text.rstrip("/")
    return re.sub(r"(?<=.)[/\\]+$", "", str(Path(text).expanduser().absolute()))


def _source(catalog: Catalog, dataset: str) -> str:
    sources = [row[0] for row in catalog.rows("find_dataset_sources", {"dataset": dataset})]
    if len(sources) != 1:
        places = ", ".join(sources[:_LISTED]) or "nowhere that the catalog remembers"
        raise UsageError(
            f"the dataset {dataset!r} was ingested from {places}:"
            " name the folder that was moved with --from"
        )
    return str(sources[0])


def _example(catalog: Catalog, tables: list[str], dataset: str) -> str:
    condition = fill("of_dataset")
    for table in tables:
        given = {"dataset": dataset, "after": "", "limit": 1}
        rows = catalog.rows("places_under_root", given, table=table, condition=condition)
        if rows:
            return str(rows[0][0])
    return "none: it has no items"

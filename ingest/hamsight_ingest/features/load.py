"""`hamsight import-features`, short of its command line."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.generations import server_time
from hamsight_core.catalog.paging import item_pages
from hamsight_core.catalog.statements import fill, union_of
from hamsight_core.errors import SourceError, UsageError
from hamsight_core.hashing.sign import SIGN, bits_of
from hamsight_core.items import item_name
from hamsight_core.moments import now_us
from hamsight_core.names import listed
from hamsight_ingest.features.check import Checker
from hamsight_ingest.features.files import read_features
from hamsight_ingest.listing import printable
from hamsight_ingest.record import Record
from hamsight_ingest.source import ReadOptions
from hamsight_ingest.upkeep.tune import keep_measured
from hamsight_ingest.writer import Counts

FORMAT = "features"
_PAGE = 50_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, for each dataset of the file."""

    model: CatalogModel
    datasets: Mapping[str, Counts]


def import_features(
    catalog: Catalog,
    path: Path,
    model: str,
    *,
    dataset: str | None = None,
    subset: str | None = None,
    dimension: int | None = None,
    bits: int | None = None,
    table: str | None = None,
    columns: Mapping[str, str] | None = None,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> Imported:
    """Bring features or hashes that were made elsewhere into the table of a model.

    A model that the catalog has not is made from `dimension` or `bits`. Features are brought to
    unit length, and hashed as the model hashes where the file has no hashes. The dataset is
    `dataset`, else what the file says, else the file's name; `columns` names columns by role
    (id, dataset, subset, uri, feature, hash), `table` one of SQLite. An item that the catalog
    has keeps its metadata, one that only other models have gets theirs; one that is there as it
    is stays. All rows become visible at the end,
    or none. Raises UsageError and SourceError, which names the row.
    """
    if dataset is not None and (not dataset or "/" in dataset):
        raise UsageError(f"--dataset {dataset!r}: a dataset's name is not empty and has no '/'")
    default = printable(path.stem) if dataset is None else dataset
    given = (dataset is not None, subset is not None)
    while True:
        target = _model(catalog, model, dimension, bits)
        hash = hash_of(catalog, target)
        checker = Checker(printable(path), target, hash, default, subset or "", *given)
        staging = f"import_{uuid.uuid4().hex}"
        moment = server_time(catalog)
        catalog.run("create_import", table=staging, hash_bytes=target.bits // 8, moment=moment)
        try:
            rows = 0
            for piece in read_features(path, columns or {}, table):
                if catalog.layout.myscale and "feature" not in piece.column_names:
                    raise UsageError(
                        f"{printable(path)} holds hashes alone, but MyScale's vector index takes"
                        " only items with features: give the features too, or a catalog on"
                        " ClickHouse"
                    )
                if piece.num_rows:
                    catalog.insert(staging, checker.rows(piece, rows))
                    rows += piece.num_rows
                    on_progress(rows)
            if not rows:
                raise SourceError(f"{printable(path)} holds no rows")
            _check_twice(catalog, staging, printable(path))
            with catalog.locked("an import of features"):
                present = _registered(catalog, target)
                if present is not None:
                    _add_to_cells(catalog, staging, present)
                    counts = _move(catalog, staging, present, printable(path.absolute()))
                    break
        finally:
            catalog.drop(staging)
        # another process has given the model another hash meanwhile, and the rows have the old hash
    keep_measured(catalog, present)
    return Imported(present, counts)


def _registered(catalog: Catalog, target: CatalogModel) -> CatalogModel | None:
    """Return the model's row as it is, a new one where it has none; None for another hash."""
    if not target.items_table:
        return catalog.add_model(target)
    present = next(one for one in catalog.models() if one.name == target.name)
    same = ("bits", "hash_scheme", "digest")
    if any(getattr(present, key) != getattr(target, key) for key in same):
        return None
    return present if present.hash_settings.fit == target.hash_settings.fit else None


def _add_to_cells(catalog: Catalog, staging: str, model: CatalogModel) -> None:
    """Put the rows of the staging table into the tables of cells that the model has."""
    if tables := model.hash_settings.cell_tables:
        from hamsight_core.catalog.cells import add_to_cells

        for condition, values in item_pages(catalog, staging, _PAGE):
            page = fill("page_of_named_hashes", table=staging, conditions=condition)
            add_to_cells(catalog, tables, catalog.arrow(page, values))


def _model(catalog: Catalog, name: str, dimension: int | None, bits: int | None) -> CatalogModel:
    """Return the catalog's model of that name, or a new one without a table."""
    if dimension is not None and dimension < 1:
        raise UsageError(f"--dimension is {dimension}; expected at least 1")
    if bits is not None and (bits < 8 or bits % 8):
        raise UsageError(f"--bits is {bits}; expected a multiple of 8, at least 8")
    models = {model.name: model for model in catalog.models()}
    if name in models:
        found = models[name]
        for option, asked, has in (
            ("--dimension", dimension, found.dimension),
            ("--bits", bits, found.bits),
        ):
            if asked not in (None, has):
                raise UsageError(f"{option} is {asked}, but the catalog's model {name!r} has {has}")
        return found
    if not _NAME.fullmatch(name):
        raise UsageError(f"--model {name!r}: expected letters, digits, '.', '_' and '-'")
    if dimension is None and bits is None:
        there = f"it has {listed([*models])}" if models else "it has none"
        raise UsageError(
            f"the catalog has no model {name!r} ({there}): to make it, say --dimension of the"
            " features, or --bits where there are only hashes"
        )
    dimension = dimension or bits or 0
    return CatalogModel(
        name=name,
        items_table="",
        source=IMPORTED,
        digest=f"{IMPORTED}:{name}",
        dimension=dimension,
        bits=bits or bits_of(dimension),
        words=False,
        preprocessing="",
        hash_scheme=SIGN if bits in (None, bits_of(dimension)) else IMPORTED,
        hash_parameters="",
    )


def _check_twice(catalog: Catalog, staging: str, path: str) -> None:
    for dataset, subset, id, first, last in catalog.rows("find_imported_twice", table=staging):
        name = item_name((dataset, subset, id))
        raise SourceError(
            f"{path}, rows {first} and {last}: both are the item {name}; an id stands once in a"
            " dataset and subset. Nothing was imported"
        )


def _move(catalog: Catalog, staging: str, model: CatalogModel, source: str) -> Mapping[str, Counts]:
    """Move the rows of the staging table into the model's and record the import."""
    sizes = {str(row[0]): int(row[1]) for row in catalog.rows("count_import", table=staging)}
    of_datasets = {"datasets": list(sizes)}
    records = {
        name: Record(catalog, name, model.name, source, FORMAT, ReadOptions()) for name in sizes
    }
    table = model.items_table
    others = [one.items_table for one in catalog.models() if one.name != model.name]
    counted = [
        catalog.rows("count_of_datasets", of_datasets, table=one)[0] for one in (table, *others)
    ]
    known = [one for one, (items, _) in zip((table, *others), counted, strict=True) if items]
    moment = {**of_datasets, "ingested_us": max(now_us(), counted[0][1] + 1)}
    if not known:
        digest = fill("import_digest", uri="given.uri", row="given")
        fragments = {"table": table, "digest": digest}
        catalog.run("add_imported", moment, staging=staging, **fragments)
        counts = {name: Counts(added=size) for name, size in sizes.items()}
    else:
        uri = fill("import_uri")
        digest = fill("import_digest", uri=uri, row="given")
        fragments = {"table": table, "digest": digest, "uri": uri, "known": _known(table, known)}
        compared = catalog.rows("compare_import", of_datasets, staging=staging, **fragments)
        counts = {
            name: Counts(rows - already, already - unchanged, unchanged)
            for name, rows, already, unchanged in compared
        }
        catalog.run("merge_imported", moment, staging=staging, **fragments)
        if any(one.replaced for one in counts.values()):
            catalog.run("delete_merged", moment, table=table)
    catalog.await_replicas(table)
    for name, record in records.items():
        record.finish(counts[name], complete=True)
    return counts


def _known(own: str, tables: Sequence[str]) -> str:
    """Return a SELECT of what the tables say of items: the own, else the next that has it."""
    selects = [
        fill("known_of_model", place=1 if table == own else place, table=table)
        for place, table in enumerate(tables, 2)
    ]
    if len(selects) == 1:
        return selects[0]
    return fill("known_of_models", selects=union_of(selects))

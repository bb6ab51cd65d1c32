"""Comparing the catalog with the files, with its models and with itself; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import islice
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel, TableKind
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.generations import is_generation, view_of
from hamsight_core.catalog.paging import item_pages
from hamsight_core.catalog.schema import left
from hamsight_core.catalog.statements import all_of, fill
from hamsight_core.errors import CatalogError, ModelError, UsageError
from hamsight_core.hashing.sign import SIGN, TERNARY, bits_of
from hamsight_core.models.package import load_package
from hamsight_core.names import nearest
from hamsight_curate.verify_files import FileCheck, Files, Recorded, was_not_there
from hamsight_curate.verify_parts import damaged_parts

if TYPE_CHECKING:
    import pyarrow as pa

PAGE = 4096
_KEPT = 86_400
"""For how many seconds a former generation may be there."""
_AFTER = ("after_model", "after_dataset", "after_subset", "after_id")
_TOLERANCE = 0.01
"""How far a feature's length may be from 1: BFloat16 holds 8 bits, which cuts up to 0.004 off."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be; docs/saved.md lists the kinds.

    `model`, `dataset`, `subset` and `id` are empty where the difference is not of one.
    """

    kind: str
    model: str
    dataset: str
    subset: str
    id: str
    expected: str
    found: str


def verify(
    catalog: Catalog,
    *,
    dataset: str | None = None,
    files: Files = Files.STAT,
    page: int = PAGE,
) -> pa.Table:
    """Return a row for each difference, with the fields of `Difference`.

    Memory grows with the differences, not with the items. Raises what `differences` raises.
    """
    import pyarrow as pa

    schema = pa.schema([(field.name, pa.string()) for field in fields(Difference)])
    found = differences(catalog, dataset=dataset, files=files, page=page)
    batches = []
    while some := [astuple(one) for one in islice(found, page)]:
        columns = [pa.array(column, pa.string()) for column in zip(*some, strict=True)]
        batches.append(pa.record_batch(columns, schema=schema))
    return pa.Table.from_batches(batches, schema)


def differences(
    catalog: Catalog,
    *,
    dataset: str | None = None,
    files: Files = Files.STAT,
    page: int = PAGE,
) -> Iterator[Difference]:
    """Yield every difference of the catalog, or of one dataset, reading `page` rows at a time.

    Raises EmptyCatalogError for a database that is no catalog and UsageError for an unknown
    dataset.
    """
    if not catalog.has_table("models") or not catalog.has_table("ingests"):
        raise catalog.nothing_yet()
    known = [CatalogModel(*row) for row in catalog.rows("find_models")]
    tables = {row[0] for row in catalog.rows("items_tables")}
    usable = [model for model in catalog.models(None) if model.items_table in tables]
    datasets = {model: _datasets(catalog, model.items_table) for model in usable}
    unread: set[str] = set()
    if dataset is None:
        yield from _models_and_tables(known, usable, tables)
        yield from _left(catalog)
        for part in damaged_parts(catalog):
            unread.update(() if part.aside else {part.table})
            kind = "part-set-aside" if part.aside else "part-damaged"
            yield _differs(kind, "", f"the part {part.name} of {part.table}", part.loss)
    else:
        others = [_datasets(catalog, table) for table in ("ingests", "rejects")]
        all_names = set().union(*datasets.values(), *others)
        if dataset not in all_names:
            raise UsageError(
                f"the catalog has no dataset {dataset!r}; {nearest(dataset, all_names)}"
            )
    with FileCheck(files) as check:
        for model in usable:
            if model.items_table not in unread and (dataset is None or dataset in datasets[model]):
                if model.kind is TableKind.ITEMS:
                    yield from _package(model)
                else:
                    yield from _objects(catalog, model, usable, dataset)
                yield from _items(catalog, model, dataset, check, page)
    yield from _ingests(catalog, dataset)
    if files is not Files.NONE:
        yield from _rejects(catalog, dataset, page)


def _differs(
    kind: str, model: str, expected: str, found: str, item: Sequence[Any] = ("", "", "")
) -> Difference:
    """Return the difference; `item` begins with (dataset, subset, id)."""
    dataset, subset, id = item[:3]
    return Difference(kind, model, dataset, subset, id, expected, found)


def _models_and_tables(
    known: Sequence[CatalogModel], usable: Sequence[CatalogModel], tables: set[str]
) -> Iterator[Difference]:
    for model in known:
        if model not in usable:
            table = f"table {model.items_table}"
            yield _differs("table-missing", model.name, table, "no such table")
    views = {view_of(model.items_table) for model in known}
    for table in sorted(tables - {model.items_table for model in known}):
        if not is_generation(table) or view_of(table) not in views:
            yield _differs("model-missing", "", "a row in models", f"table {table}")


def _left(catalog: Catalog) -> Iterator[Difference]:
    """Yield what runs that were killed left."""
    for table in left(catalog, kept=_KEPT):
        expected = "no table of a run that was killed, and no old generation"
        yield _differs("leftover", "", expected, f"table {table}")
    for (table,) in catalog.rows("unfinished_encodings"):
        expected = "the re-encoding ran to its end"
        found = f"table {table}: it did not, or is still running"
        yield _differs("reencoding-unfinished", "", expected, found)


def _datasets(catalog: Catalog, table: str) -> set[str]:
    if not catalog.has_table(table):
        return set()
    return {row[0] for row in catalog.rows("datasets_in", table=table)}


def _package(model: CatalogModel) -> Iterator[Difference]:
    if model.source == IMPORTED:
        return
    try:
        package = load_package(model.source)
    except ModelError as error:
        expected = f"the package {model.digest} at {model.source}"
        yield _differs("package-missing", model.name, expected, str(error))
        return
    if package.digest != model.digest:
        yield _differs("package-digest", model.name, model.digest, package.digest)


def _objects(
    catalog: Catalog, model: CatalogModel, usable: Sequence[CatalogModel], dataset: str | None
) -> Iterator[Difference]:
    """Yield the objects whose pictures, or whose boxes there, are not in the catalog."""
    of_model = (one for one in usable if one.name == model.name and one is not model)
    pictures = next(of_model, None)
    if pictures is None:
        return
    if pictures.digest != model.digest:
        yield _differs("package-digest", model.name, pictures.digest, f"objects: {model.digest}")
    held, values = _of_dataset(dataset)
    named = {"table": model.items_table, "pictures": pictures.items_table}
    for row in catalog.rows("objects_alone", values, conditions=all_of(held), **named):
        yield _differs("object-alone", model.name, "its box in a picture", "no such box", row)


def _items(
    catalog: Catalog, model: CatalogModel, dataset: str | None, check: FileCheck, page: int
) -> Iterator[Difference]:
    """Yield what differs in the rows of one model and in their files."""
    fitted = model.hash_scheme == TERNARY
    bits = model.bits if fitted else bits_of(model.dimension)
    expected = f"FixedString({bits // 8})"
    types = catalog.rows("hash_type", {"table": model.items_table})
    kind = types[0][0] if types else "no column hash"
    comparable = model.hash_scheme == SIGN and kind == expected
    if fitted and kind == expected:
        yield from _fitted_bits(catalog, model, dataset, page)
    elif model.hash_scheme not in (SIGN, TERNARY):
        scheme = model.hash_scheme
        yield _differs("hash-scheme", model.name, SIGN, scheme)
    elif kind != expected:
        yield _differs("hash-length", model.name, expected, kind)
    if model.hash_scheme == SIGN and model.bits != bits_of(model.dimension):
        wanted = f"{bits} bits for a feature of {model.dimension}"
        yield _differs("hash-length", model.name, wanted, f"{model.bits} bits")
    wrong_bits = _wrong_bits(catalog, model) if comparable else fill("wrong_bits_unknown")
    given = {"dimension": model.dimension} if comparable else {}
    named = {"table": model.items_table, "wrong_bits": wrong_bits}
    pages = item_pages(catalog, model.items_table, page, *_of_dataset(dataset))
    for conditions, values in pages:
        rows = catalog.rows("verify_items", {**given, **values}, conditions=conditions, **named)
        yield from _twice(model, rows)
        for row in rows:
            yield from _row(model, row)
        if model.kind is TableKind.OBJECTS:  # whose files are those of their pictures
            continue
        recorded = [Recorded(row[3], row[4], row[5], row[6]) for row in rows]
        for row, faults in zip(rows, check.faults(recorded), strict=True):
            for fault in faults:
                yield _differs(fault.kind, model.name, fault.expected, fault.found, row)


def _fitted_bits(
    catalog: Catalog, model: CatalogModel, dataset: str | None, page: int
) -> Iterator[Difference]:
    """Yield the items whose hash is not what the model's fit makes of the stored feature."""
    import numpy as np

    from hamsight_core.hashing.recall import features_of, hashes_of

    try:
        hash = hash_of(catalog, model)
    except CatalogError as error:
        fit = f"the fit {model.hash_settings.fit}"
        yield _differs("hash-scheme", model.name, fit, str(error))
        return
    pages = item_pages(catalog, model.items_table, page, *_of_dataset(dataset))
    for conditions, values in pages:
        conditions = all_of((conditions, fill("of_dimension")))
        statement = fill("hashes_and_features", table=model.items_table, conditions=conditions)
        rows = catalog.arrow(statement, {**values, "dimension": model.dimension})
        if not rows.num_rows:
            continue
        made = hash.encode_images(features_of(rows["feature"]))
        wrong = np.unpackbits(made ^ hashes_of(rows["hash"]), axis=1).sum(axis=1)
        names = [rows[key].to_pylist() for key in ("dataset", "subset", "id")]
        for place in np.flatnonzero(wrong):
            item = [column[place] for column in names]
            found = f"{wrong[place]} of {model.bits} bits differ"
            yield _differs("hash-bits", model.name, "the fitted hash of the feature", found, item)


def _wrong_bits(catalog: Catalog, model: CatalogModel) -> str:
    bits = bits_of(model.dimension)
    least, most = (
        fill("sign_bits", sign=fill(sign), bits=bits, bytes=bits // 8)
        for sign in ("above", "not_below")
    )
    return catalog.layout.fill("differing_bits", other=fill("right_hash", least=least, most=most))


def _of_dataset(dataset: str | None) -> tuple[list[str], dict[str, Any]]:
    """Return the condition of a dataset, and its parameters; nothing without a dataset."""
    return ([], {}) if dataset is None else ([fill("of_dataset")], {"dataset": dataset})


def _twice(model: CatalogModel, rows: Sequence[Sequence[Any]]) -> Iterator[Difference]:
    """Yield the identities that stand more than once; rows of one stand together."""
    start = 0
    for place in range(1, len(rows) + 1):
        if place == len(rows) or rows[place][:3] != rows[start][:3]:
            if place - start > 1:
                count = f"{place - start} rows"
                yield _differs("item-twice", model.name, "1 row", count, rows[start])
            start = place


def _row(model: CatalogModel, row: Sequence[Any]) -> Iterator[Difference]:
    dimension, length, wrong_bits = row[7:]
    if dimension != model.dimension:
        expected = f"{model.dimension} numbers"
        found = f"{dimension} numbers"
        yield _differs("feature-dimension", model.name, expected, found, row)
        return
    if not abs(length - 1) <= _TOLERANCE:
        expected, found = "a feature of length 1", f"length {length:.4g}"
        yield _differs("feature-length", model.name, expected, found, row)
    if wrong_bits:
        expected, found = "the signs of the feature", f"{wrong_bits} of {model.bits} bits differ"
        yield _differs("hash-bits", model.name, expected, found, row)


def _ingests(catalog: Catalog, dataset: str | None) -> Iterator[Difference]:
    held, values = _of_dataset(dataset)
    rows = catalog.rows("unfinished_ingests", values, condition=all_of(held))
    for name, model, source, started in rows:
        expected = f"the ingest of {source} ran to its end"
        found = f"that of {started:%Y-%m-%d %H:%M:%S} UTC did not, or is still running"
        yield _differs("ingest-unfinished", model, expected, found, (name, "", ""))


def _rejects(catalog: Catalog, dataset: str | None, page: int) -> Iterator[Difference]:
    """Yield the rejects of files that were missing and are there now."""
    held, values = _of_dataset(dataset)
    conditions = held
    while catalog.has_table("rejects"):
        given = {**values, "limit": page}
        rows = catalog.rows("verify_rejects", given, conditions=all_of(conditions))
        for row in rows:
            model, uri, reason = row[0], row[4], row[5]
            if was_not_there(uri, reason):
                expected, found = f"rejected: {reason}", "the file can be read now"
                yield _differs("reject-readable", model, expected, found, row[1:])
        if len(rows) < page:
            return
        conditions = [*held, fill("after_reject")]
        values |= dict(zip(_AFTER, rows[-1][:4], strict=True))

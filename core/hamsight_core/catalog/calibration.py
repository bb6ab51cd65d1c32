"""How many candidates a search needs so that a table's hash keeps exact cosine's best ten."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.paging import item_pages
from hamsight_core.catalog.statements import fill
from hamsight_core.hashing.hash_settings import GROWTH, Calibration
from hamsight_core.hashing.recall import (
    Float32,
    Recall,
    candidates_for,
    features_of,
    hashes_of,
    recall_within,
)
from hamsight_core.hashing.sign import Hash, Kind
from hamsight_core.hashing.vocabulary import words_apart
from hamsight_core.models.encoder import encode_texts, unit_length
from hamsight_core.models.network import HERE, Compute
from hamsight_core.models.package import ModelPackage

K = 10
SHARE = 0.97
"""Of exact cosine's best ten, what the default number of candidates keeps."""
QUERIES = 200
LEAST = 500
ITEMS = 1_000_000
"""Of a larger table so many items are measured, and the places of their hashes scaled."""
_PAGE = 10_000
_TEXT_SAMPLE = 20_000
_FEW_TEXTS = 50
_SEED = 11


@dataclass(frozen=True, slots=True)
class Queries:
    """Queries of one kind; `given` are the texts, or empty for items, which have `keys`."""

    kind: Kind
    features: Float32
    keys: NDArray[np.uint64]
    given: tuple[str, ...] = ()


def calibrate(
    catalog: Catalog,
    model: CatalogModel,
    hash: Hash,
    package: ModelPackage | None,
    compute: Compute = HERE,
    making: str = "",
) -> Calibration:
    """Measure the table of a model with its own items and texts, and return what it needs.

    `making` is a side table of new hashes, which then count in place of the table's own.

    Texts are asked where there is a package with a text side, and captions or tags.
    """
    items = int(catalog.rows("count_items", table=model.items_table)[0][0])
    candidates: dict[str, int] = {}
    recall: dict[str, float] = {}
    asked: dict[str, int] = {}
    kinds = queries_of(catalog, model, package, compute)
    for queries, found in measure(catalog, model, hash, kinds, making=making):
        places = found.places()
        if not len(places):
            continue
        scale = max(1.0, items / found.items)
        needed = candidates_for(places, SHARE) * scale * GROWTH
        chosen = max(LEAST, _rounded_up(needed))
        candidates[queries.kind] = chosen
        recall[queries.kind] = round(recall_within(places, int(chosen / scale)), 4)
        asked[queries.kind] = len(places)
    return Calibration(items, candidates, recall, asked)


def queries_of(
    catalog: Catalog,
    model: CatalogModel,
    package: ModelPackage | None,
    compute: Compute = HERE,
    count: int = QUERIES,
) -> list[Queries]:
    """Return stored items as queries and, where there is a package with a text side, texts."""
    kinds = [image_queries(catalog, model, count)]
    if package is not None and package.text is not None:
        kinds.append(text_queries(catalog, model, package, compute, count))
    return kinds


def measure(
    catalog: Catalog,
    model: CatalogModel,
    hash: Hash,
    kinds: Sequence[Queries],
    k: int = K,
    making: str = "",
) -> list[tuple[Queries, Recall]]:
    """Return the queries of each kind with what the hash keeps of their exact best k.

    A kind without queries is left out. `making` is as in `calibrate`.
    """
    measured = [
        (queries, Recall(queries.features, queries.kind, hash, k, queries.keys))
        for queries in kinds
        if len(queries.features)
    ]
    for features, hashes, keys in _stream(catalog, model, making):
        for _, recall in measured:
            recall.add(features, hashes, keys)
    return measured


def image_queries(catalog: Catalog, model: CatalogModel, count: int) -> Queries:
    """Return features of stored items, drawn by identity."""
    items = int(catalog.rows("count_items", table=model.items_table)[0][0])
    given = {"seed": _SEED, "every": max(1, items // (4 * count)), "limit": count}
    table = catalog.arrow(fill("sample_keys", table=model.items_table), given)
    return Queries("image", features_of(table["feature"]), table["key"].to_numpy())


def text_queries(
    catalog: Catalog, model: CatalogModel, package: ModelPackage, compute: Compute, count: int
) -> Queries:
    """Return features of captions and names of tags that the model knows.

    Where the catalog has few, words of the vocabulary are asked too that no fit has seen.
    """
    items = int(catalog.rows("count_items", table=model.items_table)[0][0])
    given = {"seed": _SEED, "every": max(1, items // _TEXT_SAMPLE), "limit": count}
    rows = catalog.rows("sample_texts", given, table=model.items_table)
    texts = [row[0] for row in rows if row[0].strip()]
    queries = _encoded(package, texts, compute) if texts else None
    if queries is not None and len(queries.features) >= _FEW_TEXTS:
        return queries
    return _encoded(package, [*texts, *words_apart()][:count], compute)


def _encoded(package: ModelPackage, texts: Sequence[str], compute: Compute) -> Queries:
    """Return the features of texts, each once, without those that the model does not know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a caption longer than the model reads is asked cut
        features = encode_texts(package, texts, compute)
    different = np.sort(np.unique(features.round(4), axis=0, return_index=True)[1])
    known = different[features[different].any(axis=1)]
    said = tuple(texts[place] for place in known)
    return Queries("words", features[known], np.zeros(len(known), np.uint64), said)


def _stream(
    catalog: Catalog, model: CatalogModel, making: str
) -> Iterator[tuple[Float32, NDArray[np.uint8], NDArray[np.uint64]]]:
    table = model.items_table
    items = int(catalog.rows("count_items", table=table)[0][0])
    every = -(-items // ITEMS)
    drawn = ([fill("one_in")], {"every": every}) if every > 1 else ([], {})
    for conditions, values in item_pages(catalog, table, _PAGE, *drawn):
        named = {"table": table, "conditions": conditions}
        page = (
            fill("page_of_made_hashes", making=making, **named)
            if making
            else fill("page_of_hashes", **named)
        )
        rows = catalog.arrow(page, values)
        if rows.num_rows:
            features = unit_length(features_of(rows["feature"]))  # BFloat16 is off by up to 0.004
            yield features, hashes_of(rows["hash"]), rows["key"].to_numpy()


def _rounded_up(number: float) -> int:
    """Return a number of two digits and zeros that is not less."""
    whole = int(np.ceil(number))
    step: int = 10 ** max(0, len(str(whole)) - 2)
    return -(-whole // step) * step

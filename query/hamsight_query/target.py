"""From queries to what the statement compares with: hashes and features."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.fits import hash_of
from hamsight_core.errors import ImageError, UnknownItemError
from hamsight_core.hashing.sign import PLANES, Hash
from hamsight_core.hashing.sign import Kind as HashKind
from hamsight_core.images.decode import decode
from hamsight_core.images.places import fetch
from hamsight_core.models.encoder import encode_pixels, encode_texts
from hamsight_core.models.network import HERE, Compute
from hamsight_core.models.package import ModelPackage
from hamsight_core.models.tokens import check_words
from hamsight_query.named import items_like, items_named
from hamsight_query.request import Kind, Query, Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Target:
    """A query ready for SQL: `hash` in hex, `feature` of unit length.

    `planes` are bits in hex that weigh those of the hash, the lowest first; plane p counts 2^p,
    and the hash, which comes last, the most. A `sign` hash stands alone.
    `uri` is where the query's picture is, if it has one, `sha256` the digest in hex of a given
    picture's file, and `identity` a stored item's (dataset, subset, id).
    """

    query: Query
    hash: str
    feature: Sequence[float]
    uri: str | None = None
    identity: tuple[str, str, str] | None = None
    sha256: str | None = None
    planes: Sequence[str] = ()


def resolve(
    catalog: Catalog, model: CatalogModel, request: Request, compute: Compute = HERE
) -> list[Target]:
    """Return the request's queries as targets, in their order.

    Stored items are looked up; only pictures and words load the model. Raises UnknownItemError,
    ImageError naming the picture, ModelError for words that the model does not take, and
    UsageError for words that it does not know.
    """
    found: dict[Query, Target] = {}
    hash = hash_of(catalog, model)
    asked = dict.fromkeys(request.queries)
    items = [query for query in asked if query.kind is Kind.ITEM]
    if items:
        stored = _stored(catalog, model, request, items)
        found.update(zip(items, (hashed(target, hash) for target in stored), strict=True))
    others = [query for query in asked if query.kind is not Kind.ITEM]
    if others:
        package = catalog.package(model, request.model)
        for kind, encode in ((Kind.TEXT, _texts), (Kind.IMAGE, _images)):
            queries = [query for query in others if query.kind is kind]
            if queries:
                encoded = encode(package, queries, compute)
                found.update(zip(queries, (hashed(one, hash) for one in encoded), strict=True))
    return [found[query] for query in asked]


def hashed(target: Target, hash: Hash) -> Target:
    """Return the target with the hash and planes that its feature has by `hash`.

    An imported item may have a hash and no feature: it stays as it is.
    """
    import numpy as np

    if not target.feature:
        return target
    kind: HashKind = "words" if target.query.kind is Kind.TEXT else "image"
    *lower, top = hash.encode_query(np.asarray(target.feature, np.float32), kind, PLANES)
    planes = tuple(plane.tobytes().hex() for plane in lower)
    return replace(target, hash=target.hash or top.tobytes().hex(), planes=planes)


def _images(package: ModelPackage, queries: Sequence[Query], compute: Compute) -> list[Target]:
    import numpy as np

    pixels, digests = [], []
    for query in queries:
        try:
            data = fetch(query.given)
            picture = decode(data, least=package.image.preprocess.least)
        except ImageError as error:
            raise ImageError(f"--image {query.given}: {error}") from None
        pixels.append(package.image.preprocess(picture.image))
        digests.append(hashlib.sha256(data).hexdigest())
    targets = _targets(queries, encode_pixels(package, np.stack(pixels), compute))
    return [
        replace(target, uri=target.query.given, sha256=digest)
        for target, digest in zip(targets, digests, strict=True)
    ]


def _texts(package: ModelPackage, queries: Sequence[Query], compute: Compute) -> list[Target]:
    texts = [query.given for query in queries]
    check_words(package, texts)
    return _targets(queries, encode_texts(package, texts, compute))


def _targets(queries: Sequence[Query], features: NDArray[np.float32]) -> list[Target]:
    return [
        Target(query, "", feature.tolist())
        for query, feature in zip(queries, features, strict=True)
    ]


def _stored(
    catalog: Catalog, model: CatalogModel, request: Request, queries: Sequence[Query]
) -> list[Target]:
    found = items_named(catalog, model.items_table, [query.given for query in queries])
    return [_chosen(catalog, model, request, query, found[query.given]) for query in queries]


def _chosen(
    catalog: Catalog,
    model: CatalogModel,
    request: Request,
    query: Query,
    rows: Sequence[Sequence[Any]],
) -> Target:
    if len(rows) > 1:
        rows = [row for row in rows if _within(row, request)] or rows
    if len(rows) > 1:
        names = ", ".join(_unlike(query.given, row) for row in rows[:_LISTED])
        more = f" and {len(rows) - _LISTED} more" if len(rows) > _LISTED else ""
        raise UnknownItemError(
            f"--item {query.given!r} names {len(rows)} items: {names}{more}."
            " Say DATASET/SUBSET/ID, or narrow with --dataset and --subset"
        )
    if not rows:
        raise _unknown(catalog, model, query)
    dataset, subset, id, uri, hashed, feature = rows[0]
    return Target(query, hashed, list(feature), uri, (dataset, subset, id))


def _unlike(given: str, row: Sequence[str]) -> str:
    """Return the item's name, in full where the short one is the ambiguous one."""
    short = "/".join(part for part in row[:3] if part)
    return "/".join(row[:3]) if short == given else short


def _within(row: Sequence[str], request: Request) -> bool:
    in_dataset = not request.datasets or row[0] in request.datasets
    return in_dataset and (not request.subsets or row[1] in request.subsets)


def _unknown(catalog: Catalog, model: CatalogModel, query: Query) -> UnknownItemError:
    near = items_like(catalog, model.items_table, query.given, _LISTED)
    names = ", ".join("/".join(part for part in row if part) for row in near)
    return UnknownItemError(f"there is no item {query.given!r}; the nearest ids: {names}")

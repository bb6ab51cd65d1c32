"""From queries to what the statement compares with: hashes and features."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.catalog.fits import hash_of
from hamsight_core.errors import ImageError, UsageError
from hamsight_core.hashing.sign import PLANES, Hash
from hamsight_core.hashing.sign import Kind as HashKind
from hamsight_core.items import Box, Identity, item_name
from hamsight_core.models.encoder import encode_pixels, encode_texts
from hamsight_core.models.network import HERE, Compute
from hamsight_core.models.package import ModelPackage
from hamsight_core.models.tokens import check_words
from hamsight_core.names import nearest
from hamsight_query.named import item_rows
from hamsight_query.request import Kind, Query, Request

_MEMBERS = 100
"""Items of a group that are queries each; ClickHouse takes no longer statement over HTTP."""
_NOTHING = 1e-6
"""A sum of unit vectors that is shorter has no direction."""


@dataclass(frozen=True, slots=True)
class Target:
    """A query ready for SQL: `hash` in hex, `feature` of unit length.

    `planes` are bits in hex that weigh those of the hash, the lowest first; plane p counts 2^p,
    and the hash, which comes last, the most. A `sign` hash stands alone.
    `uri` is where the query's picture is, if it has one, `sha256` the digest in hex of a given
    picture's file, `identity` a stored item's (dataset, subset, id), and `box` a stored object's. A
    blend has `parts`.
    """

    query: Query
    hash: str
    feature: Sequence[float]
    uri: str | None = None
    identity: Identity | None = None
    sha256: str | None = None
    planes: Sequence[str] = ()
    parts: tuple[Target, ...] = ()
    box: Box | None = None

    @property
    def label(self) -> str:
        """How the query, or a blend of several, is called in answers."""
        if not self.parts:
            return self.query.label
        return f"blend of {', '.join(part.query.label for part in self.parts)}"

    @property
    def asked(self) -> tuple[Target, ...]:
        """The target, or those that it blends."""
        return self.parts or (self,)

    @property
    def kind(self) -> HashKind:
        """What the hash makes of it: words, and weights, are a direction, all else is an image.

        Blends that take pictures for a direction, or words for an image, find up to a third of the
        items with as many candidates.
        """
        directions = (Kind.TEXT, Kind.CLASSIFIER)
        return "words" if any(one.query.kind in directions for one in self.asked) else "image"

    @property
    def subtracts_words(self) -> bool:
        """Whether it is a difference of words, or learned as one, which is far from all items."""
        if self.query.kind is Kind.CLASSIFIER:
            return True
        taken = any(one.query.weight < 0 for one in self.parts)
        return taken and all(one.query.kind is Kind.TEXT for one in self.parts)


def resolve(
    catalog: Catalog, model: CatalogModel, request: Request, compute: Compute = HERE
) -> list[Target]:
    """Return the request's queries as targets, in their order; a group as `each-of` is several.

    Stored items are looked up; only pictures and words load the model. Raises UnknownItemError,
    ImageError naming the picture, ModelError for words that the model does not take, and
    UsageError for words that it does not know and for a classifier.
    """
    for query in request.queries:
        if query.kind is Kind.CLASSIFIER:
            raise UsageError("a classifier is asked as it was saved: hamsight run NAME")
    found: dict[Query, Target] = {}
    hash = hash_of(catalog, model)
    asked = dict.fromkeys(request.queries)
    items = [query for query in asked if query.kind is Kind.ITEM]
    for query, target in zip(items, _stored(catalog, model, request, items), strict=True):
        found[query] = target
    members: dict[Query, list[Target]] = {}
    for query in asked:
        if query.kind is Kind.GROUP:
            found[query] = _group(catalog, model, query)
        elif query.kind is Kind.EACH_OF:
            members[query] = _members(catalog, model, query)
    texts = [query for query in asked if query.kind is Kind.TEXT]
    pictures = [Target(query, "", (), query.given) for query in asked if query.kind is Kind.IMAGE]
    pictures += [found[query] for query in items if query.box is not None]
    if texts or pictures:
        package = catalog.package(model, request.model)
        encoded = [*_texts(package, texts, compute), *_pictures(package, pictures, compute)]
        found.update((target.query, target) for target in encoded)
    targets = [one for query in asked for one in members.get(query) or [found[query]]]
    return [hashed(target, hash) for target in targets]


def blended(targets: Sequence[Target], hash: Hash) -> Target:
    """Return the weighted sum of queries' features as one target.

    Features and sum are of unit length. Raises UsageError where the sum has no direction.
    """
    import numpy as np

    weights = np.array([target.query.weight for target in targets])
    features = np.array([target.feature for target in targets], np.float64)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    total = weights @ np.divide(features, lengths, where=lengths > 0, out=features)
    length = np.linalg.norm(total)
    if length < _NOTHING:
        raise UsageError("the queries' weights cancel each other out: give other weights")
    feature = (total / length).astype(np.float32).tolist()
    return hashed(Target(targets[0].query, "", feature, parts=tuple(targets)), hash)


def hashed(target: Target, hash: Hash) -> Target:
    """Return the target with the hash and planes that its feature has by `hash`.

    An imported item may have a hash and no feature: it stays as it is.
    """
    import numpy as np

    if not target.feature:
        return target
    feature = np.asarray(target.feature, np.float32)
    *lower, top = hash.encode_query(feature, target.kind, PLANES)
    planes = tuple(plane.tobytes().hex() for plane in lower)
    return replace(target, hash=target.hash or top.tobytes().hex(), planes=planes)


def _pictures(package: ModelPackage, targets: Sequence[Target], compute: Compute) -> list[Target]:
    """Return targets, whose `uri` says where their pictures are, with the features of these."""
    if not targets:
        return []
    import numpy as np

    from hamsight_core.images.decode import decode
    from hamsight_core.images.places import fetch

    pixels, digests = [], []
    for target in targets:
        query = target.query
        try:
            data = fetch(target.uri or query.given)
            if query.box is None:
                image = decode(data, least=package.image.preprocess.least).image
            else:
                image = decode(data).image
                image = image.crop(query.box.pixels(*image.size))
        except ImageError as error:
            raise ImageError(f"--{query.kind.value} {query.given}: {error}") from None
        pixels.append(package.image.preprocess(image))
        is_whole = query.kind is Kind.IMAGE and query.box is None
        digests.append(hashlib.sha256(data).hexdigest() if is_whole else None)
    features = encode_pixels(package, np.stack(pixels), compute)
    return [
        replace(target, hash="", feature=feature.tolist(), sha256=digest)
        for target, feature, digest in zip(targets, features, digests, strict=True)
    ]


def _texts(package: ModelPackage, queries: Sequence[Query], compute: Compute) -> list[Target]:
    if not queries:
        return []
    texts = [query.given for query in queries]
    check_words(package, texts)
    features = encode_texts(package, texts, compute)
    return [
        Target(query, "", feature.tolist())
        for query, feature in zip(queries, features, strict=True)
    ]


def _group(catalog: Catalog, model: CatalogModel, query: Query) -> Target:
    """Return the mean of the features of a group's items. Raises UsageError for no such group."""
    given = {"group": query.given}
    table = _pictures_of(catalog, model)
    rows = catalog.rows("mean_of_group", given, table=table)
    if not rows or not rows[0][0]:
        raise _no_group(catalog, table, query)
    return Target(query, "", [float(number) for number in rows[0][1]])


def _members(catalog: Catalog, model: CatalogModel, query: Query) -> list[Target]:
    """Return the items of a group. Raises UsageError for no such group, and for too many items."""
    given = {"group": query.given, "limit": _MEMBERS + 1}
    table = _pictures_of(catalog, model)
    rows = catalog.rows("items_of_group", given, table=table)
    if not rows:
        raise _no_group(catalog, table, query)
    if len(rows) > _MEMBERS:
        raise UsageError(
            f"the group {query.given!r} has more than {_MEMBERS} items: search by their mean,"
            " with --group, or by a smaller group"
        )
    return [
        Target(
            Query(Kind.ITEM, item_name(row[:3]), query.weight),
            row[4] if model.kind is TableKind.ITEMS else "",
            list(row[5]),
            row[3],
            (row[0], row[1], row[2]),
        )
        for row in rows
    ]


def _pictures_of(catalog: Catalog, model: CatalogModel) -> str:
    """Return the table of a model's pictures, which alone are in groups."""
    return (model if model.kind is TableKind.ITEMS else catalog.model(model.name)).items_table


def _no_group(catalog: Catalog, table: str, query: Query) -> UsageError:
    held = [row[0] for row in catalog.rows("group_names", table=table)]
    return UsageError(f"there is no group {query.given!r} with items; {nearest(query.given, held)}")


def _stored(
    catalog: Catalog, model: CatalogModel, request: Request, queries: Sequence[Query]
) -> list[Target]:
    names = [query.given for query in queries]

    def others() -> list[str]:
        """Return the table of the model's objects where pictures are asked for, and vice versa."""
        of_model = [one for one in catalog.models(None) if one.name == model.name]
        return [one.items_table for one in of_model if one.kind is not model.kind]

    table = model.items_table
    rows = item_rows(catalog, table, names, request.datasets, request.subsets, others)
    return [
        Target(
            query,
            hashed,
            list(feature),
            uri,
            (dataset, subset, id),
            box=Box("", *box[0]) if box else None,
        )
        for query, (dataset, subset, id, uri, hashed, feature, box) in zip(
            queries, rows, strict=True
        )
    ]

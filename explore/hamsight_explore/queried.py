"""What a view's queries are to a model: hashes and features, encoded once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.fits import hash_of
from hamsight_explore.last_kept import LastKept
from hamsight_explore.uploads import Uploads
from hamsight_explore.view import UPLOAD, Asked, View
from hamsight_query.request import Kind, Request
from hamsight_query.target import Target, hashed, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hamsight_query.region import Region

_KEPT = 200
_Encoded = tuple[Target, tuple[str, ...]]


class Queried:
    """The targets of views; of words it keeps what a model made of them."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._words: LastKept[tuple[str, str], _Encoded] = LastKept(_KEPT)

    def names(self, view: View) -> list[str]:
        """Return the names of the files of a view's uploads. Raises UsageError."""
        return [self._uploads.get(one.given).name for one in view.queries if one.kind == UPLOAD]

    def targets(
        self, catalog: Catalog, model: CatalogModel, view: View
    ) -> tuple[list[Target], list[str]]:
        """Return a view's targets and what is to be told of words that the model does not know.

        Raises what `hamsight_query.target.resolve` raises.
        """
        found: list[Target] = []
        notes: list[str] = []
        for asked in view.queries:
            if asked.kind == UPLOAD:
                found.append(self._upload(catalog, model, asked))
            elif asked.kind == Kind.TEXT.value:
                target, told = self._text(catalog, model, asked)
                found.append(target)
                notes.extend(told)
            else:
                found.extend(_resolved(catalog, model, asked))
        return found, notes

    def _text(self, catalog: Catalog, model: CatalogModel, asked: Asked) -> _Encoded:
        from hamsight_core.models.tokens import notes_on_words

        key = (f"{model.name} {model.digest} {model.hash_parameters}", asked.given)
        known = self._words.get(key)
        if known is None:
            notes = notes_on_words(catalog.package(model), [asked.given])
            (target,) = _resolved(catalog, model, replace(asked, weight=1.0))
            known = target, tuple(notes)
            self._words.put(key, known)
        target, notes_kept = known
        return replace(target, query=asked.query()), notes_kept

    def _upload(self, catalog: Catalog, model: CatalogModel, asked: Asked) -> Target:
        upload = self._uploads.get(asked.given)
        key = f"{model.digest} {asked.box}"
        if key not in upload.features:
            upload.features[key] = _encoded(catalog, model, upload.data, asked.box)
        query = asked.query(upload.name)
        sha256 = upload.sha256 if asked.box is None else None
        target = Target(query, "", upload.features[key], sha256=sha256)
        return hashed(target, hash_of(catalog, model))


def _resolved(catalog: Catalog, model: CatalogModel, asked: Asked) -> list[Target]:
    """Return the target of a query, or those of each item of a group."""
    request = Request((replace(asked.query(), weight=1.0),), model=model.name)
    return [replace(one, query=asked.query()) for one in resolve(catalog, model, request)]


def _encoded(
    catalog: Catalog, model: CatalogModel, data: bytes, box: Region | None
) -> Sequence[float]:
    """Return the feature of a picture or of its part."""
    import numpy as np

    from hamsight_core.images.decode import decode
    from hamsight_core.models.encoder import encode_pixels

    package = catalog.package(model)
    if box is None:
        picture = decode(data, least=package.image.preprocess.least).image
    else:
        picture = decode(data).image
        picture = picture.crop(box.pixels(*picture.size))
    features = encode_pixels(package, np.stack([package.image.preprocess(picture)]))
    found: Sequence[float] = features[0].tolist()
    return found

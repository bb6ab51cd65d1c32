"""The write side of a session."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hamsight.session.opened import Opened, PathLike, several
from hamsight_core.catalog.catalog import TableKind
from hamsight_core.names import check_options

if TYPE_CHECKING:
    from hamsight_ingest.features.load import Imported
    from hamsight_ingest.pipeline import Outcome, Settings
    from hamsight_ingest.retry import Retried
    from hamsight_ingest.upkeep.cell_building import Indexed
    from hamsight_ingest.upkeep.reencode import Reencoded
    from hamsight_ingest.upkeep.rehash import Rehashed


class Ingests(Opened):
    """Images and features into the catalog."""

    def ingest(
        self,
        path: PathLike,
        *,
        dataset: str | None = None,
        subset: str | None = None,
        model: PathLike | None = None,
        format: str | None = None,
        subset_from_folder: bool = False,
        tags_from_folder: bool = False,
        columns: Mapping[str, str] | None = None,
        image_width: int = 640,
        objects: bool | None = None,
        prune: bool = False,
        progress: bool = False,
        **settings: Any,
    ) -> Outcome:
        """Encode the images at `path` and put them into the catalog, as `hamsight ingest` does.

        `columns` names a table's columns by role: image, id, subset, tags, label, captions;
        `image_width` is in pixels, where a server scales images. `settings` are `device`, `batch`
        (images), `workers` (threads), `max_pixels`, `precision`, `quality` and `allow_private`.
        With `objects` each annotated box is encoded too, and `objects` of the outcome counts them;
        None keeps up those of a dataset that has objects. Items that `path` no longer has stand in
        the outcome's `vanished`; `prune` deletes them. Raises SourceError, ModelError, UsageError
        or CatalogError; a file that cannot be used raises nothing and stands in `rejected`.
        """
        from hamsight_ingest.job import ingest, open_sources
        from hamsight_ingest.source import ReadOptions

        options = ReadOptions(
            subset, subset_from_folder, tags_from_folder, columns or {}, image_width
        )
        given = _settings({**settings, "objects": objects})
        (source,) = open_sources([os.fspath(path)], format, options)
        return ingest(
            self.catalog(create=True),
            source,
            dataset=dataset,
            model=None if model is None else os.fspath(model),
            settings=given,
            options=options,
            progress=progress,
            prune=prune,
        )

    def retry_rejects(
        self, dataset: str | Sequence[str] = (), *, progress: bool = False, **settings: Any
    ) -> list[Retried]:
        """Try again the files that could not be used, of the datasets or of all.

        `settings` are those of `ingest`. Raises UsageError and SourceError.
        """
        from hamsight_ingest.retry import retry_rejects

        catalog = self.catalog()
        catalog.create()
        return retry_rejects(
            catalog, several(dataset), settings=_settings(settings), progress=progress
        )

    def encode_again(
        self, model: str | None = None, *, progress: bool = False, **settings: Any
    ) -> Reencoded | None:
        """Encode all images of a model again with its package as it is now, or with the one named.

        Searches see the old features until the new features are whole. None is returned if there is
        nothing to do. `settings` are those of `ingest`. Raises UsageError, SourceError, ModelError.
        """
        from hamsight_ingest.upkeep.reencode import encode_again

        return encode_again(self.catalog(), model, settings=_settings(settings), progress=progress)

    def rehash(
        self,
        model: str | None = None,
        *,
        scheme: str = "ternary",
        bits: int | None = None,
        objects: bool = False,
        device: str = "AUTO",
        progress: bool = False,
    ) -> Rehashed | None:
        """Fit a model's hash to the features that the catalog has now, and recompute all hashes.

        The items are pictures, or `objects`. `scheme` is `ternary`, or `sign` for the signs of the
        features. Searches see the old hashes until the new ones are whole. None is returned where
        another process has changed the model meanwhile. Raises UsageError and ModelError.
        """
        from hamsight_core.models.network import Compute
        from hamsight_ingest.upkeep.rehash import hash_again

        return hash_again(
            self.catalog(),
            model,
            scheme=scheme,
            bits=bits,
            compute=Compute(device),
            progress=progress,
            kind=TableKind.of(objects),
        )

    def index(
        self,
        model: str | None = None,
        *,
        objects: bool = False,
        device: str = "AUTO",
        progress: bool = False,
    ) -> Indexed:
        """Build coarse cells of a model's items or `objects`: a search reads those near to it.

        Searches read the old cells, or all items, until the new cells are whole. A table of fewer
        than 100,000 items needs none and gets none. Raises CatalogError where another process
        changes the model meanwhile, and ModelError.
        """
        from hamsight_core.models.network import Compute
        from hamsight_ingest.upkeep.cell_building import index_items

        return index_items(
            self.catalog(),
            model,
            compute=Compute(device),
            progress=progress,
            kind=TableKind.of(objects),
        )

    def drop_index(self, model: str | None = None, *, objects: bool = False) -> bool:
        """Drop the cells of a model's items or `objects`, so that searches read all of them.

        Return whether there were any.
        """
        from hamsight_ingest.upkeep.cell_building import drop_index

        catalog = self.catalog()
        return drop_index(catalog, catalog.model(model, kind=TableKind.of(objects)))

    def import_features(self, file: PathLike, model: str, **options: Any) -> Imported:
        """Bring in features or hashes made elsewhere, as `hamsight import-features` does.

        `options` are `dataset`, `subset`, `dimension`, `bits`, `table` and `columns` (by role:
        id, dataset, subset, uri, feature, hash). Raises UsageError and SourceError.
        """
        from hamsight_ingest.features.load import import_features

        return import_features(self.catalog(create=True), Path(file), model, **options)


def _settings(given: Mapping[str, Any]) -> Settings:
    from hamsight_ingest.pipeline import Settings

    check_options(given, [field.name for field in fields(Settings)])
    return Settings(**given)

"""A catalog: one ClickHouse database with its models, items, ingests and rejects."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.catalog.connect import connect
from hamsight_core.catalog.database import Database
from hamsight_core.catalog.generations import create_items, new_generation, show, view_of
from hamsight_core.catalog.model_row import (
    IMPORTED,
    CatalogModel,
    TableKind,
    model_of,
    read_models,
    same_model,
)
from hamsight_core.catalog.resident import ResidentHashes
from hamsight_core.catalog.schema import complete
from hamsight_core.errors import EmptyCatalogError, ModelError, ModelMismatchError, UsageError
from hamsight_core.hashing.hash_settings import HashSettings
from hamsight_core.models.package import ModelPackage, load_package
from hamsight_core.names import listed

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["IMPORTED", "Catalog", "CatalogModel", "TableKind"]

_RECENT_SECONDS = 1.0


class Catalog(Database):
    """An open catalog. Close it, or use it as a context manager."""

    def __init__(self, client: Client, dsn: str | os.PathLike[str] | None) -> None:
        super().__init__(client, dsn)
        self.resident = ResidentHashes(self)
        self._at_opening: tuple[list[CatalogModel], float] | None = None

    @classmethod
    def open(cls, dsn: str | os.PathLike[str] | None = None, *, create: bool = False) -> Catalog:
        """Open the catalog at `dsn`; with `create`, make what is missing of it.

        Raises what `hamsight_core.catalog.connect.connect` raises.
        """
        catalog = cls(connect(dsn, create=create), dsn)
        if create:
            catalog.create()
        return catalog

    def create(self) -> None:
        """Make the tables that every catalog has, and what those of older versions lack."""
        self._at_opening = complete(self), time.monotonic()

    def models(
        self, kind: TableKind | None = TableKind.ITEMS, *, recent: bool = False
    ) -> list[CatalogModel]:
        """Return the models of the catalog, the oldest first, with their tables of that kind.

        None stands for tables of every kind. With `recent` those are enough that were read when the
        catalog was opened for writing within the last second: what they name is there for minutes,
        but only who holds the lock may write.
        """
        opened, self._at_opening = self._at_opening, None
        fresh = recent and opened is not None and time.monotonic() - opened[1] < _RECENT_SECONDS
        found = opened[0] if fresh and opened is not None else read_models(self)
        return [model for model in found if kind is None or model.kind is kind]

    def model(
        self,
        name: str | None = None,
        datasets: Sequence[str] = (),
        suits: Callable[[CatalogModel], bool] | None = None,
        *,
        folders: bool = True,
        kind: TableKind = TableKind.ITEMS,
    ) -> CatalogModel:
        """Return the model of that name or, if it is None, the only one.

        Of several that is the one that has the datasets and suits. With `folders` the name may be
        that of its package's folder.

        Its table is of that kind. Raises EmptyCatalogError when there is none and UsageError when
        the name does not tell.
        """
        every = self.models(None)
        models = [model for model in every if model.kind is kind]
        if kind is TableKind.OBJECTS and every and not models:
            raise EmptyCatalogError(
                f"{self.location} holds no objects yet: encode the boxes of a dataset with"
                " `hamsight ingest PATH --objects`"
            )
        if not models:
            raise self.nothing_yet()
        names = [model.name for model in models]
        if name is None:
            if len(models) > 1 and datasets:
                models = [one for one in models if self._holds(one, datasets)] or models
            if len(models) > 1 and suits is not None:
                models = [one for one in models if suits(one)] or models
            if len(models) > 1:
                raise UsageError(
                    f"the catalog holds features of several models:"
                    f" choose one with --model {' or --model '.join(names)}"
                )
            return models[0]
        if name in names:
            return models[names.index(name)]
        if folders and Path(name).expanduser().is_dir():
            return same_model(load_package(name), models) or self._unknown_model(name, names, kind)
        return self._unknown_model(name, names, kind)

    def nothing_yet(self) -> EmptyCatalogError:
        """Return the error of a catalog that nothing was ingested into."""
        return EmptyCatalogError(
            f"{self.location} holds no images yet: fill it with `hamsight ingest FOLDER`"
        )

    def _holds(self, model: CatalogModel, datasets: Sequence[str]) -> bool:
        held = {row[0] for row in self.rows("datasets_in", table=model.items_table)}
        return held.issuperset(datasets)

    def _unknown_model(self, name: str, names: list[str], kind: TableKind) -> CatalogModel:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it holds: {listed(names)}"
        what = "nothing" if kind is TableKind.ITEMS else "no objects"
        raise UsageError(f"the catalog holds {what} of the model {name!r}; {hint}")

    def check(
        self, package: ModelPackage, models: Sequence[CatalogModel] | None = None
    ) -> CatalogModel | None:
        """Return the catalog's model of the package's name, None where it has none.

        `models` are those of the catalog where they have just been read.
        Raises ModelMismatchError when that model has other weights or preprocessing.
        """
        return same_model(package, self.models() if models is None else models)

    def package(self, model: CatalogModel, source: str | None = None) -> ModelPackage:
        """Load the package of a model of the catalog, from `source` where it is given.

        Raises ModelError when it is gone and ModelMismatchError when it has changed.
        """
        from_path = source is not None and Path(source).expanduser().is_dir()
        if model.source == IMPORTED and not from_path:
            raise ModelError(
                f"the features of {model.name!r} were imported, so no package is there to encode"
                " pictures and words with: ask with --item, or give the package that made them,"
                f" named {model.name!r} in its model.toml, with --model FOLDER"
            )
        try:
            package = load_package(source if source and from_path else model.source)
        except ModelError as error:
            raise ModelError(
                f"the catalog was made with the model {model.name!r}, whose package cannot be"
                f" loaded: {error}. Name where it is now with --model FOLDER"
            ) from None
        if package.name != model.name:
            raise ModelMismatchError(
                f"the catalog's model is {model.name!r}, but {package.folder} holds"
                f" {package.name!r}: their hashes must not be compared"
            )
        same_model(package, [model])
        return package

    def register(
        self,
        package: ModelPackage,
        models: Sequence[CatalogModel] | None = None,
        kind: TableKind = TableKind.ITEMS,
    ) -> CatalogModel:
        """Make the table of a package's features unless it is there; return its model.

        `models` are those of the kind where they were read since the lock is held. Raises
        ModelMismatchError when the catalog has other features of that name.
        """
        with self.locked("the registration of a model"):
            models = self.models(kind) if models is None else models
            return self.check(package, models) or self._add(model_of(package), models, kind)

    def add_model(self, model: CatalogModel) -> CatalogModel:
        """Make a table for a new model of imported features, and its row; return it.

        Raises ModelMismatchError where another process has just added other features of that name.
        """
        with self.locked("the registration of a model"):
            models = self.models()
            known = next((one for one in models if one.name == model.name), None)
            if known is None:
                return self._add(model, models)
        same = ("digest", "dimension", "bits")
        if any(getattr(known, key) != getattr(model, key) for key in same):
            raise ModelMismatchError(
                f"another process has just put features of {model.name!r} into the catalog, made"
                f" with the package {known.digest[:12]} ({known.source}), not"
                f" {model.digest[:12]} ({model.source}): give one of them another name"
            )
        return known

    def _add(
        self,
        model: CatalogModel,
        models: Sequence[CatalogModel],
        kind: TableKind = TableKind.ITEMS,
    ) -> CatalogModel:
        base = f"{kind.value}_" + re.sub(r"[^a-z0-9]+", "_", model.name.lower())
        taken = {view_of(one.items_table) for one in models}
        view, number = base, 1
        while view in taken or self.has_table(view):
            number += 1
            view = f"{base}_{number}"
        made = replace(model, items_table=new_generation(view))
        create_items(self, made)
        self.insert_rows("models", [asdict(made)])
        self.await_replicas("models")
        show(self, made.items_table)
        return made

    def change_settings(
        self, model: CatalogModel, change: Callable[[HashSettings], HashSettings | None]
    ) -> CatalogModel | None:
        """Change what a model's row says of its hash, as long as the model has the same table.

        Return the model as it is then; None where it has another table by now, or where `change`
        returned None.
        """
        with self.locked("a change of a model's hash"):
            known = next(
                (one for one in self.models(model.kind) if one.items_table == model.items_table),
                None,
            )
            changed = change(known.hash_settings) if known else None
            if known is None or changed is None:
                return None
            made = replace(known, hash_parameters=changed.to_text())
            names = ("name", "items_table", "hash_parameters")
            self.run("change_settings", {key: getattr(made, key) for key in names})
        return made

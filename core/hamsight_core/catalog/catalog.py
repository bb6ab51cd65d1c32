"""A catalog: one ClickHouse database with its models, items, ingests and rejects."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.address import parse_dsn
from hamsight_core.catalog.connect import connect, engine_errors, has_fixed_settings
from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.myscale import is_myscale, with_vector_index
from hamsight_core.catalog.resident import ResidentHashes
from hamsight_core.catalog.statements import fill
from hamsight_core.closing import Closing
from hamsight_core.errors import (
    EmptyCatalogError,
    ModelError,
    ModelMismatchError,
    NoTableError,
    UsageError,
)
from hamsight_core.hashing.hash_settings import HashSettings
from hamsight_core.hashing.sign import SIGN, TERNARY, bits_of
from hamsight_core.models.package import ModelPackage, load_package

if TYPE_CHECKING:
    import pyarrow as pa
    from clickhouse_connect.driver.client import Client

IMPORTED = "imported"
"""The source, and the beginning of the digest, of a model whose features were made elsewhere."""
_OF_EVERY_CATALOG = {
    "models": "create_models",
    "ingests": "create_ingests",
    "rejects": "create_rejects",
    "saved_queries": "create_saved_queries",
}
_FORMER_FILENAME = "basename(uri)"
"""What `filename` was made of in older versions, where a member of an archive had the archive's."""
_TABLE = re.compile(r"items_[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A row of `models`: a model whose features the catalog holds, in `items_table`."""

    name: str
    items_table: str
    source: str
    digest: str
    dimension: int
    bits: int
    words: bool
    preprocessing: str
    hash_scheme: str
    hash_parameters: str

    @property
    def hash_settings(self) -> HashSettings:
        """What `hash_parameters` says. Raises CatalogError where it is damaged."""
        return HashSettings.from_text(self.hash_parameters)


class Catalog(Closing):
    """An open catalog. Close it, or use it as a context manager."""

    def __init__(self, client: Client, dsn: str | os.PathLike[str] | None) -> None:
        self.client = client
        address = parse_dsn(dsn)
        self.location = str(address)
        self.embedded = address.path is not None
        self.layout = Layout(
            address.cluster, is_myscale(client), address.resident, has_fixed_settings(client)
        )
        self.resident = ResidentHashes(self)
        self._dsn = dsn

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
        """Make the tables that every catalog has, and what those of older versions lack.

        One statement says what is there; no other is sent where nothing lacks.
        """
        known = {table: (columns, made) for table, columns, made in self.rows("columns_of_tables")}
        for table, statement in _OF_EVERY_CATALOG.items():
            if table not in known:
                self.run(statement)
        added = {"run", "options", "categories", "not_read"}
        if "ingests" in known and not added <= set(known["ingests"][0]):
            self.run("add_ingest_columns")
        for model in self.models() if "models" in known else ():
            columns, filename = known.get(model.items_table, ((), ""))
            if columns and "scores" not in columns:
                for table in dict.fromkeys(
                    [self.layout.shard_table(model.items_table), model.items_table]
                ):
                    self.run("add_scores", table=model.items_table, shard_table=table)
            if filename == _FORMER_FILENAME:
                self.run("modify_filename", table=model.items_table)

    def close(self) -> None:
        """Close the connection; an embedded catalog is then free for other processes."""
        self.client.close()

    def reader(self) -> Client:
        """Return another client of the catalog, to which ClickHouse allows no change."""
        return connect(self._dsn, settings={"readonly": "1"})

    def run(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, str] | None = None,
        /,
        **fragments: object,
    ) -> None:
        """Run a statement of `sql/` that answers nothing."""
        with engine_errors(self.client):
            # `command` would put the parameters into the URL, which a server cuts off sooner.
            table = str(fragments.get("table", ""))
            sql = fill(statement, **{**self.layout.fragments(table), **fragments})
            self.client.raw_query(
                sql,
                parameters=dict(parameters or {}),
                settings={**self.layout.settings, **(settings or {})},
            )

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None, **fragments: object
    ) -> Sequence[Sequence[Any]]:
        """Return the rows that a statement of `sql/` answers."""
        with engine_errors(self.client):
            sql = fill(statement, **fragments)
            return self.client.query(sql, parameters=dict(parameters or {})).result_rows

    def rows_if_any(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows that a statement of `sql/` answers, none where its table is missing."""
        try:
            return self.rows(statement, parameters)
        except NoTableError:
            return []

    def arrow(
        self, sql: str, parameters: Mapping[str, Any] | None = None, **settings: object
    ) -> pa.Table:
        """Return the answer to the text of a statement as an Arrow table."""
        with engine_errors(self.client):
            return self.client.query_arrow(
                sql, parameters=dict(parameters or {}), settings=settings or None
            )

    def rows_fetched_late(self) -> int:
        """Return for how many rows at most the engine reads columns after it has cut the rest."""
        settings = self.client.server_settings
        limit = settings.get("query_plan_max_limit_for_lazy_materialization")
        return (int(limit.value) or sys.maxsize) if limit is not None else 0

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert an Arrow table; its rows become visible together."""
        with engine_errors(self.client):
            self.client.insert_arrow(table, rows)

    def insert_rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert a few rows, each a mapping of the same columns; moments are texts, in UTC.

        For many rows `insert` is faster; but both PyArrow and the driver's own `insert` load
        pandas where it is installed, which takes longer than an ingest that finds nothing new.
        """
        lines = "\n".join(json.dumps(row) for row in rows)
        with engine_errors(self.client):
            self.client.raw_insert(table, list(rows[0]), lines.encode(), fmt="JSONEachRow")

    def has_table(self, table: str) -> bool:
        """Tell whether the catalog has the table."""
        return bool(self.rows("count_tables", {"table": table})[0][0])

    def models(self) -> list[CatalogModel]:
        """Return the models of the catalog, the oldest first."""
        found = [CatalogModel(*row) for row in self.rows_if_any("find_models")]
        return [model for model in found if _TABLE.fullmatch(model.items_table)]

    def model(self, name: str | None = None, datasets: Sequence[str] = ()) -> CatalogModel:
        """Return the model of that name, or the only one, that has the datasets, if it is None.

        Raises EmptyCatalogError when there is none and UsageError when the name does not tell.
        """
        models = self.models()
        if not models:
            raise EmptyCatalogError(
                f"{self.location} holds no images yet: fill it with `hamsight ingest FOLDER`"
            )
        names = [model.name for model in models]
        if name is None:
            if len(models) > 1 and datasets:
                models = [one for one in models if self._holds(one, datasets)] or models
            if len(models) > 1:
                raise UsageError(
                    f"the catalog holds features of several models:"
                    f" choose one with --model {' or --model '.join(names)}"
                )
            return models[0]
        if name in names:
            return models[names.index(name)]
        if Path(name).expanduser().is_dir():
            return _same_model(load_package(name), models) or self._unknown_model(name, names)
        return self._unknown_model(name, names)

    def _holds(self, model: CatalogModel, datasets: Sequence[str]) -> bool:
        held = {row[0] for row in self.rows("datasets_in", table=model.items_table)}
        return held.issuperset(datasets)

    def _unknown_model(self, name: str, names: list[str]) -> CatalogModel:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it holds: {', '.join(names)}"
        raise UsageError(f"the catalog holds nothing of the model {name!r}; {hint}")

    def check(self, package: ModelPackage) -> CatalogModel | None:
        """Return the catalog's model of the package's name, None where it has none.

        Raises ModelMismatchError when that model has other weights or preprocessing.
        """
        return _same_model(package, self.models())

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
        _same_model(package, [model])
        return package

    def register(self, package: ModelPackage) -> CatalogModel:
        """Make the items table of a package's features unless it is there; return its model.

        Raises ModelMismatchError when the catalog has other features of that name.
        """
        known = self.check(package)
        if known is not None:
            return known
        return self.add_model(model_of(package))

    def create_items(self, model: CatalogModel) -> None:
        """Make a model's items table where it is missing; on a cluster, its shards first."""
        hash_bytes, features = model.bits // 8, _features(model)
        create = partial(
            self.run,
            "create_items",
            table=model.items_table,
            hash_bytes=hash_bytes,
            features=features,
        )
        if self.layout.myscale:
            with_vector_index(create, model.dimension)
        else:
            create()
        self.spread(model.items_table)

    def _create_own_items(self, model: CatalogModel) -> CatalogModel:
        """Make the items table of a new model, which no other model has; return the model with it.

        Of processes that make one of the same name at once the first makes it; those with the same
        features then share it.
        """
        base = "items_" + re.sub(r"[^a-z0-9]+", "_", model.name.lower())
        table, number = base, 1
        while True:
            made = replace(model, items_table=table)
            self.create_items(made)
            shard_table = {"table": self.layout.shard_table(table)}
            if (f"features {_features(made)}",) in self.rows("features_of_table", shard_table):
                return made
            number += 1
            table = f"{base}_{number}"

    def spread(self, table: str) -> None:
        """On a cluster, make the table that stands for a table's shards, which are there."""
        if self.layout.cluster:
            self.run("create_distributed", table=table)

    def await_replicas(self, table: str) -> None:
        """On a cluster, wait until every replica has what was inserted into a table."""
        if self.layout.cluster:
            self.run("await_replicas", table=table)

    def drop(self, table: str) -> None:
        """Drop a table that nothing names any more, with its shards."""
        for name in dict.fromkeys([table, self.layout.shard_table(table)]):
            self.run("drop_table", table=name)

    def add_model(self, model: CatalogModel) -> CatalogModel:
        """Make a table for a new model, and its row; return the model that has the name.

        Where two processes add it at once, the first row counts. Raises ModelMismatchError where
        that is of other features.
        """
        model = self._create_own_items(model)
        self.insert_rows("models", [asdict(model)])
        first = next(one for one in self.models() if one.name == model.name)
        same_bits = model.source != IMPORTED or first.bits == model.bits
        if (first.digest, first.dimension) != (model.digest, model.dimension) or not same_bits:
            self.run("delete_model", {"name": model.name, "table": model.items_table})
            self.drop(model.items_table)
            raise ModelMismatchError(
                f"another process has just put features of {model.name!r} into the catalog, made"
                f" with the package {first.digest[:12]} ({first.source}), not"
                f" {model.digest[:12]} ({model.source}): give one of them another name"
            )
        return first


def _same_model(package: ModelPackage, models: Sequence[CatalogModel]) -> CatalogModel | None:
    """Return the model of a package's name, None where there is none.

    Raises ModelMismatchError where that model has other weights or preprocessing.
    """
    for model in models:
        if model.name == package.name:
            if model.digest.startswith(f"{IMPORTED}:"):
                by_feature = model.hash_scheme in (SIGN, TERNARY)
                if model.dimension == package.dimension and by_feature:
                    return model
                raise ModelMismatchError(
                    f"the features of {model.name!r} were imported, of dimension"
                    f" {model.dimension} with {model.bits} bits ({model.hash_scheme}), but"
                    f" {package.folder} makes {package.dimension}: give the package that"
                    " made them"
                )
            if model.digest != package.digest:
                raise ModelMismatchError(
                    f"the catalog's features of {model.name!r} were made with the package"
                    f" {model.digest[:12]} ({model.source}), but {package.folder} is"
                    f" {package.digest[:12]}: their hashes must not be compared. Use the"
                    " former package, give this one another name in its model.toml, or encode"
                    f" all images again with `hamsight ingest PATH --model {package.folder}"
                    " --re-encode`"
                )
            return model
    return None


def _features(model: CatalogModel) -> str:
    """Return what tells a model's features from others, in 32 digits of hex."""
    said = json.dumps([model.name, model.digest, model.dimension, model.bits])
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def model_of(package: ModelPackage) -> CatalogModel:
    """Return the row of a package's features, with no table named yet."""
    return CatalogModel(
        name=package.name,
        items_table="",
        source=package.source,
        digest=package.digest,
        dimension=package.dimension,
        bits=bits_of(package.dimension),
        words=package.text is not None,
        preprocessing=package.preprocessing,
        hash_scheme=SIGN,
        hash_parameters="",
    )

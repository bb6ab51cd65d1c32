"""A row of `models`: a model whose features the catalog holds, and the table that they are in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from hamsight_core.catalog.database import Database
from hamsight_core.errors import ModelMismatchError
from hamsight_core.hashing.hash_settings import HashSettings
from hamsight_core.hashing.sign import SIGN, TERNARY, bits_of
from hamsight_core.models.package import ModelPackage

IMPORTED = "imported"
"""The source, and the beginning of the digest, of a model whose features were made elsewhere."""
_TABLE = re.compile(r"(items|objects)_[a-z0-9_]+")


class TableKind(str, Enum):
    """What the rows of a model's table are; the value begins the table's name.

    `ITEMS` are pictures, `OBJECTS` are annotated boxes of pictures.
    """

    ITEMS = "items"
    OBJECTS = "objects"

    @classmethod
    def of(cls, objects: bool) -> TableKind:
        """Return the kind that a choice of objects in place of pictures means."""
        return cls.OBJECTS if objects else cls.ITEMS


def kind_of(items_table: str) -> TableKind:
    """Return what the rows of a generation, or of the view over it, are."""
    return TableKind(items_table.partition("_")[0])


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A row of `models`. `items_table` is the present generation of the model's items or objects.

    Analysts read it through the view `items_MODEL`; see `hamsight_core.catalog.generations`. A
    model with objects has two rows of the same name.
    """

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
    def kind(self) -> TableKind:
        """What the rows of the table are."""
        return kind_of(self.items_table)

    @property
    def hash_settings(self) -> HashSettings:
        """What `hash_parameters` says. Raises CatalogError where it is damaged."""
        return HashSettings.from_text(self.hash_parameters)


def read_models(database: Database) -> list[CatalogModel]:
    """Return the rows of a catalog's models, of items and of objects, the oldest first."""
    found = [CatalogModel(*row) for row in database.rows_if_any("find_models")]
    return [model for model in found if _TABLE.fullmatch(model.items_table)]


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


def same_model(package: ModelPackage, models: Sequence[CatalogModel]) -> CatalogModel | None:
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

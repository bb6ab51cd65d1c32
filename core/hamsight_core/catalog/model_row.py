"""A row of `models`: a model whose features the catalog holds, and the table that they are in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hamsight_core.catalog.database import Database
from hamsight_core.hashing.hash_settings import HashSettings
from hamsight_core.hashing.sign import SIGN, bits_of
from hamsight_core.models.package import ModelPackage

IMPORTED = "imported"
"""The source, and the beginning of the digest, of a model whose features were made elsewhere."""
_TABLE = re.compile(r"items_[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A row of `models`. `items_table` is the present generation of the model's items.

    Analysts read it through the view `items_MODEL`; see `hamsight_core.catalog.generations`.
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
    def hash_settings(self) -> HashSettings:
        """What `hash_parameters` says. Raises CatalogError where it is damaged."""
        return HashSettings.from_text(self.hash_parameters)


def read_models(database: Database) -> list[CatalogModel]:
    """Return the models of a catalog, which has the table of models; the oldest first."""
    found = [CatalogModel(*row) for row in database.rows("find_models")]
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

"""Changing what a model's row says of its hash, while other processes do so too."""

from __future__ import annotations

from collections.abc import Callable

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.hashing.hash_settings import HashSettings

_TRIES = 20


def change_settings(
    catalog: Catalog, model: CatalogModel, change: Callable[[HashSettings], HashSettings | None]
) -> CatalogModel | None:
    """Change the settings of a model as long as it has the same table; return it as it is then.

    None is returned where it has another table by now, or where `change` returned None. `change`
    is called again where another process was quicker.
    """
    for _ in range(_TRIES):
        known = [one for one in catalog.models() if one.items_table == model.items_table]
        if not known:
            return None
        changed = change(known[0].hash_settings)
        if changed is None:
            return None
        values = {
            "name": known[0].name,
            "items_table": known[0].items_table,
            "former": known[0].hash_parameters,
            "hash_parameters": changed.to_text(),
        }
        catalog.run("change_settings", values)
        for one in catalog.models():
            if one.hash_parameters == values["hash_parameters"]:
                return one
    return None

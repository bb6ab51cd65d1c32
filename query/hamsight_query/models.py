"""The list of models that are known by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hamsight_core.models.package import built_in_names, load_package
from hamsight_core.models.registry import registry

if TYPE_CHECKING:
    import pyarrow as pa


def list_models() -> pa.Table:
    """Return a row for each model: name, here, mb, dimension, words, license, about, card, folder.

    `here` is "bundled", "cached" or "no"; `mb` the megabytes of its download, about, null where
    not known; `words` the languages of its words, null where it has none; `folder` is null where
    it is not here.
    """
    import pyarrow as pa

    rows = [
        {
            "name": entry.name,
            "here": "cached" if entry.cached else "no",
            "mb": entry.megabytes,
            "dimension": entry.package["dimension"],
            "words": entry.languages,
            "license": entry.license,
            "about": entry.about,
            "card": entry.card,
            "folder": str(entry.folder) if entry.cached else None,
        }
        for entry in registry().values()
    ]
    for name in built_in_names():
        package = load_package(name)
        rows.append(
            {
                "name": name,
                "here": "bundled",
                "mb": round(sum(file.stat().st_size for file in package.folder.iterdir()) / 1e6),
                "dimension": package.dimension,
                "words": "English" if package.text else None,
                "license": package.license,
                "about": "photos, roughly, and drawn scenes; for trials",
                "card": str(package.folder / "README.md"),
                "folder": str(package.folder),
            }
        )
    kinds = dict.fromkeys(rows[0], pa.string()) | {"mb": pa.int32(), "dimension": pa.int32()}
    return pa.Table.from_pylist(rows, pa.schema(list(kinds.items())))

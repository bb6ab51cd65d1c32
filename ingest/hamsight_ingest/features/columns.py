"""Which columns of a file hold what: the roles of an import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hamsight_core.errors import SourceError, UsageError
from hamsight_core.names import listed

KNOWN_NAMES: Mapping[str, Sequence[str]] = {
    "id": ("id", "ids", "item_id", "image_id", "filename", "file_name", "name", "path"),
    "dataset": ("dataset",),
    "subset": ("subset", "split"),
    "uri": ("uri", "uris", "path", "paths", "url", "filepath", "file_path"),
    "feature": ("feature", "features", "embedding", "embeddings", "vector", "vectors"),
    "hash": ("hash", "hashes", "hash_key"),
}


def find_roles(path: str, names: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the column of each role, from those `given` or else known by their names.

    A role with an empty name is left out. Raises UsageError for an unknown role, SourceError for
    a column that the file has not, and where there is no id or neither feature nor hash.
    """
    there = f"it has the columns {listed(names)}"
    for role, name in given.items():
        if role not in KNOWN_NAMES:
            raise UsageError(f"--column {role}={name}: roles are {', '.join(KNOWN_NAMES)}")
        if name and name not in names:
            raise SourceError(f"{path} has no column {name!r} for the role {role}; {there}")
    lower = {name.lower(): name for name in reversed(names)}
    found = {role: name for role, name in given.items() if name}
    for role, known in KNOWN_NAMES.items():
        known_name = next((lower[one] for one in known if one in lower), None)
        if role not in given and known_name and known_name not in found.values():
            found[role] = known_name
    if "id" not in found:
        raise SourceError(f"{path} has no column of ids that is known; {there}: --column id=NAME")
    if "feature" not in found and "hash" not in found:
        raise SourceError(
            f"{path} has neither features nor hashes that are known; {there}:"
            " --column feature=NAME or --column hash=NAME"
        )
    return found

"""The registry: models known by name, where their files are and how they are fed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hamsight_core.models.cache import models_folder

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FILE = Path(__file__).parent / "registry.toml"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a model: `path` at the model hub's `repo`, or under `url`, and in the cache.

    `revision` is a commit, None for the newest. `sha256` is in hex, None where it is recorded
    at the first pull.
    """

    path: str
    repo: str | None = None
    url: str | None = None
    revision: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the registry. `megabytes` is its size of download, about; None is not known.

    `languages` are those of its words, None where it has no words; `card` is a page about it.
    `package` is the content of its `model.toml`.
    """

    name: str
    about: str
    languages: str | None
    license: str
    card: str
    megabytes: int | None
    files: tuple[RemoteFile, ...]
    package: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """The folder of the cache that holds it, whole or in part."""
        return models_folder() / self.name

    @property
    def cached(self) -> bool:
        """Whether it is in the cache, whole: `model.toml` is written when all else is there."""
        return (self.folder / "model.toml").is_file()


@lru_cache(maxsize=1)
def registry() -> Mapping[str, Entry]:
    """Return the models known by name, the best for photos first."""
    content = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: _entry(name, table) for name, table in content.items()}


def best_cached() -> Entry | None:
    """Return the first model of the registry that is in the cache."""
    return next((entry for entry in registry().values() if entry.cached), None)


def _entry(name: str, table: dict[str, Any]) -> Entry:
    package = {"name": name, "dimension": table["dimension"], "license": table["license"]}
    package.update((key, table[key]) for key in ("image", "text") if key in table)
    return Entry(
        name=name,
        about=table["about"],
        languages=table.get("languages"),
        license=table["license"],
        card=table["card"],
        megabytes=table.get("megabytes"),
        files=tuple(_file(table, one) for one in table["files"]),
        package=package,
    )


def _file(table: dict[str, Any], one: dict[str, Any]) -> RemoteFile:
    """Return a file; where it names no repo of its own, it is the model's."""
    of_model = "repo" not in one
    return RemoteFile(
        path=one["path"],
        repo=table.get("repo") if of_model else one["repo"],
        url=table.get("url") if of_model else None,
        revision=table.get("revision") if of_model else one.get("revision"),
        sha256=one.get("sha256"),
    )

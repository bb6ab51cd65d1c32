"""`hamsight ingest --retry-rejects`: the files that could not be used, tried again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import SourceError, UsageError
from hamsight_core.items import Item
from hamsight_core.names import listed
from hamsight_ingest.job import ingest
from hamsight_ingest.pipeline import Outcome, Settings
from hamsight_ingest.readers import open_source
from hamsight_ingest.source import ReadOptions, Source

_LIMIT = 10_000_000


@dataclass(frozen=True, slots=True)
class Retried:
    """A dataset's rejects tried again: how many there were, and how many are none any more."""

    dataset: str
    model: str
    rejects: int
    mended: int
    outcomes: tuple[Outcome, ...]


def retry_rejects(
    catalog: Catalog,
    datasets: Sequence[str] = (),
    *,
    settings: Settings | None = None,
    progress: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Retried]:
    """Try again the rejected items of the datasets, by default of all.

    What a dataset says of an item stands in its source, so the recorded sources are opened again,
    and only items of rejected identities are taken from them. Raises UsageError for a dataset
    without rejects, SourceError for a source that is gone, and what `ingest` raises.
    """
    counted = catalog.rows("count_rejects")
    known = {row[1] for row in counted}
    for name in datasets:
        if name not in known:
            names = listed(sorted(known)) or "no dataset"
            raise UsageError(f"--dataset {name!r} has no rejected files; these have: {names}")
    done: list[Retried] = []
    for model, dataset, _ in counted:
        if stopped() or (datasets and dataset not in datasets):
            continue
        before = _rejected(catalog, model, dataset)
        outcomes = [
            ingest(
                catalog,
                source,
                dataset=dataset,
                model=_package_source(catalog, model),
                settings=settings,
                options=options,
                progress=progress,
                stopped=stopped,
                whole=False,
            )
            for source, options in _sources(catalog, model, dataset, before)
            if not stopped()
        ]
        left = _rejected(catalog, model, dataset)
        done.append(Retried(dataset, model, len(before), len(before - left), tuple(outcomes)))
    return done


class _Only:
    """Those items of a source that have certain identities."""

    def __init__(self, source: Source, identities: set[tuple[str, str]]) -> None:
        self._source, self._identities = source, identities
        self.format, self.path, self.name = source.format, source.path, source.name
        self.detected = source.detected

    @property
    def notes(self) -> Sequence[str]:
        return self._source.notes

    @property
    def ignored(self) -> Sequence[str]:
        return self._source.ignored

    @property
    def unread(self) -> Sequence[str]:
        return self._source.unread

    def count(self) -> int:
        return len(self._identities)

    def __iter__(self) -> Iterator[Item]:
        return (item for item in self._source if (item.subset, item.id) in self._identities)


def _rejected(catalog: Catalog, model: str, dataset: str) -> set[tuple[str, str]]:
    parameters = {"model": model, "dataset": dataset, "limit": _LIMIT}
    return {(row[0], row[1]) for row in catalog.rows("rejected_identities", parameters)}


def _sources(
    catalog: Catalog, model: str, dataset: str, identities: set[tuple[str, str]]
) -> list[tuple[Source, ReadOptions]]:
    recorded = catalog.rows("recorded_sources", {"model": model, "dataset": dataset})
    if not recorded:
        raise SourceError(
            f"the catalog does not say from where {dataset!r} was ingested:"
            " ingest its folder again, which tries every rejected file too"
        )
    found: list[tuple[Source, ReadOptions]] = []
    for path, format, options in recorded:
        read = ReadOptions(**json.loads(options)) if options else ReadOptions()
        try:
            source = open_source(path, format, read)
        except SourceError as error:
            raise SourceError(
                f"the dataset {dataset!r} was ingested from {path}, which cannot be read now:"
                f" {error.args[0]}. If it was moved, say so with"
                f" `hamsight datasets move {dataset} NEWROOT`"
            ) from None
        found.append((_Only(source, identities), read))
    return found


def _package_source(catalog: Catalog, name: str) -> str:
    """Return what names the package of a model; one that has rejects alone is not registered."""
    return next((model.source for model in catalog.models() if model.name == name), name)

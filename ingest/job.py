"""`hamsight ingest`, short of its command line: paths become datasets of a catalog."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from hamsight.catalog import Catalog
from hamsight.errors import UsageError
from hamsight.model import DEFAULT_MODEL, ModelPackage, load_package
from ingest.pipeline import Outcome, Settings, run
from ingest.readers import open_source
from ingest.readers.folder import printable
from ingest.source import ReadOptions, Source
from ingest.writer import Counts


def ingest(
    catalog: Catalog,
    source: Source,
    *,
    dataset: str | None = None,
    model: str | None = None,
    settings: Settings | None = None,
    progress: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Ingest a dataset into the catalog.

    Without `dataset` the folder's name is the dataset's; without `model`, the model is the one
    that the dataset has already, else `mini`. With `progress` a bar stands on stderr.
    Raises UsageError for a name that another folder's dataset has, SourceError, ModelError,
    ModelMismatchError and StatementError.
    """
    name = _dataset_name(catalog, source, dataset)
    package = _package(catalog, name, model)
    catalog.check(package)
    with tqdm(
        total=source.count(),
        desc=name,
        unit=" images",
        file=sys.stderr,
        disable=not progress,
        dynamic_ncols=True,
    ) as bar:

        def show(counts: Counts) -> None:
            bar.set_postfix(rejects=counts.rejected, refresh=False)
            bar.update(counts.total - bar.n)

        outcome = run(
            catalog,
            source,
            package,
            name,
            settings or Settings(),
            on_progress=show,
            stopped=stopped,
        )
    for note in source.notes:
        warnings.warn(note, stacklevel=2)
    return outcome


def open_sources(paths: Sequence[Path], format: str | None, options: ReadOptions) -> list[Source]:
    """Open every path before any is ingested, so that a wrong one costs nothing.

    Raises SourceError.
    """
    return [open_source(path, format, options) for path in paths]


def _dataset_name(catalog: Catalog, source: Source, given: str | None) -> str:
    """Return the dataset's name; a name that is not given must not name another folder's."""
    if given is not None:
        if not given or "/" in given:
            raise UsageError(f"--dataset {given!r}: a dataset's name is not empty and has no '/'")
        return given
    former = catalog.rows("find_dataset_sources", {"dataset": source.name})
    sources = [row[0] for row in former]
    path = printable(source.path)
    if sources and path not in sources:
        raise UsageError(
            f"the catalog has a dataset {source.name!r} already, from {sources[0]}:"
            f" to put {path} into it say --dataset {source.name}, else give another name"
        )
    return source.name


def _package(catalog: Catalog, dataset: str, model: str | None) -> ModelPackage:
    if model is not None:
        return load_package(model)
    former = catalog.rows("find_dataset_models", {"dataset": dataset})
    if former:
        return catalog.package(catalog.model(former[0][0]))
    return load_package(DEFAULT_MODEL)

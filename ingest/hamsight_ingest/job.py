"""`hamsight ingest`, short of its command line: paths become datasets of a catalog."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hamsight_core import controls
from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel, TableKind
from hamsight_core.errors import UsageError
from hamsight_core.models.package import DEFAULT_MODEL, ModelPackage, load_package
from hamsight_core.models.registry import best_cached, registry
from hamsight_core.show.terminal import say
from hamsight_ingest.listing import printable
from hamsight_ingest.pipeline import Outcome, Settings, run
from hamsight_ingest.progress import bar
from hamsight_ingest.readers import WITH_COLUMNS, open_source
from hamsight_ingest.readers.held_folder import delete_left_folders
from hamsight_ingest.source import ReadOptions, Source
from hamsight_ingest.upkeep.tune import tune
from hamsight_ingest.vanished import Seen, find_vanished
from hamsight_ingest.writer import Counts


def ingest(
    catalog: Catalog,
    source: Source,
    *,
    dataset: str | None = None,
    model: str | None = None,
    settings: Settings | None = None,
    options: ReadOptions | None = None,
    progress: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    whole: bool = True,
    prune: bool = False,
) -> Outcome:
    """Ingest a dataset into the catalog.

    Without `dataset` the folder's name is the dataset's; without `model`, the model is the one
    that the dataset has already, else the best that is downloaded, else `mini`. `options` are
    those with which the source was opened. With `progress` a bar stands on stderr if that is a
    terminal. When a `whole` source has been read to its end, items that it no longer has are
    looked for, and deleted with `prune`.
    Raises UsageError for a name that another folder's dataset has, SourceError, ModelError,
    ModelMismatchError and StatementError.
    """
    name = _checked_name(source, dataset)
    every = catalog.models(None, recent=True)
    models = [one for one in every if one.kind is TableKind.ITEMS]
    runs = [(row[0], row[1]) for row in catalog.rows("recorded_runs", {"dataset": name})]
    sources = list(dict.fromkeys(place for place, _ in runs))
    if dataset is None:
        _check_own(source, sources)
    known = {one.name for one in models}
    former = next((of_run for _, of_run in runs if of_run in known), None)
    package = choose_package(catalog, models, name, model, former)
    if progress:
        say(f"{name}: encoded with the model {package.name}")
    seen = Seen()
    with bar(name, " images", progress, source.count()) as drawn:

        def show(counts: Counts) -> None:
            drawn.set_postfix(rejects=counts.rejected, refresh=False)
            drawn.update(counts.total - drawn.n)

        outcome = run(
            catalog,
            source,
            package,
            name,
            settings or Settings(),
            on_progress=show,
            stopped=stopped,
            options=options,
            seen=seen,
            models=every,
            new=not runs,
        )
    registered = outcome.registered
    if whole and outcome.complete and registered is not None:
        subset = options.subset if options else None
        if runs:
            vanished = find_vanished(
                catalog, source, name, registered, seen, sources, subset=subset, prune=prune
            )
            outcome = replace(outcome, vanished=vanished)
        rehashed = tune(catalog, registered, package, (settings or Settings()).compute)
        if outcome.registered_objects is not None:
            tune(catalog, outcome.registered_objects, package, (settings or Settings()).compute)
        outcome = replace(outcome, rehashed=rehashed)
    for note in [*source.notes, *source.ignored, *outcome.faults]:
        warnings.warn(controls.printable(note), stacklevel=2)
    return outcome


def open_sources(
    paths: Sequence[Path | str], format: str | None, options: ReadOptions
) -> list[Source]:
    """Open every path before any is ingested, so that a wrong one costs nothing.

    Raises SourceError, and UsageError for options that contradict each other or the format.
    """
    if options.subset is not None and options.subset_from_folder:
        raise UsageError(
            "--subset puts every item into one subset, --subset-from-folder makes every folder"
            " one: give one of the two"
        )
    delete_left_folders()
    sources = [open_source(path, format, options) for path in paths]
    for source in sources:
        if options.columns and source.format not in WITH_COLUMNS:
            raise UsageError(
                f"--column is for tables, but {printable(source.path)} is read as"
                f" {source.format} ({source.detected}): leave --column out, or give the path of"
                " the table"
            )
    return sources


def _checked_name(source: Source, given: str | None) -> str:
    if given is not None and (not given or "/" in given):
        raise UsageError(f"--dataset {given!r}: a dataset's name is not empty and has no '/'")
    return source.name if given is None else given


def _check_own(source: Source, sources: Sequence[str]) -> None:
    """Refuse a name that was not given and is that of another folder's dataset."""
    path = printable(source.path)
    if sources and path not in sources:
        raise UsageError(
            f"the catalog has a dataset {source.name!r} already, from {sources[0]}:"
            f" to put {path} into it say --dataset {source.name}, else give another name"
        )


def choose_package(
    catalog: Catalog,
    models: Sequence[CatalogModel],
    dataset: str,
    model: str | None,
    former: str | None,
) -> ModelPackage:
    """Return the package to encode a dataset with, from what `model` names.

    That is one of the catalog's `models`, a model of the registry, which is downloaded where it is
    not in the cache, or a path. None is the model `former` that the dataset has, else the best that
    is in the cache, else mini, with a warning. Raises ModelError, and ModelMismatchError for a
    catalog's model whose package has changed.
    """
    known = {one.name: one for one in models}
    if model is not None:
        return _named(catalog, known, model)
    best = best_cached()
    if former is not None:
        package = catalog.package(known[former])
        if package.source == DEFAULT_MODEL and best is not None:
            warnings.warn(
                f"{dataset!r} stays with {DEFAULT_MODEL}, which knows photos only roughly;"
                f" --model {best.name} encodes it with that too",
                stacklevel=3,
            )
        return package
    if best is not None:
        return load_package(best.name)
    warnings.warn(
        f"no model is named and none is downloaded, so this is encoded with {DEFAULT_MODEL}, which"
        " is small, knows photos ONLY ROUGHLY and some 2,700 words. For a real CLIP run `hamsight"
        f" models pull {_COMMON}` once, and then the same command with --model {_COMMON}."
        " `hamsight models` lists others",
        stacklevel=3,
    )
    return load_package(DEFAULT_MODEL)


_COMMON = "clip-vit-b-32"


def _named(catalog: Catalog, known: Mapping[str, CatalogModel], model: str) -> ModelPackage:
    is_folder = Path(model).expanduser().is_dir()
    if model in known and known[model].source != IMPORTED and not is_folder:
        return catalog.package(known[model])
    entry = registry().get(model)
    if entry is not None and not entry.cached and not Path(model).is_dir():
        from hamsight_core.models.hub import pull

        pull(entry)
    return load_package(model)

"""`hamsight ingest`, short of its command line: paths become datasets of a catalog."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tqdm import tqdm

from hamsight_core import controls
from hamsight_core.catalog.catalog import IMPORTED, Catalog
from hamsight_core.errors import UsageError
from hamsight_core.hashing.sign import TERNARY
from hamsight_core.models.network import HERE, Compute
from hamsight_core.models.package import DEFAULT_MODEL, ModelPackage, load_package
from hamsight_core.models.registry import best_cached, registry
from hamsight_core.show.terminal import say
from hamsight_ingest.listing import printable
from hamsight_ingest.pipeline import Outcome, Settings, run
from hamsight_ingest.readers import WITH_COLUMNS, open_source
from hamsight_ingest.reencode import Reencoded, reencode
from hamsight_ingest.rehash import Rehashed, rehash
from hamsight_ingest.source import ReadOptions, Source
from hamsight_ingest.tune import tune
from hamsight_ingest.vanished import Seen, find_vanished
from hamsight_ingest.writer import Counts

if TYPE_CHECKING:
    from hamsight_ingest.index import Indexed


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
    name = _dataset_name(catalog, source, dataset)
    package = choose_package(catalog, name, model)
    if progress:
        say(f"{name}: encoded with the model {package.name}")
    catalog.check(package)
    seen = Seen()
    with _bar(name, " images", progress, source.count()) as bar:

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
            options=options,
            seen=seen,
        )
    registered = catalog.check(package)
    if whole and outcome.complete and registered is not None:
        subset = options.subset if options else None
        vanished = find_vanished(
            catalog, source, name, registered, seen, subset=subset, prune=prune
        )
        current = catalog.check(package) or registered
        rehashed = tune(catalog, current, package, (settings or Settings()).compute)
        outcome = replace(outcome, vanished=vanished, rehashed=rehashed)
    for note in [*source.notes, *source.ignored, *outcome.faults]:
        warnings.warn(controls.printable(note), stacklevel=2)
    return outcome


def encode_again(
    catalog: Catalog,
    model: str | None,
    *,
    settings: Settings | None = None,
    progress: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> Reencoded | None:
    """Encode all that a model has again with the package that `model` names, as it is now.

    `model` is a model of the catalog or a package; None is the only model of the catalog. Return
    None where the features are of that package already. Raises what `reencode` raises.
    """
    known = {one.name: one for one in catalog.models()}
    if model is None:
        model = catalog.model().name
    package = load_package(known[model].source if model in known else model)
    with _bar(f"{package.name} again", " images", progress) as bar:

        def show(done: int, items: int) -> None:
            bar.total = items
            bar.update(done - bar.n)

        done = reencode(catalog, package, settings or Settings(), on_progress=show, stopped=stopped)
    if done is not None and done.complete and (registered := catalog.check(package)):
        tune(catalog, registered, package, (settings or Settings()).compute)
    return done


def hash_again(
    catalog: Catalog,
    model: str | None,
    *,
    scheme: str = TERNARY,
    bits: int | None = None,
    compute: Compute = HERE,
    progress: bool = False,
) -> Rehashed | None:
    """Fit the hash of a model anew, or give it signs; it then stays as it was chosen.

    `model` is a model of the catalog or the folder of its package; None is the only one. Return
    None where another process has changed the model meanwhile. Raises what `rehash` raises.
    """
    found = catalog.model(model)
    package = None
    if found.source != IMPORTED or (model is not None and model != found.name):
        package = catalog.package(found, model)
    with _bar(f"{found.name} hashed", " items", progress, delay=1) as bar:

        def show(done: int, items: int) -> None:
            bar.total = items
            bar.update(done - bar.n)

        return rehash(
            catalog,
            found,
            package,
            scheme=scheme,
            bits=bits,
            chosen=True,
            compute=compute,
            on_progress=show,
        )


def index_items(
    catalog: Catalog,
    model: str | None,
    *,
    compute: Compute = HERE,
    progress: bool = False,
) -> Indexed:
    """Build the coarse cells of a model's items anew. Raises what `build_index` raises.

    `model` is a model of the catalog or the folder of its package; None is the only one. Without
    its package, words are not measured: searches for words then read all items.
    """
    from hamsight_ingest.index import build_index

    found = catalog.model(model)
    package = None
    if found.words and found.source != IMPORTED:
        package = catalog.package(found, model)
    with _bar(f"{found.name} indexed", " items", progress, delay=1) as bar:

        def show(done: int, items: int) -> None:
            bar.total = items
            bar.update(done - bar.n)

        return build_index(catalog, found, package, compute=compute, on_progress=show)


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
    sources = [open_source(path, format, options) for path in paths]
    for source in sources:
        if options.columns and source.format not in WITH_COLUMNS:
            raise UsageError(
                f"--column is for tables, but {printable(source.path)} is read as"
                f" {source.format} ({source.detected}): leave --column out, or give the path of"
                " the table"
            )
    return sources


def _bar(
    what: str, unit: str, progress: bool, total: int | None = None, delay: float = 0
) -> tqdm[NoReturn]:
    """Return a bar on stderr, drawn after `delay` seconds.

    None is drawn without `progress`, or where there is no terminal.
    """
    return tqdm(
        total=total,
        desc=controls.printable(what),
        unit=unit,
        delay=delay,
        file=sys.stderr,
        disable=None if progress else True,
        dynamic_ncols=True,
    )


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


def choose_package(catalog: Catalog, dataset: str, model: str | None) -> ModelPackage:
    """Return the package to encode a dataset with, from what `model` names.

    That is a model of the catalog, a model of the registry, which is downloaded where it is not
    in the cache, or a path. None is the model that the dataset has, else the best that is in the
    cache, else mini, with a warning. Raises ModelError, and ModelMismatchError for a catalog's
    model whose package has changed.
    """
    if model is not None:
        return _named(catalog, model)
    best = best_cached()
    former = catalog.rows("find_dataset_models", {"dataset": dataset})
    if former:
        package = catalog.package(catalog.model(former[0][0]))
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


def _named(catalog: Catalog, model: str) -> ModelPackage:
    known = {one.name: one for one in catalog.models() if one.source != IMPORTED}
    if model in known and not Path(model).expanduser().is_dir():
        return catalog.package(known[model])
    entry = registry().get(model)
    if entry is not None and not entry.cached and not Path(model).is_dir():
        from hamsight_core.models.hub import pull

        pull(entry)
    return load_package(model)

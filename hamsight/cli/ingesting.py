"""Data in: `hamsight ingest`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.completion import all_models, datasets
from hamsight.cli.interrupts import interrupts, status_of
from hamsight.cli.options import ComputePrecision, Database, Device
from hamsight_core.errors import EXIT_REJECTED, UsageError
from hamsight_core.images.decode import MAX_PIXELS
from hamsight_core.items import item_name
from hamsight_core.models.encoder import DEFAULT_BATCH
from hamsight_core.models.network import DEFAULT_DEVICE, Precision
from hamsight_core.show.terminal import say, stop, tell

if TYPE_CHECKING:
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_ingest.pipeline import Outcome, Settings
    from hamsight_ingest.prepare import Rejected
    from hamsight_ingest.vanished import Vanished

_SHOWN_REJECTS = 20
_SHOWN_VANISHED = 5


def ingest(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH", help="Folders of images or other datasets, or URLs (docs/formats.md)."
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the dataset. Default: the name of the folder.",
            autocompletion=datasets,
        ),
    ] = None,
    subset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Put every item into this subset."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FOLDER",
            autocompletion=all_models,
            help="A model of the catalog, a name of `hamsight models` (downloaded if needed), or"
            " the folder of a package. Default: the model that the dataset has, else the best"
            " downloaded model, else mini.",
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Format of the dataset, see `hamsight formats`. Default: detected."
        ),
    ] = None,
    subset_from_folder: Annotated[
        bool, typer.Option(help="Make every first-level folder a subset.")
    ] = False,
    tags_from_folder: Annotated[bool, typer.Option(help="Make folder names tags.")] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=NAME",
            help="Column of a table for a role: image, id, subset, tags, label or captions."
            " Default: recognised by name. An empty NAME leaves the role out.",
        ),
    ] = None,
    image_width: Annotated[
        int,
        typer.Option(min=1, help="Width in pixels to ask of servers that scale images (Unsplash)."),
    ] = 640,
    device: Device = DEFAULT_DEVICE,
    precision: ComputePrecision = Precision.AUTO,
    batch: Annotated[int, typer.Option(min=1, help="Images encoded at a time.")] = DEFAULT_BATCH,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads that decode images. Default: one for each core."),
    ] = None,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Reject images with more pixels.")
    ] = MAX_PIXELS,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private",
            help="Fetch images from private networks and this machine too, if a dataset from"
            " elsewhere names them.",
        ),
    ] = False,
    quality: Annotated[
        bool,
        typer.Option(
            help="Score each picture's quality and hash how it looks, to find duplicates."
        ),
    ] = True,
    objects: Annotated[
        bool | None,
        typer.Option(
            "--objects/--no-objects",
            help="Encode each annotated box too, as an item of the table of objects. Default: if"
            " the dataset has objects already.",
        ),
    ] = None,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Delete items that PATH no longer has."),
    ] = False,
    retry: Annotated[
        bool,
        typer.Option(
            "--retry-rejects",
            help="Without PATH: try rejected files again, of --dataset or of all datasets.",
        ),
    ] = False,
    re_encode: Annotated[
        bool,
        typer.Option(
            "--re-encode",
            help="Encode all images of the model again with the package as it is now, then PATH.",
        ),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with status 6 when any file was rejected, or is of a kind that is not read.",
        ),
    ] = False,
    db: Database = None,
) -> None:
    """Encode the images of datasets and store them in the catalog.

    Only new and changed images are encoded. After Ctrl-C, SIGTERM or SIGHUP,
    everything that was encoded is kept, and the same command continues.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_ingest.job import ingest as run
    from hamsight_ingest.job import open_sources
    from hamsight_ingest.pipeline import Settings
    from hamsight_ingest.source import ReadOptions

    options = ReadOptions(
        subset, subset_from_folder, tags_from_folder, role_columns(column or []), image_width
    )
    threads = workers or Settings().workers
    settings = Settings(
        device, batch, threads, max_pixels, precision, quality, allow_private, objects
    )
    if retry:
        if paths or prune or re_encode or model or format or options != ReadOptions():
            raise UsageError(
                "--retry-rejects reads the recorded sources again as they were read:"
                " leave out PATH and all that says how to read it, but for --dataset"
            )
        _retry(db, dataset, settings, strict)
        return
    if not paths and not re_encode:
        raise UsageError("nothing to ingest: name a folder of images or another dataset")
    sources = open_sources(paths or [], format, options)
    outcomes: list[Outcome] = []
    with Catalog.open(db, create=not re_encode) as catalog, interrupts() as stopped:
        if re_encode:
            _re_encode(catalog, model, settings, stopped)
        for source in sources:
            say(f"{source.path}: {source.detected}")
            started = time.monotonic()
            outcome = run(
                catalog,
                source,
                dataset=dataset,
                model=model,
                settings=settings,
                options=options,
                progress=True,
                stopped=lambda: bool(stopped),
                prune=prune,
            )
            outcomes.append(outcome)
            _report(outcome, time.monotonic() - started)
            _report_vanished(outcome.vanished, source.path)
            if stopped:
                stop(status_of(stopped), "stopped: the same command goes on from here")
    rejected = sum(outcome.counts.rejected for outcome in outcomes)
    useless = 0 < rejected == sum(outcome.counts.total for outcome in outcomes)
    not_read = any(outcome.not_read for outcome in outcomes)
    if useless or ((rejected or not_read) and strict):
        stop(EXIT_REJECTED)


def _retry(db: str | None, dataset: str | None, settings: Settings, strict: bool) -> None:
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_ingest.retry import retry_rejects

    with Catalog.open(db) as catalog, interrupts() as stopped:
        catalog.create()
        names = [] if dataset is None else [dataset]
        done = retry_rejects(
            catalog, names, settings=settings, progress=True, stopped=lambda: bool(stopped)
        )
    for one in done:
        tell(f"{one.dataset}: {one.mended} of {one.rejects} rejected items mended")
        for outcome in one.outcomes:
            _report_rejects(outcome.rejected, outcome.counts.rejected, outcome.silent)
    if not done:
        say("no file was rejected: there is nothing to try again")
    if stopped:
        stop(status_of(stopped))
    if strict and any(one.mended < one.rejects for one in done):
        stop(EXIT_REJECTED)


def _re_encode(catalog: Catalog, model: str | None, settings: Settings, stopped: list[int]) -> None:
    from hamsight_core.catalog.model_row import TableKind
    from hamsight_ingest.upkeep.reencode import encode_again

    catalog.create()
    done = encode_again(
        catalog, model, settings=settings, progress=True, stopped=lambda: bool(stopped)
    )
    if done is None:
        say("nothing to encode again: the catalog's features are of this package")
        return
    if not done.complete:
        say(f"stopped after {done.encoded} images: searches see the old features until the")
        stop(status_of(stopped), "same command has gone on to the end")
    what = "images" if done.kind is TableKind.ITEMS else "objects"
    tell(f"{done.model}: {done.items} {what} encoded again")
    if done.objects is not None:
        tell(f"{done.model}: {done.objects.items} objects encoded again")
    _report_rejects(done.rejected, len(done.rejected), {})


def _report_vanished(vanished: Vanished, path: Path | str) -> None:
    if not vanished.items:
        return
    items = "1 item" if vanished.items == 1 else f"{vanished.items} items"
    if vanished.pruned:
        tell(f"{items} no longer in {path} deleted from the catalog")
        return
    are = "is" if vanished.items == 1 else "are"
    say(f"{items} of the catalog {are} no longer in {path}: --prune deletes them")
    for subset, id in vanished.first[:_SHOWN_VANISHED]:
        say(f"  {item_name((subset, id))}")
    if vanished.items > _SHOWN_VANISHED:
        say(f"  … and {vanished.items - _SHOWN_VANISHED} more")


def role_columns(given: list[str]) -> dict[str, str]:
    """Return the columns by role that --column gave; raises UsageError."""
    columns: dict[str, str] = {}
    for one in given:
        role, mark, name = one.partition("=")
        if not mark or role in columns:
            raise UsageError(f"--column {one}: expected ROLE=NAME, each role once")
        columns[role] = name
    return columns


def _report(outcome: Outcome, seconds: float) -> None:
    counts, objects = outcome.counts, outcome.objects
    encoded = counts.added + counts.replaced
    rate = f", {encoded / seconds:.0f} images/s" if encoded and seconds else ""
    tell(
        f"{outcome.dataset}: {counts.added} added, {counts.replaced} replaced,"
        f" {counts.unchanged} unchanged, {counts.rejected} rejected"
        f" (model {outcome.model}, {seconds:.1f} s{rate})"
    )
    if objects is not None:
        tell(
            f"objects: {objects.added} added, {objects.replaced} replaced,"
            f" {objects.unchanged} unchanged, {objects.deleted} deleted"
        )
    _report_rejects(outcome.rejected, counts.rejected, outcome.silent)
    if outcome.not_read:
        say(f"not read: {outcome.not_read}")
    if (made := outcome.rehashed) is not None:
        words = f" and {made.words} words" if made.words else ""
        say(f"the hash of {outcome.model} is now fitted to {made.sample} of its features{words}")


def _report_rejects(rejected: Sequence[Rejected], count: int, silent: Mapping[str, int]) -> None:
    for host, images in silent.items():
        say(
            f"{host} does not answer and was given up: {images} more images rejected;"
            " hamsight ingest --retry-rejects tries them again"
        )
        count -= images
    rejected = [one for one in rejected if not one.silent_host]
    for one in rejected[:_SHOWN_REJECTS]:
        say(f"rejected {one.item.uri}: {one.reason}")
    if count > _SHOWN_REJECTS:
        say(f"… and {count - _SHOWN_REJECTS} more: hamsight info --rejects")

"""`hamsight ingest`."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.encoder import DEFAULT_BATCH, DEFAULT_DEVICE
from hamsight.errors import EXIT_INTERRUPTED, EXIT_REJECTED, UsageError
from hamsight.imaging import MAX_PIXELS
from hamsight.options import Database, Device
from hamsight.terminal import say

if TYPE_CHECKING:
    from ingest.pipeline import Outcome

_SHOWN_REJECTS = 20


def ingest(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Folders of images, or other datasets."),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the dataset. By default the folder's name."),
    ] = None,
    subset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Put every item into this subset."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FOLDER",
            help="Model package. By default the one the dataset has already, else mini.",
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Format, see `hamsight formats`. By default detected."),
    ] = None,
    subset_from_folder: Annotated[
        bool, typer.Option(help="Make every first-level folder a subset.")
    ] = False,
    tags_from_folder: Annotated[bool, typer.Option(help="Make folder names tags.")] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=NAME",
            help="A table's column of the role image, id, subset, tags, label or captions."
            " By default known by its name; an empty NAME leaves the role out.",
        ),
    ] = None,
    image_width: Annotated[
        int, typer.Option(min=1, help="Pixels, where a server scales images, as Unsplash's does.")
    ] = 640,
    device: Device = DEFAULT_DEVICE,
    batch: Annotated[int, typer.Option(min=1, help="Images a batch.")] = DEFAULT_BATCH,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads that decode. By default one a core."),
    ] = None,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Reject images of more pixels than this.")
    ] = MAX_PIXELS,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with status 6 when any file was rejected.")
    ] = False,
    db: Database = None,
) -> None:
    """Encode the images of datasets and put them into the catalog.

    Images that the catalog holds as they are cost nothing; changed ones replace their row.
    Ctrl-C keeps all that was encoded, and the same command goes on from there.
    """
    from hamsight.catalog import Catalog
    from ingest.job import ingest as run
    from ingest.job import open_sources
    from ingest.pipeline import Settings
    from ingest.source import ReadOptions

    options = ReadOptions(
        subset, subset_from_folder, tags_from_folder, _columns(column or []), image_width
    )
    sources = open_sources(paths, format, options)
    settings = Settings(device=device, batch=batch, max_pixels=max_pixels)
    if workers is not None:
        settings = Settings(device, batch, workers, max_pixels)
    outcomes: list[Outcome] = []
    with Catalog.open(db, create=True) as catalog, _interrupts() as stopped:
        for source in sources:
            say(f"{source.path}: {source.detected}")
            started = time.monotonic()
            outcome = run(
                catalog,
                source,
                dataset=dataset,
                model=model,
                settings=settings,
                progress=True,
                stopped=lambda: bool(stopped),
            )
            outcomes.append(outcome)
            _report(outcome, time.monotonic() - started)
            if stopped:
                say("stopped: the same command goes on from here")
                raise typer.Exit(EXIT_INTERRUPTED)
    rejected = sum(outcome.counts.rejected for outcome in outcomes)
    useless = any(0 < each.counts.rejected == each.counts.total for each in outcomes)
    if useless or (rejected and strict):
        raise typer.Exit(EXIT_REJECTED)


def _columns(given: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for one in given:
        role, mark, name = one.partition("=")
        if not mark or role in columns:
            raise UsageError(f"--column {one}: expected ROLE=NAME, each role once")
        columns[role] = name
    return columns


def _report(outcome: Outcome, seconds: float) -> None:
    counts = outcome.counts
    encoded = counts.added + counts.replaced
    rate = f", {encoded / seconds:.0f} images/s" if encoded and seconds else ""
    typer.echo(
        f"{outcome.dataset}: {counts.added} added, {counts.replaced} replaced,"
        f" {counts.unchanged} unchanged, {counts.rejected} rejected"
        f" (model {outcome.model}, {seconds:.1f} s{rate})"
    )
    for one in outcome.rejected[:_SHOWN_REJECTS]:
        say(f"rejected {one.item.uri}: {one.reason}")
    if counts.rejected > _SHOWN_REJECTS:
        say(f"… and {counts.rejected - _SHOWN_REJECTS} more: hamsight info --rejects")


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Yield a list that a first SIGINT or SIGTERM fills; a second one interrupts at once."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        say("\nstopping after the images under way; once more to give them up")

    former = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        sys.stderr.flush()

"""`hamsight evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hamsight.cli.options import Database, Device, StoredModel
from hamsight.cli.query import show
from hamsight_core.models.network import DEFAULT_DEVICE, Compute
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import say


def evaluate(
    k: Annotated[
        int, typer.Option("-k", "--top-k", help="Number of best matches that count.")
    ] = 10,
    queries: Annotated[
        int, typer.Option(metavar="N", help="Number of items, and of texts, to search by.")
    ] = 200,
    recall: Annotated[
        float, typer.Option(metavar="SHARE", help="Propose the candidates that reach this recall.")
    ] = 0.97,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw recall by number of candidates."),
    ] = None,
    model: StoredModel = None,
    device: Device = DEFAULT_DEVICE,
    format: Annotated[Format, typer.Option(help="Format of the output.")] = Format.TABLE,
    db: Database = None,
) -> None:
    """Measure recall and time: how many of the exact top 10 a search returns, and how fast.

    Searches by items, captions and names of tags of the catalog, and proposes the
    number of candidates. Nothing is changed; `hamsight info` shows the settings
    that searches use.
    """
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_core.show.sheet import sheet_format
    from hamsight_query.evaluate import evaluate_model
    from hamsight_query.plot import draw_plot

    if plot is not None:
        sheet_format(plot)
    with Catalog.open(db) as catalog:
        done = evaluate_model(
            catalog, model, k=k, queries=queries, recall=recall, compute=Compute(device)
        )
    show(done.table, format)
    for line in done.advice:
        say(line)
    if plot is not None:
        draw_plot(done, plot)
        say(f"saved {plot}")

"""`hamsight report`: all analyses of a dataset as one page of HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hamsight.cli.completion import datasets
from hamsight.cli.options import Database, StoredModel
from hamsight_core.show.terminal import say


def report(
    dataset: Annotated[
        str | None,
        typer.Argument(
            metavar="DATASET",
            help="The dataset. Default: the whole catalog.",
            autocompletion=datasets,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="The page to write.")] = Path(
        "report.html"
    ),
    subset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only items of this subset.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION", help="Only items for which this is true (docs/where.md)."
        ),
    ] = None,
    model: StoredModel = None,
    db: Database = None,
) -> None:
    """Write what is wrong with a dataset, and what is in it, as one page of HTML.

    Duplicates, leaks, quality, wrong tags, outliers, differences between subsets, a map, clusters
    and a sample, with their pictures inside. The page opens from a file and asks for nothing
    elsewhere. Findings are recorded as those of `hamsight find`.
    """
    from hamsight.session import Session

    with Session(db) as session:
        done = session.report(
            out, dataset=dataset or (), subset=subset or (), where=where, model=model, progress=True
        )
    say(*(f"{chapter.title}: {chapter.said}" for chapter in done))
    say(f"saved {out} ({out.stat().st_size / 1e6:.1f} MB)")

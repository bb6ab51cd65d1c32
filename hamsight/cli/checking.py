"""`hamsight check`: analyses with limits, for CI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hamsight.cli.options import Database
from hamsight.cli.output import show
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import say
from hamsight_core.whole_files import whole_file

_FILE = Path("hamsight-check.toml")
_EXIT_BROKEN = 1


def check(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.toml", help="The checks and their limits.")
    ] = _FILE,
    init: Annotated[
        bool, typer.Option("--init", help="Write CONFIG.toml to begin with, and check nothing.")
    ] = False,
    junit: Annotated[
        Path | None,
        typer.Option(metavar="FILE.xml", help="Write the outcome as JUnit XML."),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(metavar="FILE.md", help="Write the outcome as Markdown."),
    ] = None,
    format: Annotated[Format, typer.Option(help="Format of the output.")] = Format.TABLE,
    db: Database = None,
) -> None:
    """Check a dataset against limits, such as no leaks and at most 2% blurred; for CI.

    The exit status is 1 if a limit is broken. Findings are recorded as those of `hamsight find`.
    """
    from hamsight_analyze.checks import (
        as_junit,
        as_markdown,
        outcome_table,
        read_checks,
        run_checks,
        write_example,
    )
    from hamsight_core.catalog.catalog import Catalog

    if init:
        write_example(config)
        say(f"wrote {config}")
        return
    checks = read_checks(config)
    outcomes = []
    with Catalog.open(db) as catalog:
        for outcome in run_checks(catalog, checks, progress=True):
            outcomes.append(outcome)
            if outcome.broken:
                say(f"broken: {outcome.check.name}: {outcome.said}; {outcome.limit}")
            for note in outcome.notes if outcome.check.analysis.kind != "leaks" else ():
                say(f"note: {outcome.check.name}: {note}")
    show(outcome_table(outcomes), format)
    for file, written in ((junit, as_junit), (markdown, as_markdown)):
        if file is not None:
            _write(file, written(outcomes))
    if any(outcome.broken for outcome in outcomes):
        raise typer.Exit(_EXIT_BROKEN)


def _write(file: Path, text: str) -> None:
    with whole_file(file) as partial:
        partial.write_text(text, encoding="utf-8")
    say(f"saved {file}")

"""`hamsight explore`."""

from __future__ import annotations

from typing import Annotated

import typer

from hamsight.cli.options import Database


def explore(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 is any that is free.")
    ] = 0,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="127.0.0.1, localhost or ::1.")
    ] = "127.0.0.1",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and open no browser.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Let the page change nothing.")
    ] = False,
    db: Database = None,
) -> None:
    """Look at the catalog in a page: browse, search, select, group, export.

    Prints an address that lets one browser in. Everything stays on this machine.
    """
    from hamsight_explore import Options, explore

    options = Options(host=host, port=port, read_only=read_only)
    explore(db, options, open_browser=not no_browser)

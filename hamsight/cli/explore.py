"""`hamsight explore` and `hamsight serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from hamsight.cli.options import Database


def explore(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 is any free port.")
    ] = 0,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="127.0.0.1, localhost or ::1.")
    ] = "127.0.0.1",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open no browser.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Do not let the page change anything.")
    ] = False,
    link: Annotated[
        bool,
        typer.Option("--link", help="Print a new address of the page that is open, and exit."),
    ] = False,
    db: Database = None,
) -> None:
    """Show the catalog in a page in your browser: search, filter, select, group, export.

    Prints an address that lets one browser in, once. The server is for this machine only.
    """
    if link:
        from hamsight_explore.shared import page_link

        typer.echo(page_link(db))
        return
    from hamsight_explore import Options, explore

    options = Options(host=host, port=port, read_only=read_only)
    explore(db, options, open_browser=not no_browser)


def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 is any free port.")
    ] = 0,
    write: Annotated[bool, typer.Option("--write", help="Let clients change the catalog.")] = False,
    password: Annotated[
        str,
        typer.Option(envvar="HAMSIGHT_PASSWORD", help="Of the user hamsight; default: a new one."),
    ] = "",
    db: Database = None,
) -> None:
    """Serve an embedded catalog to ClickHouse clients, BI tools and notebooks on this machine.

    They speak ClickHouse's HTTP protocol. Without --write they can only read the catalog. Other
    `hamsight` commands work on the catalog meanwhile.
    """
    from hamsight_explore.shared import serve

    serve(db, port=port, password=password, write=write)

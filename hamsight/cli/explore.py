"""`hamsight explore` and `hamsight serve`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from hamsight.cli.options import Database


def explore(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 is any free port.")
    ] = 0,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; others than you need TLS.")
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
    root_path: Annotated[
        str,
        typer.Option(
            metavar="URL", help="The page's address at a proxy; {port} stands for the port."
        ),
    ] = "",
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name by which browsers reach the page; repeatable."),
    ] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy that has TLS stands before the page.")
    ] = False,
    certificate: Annotated[
        str, typer.Option(metavar="PATH", help="The TLS certificate, PEM, with its chain.")
    ] = "",
    key: Annotated[
        str, typer.Option(metavar="PATH", help="The private key of the certificate, PEM.")
    ] = "",
    db: Database = None,
) -> None:
    """Show the catalog in a page in your browser: search, filter, select, group, export.

    Prints an address that lets one browser in, once. The environment variable HAMSIGHT_PASSWORD
    sets a password that lets browsers in, too. The server is for this machine only, unless --host
    says otherwise.
    """
    if link:
        from hamsight_explore.shared import page_link

        # `tell` would mask the token
        print(page_link(db), flush=True)  # noqa: T201 - the command's answer
        return
    from hamsight_explore import Options, explore

    options = Options(
        host=host,
        port=port,
        read_only=read_only,
        root_path=root_path,
        allowed_hosts=tuple(allowed_host or ()),
        behind_proxy=behind_proxy,
        certificate=certificate,
        key=key,
        password=os.environ.get("HAMSIGHT_PASSWORD", ""),
    )
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

"""`hamsight mcp`."""

from __future__ import annotations

from typing import Annotated

import typer

from hamsight.cli.options import Database


def mcp(
    write: Annotated[
        bool, typer.Option("--write", help="Let agents change groups. Else they can only read.")
    ] = False,
    db: Database = None,
) -> None:
    """Serve search, filters and pictures to agents: the Model Context Protocol over stdio.

    An agent's program starts the command and speaks with it over stdin and stdout. Other
    `hamsight` commands work on the catalog meanwhile. Needs pip install 'hamsight[mcp]'.
    """
    from hamsight_explore.agents import serve_agents

    serve_agents(db, write=write)

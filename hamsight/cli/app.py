"""The `hamsight` command: its groups of commands, as its help shows them in panels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer

from hamsight.cli.interrupts import heard
from hamsight_core.show.terminal import App, Commands, tell

LOOK, SEARCH, CLEAN, CHANGE = "Look", "Search", "Clean", "Change"
DATA, ENGINE, SQL = "Data in and out", "Models and engine", "SQL"

_COMMANDS = {
    "info": ("hamsight.cli.look:info", LOOK),
    "explore": ("hamsight.cli.explore:explore", LOOK),
    "show": ("hamsight.cli.look:show_item", LOOK),
    "demo": ("hamsight.demo:demo", LOOK),
    "query": ("hamsight.cli.asking:query", SEARCH),
    "save": ("hamsight.cli.asking:save", SEARCH),
    "run": ("hamsight.cli.asking:run", SEARCH),
    "mcp": ("hamsight.cli.agents:mcp", SEARCH),
    "saved": ("hamsight.cli.asking:saved", SEARCH),
    "find": ("hamsight.cli.finding:find", CLEAN),
    "sample": ("hamsight.cli.choosing:sample", CLEAN),
    "compare": ("hamsight.cli.choosing:compare", CLEAN),
    "cluster": ("hamsight.cli.choosing:cluster", CLEAN),
    "map": ("hamsight.cli.mapping:map_", CLEAN),
    "check": ("hamsight.cli.checking:check", CLEAN),
    "report": ("hamsight.cli.reporting:report", CLEAN),
    "verify": ("hamsight.cli.cleaning:verify", CLEAN),
    "group": ("hamsight.cli.changing:group", CHANGE),
    "set": ("hamsight.cli.changing:set_", CHANGE),
    "delete": ("hamsight.cli.changing:delete", CHANGE),
    "datasets": ("hamsight.cli.changing:datasets", CHANGE),
    "ingest": ("hamsight.cli.ingesting:ingest", DATA),
    "export": ("hamsight.cli.transfer:export", DATA),
    "import-features": ("hamsight.cli.transfer:import_features", DATA),
    "formats": ("hamsight.cli.transfer:formats", DATA),
    "models": ("hamsight.cli.engine:models", ENGINE),
    "rehash": ("hamsight.cli.engine:rehash", ENGINE),
    "index": ("hamsight.cli.engine:index", ENGINE),
    "evaluate": ("hamsight.cli.engine:evaluate", ENGINE),
    "sql": ("hamsight.cli.analyst:sql", SQL),
    "serve": ("hamsight.cli.explore:serve", SQL),
    "functions": ("hamsight.cli.analyst:functions", SQL),
}
"""Of each command or group of commands its place, and its panel in the help."""


@cache
def _command(name: str) -> Any:
    """Import a command, or a group of commands. Raises KeyError where there is no such command."""
    place, panel = _COMMANDS[name]
    module, function = place.split(":")
    found = getattr(import_module(module), function)
    one = App()
    if isinstance(found, App):
        one.add_typer(found, name=name, rich_help_panel=panel)
    else:
        one.command(name, rich_help_panel=panel)(found)
    return typer.main.get_group(one).commands[name]


class _Loaded(Mapping[str, Any]):
    """The commands by name, each imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        return _command(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


class _AllCommands(Commands):
    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "commands": _Loaded()})


app = App(
    cls=_AllCommands,
    name="hamsight",
    help="Find, compare and clean images in datasets by content, in plain ClickHouse.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 success, 1 no match, 2 wrong usage, 3 catalog error, 4 model error,"
    " 5 image or dataset error, 6 rejected files, 7 disk full or out of memory, 70 not foreseen,"
    " 130 interrupted, 129 or 143 ended by SIGHUP or SIGTERM.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        tell(f"hamsight {version('hamsight')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error that was not foreseen.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    with heard():
        app()

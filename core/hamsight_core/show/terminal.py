"""The command's stderr and exit statuses; data alone goes to stdout."""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from difflib import get_close_matches
from typing import Any, NoReturn, TextIO, cast

import typer
from typer.core import TyperGroup

from hamsight_core.errors import (
    EXIT_INTERRUPTED,
    EXIT_SYSTEM,
    EXIT_UNFORESEEN,
    HamsightError,
    UsageError,
    not_text,
)
from hamsight_core.show.text_table import printable

_USAGE = cast("type[Exception]", typer.BadParameter.__mro__[2])
"""The class of all errors that Typer prints by itself, in its own copy of Click or in Click."""
_MOST_WORDS = 200

_MEANT = {
    "search": "query",
    "find": "query",
    "add": "ingest",
    "import": "ingest",
    "load": "ingest",
    "list": "datasets",
    "ls": "datasets",
    "stats": "info",
    "status": "info",
    "check": "verify",
    "tag": "group",
    "remove": "delete",
    "rm": "delete",
    "hash": "rehash",
    "select": "sql",
}
"""Names that other programs give to what a command does."""


def say(message: str) -> None:
    """Print a message for the person at the terminal; controls in it are shown as escapes."""
    lines = map(printable, message.encode("utf-8", "backslashreplace").decode().split("\n"))
    print("\n".join(lines), file=sys.stderr)  # noqa: T201


def stop(status: int, message: str = "") -> NoReturn:
    """End the command with an exit status, and a message for the person at the terminal."""
    if message:
        say(message)
    raise typer.Exit(status)


class Commands(TyperGroup):
    """A group of commands whose errors become one message and an exit status."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; one that there is not ends with the nearest that there is."""
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            near = get_close_matches(name, self.commands, n=1)
            meant = _MEANT.get(name) or (near[0] if near else None)
            hint = f"Did you mean {meant!r}?" if meant else "`hamsight --help` lists all."
            ctx.fail(f"No such command {name!r}. {hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a HamsightError ends the process with its exit status."""
        warnings.showwarning = _show_warning
        warnings.filterwarnings("ignore", module="PIL")
        # What the driver logs it also raises.
        logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
        if sys.stdout is None:
            sys.stdout = _closed_output()
        try:
            return super().invoke(ctx)
        except HamsightError as error:
            status, message = error.exit_status, f"error: {error}"
        except UnicodeEncodeError as error:
            status, message = UsageError.exit_status, f"error: {not_text(error)}"
        except KeyboardInterrupt:
            status, message = EXIT_INTERRUPTED, "interrupted"
        except BrokenPipeError:
            _discard_output()
            status, message = 0, ""
        except OSError as error:
            _discard_output()
            status, message = EXIT_SYSTEM, f"error: the operating system refused: {error}"
        except MemoryError:
            status, message = EXIT_SYSTEM, "error: there is not enough memory: ask for less"
        except (_USAGE, typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            kind, words = type(error).__name__, " ".join(str(error).split())[:_MOST_WORDS]
            status = EXIT_UNFORESEEN
            message = (
                f"error: this was not foreseen ({kind}: {words}). Repeat the command as"
                f" `hamsight --debug …` and report what it prints to the maintainers of Hamsight"
            )
        stop(status, message)


def _closed_output() -> TextIO:
    """Return a stdout that refuses what is written to it, as a descriptor that is closed does."""
    unwritable = io.FileIO(os.open(os.devnull, os.O_RDONLY), "w")
    return io.TextIOWrapper(io.BufferedWriter(unwritable), "utf-8")


def _discard_output() -> None:
    """Let nothing fail any more that is written to stdout, as Python does when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"note: {message}")

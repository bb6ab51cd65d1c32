"""What reaches the terminal: printable lines, the command's errors, and its exit statuses.

Everything that the command prints goes through `say` or `tell`, but for tables and data
(`hamsight_core.show.formats`), progress bars, and help.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from hamsight_core.controls import printable
from hamsight_core.errors import (
    EXIT_INTERRUPTED,
    EXIT_SYSTEM,
    EXIT_UNFORESEEN,
    HamsightError,
    UsageError,
    not_text,
)
from hamsight_core.names import as_text

_Function = TypeVar("_Function", bound=Callable[..., Any])
_LONGEST = 300
_OF_MEMORY = re.compile("failed to map segment|[Cc]annot allocate memory")
_OF_BYTES = ("PATH", "PATH|URL")
"""The metavars of parameters that take any bytes which name a file."""

_MEANT = {
    "search": "query",
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


def say(*lines: str) -> None:
    """Print lines for the person at the terminal, to stderr."""
    _print(lines, sys.stderr)


def tell(*lines: str) -> None:
    """Print lines of the answer to stdout."""
    _print(lines, output())


def stop(status: int, message: str = "") -> NoReturn:
    """End the command with an exit status, and a message for the person at the terminal."""
    if message:
        say(message)
    raise typer.Exit(status)


def confirmed(question: str) -> bool:
    """Ask the person at the terminal; return whether they agree."""
    return typer.confirm(printable(question), err=True)


def output() -> TextIO:
    """Return stdout; raises OSError where it is closed."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    return sys.stdout


def _print(lines: tuple[str, ...], stream: TextIO | None) -> None:
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    for line in lines:
        shown = printable(line).encode(encoding, "backslashreplace").decode(encoding)
        print(shown, file=stream, flush=True)


class _TextAlone:
    """A command whose parameters are UTF-8, but for the paths of files."""

    params: list[Any]

    def make_context(self, *given: Any, **named: Any) -> Any:
        """Parse the arguments; raises UsageError for bytes that are not UTF-8."""
        context = super().make_context(*given, **named)  # type: ignore[misc]
        for parameter in self.params:
            if parameter.metavar not in _OF_BYTES:
                option = parameter.opts[0].startswith("-")
                name = parameter.opts[0] if option else parameter.metavar.strip("[]")
                value = context.params.get(parameter.name)
                for text in value if isinstance(value, (list, tuple)) else [value]:
                    if isinstance(text, str):
                        as_text(name, text)
        return context


class Command(_TextAlone, TyperCommand):
    """A command that takes text and paths."""


class Group(_TextAlone, TyperGroup):
    """A group of commands."""


class App(typer.Typer):
    """A Typer application of such commands and groups."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"cls": Group, **given})

    def command(self, name: str | None = None, **given: Any) -> Callable[[_Function], _Function]:
        """Return what adds a function as a command."""
        return super().command(name, cls=Command, **given)


class Commands(Group):
    """All commands. Their errors become one message and an exit status."""

    def make_context(self, *given: Any, **named: Any) -> Any:
        """Parse the arguments that stand before a command."""
        _fill_closed()
        warnings.showwarning = _show_warning
        warnings.filterwarnings("ignore", module="PIL")
        # What the driver logs it also raises.
        logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
        logging.lastResort = _Logged(logging.WARNING)
        with _errors_said():
            return super().make_context(*given, **named)

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
        """Run the command; an error ends the process with its exit status."""
        with _errors_said(debug=bool(ctx.params.get("debug"))):
            return super().invoke(ctx)


@contextmanager
def _errors_said(*, debug: bool = False) -> Iterator[None]:
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except HamsightError as error:
        say(*f"error: {error}".split("\n"))
        raise typer.Exit(error.exit_status) from None
    except UnicodeEncodeError as error:
        say(f"error: {not_text(error)}")
        raise typer.Exit(UsageError.exit_status) from None
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        _discard_output()
        raise typer.Exit(0) from None
    except OSError as error:
        _discard_output()
        if _folder_is_gone():
            say("error: the folder that the command was started in is gone: go to another")
        else:
            say(f"error: the operating system refused: {error}")
        raise typer.Exit(EXIT_SYSTEM) from None
    except MemoryError as error:
        say(f"error: not enough memory: {error or 'none is left'}; ask for less, or allow more")
        raise typer.Exit(EXIT_SYSTEM) from None
    except Exception as error:
        if isinstance(error, ImportError) and _OF_MEMORY.search(str(error)):
            say(f"error: not enough memory to load a package: {error}; allow more (ulimit -v)")
            raise typer.Exit(EXIT_SYSTEM) from None
        # Of the parser, which shows it with the usage and has many classes in two packages.
        if hasattr(error, "format_message") and hasattr(error, "message"):
            error.message = printable(error.message or "")
            raise
        if debug:
            say(*traceback.format_exc().rstrip().split("\n"))
        words = " ".join(str(error).split())[:_LONGEST]
        say(
            f"error: this was not foreseen ({type(error).__name__}: {words}). Repeat the command as"
            " `hamsight --debug …` and report what it prints to the maintainers of Hamsight"
        )
        raise typer.Exit(EXIT_UNFORESEEN) from None


def _folder_is_gone() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _discard_output() -> None:
    """Let nothing fail any more that is written to stdout, as Python does when it ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fill_closed() -> None:
    """Open the null device where stdin, stdout or stderr is closed.

    A file of the catalog would get its number else, and what an engine prints would be in it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


class _Logged(logging.Handler):
    """Says what packages log of their own."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"note: {record.getMessage()}")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"note: {message}")

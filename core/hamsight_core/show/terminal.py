"""The command's stderr and exit statuses; data alone goes to stdout."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

from hamsight_core.errors import EXIT_INTERRUPTED, EXIT_SYSTEM, HamsightError


def say(message: str) -> None:
    """Print a message for the person at the terminal."""
    print(message.encode("utf-8", "backslashreplace").decode(), file=sys.stderr)  # noqa: T201


class Commands(TyperGroup):
    """A group of commands whose errors become one message and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a HamsightError ends the process with its exit status."""
        warnings.showwarning = _show_warning
        warnings.filterwarnings("ignore", module="PIL")
        # What the driver logs it also raises.
        logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
        try:
            return super().invoke(ctx)
        except HamsightError as error:
            say(f"error: {error}")
            raise typer.Exit(error.exit_status) from None
        except KeyboardInterrupt:
            say("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except BrokenPipeError:
            _discard_output()
            raise typer.Exit(0) from None
        except OSError as error:
            _discard_output()
            say(f"error: the operating system refused: {error}")
            raise typer.Exit(EXIT_SYSTEM) from None


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

"""Signals that end a long command: the first lets it finish what is under way."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from hamsight_core.show.terminal import say


def status_of(stopped: Sequence[int]) -> int:
    """Return the exit status of a command that a signal has ended, as shells number it."""
    return 128 + stopped[0]


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """Yield a list that the first signal to end fills; a second one interrupts at once.

    A signal that the caller lets this process ignore, as `nohup` does SIGHUP, stays ignored.
    """
    received: list[int] = []
    terminals = [number for number in (1, 2) if os.isatty(number)]

    def receive(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        for one in terminals:
            if not os.isatty(one):  # it was closed, and who writes to it gets an error
                os.dup2(os.open(os.devnull, os.O_WRONLY), one)
        say("", "stopping after the images under way; once more to give them up")

    former = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            former[number] = signal.signal(number, receive)
    try:
        yield received
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        sys.stderr.flush()

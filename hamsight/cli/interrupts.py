"""Signals that end a long command: it ends, or first finishes what is under way."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from hamsight_core.show.terminal import say

_SECONDS = 0.5


class _Interrupt(KeyboardInterrupt):
    """Ctrl-C as an exception that weak references can point to."""


@contextmanager
def heard() -> Iterator[None]:
    """Let Ctrl-C end the block, also where a package loses the exception.

    PyArrow and others drop every exception while they try to import a package. One that has been
    dropped is no more, while the block goes on: then it is raised again.
    """
    on_main = threading.current_thread() is threading.main_thread()
    if not on_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    over = threading.Event()
    last: list[weakref.ref[_Interrupt]] = []

    def interrupt() -> _Interrupt:
        error = _Interrupt()
        last.append(weakref.ref(error))
        if len(last) == 1:
            threading.Thread(target=watch, name="interrupts", daemon=True).start()
        return error

    def watch() -> None:
        while not over.wait(_SECONDS):
            if last[-1]() is None:
                _wake()

    def receive(number: int, frame: FrameType | None) -> None:
        raise interrupt()

    signal.signal(signal.SIGINT, receive)
    try:
        yield
    finally:
        over.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _wake() -> None:
    """Interrupt the main thread, also where it waits."""
    main = threading.main_thread().ident
    if sys.platform == "win32" or main is None:
        _thread.interrupt_main()
    else:
        signal.pthread_kill(main, signal.SIGINT)


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

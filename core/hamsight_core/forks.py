"""Forked children: native threads do not survive `os.fork`, so what ran on them is left alone.

The engine and OpenVINO wait for ever for threads that are gone, when they are used and when they
are freed. A child may therefore neither use nor free what its parent had of them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

from hamsight_core.errors import UsageError

_threaded = False
_lost = False


def threads_run() -> None:
    """Note that native threads run in this process, which a child will lack."""
    global _threaded
    _threaded = True


def check_threads() -> None:
    """Raise UsageError in a child that was forked from a process whose native threads ran."""
    if _lost:
        raise forked()


def forked() -> UsageError:
    """Return the error of what cannot be used in a forked child."""
    return UsageError(
        f"process {os.getpid()} was forked from process {os.getppid()}, where Hamsight was at work,"
        " and threads do not survive a fork: start processes with spawn"
        " (multiprocessing.get_context('spawn'), a data loader's multiprocessing_context='spawn')"
        " and open the catalog in each"
    )


def keep_for_ever(thing: object) -> None:
    """Let an object never be freed, not even when the process ends."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def in_child(do: Callable[[], None]) -> None:
    """Have every forked child call a function before anything else."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=do)


def _lose_threads() -> None:
    global _lost
    if _threaded and not _lost:
        _lost = True
        _end_before_destructors()


def _end_before_destructors() -> None:
    """Let this process end once Python has, before C++ frees what waits for threads.

    Of what C calls at exit the last registered comes first. glibc alone gives it the status.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):
        libc.on_exit(libc._exit, None)
        libc.__cxa_atexit(libc.fflush, None, None)


in_child(_lose_threads)

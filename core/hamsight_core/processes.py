"""Processes of this machine."""

from __future__ import annotations

import os


def lives(process: int) -> bool:
    """Tell whether a process of this number runs on this machine."""
    if os.name != "posix":  # signal 0 is no question there
        return process == os.getpid()
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

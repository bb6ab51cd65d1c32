"""An embedded catalog that one process serves to the others of this user.

The engine takes one process a catalog. A process that answers ClickHouse's HTTP protocol for its
catalog says so in a file within the catalog's folder, which this user alone may read.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from hamsight_core.processes import lives

USER = "hamsight"
FILE = "served.json"
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Served:
    """The process that serves a catalog, and the port and password that let others in.

    `page` is the port of its page, 0 where it has none.
    """

    process: int
    port: int
    password: str
    page: int = 0


def announce(catalog: Path, served: Served) -> None:
    """Say that a catalog is served. The process holds the catalog."""
    partial = catalog / f"{FILE}.{served.process}"
    partial.unlink(missing_ok=True)
    with open(partial, "x", opener=_private, encoding="utf-8") as file:
        json.dump(asdict(served), file)
    partial.replace(catalog / FILE)


def withdraw(catalog: Path) -> None:
    """Say that a catalog is served no more."""
    (catalog / FILE).unlink(missing_ok=True)


def find(catalog: Path) -> Served | None:
    """Return who serves a catalog, None where nobody does.

    A file that others could have written counts for nothing, and so does that of a process which
    has ended. Another may have its number since: ask who holds the catalog besides.
    """
    file = catalog / FILE
    try:
        state = file.stat()
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if os.name == "posix" and (state.st_uid != os.getuid() or state.st_mode & _OTHERS):
        return None
    try:
        found = Served(
            int(said["process"]), int(said["port"]), str(said["password"]), int(said["page"])
        )
    except (KeyError, TypeError, ValueError):
        return None
    return found if lives(found.process) else None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

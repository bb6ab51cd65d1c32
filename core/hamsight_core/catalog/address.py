"""Where a catalog is, as a DSN says it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from hamsight_core.errors import UsageError
from hamsight_core.names import as_text

GIB = 2**30
DEFAULT_DSN = ".hamsight"
_SERVER_SCHEMES = {"clickhouse": "http", "clickhouses": "https"}
_DSN_FORMS = (
    "a folder, chdb:///FOLDER, clickhouse://USER:PASSWORD@HOST:8123/DATABASE"
    " or clickhouses://… for TLS"
)
_CLUSTER = re.compile(r"[\w.-]+", re.ASCII)
_LEAST_MEMORY = 0.1
_UNKNOWN_MEMORY = 4.0
_MOST_MEMORY = 2.0**20


@dataclass(frozen=True, slots=True)
class Address:
    """Where a catalog is. `path` is set for the embedded engine, `host` for a server.

    `memory` is how much a statement may take, in GiB; 0 leaves that to the server. `resident`
    says that a session holds the hashes that it searches in memory.
    """

    database: str
    path: Path | None = None
    host: str = ""
    port: int = 0
    secure: bool = False
    user: str = "default"
    password: str = field(default="", repr=False)
    cluster: str = ""
    memory: float = 0.0
    resident: bool = False
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        if self.path is not None:
            return str(self.path)
        scheme = "clickhouses" if self.secure else "clickhouse"
        cluster = f"?cluster={self.cluster}" if self.cluster else ""
        return f"{scheme}://{self.user}@{self.host}:{self.port}/{self.database}{cluster}"


def parse_dsn(dsn: str | os.PathLike[str] | None = None) -> Address:
    """Return the address that a DSN names: by default `HAMSIGHT_DB`, else `./.hamsight`.

    Raises UsageError for a DSN that is none of the known forms.
    """
    text = os.fspath(dsn) if dsn is not None else os.environ.get("HAMSIGHT_DB") or DEFAULT_DSN
    if not text:
        raise UsageError(f"the DSN is empty; expected {_DSN_FORMS}")
    if "\x00" in text:
        raise UsageError(f"the DSN {text!r} holds a NUL character; expected {_DSN_FORMS}")
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", text)
    if scheme is None and re.match(r"(chdb|clickhouses?):", text, re.IGNORECASE):
        shown = re.sub(r":.*@", ":***@", text, flags=re.DOTALL)
        raise UsageError(f"the DSN {shown!r} lacks // after the colon; expected {_DSN_FORMS}")
    if scheme is None:
        path = _folder(Path(text).expanduser())
        return Address(database="default", path=path, memory=half_of_memory())
    name = scheme[1].lower()
    shown = re.sub(r"://.*@", "://***@", text, flags=re.DOTALL)
    try:
        parts = urlsplit(text)
        port = parts.port
        well_formed = name == "chdb" or "@" not in parts.path + parts.query + parts.fragment
    except ValueError:  # its words may quote the password
        well_formed = False
    if not well_formed:
        if "@" not in text:
            raise UsageError(
                f"the DSN {shown!r} is not well formed: the port is a number up to 65535;"
                f" expected {_DSN_FORMS}"
            )
        raise UsageError(
            f"the DSN {shown!r} is not well formed: write / as %2F, ? as %3F, # as %23, @ as %40"
            f" and : as %3A in the user and the password; expected {_DSN_FORMS}"
        )
    if name == "chdb":
        options = dict(parse_qsl(parts.query))
        folder = unquote(parts.netloc + parts.path)
        if not folder:
            raise UsageError(f"the DSN {shown!r} names no folder; expected chdb:///FOLDER")
        resident, cluster = _resident(options), _cluster(options)
        if resident and cluster:
            raise UsageError("the DSN's hashes=memory is not for a cluster: leave one of them out")
        return Address(
            database=options.pop("database", "default"),
            path=_folder(Path(folder)),
            resident=resident,
            cluster=cluster,
            memory=_memory(options) or half_of_memory(),
            options=tuple(options.items()),
        )
    if name not in _SERVER_SCHEMES:
        raise UsageError(f"the DSN {shown!r} begins with {scheme[0]}; expected {_DSN_FORMS}")
    if not parts.hostname:
        raise UsageError(f"the DSN {shown!r} names no host; expected {_DSN_FORMS}")
    secure = name == "clickhouses"
    options = dict(parse_qsl(parts.query))
    if _resident(options):
        raise UsageError(
            "the DSN's hashes=memory is for an embedded catalog, whose session can hold them:"
            " leave it out for a server"
        )
    return Address(
        database=unquote(parts.path.strip("/")) or "default",
        host=parts.hostname,
        port=port or (8443 if secure else 8123),
        secure=secure,
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        cluster=_cluster(options),
        memory=_memory(options),
        options=tuple(options.items()),
    )


def _folder(path: Path) -> Path:
    """Return an embedded catalog's folder from the root; raises UsageError where it is not text."""
    path = path.resolve()
    as_text("the catalog's folder", str(path))
    return path


def _cluster(options: dict[str, str]) -> str:
    """Take the cluster out of a DSN's options; "" where it names none."""
    name = options.pop("cluster", "")
    if name and not _CLUSTER.fullmatch(name):
        raise UsageError(f"the DSN's cluster {name!r} is no name: expected letters, digits, _ - .")
    return name


def _memory(options: dict[str, str]) -> float:
    """Take the memory of a statement, in GiB, out of a DSN's options; 0 where it says none."""
    given = options.pop("memory", "")
    if not given:
        return 0.0
    try:
        memory = float(given)
    except ValueError:
        memory = 0.0
    if not _LEAST_MEMORY <= memory <= _MOST_MEMORY:
        raise UsageError(
            f"the DSN's memory {given!r} is no size: give the GiB that a statement may take,"
            f" such as 4, and {_LEAST_MEMORY:g} at least"
        )
    return memory


def _resident(options: dict[str, str]) -> bool:
    """Take out of a DSN's options where hashes are kept; return whether that is in memory."""
    given = options.pop("hashes", "disk")
    if given not in ("disk", "memory"):
        raise UsageError(f"the DSN's hashes {given!r} is no place: expected disk or memory")
    return given == "memory"


def half_of_memory() -> float:
    """Return half of this machine's memory in GiB; 4 where it is not known."""
    try:
        bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN_MEMORY
    return max(_LEAST_MEMORY, bytes / GIB / 2)

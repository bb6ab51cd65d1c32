"""Where a server listens, by which addresses it is reached, and what its pages may do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from hamsight_core.errors import UsageError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LEAST_PASSWORD = 12
_HOST = re.compile(r"(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?")
_ROOT = re.compile(
    rf"(?:(?P<scheme>https?)://(?P<host>{_HOST.pattern}))?(?P<path>(?:/[a-z0-9._~@%+-]+)*)/?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Options:
    """How a server is started. Port 0 is any that is free.

    `root_path` is where a proxy has the page: `https://HOST/PATH`, or `/PATH` where the proxy
    passes on this server's own name; `{port}` in it stands for the port. Names of
    `allowed_hosts` may stand in Host. Elsewhere than on loopback a server needs TLS, a
    `certificate` and its `key`, or a proxy that has it (`behind_proxy`). With a `password`,
    browsers are let in that know it.
    """

    host: str = "127.0.0.1"
    port: int = 0
    read_only: bool = False
    root_path: str = ""
    allowed_hosts: tuple[str, ...] = ()
    behind_proxy: bool = False
    certificate: str = ""
    key: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Raise UsageError for what would let strangers in, or nobody."""
        for name in self.allowed_hosts:
            if not _HOST.fullmatch(name.lower()):
                raise UsageError(f"--allowed-host {name!r}: give a name or NAME:PORT")
        self.place(1)
        if bool(self.certificate) != bool(self.key):
            raise UsageError("--certificate and --key go together: give both")
        for option, file in (("--certificate", self.certificate), ("--key", self.key)):
            if file and not Path(file).is_file():
                raise UsageError(f"{option} {file}: there is no such file")
        if self.password and len(self.password) < LEAST_PASSWORD:
            raise UsageError(
                f"HAMSIGHT_PASSWORD has {len(self.password)} characters; others can try to guess"
                f" it: take at least {LEAST_PASSWORD}"
            )
        if self.host in LOOPBACK:
            return
        if not (self.behind_proxy or self.certificate):
            raise UsageError(
                f"--host {self.host}: others could read along: give --certificate and --key, or"
                " --behind-proxy where a proxy has TLS; or listen on 127.0.0.1 and reach it through"
                " `ssh -L`"
            )
        if not (self.allowed_hosts or self.place(1).framing):
            raise UsageError(
                f"--host {self.host}: say by which name browsers reach it, with --allowed-host NAME"
            )

    def place(self, port: int) -> Place:
        """Return by which addresses a server that listens on a port is reached."""
        root = self.root_path.replace("{port}", str(port))
        parts = _ROOT.fullmatch(root)
        if parts is None:
            raise UsageError(
                f"--root-path {self.root_path!r}: give the page's address at the proxy, such as"
                " https://HOST/user/ann/proxy/8050, or its path alone"
            )
        own = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "https" if self.certificate or self.behind_proxy else "http"
        hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        default = "443" if scheme == "https" else "80"
        for name in self.allowed_hosts:
            hosts |= {name.lower(), name.lower().removesuffix(f":{default}")}
            if self.certificate and ":" not in name:
                hosts.add(f"{name.lower()}:{port}")
        shown = f"{own}:{port}"
        if parts["host"]:
            scheme, shown = parts["scheme"].lower(), parts["host"].lower()
            hosts.add(shown)
        elif self.allowed_hosts:
            name = self.allowed_hosts[0]
            is_direct = bool(self.certificate) and ":" not in name
            shown = f"{name}:{port}" if is_direct else name
        origin = f"{scheme}://{shown}" if parts["host"] else ""
        return Place(port, f"{scheme}://{shown}", parts["path"], frozenset(hosts), origin)


@dataclass(frozen=True, slots=True)
class Place:
    """The addresses of a server: `base` is that of browsers, `root` the path of the page there.

    `hosts` are what Host may say. Pages of `framing` may show the page in a frame.
    """

    port: int
    base: str
    root: str
    hosts: frozenset[str]
    framing: str = ""

    @property
    def secure(self) -> bool:
        """Whether browsers come over TLS."""
        return self.base.startswith("https:")

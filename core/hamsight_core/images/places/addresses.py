"""Which hosts of private networks may be asked: those that the user or the dataset's URL names."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from hamsight_core.errors import ImageError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Reach:
    """The hosts, as (name, port), that may be asked at a private address; `everywhere` is all.

    Private are all addresses that are not of the public internet: private networks, this machine,
    link-local addresses such as a cloud's metadata service, and shared ones (RFC 6598).
    """

    hosts: frozenset[tuple[str, int]] = frozenset()
    everywhere: bool = False

    def allows(self, host: str, port: int) -> bool:
        """Return whether the host may be asked wherever it is."""
        return self.everywhere or (host.lower().rstrip("."), port) in self.hosts


EVERYWHERE = Reach(everywhere=True)


def reach_of(place: str) -> Reach:
    """Return the reach of what a URL names, itself or the archive or table in it: its host.

    The ports of http and https belong to it, so that a host may redirect from one to the other.
    """
    url = place[place.rfind("::") + 2 :] if "::" in place else place
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return Reach()
    if parts.scheme.lower() not in _PORTS or not host:
        return Reach()
    name = host.lower().rstrip(".")
    ports = {port or _PORTS[parts.scheme.lower()], *_PORTS.values()}
    return Reach(frozenset((name, one) for one in ports))


def connected(
    host: str, port: int, reach: Reach, timeout: Any, source_address: Any = None
) -> socket.socket:
    """Return a socket connected to the first address of a host that answers and may be asked.

    Names are looked up once, so that a name cannot change its address after it was checked. Raises
    OSError, and ImageError where all addresses are private.
    """
    may_be_private = reach.allows(host, port)
    failure: Exception | None = None
    for *_, place in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        address = str(place[0])
        if not may_be_private and not is_public(address):
            failure = failure or refused(host, address)
            continue
        try:
            return socket.create_connection((address, port), timeout, source_address)
        except OSError as error:
            failure = error
    raise failure or OSError(f"{host} has no address")


def check_named(host: str, port: int, reach: Reach) -> None:
    """Raise ImageError for a host that a proxy must not be asked for, by its name alone."""
    name = host.lower().rstrip(".").strip("[]")
    local = name == "localhost" or name.endswith(".localhost")
    if reach.allows(host, port) or not (local or _is_private(name)):
        return
    raise refused(host, name)


def _is_private(name: str) -> bool:
    try:
        return not is_public(socket.inet_ntoa(socket.inet_aton(name)))  # 2130706433 and 127.1 too
    except OSError:
        pass
    try:
        return not is_public(name)
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Return whether an address is of the public internet. Raises ValueError for text that is none.

    An IPv6 address that stands for one of IPv4 is judged as that.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner:
            found = inner
    return found.is_global and not found.is_multicast


def refused(host: str, address: str) -> ImageError:
    """Return the error of a host whose address is private."""
    there = "" if host == address else f" at {address}"
    return ImageError(
        f"{host}{there} is in a private network, and the dataset is not from there: to fetch it all"
        " the same, say --allow-private"
    )

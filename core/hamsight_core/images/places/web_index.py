"""The files of a folder on the web, by the pages in which most web servers list folders."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from hamsight_core.errors import ImageError
from hamsight_core.images.places.web import download

MAX_FILES = 1_000_000
_MAX_PAGE = 64 * 1024 * 1024


def list_folder(url: str) -> list[str]:
    """Return the URLs of all files in a folder and below, sorted.

    Followed are links that lead one level down, as the lists of Apache, nginx and Python's
    http.server have them. Raises ImageError where the server lists nothing there.
    """
    found: list[str] = []
    root = url.rstrip("/") + "/"
    pending, seen = [root], {root}
    while pending:
        folder = pending.pop()
        for child in _children(folder):
            if not child.endswith("/"):
                found.append(child)
            elif child not in seen:
                seen.add(child)
                pending.append(child)
        if len(found) + len(seen) > MAX_FILES:
            raise ImageError(f"more than {MAX_FILES:,} files are listed there")
    if not found:
        raise ImageError("the server lists no files there")
    return sorted(found)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]


def _children(folder: str) -> list[str]:
    """Return the links of a folder's page that lead to what is directly in the folder."""
    parser = _Links()
    parser.feed(download(folder, timeout=30.0, max_bytes=_MAX_PAGE).decode("utf-8", "replace"))
    children: dict[str, None] = {}
    for link in parser.links:
        try:
            place = urljoin(folder, link)
            parts = urlsplit(place)
        except ValueError:
            continue
        below = place.removeprefix(folder)
        if parts.query or parts.fragment or below == place or not below.rstrip("/"):
            continue
        if "/" not in below.rstrip("/"):
            children[place] = None
    return list(children)

"""The forms of an item's uri: a path, a URL, a member of an archive, a row of a table.

    /photos/a.jpg                        an absolute local path, taken as it is
    file:///photos/%FF.jpg               a local path that is not text
    https://host/a.jpg                   the web
    s3://bucket/a.jpg  gs://bucket/a.jpg object stores
    zip://a/b.jpg::/photos.zip           the member a/b.jpg of an archive (also tar://)
    parquet:///t.parquet#row=17&column=x the bytes in a row of a table (also arrow://)
    parquet://::s3://bucket/t.parquet#…  in a row of a table elsewhere

In a member's name `%`, `:`, `#`, `?`, control characters and bytes that are not UTF-8 are
percent-encoded, so that any name comes back the same; the rest stands as it is.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, quote, unquote_to_bytes, urlsplit

from hamsight_core.errors import ImageError

ArchiveKind = Literal["zip", "tar"]
TableKind = Literal["parquet", "arrow"]

PATH_SCHEMES = ("file", "parquet", "arrow")
"""The schemes after which a local path stands, percent-encoded."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_ESCAPED = re.compile("[%:#?\x00-\x1f\x7f\ud800-\udfff]+")


def scheme(text: str) -> str | None:
    """Return the scheme in lower case; a Windows drive (`C:\\`) is none."""
    match = _SCHEME.match(text)
    return match[1].lower() if match else None


def is_url(text: str) -> bool:
    """Return whether `text` is an http or https URL."""
    return scheme(text) in ("http", "https")


def local_path(uri: str) -> Path | None:
    """Return the path of a local file, or None where `uri` is a URL of another scheme.

    `file://` URLs name files whose names are not text: `%FF` is the byte 255.
    """
    found = scheme(uri)
    if found is None:
        return Path(uri)
    if found == "file":
        path = os.fsdecode(unquote_to_bytes(urlsplit(uri).path))
        return Path(path[1:] if re.match(r"/[A-Za-z]:", path) else path)
    return None


def holding_file(uri: str) -> Path | None:
    """Return the local file that holds what a uri names; None where it is elsewhere."""
    place = uri.rpartition("::")[2]
    form = scheme(place)
    if form in PATH_SCHEMES:
        return local_path("file" + place[len(form) :].partition("#")[0])
    return local_path(place)


def path_uri(path: str) -> str:
    """Return an absolute path as a uri: itself, or a file URL where it is not text."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return Path(path).as_uri()
    return path


def member_uri(kind: ArchiveKind, member: str, archive: str) -> str:
    """Return the uri of a member of the archive at the uri `archive`."""
    return f"{kind}://{_ESCAPED.sub(_escape, member)}::{archive}"


def split_member(uri: str) -> tuple[ArchiveKind, str, str]:
    """Return (kind, member, uri of the archive) of a member's uri. Raises ImageError."""
    found = scheme(uri)
    member, mark, archive = uri.partition("://")[2].partition("::")
    if found not in ("zip", "tar") or not mark or not member or not archive:
        raise ImageError("not a member of an archive; expected zip://MEMBER::ARCHIVE")
    name = unquote_to_bytes(member).decode("utf-8", "surrogateescape")
    return ("zip" if found == "zip" else "tar"), name, archive


def table_uri(kind: TableKind, path: Path | str) -> str:
    """Return the uri of the table at an absolute path or a URL; `row_uri` adds a row."""
    if isinstance(path, str):
        return f"{kind}://::{path}"
    return f"{kind}{path.as_uri().removeprefix('file')}"


def row_uri(table: str, row: int, column: str) -> str:
    """Return the uri of the image in a row, counted from 0, of the table at `table_uri`."""
    return f"{table}#row={row}&column={quote(column, safe='')}"


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where the bytes of a row are; rows count from 0. `table` is a path or a URL as text."""

    kind: TableKind
    table: str
    row: int
    column: str


def split_row(uri: str) -> RowPlace:
    """Return the parts of a row's uri. Raises ImageError."""
    found = scheme(uri)
    table, _, place = uri.rpartition("#")
    table = table[len(found or "") :]
    elsewhere = table.startswith("://::")
    path = None if elsewhere else local_path("file" + table)
    values = parse_qs(place, keep_blank_values=True, max_num_fields=2)
    row, column = values.get("row", [""])[0], values.get("column", [""])[0]
    there = table.removeprefix("://::") if elsewhere else path_uri(str(path or ""))
    if found not in ("parquet", "arrow") or not there or not re.fullmatch(r"[0-9]{1,18}", row):
        raise ImageError("not a row of a table; expected parquet:///TABLE#row=NUMBER&column=NAME")
    return RowPlace("parquet" if found == "parquet" else "arrow", there, int(row), column)


def _escape(match: re.Match[str]) -> str:
    return quote(match[0].encode("utf-8", "surrogateescape"), safe="")


_SIGNATURES = frozenset({"sig", "signature", "x-amz-signature", "x-goog-signature"})
_BESIDE_SIGNATURES = frozenset(  # of Amazon, CloudFront, Google and Azure
    {*("awsaccesskeyid", "googleaccessid", "key-pair-id", "policy", "expires", "se", "st", "sp")}
    | {*("sv", "sr", "spr", "sip", "skoid", "sktid", "skt", "ske", "sks", "skv")}
)
_TOKENS = frozenset(
    {*("token", "access_token", "auth_token", "api_key", "apikey", "password", "secret")}
)


def without_secrets(url: str) -> str:
    """Return a URL as a name of what is there: without user, password, signature and fragment.

    What a signature brings along and changes with it, such as its date, is left out too.
    """
    head, mark, place = url.rpartition("::")
    if not is_url(place):
        return url
    start, _, rest = place.partition("://")
    netloc, slash, path = rest.partition("/")
    path, _, query = path.partition("#")[0].partition("?")
    given = [(one.partition("=")[0].lower(), one) for one in query.split("&") if one]
    left_out = _TOKENS | _SIGNATURES
    if any(name in _SIGNATURES for name, _ in given):
        left_out |= _BESIDE_SIGNATURES
    kept = [
        one
        for name, one in given
        if name not in left_out and not name.startswith(("x-amz-", "x-goog-"))
    ]
    bare = f"{start}://{netloc.rpartition('@')[2]}{slash}{path}"
    return f"{head}{mark}{bare}{'?' if kept else ''}{'&'.join(kept)}"

"""Names for files: an item's id where it can be one, else one made from it."""

from __future__ import annotations

import os
import re
from hashlib import sha256

_LONGEST_NAME = 255
_LONGEST_PATH = 1000
_LONGEST_SUFFIX = 16
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")
_DRIVE = re.compile("^([A-Za-z]):")
_UNSAFE_ON_WINDOWS = re.compile(r'[\x00-\x1f\x7f\\<>:"|?*]|[. ]+$')
_RESERVED_ON_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def safe_path(id: str) -> str:
    """Return a relative path with `/` between its parts: the id itself if it can be one.

    Another id (absolute, with `..`, control characters or backslashes, or too long) is cleaned,
    and marked with a part of its digest, so that no two ids make one path.
    """
    parts = id.split("/")
    cleaned = [_cleaned(part) for part in parts]
    if parts == cleaned and all(parts) and len(id.encode()) <= _LONGEST_PATH:
        return id
    kept = [part for part in cleaned if part]
    name = _marked(kept[-1] if kept else "item", id)
    path = "/".join([*kept[:-1], name])
    return path if len(path.encode()) <= _LONGEST_PATH else name


def other_path(id: str) -> str:
    """Return a second path, of one part, for an id whose first is taken by another item."""
    return _marked(_cleaned(id.replace("/", "_")) or "item", id)


def safe_name(name: str) -> str:
    """Return the name itself if it can be that of one folder or file, else one made from it."""
    cleaned = _cleaned(name.replace("/", "_"))
    return name if name and cleaned == name else _marked(cleaned or "unnamed", name)


def _cleaned(part: str) -> str:
    if not part.strip(". "):  # what Windows takes for . or .. too
        return ""
    unsafe = _UNSAFE_ON_WINDOWS if os.name == "nt" else _UNSAFE
    part = _DRIVE.sub(r"\1_", unsafe.sub("_", part))
    if os.name == "nt" and _RESERVED_ON_WINDOWS.match(part):
        part = f"_{part}"
    return part if len(part.encode()) <= _LONGEST_NAME else _cut(part, _LONGEST_NAME)


def _marked(name: str, whole: str) -> str:
    mark = f"-{sha256(whole.encode()).hexdigest()[:12]}"
    stem, suffix = os.path.splitext(_cut(name, _LONGEST_NAME - len(mark)))  # noqa: PTH122
    return f"{stem}{mark}{suffix}"


def _cut(name: str, size: int) -> str:
    """Return a name of at most `size` bytes, its extension kept."""
    if len(name.encode()) <= size:
        return name
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    if len(suffix.encode()) > _LONGEST_SUFFIX:
        stem, suffix = name, ""
    return stem.encode()[: size - len(suffix.encode())].decode(errors="ignore") + suffix

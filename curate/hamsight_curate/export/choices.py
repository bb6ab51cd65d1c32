"""What an export is asked for by name."""

from __future__ import annotations

from enum import Enum


class Images(str, Enum):
    """What becomes of the image files.

    - `copy`: the bytes, fetched from wherever they are.
    - `link`: symbolic links to local files; `hardlink`: hard links, on one file system.
    - `none`: they stay where they are.
    """

    COPY = "copy"
    LINK = "link"
    HARDLINK = "hardlink"
    NONE = "none"

"""What an export is asked for by name."""

from __future__ import annotations

from enum import Enum


class To(str, Enum):
    """The formats of `export`.

    - `coco`, `yolo`, `datumaro`, `fiftyone`: folders of annotations, with the images or without.
    - `folder`: the images alone.
    - `csv`, `jsonl`, `parquet`: a table of the metadata, in one file.
    """

    COCO = "coco"
    YOLO = "yolo"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    FOLDER = "folder"
    DATUMARO = "datumaro"
    FIFTYONE = "fiftyone"


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

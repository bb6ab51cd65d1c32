"""Hugging Face datasets: `save_to_disk` folders, and Parquet shards as the hub has them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hamsight_core.errors import SourceError
from hamsight_ingest.listing import Listing, printable
from hamsight_ingest.readers.json_files import parsed
from hamsight_ingest.readers.subsets import is_subset
from hamsight_ingest.readers.table import TableSource
from hamsight_ingest.readers.table_arrow import class_names
from hamsight_ingest.readers.table_columns import Columns, find_columns
from hamsight_ingest.readers.table_files import open_rows
from hamsight_ingest.readers.table_items import TableItems
from hamsight_ingest.readers.wrong import fail, shown
from hamsight_ingest.source import SUBSET_NAMES, ReadOptions

_OWN = frozenset({"dataset_dict.json", "state.json", "dataset_info.json", "dataset_infos.json"})
"""Files of the package `datasets` itself."""

_CONVERTED = re.compile(r"[0-9]{4,5}\.parquet")
_SHARD = re.compile(r"(.+?)-[0-9]{5}-of-[0-9]{5}(-[0-9a-f]+)?\.parquet$")


@dataclass(frozen=True, slots=True)
class _Shard:
    """A file of rows, its subset, and the names of classes that a file beside it gives."""

    file: Path
    subset: str
    labels: dict[str, list[str]]


class HuggingFaceReader:
    """Hugging Face datasets on disk, read without the package `datasets`."""

    name = "huggingface"
    description = (
        "a folder of Hugging Face's save_to_disk (state.json and *.arrow, or dataset_dict.json),"
        " or of Parquet shards such as data/train-00000-of-00001.parquet"
    )
    carries = frozenset({"subsets", "tags", "captions"})

    def detect(self, listing: Listing) -> str | None:
        """Return which of its files there are, or None where there is none."""
        if listing.is_file:
            return None
        for name in ("dataset_dict.json", "state.json"):
            if listing.has(name):
                return f"Hugging Face's {name}"
        shards = _parquet(listing)
        number = "a Parquet shard" if len(shards) == 1 else f"{len(shards)} Parquet shards"
        return f"{number} as on Hugging Face's hub" if shards else None

    def open(self, listing: Listing, options: ReadOptions) -> TableSource:
        """Return the dataset as a source. Raises SourceError where a file is missing or wrong."""
        found = list(_shards(listing))
        if not found:
            path = printable(listing.path)
            raise SourceError(f"{path}: no dataset; looked for {self.description}")
        tables: list[TableItems] = []
        columns: Columns | None = None
        first: Counter[str] = Counter()
        for shard in found:
            rows = open_rows(shard.file)
            rows.labels = {**shard.labels, **rows.labels}
            columns = find_columns(rows, options.columns)
            subset = shard.subset
            start = first[_to(subset, options)]
            tables.append(TableItems(rows, columns, options, subset=subset, first=start))
            first[_to(subset, options)] += rows.count()
        subsets = ", ".join(sorted({shard.subset for shard in found} - {""}))
        detected = f"{self.detect(listing)}{f', subsets {subsets}' if subsets else ''}"
        source = TableSource(listing, self.name, detected, tables, options)
        own = [file for file in listing.files if file.rpartition("/")[2] in _OWN]
        source.accounts.use(own)
        return source


def _to(subset: str, options: ReadOptions) -> str:
    return subset if options.subset is None else options.subset


def _shards(listing: Listing) -> Iterator[_Shard]:
    path = listing.root
    if (path / "dataset_dict.json").is_file():
        content = _object(path / "dataset_dict.json")
        splits = content.get("splits")
        if not isinstance(splits, list) or not all(map(_is_name, splits)):
            fail(
                path / "dataset_dict.json",
                "splits",
                f"{shown(splits)}; expected a list of folder names",
            )
        for split in splits:
            yield from _saved(path / split, split)
    elif (path / "state.json").is_file():
        yield from _saved(path, None)
    else:
        for file in _parquet(listing):
            match = _SHARD.match(file.name)
            converted = _CONVERTED.fullmatch(file.name)
            subset = match[1] if match else file.parent.name if converted else file.stem
            yield _Shard(file, subset, {})


def _saved(folder: Path, split: str | None) -> Iterator[_Shard]:
    """Yield the files of a dataset that `save_to_disk` wrote."""
    state = _object(folder / "state.json")
    if state.get("_indices_data_files"):
        fail(
            folder / "state.json",
            "_indices_data_files",
            "an indices mapping is not read; save the dataset after flatten_indices()",
        )
    files = state.get("_data_files")
    listed = files if isinstance(files, list) else []
    names = [one.get("filename", "") for one in listed if isinstance(one, dict)]
    if not names or not all(map(_is_name, names)):
        fail(
            folder / "state.json",
            "_data_files",
            f"{shown(files)}; expected a list of objects with filename",
        )
    if split is None:
        split = state.get("_split") if isinstance(state.get("_split"), str) else ""
    info = folder / "dataset_info.json"
    labels = class_names(_object(info).get("features")) if info.is_file() else {}
    for name in names:
        if not (folder / name).is_file():
            fail(folder / "state.json", "_data_files", f"no file {name} beside it")
        yield _Shard(folder / name, split or "", labels)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and Path(value).name == value and "\0" not in value


def _parquet(listing: Listing) -> list[Path]:
    """Return the Parquet files of a hub's layout in a folder or in its folder `data`, else those
    in folders of subsets, as the hub converts datasets: `default/train/0000.parquet`."""
    for folder in ("data", ""):
        names = listing.folders.get(folder, [])
        files = [listing.root / folder / name for name in names if name.endswith(".parquet")]
        fitting = [f for f in files if _SHARD.match(f.name) or f.stem.lower() in SUBSET_NAMES]
        if fitting:
            return fitting
    if listing.images:
        return []
    return [Path(listing.at(file)) for file in listing.of(".parquet") if _of_split(file)]


def _of_split(file: str) -> bool:
    parts = file.split("/")
    return len(parts) > 1 and is_subset(parts[-2]) and _CONVERTED.fullmatch(parts[-1]) is not None


def _object(file: Path) -> dict[str, Any]:
    content = parsed(file)
    if not isinstance(content, dict):
        fail(file, "", "expected an object")
    return content

"""The Python API: what the command does, on one catalog."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Union

from hamsight.catalog import Catalog

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.change import Change
    from curate.export.report import Exported, Missing
    from curate.move import Moved
    from curate.names import Items
    from curate.selection import Selection
    from ingest.features.load import Imported
    from ingest.pipeline import Outcome
    from ingest.reencode import Reencoded
    from ingest.retry import Retried
    from query.request import Request
    from query.result import Matches

PathLike = Union[str, "os.PathLike[str]"]


class Session:
    """A catalog at a DSN, opened when it is first needed; made by `hamsight.open`.

    Close it, or use it as a context manager: an embedded catalog serves one process at a time.
    """

    def __init__(self, dsn: PathLike | None = None) -> None:
        self._dsn = dsn
        self._catalog: Catalog | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalog; the next use opens it again."""
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None

    def catalog(self, *, create: bool = False) -> Catalog:
        """Return the open catalog; with `create`, make what is missing of it."""
        if self._catalog is None:
            self._catalog = Catalog.open(self._dsn, create=create)
        elif create:
            self._catalog.create()
        return self._catalog

    def ingest(
        self,
        path: PathLike,
        *,
        dataset: str | None = None,
        subset: str | None = None,
        model: str | None = None,
        format: str | None = None,
        subset_from_folder: bool = False,
        tags_from_folder: bool = False,
        columns: Mapping[str, str] | None = None,
        image_width: int = 640,
        prune: bool = False,
        progress: bool = False,
        **settings: Any,
    ) -> Outcome:
        """Encode the images at `path` and put them into the catalog, as `hamsight ingest` does.

        `columns` names a table's columns by role: image, id, subset, tags, label, captions;
        `image_width` is in pixels, where a server scales images. `settings` are `device`, `batch`
        (images), `workers` (threads) and `max_pixels`. Items that `path` no longer has stand in
        the outcome's `vanished`; `prune` deletes them. Raises SourceError, ModelError, UsageError
        or CatalogError; a file that cannot be used raises nothing and stands in `rejected`.
        """
        from ingest.job import ingest, open_sources
        from ingest.pipeline import Settings
        from ingest.source import ReadOptions

        options = ReadOptions(
            subset, subset_from_folder, tags_from_folder, columns or {}, image_width
        )
        (source,) = open_sources([Path(path)], format, options)
        return ingest(
            self.catalog(create=True),
            source,
            dataset=dataset,
            model=model,
            settings=Settings(**settings),
            options=options,
            progress=progress,
            prune=prune,
        )

    def retry_rejects(
        self, dataset: str | Sequence[str] = (), *, progress: bool = False, **settings: Any
    ) -> list[Retried]:
        """Try again the files that could not be used, of the datasets or of all.

        `settings` are those of `ingest`. Raises UsageError and SourceError.
        """
        from ingest.pipeline import Settings
        from ingest.retry import retry_rejects

        catalog = self.catalog()
        catalog.create()
        names = _several(dataset)
        return retry_rejects(catalog, names, settings=Settings(**settings), progress=progress)

    def encode_again(
        self, model: str | None = None, *, progress: bool = False, **settings: Any
    ) -> Reencoded | None:
        """Encode all images of a model again with its package as it is now, or with the one named.

        Searches see the former features until the new are whole. None is returned where there is
        nothing to do. `settings` are those of `ingest`. Raises UsageError, SourceError, ModelError.
        """
        from ingest.job import encode_again
        from ingest.pipeline import Settings

        return encode_again(self.catalog(), model, settings=Settings(**settings), progress=progress)

    def import_features(self, file: PathLike, model: str, **options: Any) -> Imported:
        """Bring in features or hashes made elsewhere, as `hamsight import-features` does.

        `options` are `dataset`, `subset`, `dimension`, `bits`, `table` and `columns` (by role:
        id, dataset, subset, uri, feature, hash). Raises UsageError and SourceError.
        """
        from ingest.features.load import import_features

        return import_features(self.catalog(create=True), Path(file), model, **options)

    def query(
        self,
        *,
        image: PathLike | Sequence[PathLike] = (),
        text: str | Sequence[str] = (),
        item: str | Sequence[str] = (),
        dataset: str | Sequence[str] = (),
        subset: str | Sequence[str] = (),
        device: str = "AUTO",
        **options: Any,
    ) -> Matches:
        """Find the items most like pictures, words or stored items, as `hamsight query` does.

        Each of the first five is one value or several. `options` are those of
        `query.request.Request`: `k`, `offset`, `combine`, `rank`, `candidates`, `max_distance`,
        `dissimilar`, `where`, `exclude_self` and `model`. Raises UsageError, CatalogError,
        ModelError or ImageError.
        """
        from query.search import search

        request = _request(
            image=image, text=text, item=item, dataset=dataset, subset=subset, **options
        )
        return search(self.catalog(), request, device)

    def sql(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        write: bool = False,
    ) -> pa.Table | None:
        """Run SQL on the catalog, read-only unless `write`; return its answer as Arrow.

        None is returned for a statement that answers nothing. Raises StatementError.
        """
        from query.sql import run_sql

        return run_sql(self.catalog(), statement, parameters or {}, write=write)

    def save_query(
        self, name: str, *, replace: bool = False, device: str = "AUTO", **options: Any
    ) -> None:
        """Keep a query, said as in `query`, under a name; `replace` one of that name.

        Raises what `query` raises.
        """
        from query.saved import save_query

        request = _request(**options)
        save_query(self.catalog(), name, request, replace=replace, device=device)

    def run(self, name: str, *, k: int | None = None, offset: int | None = None) -> Matches:
        """Repeat a saved query on what the catalog holds now, without loading a model.

        `k` and `offset` stand in place of those saved. Raises UsageError for an unknown name,
        ModelMismatchError when the model has changed since, and ExpressionError.
        """
        from query.saved import run_saved

        return run_saved(self.catalog(), name, k=k, offset=offset)

    def saved(self) -> pa.Table:
        """Return a row for each saved query: name, queries, filter, model, options, created_at."""
        from query.saved import list_saved

        return list_saved(self.catalog())

    def delete_saved(self, name: str) -> None:
        """Delete a saved query; views made of it stay. Raises UsageError for an unknown name."""
        from query.saved import delete_saved

        delete_saved(self.catalog(), name)

    def save_view(self, name: str, view: str, *, replace: bool = False) -> None:
        """Make a SQL view of a saved query, as `hamsight saved view` does.

        Raises what `run` raises, and UsageError for a name that cannot be the view's.
        """
        from query.saved_view import save_view

        save_view(self.catalog(), name, view, replace=replace)

    def groups(self) -> pa.Table:
        """Return a row for each group: group, items (how many), datasets (their names)."""
        from curate.groups import list_groups

        return list_groups(self.catalog())

    def add_to_group(self, name: str, items: Items | None = None, **filters: Any) -> Change:
        """Put items into a group, as `hamsight group add` does.

        Items are the matches of a query, names ([DATASET/][SUBSET/]ID) or (dataset, subset, id);
        or else all that the `filters` hold for: `where`, `dataset`, `subset`. `model` confines
        the change to one model's table. Raises UsageError, UnknownItemError or StatementError.
        """
        from curate.groups import add_to_group

        return add_to_group(self.catalog(), name, self._selection(items, **filters))

    def remove_from_group(self, name: str, items: Items | None = None, **filters: Any) -> Change:
        """Take items, said as in `add_to_group`, out of a group."""
        from curate.groups import remove_from_group

        return remove_from_group(self.catalog(), name, self._selection(items, **filters))

    def delete_group(self, name: str) -> int:
        """Take all items out of a group; return how many they were."""
        from curate.groups import delete_group

        return delete_group(self.catalog(), name)

    def set(
        self,
        items: Items | None = None,
        *,
        status: str | None = None,
        attributes: Mapping[str, str] | None = None,
        remove_attributes: Sequence[str] = (),
        **filters: Any,
    ) -> Change:
        """Set the status and attributes of items, said as in `add_to_group`."""
        from curate.fields import set_fields

        return set_fields(
            self.catalog(),
            self._selection(items, **filters),
            status=status,
            attributes=attributes,
            removed_attributes=remove_attributes,
        )

    def delete(self, items: Items | None = None, **filters: Any) -> int:
        """Delete items, said as in `add_to_group`, at once; return how many they were.

        Image files are not touched.
        """
        from curate.delete import delete

        return delete(self.catalog(), self._selection(items, **filters))

    def datasets(self) -> pa.Table:
        """Return a row for each dataset, as `hamsight datasets` shows."""
        from curate.datasets import list_datasets

        return list_datasets(self.catalog())

    def rename_dataset(self, former: str, name: str) -> None:
        """Give a dataset another name. Raises UsageError for one that another dataset has."""
        from curate.datasets import rename_dataset

        rename_dataset(self.catalog(), former, name)

    def delete_dataset(self, name: str) -> int:
        """Delete a dataset with its rejects and its record; return how many items it had."""
        from curate.datasets import delete_dataset

        return delete_dataset(self.catalog(), name)

    def move_dataset(
        self,
        name: str,
        new_root: PathLike,
        *,
        former_root: PathLike | None = None,
        check_all: bool = False,
    ) -> Moved:
        """Tell the catalog that a dataset's files were moved, as `hamsight datasets move` does.

        Raises UsageError, and SourceError for files that are not at their new places.
        """
        from curate.move import move_dataset

        former = None if former_root is None else os.fspath(former_root)
        root = os.fspath(new_root)
        return move_dataset(self.catalog(), name, root, former_root=former, check_all=check_all)

    def export(
        self,
        target: PathLike,
        to: str,
        items: Items | None = None,
        *,
        images: str | None = None,
        group: str | None = None,
        features: bool = False,
        on_missing: Callable[[Missing], None] | None = None,
        where: str | None = None,
        **filters: Any,
    ) -> Exported:
        """Write items, said as in `add_to_group` or by `group`, as a dataset of another format.

        `to` is coco, yolo, csv, jsonl, parquet, folder, datumaro or fiftyone; `images` is copy,
        link, hardlink or none. `target` is a new or empty folder, for tables a new file.
        An item whose image cannot be had raises nothing and stands in `missing`.
        Raises UsageError, SourceError, UnknownItemError or StatementError.
        """
        from curate.export.images import Images
        from curate.export.items import in_group
        from curate.export.job import To, chosen, export

        if group is not None:
            where = in_group(group, where)
        return export(
            self.catalog(),
            self._selection(items, where=where, **filters),
            target,
            chosen("to", To, to),
            images=None if images is None else chosen("images", Images, images),
            features=features,
            on_missing=on_missing,
        )

    def verify(self, *, dataset: str | None = None, files: str = "stat") -> pa.Table:
        """Compare the catalog with files, models and itself; return a row for each difference.

        Columns: kind, model, dataset, subset, id, expected, found. `files` is `none`, `stat` or
        `digest`. Nothing is changed. Raises UsageError for an unknown dataset or another `files`.
        """
        from curate.verify import verify
        from curate.verify_files import Files

        return verify(self.catalog(), dataset=dataset, files=Files.of(files))

    def _selection(
        self,
        items: Items | None = None,
        *,
        where: str | None = None,
        dataset: str | Sequence[str] = (),
        subset: str | Sequence[str] = (),
        model: str | None = None,
    ) -> Selection:
        from curate.names import select

        datasets, subsets = tuple(_several(dataset)), tuple(_several(subset))
        return select(self.catalog(), items, where, datasets, subsets, model)


def _request(
    *,
    image: PathLike | Sequence[PathLike] = (),
    text: str | Sequence[str] = (),
    item: str | Sequence[str] = (),
    dataset: str | Sequence[str] = (),
    subset: str | Sequence[str] = (),
    **options: Any,
) -> Request:
    from query.request import Combine, Kind, Query, Rank, Request

    given = ((Kind.IMAGE, image), (Kind.TEXT, text), (Kind.ITEM, item))
    queries = [Query(kind, one) for kind, values in given for one in _several(values)]
    for name, choices in (("combine", Combine), ("rank", Rank)):
        if name in options:
            options[name] = choices.of(options[name])
    return Request(
        tuple(queries),
        datasets=tuple(_several(dataset)),
        subsets=tuple(_several(subset)),
        **options,
    )


def _several(values: PathLike | Sequence[PathLike]) -> list[str]:
    if isinstance(values, (str, os.PathLike)):
        values = [values]
    return [os.fspath(value) for value in values]

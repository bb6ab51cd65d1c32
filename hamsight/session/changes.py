"""A session's changes of what the catalog holds, its exports and its checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hamsight.session.opened import Opened, PathLike, several

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_curate.change import Change
    from hamsight_curate.export.report import Exported, Missing
    from hamsight_curate.move import Moved
    from hamsight_curate.names import Items
    from hamsight_curate.selection import Selection
    from hamsight_curate.to_subset import Resettled


class Changes(Opened):
    """Groups, status, attributes, deleting, whole datasets, export and verify."""

    def groups(self) -> pa.Table:
        """Return a row for each group: group, items (how many), datasets (their names)."""
        from hamsight_curate.groups import list_groups

        return list_groups(self.catalog())

    def add_to_group(self, name: str, items: Items | None = None, **filters: Any) -> Change:
        """Put items into a group, as `hamsight group add` does.

        Items are the matches of a query, names ([DATASET/][SUBSET/]ID) or (dataset, subset, id);
        or else all that the `filters` hold for: `where`, `dataset`, `subset`. `model` confines
        the change to one model's table. Raises UsageError, UnknownItemError or StatementError.
        """
        from hamsight_curate.groups import add_to_group

        return add_to_group(self.catalog(), name, self._selection(items, **filters))

    def remove_from_group(self, name: str, items: Items | None = None, **filters: Any) -> Change:
        """Take items, said as in `add_to_group`, out of a group."""
        from hamsight_curate.groups import remove_from_group

        return remove_from_group(self.catalog(), name, self._selection(items, **filters))

    def delete_group(self, name: str) -> int:
        """Take all items out of a group; return how many they were."""
        from hamsight_curate.groups import delete_group

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
        from hamsight_curate.fields import set_fields

        return set_fields(
            self.catalog(),
            self._selection(items, **filters),
            status=status,
            attributes=attributes,
            removed_attributes=remove_attributes,
        )

    def move_to_subset(self, subset: str, items: Items) -> Resettled:
        """Move items, said as in `add_to_group`, to a subset of their datasets.

        Files are not touched; the attribute `former_subset` says where an item stood. Returns the
        items by their identities before and after, and those that stay since the subset has an item
        of the same id. Raises UsageError for an unknown subset, and UnknownItemError.
        """
        from hamsight_curate.to_subset import move_to_subset

        selection = self._selection(items)
        return move_to_subset(self.catalog(), selection.identities or (), subset)

    def move_back(self, items: Items | None = None) -> Resettled:
        """Move items back to the subsets where they stood: those given, or all that were moved."""
        from hamsight_curate.to_subset import move_back

        if items is None:
            return move_back(self.catalog())
        return move_back(self.catalog(), self._selection(items).identities)

    def delete(self, items: Items | None = None, **filters: Any) -> int:
        """Delete items, said as in `add_to_group`, at once; return how many they were.

        Image files are not touched.
        """
        from hamsight_curate.delete import delete

        return delete(self.catalog(), self._selection(items, **filters))

    def datasets(self) -> pa.Table:
        """Return a row for each dataset, as `hamsight datasets` shows."""
        from hamsight_curate.datasets import list_datasets

        return list_datasets(self.catalog())

    def rename_dataset(self, former: str, name: str) -> None:
        """Give a dataset another name. Raises UsageError for one that another dataset has."""
        from hamsight_curate.datasets import rename_dataset

        rename_dataset(self.catalog(), former, name)

    def delete_dataset(self, name: str) -> int:
        """Delete a dataset with its rejects and its record; return how many items it had."""
        from hamsight_curate.datasets import delete_dataset

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
        from hamsight_curate.move import move_dataset

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
        on_progress: Callable[[int], None] = lambda done: None,
        where: str | None = None,
        **filters: Any,
    ) -> Exported:
        """Write items, said as in `add_to_group` or by `group`, as a dataset of another format.

        `to` is coco, yolo, csv, jsonl, parquet, folder, datumaro, fiftyone, or a format of another
        package; `images` is copy, link, hardlink or none. `target` is a new or empty folder, for
        tables a new file.
        An item whose image cannot be had raises nothing and stands in `missing`. `on_progress` is
        told how many items are done.
        Raises UsageError, SourceError, UnknownItemError or StatementError.
        """
        from hamsight_core.names import chosen
        from hamsight_curate.export.choices import Images
        from hamsight_curate.export.job import export
        from hamsight_curate.groups import in_group

        if group is not None:
            where = in_group(group, where)
        return export(
            self.catalog(),
            self._selection(items, where=where, **filters),
            target,
            to,
            images=None if images is None else chosen("images", Images, images),
            features=features,
            on_missing=on_missing,
            on_progress=on_progress,
        )

    def verify(self, *, dataset: str | None = None, files: str = "stat") -> pa.Table:
        """Compare the catalog with files, models and itself; return a row for each difference.

        Columns: kind, model, dataset, subset, id, expected, found. `files` is `none`, `stat` or
        `digest`. Nothing is changed. Raises UsageError for an unknown dataset or another `files`.
        """
        from hamsight_core.names import chosen
        from hamsight_curate.verify import verify
        from hamsight_curate.verify_files import Files

        return verify(self.catalog(), dataset=dataset, files=chosen("files", Files, files))

    def _selection(
        self,
        items: Items | None = None,
        *,
        where: str | None = None,
        dataset: str | Sequence[str] = (),
        subset: str | Sequence[str] = (),
        model: str | None = None,
    ) -> Selection:
        from hamsight_curate.names import select

        datasets, subsets = several(dataset), several(subset)
        return select(self.catalog(), items, where, datasets, subsets, model)

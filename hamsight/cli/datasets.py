"""`hamsight datasets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.curate import confirm, items_
from hamsight.cli.options import Database
from hamsight.cli.query import listing
from hamsight_core.show.terminal import say, tell

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_core.catalog.catalog import Catalog

Name = Annotated[str, typer.Argument(metavar="NAME", help="The dataset.")]


def _listed(catalog: Catalog) -> pa.Table:
    from hamsight_curate.datasets import list_datasets

    return list_datasets(catalog)


datasets = listing("List the datasets of the catalog; rename, move or delete a dataset.", _listed)


@datasets.command("rename")
def rename(
    former: Annotated[str, typer.Argument(metavar="OLD", help="The dataset.")],
    name: Annotated[str, typer.Argument(metavar="NEW", help="The new name.")],
    db: Database = None,
) -> None:
    """Rename a dataset. If interrupted, run the command again to continue."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.datasets import rename_dataset

    with Catalog.open(db) as catalog:
        rename_dataset(catalog, former, name)
    tell(f"the dataset {former!r} is now {name!r}")


@datasets.command("delete")
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    db: Database = None,
) -> None:
    """Delete a dataset with its rejects and ingest records. Image files are not touched."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.datasets import check_dataset, delete_dataset, list_datasets

    with Catalog.open(db) as catalog:
        check_dataset(catalog, name)
        rows = list_datasets(catalog).to_pylist()
        items = next(row["items"] for row in rows if row["dataset"] == name)
        confirm(
            f"delete the dataset {name!r} with {items_(items)} from the catalog {catalog.location}",
            yes,
        )
        deleted = delete_dataset(catalog, name)
    tell(f"the dataset {name!r} is deleted, with {items_(deleted)}")


@datasets.command("move")
def move(
    name: Name,
    new_root: Annotated[
        str,
        typer.Argument(metavar="NEWROOT", help="The new place of the files: a folder or a URL."),
    ],
    former_root: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="OLDROOT",
            help="The old place of the files. Default: the place the dataset was ingested from.",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Look for every file before the change, not for a hundred."),
    ] = False,
    db: Database = None,
) -> None:
    """Tell the catalog that the files of a dataset are in another place now."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.move import move_dataset

    with Catalog.open(db) as catalog:
        moved = move_dataset(catalog, name, new_root, former_root=former_root, check_all=check)
    if not moved.checked:
        say("note: files at a URL were not looked for")
    tell(
        f"{items_(moved.items)} of {name!r} moved from {moved.former_root} to {moved.new_root}"
        f" ({moved.checked} files looked for)"
    )

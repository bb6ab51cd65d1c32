"""`hamsight datasets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.curate import confirm, items_
from hamsight.cli.options import Database
from hamsight.cli.query import listing
from hamsight_core.show.terminal import say

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_core.catalog.catalog import Catalog

Name = Annotated[str, typer.Argument(metavar="NAME", help="The dataset.")]


def _listed(catalog: Catalog) -> pa.Table:
    from hamsight_curate.datasets import list_datasets

    return list_datasets(catalog)


datasets = listing("Show the datasets of the catalog; rename, move or delete them.", _listed)


@datasets.command("rename")
def rename(
    former: Annotated[str, typer.Argument(metavar="OLD", help="The dataset.")],
    name: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    db: Database = None,
) -> None:
    """Give a dataset another name. When interrupted, the same command goes on."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.datasets import rename_dataset

    with Catalog.open(db) as catalog:
        rename_dataset(catalog, former, name)
    typer.echo(f"the dataset {former!r} is now {name!r}")


@datasets.command("delete")
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    db: Database = None,
) -> None:
    """Delete a dataset from the catalog: items, rejects and its record. Files are not touched."""
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
    typer.echo(f"the dataset {name!r} is deleted, with {items_(deleted)}")


@datasets.command("move")
def move(
    name: Name,
    new_root: Annotated[
        str, typer.Argument(metavar="NEWROOT", help="Where the files are now: a folder or URL.")
    ],
    former_root: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="OLDROOT",
            help="Where they were. By default the place from which the dataset was ingested.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Look for every file first, not for a hundred.")
    ] = False,
    db: Database = None,
) -> None:
    """Tell the catalog that the files of a dataset were moved."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.move import move_dataset

    with Catalog.open(db) as catalog:
        moved = move_dataset(catalog, name, new_root, former_root=former_root, check_all=check)
    if not moved.checked:
        say("note: files at a URL were not looked for")
    typer.echo(
        f"{items_(moved.items)} of {name!r} moved from {moved.former_root} to {moved.new_root}"
        f" ({moved.checked} files looked for)"
    )

"""Change: `hamsight group`, `set`, `delete` and `datasets`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli import completion
from hamsight.cli.options import Asked, Database, takes_items
from hamsight.cli.output import listing, show
from hamsight_core.errors import EXIT_NO_MATCH, UsageError
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import App, confirmed, say, stop, tell

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.change import Change
    from hamsight_curate.selection import Selection

_SHOWN = 5

Group = Annotated[
    str, typer.Argument(metavar="NAME", help="The group.", autocompletion=completion.groups)
]

group = App(no_args_is_help=True, help="Add items to groups and remove them.")


@group.command("add")
@takes_items
def add(name: Group, asked: Asked, db: Database = None) -> None:
    """Add items to a group. Search them with --where '"NAME" in groups'."""
    from hamsight_curate.groups import add_to_group

    _regroup(db, name, asked, add_to_group, "put into the group", "were in it")


@group.command("remove")
@takes_items
def remove(name: Group, asked: Asked, db: Database = None) -> None:
    """Remove items from a group."""
    from hamsight_curate.groups import remove_from_group

    _regroup(db, name, asked, remove_from_group, "taken out of the group", "were not in it")


def _regroup(
    db: str | None,
    name: str,
    asked: Asked,
    regroup: Callable[[Catalog, str, Selection], Change],
    done: str,
    others: str,
) -> None:
    from hamsight_core.catalog.catalog import Catalog

    with Catalog.open(db) as catalog:
        selection = asked.selection(catalog)
        change = regroup(catalog, name, selection)
    _report(change, selection, f"{done} {name!r}", others)


@group.command("list")
def list_(
    format: Annotated[Format, typer.Option(help="Format of the output.")] = Format.TABLE,
    db: Database = None,
) -> None:
    """List the groups, with the number of their items and their datasets."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.groups import list_groups

    with Catalog.open(db) as catalog:
        groups = list_groups(catalog)
    show(groups, format)


@group.command("delete")
def delete_group(name: Group, db: Database = None) -> None:
    """Delete a group. Its items stay in the catalog."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.groups import delete_group as delete

    with Catalog.open(db) as catalog:
        count = delete(catalog, name)
    tell(f"{items_(count)} taken out of the group {name!r}")


@takes_items
def set_(
    asked: Asked,
    status: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The new status, such as reviewed.")
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Set an attribute.")
    ] = None,
    remove_attribute: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Remove an attribute.")
    ] = None,
    db: Database = None,
) -> None:
    """Set the status and attributes of items."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.fields import set_fields

    attributes = _attributes(attribute or [])
    if status is None and not attributes and not remove_attribute:
        raise UsageError("nothing to set: give --status, --attribute or --remove-attribute")
    with Catalog.open(db) as catalog:
        selection = asked.selection(catalog)
        removed = remove_attribute or ()
        change = set_fields(
            catalog,
            selection,
            status=status,
            attributes=attributes,
            removed_attributes=removed,
        )
    _report(change, selection, "changed", "were so already")


@takes_items
def delete(
    asked: Asked,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    db: Database = None,
) -> None:
    """Delete items from the catalog. Image files are never touched."""
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_core.items import item_name
    from hamsight_curate.delete import delete as delete_items
    from hamsight_curate.delete import preview

    with Catalog.open(db) as catalog:
        selection = asked.selection(catalog)
        total, first = preview(catalog, selection, _SHOWN)
        _missing(selection, total)
        if not total:
            _nothing()
        for identity in first:
            say(f"  {item_name(identity)}")
        if total > len(first):
            say(f"  … and {total - len(first)} more")
        confirm(f"delete {items_(total)} from the catalog {catalog.location}", yes)
        tell(f"{items_(delete_items(catalog, selection))} deleted")


def confirm(what: str, yes: bool) -> None:
    """Ask the person at the terminal; end with status 1 unless they agree.

    Raises UsageError where nobody can be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"to {what}, say --yes: stdin is no terminal, so nobody can be asked")
    if not confirmed(f"{what[0].upper()}{what[1:]}?"):
        stop(EXIT_NO_MATCH, "nothing was changed")


def items_(count: int) -> str:
    """Return `1 item`, `2 items`."""
    return f"{count} item" if count == 1 else f"{count} items"


def _report(change: Change, selection: Selection, done: str, not_needed: str) -> None:
    _missing(selection, change.selected)
    if not change.selected:
        _nothing()
    same = change.selected - change.changed
    rest = f"; {same} {not_needed}" if same else ""
    tell(f"{items_(change.changed)} {done}{rest}")


def _missing(selection: Selection, found: int) -> None:
    if selection.identities is not None:
        missing = len(set(selection.identities)) - found
        if missing > 0:
            say(f"note: not in the catalog: {items_(missing)} of those named")


def _nothing() -> None:
    stop(EXIT_NO_MATCH, "no item matched: nothing was changed")


def _attributes(given: list[str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--attribute {text!r}; expected NAME=VALUE")
        if name in attributes:
            raise UsageError(f"--attribute {name!r} is given twice: choose one value")
        attributes[name] = value
    return attributes


Dataset = Annotated[
    str, typer.Argument(metavar="NAME", help="The dataset.", autocompletion=completion.datasets)
]


def _listed(catalog: Catalog) -> pa.Table:
    from hamsight_curate.datasets import list_datasets

    return list_datasets(catalog)


datasets = listing("List the datasets of the catalog; rename, move or delete a dataset.", _listed)


@datasets.command("rename")
def rename_(
    former: Annotated[
        str, typer.Argument(metavar="OLD", help="The dataset.", autocompletion=completion.datasets)
    ],
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
def delete_dataset_(
    name: Dataset,
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
def move_(
    name: Dataset,
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

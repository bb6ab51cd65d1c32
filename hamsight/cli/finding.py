"""`hamsight find …`: what is wrong with a dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hamsight.cli.analysis_options import Request, asks, attribute_name, run
from hamsight.cli.options import Database, OfObjects
from hamsight.cli.output import show
from hamsight_core.errors import UsageError
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import App, say, tell

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_analyze.analysis import Found
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_curate.to_subset import Resettled

_SHOWN = 5

find = App(no_args_is_help=True, help="Find what is wrong with a dataset.")


class Across(str, Enum):
    """Between which sides a picture must not stand twice."""

    SUBSETS = "subsets"
    DATASETS = "datasets"


@find.command("duplicates")
@asks
def duplicates(
    request: Request,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Each pair once, in place of groups.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Allow less difference: for drawings and objects on white."),
    ] = False,
    keep_all: Annotated[
        list[int] | None,
        typer.Option(
            metavar="GROUP",
            help="Keep all items of this group of the latest answer: they are no duplicates of"
            " each other from now on. Nothing is searched.",
        ),
    ] = None,
) -> None:
    """Find items that show the same picture, and which of each group to keep.

    Copies are found that were scaled, compressed, cropped, mirrored, blurred, framed or edited.
    The item of a group with the most pixels is kept, then the one with the most bytes, then an
    annotated one. --add-to-group takes the others; of pairs, both.
    """
    from hamsight_analyze.kinds import Duplicates

    if keep_all:
        _keep_groups(keep_all, request.db)
        return
    run(Duplicates(pairs=pairs, strict=strict), request)


def _keep_groups(groups: list[int], db: str | None) -> None:
    """Keep all items of groups of duplicates."""
    from hamsight.session import Session

    with Session(db) as session:
        for group in groups:
            tell(f"group {group}: {session.keep_all(group)} items are kept")


@find.command("list")
def list_(
    format: Annotated[Format, typer.Option(help="Format of the list.")] = Format.TABLE,
    db: Database = None,
) -> None:
    """List the analyses whose findings stand, and whether the items are still the same."""
    from hamsight.session import Session

    with Session(db) as session:
        table = session.analyses()
    if format is Format.TABLE:
        shown = ["kind", "model", "scope", "items", "figures", "created_at", "current"]
        table = _with_short_figures(table.select(shown))
    show(table, format)


def _with_short_figures(table: pa.Table) -> pa.Table:
    """Return the table without figures that are lists."""
    import pyarrow as pa

    figures = [json.loads(one) for one in table["figures"].cast(pa.string()).to_pylist()]
    short = [
        json.dumps({name: one for name, one in row.items() if not isinstance(one, list)})
        for row in figures
    ]
    place = table.column_names.index("figures")
    return table.set_column(place, "figures", pa.array(short, pa.string()))


@find.command("leaks")
@asks
def leaks(
    request: Request,
    across: Annotated[
        Across, typer.Option(help="Between which sides a picture must not stand twice.")
    ] = Across.SUBSETS,
    together: Annotated[
        str | None,
        typer.Option(
            metavar="ATTRIBUTE",
            help="Items of one value of this attribute, such as a video, belong on one side.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Allow less difference: for drawings and objects on white."),
    ] = False,
    fix: Annotated[
        str | None,
        typer.Option(
            metavar="SUBSET",
            help="Move whole groups of leaks into this subset. Files are not touched.",
        ),
    ] = None,
    undo: Annotated[
        bool,
        typer.Option("--undo", help="Move all items that --fix moved back. Nothing is searched."),
    ] = False,
) -> None:
    """Find pictures that stand in two subsets, such as train and val, or in two datasets.

    The pairs are those of `find duplicates --pairs` whose items are on two sides.
    """
    from hamsight_analyze.kinds import Leaks

    if undo:
        _undo_moves(request.db)
        return
    if fix is not None and across is Across.DATASETS:
        raise UsageError("--fix moves items between subsets: leave --across out")
    if fix is not None and request.k is not None:
        raise UsageError("--fix moves all groups: leave -k out")
    analysis = Leaks(across.value, attribute_name(together), strict=strict)
    run(analysis, request, None if fix is None else lambda *found: _fix_leaks(fix, *found))


def _fix_leaks(subset: str, catalog: Catalog, found: Found) -> None:
    """Move whole groups of leaks into one subset."""
    from hamsight_curate.to_subset import move_groups

    done = move_groups(catalog, found.together, subset)
    _tell_moved(done, f"moved to {subset!r}; `hamsight find leaks --undo` moves them back")


def _undo_moves(db: str | None) -> None:
    """Move items back to the subsets where they stood."""
    from hamsight.session import Session

    with Session(db) as session:
        _tell_moved(session.move_back(), "moved back")


def _tell_moved(done: Resettled, what: str) -> None:
    """Say how many items were moved, and which were not."""
    from hamsight_core.items import item_name

    say(f"{len(done.moved)} items {what}")
    why = "the subset has another item of this id; delete one of them"
    _say_first([f"not moved: {item_name(identity)}: {why}" for identity in done.blocked])


@find.command("quality")
@asks
def quality(
    request: Request,
    issue: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this issue. Default: all.")
    ] = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="First look at the pictures that have no scores yet."),
    ] = False,
) -> None:
    """Find pictures that are blurred, dark, light, grey, empty, very long, or very small.

    A score above 0.5 is a fault. The scores are made at ingest.
    """
    from hamsight_analyze.kinds import Quality

    if update:
        _update_quality(request)
    run(Quality(tuple(issue or ())), request)


def _update_quality(request: Request) -> None:
    """Look at the pictures that have no scores of quality."""
    from hamsight.session import Session
    from hamsight_core.items import item_name

    with Session(request.db) as session:
        done = session.update_quality(request.model, progress=True)
    say(f"{done.looked} pictures looked at")
    _say_first([f"not read: {item_name(identity)}: {reason}" for identity, reason in done.unread])


@find.command("mislabelled")
@asks
def mislabelled(
    request: Request,
    relabel: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Apply a list that you have reviewed: the answer as CSV without the lines that"
            " are wrong. Nothing is searched.",
        ),
    ] = None,
    objects: OfObjects = False,
) -> None:
    """Find tags that do not fit their pictures, and the tag that fits better.

    With --objects each annotated box is judged by its own picture.
    """
    from hamsight_analyze.kinds import Mislabelled

    if relabel is not None:
        from hamsight.session import Session

        with Session(request.db) as session:
            change = session.relabel(relabel, objects=objects)
        tell(f"{change.changed} of {change.selected} tags changed")
        if change.changed < change.selected:
            say(
                "note: the others are of items that the catalog does not have, or that lack the tag"
            )
        return
    run(Mislabelled(), request, objects=objects)


@find.command("outliers")
@asks
def outliers(request: Request, objects: OfObjects = False) -> None:
    """Find items unlike the others."""
    from hamsight_analyze.kinds import Outliers

    run(Outliers(), request, objects=objects)


def _say_first(lines: Sequence[str]) -> None:
    say(*lines[:_SHOWN])
    if len(lines) > _SHOWN:
        say(f"… and {len(lines) - _SHOWN} more")

"""`hamsight find …`: what is wrong with a dataset."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from inspect import Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hamsight.cli.options import Database, StoredModel, takes
from hamsight.cli.output import show
from hamsight_core.errors import EXIT_NO_MATCH, UsageError
from hamsight_core.names import checked
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import App, say, tell

if TYPE_CHECKING:
    from hamsight_analyze.analysis import Analysis

_SHOWN = 5

find = App(no_args_is_help=True, help="Find what is wrong with a dataset.")


class Across(str, Enum):
    """Between which sides a picture must not stand twice."""

    SUBSETS = "subsets"
    DATASETS = "datasets"


class Balance(str, Enum):
    """Of what a sample has as many each."""

    TAG = "tag"
    DATASET = "dataset"
    SUBSET = "subset"


@dataclass(frozen=True)
class Request:
    """Of which items an analysis is, and what becomes of its answer."""

    datasets: tuple[str, ...]
    subsets: tuple[str, ...]
    where: str | None
    model: str | None
    k: int | None
    all: bool
    format: Format
    save: Path | None
    add_to_group: str | None
    db: str | None


def request_of(
    dataset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only items of this dataset.")
    ] = None,
    subset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only items of this subset.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION", help="Only items for which this is true (docs/where.md)."
        ),
    ] = None,
    model: StoredModel = None,
    k: Annotated[
        int | None,
        typer.Option("-k", "--top-k", min=1, help="Only the first so many. Default: all found."),
    ] = None,
    all: Annotated[bool, typer.Option("--all", help="A row for every item, found or not.")] = False,
    format: Annotated[
        Format, typer.Option("--format", help="Format of the output.")
    ] = Format.TABLE,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE.png", help="Draw what was found as a picture."),
    ] = None,
    add_to_group: Annotated[
        str | None,
        typer.Option("--add-to-group", metavar="NAME", help="Add the items found to a group."),
    ] = None,
    db: Database = None,
) -> Request:
    """Return what the options ask; raises UsageError, before anything is read."""
    from hamsight_core.show.sheet import sheet_format

    if save is not None:
        sheet_format(save)
    if add_to_group is not None:
        checked("--add-to-group", add_to_group)
    if all and k is not None:
        raise UsageError("give -k or --all, not both")
    return Request(
        tuple(dataset or ()),
        tuple(subset or ()),
        where,
        model,
        k,
        all,
        format,
        save,
        add_to_group,
        db,
    )


asks = takes("request", request_of)
"""Gives a command the options of every analysis in place of its parameter `request`."""


def request_without(*names: str) -> Callable[..., Request]:
    """Return `request_of` without some options, for a command to which they mean nothing."""

    def request(**given: Any) -> Request:
        return request_of(**given)

    every = signature(request_of, eval_str=True).parameters
    request.__signature__ = Signature(  # type: ignore[attr-defined]
        [one for name, one in every.items() if name not in names]
    )
    return request


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
        keep_groups(keep_all, request.db)
        return
    run(Duplicates(pairs=pairs, strict=strict), request)


def keep_groups(groups: list[int], db: str | None) -> None:
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
        table = table.select(shown)
    show(table, format)


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
) -> None:
    """Find pictures that stand in two subsets, such as train and val, or in two datasets.

    The pairs are those of `find duplicates --pairs` whose items are on two sides.
    """
    from hamsight_analyze.kinds import Leaks

    datasets = across is Across.DATASETS
    run(Leaks(datasets, attribute_name(together), strict), request)


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
        update_quality(request)
    run(Quality(tuple(issue or ())), request)


def update_quality(request: Request) -> None:
    """Look at the pictures that have no scores of quality."""
    from hamsight.session import Session
    from hamsight_core.controls import printable
    from hamsight_curate.names import written

    with Session(request.db) as session:
        done = session.update_quality(request.model, progress=True)
    say(f"{done.looked} pictures looked at")
    for identity, reason in done.unread[:_SHOWN]:
        say(f"not read: {printable(written(identity))}: {reason}")
    if len(done.unread) > _SHOWN:
        say(f"… and {len(done.unread) - _SHOWN} more")


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
) -> None:
    """Find tags that do not fit their pictures, and the tag that fits better."""
    from hamsight_analyze.kinds import Mislabelled

    if relabel is not None:
        from hamsight.session import Session

        with Session(request.db) as session:
            change = session.relabel(relabel)
        tell(f"{change.changed} of {change.selected} tags changed")
        return
    run(Mislabelled(), request)


@find.command("outliers")
@asks
def outliers(request: Request) -> None:
    """Find items unlike the others."""
    from hamsight_analyze.kinds import Outliers

    run(Outliers(), request)


@asks
def sample(
    number: Annotated[int, typer.Argument(min=1, metavar="N", help="How many items.")],
    request: Request,
    balance: Annotated[
        Balance | None, typer.Option(help="As many items of each tag, dataset or subset.")
    ] = None,
    together: Annotated[
        str | None,
        typer.Option(
            metavar="ATTRIBUTE", help="One item of each value of this attribute before a second."
        ),
    ] = None,
    keep_group: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Items of this group are in the sample already."),
    ] = None,
    from_query: Annotated[
        str | None, typer.Option(metavar="NAME", help="Choose among the matches of a saved query.")
    ] = None,
) -> None:
    """Choose few items that stand for many: to label next, or to keep."""
    from hamsight_analyze.kinds import Sample

    among = None if from_query is None else matches_of(from_query, request.db)
    of_each = balance.value if balance else None
    analysis = Sample(number, of_each, attribute_name(together), keep_group, among)
    run(analysis, request)


@takes("request", request_without("k"))
def cluster(
    request: Request,
    number: Annotated[
        int | None,
        typer.Option("-k", "--clusters", min=1, help="How many clusters. Default: 16."),
    ] = None,
    density: Annotated[
        bool,
        typer.Option(
            "--density",
            help="Clusters where items lie close on the map by t-SNE, as many as there are; items"
            " that lie apart are in none.",
        ),
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Set this attribute of each item to the number of its cluster."
        ),
    ] = None,
) -> None:
    """Sort items into clusters of pictures that are alike, named by their tags and captions.

    --save draws the twelve pictures nearest to the middle of each cluster; --all prints the
    cluster of every item.
    """
    from hamsight_analyze.kinds import Clusters

    if name is not None:
        checked("--name", name)
    run(Clusters(number, name, density), request)


@asks
def compare(
    a: Annotated[
        str,
        typer.Option(
            "--a", metavar="SIDE", help="dataset:NAME, subset:NAME, group:NAME or where:EXPRESSION."
        ),
    ],
    b: Annotated[str, typer.Option("--b", metavar="SIDE", help="What to compare with.")],
    request: Request,
) -> None:
    """Tell whether two sets of items differ, in which tags, and in which pictures.

    The first row has p, the chance of such a difference between two halves of one set, and the
    figures of four tests. Rows of tags whose shares differ follow, then the pictures that are most
    typical of each side. --dataset, --subset and --where hold for both sides.
    """
    from hamsight_analyze.kinds import Comparison

    run(Comparison(a, b), request)


def matches_of(name: str, db: str | None) -> frozenset[tuple[str, str, str]]:
    """Return the items that a saved query finds."""
    from hamsight.session import Session

    with Session(db) as session:
        return frozenset((one.dataset, one.subset, one.id) for one in session.run(name))


def attribute_name(given: str | None, option: str = "--together") -> str | None:
    """Return the name of an attribute, given as it is or as attributes["NAME"]."""
    if given is None:
        return None
    found = re.fullmatch(r"""attributes\[(["'])(.+)\1\]""", given.strip())
    return checked(option, found[2] if found else given)


def run(analysis: Analysis, request: Request) -> None:
    """Analyze, and deliver what was found; end with status 1 where nothing was."""
    from hamsight_analyze.analysis import Asked, analyze
    from hamsight_analyze.items import Scope
    from hamsight_core.catalog.catalog import Catalog
    from hamsight_core.show.row_sheet import draw_rows

    scope = Scope(request.datasets, request.subsets, request.where, request.model)
    with Catalog.open(request.db) as catalog:
        found = analyze(catalog, analysis, scope, Asked(request.k, request.all), progress=True)
        if request.add_to_group is not None and found.members:
            from hamsight_curate.groups import add_to_group
            from hamsight_curate.selection import Selection

            change = add_to_group(catalog, request.add_to_group, Selection(found.members))
            say(f"{change.changed} items added to the group {request.add_to_group!r}")
    settings = "".join(f", {name} {value}" for name, value in found.settings.items())
    say(
        f"{analysis.kind}: {found.said}, among {found.items:,} items{scope}{settings}"
        f" ({found.seconds:.1f} s)"
    )
    for note in found.notes:
        say(f"note: {note}")
    shorter = found.shown if request.format is Format.TABLE else None
    show(found.table if shorter is None else shorter, request.format)
    if request.save is not None:
        title = f"{analysis.kind}: {found.said}"
        if found.draw is not None:
            found.draw(request.save, title)
        else:
            draw_rows(found.sections, request.save, title=title)
        say(f"saved {request.save}")
    if not len(found):
        raise typer.Exit(EXIT_NO_MATCH)

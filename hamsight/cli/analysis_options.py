"""The options of every analysis, and what becomes of its answer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields
from inspect import Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hamsight.cli.options import Database, Dataset, StoredModel, Subset, Where, takes
from hamsight.cli.output import show
from hamsight_core.errors import EXIT_NO_MATCH, UsageError
from hamsight_core.names import checked
from hamsight_core.show.formats import Format
from hamsight_core.show.terminal import say

if TYPE_CHECKING:
    from hamsight_analyze.analysis import Analysis, Found
    from hamsight_core.catalog.catalog import Catalog

_OPTIONS = {"issues": "--issue", "number": "--clusters"}
"""Options whose names are not those of the settings."""
_TOLD = {"comparison": ("a", "b"), "sample": ("number",)}
"""Settings that are arguments, or that the answer repeats."""


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
    dataset: Dataset = None,
    subset: Subset = None,
    where: Where = None,
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


def attribute_name(given: str | None, option: str = "--together") -> str | None:
    """Return the name of an attribute, given as it is or as attributes["NAME"]."""
    if given is None:
        return None
    found = re.fullmatch(r"""attributes\[(["'])(.+)\1\]""", given.strip())
    return checked(option, found[2] if found else given)


def options_of(analysis: Analysis) -> str:
    """Return the settings that are not the default, as the options that give them."""
    told = _TOLD.get(analysis.kind, ())
    words: list[str] = []
    for one in fields(analysis):
        value = getattr(analysis, one.name)
        if not one.repr or one.name in told or value == one.default:
            continue
        option = _OPTIONS.get(one.name, f"--{one.name.replace('_', '-')}")
        if value is True:
            words.append(option)
        else:
            for each in value if isinstance(value, tuple) else (value,):
                words += [option, str(each)]
    return shlex.join(words)


def run(
    analysis: Analysis,
    request: Request,
    then: Callable[[Catalog, Found], None] | None = None,
    *,
    objects: bool = False,
) -> None:
    """Analyze, deliver the answer, do `then` with it; end with status 1 where nothing was found."""
    from hamsight_analyze.analysis import Asked
    from hamsight_analyze.items import Scope
    from hamsight_analyze.run_analysis import analyze
    from hamsight_core.catalog.catalog import Catalog, TableKind
    from hamsight_core.show.row_sheet import draw_rows

    scope = Scope(request.datasets, request.subsets, request.where, request.model, objects)
    with Catalog.open(request.db) as catalog:
        found = analyze(catalog, analysis, scope, Asked(request.k, request.all), progress=True)
        if request.add_to_group is not None and found.members:
            from hamsight_curate.groups import add_to_group
            from hamsight_curate.selection import Selection

            change = add_to_group(catalog, request.add_to_group, Selection(found.members))
            say(f"{change.changed} items added to the group {request.add_to_group!r}")
        if then is not None:
            then(catalog, found)
    given = options_of(analysis)
    say(
        f"{analysis.kind}: {found.said}, among {found.items:,} {TableKind.of(objects).value}"
        f"{scope}{f', with {given}' if given else ''} ({found.seconds:.1f} s)"
    )
    for note in found.notes:
        say(f"note: {note}")
    shorter = found.shown if request.format is Format.TABLE else None
    show(found.table if shorter is None else shorter, request.format, mixed=found.mixed)
    if request.save is not None:
        title = f"{analysis.kind}: {found.said}"
        if found.draw is not None:
            found.draw(request.save, title)
        else:
            draw_rows(found.sections, request.save, title=title)
        say(f"saved {request.save}")
    if not len(found):
        raise typer.Exit(EXIT_NO_MATCH)

"""The options that say what is asked, shared by the commands that search and that save."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hamsight.cli.options import StoredModel, takes
from hamsight_core.show.formats import Format
from hamsight_query.request import DEFAULT_K, DEFAULT_RECALL, Combine, Kind, Query, Rank, Request

AnswerFormat = Annotated[Format, typer.Option("--format", help="Format of the answer.")]
Sheet = Annotated[
    Path | None,
    typer.Option("--save", metavar="FILE.png", help="Draw a contact sheet of the answer."),
]
AddToGroup = Annotated[
    str | None,
    typer.Option("--add-to-group", metavar="NAME", help="Put what is found into a group."),
]
ShowSql = Annotated[
    bool,
    typer.Option("--show-sql", help="Print the statement for `clickhouse client`, and end."),
]


def request_of(
    image: Annotated[
        list[str] | None, typer.Option(metavar="PATH|URL", help="Search by a picture.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(metavar="WORDS", help="Search by words.")
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(metavar="[DATASET/][SUBSET/]ID", help="Search by a stored item."),
    ] = None,
    k: Annotated[int, typer.Option("-k", "--top-k", help="How many matches.")] = DEFAULT_K,
    offset: Annotated[int, typer.Option(help="Skip so many matches; paging is stable.")] = 0,
    combine: Annotated[
        Combine,
        typer.Option(
            help="Several queries: near to any (nearest), a share for each (balanced),"
            " near to every one (all)."
        ),
    ] = Combine.NEAREST,
    rank: Annotated[
        Rank,
        typer.Option(help="Order candidates by cosine similarity, or rank by the hash alone."),
    ] = Rank.COSINE,
    candidates: Annotated[
        int | None,
        typer.Option(
            help="How many the hash finds for cosine to order. By default as many as were"
            " measured to keep the best of exact cosine, see `hamsight info`."
        ),
    ] = None,
    max_distance: Annotated[
        int | None, typer.Option(metavar="BITS", help="Leave out matches that differ more.")
    ] = None,
    dissimilar: Annotated[
        bool, typer.Option("--dissimilar", help="The least alike first.")
    ] = False,
    dataset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only of this dataset.")
    ] = None,
    subset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only of this subset.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION",
            help='Only what holds, such as: (dog > 2 or height > 200) and "good" in groups',
        ),
    ] = None,
    exclude_self: Annotated[
        bool | None,
        typer.Option(
            help="Leave out the queries' own rows. By default those of --item; when given, also"
            " stored copies of --image."
        ),
    ] = None,
    model: StoredModel = None,
    recall: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Of the nearest by hash, the share that is found where there are cells, see"
            " `hamsight index`.",
        ),
    ] = DEFAULT_RECALL,
    exact: Annotated[
        bool, typer.Option("--exact", help="Read all items, though there are cells.")
    ] = False,
) -> Request:
    """Return the request that the options make; raises UsageError."""
    given = ((Kind.IMAGE, image), (Kind.TEXT, text), (Kind.ITEM, item))
    return Request(
        queries=tuple(Query(kind, one) for kind, values in given for one in values or ()),
        k=k,
        offset=offset,
        combine=combine,
        rank=rank,
        candidates=candidates,
        max_distance=max_distance,
        dissimilar=dissimilar,
        datasets=tuple(dataset or ()),
        subsets=tuple(subset or ()),
        where=where,
        exclude_self=exclude_self,
        model=model,
        recall=recall,
        exact=exact,
    )


takes_request = takes("request", request_of)
"""Gives a command the options of a query in place of its parameter `request`."""

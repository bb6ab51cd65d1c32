"""The options that say what is asked, shared by the commands that search and that save."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hamsight.cli.completion import groups, models
from hamsight.cli.options import Dataset, Subset, Where, takes
from hamsight_core.show.formats import Format
from hamsight_query.asked import request_of
from hamsight_query.request import DEFAULT_K, DEFAULT_RECALL, Combine, Rank, Request

AnswerFormat = Annotated[Format, typer.Option("--format", help="Format of the output.")]
Sheet = Annotated[
    Path | None,
    typer.Option("--save", metavar="FILE.png", help="Draw the answer as a contact sheet."),
]
AddToGroup = Annotated[
    str | None,
    typer.Option(
        "--add-to-group", metavar="NAME", help="Add the matches to a group.", autocompletion=groups
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(metavar="NAME,…", help="Only these columns of the output, in this order."),
]
All = Annotated[
    bool, typer.Option("--all", help="Show all matches on a terminal, not the first 20 alone.")
]
ShowSql = Annotated[
    bool,
    typer.Option("--show-sql", help="Print the SQL for `clickhouse client` and exit."),
]


def request(
    asked: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORDS|PICTURE",
            help="Words, or pictures: anything with a slash, a scheme or the suffix of an image.",
        ),
    ] = None,
    image: Annotated[
        list[str] | None, typer.Option(metavar="PATH|URL", help="Search by a picture.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="WORDS", help='Search by words. "beach^0.7" gives them a weight.'),
    ] = None,
    not_text: Annotated[
        list[str] | None,
        typer.Option(metavar="WORDS", help="Words to search away from. Implies --combine blend."),
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(metavar="[DATASET/][SUBSET/]ID", help="Search by a stored item."),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Search by a group: the mean of its items.",
            autocompletion=groups,
        ),
    ] = None,
    each_of: Annotated[
        list[str] | None,
        typer.Option(
            "--each-of",
            metavar="NAME",
            help="Search by each item of a group: more like any of these.",
            autocompletion=groups,
        ),
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H",
            help="Search by a part of the picture or item: in pixels, in shares of its size,"
            " or whole.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", "--top-k", help="Number of matches.")] = DEFAULT_K,
    offset: Annotated[int, typer.Option(help="Number of matches to skip. Paging is stable.")] = 0,
    combine: Annotated[
        Combine | None,
        typer.Option(
            help="Several queries: near any of them (nearest), an equal share for each (balanced),"
            " near all of them (all), near their weighted sum (blend). Default: nearest, or blend"
            " with weights."
        ),
    ] = None,
    rank: Annotated[
        Rank,
        typer.Option(help="Rank candidates by cosine similarity, or all items by the hash alone."),
    ] = Rank.COSINE,
    candidates: Annotated[
        int | None,
        typer.Option(
            help="Number of items, nearest by hash, that are ranked by cosine. Default: measured,"
            " see `hamsight info`."
        ),
    ] = None,
    max_distance: Annotated[
        int | None,
        typer.Option(metavar="BITS", help="Leave out items whose hash differs in more bits."),
    ] = None,
    min_similarity: Annotated[
        float | None,
        typer.Option(metavar="COSINE", help="Leave out matches less similar, from -1 to 1."),
    ] = None,
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated",
            help="Give similarities, also --min-similarity, as the share of the catalog's own pairs"
            " that are no more alike, from 0 to 1: the same scale for every model.",
        ),
    ] = False,
    dissimilar: Annotated[
        bool, typer.Option("--dissimilar", help="Least similar items first.")
    ] = False,
    dataset: Dataset = None,
    subset: Subset = None,
    objects: Annotated[
        bool,
        typer.Option(
            "--objects", help="Find annotated objects, not pictures (`hamsight ingest --objects`)."
        ),
    ] = False,
    where: Where = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="[-]EXPRESSION",
            help='Order matches, or items without a query, by a column, tag, scores["NAME"] or'
            " other expression; - for the greatest first. Matches are the best -k, or all within"
            " --min-similarity or --max-distance.",
        ),
    ] = None,
    random: Annotated[
        int | None,
        typer.Option(metavar="SEED", help="Without a query: list items in a random order."),
    ] = None,
    exclude_self: Annotated[
        bool | None,
        typer.Option(
            help="Leave out the items searched by. Default: those of --item. If given, also stored"
            " copies of --image."
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME|FOLDER",
            help="The model, if the catalog has several. Of several given, the ranks are fused.",
            autocompletion=models,
        ),
    ] = None,
    recall: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="With coarse cells (`hamsight index`): the share of the nearest items by hash to"
            " find.",
        ),
    ] = DEFAULT_RECALL,
    exact: Annotated[
        bool, typer.Option("--exact", help="Read all items, even if there are coarse cells.")
    ] = False,
) -> Request:
    """Return the request that the options make; raises UsageError."""
    return request_of(
        asked or (),
        image=image or (),
        text=text or (),
        not_text=not_text or (),
        item=item or (),
        group=group or (),
        each_of=each_of or (),
        box=box or (),
        k=k,
        offset=offset,
        combine=combine,
        rank=rank,
        candidates=candidates,
        max_distance=max_distance,
        min_similarity=min_similarity,
        calibrated=calibrated,
        dissimilar=dissimilar,
        datasets=tuple(dataset or ()),
        subsets=tuple(subset or ()),
        objects=objects,
        where=where,
        sort=sort,
        random=random,
        exclude_self=exclude_self,
        model=model or (),
        recall=recall,
        exact=exact,
    )


takes_request = takes("request", request)
"""Gives a command the options of a query in place of its parameter `request`."""

"""Choose and compare sets of items: `hamsight sample`, `cluster` and `compare`."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from hamsight.cli.analysis_options import Request, asks, attribute_name, request_without, run
from hamsight.cli.options import OfObjects, takes
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity
from hamsight_core.names import checked


class Balance(str, Enum):
    """Of what a sample has as many each."""

    TAG = "tag"
    DATASET = "dataset"
    SUBSET = "subset"


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
    objects: OfObjects = False,
) -> None:
    """Sort items into clusters of pictures that are alike, named by their tags and captions.

    --save draws the twelve pictures nearest to the middle of each cluster; --all prints the
    cluster of every item.
    """
    from hamsight_analyze.kinds import Clusters

    if name is not None:
        checked("--name", name)
        if objects:
            raise UsageError("--name sets attributes, which pictures have: leave --objects out")
    run(Clusters(number, name, density), request, objects=objects)


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


def matches_of(name: str, db: str | None) -> frozenset[Identity]:
    """Return the items that a saved query finds."""
    from hamsight.session import Session

    with Session(db) as session:
        return frozenset(one.item for one in session.run(name))

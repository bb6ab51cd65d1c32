"""`hamsight map`: where items lie in a plane on which like items are near."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from hamsight.cli.analysis_options import Request, attribute_name, request_without, run
from hamsight.cli.options import takes


class Method(str, Enum):
    """How a map is laid out."""

    TSNE = "tsne"
    UMAP = "umap"
    PACMAP = "pacmap"
    PCA = "pca"


class Drawn(str, Enum):
    """What stands for an item on a picture of a map."""

    AUTO = "auto"
    PICTURES = "pictures"
    POINTS = "points"


@takes("request", request_without("add_to_group", "all"))
def map_(
    request: Request,
    method: Annotated[
        Method,
        typer.Option(
            help="umap and pacmap need a package of their own: pip install 'hamsight[umap]'."
        ),
    ] = Method.TSNE,
    component: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Lay items out in the N-th principal component alone; --save draws them in a line"
            " from end to end.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn at random.")] = 0,
    refit: Annotated[
        bool, typer.Option("--refit", help="Lay all items out, even where a map of them is kept.")
    ] = False,
    color: Annotated[
        str | None,
        typer.Option(
            metavar="dataset|subset|status|tag|group|ATTRIBUTE",
            help="By what the picture of --save is coloured.",
        ),
    ] = None,
    draw: Annotated[
        Drawn, typer.Option(help="What --save draws. auto: pictures of up to 2,000 items.")
    ] = Drawn.AUTO,
) -> None:
    """Lay items out in a plane, like ones near each other.

    The map is kept in the catalog. Asked again, items that came or changed since are placed on it.
    """
    from hamsight_analyze.kinds import Map
    from hamsight_analyze.kinds.maps import COLORS

    by = Method.PCA if component is not None and method is Method.TSNE else method
    coloured = color if color in COLORS else attribute_name(color, "--color")
    pictures = None if draw is Drawn.AUTO else draw is Drawn.PICTURES
    run(Map(by.value, component, seed, refit, coloured, pictures), request)

"""What a report tells: an analysis a chapter."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from hamsight_analyze.analysis import Analysis, Found
from hamsight_analyze.items import Scope, condition_of
from hamsight_analyze.kinds import (
    Clusters,
    Comparison,
    Duplicates,
    Leaks,
    Map,
    Mislabelled,
    Outliers,
    Quality,
    Sample,
)
from hamsight_analyze.report.map_drawing import draw_points
from hamsight_analyze.run_analysis import analyze
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.statements import all_of
from hamsight_core.show.row_sheet import Section

_SAMPLED, _CLUSTERS, _COMPARED = 24, 16, 3
_TAGS = 20
_LAID_OUT = 10_000
"""Up to so many items the map is t-SNE, which takes 90 s of processor time for them; else PCA."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """What an analysis found: `count` in a word or number, `said` in a line.

    `command` finds the same, `about` says what to do with it, and `drawing` is SVG.
    """

    kind: str
    title: str
    count: int | str
    said: str
    about: str
    command: str
    sections: Sequence[Section] = ()
    notes: Sequence[str] = ()
    drawing: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """The items that a report is of; sizes are the medians in pixels, `bytes` of their files."""

    name: str
    model: str
    items: int
    unannotated: int
    without_embedding: int
    width: int
    height: int
    bytes: int
    subsets: list[tuple[str, int]] = field(default_factory=list)
    tags: list[tuple[str, int]] = field(default_factory=list)
    different_tags: int = 0


_FINDING: tuple[tuple[type[Analysis], str, str], ...] = (
    (
        Duplicates,
        "Duplicates",
        "Items of a group show the same picture. The one with a frame is best kept.",
    ),
    (Leaks, "Leaks", "The same picture stands in two subsets. --fix SUBSET moves it into one."),
    (Quality, "Quality", "Scores above 0.5 are faults. One picture may have several."),
    (
        Mislabelled,
        "Wrong tags",
        "Another tag fits better. Review them as CSV and apply it with --relabel FILE.csv.",
    ),
    (Outliers, "Outliers", "Pictures unlike the others: of another kind, broken, or rare."),
)


def overview_of(catalog: Catalog, scope: Scope) -> Overview:
    """Return what a report says of the items themselves.

    Raises EmptyCatalogError, UsageError and ExpressionError.
    """
    model = catalog.model(scope.model, scope.datasets)
    held, values = condition_of(catalog, model, scope)
    where = {
        "table": model.items_table,
        "conditions": all_of(held),
    }
    items, unannotated, without, width, height, size = catalog.rows(
        "report_items", values, **where
    )[0]
    subsets = catalog.rows("report_subsets", values, **where)
    tags = catalog.rows("report_tags", values, **where)
    many = len({row[0] for row in subsets}) > 1
    return Overview(
        ", ".join(scope.datasets or sorted({row[0] for row in subsets})) or "no items",
        model.name,
        int(items),
        int(unannotated),
        int(without),
        int(width),
        int(height),
        int(size),
        subsets=[
            ("/".join(filter(None, row[:2] if many else row[1:2])) or "no subset", int(row[2]))
            for row in subsets
        ],
        tags=[(row[0], int(row[1])) for row in tags[:_TAGS]],
        different_tags=len(tags),
    )


def chapters_of(
    catalog: Catalog, scope: Scope, overview: Overview, *, progress: bool = False
) -> Iterator[Chapter]:
    """Yield what each analysis finds; findings are recorded as those of its command.

    Raises what the analyses raise.
    """
    for made, title, about in _FINDING:
        if made is Leaks and len(overview.subsets) < 2:
            continue
        analysis = made()
        found = analyze(catalog, analysis, scope, progress=progress)
        count = int(found.figures["groups"]) if made is Duplicates else len(found)
        command = f"find {analysis.kind}"
        yield _chapter(analysis, title, count, about, found, _command(command, scope))
    yield from _comparisons(catalog, scope, overview, progress)
    yield from _contents(catalog, scope, overview, progress)


def _chapter(
    analysis: Analysis, title: str, count: int | str, about: str, found: Found, command: str
) -> Chapter:
    return Chapter(
        analysis.kind, title, count, found.said, about, command, found.sections, found.notes
    )


def _comparisons(
    catalog: Catalog, scope: Scope, overview: Overview, progress: bool
) -> Iterator[Chapter]:
    """Yield a comparison of each two of the largest subsets."""
    if len(scope.datasets) != 1:
        return
    named = [name for name, _ in overview.subsets if name != "no subset"][:_COMPARED]
    for first, second in combinations(named, 2):
        analysis = Comparison(f"subset:{first}", f"subset:{second}")
        found = analyze(catalog, analysis, scope, progress=progress)
        command = f"compare --a {shlex.quote(analysis.a)} --b {shlex.quote(analysis.b)}"
        yield _chapter(
            analysis,
            f"{first} and {second}",
            f"p = {found.figures['p']:.3f}",
            "p is the chance of such a difference between two halves of one set. Below: what is"
            " most typical of each.",
            found,
            _command(command, scope),
        )


def _contents(
    catalog: Catalog, scope: Scope, overview: Overview, progress: bool
) -> Iterator[Chapter]:
    """Yield the map, the clusters and a sample."""
    analysis = Clusters(min(_CLUSTERS, max(1, overview.items)))
    clusters = analyze(catalog, analysis, scope, progress=progress)
    names = clusters.table["name"].to_pylist()
    method = "tsne" if overview.items <= _LAID_OUT else "pca"
    laid_out = analyze(catalog, Map(method), scope, progress=progress)
    yield Chapter(
        "map",
        "Map",
        f"{len(laid_out):,}",
        laid_out.said,
        "Like pictures lie near each other. Colours are the eight largest clusters.",
        _command(f"map --method {method} --save map.png", scope),
        drawing=draw_points(laid_out.table, clusters.stored, names),
    )
    yield _chapter(
        analysis,
        "Clusters",
        len(clusters),
        "Pictures that are alike, named by the tags and words that are commonest there.",
        clusters,
        _command(f"cluster -k {analysis.number} --save clusters.png", scope),
    )
    sample = Sample(_SAMPLED)
    found = analyze(catalog, sample, scope, progress=progress)
    yield _chapter(
        sample,
        "Sample",
        len(found),
        "Items that stand for all the others, the most telling first: look at these.",
        found,
        _command(f"sample {_SAMPLED} --save sample.png", scope),
    )


def _command(words: str, scope: Scope) -> str:
    options = [f"--dataset {shlex.quote(name)}" for name in scope.datasets]
    options += [f"--subset {shlex.quote(name)}" for name in scope.subsets]
    options += [f"--where {shlex.quote(scope.where)}"] if scope.where else []
    options += [f"--model {shlex.quote(scope.model)}"] if scope.model else []
    return " ".join(["hamsight", words, *options])

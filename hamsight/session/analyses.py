"""A session's analyses: what is wrong with a dataset, and what is in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hamsight.session.opened import Opened, PathLike, several
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity
from hamsight_core.names import checked

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight.session.open_classifier import OpenClassifier
    from hamsight_analyze.analysis import Analysis, Found
    from hamsight_analyze.checks import Outcome
    from hamsight_analyze.look_again import Updated
    from hamsight_analyze.map_points import MapPoints
    from hamsight_analyze.progress import Progress
    from hamsight_analyze.report import Chapter
    from hamsight_curate.change import Change
    from hamsight_curate.to_subset import Resettled


class Analyses(Opened):
    """Duplicates and other findings, as Arrow tables with what is said of them.

    Each method returns `hamsight_analyze.analysis.Found`: `table` are the rows, the most
    suspicious first. All take `dataset`, `subset`, `where` and `model`, `k` (the first k found),
    `all` (a row for every item), `progress` (a bar on stderr) and `on_progress` (a function that is
    told how many of how many steps are done). `find_mislabelled`, `find_outliers` and `cluster`
    take `objects`: the items are annotated boxes, and the `members` of what was found their
    pictures.
    """

    def find_duplicates(self, *, pairs: bool = False, strict: bool = False, **asked: Any) -> Found:
        """Find items that show the same picture: groups, or with `pairs` each pair once.

        Columns: group, dataset, subset, id, keep, similarity, distance; of pairs: dataset, subset,
        id, other_dataset, other_subset, other_id, similarity, distance, exact. Raises UsageError,
        EmptyCatalogError or ExpressionError.
        """
        from hamsight_analyze.kinds import Duplicates

        return self._analyze(Duplicates(pairs=pairs, strict=strict), **asked)

    def keep_all(self, group: int) -> int:
        """Keep all items of a group of the latest `find_duplicates`; return how many they are.

        From then on they are no duplicates of each other. Raises UsageError for an unknown group.
        """
        from hamsight_analyze.decisions import keep_all

        return keep_all(self.catalog(), group)

    def analyses(self) -> pa.Table:
        """Return a row for each analysis whose findings stand, the latest first.

        `current` says whether no item came, went or changed since.
        """
        from hamsight_analyze.recorded import list_analyses

        return list_analyses(self.catalog())

    def find_leaks(
        self,
        *,
        across: str = "subsets",
        together: str | None = None,
        strict: bool = False,
        **asked: Any,
    ) -> Found:
        """Find pictures that stand in two subsets, or, `across` datasets, in two datasets.

        Columns as of pairs of duplicates. `together` names an attribute: items of one value belong
        on one side. Raises UsageError, EmptyCatalogError or ExpressionError.
        """
        from hamsight_analyze.kinds import Leaks

        return self._analyze(Leaks(across, together, strict=strict), **asked)

    def fix_leaks(self, subset: str, **asked: Any) -> Resettled:
        """Find leaks between the subsets of datasets, and move whole groups into one subset.

        Takes what `find_leaks` takes but `across`. Leaks between datasets are left. An item that
        moves gets the attribute `former_subset`, and `move_back` undoes it. Returns the items by
        their identities before and after, and those that could not move since the subset has an
        item of the same id. Raises what `find_leaks` raises, and UsageError for an unknown subset.
        """
        from hamsight_curate.to_subset import move_groups

        if "across" in asked:
            raise UsageError("leaks across datasets are not fixed: leave across out")
        found = self.find_leaks(**asked)
        return move_groups(self.catalog(), found.together, subset)

    def find_quality(self, *, issues: str | Sequence[str] = (), **asked: Any) -> Found:
        """Find pictures with faults: columns dataset, subset, id, issue, score, flagged.

        Raises UsageError for an unknown issue, and what the others raise.
        """
        from hamsight_analyze.kinds import Quality

        return self._analyze(Quality(several(issues)), **asked)

    def update_quality(
        self,
        model: str | None = None,
        *,
        progress: bool = False,
        on_progress: Progress | None = None,
    ) -> Updated:
        """Look at the pictures that have no scores of quality and no hash of how they look.

        Those are items of an older version's catalog, or ingested without. Raises UsageError and
        EmptyCatalogError.
        """
        from hamsight_analyze.look_again import look_again
        from hamsight_analyze.progress import bar_of

        with bar_of("pictures looked at", progress, on_progress) as show:
            return look_again(self.catalog(), model, on_progress=show)

    def find_mislabelled(self, **asked: Any) -> Found:
        """Find tags that do not fit: dataset, subset, id, tag, suggested, score, flagged."""
        from hamsight_analyze.kinds import Mislabelled

        return self._analyze(Mislabelled(), **asked)

    def relabel(self, file: PathLike, *, objects: bool = False) -> Change:
        """Apply a reviewed list of wrong tags: CSV with dataset, subset, id, tag, suggested.

        With `objects` the ids are those of objects, and their boxes get the tag too. Returns how
        many tags were listed and how many changed. Raises UsageError.
        """
        from hamsight_analyze.relabel import relabel

        return relabel(self.catalog(), Path(file), objects=objects)

    def find_outliers(self, **asked: Any) -> Found:
        """Find items unlike the others: dataset, subset, id, score, flagged."""
        from hamsight_analyze.kinds import Outliers

        return self._analyze(Outliers(), **asked)

    def sample(
        self,
        number: int,
        *,
        balance: str | None = None,
        together: str | None = None,
        keep_group: str | None = None,
        among: Iterable[Identity] | None = None,
        **asked: Any,
    ) -> Found:
        """Choose items that stand for all: dataset, subset, id, rank.

        `balance` takes as many of each `tag`, `dataset` or `subset`, `together` names an attribute
        of each value of which one item comes before a second, items of `keep_group` are in the
        sample already, and `among` are the items to choose from. Raises UsageError and what the
        others raise.
        """
        from hamsight_analyze.kinds import Sample

        some = None if among is None else frozenset(among)
        return self._analyze(Sample(number, balance, together, keep_group, some), **asked)

    def cluster(
        self,
        number: int | None = None,
        *,
        density: bool = False,
        name: str | None = None,
        **asked: Any,
    ) -> Found:
        """Sort items into clusters of pictures that are alike: cluster, items, name.

        There are 16 unless `number` says otherwise. With `density` they are where items lie close
        on the map by t-SNE, as many as there are, and items that lie apart are in cluster 0, which
        has no row. With `name` each item gets the number of its cluster as an attribute of that
        name. `all` gives a row for each item: dataset, subset, id, cluster, name, similarity.
        Raises UsageError and what the others raise.
        """
        from hamsight_analyze.kinds import Clusters

        if name is not None:
            checked("the attribute", name)
            if asked.get("objects"):
                raise UsageError("name sets attributes, which pictures have: leave objects out")
        return self._analyze(Clusters(number, name, density), **asked)

    def map(
        self,
        method: str = "tsne",
        *,
        component: int | None = None,
        seed: int = 0,
        refit: bool = False,
        **asked: Any,
    ) -> Found:
        """Lay items out in a plane, like ones near each other: dataset, subset, id, x, y.

        `method` is tsne, umap, pacmap or pca; `component`, from 1 on, lays them out in one
        principal component alone (y is 0). The map is kept in the catalog; asked again, items that
        came or changed since are placed on it, unless `refit` is true or most are new. Raises
        UsageError for a method that there is not or that is not installed, and what the others
        raise.
        """
        from hamsight_analyze.kinds import Map

        method = "pca" if component is not None and method == "tsne" else method
        return self._analyze(Map(method, component, seed, refit), **asked)

    def maps(self) -> pa.Table:
        """Return a row for each map that is kept, the latest first.

        Columns: analysis, model, method, component, scope, items, fitted, trustworthiness, layout,
        created_at, and `current`: whether no item came, went or changed since. A map on which items
        were placed since it was fitted has the same `layout`.
        """
        from hamsight_analyze.map_points import list_maps

        return list_maps(self.catalog())

    def map_points(self, analysis: str) -> MapPoints:
        """Return where items lie on the map that `maps` calls `analysis`, as arrays.

        Items go by the 64-bit hash of their identity. Raises UsageError for an unknown map.
        """
        from hamsight_analyze.map_points import read_points

        return read_points(self.catalog(), analysis)

    def compare(self, a: str, b: str, **asked: Any) -> Found:
        """Tell whether two sides differ: dataset:NAME, subset:NAME, group:NAME or where:EXPR.

        The first row has `p` and the figures of the tests; rows of tags (tag, share_a, share_b)
        and of typical items (side, dataset, subset, id, score) follow. `figures` holds `p` too.
        Raises UsageError for a side that is none or has no items, and what the others raise.
        """
        from hamsight_analyze.kinds import Comparison

        return self._analyze(Comparison(a, b), **asked)

    def check(self, config: PathLike, *, progress: bool = False) -> list[Outcome]:
        """Run the checks of a TOML file, as `hamsight check` does; return what came of each.

        `broken` of an outcome says whether its limit is. Raises UsageError for a file that is not
        right, and what the analyses raise.
        """
        from hamsight_analyze.checks import read_checks, run_checks

        checks = read_checks(Path(config))
        return list(run_checks(self.catalog(), checks, progress=progress))

    def report(
        self,
        out: PathLike,
        *,
        dataset: str | Sequence[str] = (),
        subset: str | Sequence[str] = (),
        where: str | None = None,
        model: str | None = None,
        progress: bool = False,
    ) -> list[Chapter]:
        """Write all analyses of a dataset as one page of HTML; return its chapters.

        Raises UsageError for a file that cannot be written, and what the analyses raise.
        """
        from hamsight_analyze.items import Scope
        from hamsight_analyze.report import chapters_of, overview_of, write_page

        catalog = self.catalog()
        scope = Scope(several(dataset), several(subset), where, model)
        overview = overview_of(catalog, scope)
        chapters = list(chapters_of(catalog, scope, overview, progress=progress))
        write_page(Path(out), overview, chapters)
        return chapters

    def classifier(
        self,
        words: str | None = None,
        *,
        dataset: str | Sequence[str] = (),
        subset: str | Sequence[str] = (),
        where: str | None = None,
        model: str | None = None,
        device: str = "AUTO",
    ) -> OpenClassifier:
        """Return a classifier that begins from words, or from marks alone.

        Mark items right and wrong, look at what it ranks first, and save the ranking as a query.
        Raises EmptyCatalogError, ExpressionError, ModelError and UsageError.
        """
        from hamsight.session.open_classifier import OpenClassifier
        from hamsight_analyze.classifier import begin
        from hamsight_analyze.items import Scope
        from hamsight_core.models.network import Compute

        scope = Scope(several(dataset), several(subset), where, model)
        return OpenClassifier(self, begin(self.catalog(), words, scope, Compute(device)))

    def _analyze(
        self,
        analysis: Analysis,
        *,
        dataset: str | Sequence[str] = (),
        subset: str | Sequence[str] = (),
        where: str | None = None,
        model: str | None = None,
        objects: bool = False,
        k: int | None = None,
        all: bool = False,
        progress: bool = False,
        on_progress: Progress | None = None,
    ) -> Found:
        from hamsight_analyze.analysis import Asked
        from hamsight_analyze.items import Scope
        from hamsight_analyze.run_analysis import analyze

        scope = Scope(several(dataset), several(subset), where, model, objects)
        return analyze(
            self.catalog(),
            analysis,
            scope,
            Asked(k, all),
            progress=progress,
            on_progress=on_progress,
        )

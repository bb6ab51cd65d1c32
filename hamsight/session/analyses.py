"""A session's analyses: what is wrong with a dataset, and what is in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hamsight.session.opened import Opened, PathLike, several
from hamsight_core.errors import UsageError
from hamsight_core.names import checked

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_analyze.analysis import Analysis, Found
    from hamsight_analyze.look_again import Updated
    from hamsight_curate.change import Change


class Analyses(Opened):
    """Duplicates and other findings, as Arrow tables with what is said of them.

    Each method returns `hamsight_analyze.analysis.Found`: `table` are the rows, the most
    suspicious first. All take `dataset`, `subset`, `where` and `model`, `k` (the first k found),
    `all` (a row for every item) and `progress` (a bar on stderr). `find_mislabelled`,
    `find_outliers` and `cluster` take `objects`: the items are annotated boxes, and the `members`
    of what was found their pictures.
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
        from hamsight_analyze.decisions import list_analyses

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

        if across not in ("subsets", "datasets"):
            raise UsageError(f"across is {across!r}; expected subsets or datasets")
        return self._analyze(Leaks(across == "datasets", together, strict), **asked)

    def find_quality(self, *, issues: str | Sequence[str] = (), **asked: Any) -> Found:
        """Find pictures with faults: columns dataset, subset, id, issue, score, flagged.

        Raises UsageError for an unknown issue, and what the others raise.
        """
        from hamsight_analyze.kinds import Quality

        return self._analyze(Quality(tuple(several(issues))), **asked)

    def update_quality(self, model: str | None = None, *, progress: bool = False) -> Updated:
        """Look at the pictures that have no scores of quality and no hash of how they look.

        Those are items of an older version's catalog, or ingested without. Raises UsageError and
        EmptyCatalogError.
        """
        from hamsight_analyze.analysis import bar_of
        from hamsight_analyze.look_again import look_again

        with bar_of("pictures looked at", progress) as show:
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
        balance: bool = False,
        together: str | None = None,
        keep_group: str | None = None,
        among: Iterable[tuple[str, str, str]] | None = None,
        **asked: Any,
    ) -> Found:
        """Choose items that stand for all: dataset, subset, id, rank.

        `balance` takes as many of each tag, `together` names an attribute of each value of which
        one item comes before a second, items of `keep_group` are in the sample already, and
        `among` are the items to choose from. Raises UsageError and what the others raise.
        """
        from hamsight_analyze.kinds import Sample

        some = None if among is None else frozenset(among)
        return self._analyze(Sample(number, balance, together, keep_group, some), **asked)

    def cluster(self, number: int = 16, *, name: str | None = None, **asked: Any) -> Found:
        """Sort items into clusters of pictures that are alike: cluster, items, name.

        With `name` each item gets the number of its cluster as an attribute of that name. `all`
        gives a row for each item: dataset, subset, id, cluster, name, similarity. Raises
        UsageError and what the others raise.
        """
        from hamsight_analyze.cluster_attribute import set_clusters
        from hamsight_analyze.kinds import Clusters

        if name is not None:
            checked("the attribute", name)
            if asked.get("objects"):
                raise UsageError("name sets attributes, which pictures have: leave objects out")
        analysis = Clusters(number)
        found = self._analyze(analysis, **asked)
        if name is not None:
            set_clusters(self.catalog(), name, found)
        return found

    def compare(self, a: str, b: str, **asked: Any) -> Found:
        """Tell whether two sides differ: dataset:NAME, subset:NAME, group:NAME or where:EXPR.

        The first row has `p` and the figures of the tests; rows of tags (tag, share_a, share_b)
        and of typical items (side, dataset, subset, id, score) follow. `figures` holds `p` too.
        Raises UsageError for a side that is none or has no items, and what the others raise.
        """
        from hamsight_analyze.kinds import Comparison

        return self._analyze(Comparison(a, b), **asked)

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
    ) -> Found:
        from hamsight_analyze.analysis import Asked, analyze
        from hamsight_analyze.items import Scope

        scope = Scope(tuple(several(dataset)), tuple(several(subset)), where, model, objects)
        return analyze(self.catalog(), analysis, scope, Asked(k, all), progress=progress)

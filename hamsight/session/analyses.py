"""A session's analyses: what is wrong with a dataset, and what is in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hamsight.session.opened import Opened, several
from hamsight_core.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from hamsight_analyze.analysis import Analysis, Found
    from hamsight_analyze.look_again import Updated


class Analyses(Opened):
    """Duplicates and other findings, as Arrow tables with what is said of them.

    Each method returns `hamsight_analyze.analysis.Found`: `table` are the rows, the most
    suspicious first. All take `dataset`, `subset`, `where` and `model`, `k` (the first k found),
    `all` (a row for every item) and `progress` (a bar on stderr).
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

    def _analyze(
        self,
        analysis: Analysis,
        *,
        dataset: str | Sequence[str] = (),
        subset: str | Sequence[str] = (),
        where: str | None = None,
        model: str | None = None,
        k: int | None = None,
        all: bool = False,
        progress: bool = False,
    ) -> Found:
        from hamsight_analyze.analysis import Asked, analyze
        from hamsight_analyze.items import Scope

        scope = Scope(tuple(several(dataset)), tuple(several(subset)), where, model)
        return analyze(self.catalog(), analysis, scope, Asked(k, all), progress=progress)

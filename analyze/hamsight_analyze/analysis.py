"""What every analysis is: settings, the columns that it reads, and how it finds rows in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

from hamsight_analyze.items import Items, Scope, read_items
from hamsight_analyze.progress import Advance, Progress
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.items import Identity
from hamsight_core.show.row_sheet import Section

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(slots=True)
class Found:
    """What an analysis found.

    - `table`: its rows, the most suspicious first. The first `rows` of them are findings; the rest,
      where every item was asked for, are items with which nothing is wrong.
    - `said`: a line for a person. `notes` are further lines.
    - `settings`: how it was sought. `figures`: numbers that sum it up.
    - `sections`: pictures to draw. `draw`, where it is set, is called with a path and a title and
      draws in their place.
    - `members`: the items that `--add-to-group` puts into a group.
    - `together`: lists of items, each of which belongs into one subset.
    - `stored`: the rows to keep in the catalog, where these are not those of `table`.
    - `shown`: the rows in few columns for a terminal, where `table` has many.
    - `mixed`: whether rows are of several kinds, each with null in the columns of the others.
    - `scores` (n,) float32 and `attributes` (n,): a value for each item, in the order of the items,
      by the name of the score or attribute; NaN and "" take the value away. They need the column
      of `analyzed_key`.
    - `items`: how many items were analyzed, in `seconds`.
    """

    table: pa.Table
    rows: int
    said: str
    settings: dict[str, Any]
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    members: list[Identity] = field(default_factory=list)
    together: list[list[Identity]] = field(default_factory=list)
    stored: pa.Table | None = None
    shown: pa.Table | None = None
    mixed: bool = False
    draw: Callable[[Path, str], None] | None = None
    scores: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    attributes: dict[str, Sequence[str]] = field(default_factory=dict)
    items: int = 0
    seconds: float = 0.0

    def __len__(self) -> int:
        return self.rows


@dataclass(frozen=True, slots=True)
class Asked:
    """How many rows are wanted: the first `k` that were found, or with `all` every item's."""

    k: int | None = None
    all: bool = False

    def cut(self, count: int) -> int:
        """Return how many of `count` rows are wanted."""
        return count if self.k is None else min(self.k, count)


@dataclass(frozen=True)
class Analysis(ABC):
    """An analysis with its settings. A subclass is a dataclass whose fields are the settings.

    `kind` is its name in `analyses` and `findings`, `reads` the statements of the columns that it
    needs, `kept_in` the table that keeps its rows, and `finding` that of its rows in `findings`
    where they do not say it themselves.
    """

    kind: ClassVar[str]
    kept_in: ClassVar[str] = "findings"
    finding: ClassVar[str] = ""
    reads: ClassVar[tuple[str, ...]] = ()
    of_objects: ClassVar[bool] = False
    """Whether objects can be its items."""

    @abstractmethod
    def find(self, items: Items, asked: Asked, on_progress: Advance) -> Found:
        """Look at the items; `on_progress` is told how many more of `work(items)` are done."""

    @property
    def recorded(self) -> str:
        """The kind under which findings stand in the catalog."""
        return self.kind

    def needs(self) -> Sequence[Analysis]:
        """Return the analyses of the same items whose results it reads; they are made first."""
        return ()

    def prepare(self, catalog: Catalog) -> Analysis:
        """Return the analysis with what it needs of the catalog besides the items."""
        return self

    def columns(self) -> tuple[str, ...]:
        """Return the statements of the columns to read."""
        return self.reads

    def parameters(self) -> dict[str, Any]:
        """Return the values of parameters in the columns."""
        return {}

    def read(self, catalog: Catalog, scope: Scope, on_progress: Progress) -> Items:
        """Read the items; `on_progress` is told how many of how many are read."""
        return read_items(
            catalog, scope, self.columns(), self.parameters(), on_progress=on_progress
        )

    def work(self, items: Items) -> int:
        """Return how many steps `find` reports."""
        return len(items)

    def described(self, scope: Scope) -> dict[str, Any]:
        """Return of which items the analysis is, as it is recorded."""
        return scope.described()

    def kept(self, rows: pa.Table, name: str, start: int) -> pa.Table:
        """Return rows of the analysis `name`, from `start` on, as the table `kept_in` has them."""
        import pyarrow as pa

        count = rows.num_rows
        if "issue" in rows.column_names:
            finding = rows["issue"]
        else:
            finding = pa.array([self.finding or self.kind] * count)
        held = {
            column: values.fill_null(float("nan")) if pa.types.is_floating(values.type) else values
            for column, values in zip(rows.column_names, rows.columns, strict=True)
            if column not in ("issue", "rank")
        }
        return pa.table(
            {
                **held,
                "analysis": pa.array([name] * count),
                "kind": pa.array([self.recorded] * count),
                "finding": finding,
                "rank": pa.array(range(start + 1, start + count + 1), pa.uint32()),
            }
        )


def identity_columns(identities: Sequence[Identity], prefix: str = "") -> dict[str, pa.Array]:
    """Return the columns dataset, subset and id, with a prefix to their names."""
    import pyarrow as pa

    names = ("dataset", "subset", "id")
    return {
        prefix + name: pa.array([one[place] for one in identities], pa.string())
        for place, name in enumerate(names)
    }


def settings_of(analysis: Analysis) -> dict[str, Any]:
    """Return the settings of an analysis that are set; a field without a repr is no setting."""
    shown = [one.name for one in fields(analysis) if one.repr]
    given = {name: getattr(analysis, name) for name in shown}
    return {name: value for name, value in given.items() if value not in (None, (), False)}

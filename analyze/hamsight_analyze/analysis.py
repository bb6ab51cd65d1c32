"""What every analysis is: a look at the items of a scope, which finds rows."""

from __future__ import annotations

import json
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

from hamsight_analyze.item_values import give_attributes, give_scores
from hamsight_analyze.items import Items, Scope, read_items, state_of
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity
from hamsight_core.show.row_sheet import Section

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_TABLES = {
    "analyses": "create_analyses",
    "findings": "create_findings",
    "map_points": "create_map_points",
}
_FORGETTING = {"findings": "delete_findings", "map_points": "delete_map_points"}
_INSERTED = 100_000

Progress = Callable[[int, int], None]
"""Is told how many of how many steps are done."""


@dataclass(slots=True)
class Found:
    """What an analysis found.

    `table` holds its rows, the most suspicious first, and `rows` says how many of them were
    found; the rest, where all were asked for, are of items with which nothing is wrong.
    `figures` sum up what was found and `settings` say how it was sought. `said` is a line for a
    person. `members` are the items that belong into a group of what was found, and `stored` the
    rows for the table that keeps them where these are not those of `table`; `shown` are they for
    people. With `mixed` the rows are of several kinds, each with null in the columns of the others.
    `draw` writes a picture of them to a path, with a title, in place of `sections`.
    `scores` (n,) and `attributes` are what each item gets, by name, in the order of the items; NaN
    and "" take away. They need the column of `analyzed_key`. `together` are the items that belong
    on one side, in lists.
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

    def read(
        self, catalog: Catalog, scope: Scope, on_progress: Callable[[int, int], None]
    ) -> Items:
        """Read the items; `on_progress` is told how many of how many are read."""
        return read_items(
            catalog, scope, self.columns(), self.parameters(), on_progress=on_progress
        )

    def described(self, scope: Scope) -> dict[str, Any]:
        """Return of which items the analysis is, as it is recorded."""
        return scope.described()

    @property
    def recorded(self) -> str:
        """The kind under which findings stand in the catalog."""
        return self.kind

    @abstractmethod
    def find(self, items: Items, asked: Asked, on_progress: Callable[[int], None]) -> Found:
        """Look at the items; `on_progress` is told how many more of `work(items)` are done."""

    def work(self, items: Items) -> int:
        """Return how many steps `find` reports."""
        return len(items)

    def columns(self) -> tuple[str, ...]:
        """Return the statements of the columns to read."""
        return self.reads

    def parameters(self) -> dict[str, Any]:
        """Return the values of parameters in the columns."""
        return {}

    def kept(self, rows: pa.Table, name: str, start: int) -> pa.Table:
        """Return rows of the analysis `name`, from `start` on, as the table `kept_in` has them."""
        return _findings(rows, self, name, start)

    def needs(self) -> Sequence[Analysis]:
        """Return the analyses of the same items whose results it reads; they are made first."""
        return ()

    def prepare(self, catalog: Catalog) -> Analysis:
        """Return the analysis with what it needs of the catalog besides the items."""
        return self


@dataclass(frozen=True, slots=True)
class Asked:
    """How many rows are wanted: the first `k` that were found, or with `all` every item's."""

    k: int | None = None
    all: bool = False

    def cut(self, count: int) -> int:
        """Return how many of `count` rows are wanted."""
        return count if self.k is None else min(self.k, count)


def analyze(
    catalog: Catalog,
    analysis: Analysis,
    scope: Scope,
    asked: Asked | None = None,
    *,
    progress: bool = False,
    on_progress: Progress | None = None,
    record: bool = True,
) -> Found:
    """Read the items of a scope, analyze them, and record what was found in the catalog.

    Findings of the same kind, model and scope are replaced. `on_progress` is told how many of how
    many steps are done, first of reading and then of analyzing; what it raises ends the analysis
    before anything is recorded. Raises UsageError, EmptyCatalogError or ExpressionError.
    """
    if scope.objects and not analysis.of_objects:
        raise UsageError(f"{analysis.kind} are found among pictures alone: leave objects out")
    if record:
        catalog.create()
    for needed in analysis.needs():
        analyze(catalog, needed, scope, progress=progress, on_progress=on_progress)
    analysis = analysis.prepare(catalog)
    started = time.monotonic()
    state = state_of(catalog, scope) if record else 0
    with bar_of("items read", progress, on_progress) as show:
        items = analysis.read(catalog, scope, show)
    with bar_of(analysis.kind, progress, on_progress) as show:
        steps = _counted(show, analysis.work(items))
        found = analysis.find(items, asked or Asked(), steps)
    found.items, found.seconds = len(items), time.monotonic() - started
    if scope.objects:  # groups are of pictures
        of_pictures = ((one[0], one[1], one[2].rpartition("#")[0]) for one in found.members)
        found.members = list(dict.fromkeys(of_pictures))
    if items.left_out:
        found.notes.append(f"{items.left_out:,} items have no embedding and are left out")
    if record:
        _record(catalog, analysis, scope, items, found, state)
    return found


def _record(
    catalog: Catalog, analysis: Analysis, scope: Scope, items: Items, found: Found, state: int
) -> None:
    for table in ("analyses", analysis.kept_in):
        if not catalog.has_table(table):
            catalog.run(_TABLES[table])
    of_kind = of_same_kind(analysis, scope, items.model.name)
    former = former_analyses(catalog, of_kind)
    name = uuid.uuid4().hex
    row = {
        **of_kind,
        "analysis": name,
        "settings": json.dumps(found.settings, ensure_ascii=False),
        "figures": json.dumps(found.figures, ensure_ascii=False),
        "items": len(items),
        "latest": _moment(items.latest_us),
        "seconds": found.seconds,
        "state": state,
    }
    rows = found.table.slice(0, found.rows) if found.stored is None else found.stored
    rows = rows.select([one for one in rows.column_names if one != "flagged"])
    for start in range(0, rows.num_rows, _INSERTED):
        some = rows.slice(start, _INSERTED)
        catalog.insert(analysis.kept_in, analysis.kept(some, name, start))
    catalog.insert_rows("analyses", [row])
    if former:
        for statement in (_FORGETTING[analysis.kept_in], "delete_analyses"):
            catalog.run(statement, {"former": former})
    _give_values(catalog, items, found)


def _give_values(catalog: Catalog, items: Items, found: Found) -> None:
    import numpy as np

    keys = np.array(items.columns["item_key"], np.uint64)
    for score, numbers in found.scores.items():
        give_scores(catalog, items.model, keys, score, numbers)
    for attribute, values in found.attributes.items():
        give_attributes(catalog, keys, attribute, values)


def of_same_kind(analysis: Analysis, scope: Scope, model: str) -> dict[str, Any]:
    """Return what analyses have in common of which the catalog keeps the latest alone."""
    described = json.dumps(analysis.described(scope), ensure_ascii=False, sort_keys=True)
    return {"kind": analysis.recorded, "model": model, "scope": described}


def former_analyses(catalog: Catalog, of_kind: dict[str, Any]) -> list[str]:
    """Return the names of such analyses, the latest first."""
    if not catalog.has_table("analyses"):
        return []
    return [row[0] for row in catalog.rows("former_analyses", of_kind)]


def _findings(rows: pa.Table, analysis: Analysis, name: str, start: int) -> pa.Table:
    """Return rows as the table `findings` holds them."""
    import pyarrow as pa

    count = rows.num_rows
    if "issue" in rows.column_names:
        finding = rows["issue"]
        rows = rows.drop_columns(["issue"])
    else:
        finding = pa.array([analysis.finding or analysis.kind] * count)
    if "rank" in rows.column_names:
        rows = rows.drop_columns(["rank"])
    for place, (column, kind) in enumerate(zip(rows.column_names, rows.schema.types, strict=True)):
        if pa.types.is_floating(kind):
            rows = rows.set_column(place, column, rows[column].fill_null(float("nan")))
    return (
        rows.append_column("analysis", pa.array([name] * count))
        .append_column("kind", pa.array([analysis.recorded] * count))
        .append_column("finding", finding)
        .append_column("rank", pa.array(range(start + 1, start + count + 1), pa.uint32()))
    )


def _moment(microseconds: int) -> str:
    from datetime import datetime, timezone

    moment = datetime.fromtimestamp(microseconds / 1e6, timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


@contextmanager
def bar_of(what: str, progress: bool, on_progress: Progress | None = None) -> Iterator[Progress]:
    """Yield what shows how many of how many are done, as a bar on stderr where `progress` says.

    `on_progress` is told the same.
    """
    from tqdm import tqdm

    disable = None if progress else True
    with tqdm(desc=what, unit=" items", disable=disable, delay=1, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            if on_progress is not None:
                on_progress(done, total)

        yield show


def _counted(show: Progress, total: int) -> Callable[[int], None]:
    """Return what is told how many more steps are done."""
    done = 0

    def add(steps: int) -> None:
        nonlocal done
        done += steps
        show(done, total)

    add(0)
    return add


def identity_columns(identities: Sequence[Identity], prefix: str = "") -> dict[str, pa.Array]:
    """Return the columns dataset, subset and id, with a prefix to their names."""
    import pyarrow as pa

    names = ("dataset", "subset", "id")
    return {
        prefix + name: pa.array([one[place] for one in identities], pa.string())
        for place, name in enumerate(names)
    }


def settings_of(analysis: Analysis) -> dict[str, Any]:
    """Return the settings that an analysis has, but for what is unset or no setting."""
    shown = [one.name for one in fields(analysis) if one.repr]
    given = {name: getattr(analysis, name) for name in shown}
    return {name: value for name, value in given.items() if value not in (None, (), False)}

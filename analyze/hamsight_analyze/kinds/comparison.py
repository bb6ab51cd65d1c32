"""`hamsight compare`: whether two sets of items differ, in which tags, and in which pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, ClassVar

from hamsight_analyze.analysis import Analysis, Asked, Found
from hamsight_analyze.compare import Difference, compare_sets
from hamsight_analyze.items import Items, Scope, read_items
from hamsight_analyze.progress import Advance, Progress
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.errors import UsageError
from hamsight_core.items import Identity, item_name
from hamsight_core.show.row_sheet import Section, Tile
from hamsight_curate.groups import in_group

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_KINDS = ("dataset", "subset", "group", "where")
_TAGS, _TYPICAL = 20, 16
_TELLING = 3.0
"""Standard errors by which the shares of a tag differ at least."""
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Comparison(Analysis):
    """Two sides, each written KIND:VALUE: dataset, subset or group and a name, or where:EXPR."""

    kind: ClassVar[str] = "comparison"
    finding: ClassVar[str] = "typical"
    reads: ClassVar[tuple[str, ...]] = ("analyzed_features", "analyzed_tags")
    a: str = ""
    b: str = ""

    def read(self, catalog: Catalog, scope: Scope, on_progress: Progress) -> Items:
        """Read both sides, one after the other."""
        import numpy as np

        sides = [
            read_items(catalog, scope_of_side(side, scope), self.reads, {}, on_progress=on_progress)
            for side in (self.a, self.b)
        ]
        for side, items in zip((self.a, self.b), sides, strict=True):
            if not len(items):
                raise UsageError(f"{side!r} has no items with embeddings: nothing to compare")
        first, second = sides
        assert first.features is not None and second.features is not None
        both = Items(
            first.model,
            first.identities + second.identities,
            first.uris + second.uris,
            first.sha256 + second.sha256,
            max(first.latest_us, second.latest_us),
            np.concatenate([first.features, second.features]),
        )
        both.columns["tag_names"] = first.columns["tag_names"] + second.columns["tag_names"]
        both.columns["of_b"] = [False] * len(first) + [True] * len(second)
        return both

    def described(self, scope: Scope) -> dict[str, Any]:
        """Return the two sides."""
        return {**scope.described(), "a": self.a, "b": self.b}

    def find(self, items: Items, asked: Asked, on_progress: Advance) -> Found:
        """Return a row of the tests, rows of tags, and rows of the most typical items."""
        import numpy as np

        assert items.features is not None
        of_b = np.array(items.columns["of_b"], bool)
        split = int((~of_b).sum())
        difference = compare_sets(items.features[:split], items.features[split:])
        on_progress(len(items))
        tags = _differing_tags(items, of_b)
        typical = [
            (side, place)
            for side, mine in (("a", ~of_b), ("b", of_b))
            for place in _most_typical(difference.typical, mine, side == "b")
        ]
        identities = [items.identities[place] for _, place in typical]
        table = _rows(difference, tags, typical, identities)
        differs = "differ" if difference.p < _SIGNIFICANT else "do not differ"
        said = f"{self.a} and {self.b} {differs}: p = {difference.p:.3f}"
        found = Found(table, table.num_rows, said, {"a": self.a, "b": self.b}, mixed=True)
        found.shown = _for_people(difference, tags, [side for side, _ in typical], identities)
        found.figures = {"p": difference.p, **difference.tests}
        found.figures |= {f"p_{name}": p for name, p in difference.each.items()}
        found.figures |= {"items_a": split, "items_b": len(items) - split}
        found.figures["tags"] = [[tag, round(a, 4), round(b, 4)] for tag, a, b in tags]
        found.stored = table.slice(1 + len(tags))
        found.stored = found.stored.select(["dataset", "subset", "id", "score", "side"])
        found.stored = found.stored.rename_columns(["dataset", "subset", "id", "score", "tag"])
        found.sections = [
            Section(
                f"Most typical of {name}",
                tuple(
                    Tile(items.uris[place], (items.identities[place][2],))
                    for side, place in typical
                    if side == which
                ),
            )
            for which, name in (("a", self.a), ("b", self.b))
        ]
        found.members = identities
        return found


def _rows(
    difference: Difference,
    tags: list[tuple[str, float, float]],
    typical: list[tuple[str, int]],
    identities: list[Identity],
) -> pa.Table:
    """Return a row of the tests, rows of tags and rows of typical items, each with its columns."""
    import pyarrow as pa

    tests = {
        "p": difference.p,
        **difference.tests,
        **{f"p_{name}": p for name, p in difference.each.items()},
    }
    shares = [{"tag": tag, "share_a": a, "share_b": b} for tag, a, b in tags]
    items = [
        {
            "side": side,
            **dict(zip(("dataset", "subset", "id"), identity, strict=True)),
            "score": float(difference.typical[place]) * (1 if side == "b" else -1),
        }
        for (side, place), identity in zip(typical, identities, strict=True)
    ]
    columns = [(name, pa.float32()) for name in tests]
    columns += [("tag", pa.string()), ("share_a", pa.float32()), ("share_b", pa.float32())]
    columns += [(name, pa.string()) for name in ("side", "dataset", "subset", "id")]
    columns += [("score", pa.float32())]
    return pa.Table.from_pylist([tests, *shares, *items], pa.schema(columns))


def _for_people(
    difference: Difference,
    tags: list[tuple[str, float, float]],
    sides: list[str],
    identities: list[Identity],
) -> pa.Table:
    """Return the same rows in few columns."""
    import pyarrow as pa

    tests: list[tuple[str | float | None, ...]] = [
        ("all tests", "", None, None, None, difference.p)
    ]
    for name, figure in difference.tests.items():
        tests.append(("test", name, None, None, figure, difference.each[name]))
    shares = [("tag", tag, share_a, share_b, None, None) for tag, share_a, share_b in tags]
    items = [
        (f"typical of {side}", item_name(identity), None, None, None, None)
        for side, identity in zip(sides, identities, strict=True)
    ]
    rows = [*tests, *shares, *items]
    kinds = [pa.string(), pa.string(), *[pa.float32()] * 4]
    names = ("what", "name", "a", "b", "figure", "p")
    return pa.table(
        {
            name: pa.array([row[at] for row in rows], kind)
            for at, (name, kind) in enumerate(zip(names, kinds, strict=True))
        }
    )


def scope_of_side(side: str, scope: Scope) -> Scope:
    """Return the part of a scope that a side is. Raises UsageError for no KIND:VALUE."""
    kind, mark, value = side.partition(":")
    if kind not in _KINDS or not mark or not value:
        raise UsageError(f"{side!r} is no side; expected {', '.join(f'{one}:…' for one in _KINDS)}")
    if kind == "dataset":
        return Scope((value,), scope.subsets, scope.where, scope.model)
    if kind == "subset":
        return Scope(scope.datasets, (value,), scope.where, scope.model)
    if kind == "group":
        where = in_group(value, scope.where)
    else:
        where = f"({scope.where}) and ({value})" if scope.where else value
    return Scope(scope.datasets, scope.subsets, where, scope.model)


def _differing_tags(items: Items, of_b: NDArray[np.bool_]) -> list[tuple[str, float, float]]:
    """Return (tag, share of a, share of b), the most telling first."""
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for tags, side in zip(items.columns["tag_names"], of_b.tolist(), strict=True):
        counts[side].update(set(tags))
    totals = [max(1, int((~of_b).sum())), max(1, int(of_b.sum()))]
    rows = []
    for tag in counts[0].keys() | counts[1].keys():
        shares = [counts[way][tag] / totals[way] for way in (0, 1)]
        pooled = (counts[0][tag] + counts[1][tag]) / sum(totals)
        error = sqrt(pooled * (1 - pooled) * (1 / totals[0] + 1 / totals[1]))
        telling = abs(shares[0] - shares[1]) / error if error else 0.0
        if telling >= _TELLING:
            rows.append((telling, tag, shares[0], shares[1]))
    rows.sort(key=lambda row: (-row[0], row[1]))
    return [(tag, share_a, share_b) for _, tag, share_a, share_b in rows[:_TAGS]]


def _most_typical(
    typical: NDArray[np.float32], mine: NDArray[np.bool_], highest: bool
) -> list[int]:
    import numpy as np

    places = np.flatnonzero(mine)
    order = np.argsort(-typical[places] if highest else typical[places], kind="stable")
    return [int(place) for place in places[order[:_TYPICAL]]]

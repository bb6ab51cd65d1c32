"""A classifier of a few clicks: it begins from words and learns from marked items."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from hamsight_analyze.border import by_border
from hamsight_analyze.items import Scope, condition_of
from hamsight_analyze.logistic import fit_border
from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.paging import as_json, pages
from hamsight_core.catalog.statements import all_of, fill
from hamsight_core.errors import ModelMismatchError, UsageError
from hamsight_core.hashing.recall import features_of
from hamsight_core.items import Identity, item_name
from hamsight_core.models.encoder import unit_length
from hamsight_core.models.network import HERE, Compute
from hamsight_curate.names import select
from hamsight_curate.selection import Selection, conditions
from hamsight_query.filters import Conditions
from hamsight_query.request import Kind, Query, Request
from hamsight_query.result import Matches
from hamsight_query.saved import save_prepared
from hamsight_query.search import Prepared, answer, prepare_targets
from hamsight_query.target import Target, hashed, resolve

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from hamsight_curate.names import Items

_DRAWN = 2000
"""So many unmarked items stand for all."""
_UNMARKED = 0.5
"""What all unmarked items together weigh, as wrong ones; a mark weighs 1."""


class Order(str, Enum):
    """Which items come first: the likeliest, the nearest the border, the nearest below it."""

    LIKELY = "likely"
    UNSURE = "unsure"
    NEAREST_WRONG = "nearest-wrong"


@dataclass(frozen=True, slots=True)
class Learned:
    """What marks say: items are wanted whose cosine similarity to `direction` is over `border`.

    `direction` is (d,) float32 of unit length. Without a mark, `border` is None.
    """

    direction: NDArray[np.float32]
    border: float | None
    label: str


@dataclass(slots=True, eq=False)
class Classifier:
    """Words, or none, and the items marked right and wrong, of one model and scope.

    Made by `begin`. What takes a catalog may be asked from several threads, each with its own.
    """

    model: CatalogModel
    scope: Scope
    words: str
    _spoken: NDArray[np.float32] | None
    _drawn: dict[Identity, int]
    _features: NDArray[np.float32]
    _marked: dict[Identity, tuple[bool, NDArray[np.float32]]] = field(default_factory=dict)
    _learned: Learned | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def right(self) -> list[Identity]:
        """The items marked right, in the order of the marks."""
        return [item for item, (right, _) in self._marked.items() if right]

    @property
    def wrong(self) -> list[Identity]:
        """The items marked wrong, in the order of the marks."""
        return [item for item, (right, _) in self._marked.items() if not right]

    def mark(
        self, catalog: Catalog, *, right: Items = (), wrong: Items = (), neither: Items = ()
    ) -> None:
        """Mark items right or wrong, or take a mark away; the latest mark of an item counts.

        Items are names, (dataset, subset, id) or matches. Raises UnknownItemError, and UsageError
        for an item marked both ways and for one without an embedding.
        """
        lists = [self._identities(catalog, items) for items in (right, wrong, neither)]
        twice = sorted(set(lists[0]) & set(lists[1]))
        if twice:
            raise UsageError(f"{item_name(twice[0])} is marked right and wrong")
        wanted = [*lists[0], *lists[1]]
        known = _features_of(catalog, self.model, wanted)
        for item in wanted:
            if item not in known:
                raise UsageError(
                    f"{item_name(item)} has no embedding of {self.model.name!r} to learn from"
                )
        with self._lock:
            for item in (*wanted, *lists[2]):
                self._marked.pop(item, None)
            for place, item in enumerate(wanted):
                self._marked[item] = (place < len(lists[0]), known[item])
            self._learned = None

    def learned(self) -> Learned:
        """Return what the marks say by now. Raises UsageError without words and right marks."""
        with self._lock:
            if self._learned is None:
                self._learned = self._learn()
            return self._learned

    def target(self, catalog: Catalog) -> Target:
        """Return the direction as a search takes it, which ranks as words do.

        Raises ModelMismatchError where the catalog's features are of another model by now.
        """
        learned = self.learned()
        model = self._present(catalog)
        query = Query(Kind.CLASSIFIER, learned.label)
        return hashed(Target(query, "", learned.direction.tolist()), hash_of(catalog, model))

    def matches(
        self,
        catalog: Catalog,
        order: Order = Order.LIKELY,
        *,
        k: int = 50,
        offset: int = 0,
        marked: bool = False,
    ) -> Matches:
        """Return items of the scope in an order, without those marked unless `marked`.

        All but the likeliest read the features of all items. Raises UsageError for these before
        a mark, and what `target` raises.
        """
        return answer(catalog, lambda: self._prepare(catalog, order, k, offset, marked))

    def save(self, catalog: Catalog, name: str, *, k: int = 50, replace: bool = False) -> None:
        """Keep the ranking as a saved query of k matches, which `hamsight run NAME` repeats.

        Raises UsageError for a name that is not fit or is taken, and what `target` raises.
        """
        prepared = self._prepare(catalog, Order.LIKELY, k, 0, marked=True)
        save_prepared(catalog, name, prepared, replace=replace)

    def _identities(self, catalog: Catalog, items: Items) -> list[Identity]:
        scope = self.scope
        selection = select(catalog, items, None, scope.datasets, scope.subsets, self.model.name)
        return list(dict.fromkeys(selection.identities or ()))

    def _present(self, catalog: Catalog) -> CatalogModel:
        model = catalog.model(self.model.name)
        if model.digest != self.model.digest:
            raise ModelMismatchError(
                f"the catalog's features of {model.name!r} are of another package by now:"
                " begin the classifier again"
            )
        return model

    def _learn(self) -> Learned:
        import numpy as np

        wanted = [right for right, _ in self._marked.values()]
        label = ", ".join(
            [
                *([self.words] if self.words else []),
                f"{sum(wanted)} right",
                f"{len(wanted) - sum(wanted)} wrong",
            ]
        )
        if not self._marked and self._spoken is not None:
            return Learned(self._spoken, None, label)
        if self._spoken is None and not any(wanted):
            raise UsageError("the classifier knows nothing yet: mark an item right, or give words")
        left = np.ones(len(self._features), bool)
        left[[self._drawn[item] for item in self._marked if item in self._drawn]] = False
        features = np.stack([feature for _, feature in self._marked.values()])
        features = np.concatenate([features, self._features[left]])
        mean = self._features.mean(axis=0)
        counts = np.ones(len(features))
        counts[len(wanted) :] = _UNMARKED / max(1, left.sum())
        right = np.zeros(len(features), bool)
        right[: len(wanted)] = wanted
        direction, bias = fit_border(features - mean, right, counts, self._spoken)
        length = max(float(np.linalg.norm(direction)), 1e-9)
        border = (float(direction @ mean) - bias) / length
        return Learned((direction / length).astype(np.float32), border, label)

    def _prepare(
        self, catalog: Catalog, order: Order, k: int, offset: int, marked: bool
    ) -> Prepared:
        target = self.target(catalog)
        scope, model = self.scope, self._present(catalog)
        request = Request(
            (target.query,),
            k=k,
            offset=offset,
            datasets=scope.datasets,
            subsets=scope.subsets,
            where=scope.where,
            model=model.name,
        )
        parts = {} if marked else dict(_parts(self._marked))
        unmarked = tuple(fill("unmarked", marked=name) for name in parts)
        also = Conditions(unmarked, parts)
        prepared = prepare_targets(catalog, model, request, [target], also=also)
        if order is Order.LIKELY:
            return prepared
        border = self.learned().border
        if border is None:
            raise UsageError("there is no border yet: mark items right and wrong first")
        return by_border(catalog, prepared, border, below=order is Order.NEAREST_WRONG)


def begin(
    catalog: Catalog, words: str | None = None, scope: Scope | None = None, compute: Compute = HERE
) -> Classifier:
    """Return a classifier that begins from words, or from marks alone.

    Raises EmptyCatalogError, ExpressionError, and UsageError for words that the model does not
    know and for a scope without items.
    """
    import numpy as np

    scope = scope or Scope()
    model = catalog.model(scope.model, scope.datasets)
    spoken = None
    if words is not None:
        query = Query(Kind.TEXT, words)
        (target,) = resolve(catalog, model, Request((query,), model=scope.model), compute)
        spoken = unit_length(np.array([target.feature], np.float32))[0]
    held, values = condition_of(catalog, model, scope)
    table = model.items_table
    counts = catalog.rows("count_analyzed", values, table=table, conditions=all_of(held))[0]
    count = int(counts[0])
    if count > _DRAWN:
        held, values = [*held, fill("one_in")], {**values, "every": -(-count // _DRAWN)}
    sql = fill("classifier_items", table=table, conditions=all_of(held))
    found = catalog.arrow(sql, values)
    if not found.num_rows:
        raise UsageError(f"there are no items with embeddings of {model.name!r} to classify")
    identities = _identities_of(found)
    places = {item: place for place, item in enumerate(identities)}
    features = unit_length(features_of(found["numbers"]))
    return Classifier(model, scope, words or "", spoken, places, features)


def _features_of(
    catalog: Catalog, model: CatalogModel, items: Iterable[Identity]
) -> dict[Identity, NDArray[np.float32]]:
    """Return the features of items, (d,) of unit length, of those that have one."""
    table, found = model.items_table, dict[Identity, "NDArray[np.float32]"]()
    for condition in conditions(catalog, [table], Selection(list(items))):
        sql = fill("classifier_items", table=table, conditions=f"({condition.sql})")
        rows = catalog.arrow(sql, condition.parameters)
        features = unit_length(features_of(rows["numbers"])) if rows.num_rows else ()
        found.update(zip(_identities_of(rows), features, strict=True))
    return found


def _parts(items: Iterable[Identity]) -> Iterator[tuple[str, str]]:
    """Yield names of parameters, and as their values lists that each fit into one."""
    for number, page in enumerate(pages(items)):
        yield f"marked_{number}", as_json(page)


def _identities_of(rows: pa.Table) -> list[Identity]:
    columns = [rows[name].to_pylist() for name in ("dataset_name", "subset_name", "id")]
    return [(texts[0], texts[1], texts[2]) for texts in zip(*columns, strict=True)]

"""Random requests of every kind, and what NumPy answers to them, on made items of two models."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import made_catalog
import numpy as np
from made_catalog import DIMENSION, Asked, Made, Oracle, exact

from hamsight_query.request import Combine, Kind, Query, Rank, Request

MODELS = ("made", "other")
ITEMS = [
    replace(
        one, item=replace(one.item, groups=(*one.item.groups, *(["few"] if n % 40 == 7 else [])))
    )
    for n, one in enumerate(made_catalog.ITEMS)
]
FILTERS = {
    None: lambda made: True,
    "width > 180": lambda made: made.width > 180,
    "dog > 1 or not dog": lambda made: made.item.tags.get("dog", 0) != 1,
    '"good" in groups': lambda made: "good" in made.item.groups,
    'attributes["iso"] >= 200': lambda made: int(made.item.attributes["iso"]) >= 200,
}
KEYS = {
    "width": lambda made: made.width,
    "dog": lambda made: made.item.tags.get("dog", 0),
    "dog * 1000 + width": lambda made: made.item.tags.get("dog", 0) * 1000 + made.width,
    "id": lambda made: made.item.id.encode(),
    'attributes["iso"]': lambda made: int(made.item.attributes["iso"]),
    "filename": lambda made: made.item.uri.rsplit("/", 1)[-1].encode(),
}
_PERCENTS = np.concatenate([np.arange(100) / 100, 0.99 + np.arange(1, 10) / 1000])
PERCENTS = np.concatenate([_PERCENTS, 0.999 + np.arange(1, 10) / 10_000, [1.0]])


def other_items() -> list[Made]:
    """Return the same items with the features that another model might have."""
    rng = np.random.default_rng(5)
    turned = rng.normal(size=(DIMENSION, DIMENSION))
    return [replace(made, feature=exact(made.feature @ turned + 1.0)) for made in ITEMS]


@dataclass(frozen=True)
class Ranked:
    """An item's place in the list of all, the query that it answers, and its similarity."""

    item: int
    query: int
    similarity: float


class Table:
    """The items of one model."""

    def __init__(self, items: Sequence[Made]) -> None:
        self.items = items
        self.features = np.stack([made.feature for made in items]).astype(np.float64)
        self.unit = self.features / np.linalg.norm(self.features, axis=1, keepdims=True)
        pairs = (self.unit @ self.unit.T)[np.triu_indices(len(items), 1)]
        self.scale = np.quantile(pairs, PERCENTS)

    def vectors(self, request: Request) -> np.ndarray:
        """Return what is compared with: a row a query, or one where queries are blended."""
        rows, weights = [], []
        for query in request.queries:
            if query.kind is Kind.ITEM:
                found = [self.unit[place(query.given)]]
            else:
                members = self.features[members_of(query.given)]
                found = [members.mean(axis=0)] if query.kind is Kind.GROUP else list(members)
            rows += found
            weights += [query.weight] * len(found)
        vectors = np.stack(rows)
        if request.combine is not Combine.BLEND:
            return vectors
        return (np.array(weights) @ unit_of(vectors))[None]

    def ranking(self, request: Request) -> list[Ranked]:
        """Return all matches of a request, best first."""
        vectors = self.vectors(request)
        oracle = Oracle(self.items)
        oracle.distances = ((vectors > 0)[:, None, :] != (self.features > 0)[None]).sum(axis=2)
        oracle.similarities = np.round(unit_of(vectors) @ self.unit.T, 6)
        asked = Asked(
            tuple(range(len(vectors))),
            k=len(self.items),
            combine="nearest" if request.combine is Combine.BLEND else request.combine.value,
            rank=request.rank.value,
            candidates=request.candidates or 2000,
            max_distance=request.max_distance,
            dissimilar=request.dissimilar,
            exclude_self=False,
            kept=frozenset(kept_by(request)),
        )
        places = {made.identity: n for n, made in enumerate(self.items)}
        found = [
            Ranked(places[one.identity], one.query, one.similarity) for one in oracle.answer(asked)
        ]
        if request.calibrated:
            found = [replace(one, similarity=self.share_of_pairs(one.similarity)) for one in found]
        return found

    def share_of_pairs(self, similarity: float) -> float:
        """Return the share of pairs of items that are no more alike."""
        reached = np.flatnonzero(self.scale <= similarity + 1e-6)
        if not len(reached):
            return 0.0
        last = int(reached[-1])
        if last == len(PERCENTS) - 1:
            return 1.0
        ends = self.scale[[last, last + 1]]
        return float(np.interp(similarity, ends, PERCENTS[[last, last + 1]]))


TABLES = {"made": Table(ITEMS), "other": Table(other_items())}


def unit_of(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def place(name: str) -> int:
    return next(n for n, made in enumerate(ITEMS) if made.name == name)


def members_of(group: str) -> list[int]:
    """Return the items of a group in the order of their identity."""
    found = [n for n, made in enumerate(ITEMS) if group in made.item.groups]
    return sorted(found, key=lambda n: ITEMS[n].sorted_by)


def kept_by(request: Request) -> list[int]:
    """Return the items that a request's filters leave."""
    excluded: set[int] = set()
    if request.exclude_self is not False:
        for query in request.queries:
            is_item = query.kind is Kind.ITEM
            excluded |= {place(query.given)} if is_item else {*members_of(query.given)}
    return [
        n
        for n, made in enumerate(ITEMS)
        if FILTERS[request.where](made)
        and n not in excluded
        and (not request.datasets or made.dataset in request.datasets)
        and (not request.subsets or made.item.subset in request.subsets)
    ]


def answer(request: Request) -> list[Ranked]:
    """Return the page that a request asks for."""
    page = slice(request.offset, request.offset + request.k)
    if not request.queries:
        found = [Ranked(n, 0, 0.0) for n in kept_by(request)]
        return in_order(found, request.sort)[page]
    if request.models:
        depth = request.candidates or 1000
        rankings = [
            cut_off(request, TABLES[name].ranking(request)[:depth]) for name in request.models
        ]
        found = fused(rankings)
    else:
        found = TABLES[request.model or MODELS[0]].ranking(request)
    if request.sort is None:
        found = found[page]
        return found if request.models else cut_off(request, found)
    if request.min_similarity is None and request.max_distance is None:
        found = found[: request.k]
    return in_order(cut_off(request, found), request.sort)[page]


def cut_off(request: Request, found: Sequence[Ranked]) -> list[Ranked]:
    least = request.min_similarity
    return [one for one in found if least is None or one.similarity >= least]


def fused(rankings: Sequence[Sequence[Ranked]]) -> list[Ranked]:
    """Return rankings fused by reciprocal ranks."""
    scores: dict[int, float] = {}
    best: dict[int, tuple[int, int, Ranked]] = {}
    for number, ranking in enumerate(rankings):
        for rank, one in enumerate(ranking, start=1):
            scores[one.item] = scores.get(one.item, 0.0) + 1 / (60 + rank)
            told = (rank, number, one)
            if one.item not in best or told[:2] < best[one.item][:2]:
                best[one.item] = told
    order = sorted(scores, key=lambda n: (-round(scores[n], 12), ITEMS[n].sorted_by))
    return [best[n][2] for n in order]


def in_order(found: Sequence[Ranked], sort: str | None) -> list[Ranked]:
    """Return matches in the order of a key, of those equal in it by identity."""
    by_identity = sorted(found, key=lambda one: ITEMS[one.item].sorted_by)
    if sort is None:
        return by_identity
    key = KEYS[sort.removeprefix("-")]
    return sorted(by_identity, key=lambda one: key(ITEMS[one.item]), reverse=sort[0] == "-")


def random_request(rng: random.Random, kind: str | None = None) -> Request:
    """Return a request, of a kind of `KINDS` or of any."""
    kind = kind or rng.choice(KINDS)
    options: dict[str, Any] = {
        "k": rng.choice((5, 40)),
        "where": rng.choice(list(FILTERS)),
        "datasets": rng.choice(((), (), ("birds",))),
        "subsets": rng.choice(((), (), ("train", "val"))),
    }
    if kind == "list":
        key = rng.choice(list(KEYS))
        options["sort"] = f"-{key}" if rng.random() < 0.5 and " " not in key else key
        return Request(model="made", offset=rng.choice((0, 4)), **options)
    options["offset"] = rng.choice((0, 0, 7))
    options["candidates"] = rng.choice((None, 30))
    options["exclude_self"] = rng.choice((None, False))
    options["dissimilar"] = rng.random() < 0.2
    options["rank"] = rng.choice((Rank.COSINE, Rank.COSINE, Rank.HAMMING))
    names = [ITEMS[n].name for n in rng.sample(range(len(ITEMS)), rng.choice((1, 2, 3)))]
    queries = [Query(Kind.ITEM, name) for name in names]
    combine = rng.choice((Combine.NEAREST, Combine.BALANCED, Combine.ALL))
    if kind == "group":
        queries = [*queries, Query(Kind.GROUP, "good")] if rng.random() < 0.5 else queries[:0]
        queries = queries or [Query(Kind.GROUP, "good")]
    elif kind == "each-of":
        queries = [Query(Kind.EACH_OF, "few")]
    if kind in ("weights", "group") and rng.random() < 0.8:
        combine = Combine.BLEND
        queries = [replace(one, weight=rng.choice((1.0, 0.5, -0.7, 2.0))) for one in queries]
    options["calibrated"] = kind == "calibrated" or rng.random() < 0.2
    if kind == "models":
        options["models"] = rng.choice((MODELS, MODELS[::-1]))
    else:
        options["model"] = rng.choice(MODELS)
        if rng.random() < 0.2:
            options["max_distance"] = rng.choice((20, 28))
    if kind in ("min-similarity", "sort", "calibrated") and rng.random() < 0.6:
        options["min_similarity"] = rng.choice((0.6, 0.9) if options["calibrated"] else (0.1, 0.4))
    if kind == "sort" or (kind == "models" and rng.random() < 0.4):
        key = rng.choice(list(KEYS))
        options["sort"] = f"-{key}" if rng.random() < 0.5 and " " not in key else key
        if options.get("min_similarity") is None and options.get("max_distance") is None:
            options["offset"] = 0
    return Request(tuple(queries), combine=combine, **options)


KINDS = (
    "items",
    "weights",
    "group",
    "each-of",
    "min-similarity",
    "calibrated",
    "sort",
    "models",
    "list",
)

"""A catalog of made-up items with known features, and what a search of it must answer.

`answer` says in plain Python what docs/search.md says in words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

import hamsight
from hamsight_core.hashing.sign import sign_hash
from hamsight_core.items import Item
from hamsight_core.models.package import ModelPackage, load_package
from hamsight_ingest.prepare import Prepared, metadata_digest
from hamsight_ingest.rows import item_rows

DIMENSION = 64
MODEL = "made"
STRANGE = ["a b.png", "100%_x.png", 'it\'s "q".png', "back\\slash\n.png", "漢/😀.png", "<b>&.png"]

Identity = tuple[str, str, str]


@dataclass(frozen=True)
class Made:
    """One item with its feature, float32 (64,) of numbers that BFloat16 holds exactly."""

    dataset: str
    item: Item
    feature: np.ndarray
    width: int = 640
    sha256: bytes = b""

    @property
    def identity(self) -> Identity:
        return (self.dataset, self.item.subset, self.item.id)

    @property
    def sorted_by(self) -> tuple[bytes, ...]:
        """What ClickHouse orders identities by: bytes."""
        return tuple(part.encode() for part in self.identity)

    @property
    def name(self) -> str:
        return "/".join(self.identity)


def exact(features: np.ndarray) -> np.ndarray:
    """Return the features of unit length, cut to the 16 bits that BFloat16 holds."""
    lengths = np.linalg.norm(features, axis=-1, keepdims=True)
    bits = (features / lengths).astype(np.float32).view(np.uint32)
    return (bits & np.uint32(0xFFFF0000)).view(np.float32)


def made_items(count: int = 240, seed: int = 3) -> list[Made]:
    """Return items of two datasets, some with strange ids, one in five a copy of another."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(12, DIMENSION))
    items: list[Made] = []
    for n in range(count):
        feature = exact(centres[n % 12] + 0.9 * rng.normal(size=DIMENSION))
        copied = n % 5 == 4
        if copied:
            feature = items[int(rng.integers(len(items)))].feature
        tags = {tag: n % by for tag, by in (("dog", 3), ("traffic light", 7)) if n % by}
        id = STRANGE[n] if n < len(STRANGE) else f"{'deep/er/' * (n % 2)}{n * 37 % count:03d}.jpg"
        item = Item(
            id=id,
            uri=f"/photos/{n}.jpg",
            subset=("train", "val", "")[n % 3],
            tags=tags,
            captions=(f"caption {n}",) if n % 2 else (),
            groups=("good",) if n % 4 == 0 else (),
            attributes={"iso": str(100 * (n % 5))},
        )
        sha256 = hashlib.sha256(str(n).encode()).digest()
        items.append(Made("birds" if n % 8 < 5 else "cats", item, feature, 100 + n, sha256))
    return items


def made_package(folder: Path, name: str = MODEL, dimension: int = DIMENSION) -> ModelPackage:
    """Return a package of files that no encoder reads; the same name gives the same digest."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "image.onnx").write_text(f"an encoder named {name}")
    (folder / "model.toml").write_text(
        f'name = "{name}"\ndimension = {dimension}\n[image]\nfile = "image.onnx"\nsize = 8\n'
    )
    return load_package(str(folder))


def fill(dsn: str, folder: Path, items: Sequence[Made], name: str = MODEL) -> None:
    """Put the items into the catalog at `dsn`, as ingest does once it has their features."""
    now = datetime(2026, 5, 4, 3, 2, 1, tzinfo=timezone.utc)
    with hamsight.open(dsn) as session:
        catalog = session.catalog(create=True)
        model = catalog.register(made_package(folder, name))
        for dataset in dict.fromkeys(made.dataset for made in items):
            chosen = [made for made in items if made.dataset == dataset]
            features = np.stack([made.feature for made in chosen])
            prepared = [
                Prepared(
                    item=made.item,
                    known=None,
                    width=made.width,
                    height=480,
                    orientation=1,
                    file_size=1000 + made.width,
                    modified_ns=0,
                    format="JPEG",
                    sha256=made.sha256 or bytes(32),
                    metadata_digest=metadata_digest(made.item),
                )
                for made in chosen
            ]
            rows = item_rows(dataset, prepared, features, sign_hash(features), now)
            catalog.insert(model.items_table, rows)


@dataclass(frozen=True)
class Asked:
    """A search for items, by their places in the list of all."""

    queries: tuple[int, ...]
    k: int = 50
    offset: int = 0
    combine: str = "nearest"
    rank: str = "cosine"
    candidates: int = 2000
    max_distance: int | None = None
    dissimilar: bool = False
    exclude_self: bool = True
    kept: frozenset[int] | None = field(default=None, repr=False)

    @property
    def options(self) -> dict[str, object]:
        """The keywords of `Session.query` besides the queries and what `kept` stands for."""
        names = ("k", "offset", "combine", "rank", "candidates", "max_distance", "dissimilar")
        return {name: getattr(self, name) for name in (*names, "exclude_self")}


@dataclass(frozen=True)
class Found:
    """One match: which item answers which query, with that query's distance and similarity."""

    identity: Identity
    query: int
    distance: int
    similarity: float


class Oracle:
    """Distances (queries, items) and similarities of made items, and answers from them.

    `bits` (items, bits) are of their hashes, by default the signs of their features.
    """

    def __init__(self, items: Sequence[Made], bits: np.ndarray | None = None) -> None:
        self.items = items
        features = np.stack([made.feature for made in items]).astype(np.float64)
        bits = features > 0 if bits is None else bits > 0
        self.hashes = np.packbits(bits, axis=1)
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        self.distances = (bits[:, None, :] != bits[None, :, :]).sum(axis=2)
        self.similarities = np.round(unit @ unit.T, 12)

    def hash_of(self, made: Made) -> bytes:
        """Return the hash of an item."""
        places = [item.identity for item in self.items]
        return self.hashes[places.index(made.identity)].tobytes()

    def answer(self, asked: Asked) -> list[Found]:
        """Return the right answer to a search."""
        everything = range(len(self.items)) if asked.kept is None else asked.kept
        left_out = asked.queries if asked.exclude_self else ()
        items = [item for item in everything if item not in left_out]
        queries = list(dict.fromkeys(asked.queries))
        search = {"balanced": self._balanced, "all": self._all}.get(asked.combine, self._nearest)
        ranked = search(asked, queries, items)[asked.offset : asked.offset + asked.k]
        return [
            Found(
                self.items[item].identity,
                query,
                int(self.distances[query, item]),
                float(self.similarities[query, item]),
            )
            for item, query in ranked
        ]

    def _nearest(self, asked: Asked, queries, items):
        def answers(item):
            reach = np.inf if asked.max_distance is None else asked.max_distance
            return [query for query in queries if self.distances[query, item] <= reach]

        def nearest(item):
            return min(answers(item), key=lambda query: self.distances[query, item])

        def most_alike(item):
            return max(answers(item), key=lambda query: self.similarities[query, item])

        items = [item for item in items if answers(item)]
        placed = self._placed(asked, items, lambda item: self.distances[nearest(item), item])
        first, rest = placed[: _first(asked)], placed[_first(asked) :]
        sign = 1 if asked.dissimilar else -1
        first.sort(key=lambda item: sign * self.similarities[most_alike(item), item])
        return [(i, most_alike(i)) for i in first] + [(i, nearest(i)) for i in rest]

    def _balanced(self, asked: Asked, queries, items):
        best = {}
        for query in queries:
            for rank, (item, _) in enumerate(self._nearest(asked, [query], items)):
                best[item] = min(
                    best.get(item, (rank, queries.index(query))), (rank, queries.index(query))
                )
        return [(item, queries[best[item][1]]) for item in sorted(best, key=best.__getitem__)]

    def _all(self, asked: Asked, queries, items):
        if asked.max_distance is not None:
            items = [i for i in items if self.distances[queries, i].max() <= asked.max_distance]
        # the query by which an item counts: the one for which it answers least well
        worst = np.argmin if asked.dissimilar else np.argmax

        def counting(item):
            return queries[int(worst(self.distances[queries, item]))]

        placed = self._placed(asked, items, lambda item: self.distances[counting(item), item])
        first, rest = placed[: _first(asked)], placed[_first(asked) :]
        sign = 1 if asked.dissimilar else -1
        ranks = {item: [] for item in first}
        for query in queries:
            by = sorted(first, key=lambda item: sign * self.similarities[query, item])
            for rank, item in enumerate(by):
                ranks[item].append(rank)
        first.sort(key=lambda item: max(ranks[item]))
        return [(i, queries[int(np.argmax(ranks[i]))]) for i in first] + [
            (i, counting(i)) for i in rest
        ]

    def _placed(self, asked: Asked, items, distance):
        sign = -1 if asked.dissimilar else 1
        return sorted(items, key=lambda i: (sign * distance(i), self.items[i].sorted_by))


def _first(asked: Asked) -> int:
    """Return how many candidates cosine orders."""
    return asked.candidates if asked.rank == "cosine" else 0


ITEMS = made_items()

"""Words, regions and objects answer what NumPy answers, in both homes."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from math import ceil

import numpy as np
import pytest
from PIL import Image

import hamsight
from hamsight.demo.scenes import write_dataset
from hamsight_core.models.encoder import encode_pixels, encode_texts
from hamsight_core.models.package import load_package

REQUESTS = int(os.environ.get("HAMSIGHT_TEST_REQUESTS", "16"))
"""How many random requests each home is asked; HAMSIGHT_TEST_REQUESTS=200 is the full run."""
SCENES = 30
WORDS = ("a circle", "a red square", "two stars", "a dotted background", "hearts", "blue", "a ring")
FILTERS = {
    False: {
        None: lambda row: True,
        'subset == "val"': lambda row: row["subset"] == "val",
        "circle > 0 or star > 1": lambda row: (
            row["tags"].get("circle", 0) > 0 or row["tags"].get("star", 0) > 1
        ),
    },
    True: {
        None: lambda row: True,
        "area > 0.05 and x + width > 100": lambda row: (
            row["area"] > 0.05 and row["x"] + row["width"] > 100
        ),
        'parent.subset == "train" and not circle': lambda row: (
            row["subset"] == "train" and "circle" not in row["tags"]
        ),
    },
}
COLUMNS = "dataset, subset, id, uri, tags, CAST(feature, 'Array(Float32)') AS feature"


@dataclass
class Table:
    """What a catalog holds: rows in the order of their identities, and their features."""

    rows: list[dict]
    features: np.ndarray

    @classmethod
    def of(cls, session, name: str, more: str = "") -> Table:
        order = "ORDER BY dataset, subset, id"
        found = session.sql(f"SELECT {COLUMNS}{more} FROM {name} {order}")
        rows = found.to_pylist(maps_as_pydicts="strict")
        return cls(rows, np.array([row["feature"] for row in rows], np.float64))

    def ranked(self, query: np.ndarray, kept: list[int], candidates: int, far: bool) -> list[int]:
        """Return places by bits and identity, the candidates among them by cosine."""
        sign = 1 if far else -1
        bits = ((self.features > 0) != (query > 0)).sum(axis=1)
        alike = self.alike(query)
        placed = sorted(kept, key=lambda n: (-sign * bits[n], n))
        return [
            *sorted(placed[:candidates], key=lambda n: sign * alike[n]),
            *placed[candidates:],
        ]

    def alike(self, query: np.ndarray) -> np.ndarray:
        units = self.features / np.linalg.norm(self.features, axis=1, keepdims=True)
        return units @ (query / np.linalg.norm(query))


@pytest.fixture(scope="module")
def homes(engine, front, tmp_path_factory):
    """The same scenes, with their objects, in both homes, to be read alone."""
    folder = tmp_path_factory.mktemp("scenes") / "scenes"
    write_dataset(folder, SCENES)
    dsns = {"chdb": f"chdb://{engine}?database=words_chdb", "http": front.dsn("words_http")}
    opened = {home: hamsight.open(dsn) for home, dsn in dsns.items()}
    found = {}
    for home, session in opened.items():
        session.ingest(folder, model="mini", objects=True)
        more = ", tag, area, x, width"
        tables = {False: Table.of(session, "items_mini")}
        tables[True] = Table.of(session, "objects_mini", more)
        found[home] = (session, tables)
    yield found
    for session in opened.values():
        session.close()


def region_of(rng: random.Random, width: int, height: int) -> tuple[tuple, tuple]:
    """Return a region, in pixels or shares, and the left, top, right and bottom that it means."""
    if rng.random() < 0.5:
        x, y = rng.randrange(width - 20), rng.randrange(height - 20)
        region = (x, y, rng.randrange(10, width), rng.randrange(10, height))
        across, down = 1, 1
    else:
        region = tuple(rng.randrange(0, 5) / 8 for _ in range(2))
        region += tuple(rng.randrange(1, 5) / 8 for _ in range(2))
        across, down = width, height
    x, y, w, h = region
    right, bottom = min(width, ceil((x + w) * across)), min(height, ceil((y + h) * down))
    return region, (int(x * across), int(y * down), right, bottom)


@pytest.mark.homes("chdb", "http")
def test_random_words_and_regions_are_numpys(homes, home) -> None:
    session, tables = homes[home]
    package = load_package("mini")
    rng = random.Random(os.environ.get("HAMSIGHT_TEST_SEED", "regions"))
    for number in range(REQUESTS):
        objects = bool(number % 2)
        table, options = tables[objects], {"objects": objects}
        if number % 4 < 2:
            options["text"] = words = rng.choice(WORDS)
            query = encode_texts(package, [words])[0]
        else:
            row = rng.choice(tables[False].rows)
            with Image.open(row["uri"]) as opened:
                picture = opened.convert("RGB")
            region, corners = region_of(rng, *picture.size)
            name = "/".join((row["dataset"], row["subset"], row["id"]))
            options["box"] = region
            options.update({"item": name} if rng.random() < 0.5 else {"image": row["uri"]})
            query = encode_pixels(package, package.image.preprocess(picture.crop(corners))[None])[0]
        where = rng.choice(list(FILTERS[objects]))
        kept = [n for n, row in enumerate(table.rows) if FILTERS[objects][where](row)]
        k, candidates = rng.choice((3, 10, 40)), rng.choice((5, 20, 200))
        far = rng.random() < 0.2
        options.update(where=where, k=k, candidates=candidates, dissimilar=far, exclude_self=False)
        found = session.query(**options)
        expected = table.ranked(np.asarray(query, np.float64), kept, candidates, far)[:k]
        alike = table.alike(np.asarray(query, np.float64))
        assert [m.similarity for m in found] == pytest.approx(alike[expected], abs=1e-4), options
        for match, place in zip(found, expected, strict=True):
            own = next(n for n, row in enumerate(table.rows) if row["id"] == match.id)
            assert own == place or abs(alike[own] - alike[place]) < 1e-5, options

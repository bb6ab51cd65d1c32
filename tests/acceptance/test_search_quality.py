"""What the search keeps of brute-force cosine, over real photos and real captions."""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import hamsight
from hamsight import Session
from hamsight_core.models.encoder import encode_texts
from hamsight_core.models.package import load_package
from hamsight_query.filters import Conditions
from hamsight_query.request import Kind, Query, Request
from hamsight_query.statement import build
from hamsight_query.target import resolve

PHOTOS = int(os.environ.get("HAMSIGHT_TEST_PHOTOS", "500"))
CAPTIONS = PHOTOS // 4
K = 10


@dataclass(frozen=True)
class Photos:
    """Photos of flickr8k-2000 in a catalog; `features` (n, 256) are stored ones, of unit length."""

    session: Session
    folder: Path
    ids: list[str]
    features: np.ndarray

    def nearest(self, feature: np.ndarray, count: int) -> list[str]:
        similarities = self.features @ feature
        return [self.ids[n] for n in np.argsort(-similarities, kind="stable")[:count]]


@pytest.fixture(scope="module")
def photos(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Photos]:
    shared = Path(__file__).resolve().parents[3] / "shared"
    if not shared.is_dir():
        pytest.skip(f"real photos and models are not here: no folder {shared}")
    folder = tmp_path_factory.mktemp("photos")
    for file in sorted((shared / "data/flickr8k-2000/images").iterdir())[:PHOTOS]:
        (folder / file.name).symlink_to(file)
    with hamsight.open(f"chdb://{engine}?database=search_quality") as session:
        outcome = session.ingest(folder, dataset="flickr", model=str(shared / "models/photo-cca"))
        assert outcome.counts.added == PHOTOS
        table = session.sql("SELECT id, feature FROM items_photo_cca ORDER BY id")
        assert table is not None
        features = np.stack(table["feature"].to_numpy(zero_copy_only=False)).astype(np.float64)
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        yield Photos(session, shared, table["id"].to_pylist(), features)
        session.sql("DROP DATABASE search_quality", write=True)


@pytest.fixture(scope="module")
def captions(photos: Photos) -> list[tuple[str, str]]:
    """One caption each of a quarter of the photos: (id, words)."""
    file = photos.folder / "data/flickr8k-2000/captions.tsv"
    by_photo: dict[str, list[str]] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            by_photo.setdefault(row["file"], []).append(row["caption"])
    rng = random.Random(2)
    return [(id, rng.choice(by_photo[id])) for id in rng.sample(photos.ids, CAPTIONS)]


def found(photos: Photos, words: list[str]) -> list[list[str]]:
    """Return the ten best ids for each text; all texts are encoded at once, for speed alone."""
    catalog = photos.session.catalog()
    model = catalog.model()
    request = Request(tuple(Query(Kind.TEXT, text) for text in words), k=K)
    targets = {target.query.given: target for target in resolve(catalog, model, request)}
    best = []
    for text in words:
        statement = build(request, [targets[text]], model, Conditions(), catalog.layout)
        best.append(catalog.arrow(statement.sql, statement.parameters)["id"].to_pylist())
    return best


def test_captions_find_their_photos_as_brute_force_does(
    photos: Photos, captions: list[tuple[str, str]], record_testsuite_property
) -> None:
    ids, words = zip(*captions, strict=True)
    package = load_package(str(photos.folder / "models/photo-cca"))
    exact = [photos.nearest(feature, K) for feature in encode_texts(package, words)]
    searched = found(photos, list(words))
    for place in range(0, CAPTIONS, CAPTIONS // 2):
        matches = photos.session.query(text=words[place], k=K)
        assert [match.id for match in matches] == searched[place]
    figures = {
        "brute_force_recall_at_10": recall(ids, exact),
        "search_recall_at_10": recall(ids, searched),
        "search_keeps_of_exact_top_10": np.mean(
            [len({*one} & {*other}) / K for one, other in zip(searched, exact, strict=True)]
        ),
    }
    for name, figure in figures.items():
        record_testsuite_property(name, round(float(figure), 4))
    brute_force, search, kept = figures.values()
    assert abs(search - brute_force) <= 0.02, figures
    assert brute_force > 0.3, figures
    assert kept >= 0.98, figures


def recall(ids: tuple[str, ...], best: list[list[str]]) -> float:
    return float(np.mean([id in ten for id, ten in zip(ids, best, strict=True)]))


def test_a_photo_finds_itself_first_and_its_exact_neighbours(photos: Photos) -> None:
    rng = random.Random(3)
    for id in rng.sample(photos.ids, 3):
        picture = photos.folder / "data/flickr8k-2000/images" / id
        matches = photos.session.query(image=picture, k=K + 1, exclude_self=False)
        assert (matches[0].id, matches[0].distance) == (id, 0)
        stored = photos.features[photos.ids.index(id)]
        item = photos.session.query(item=id, k=K)
        assert [match.id for match in item] == photos.nearest(stored, K + 1)[1:]

"""`hamsight evaluate` says what exact cosine would have found, and changes nothing."""

from __future__ import annotations

import json

import made_catalog
import numpy as np
import pytest
from made_catalog import made_items
from PIL import Image
from toy import command

import hamsight
import hamsight_ingest.upkeep.cell_building
from hamsight_core.catalog.calibration import image_queries
from hamsight_core.catalog.fits import hash_of
from hamsight_core.errors import EmptyCatalogError, UsageError
from hamsight_core.hashing.recall import Recall, candidates_for, recall_within
from hamsight_core.hashing.sign import SignHash, sign_hash
from hamsight_query.evaluate_blends import blends
from hamsight_query.filters import Conditions
from hamsight_query.request import Request
from hamsight_query.statement import build
from hamsight_query.steps import ask

ITEMS = made_items(120)
FEATURES = np.stack([made.feature for made in ITEMS])


def test_places_are_those_of_a_full_sort():
    random = np.random.default_rng(1)
    items = random.normal(size=(700, 32)).astype(np.float32)
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    keys = np.arange(1, 701, dtype=np.uint64)
    asked = items[:20]
    recall = Recall(asked, "image", SignHash(), 10, keys[:20])
    hashes = sign_hash(items)
    for start in range(0, 700, 256):
        chosen = slice(start, start + 256)
        recall.add(items[chosen], hashes[chosen], keys[chosen])
    for query, found in enumerate(recall.places()):
        cosine = items @ asked[query]
        cosine[query] = -2
        distance = np.unpackbits(hashes ^ hashes[query], axis=1).sum(axis=1, dtype=int)
        distance[query] = 1000
        best = np.argsort(-cosine)[:10]
        assert sorted(found) == sorted((distance <= distance[one]).sum() for one in best)


def test_enough_candidates_keep_the_share():
    places = np.random.default_rng(2).integers(1, 500, (100, 10))
    enough = candidates_for(places, 0.9)
    assert recall_within(places, enough) >= 0.9
    assert recall_within(places, enough - 10) < 0.9
    assert candidates_for(places, 1.0) == places.max()


@pytest.fixture
def session(dsn, tmp_path):
    made_catalog.fill(dsn, tmp_path / "model", ITEMS)
    with hamsight.open(dsn) as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["sign", "ternary"])
def test_what_it_says_is_what_searches_find(session, scheme):
    if scheme == "ternary":
        session.rehash()
    before = session.catalog().models()
    done = session.evaluate(k=5, queries=120)
    assert session.catalog().models() == before
    assert dict.fromkeys(done.table["queries"].to_pylist()) == dict.fromkeys(
        ["pictures", "picture + picture"]
    )
    asked = [row for row in done.table.to_pylist() if row["queries"] == "pictures"]
    rows = {row["candidates"]: row for row in asked}
    assert not any("cells" in row["search"] for row in rows.values())
    assert rows[None]["asked"] == 120
    for candidates in (None, 50):
        options = {"candidates": candidates} if candidates else {"rank": "hamming"}
        kept = []
        for place, made in enumerate(ITEMS[:10]):
            cosine = FEATURES @ made.feature
            cosine[place] = -2
            least = np.sort(cosine)[-5] - 1e-6
            found = session.query(item=made.name, k=5, **options)
            kept.append(np.mean([match.similarity >= least - 1e-3 for match in found]))
        assert rows[candidates]["recall"] <= np.mean(kept) + 0.12  # ties count as missed
    enough = next(row for row in rows.values() if "enough" in row["note"])
    assert enough["recall"] >= 0.97
    assert all(row["ms"] > 0 for row in rows.values())


def test_what_it_says_of_blends_is_what_their_searches_find(session):
    done = session.evaluate(k=5, queries=50)
    catalog, (pictures, blended) = session.catalog(), done.curves
    assert (pictures.label, blended.label) == ("pictures", "picture + picture")
    alone = image_queries(catalog, done.model, 50)
    (asked,) = blends([alone], hash_of(catalog, done.model))
    both = alone.features[0] + alone.features[25]
    assert asked.targets[0].feature == pytest.approx(both / np.linalg.norm(both), abs=1e-2)
    kept = []
    for target in asked.targets:
        best = np.sort(FEATURES @ np.array(target.feature, np.float32))[-5] - 1e-3
        request = Request((target.query,), k=5, candidates=12)
        statement = build(request, [target], done.model, Conditions(), catalog.layout)
        found = ask(catalog, statement, done.model.items_table)["similarity"].to_pylist()
        kept.append(np.mean([one >= best for one in found]))
    assert 0.4 < blended.kept(12) < 1
    assert blended.default == 2 * pictures.default  # of pictures alone
    assert blended.kept(12) <= np.mean(kept) + 0.02 and np.mean(kept) < blended.kept(12) + 0.15
    assert blended.kept(120) == 1  # ties in hash count as missed, and are among all items


def test_the_command(session, dsn, tmp_path):
    session.close()
    plot = tmp_path / "kept.png"
    done = command("evaluate", "--db", dsn, "--format", "jsonl", "--plot", plot)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[0]["search"] == "hash"
    assert rows[-1] == {**rows[-1], "search": "exact cosine", "recall": 1.0}
    assert "pictures: every item is a candidate by default" in done.stderr
    with Image.open(plot) as picture:
        assert picture.size == (960, 600)
        assert len(picture.getcolors(1 << 20)) > 10
    assert command("evaluate", "--db", dsn, "--plot", tmp_path / "kept.bmp").exit_code == 2
    shown = json.loads(command("info", "--db", dsn, "--format", "json").stdout)["search"]
    said = {"model": "made", "hash": "sign", "queries": "pictures"}
    assert shown == [{**said, "candidates": 2000, "keeps": 1.0}]


def test_wrong_requests_say_what_is_wrong(session, tmp_path):
    for options, message in (
        ({"k": 0}, "-k is 0"),
        ({"queries": 0}, "--queries is 0"),
        ({"recall": 1.5}, "--recall is 1.5"),
    ):
        with pytest.raises(UsageError, match=message):
            session.evaluate(**options)
    with pytest.raises(EmptyCatalogError, match="to find the best 500"):
        session.evaluate(k=500)
    np.savez(tmp_path / "few.npz", id=[str(n) for n in range(20)], hash=np.zeros((20, 8), "u1"))
    session.import_features(tmp_path / "few.npz", "few", bits=64)
    with pytest.raises(UsageError, match="hashes alone"):
        session.evaluate("few")


def test_the_functions_hash_in_sql(session, dsn):
    done = session.rehash()
    session.close()
    made = command("functions", "--db", dsn)
    assert made.stdout.startswith("made the functions hamsight_sign_hash, ")
    assert command("functions", "--db", dsn).exit_code == 0
    same = session.sql(
        "WITH assumeNotNull((SELECT parameters FROM hash_fits)) AS parameters SELECT"
        " countIf(toFixedString(hamsight_hash(feature, parameters), 8) = hash) AS same"
        f" FROM {done.model.items_table}"
    )
    assert same.to_pylist() == [{"same": 120}]


@pytest.mark.homes("chdb", "cluster")
def test_what_it_says_of_cells_is_what_searches_in_them_find(dsn, tmp_path, monkeypatch):
    monkeypatch.setattr(hamsight_ingest.upkeep.cell_building, "LEAST_ITEMS", 1000)
    monkeypatch.setattr("hamsight_query.evaluate.ASKED", 20)
    random = np.random.default_rng(4)
    features = random.normal(size=(60, 64))[random.integers(60, size=2500)]
    features = (features + 0.65 * random.normal(size=features.shape)).astype(np.float32)
    names = [f"{n:04}" for n in range(len(features))]
    np.savez(tmp_path / "made.npz", id=names, feature=features)
    with hamsight.open(dsn) as session:
        session.import_features(tmp_path / "made.npz", "m", dimension=64)
        session.index()
        done = session.evaluate(k=5, queries=20)
        found = [row for row in done.table.to_pylist() if row["search"] == "cells"]
        rows = {row["note"].split(",")[0].split()[1]: row for row in found}
        assert {"0.9", "0.95"} <= set(rows)
        assert {row["asked"] for row in found} == {20}
        of_hash = next(row for row in done.table.to_pylist() if row["search"] == "hash")
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        for recall, row in rows.items():
            kept = []
            for place in range(0, 2500, 250):
                cosine = features @ features[place]
                cosine[place] = -2
                best = {names[one] for one in np.argsort(-cosine)[:5]}
                asked = {"k": 5, "rank": "hamming", "recall": float(recall)}
                answer = session.query(item=names[place], **asked)
                assert answer.statement.in_cells
                kept.append(len(best & {match.id for match in answer}) / 5)
            assert abs(row["recall"] - np.mean(kept)) < 0.12
            assert row["recall"] <= of_hash["recall"] + 0.12

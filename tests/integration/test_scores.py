"""The column `scores`: in every items table, and carried along by all that copies rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
import toy

import hamsight

SCORED = {"x": 0.5, "blur": 2.0}


def scores(session, name: str = "toy") -> dict[str, dict[str, float]]:
    table = session.catalog().model(name).items_table
    found = session.sql("SELECT id, scores FROM {t:Identifier} ORDER BY id", {"t": table})
    return {row["id"]: dict(row["scores"]) for row in found.to_pylist()}


@pytest.mark.homes("chdb", "cluster")
def test_scores_go_along_with_their_item(dsn, home, tmp_path):
    package = str(toy.model(tmp_path / "model"))
    folder = toy.photos(tmp_path / "photos", 55)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=package, quality=False)
        catalog = session.catalog()
        given = "mapFromArrays(['x', 'blur'], [toFloat32(0.5), toFloat32(2)])"
        catalog.run(
            "update_items",
            assignments=f"scores = {given}",
            condition="id < '003.jpg'",
            needed="true",
            table=catalog.model().items_table,
        )
        expected = {f"{n:03}.jpg": SCORED if n < 3 else {} for n in range(55)}
        assert scores(session) == expected

        (folder / "000.jpg").write_bytes(toy.jpeg(900))
        assert session.ingest(folder, model=package, quality=False).counts.replaced == 1
        assert scores(session) == expected

        second = str(toy.model(tmp_path / "second", name="second", seed=9))
        session.ingest(folder, model=second, quality=False)
        assert scores(session, "second") == expected

        session.rehash("toy", scheme="sign")
        assert scores(session) == expected

        assert session.encode_again(str(toy.model(tmp_path / "other", seed=8))).complete
        assert scores(session) == expected

        file = tmp_path / "made.npz"
        np.savez(file, ids=["001.jpg", "new.jpg"], features=np.eye(2, toy.DIMENSION))
        session.import_features(file, "toy", dataset="photos")
        expected["new.jpg"] = {}
        assert scores(session) == expected

        session.rename_dataset("photos", "pictures")
        moved = tmp_path / "moved"
        folder.rename(moved)
        session.move_dataset("pictures", moved, former_root=folder)
        assert scores(session) == expected


def test_scores_stay_where_the_dataset_says_something_else(dsn, tmp_path):
    folder = toy.photos(tmp_path / "photos", 2)
    listed = tmp_path / "listed.jsonl"

    def say(caption: str) -> None:
        lines = ({"image": str(one), "captions": [caption]} for one in sorted(folder.iterdir()))
        listed.write_text("".join(json.dumps(line) + "\n" for line in lines))

    say("before")
    with hamsight.open(dsn) as session:
        session.ingest(listed, model=str(toy.model(tmp_path / "model")), quality=False)
        catalog = session.catalog()
        catalog.run(
            "update_items",
            assignments="scores = mapFromArrays(['x'], [toFloat32(0.5)])",
            condition="true",
            needed="true",
            table=catalog.model().items_table,
        )
        before = scores(session)
        say("after")
        assert session.ingest(listed).counts.replaced == 2
        assert set(map(str, before.values())) == {str({"x": 0.5})}
        assert scores(session) == before


@pytest.mark.homes("chdb", "cluster")
def test_a_catalog_of_an_older_version_gets_them(dsn, home, tmp_path):
    folder = toy.photos(tmp_path / "photos", 2)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=str(toy.model(tmp_path / "model")), quality=False)
        catalog = session.catalog()
        table = catalog.model().items_table
        for one in {table, catalog.layout.shard_table(table)}:
            session.sql(f"ALTER TABLE {one} DROP COLUMN scores", write=True)
    with hamsight.open(dsn) as session:
        toy.photos(folder, 1, first=2)
        assert session.ingest(folder, quality=False).counts.added == 1
        assert list(scores(session).values()) == [{}, {}, {}]

"""The neighbours of all items, made once and gone on from."""

from __future__ import annotations

import numpy as np
import pytest
import toy

import hamsight
from hamsight_analyze import kept_neighbours

ASKED = """SELECT n.id AS id, groupArray(i.id) AS near
    FROM (SELECT id, arrayJoin(neighbours) AS key FROM neighbours_toy) AS n
    JOIN items_toy AS i ON cityHash64(i.dataset, i.subset, i.id) = n.key
    GROUP BY id"""


def near_by_features(session) -> dict[str, set[str]]:
    """Return the 20 nearest of each item, from the features alone."""
    rows = session.sql("SELECT id, feature FROM items_toy ORDER BY id").to_pylist()
    ids = np.array([row["id"] for row in rows])
    features = np.array([row["feature"] for row in rows], np.float32)
    likeness = features @ features.T
    np.fill_diagonal(likeness, -2)
    best = np.argsort(-likeness, axis=1)[:, :20]
    return {id: set(ids[places]) for id, places in zip(ids, best, strict=True)}


def kept(session) -> dict[str, set[str]]:
    return {row["id"]: set(row["near"]) for row in session.sql(ASKED).to_pylist()}


def test_neighbours_are_kept_and_gone_on_from(dsn, home, tmp_path, monkeypatch):
    package = str(toy.model(tmp_path / "package"))
    folder = toy.photos(tmp_path / "set", 40)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=package)
        session.find_duplicates(dataset="set")
        assert not session.catalog().has_table("neighbours_toy")  # a part has none of its own
        session.find_duplicates()
        assert kept(session) == near_by_features(session)

        monkeypatch.setattr(kept_neighbours, "find_neighbours", None)
        session.find_leaks()
        toy.photos(folder, 3, first=70)
        (folder / "004.jpg").write_bytes(toy.jpeg(99))
        session.ingest(folder, model=package)
        session.delete("set/007.jpg")
        session.map()
        assert kept(session) == near_by_features(session)
        assert len(kept(session)) == 42
        monkeypatch.setattr(kept_neighbours, "update_neighbours", None)
        session.map(refit=True)

        with pytest.raises(TypeError):  # what is patched away is asked for
            toy.photos(folder, 1, first=80)
            session.ingest(folder, model=package)
            session.find_duplicates()

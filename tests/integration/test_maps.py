"""The maps of a catalog: kept, gone on from, and read by SQL and Python."""

from __future__ import annotations

import json

import numpy as np
import pytest
import toy
from PIL import Image

import hamsight
from hamsight_core.errors import UsageError


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return str(toy.model(tmp_path_factory.mktemp("package")))


def positions(found) -> dict[str, tuple[float, float]]:
    return {row["id"]: (row["x"], row["y"]) for row in found.table.to_pylist()}


def test_a_map_is_kept_and_new_items_are_placed_on_it(dsn, home, package, tmp_path):
    folder = toy.photos(tmp_path / "set", 24)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=package)
        with pytest.raises(UsageError, match="there is no map 'none': make one with"):
            session.map_points("none")
        made = session.map()
        assert made.table.column_names == ["dataset", "subset", "id", "x", "y"] and len(made) == 24
        (listed,) = session.maps().to_pylist()
        assert (listed["method"], listed["items"], listed["fitted"]) == ("tsne", 24, 24)
        assert listed["current"] and listed["component"] is None
        points = session.map_points(listed["analysis"])
        assert points.positions.tolist() == [list(one) for one in positions(made).values()]
        keys = session.sql(
            "SELECT cityHash64(dataset, subset, id) AS k FROM items_toy"
            " ORDER BY dataset, subset, id"
        )
        assert points.items.tolist() == keys["k"].to_pylist()

        (folder / "new.jpg").write_bytes((folder / "003.jpg").read_bytes())  # lies at its original
        (folder / "004.jpg").write_bytes((folder / "005.jpg").read_bytes())  # another picture now
        session.ingest(folder, model=package)
        session.delete("set/007.jpg")
        assert session.maps()["current"].to_pylist() == [False]
        again = positions(session.map())
        before = positions(made)
        same = before.keys() - {"004.jpg", "007.jpg"}
        assert {id: again[id] for id in same} == {id: before[id] for id in same}
        np.testing.assert_allclose(again["new.jpg"], before["003.jpg"], atol=0.05)
        np.testing.assert_allclose(again["004.jpg"], before["005.jpg"], atol=0.05)
        assert "007.jpg" not in again
        (kept,) = session.maps().to_pylist()
        assert (kept["items"], kept["fitted"], kept["current"]) == (24, 22, True)
        assert kept["layout"] == listed["layout"] and kept["analysis"] != listed["analysis"]
        joined = session.sql(
            "SELECT i.id AS id FROM map_points AS p"
            " JOIN items_toy AS i USING (dataset, subset, id) WHERE NOT p.fitted ORDER BY id"
        )
        assert joined["id"].to_pylist() == ["004.jpg", "new.jpg"]
        assert positions(session.map(refit=True)) != again
        (laid,) = session.maps().to_pylist()
        assert laid["fitted"] == 24 and laid["layout"] != listed["layout"]


@pytest.mark.homes("chdb")
def test_each_method_and_scope_has_a_map_of_its_own(dsn, home, package, tmp_path):
    folder = toy.photos(tmp_path / "set", 8)
    toy.photos(folder / "more", 8, first=50)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=package)
        session.map("pca")
        line = session.map(component=2)
        assert set(line.table["y"].to_pylist()) == {0}
        session.map("pca", where='like(id, "more/%")')
        listed = session.maps().to_pylist()
        assert [(one["method"], one["component"], one["items"]) for one in listed] == [
            ("pca", None, 8),
            ("pca", 2, 16),
            ("pca", None, 16),
        ]
        assert json.loads(listed[0]["scope"]) == {"where": 'like(id, "more/%")'}
        with pytest.raises(UsageError, match="expected 1 to 50"):
            session.map(component=51)
        with pytest.raises(UsageError, match="a component is of --method pca, not of umap"):
            session.map("umap", component=1)


@pytest.mark.homes("chdb")
def test_the_command_draws_a_map(home, cli_dsn, run_cli, package, tmp_path):
    toy.photos(tmp_path / "set" / "a", 6)
    toy.photos(tmp_path / "set" / "b", 6, first=60)
    on = ("--db", cli_dsn)
    run_cli("ingest", tmp_path / "set", "--subset-from-folder", "--model", package, *on, check=True)
    drawn = tmp_path / "map.png"
    done = run_cli("map", "--color", "subset", "--save", drawn, "--format", "csv", *on, check=True)
    assert done.stdout.splitlines()[0] == "dataset,subset,id,x,y"
    assert len(done.stdout.splitlines()) == 13
    assert done.stderr.startswith("map: 12 items laid out by tsne")
    wide, high = Image.open(drawn).size
    assert 940 < wide <= 2220 and 500 < high <= 1440
    again = run_cli("map", "-k", "1", "--color", 'attributes["none"]', *on, check=True)
    assert "12 items on the kept map by tsne, 0 of them new" in again.stderr
    wrong = run_cli("map", "--method", "mds", *on)
    assert wrong.returncode == 2 and "mds" in wrong.stderr

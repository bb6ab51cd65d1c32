"""Perceptual hashes and scores of quality: made at ingest, carried along, left out when asked."""

from __future__ import annotations

import io

import pytest
import toy
from PIL import Image
from planted import photo

import hamsight
from hamsight_core.images.looks import look_at
from hamsight_core.images.picture_quality import LIMITS


def looks(session) -> dict[str, tuple]:
    table = session.catalog().model().items_table
    columns = "phash, phash_trimmed, scores"
    found = session.sql(f"SELECT id, {columns} FROM {table} ORDER BY id")
    return {
        row["id"]: (row["phash"], row["phash_trimmed"], dict(row["scores"]))
        for row in found.to_pylist()
    }


def of_file(path) -> tuple:
    seen = look_at(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))
    return seen.phash, seen.phash_trimmed, pytest.approx(seen.quality)


@pytest.mark.homes("chdb", "cluster")
def test_looks_are_made_once_and_go_along_with_their_item(dsn, home, tmp_path):
    folder, package = tmp_path / "photos", str(toy.model(tmp_path / "model"))
    folder.mkdir()
    for seed in range(3):
        photo(seed, (90, 70)).save(folder / f"{seed}.jpg")
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=package)
        expected = {one.name: of_file(one) for one in sorted(folder.iterdir())}
        assert looks(session) == expected
        assert set(expected["0.jpg"][2].expected) == set(LIMITS)

        session.ingest(folder, tags_from_folder=True)
        assert looks(session) == expected
        session.rehash(scheme="sign")
        assert looks(session) == expected
        assert session.encode_again(str(toy.model(tmp_path / "other", seed=8))).complete
        assert looks(session) == expected

        photo(9, (90, 70)).save(folder / "0.jpg")
        session.ingest(folder)
        expected["0.jpg"] = of_file(folder / "0.jpg")
        assert looks(session) == expected

        photo(10, (90, 70)).save(folder / "0.jpg")
        session.ingest(folder, quality=False)
        expected["0.jpg"] = (bytes(32), bytes(32), {})
        assert looks(session) == expected


@pytest.mark.homes("chdb", "http", "cluster")
def test_what_was_left_out_is_made_up_for(dsn, home, tmp_path):
    folder = tmp_path / "photos"
    for seed in range(3):
        (folder / f"it's {seed}").mkdir(parents=True)
        photo(seed, (90, 70)).save(folder / f"it's {seed}" / "é\\'.jpg")
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=str(toy.model(tmp_path / "model")), quality=False)
        session.catalog().run(
            "update_items",
            assignments="scores = mapFromArrays(['x'], [toFloat32(2)])",
            condition="true",
            needed="true",
            table=session.catalog().model().items_table,
        )
        gone = folder / "it's 2" / "é\\'.jpg"
        expected = {str(one.relative_to(folder)): of_file(one) for one in folder.rglob("*.jpg")}
        gone.unlink()
        done = session.update_quality()
        assert (done.looked, [identity[2] for identity, _ in done.unread]) == (
            2,
            ["it's 2/é\\'.jpg"],
        )
        found = looks(session)
        for id, (whole, trimmed, scores) in expected.items():
            if id == "it's 2/é\\'.jpg":
                assert found[id] == (bytes(32), bytes(32), {"x": 2})
            else:
                assert found[id][:2] == (whole, trimmed)
                assert found[id][2] == pytest.approx({"x": 2, **scores.expected})
        assert session.update_quality().looked == 0


def test_the_command_leaves_them_out(run_cli, tmp_path):
    folder, package = toy.photos(tmp_path / "photos", 2), toy.model(tmp_path / "model")
    run_cli("ingest", folder, "--model", package, "--no-quality", check=True)
    asked = "SELECT count() FROM items_toy WHERE empty(scores) AND phash = toFixedString('', 32)"
    assert run_cli("sql", asked, "--format", "csv", check=True).stdout.split()[-1] == "2"
    done = run_cli("find", "quality", "--update")
    assert "2 pictures looked at" in done.stderr
    assert run_cli("sql", asked, "--format", "csv", check=True).stdout.split()[-1] == "0"

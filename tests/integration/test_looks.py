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


def test_the_command_leaves_them_out(run_cli, tmp_path):
    folder, package = toy.photos(tmp_path / "photos", 2), toy.model(tmp_path / "model")
    run_cli("ingest", folder, "--model", package, "--no-quality", check=True)
    asked = "SELECT count() FROM items_toy WHERE empty(scores) AND phash = toFixedString('', 32)"
    assert run_cli("sql", asked, "--format", "csv", check=True).stdout.split()[-1] == "2"

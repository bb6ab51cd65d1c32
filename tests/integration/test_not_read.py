"""What a dataset has and no reader understands is told, recorded and fails --strict."""

from __future__ import annotations

import json

import pytest
import toy

import hamsight
from hamsight_core.show.formats import Format
from hamsight_query.info import describe


@pytest.fixture
def package(tmp_path):
    return str(toy.model(tmp_path / "model"))


@pytest.mark.homes("chdb")
def test_files_that_are_not_read_are_told_recorded_and_strict(
    cli_dsn, home, run_cli, tmp_path, package
):
    folder = toy.photos(tmp_path / "photos", 1)
    (folder / "labels").mkdir()
    for name in ("labels/a.xyz", "labels/b.xyz", "README.md"):
        (folder / name).write_text("words")
    args = ("ingest", folder, "--model", package, "--db", cli_dsn)
    done = run_cli(*args)
    assert done.returncode == 0
    assert "not read: 2 .xyz; e.g. labels/a.xyz" in done.stderr
    assert run_cli(*args, "--strict").returncode == 6
    info = json.loads(run_cli("info", "--format", "json", "--db", cli_dsn).stdout)
    assert {run["not_read"] for run in info["ingests"]} == {"2 .xyz; e.g. labels/a.xyz"}


@pytest.mark.homes("chdb")
def test_an_entry_that_is_mended_is_no_reject_any_more(dsn, home, tmp_path, package):
    folder = toy.photos(tmp_path / "photos", 2)
    good, wrong = (json.dumps({"file_name": f"{n:03}.jpg"}) for n in range(2))
    (folder / "metadata.jsonl").write_text(f"{good}\n{wrong[:-3]}\n")
    with hamsight.open(dsn) as session:
        outcome = session.ingest(folder, model=package)
        assert (outcome.counts.added, outcome.counts.rejected) == (1, 1)
        answer = session.sql("SELECT id, uri FROM rejects").to_pylist()
        place = f"{folder / 'metadata.jsonl'}:2"
        assert answer == [{"id": "metadata.jsonl:2", "uri": place}]
        (folder / "metadata.jsonl").write_text(f"{good}\n{wrong}\n")
        outcome = session.ingest(folder, model=package)
        assert (outcome.counts.added, outcome.counts.rejected) == (1, 0)
        assert session.sql("SELECT count() AS n FROM rejects").to_pylist() == [{"n": 0}]


@pytest.mark.homes("chdb")
def test_a_picture_that_is_damaged_but_whole_is_told(dsn, home, tmp_path, package):
    folder = toy.photos(tmp_path / "photos", 1)
    whole = toy.jpeg(7)
    (folder / "no-end.jpg").write_bytes(whole[:-2])
    words = r"no-end\.jpg: JPEG without its end marker; read all the same"
    with hamsight.open(dsn) as session, pytest.warns(UserWarning, match=words):
        outcome = session.ingest(folder, model=package)
    assert (outcome.counts.added, outcome.counts.rejected) == (2, 0)


@pytest.mark.homes("chdb")
def test_info_reads_a_catalog_of_an_earlier_version(dsn, home, tmp_path, package):
    with hamsight.open(dsn) as session:
        session.ingest(toy.photos(tmp_path / "photos", 1), dataset="d", model=package)
        session.sql("ALTER TABLE ingests DROP COLUMN not_read", write=True)
        told = json.loads(describe(session.catalog(), Format.JSON))
        assert [run["dataset"] for run in told["ingests"]] == ["d"]
        assert "datasets" in describe(session.catalog(), Format.TABLE)

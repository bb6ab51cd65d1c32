"""What a killed run leaves is put right, whatever the clock and the time zone say."""

import time

import pytest
import toy
from toy import counts, stored

import hamsight


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return toy.model(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture(params=["America/New_York", "Asia/Tokyo"])
def zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def session(dsn):
    with hamsight.open(dsn) as opened:
        yield opened


def test_rows_that_stand_twice_are_healed(session, package, tmp_path, zone):
    folder = toy.photos(tmp_path / "photos", 6)
    session.ingest(folder, model=str(package))
    before = stored(session)
    table = toy.generation(session)
    session.catalog().client.command(
        f"INSERT INTO {table} SELECT * REPLACE"
        " ('former' AS uri, ingested_at - INTERVAL 5 SECOND AS ingested_at)"
        f" FROM {table} WHERE id < '003.jpg'"
    )
    for id in ("000.jpg", "005.jpg"):
        (folder / id).unlink()
    assert counts(session.ingest(folder)) == (0, 0, 4, 0)
    assert stored(session) == before


def test_a_clock_that_was_set_back_does_no_harm(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    session.ingest(folder, model=str(package))
    session.catalog().client.command(
        f"ALTER TABLE {toy.generation(session)} UPDATE ingested_at = ingested_at + INTERVAL 1 DAY"
        " WHERE 1"
        " SETTINGS mutations_sync = 1"
    )
    (folder / "001.jpg").write_bytes(toy.jpeg(50, 30, 30))
    assert counts(session.ingest(folder)) == (0, 1, 2, 0)
    assert stored(session)["", "001.jpg"]["width"] == 30
    assert counts(session.ingest(folder)) == (0, 0, 3, 0)

"""What the user set, and where files were moved, when a dataset is ingested again."""

from __future__ import annotations

import os
import shutil

import pytest
import toy

import hamsight


@pytest.fixture
def session(dsn):
    with hamsight.open(dsn) as opened:
        yield opened


@pytest.fixture
def package(tmp_path):
    return str(toy.model(tmp_path / "package"))


def rows(session):
    found = session.sql("SELECT * FROM {t:Identifier} ORDER BY id", {"t": table(session)})
    return found.to_pylist(maps_as_pydicts="strict")


def table(session):
    return session.catalog().model().items_table


def test_a_changed_file_keeps_what_the_user_set(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    session.ingest(folder, model=package)
    session.set("000.jpg", status="reviewed", attributes={"by": "ann"})
    session.set("001.jpg", status="annotated")
    for name in ("000.jpg", "001.jpg"):
        (folder / name).write_bytes(toy.jpeg(90))
    assert session.ingest(folder, model=package).counts.replaced == 2
    first, second, _ = rows(session)
    assert (first["status"], first["attributes"]) == ("reviewed", {"by": "ann"})
    assert second["status"] == "unannotated"


@pytest.mark.parametrize("told", [True, False])
def test_moved_files_are_not_encoded_again(session, package, tmp_path, told):
    folder = toy.photos(tmp_path / "photos", 5)
    session.ingest(folder, model=package)
    before = rows(session)
    new = tmp_path / "elsewhere" / "photos"
    shutil.copytree(folder, new, copy_function=shutil.copy)
    shutil.rmtree(folder)
    os.utime(new / "000.jpg", (1, 1))
    if told:
        session.move_dataset("photos", new)
    counts = session.ingest(new, dataset="photos", model=package).counts
    assert (counts.unchanged, counts.replaced, counts.added) == (5, 0, 0)
    for old, row in zip(before, rows(session), strict=True):
        assert row["uri"] == str(new / row["id"])
        assert {**row, "uri": ""} == {**old, "uri": ""}

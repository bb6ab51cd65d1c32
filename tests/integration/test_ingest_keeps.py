"""What the user set, and where files were moved, when a dataset is ingested again."""

from __future__ import annotations

import os
import shutil

import pytest
import toy

import hamsight
from hamsight_ingest.job import ingest
from hamsight_ingest.readers import open_source


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


def test_a_second_model_takes_over_what_the_user_set(session, package, tmp_path):
    second = str(toy.model(tmp_path / "second", name="second", seed=8))
    folder = toy.photos(tmp_path / "photos", 4)
    session.ingest(folder, model=package)
    session.set("000.jpg", status="reviewed", attributes={"by": "ann"})
    session.add_to_group("a", ["000.jpg", "001.jpg"])
    toy.photos(folder, 1, first=4)
    assert session.ingest(folder, model=second).counts.added == 5
    first, *others = toy.stored(session, "items_second").values()
    assert (first["status"], first["attributes"], first["groups"]) == (
        "reviewed",
        {"by": "ann"},
        ["a"],
    )
    assert [row["groups"] for row in others] == [["a"], [], [], []]
    session.remove_from_group("a", "000.jpg", model="second")
    (folder / "000.jpg").write_bytes(toy.jpeg(90))
    for model in (package, second):
        assert session.ingest(folder, model=model).counts.replaced == 1
    assert toy.stored(session, "items_second")["", "000.jpg"]["groups"] == []
    assert toy.stored(session)["", "000.jpg"]["groups"] == ["a"]


def test_what_is_set_while_an_item_is_encoded_stays(session, package, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    session.ingest(folder, model=package)
    toy.photos(folder, 3, first=0)
    (folder / "001.jpg").write_bytes(toy.jpeg(90))
    catalog = session.catalog()
    source = open_source(folder)
    asked = []

    def stopped():
        if not asked:
            session.add_to_group("late", "001.jpg")
        asked.append(1)
        return False

    done = ingest(catalog, source, model=package, stopped=stopped)
    assert done.counts.replaced == 1
    assert [row["groups"] for row in rows(session)] == [[], ["late"], []]


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

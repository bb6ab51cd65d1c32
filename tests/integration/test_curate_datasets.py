"""Whole datasets: listed, renamed, deleted, moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import made_catalog
import pytest
from made_catalog import made_items

import hamsight
from hamsight_core.catalog import lock
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.generations import read_by, renew_views
from hamsight_core.errors import SourceError, UsageError

ITEMS = made_items(40)
BIRDS = [made for made in ITEMS if made.dataset == "birds"]


def filled(dsn: str, folder: Path, items: list[made_catalog.Made]) -> None:
    made_catalog.fill(dsn, folder / "one", items)
    made_catalog.fill(dsn, folder / "two", items[:10], "second")
    with hamsight.open(dsn) as session:
        for statement in (
            "INSERT INTO rejects SELECT 'made', 'birds', '', 'bad.jpg', '/photos/bad.jpg',"
            " 'why', '2026-06-01 00:00:00'",
            "INSERT INTO ingests (dataset, model, source, format, started_at, finished_at)"
            " SELECT 'birds', 'made', '/photos', 'folder', '2026-07-01 10:00:00',"
            " '2026-07-01 11:00:00'",
        ):
            session.sql(statement, write=True)


@pytest.fixture
def session(dsn: str, tmp_path: Path) -> Iterator[hamsight.Session]:
    filled(dsn, tmp_path, ITEMS)
    with hamsight.open(dsn) as opened:
        yield opened


def table(session: hamsight.Session, name: str, dataset: str) -> list[dict]:
    """Return all that a table says of a dataset, but for the dataset's name."""
    found = session.sql(
        f"SELECT * EXCEPT dataset FROM {name} WHERE dataset = {{d:String}} ORDER BY ALL",
        {"d": dataset},
    )
    assert found is not None
    return found.to_pylist()


def everything(session: hamsight.Session, dataset: str) -> dict[str, list[dict]]:
    names = ("items_made", "items_second", "rejects", "ingests")
    return {name: table(session, name, dataset) for name in names}


def listed(session: hamsight.Session) -> dict[str, dict]:
    return {row["dataset"]: row for row in session.datasets().to_pylist()}


def test_datasets_are_listed_with_what_they_hold(session) -> None:
    birds = listed(session)["birds"]
    last = birds.pop("last_ingest")
    assert last.isoformat().startswith("2026-07-01T11:00:00")
    assert birds == {
        "dataset": "birds",
        "subsets": sorted({made.item.subset for made in BIRDS}),
        "items": len(BIRDS),
        "annotated": sum(made.item.status == "annotated" for made in BIRDS),
        "image_bytes": sum(1000 + made.width for made in BIRDS),
        "models": ["made", "second"],
        "rejects": 1,
    }


@pytest.mark.parametrize("name", ["vögel", "'; DROP TABLE models; --\n\x00 {x:String}"])
def test_a_dataset_is_renamed_with_all_that_belongs_to_it(session, name: str) -> None:
    before, cats = everything(session, "birds"), everything(session, "cats")
    session.rename_dataset("birds", name)
    assert everything(session, name) == before
    assert everything(session, "cats") == cats
    assert not any(everything(session, "birds").values())
    assert sorted(listed(session)) == sorted(["cats", name])
    session.rename_dataset(name, "birds")
    assert everything(session, "birds") == before
    assert table_count(session, "renames") == 0


def table_count(session: hamsight.Session, name: str) -> int:
    found = session.sql(f"SELECT count() AS n FROM {name}")
    assert found is not None
    return found["n"][0].as_py()


@pytest.mark.parametrize("survived", [2, 4, 6, 8, 10])
def test_an_interrupted_rename_goes_on(session, monkeypatch, survived: int) -> None:
    before = everything(session, "birds")
    calls = 0
    real = Catalog.run

    def dying(*args, **fragments) -> None:
        nonlocal calls
        if not str(fragments.get("table", "")).startswith(lock.TABLE):
            if calls == survived:
                raise KeyboardInterrupt
            calls += 1
        real(*args, **fragments)

    monkeypatch.setattr(Catalog, "run", dying)
    with pytest.raises(KeyboardInterrupt):
        session.rename_dataset("birds", "new")
    monkeypatch.setattr(Catalog, "run", real)
    with pytest.raises(UsageError, match="was being renamed to 'new'"):
        session.rename_dataset("birds", "newer")
    session.rename_dataset("birds", "new")
    assert everything(session, "new") == before
    assert not any(everything(session, "birds").values())
    with pytest.raises(UsageError, match="no dataset 'birds'"):
        session.rename_dataset("birds", "new")


def test_views_of_saved_queries_follow_a_rename(session, monkeypatch) -> None:
    sql = "SELECT subset, id FROM items_made WHERE dataset = 'birds' ORDER BY id LIMIT 1"
    (first,) = session.sql(sql).to_pylist()
    item = f"birds/{first['subset']}/{first['id']}"
    session.save_query("near", item=item, model="made")
    session.save_view("near", "v")
    before = set(session.sql("SELECT id FROM v")["id"].to_pylist())

    def dying(*given) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("hamsight_curate.datasets.renew_views", dying)
        session.rename_dataset("birds", "new")
    session.rename_dataset("birds", "new")
    session.rename_dataset("new", "newer")
    catalog = session.catalog()
    view = "SELECT as_select, comment FROM system.tables WHERE name = 'v'"
    view += " AND database = currentDatabase()"
    ((reads, comment),) = catalog.client.query(view).result_rows
    assert read_by(reads) == catalog.model("made").items_table
    assert comment == "Hamsight's saved query: near"
    after = set(session.sql("SELECT id FROM v")["id"].to_pylist())
    assert after == before | {first["id"]}  # which was left out by the name that it had


def test_views_stay_where_a_killed_rename_had_but_marked_its_generation(session, monkeypatch):
    sql = "SELECT subset, id FROM items_made WHERE dataset = 'birds' ORDER BY id LIMIT 1"
    (first,) = session.sql(sql).to_pylist()
    session.save_query("near", item=f"birds/{first['subset']}/{first['id']}", model="made")
    session.save_view("near", "v")
    before = session.sql("SELECT id FROM v")["id"].to_pylist()
    catalog, run = session.catalog(), Catalog.run

    def dying(database, name, *given, **fragments) -> None:
        if name == "switch_model":
            raise KeyboardInterrupt
        run(database, name, *given, **fragments)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Catalog, "run", dying)
        session.rename_dataset("birds", "new")
    renew_views(catalog)
    assert session.sql("SELECT id FROM v")["id"].to_pylist() == before
    reads = "SELECT as_select FROM system.tables WHERE name = 'v' AND database = currentDatabase()"
    ((read,),) = catalog.client.query(reads).result_rows
    assert read_by(read) == catalog.model("made").items_table


def test_a_rename_to_another_dataset_or_a_wrong_name_is_refused(session) -> None:
    before = everything(session, "birds")
    for name, said in (
        ("cats", "has a dataset 'cats' already"),
        ("birds", "has a dataset 'birds' already"),
        ("a/b", "has no '/'"),
        ("", "not empty"),
        ("\udcff", "not UTF-8"),
    ):
        with pytest.raises(UsageError, match=said):
            session.rename_dataset("birds", name)
    with pytest.raises(UsageError, match=r"no dataset 'brids'; did you mean 'birds'"):
        session.rename_dataset("brids", "new")
    assert everything(session, "birds") == before


def test_a_dataset_is_deleted_with_all_that_belongs_to_it(session) -> None:
    cats = everything(session, "cats")
    assert session.delete_dataset("birds") == len(BIRDS)
    assert not any(everything(session, "birds").values())
    assert everything(session, "cats") == cats
    with pytest.raises(UsageError, match="no dataset 'birds'"):
        session.delete_dataset("birds")


def test_a_dataset_of_rejects_alone_is_deleted(session) -> None:
    session.sql(
        "INSERT INTO rejects SELECT 'made', 'broken', '', 'a.jpg', '/a.jpg', 'why', now()",
        write=True,
    )
    assert listed(session)["broken"]["rejects"] == 1
    assert session.delete_dataset("broken") == 0
    assert "broken" not in listed(session)


@pytest.fixture
def moved(dsn: str, tmp_path: Path) -> Iterator[tuple[hamsight.Session, Path]]:
    """A catalog of files that now lie in the folder `new place`, in every form of a uri."""
    new = tmp_path / "new é place"
    (new / "train").mkdir(parents=True)
    uris = [
        "/photos/train/a.jpg",
        "file:///photos/train/%FF.jpg",
        "zip://train/a%3Ab.jpg::/photos/all.zip",
        "parquet:///photos/t.parquet#row=1&column=x",
        "/photoshop/a.jpg",
        "https://host/photos/a.jpg",
    ]
    for name in ("train/a.jpg", "all.zip", "t.parquet"):
        (new / name).write_bytes(b"")
    (new / "train" / "\udcff.jpg").write_bytes(b"")
    items = [
        replace(made, dataset="birds", item=replace(made.item, uri=uri, id=uri))
        for made, uri in zip(ITEMS, uris, strict=False)
    ]
    filled(dsn, tmp_path, items)
    with hamsight.open(dsn) as opened:
        yield opened, new


def uris(session: hamsight.Session, name: str = "items_made") -> list[str]:
    return sorted(row["uri"] for row in table(session, name, "birds"))


@pytest.mark.parametrize("check_all", [False, True])
def test_moved_files_are_followed_in_every_form_of_a_uri(moved, check_all: bool) -> None:
    session, new = moved
    done = session.move_dataset("birds", new, check_all=check_all)
    assert (done.former_root, done.new_root, done.items) == ("/photos", str(new), 4)
    quoted = new.as_uri().removeprefix("file://")
    expected = sorted(
        [
            f"{new}/train/a.jpg",
            f"file://{quoted}/train/%FF.jpg",
            f"zip://train/a%3Ab.jpg::{new}/all.zip",
            f"parquet://{quoted}/t.parquet#row=1&column=x",
            "/photoshop/a.jpg",
            "https://host/photos/a.jpg",
        ]
    )
    assert uris(session) == uris(session, "items_second") == expected
    assert uris(session, "rejects") == [f"{new}/bad.jpg"]
    (record,) = table(session, "ingests", "birds")
    assert record["source"] == str(new)
    with pytest.raises(UsageError, match="already"):
        session.move_dataset("birds", new)


def test_a_move_to_where_files_are_missing_changes_nothing(moved) -> None:
    session, new = moved
    before = everything(session, "birds")
    (new / "all.zip").unlink()
    with pytest.raises(SourceError, match=r"1 of \d files .*all\.zip"):
        session.move_dataset("birds", new)
    for root, former, said in (
        (new / "nowhere", None, "there is no .*nowhere"),
        (new, "/elsewhere", "under /elsewhere.*one of its files is"),
        ("", None, "no folder or URL"),
    ):
        with pytest.raises(UsageError, match=said):
            session.move_dataset("birds", root, former_root=former)
    with pytest.raises(UsageError, match="did you mean 'birds'"):
        session.move_dataset("brids", new)
    assert everything(session, "birds") == before


def test_files_at_a_url_move_without_being_looked_for(moved) -> None:
    session, _ = moved
    done = session.move_dataset("birds", "s3://bucket/é", former_root="https://host/photos/")
    assert (done.items, done.checked) == (1, 0)
    assert "s3://bucket/é/a.jpg" in uris(session)

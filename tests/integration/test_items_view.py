"""`items_MODEL`: a view for analysts, whose name stays whatever the table below it is."""

from __future__ import annotations

import threading
import warnings

import pytest
import toy

import hamsight
import hamsight_ingest.upkeep.rehash
from hamsight_core.catalog import generations
from hamsight_core.errors import StatementError

COUNT = 55
NEAREST = (
    "SELECT dataset, subset, id, uri, bitHammingDistance(hash, toFixedString('abc', 3)) AS distance"
    " FROM {of} {where} ORDER BY distance, id LIMIT 5"
)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return str(toy.model(tmp_path_factory.mktemp("models") / "toy"))


@pytest.fixture
def folder(tmp_path):
    return toy.photos(tmp_path / "photos", COUNT)


@pytest.fixture
def session(dsn, package, folder):
    with hamsight.open(dsn) as opened:
        opened.ingest(folder, model=package)
        yield opened


def count(session, table: str = "items_toy") -> int:
    return session.sql(f"SELECT count() AS n FROM {table}")["n"].to_pylist()[0]


def engine(session, table: str = "items_toy") -> str:
    asked = (
        "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = {t:String}"
    )
    return next(iter(session.sql(asked, {"t": table})["engine"].to_pylist()), "")


def to_older_version(session) -> None:
    """Make the catalog what an older version made: a table `items_toy`, and no view."""
    catalog = session.catalog()
    table, on = catalog.model().items_table, catalog.layout.fragments("items_toy")
    catalog.drop("items_toy")
    client = catalog.client
    if catalog.layout.cluster:
        client.command(f"RENAME TABLE shard_{table} TO shard_items_toy")
        catalog.run("create_distributed", table="items_toy")
        client.command(f"DROP TABLE {table} SYNC")
    else:
        client.command(f"RENAME TABLE {table} TO items_toy")
    shard = on["shard_table"]
    client.command(f"ALTER TABLE {shard} MODIFY COLUMN filename String ALIAS basename(uri)")
    for one in {shard, "items_toy"}:
        for column in ("scores", "phash", "phash_trimmed"):
            client.command(f"ALTER TABLE {one} DROP COLUMN {column}")
    client.command(
        "ALTER TABLE models UPDATE items_table = 'items_toy' WHERE 1 SETTINGS mutations_sync = 2"
    )


@pytest.mark.homes("chdb", "cluster")
def test_every_column_is_there_before_and_after_another_hash(session):
    rows = session.sql("SELECT * FROM items_toy ORDER BY id").to_pylist()
    assert len(rows) == COUNT and rows[7]["filename"] == "007.jpg"
    assert "blurry" in dict(rows[7]["scores"]) and len(rows[7]["phash"]) == 32
    assert session.sql("SELECT scores['x'] AS x FROM items_toy LIMIT 1").to_pylist() == [{"x": 0}]
    former = toy.generation(session)
    session.rehash(bits=128)
    assert toy.generation(session) != former
    after = session.sql("SELECT * FROM items_toy ORDER BY id").to_pylist()
    assert [len(row.pop("hash")) for row in after] == [16] * COUNT
    assert after == [{k: v for k, v in row.items() if k != "hash"} for row in rows]


def test_it_is_there_while_it_changes(session, dsn):
    """Ask all the time while hashes of another width are made, twice."""
    asked, failed, done = [], [], threading.Event()

    def ask() -> None:
        with hamsight.open(dsn) as reader:
            while not done.is_set():
                try:
                    asked.append(count(reader))
                except StatementError as error:
                    failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        session.rehash(bits=128)
        session.rehash(scheme="sign")
    finally:
        done.set()
        thread.join(60)
    assert (failed, set(asked)) == ([], {COUNT})


@pytest.mark.parametrize("where", ["", "WHERE dataset = 'photos'", "WHERE id = '009.jpg'"])
@pytest.mark.homes("chdb")
def test_a_search_reads_no_more_through_it(session, home, where):
    def plan(table: str) -> list[str]:
        sql = NEAREST.format(of=table, where=where)
        lines = session.sql(f"EXPLAIN indexes = 1 {sql}").to_pylist()
        return [next(iter(line.values())).strip(" │└─├") for line in lines]

    read = [
        [line for line in plan(table) if any(word in line for word in ("Granules", "Lazily"))]
        for table in ("items_toy", toy.generation(session))
    ]
    assert read[0] == read[1]
    assert any("Lazily" in line for line in read[0])
    answers = [
        session.sql(NEAREST.format(of=table, where=where)).to_pylist()
        for table in ("items_toy", toy.generation(session))
    ]
    assert answers[0] == answers[1] != []


def test_a_view_of_a_user_survives_and_one_of_the_width_is_named(session):
    for name, columns in (("names", "id"), ("hashes", "id, hash"), ("of_hashes", "*")):
        over = "hashes" if name == "of_hashes" else "items_toy"
        session.sql(f"CREATE VIEW {name} AS SELECT {columns} FROM {over}", write=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session.rehash()
    assert [count(session, name) for name in ("names", "hashes", "of_hashes")] == [COUNT] * 3
    named = []
    with pytest.MonkeyPatch.context() as patch:
        fitted = hamsight_ingest.upkeep.rehash._fitted
        patch.setattr(
            hamsight_ingest.upkeep.rehash,
            "_fitted",
            lambda *given: (named.append(len(seen)), fitted(*given))[1],
        )
        with pytest.warns(UserWarning, match=r"24 bits .* 128: hashes, of_hashes\. ") as seen:
            session.rehash(bits=128)
    assert named == [1]  # before anything is made
    assert count(session, "names") == COUNT


@pytest.mark.homes("chdb", "cluster")
def test_a_catalog_of_an_older_version_is_migrated_at_the_next_opening(
    dsn, package, session, folder
):
    to_older_version(session)
    assert (engine(session), toy.generation(session)) != ("View", "items_toy")
    session.add_to_group("old", ["001.jpg"])
    with hamsight.open(dsn) as other:
        toy.photos(folder, 1, first=COUNT)
        assert other.ingest(folder).counts.added == 1
        assert engine(other) == "View"
        assert generations.is_generation(toy.generation(other))
        grouped = other.sql("SELECT filename FROM items_toy WHERE has(groups, 'old')").to_pylist()
        assert grouped == [{"filename": "001.jpg"}]
        assert count(other) == COUNT + 1
        assert other.rehash().items == COUNT + 1
        assert count(other) == COUNT + 1


def test_a_migration_that_was_killed_goes_on(session, dsn, monkeypatch):
    to_older_version(session)
    with monkeypatch.context() as patched:
        patched.setattr(generations, "name_generation", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            session.catalog(create=True)
    assert (engine(session), toy.generation(session)) == ("View", "items_toy")
    assert len(session.query(item="007.jpg", k=3)) == 3
    session.catalog(create=True)
    assert generations.is_generation(toy.generation(session))
    assert count(session) == COUNT


def test_the_view_follows_the_row_at_the_next_opening(session, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(generations, "show", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            session.rehash(bits=128)
    assert session.sql("SELECT length(hash) AS n FROM items_toy LIMIT 1")["n"].to_pylist() == [3]
    session.catalog(create=True)
    assert session.sql("SELECT length(hash) AS n FROM items_toy LIMIT 1")["n"].to_pylist() == [16]
    session.catalog().drop("items_toy")
    session.catalog(create=True)
    assert count(session) == COUNT


@pytest.mark.homes("chdb", "cluster")
def test_a_former_generation_is_dropped_minutes_later(session, monkeypatch):
    former = toy.generation(session)
    session.rehash()
    session.catalog(create=True)
    assert count(session, former) == COUNT
    now = session.catalog().rows("server_time")[0][0]
    session.catalog().run(
        "comment_table", table=former, comment=f"retired {now - generations.KEPT_SECONDS}"
    )
    session.catalog(create=True)
    for table in (former, session.catalog().layout.shard_table(former)):
        assert not session.catalog().has_table(table)
    assert count(session) == COUNT


@pytest.mark.homes("chdb")
def test_what_a_view_refuses(session, home):
    for sql in (
        "SELECT id FROM items_toy PREWHERE id = '001.jpg'",
        "SELECT _part FROM items_toy",
        "ALTER TABLE items_toy UPDATE status = 'x' WHERE 1",
        "DELETE FROM items_toy WHERE 1",
    ):
        with pytest.raises(StatementError):
            session.sql(sql, write=True)

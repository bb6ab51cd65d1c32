"""What others change while a model moves to another table is in the new one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import toy

import hamsight
import hamsight_ingest.features.load
import hamsight_ingest.reencode
import hamsight_ingest.rehash
import hamsight_ingest.writer
from hamsight_core.catalog import moving
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.moving import leased
from hamsight_core.errors import CatalogError, ModelMismatchError

COUNT = 60


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return toy.model(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return toy.model(tmp_path_factory.mktemp("models") / "toy", seed=8)


@pytest.fixture
def folder(tmp_path):
    return toy.photos(tmp_path / "photos", COUNT)


@pytest.fixture
def session(dsn, package, folder):
    with hamsight.open(dsn) as opened:
        opened.ingest(folder, model=str(package))
        opened.add_to_group("old", [f"{n:03}.jpg" for n in range(COUNT)])
        yield opened


class Others:
    """Four people who change ten items each of their own, from number `first` on."""

    def __init__(self, dsn: str, folder: Path, first: int, ingests: bool = True) -> None:
        self._dsn, self._folder, self.first, self.ingests = dsn, folder, first, ingests
        self.names = [f"{n:03}.jpg" for n in range(first, first + 10)]
        self.errors: list[BaseException] = []
        changes = [self._group, self._set, self._delete, *([self._ingest] if ingests else [])]
        self._threads = [
            threading.Thread(target=self._run, args=(one,), name=one.__name__) for one in changes
        ]
        self.may_insert = threading.Event()

    def begin_ingest(self, monkeypatch) -> None:
        """Let the ingest come to its insert, and no further before `start`."""
        rows = hamsight_ingest.writer.item_rows
        came = threading.Event()

        def wait_first(*given):
            if threading.current_thread() is self._threads[-1]:
                came.set()
                assert self.may_insert.wait(60)
            return rows(*given)

        monkeypatch.setattr(hamsight_ingest.writer, "item_rows", wait_first)
        self._threads[-1].start()
        assert came.wait(60)

    def _run(self, change) -> None:
        try:
            with hamsight.open(self._dsn) as session:
                change(session)
        except BaseException as error:
            self.errors.append(error)

    def _group(self, session) -> None:
        session.add_to_group("mine", self.names[:3])

    def _set(self, session) -> None:
        session.set(self.names[3], status="reviewed", attributes={"by": "me"})

    def _delete(self, session) -> None:
        session.delete(self.names[4:6])

    def _ingest(self, session) -> None:
        more = toy.photos(self._folder.parent / f"more{self.first}", 2, first=COUNT + self.first)
        (more / self.names[6]).write_bytes(toy.jpeg(500 + self.first))
        session.ingest(more, dataset="photos")

    def start(self, table: str) -> None:
        """Return once all of it stands in the table."""
        for thread in self._threads:
            if not thread.is_alive():
                thread.start()
        self.may_insert.set()
        deadline = time.monotonic() + 60
        with hamsight.open(self._dsn) as session:
            client = session.catalog().client
            statement = f"SELECT * FROM {table} ORDER BY ingested_at"
            while True:
                found = list(client.query(statement).named_results())
                if self.stand({(row["subset"], row["id"]): row for row in found}):
                    return
                alive = [thread.name for thread in self._threads if thread.is_alive()]
                ours = [
                    (row["id"], row["groups"], row["status"], row["uri"], row["ingested_at"])
                    for row in found
                    if row["id"] in self.names
                ]
                assert time.monotonic() < deadline, (self.errors, alive, ours)
                time.sleep(0.05)

    def stand(self, rows) -> bool:
        by_id = {id: row for (_, id), row in rows.items()}
        if not all(name in by_id for name in self.names[:4]):
            return False
        return (
            all("mine" in by_id[name]["groups"] for name in self.names[:3])
            and by_id[self.names[3]]["status"] == "reviewed"
            and not set(self.names[4:6]) & set(by_id)
            and (not self.ingests or self._is_ingested(by_id))
        )

    def _is_ingested(self, by_id) -> bool:
        return (
            f"{COUNT + self.first + 1:03}.jpg" in by_id
            and f"more{self.first}" in by_id[self.names[6]]["uri"]
        )

    def end(self, errors: Sequence[type] = ()) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        assert [type(error) for error in self.errors] == list(errors), self.errors


def check(session, all_others: list[Others], differences: Sequence[str] = ()) -> None:
    """Each item stands once, as others left it, with the hash of the model's row."""
    catalog = session.catalog()
    model = catalog.model()
    found = catalog.client.query("SHOW TABLES").result_rows
    assert [name for (name,) in found if "items_" in name] == [model.items_table]
    rows = toy.stored(session, model.items_table)
    hash = hash_of(catalog, model)
    for (_, id), row in rows.items():
        assert row["hash"] == hash.encode_images(np.array([row["feature"]])).tobytes()
        assert row["groups"][:1] == (["old"] if int(id[:3]) < COUNT else [])
    for others in all_others:
        assert others.stand(rows)
    assert len(rows) == COUNT + sum(2 * one.ingests - 2 for one in all_others)
    assert session.verify(files="none")["kind"].to_pylist() == list(differences)


def let(monkeypatch, module, name: str, others: Others, wait: bool = False) -> None:
    """Let the others change items when a function is called, before it does anything."""
    function = getattr(module, name)

    def change_first(*given, **options):
        others.start("items_toy")
        if wait:
            others.end()
        return function(*given, **options)

    monkeypatch.setattr(module, name, change_first)


def test_changes_during_a_rehash_are_kept(session, dsn, folder, monkeypatch):
    early, late = Others(dsn, folder, 0), Others(dsn, folder, 20)
    let(monkeypatch, hamsight_ingest.rehash, "calibrate", early)
    let(monkeypatch, hamsight_ingest.rehash, "switch", late)
    late.begin_ingest(monkeypatch)
    session.rehash()
    early.end()
    late.end()
    check(session, [early, late])


def test_changes_during_a_re_encoding_are_kept(session, dsn, folder, other, monkeypatch):
    early, late = Others(dsn, folder, 0), Others(dsn, folder, 20)
    let(monkeypatch, hamsight_ingest.reencode, "leased", early, wait=True)
    let(monkeypatch, hamsight_ingest.reencode, "asdict", late)
    late.begin_ingest(monkeypatch)
    assert session.encode_again(str(other)).complete
    late.end([ModelMismatchError])  # it encodes with the former weights
    late.ingests = False
    check(session, [early, late], ["ingest-unfinished"])


def test_the_lease_of_a_mover_that_was_killed_ends(session, home, monkeypatch):
    monkeypatch.setattr(moving, "LEASE_SECONDS", 1)
    killed = moving.Lease(session.catalog(), "items_toy")
    killed.take()
    begun = time.monotonic()
    session.add_to_group("mine", ["000.jpg"])
    assert time.monotonic() - begun > 0.9
    with leased(session.catalog(), "items_toy"), pytest.raises(CatalogError, match="stood still"):
        killed.renew(at_once=True)
    killed.give_back()
    session.add_to_group("mine", ["001.jpg"])


def test_a_lease_of_another_process_holds_no_embedded_catalog(session, home):
    with leased(session.catalog(), "items_toy"):
        other = json.dumps({"owner": "1 x", "until": 2**40})
        session.sql(f"ALTER TABLE moving_items_toy MODIFY COMMENT '{other}'", write=True)
        if home == "chdb":
            session.add_to_group("mine", ["000.jpg"])
        else:
            with pytest.raises(CatalogError, match="stood still"):
                moving.Lease(session.catalog(), "items_toy").renew(at_once=True)
    session.catalog().drop("moving_items_toy")


def test_an_import_follows_the_model(session, dsn, tmp_path, monkeypatch):
    np.savez(tmp_path / "new.npz", ids=["a", "b"], features=np.eye(2, toy.DIMENSION))
    settled = hamsight_ingest.features.load.settle
    moved: list[str] = []

    def rehash_first(catalog, table):
        if not moved:
            moved.append(session.rehash().former)
        settled(catalog, table)

    monkeypatch.setattr(hamsight_ingest.features.load, "settle", rehash_first)
    with hamsight.open(dsn) as importing:
        importing.import_features(tmp_path / "new.npz", "toy")
    assert moved
    model = session.catalog().model()
    rows = toy.stored(session, model.items_table)
    hash = hash_of(session.catalog(), model)
    for id in ("a", "b"):
        row = rows["", id]
        assert row["hash"] == hash.encode_images(np.array([row["feature"]])).tobytes()

"""Coarse cells: what searches find in them, and that answers stay right whatever changes."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import toy

import hamsight
import hamsight_ingest.upkeep.cell_building
from hamsight_core.catalog.cells import train
from hamsight_core.errors import CatalogError, UsageError
from hamsight_core.show.formats import Format
from hamsight_query.info import describe

pytestmark = pytest.mark.homes("chdb", "cluster")
COUNT, DIMENSION, K = 2400, 64, 20
RANDOM = np.random.default_rng(3)
CENTRES = RANDOM.normal(size=(60, DIMENSION))
OWN = RANDOM.integers(60, size=COUNT)
SPREAD = RANDOM.uniform(0.3, 0.7, size=(COUNT, 1))
FEATURES = (CENTRES[OWN] + SPREAD * RANDOM.normal(size=(COUNT, DIMENSION))).astype(np.float32)
BITS = FEATURES > 0
NAMES = [f"{n:04}" for n in range(COUNT)]
ASKED = NAMES[::600]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(hamsight_ingest.upkeep.cell_building, "LEAST_ITEMS", 1000)
    monkeypatch.setattr(hamsight_ingest.upkeep.cell_building, "_PAGE", 700)


@pytest.fixture
def session(dsn, tmp_path):
    with hamsight.open(dsn) as opened:
        bring(opened, tmp_path, NAMES, FEATURES, dimension=DIMENSION)
        yield opened


def bring(session, tmp_path, names, features, dataset="made", **options) -> None:
    np.savez(tmp_path / "made.npz", id=names, feature=features)
    session.import_features(tmp_path / "made.npz", "m", dataset=dataset, **options)


def found(session, name: str, **options) -> list[str]:
    options = {"k": K, "rank": "hamming", **options}
    return [match.id for match in session.query(item=name, **options)]


def nearest(name: str, k: int = K, offset: int = 0) -> list[str]:
    """The exact answer of the hash of signs, by NumPy."""
    differing = (BITS[NAMES.index(name)] != BITS).sum(axis=1)
    order = [NAMES[place] for place in np.argsort(differing, kind="stable")]
    order.remove(name)
    return order[offset : offset + k]


def kept(session, exact=nearest, k: int = K, offset: int = 0, **options) -> float:
    """The share of the exact answers that a search in cells keeps."""
    page = {"k": k, "offset": offset}
    shares = []
    for name in ASKED:
        both = set(exact(name, **page)) & set(found(session, name, **page, **options))
        shares.append(len(both) / k)
    return float(np.mean(shares))


def reads_cells(session, name: str, **options) -> bool:
    return session.query(item=name, **{"k": K, **options}).statement.in_cells


def tables(session) -> set[str]:
    """The tables of cells and of centres of the items that are searched now.

    A shard's counts as the one that stands for it.
    """
    rows = session.catalog().client.query("SHOW TABLES LIKE '%cells%'").result_rows
    names = {name.removeprefix("shard_") for (name,) in rows}
    of_items = f"cells_{session.catalog().model().items_table}_"
    return {name for name in names if name.startswith(of_items)}


@pytest.mark.homes("chdb", "http", "cluster")
def test_a_search_keeps_what_recall_says_of_the_exact_answer(session):
    done = session.index()
    assert (done.items, done.cells.items) == (COUNT, COUNT)
    assert tables(session) == {done.cells.table, f"{done.cells.table}_centres"}
    assert reads_cells(session, ASKED[0], rank="hamming")
    assert kept(session) >= 0.95
    assert kept(session, offset=30) >= 0.9
    assert kept(session, k=320, recall=0.5) < kept(session, k=320, recall=0.99)
    assert reads_cells(session, ASKED[0], rank="hamming", k=320, recall=0.5)
    assert kept(session, k=320, recall=0.5) >= 0.45
    assert found(session, ASKED[0], recall=0.99, exclude_self=False)[0] == ASKED[0]
    assert found(session, ASKED[0], exact=True) == nearest(ASKED[0])
    shown = session.query(item=ASKED[0], k=K, rank="hamming").statement
    read = session.sql(shown.sql, shown.parameters)
    assert read["id"].to_pylist() == found(session, ASKED[0])
    both = {"item": ASKED[:2], "k": K, "rank": "hamming", "recall": 0.8}
    exact, near = (session.query(exact=one, **both) for one in (True, False))
    assert near.statement.in_cells
    assert len({match.name for match in exact} & {match.name for match in near}) >= 0.8 * K
    for options in (
        {"where": "width < 5"},
        {"dataset": "made"},
        {"max_distance": 20},
        {"dissimilar": True},
        {"exact": True},
        {"recall": 1.0},
        {"k": 2500},
    ):
        assert not reads_cells(session, ASKED[0], rank="hamming", **options), options
    with pytest.raises(UsageError, match="--recall is 0"):
        session.query(item=ASKED[0], recall=0)


def test_copies_come_in_the_order_of_their_names_page_after_page(session, tmp_path):
    name = ASKED[1]
    copies = [f"copy {n:03}" for n in range(150)]
    bring(session, tmp_path, copies, np.repeat(FEATURES[NAMES.index(name)][None], 150, axis=0))
    session.index()
    assert reads_cells(session, name, rank="hamming", k=20)
    for options in ({"k": 20}, {"k": 20, "offset": 20}, {"k": 40}, {"exclude_self": False}):
        assert found(session, name, **options) == found(session, name, exact=True, **options)
    assert found(session, name, k=40) == copies[:40]


def test_what_changes_is_in_the_answer(session, tmp_path):
    session.index()
    name = ASKED[3]
    near = found(session, name)
    session.delete([f"made/{one}" for one in near[:5]])
    assert found(session, name) == found(session, name, exact=True)
    assert not set(near[:5]) & set(found(session, name))
    session.add_to_group("g", [f"made/{near[6]}"])
    groups = {match.id: match.groups for match in session.query(item=name, k=K, rank="hamming")}
    assert groups[near[6]] == ["g"]
    # an item that is replaced by one of another cell, and a new one
    place = NAMES.index(name)
    bring(session, tmp_path, ["new", near[7]], np.stack([FEATURES[place], -FEATURES[place]]))
    now = found(session, name)
    assert now[0] == "new"
    assert near[7] not in now
    assert found(session, "new", exclude_self=True) == found(session, "new", exact=True)
    # more of a neighbourhood replaced than a search has to spare
    away = [one for one in found(session, name, k=40) if one != "new"]
    bring(session, tmp_path, away, np.stack([-FEATURES[NAMES.index(one)] for one in away]))
    assert not set(away) & set(found(session, name))
    assert found(session, name) == found(session, name, exact=True)
    # almost all of a neighbourhood gone: the answer is that of a scan
    session.delete(where='not "g" in groups and id != "new"', dataset="made")
    assert sorted(found(session, "new", k=5)) == [near[6]]


def test_a_renamed_dataset_keeps_its_cells(session):
    session.index()
    session.rename_dataset("made", "called")
    assert kept(session) >= 0.95
    assert reads_cells(session, ASKED[0], rank="hamming")
    sizes = json.loads(describe(session.catalog(), Format.JSON))["tables"]
    (cells,) = (one for one in sizes if one["table"].startswith("cells_"))
    assert cells["rows"] == COUNT
    assert cells["bytes"] > 0
    session.delete_dataset("called")
    table = session.catalog().model().hash_settings.cells.table
    assert session.sql(f"SELECT count() AS n FROM {table}").to_pylist() == [{"n": 0}]


def test_another_hash_has_no_cells_until_they_are_built(session):
    session.index()
    session.rehash()
    assert tables(session) == set()
    assert not reads_cells(session, ASKED[0])
    former = session.index().cells.table
    for asked in ({"rank": "hamming"}, {"rank": "cosine", "candidates": 50}):
        assert reads_cells(session, ASKED[0], **asked)
        exact = partial(found, session, exact=True, **asked)
        assert kept(session, exact, **asked) >= 0.95
    assert session.index().cells.table != former
    assert not any(name.startswith(former) for name in tables(session))
    assert session.drop_index()
    assert tables(session) == set()
    assert not session.drop_index()


def test_items_that_come_while_cells_are_built_are_in_them(session, tmp_path, monkeypatch):
    measured = hamsight_ingest.upkeep.cell_building._Measured.probes

    def bring_first(*given):
        bring(session, tmp_path, ["late"], FEATURES[:1])
        return measured(*given)

    monkeypatch.setattr(hamsight_ingest.upkeep.cell_building._Measured, "probes", bring_first)
    session.index()
    assert found(session, NAMES[0])[0] == "late"
    assert reads_cells(session, NAMES[0], rank="hamming")


def test_a_build_that_is_killed_changes_no_answer(session, home, tmp_path, monkeypatch):
    session.index()
    before = found(session, ASKED[1])

    def killed(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(hamsight_ingest.upkeep.cell_building._Measured, "probes", killed)
        with pytest.raises(KeyboardInterrupt):
            session.index()
    assert found(session, ASKED[1]) == before
    assert len(tables(session)) == 4
    if home == "cluster":  # killed between making the shards and the table that stands for them
        session.catalog().client.command(
            f"CREATE TABLE shard_cells_{session.catalog().model().items_table}_0badf00d"
            " (nothing UInt8) ENGINE = Memory"
        )
    bring(session, tmp_path, ["new"], FEATURES[:1])
    assert found(session, NAMES[0])[0] == "new"
    session.index()
    assert len(tables(session)) == 2
    assert found(session, NAMES[0])[0] == "new"


@pytest.mark.homes("chdb")
def test_a_build_that_another_overtakes_says_so(session, monkeypatch):
    measured = hamsight_ingest.upkeep.cell_building._Measured.probes
    done = []

    def overtake(*given):
        if not done:
            done.append(True)
            done.append(session.index())
        return measured(*given)

    monkeypatch.setattr(hamsight_ingest.upkeep.cell_building._Measured, "probes", overtake)
    with pytest.raises(CatalogError, match="another process"):
        session.index()
    assert session.catalog().model().hash_settings.cells == done[1].cells
    assert len(tables(session)) == 2
    assert kept(session) >= 0.95


def test_pictures_find_their_cell_when_they_are_ingested(dsn, tmp_path, monkeypatch):
    monkeypatch.setattr(hamsight_ingest.upkeep.cell_building, "LEAST_ITEMS", 10)
    monkeypatch.setattr(hamsight_ingest.upkeep.cell_building, "REACHES", (10,))
    package = toy.model(tmp_path / "toy")
    folder = toy.photos(tmp_path / "photos", 60)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=str(package))
        session.index()
        (folder / "copy.jpg").write_bytes(toy.jpeg(7))
        (folder / "009.jpg").write_bytes(toy.jpeg(900))
        (folder / "like9.jpg").write_bytes(toy.jpeg(900))
        session.ingest(folder)
        options = {"k": 1, "rank": "hamming", "recall": 0.5}
        for name, other in (("007.jpg", "copy.jpg"), ("009.jpg", "like9.jpg")):
            matches = session.query(item=name, **options)
            assert matches.statement.in_cells
            assert [match.id for match in matches] == [other]


@pytest.mark.homes("chdb")
def test_small_tables_need_none(session, monkeypatch):
    monkeypatch.setattr(hamsight_ingest.upkeep.cell_building, "LEAST_ITEMS", COUNT + 1)
    assert session.index().cells is None
    assert tables(session) == set()


def test_cells_are_near_to_their_hashes():
    bits = FEATURES > 0
    hashes = np.packbits(bits, axis=1)
    cells = train(hashes, 100)
    assigned = cells.assign(hashes)
    assert 80 <= len(cells.centres) <= 110
    centres = np.unpackbits(cells.centres, axis=1).astype(bool)
    own = (centres[assigned] != bits).sum(axis=1)
    least = np.array([(centres != one).sum(axis=1).min() for one in bits])
    assert own.mean() <= least.mean() + 1
    assert (assigned == cells.assign(hashes[::-1])[::-1]).all()

"""Hashes in memory: the same answers as from disk, also when the items change."""

from __future__ import annotations

import numpy as np
import pytest
import toy

import hamsight
import hamsight_core.catalog.resident
from hamsight_core.errors import StatementError, UsageError

pytestmark = pytest.mark.homes("chdb")
COUNT, DIMENSION = 900, 64
RANDOM = np.random.default_rng(5)
# few bits differ between some, so that many are equally near
FEATURES = RANDOM.choice([-1.0, 1.0], (30, DIMENSION)).repeat(30, axis=0).astype(np.float32)
FEATURES[:, :8] *= RANDOM.choice([-1.0, 1.0], (COUNT, 8)).astype(np.float32)
FEATURES *= RANDOM.uniform(0.5, 1.5, (COUNT, DIMENSION)).astype(np.float32)
NAMES = [f"{n:04}" for n in range(COUNT)]
SEARCHES = (
    {},
    {"k": 700},
    {"k": 7, "offset": 20},
    {"rank": "cosine", "candidates": 40},
    {"rank": "cosine", "candidates": 300, "k": 5},
    {"dissimilar": True},
    {"max_distance": 4},
    {"dataset": "other"},
    {"exclude_self": False},
    {"item": ["made/0000", "made/0400"]},
    {"item": ["made/0000", "made/0400"], "combine": "balanced"},
    {"item": ["made/0000", "made/0400"], "combine": "all", "rank": "cosine"},
    {"item": ["made/0000", "made/0400"], "max_distance": 5, "exclude_self": False},
    {"where": "width < 5"},
)


@pytest.fixture
def on_disk(dsn, tmp_path):
    with hamsight.open(dsn) as session:
        bring(session, tmp_path, NAMES, FEATURES)
        bring(session, tmp_path, NAMES[::3], FEATURES[::3], dataset="other")
    return dsn


@pytest.fixture
def in_memory(on_disk, monkeypatch):
    monkeypatch.setattr(hamsight_core.catalog.resident, "ROWS_OF_A_LOOKUP", 1)
    return f"{on_disk}&hashes=memory"


def bring(session, tmp_path, names, features, dataset="made") -> None:
    np.savez(tmp_path / "made.npz", id=names, feature=features)
    session.import_features(tmp_path / "made.npz", "m", dataset=dataset, dimension=DIMENSION)


def answers(session) -> list[list[tuple[object, ...]]]:
    """What each search finds, with what it says of it."""
    asked = [{"item": "made/0000", "k": 25, "rank": "hamming", **options} for options in SEARCHES]
    return [
        [(match.dataset, match.id, match.distance, match.similarity, match.groups) for match in one]
        for one in (session.query(**options) for options in asked)
    ]


def test_answers_are_those_from_disk_before_and_after_every_change(in_memory, on_disk, tmp_path):
    def changed(session, step: int) -> None:
        near = [match.name for match in session.query(item="made/0000", k=30, rank="hamming")]
        if step == 0:
            session.delete(near[:3])
        elif step == 1:
            session.add_to_group("g", near[:3])
        elif step == 2:
            ids = [one.split("/")[-1] for one in near[:2]]
            bring(session, tmp_path, ["new", *ids], np.stack([FEATURES[0], *-FEATURES[:2]]))
        elif step == 3:
            session.rename_dataset("other", "another")
            session.rename_dataset("another", "other")

    found, expected = [], []
    with hamsight.open(in_memory) as session, hamsight.open(on_disk) as plain:
        for step in range(4):
            found.append(answers(session))
            expected.append(answers(plain))
            changed(session if step % 2 else plain, step)
        found.append(answers(session))
        expected.append(answers(plain))
    assert found == expected
    assert all(one for one in expected[0])
    assert len({str(one) for one in expected}) == 5 - 1  # two renames leave all as it was


def test_hashes_are_read_once_until_the_items_change(in_memory):
    with hamsight.open(in_memory) as session:
        client = session.catalog().client

        def held() -> list[tuple[str, int]]:
            sql = "SELECT name, total_rows FROM system.tables WHERE is_temporary"
            return [tuple(row) for row in client.query(sql).result_rows]

        assert held() == []
        resident = f"resident_{toy.generation(session)}"
        session.query(item="made/0000", where="width < 5")
        session.query(item="made/0000", k=1200)  # the scan is sooner
        assert held() == []
        session.query(item="made/0000", rank="hamming")
        assert held() == [(resident, 1200)]
        # were the hashes read again, what is deleted of them here would be there
        client.command(f"TRUNCATE TABLE {resident}")
        assert len(session.query(item="made/0000", rank="hamming")) == 0
        client.command(f"OPTIMIZE TABLE {toy.generation(session)} FINAL")
        assert len(session.query(item="made/0000", rank="hamming")) == 0
        session.delete(["made/0899"])
        assert len(session.query(item="made/0000", rank="hamming")) == 50
        assert held() == [(resident, 1199)]
        session.rehash(scheme="ternary")
        now = session.catalog().model().items_table
        assert len(session.query(item="made/0000", rank="hamming")) == 50
        assert held() == [(f"resident_{now}", 1199)] != [(resident, 1199)]


def test_an_item_that_stands_twice_is_within_a_distance_by_its_own_row(in_memory, on_disk):
    asked = {"item": "made/0000", "rank": "hamming", "max_distance": 4, "exclude_self": False}
    with hamsight.open(in_memory) as session, hamsight.open(on_disk) as plain:
        near = session.query(**asked)[3]
        table = toy.generation(plain)
        # as while an item is replaced, or after an ingest that was killed then
        plain.catalog().client.command(
            f"INSERT INTO {table} SELECT * REPLACE (bitNot(hash) AS hash) FROM {table}"
            f" WHERE id = '{near.id}' AND dataset = '{near.dataset}'"
        )
        found, expected = session.query(**asked), plain.query(**asked)
        assert [match.name for match in found] == [match.name for match in expected]
        assert max(match.distance for match in found) <= 4


def test_another_table_of_the_same_name_is_read_anew(in_memory, on_disk, tmp_path):
    with hamsight.open(in_memory) as session, hamsight.open(on_disk) as plain:
        former = [match.id for match in session.query(item="made/0000", rank="hamming")]
        plain.catalog().client.command(f"DROP TABLE {toy.generation(plain)} SYNC")
        plain.catalog().client.command("DELETE FROM models WHERE name = 'm'")
        bring(plain, tmp_path, NAMES, FEATURES[::-1].copy())
        bring(plain, tmp_path, NAMES[::3], FEATURES[::-3].copy(), dataset="other")
        found = [match.id for match in session.query(item="made/0000", rank="hamming")]
        assert found == [match.id for match in plain.query(item="made/0000", rank="hamming")]
        assert found != former


def test_a_wrong_place_of_hashes_is_refused(on_disk):
    for given, said in (
        (f"{on_disk}&hashes=gpu", "hashes 'gpu' is no place: expected disk or memory"),
        (f"{on_disk}&hashes=memory&cluster=c", "hashes=memory is not for a cluster"),
        ("clickhouse://h/d?hashes=memory", "hashes=memory is for an embedded catalog"),
    ):
        with pytest.raises(UsageError, match=said), hamsight.open(given) as session:
            session.query(item="made/0000")
    with hamsight.open(f"{on_disk}&hashes=disk") as session:
        assert len(session.query(item="made/0000", rank="hamming")) == 50


def test_hashes_that_do_not_fit_are_refused(in_memory, on_disk):
    with hamsight.open(on_disk) as session:
        session.catalog().client.command(
            f"INSERT INTO {toy.generation(session)} (dataset, id)"
            " SELECT 'big', repeat('x', 1200) || toString(number) FROM numbers(120000)"
        )
    refused = pytest.raises(StatementError, match=r"leave hashes=memory out .* needs more memory")
    with hamsight.open(f"{in_memory}&memory=0.1") as session, refused:
        session.query(item="made/0000", rank="hamming")

"""A catalog on a cluster: the same answers, items on their shards, ranking on the shards.

In process the shards are this engine itself, without Keeper: tables are not replicated and
statements go to no other node. `HAMSIGHT_TEST_CLUSTER` names a real cluster by a DSN with
?cluster=NAME; then all is as in use. test_cells.py runs on a cluster too.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_catalog
import numpy as np
import pytest
import toy
from clickhouse_connect.driver.client import Client
from conftest import CLUSTER
from made_catalog import made_items

import hamsight
import hamsight_ingest.upkeep.cell_building
import hamsight_ingest.upkeep.rehash
from hamsight_core.catalog.address import parse_dsn
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.connect import connect
from hamsight_core.catalog.fits import hash_of
from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.statements import fill
from hamsight_core.errors import UsageError
from hamsight_query.request import Kind, Query, Rank, Request
from hamsight_query.search import prepare, prepare_targets
from hamsight_query.steps import Statement

ITEMS = made_items(60)
CENTRES = "cells_items_x_1_centres"


@pytest.fixture
def session(cluster_dsn: str) -> Iterator[hamsight.Session]:
    with hamsight.open(cluster_dsn) as opened:
        yield opened


def ids(session: hamsight.Session, where: str = "true") -> list[str]:
    found = session.sql(f"SELECT dataset || '/' || id FROM items_mini WHERE {where} ORDER BY ALL")
    assert found is not None
    return [next(iter(row.values())) for row in found.to_pylist()]


def test_the_life_of_a_dataset(session: hamsight.Session, tmp_path: Path) -> None:
    folder = toy.photos(tmp_path / "photos", 6)
    assert session.ingest(folder).counts.added == 6
    assert session.ingest(folder).counts.unchanged == 6
    (folder / "002.jpg").write_bytes(toy.jpeg(99))
    (folder / "bad.jpg").write_bytes(b"nothing")
    counts = session.ingest(folder).counts
    assert (counts.replaced, counts.unchanged, counts.rejected) == (1, 5, 1)
    assert len(ids(session)) == 6
    assert session.query(item="photos/000.jpg", k=10).to_arrow().num_rows == 5
    session.add_to_group("a", where='like(filename, "00%") and filename != "003.jpg"')
    session.set(["photos/004.jpg"], status="checked")
    assert len(ids(session, "has(groups, 'a')")) == 5
    assert ids(session, "status = 'checked'") == ["photos/004.jpg"]
    session.save_query("near", item="photos/001.jpg", k=3)
    session.save_view("near", "near_items")
    assert session.sql("SELECT count() AS n FROM near_items").to_pylist() == [{"n": 3}]
    session.rename_dataset("photos", "pictures")
    (folder / "005.jpg").unlink()
    session.ingest(folder, dataset="pictures", prune=True)
    assert ids(session) == [f"pictures/00{n}.jpg" for n in range(5)]
    assert session.delete(["pictures/004.jpg"]) == 1
    assert len(ids(session)) == 4
    sizes = session.sql(f"SELECT count() AS rows FROM shard_{toy.generation(session)}")
    assert sizes is not None
    assert CLUSTER or sizes.to_pylist() == [{"rows": 4}]


def test_the_answers_are_those_of_one_server(cluster_dsn: str, engine: str, tmp_path: Path) -> None:
    answers = []
    single = f"chdb://{engine}?database=single_{uuid.uuid4().hex[:8]}"
    for dsn in (cluster_dsn, single):
        made_catalog.fill(dsn, tmp_path / uuid.uuid4().hex, ITEMS)
        with hamsight.open(dsn) as session:
            for options in (
                {"item": ITEMS[3].name},
                {"item": [ITEMS[3].name, ITEMS[8].name], "combine": "balanced"},
                {"item": [ITEMS[3].name, ITEMS[8].name], "combine": "all", "candidates": 10},
                {"item": ITEMS[3].name, "where": "dog >= 1", "rank": "hamming"},
                {"item": ITEMS[3].name, "candidates": 5, "k": 9, "offset": 2},
            ):
                answers.append(session.query(**options).to_arrow().to_pylist())
    half = len(answers) // 2
    assert answers[:half] == answers[half:]
    assert all(answers)


def each_shard_cuts(client: Client, statement: Statement) -> None:
    """Check that what is read from a shard is sorted and cut before the shards' rows meet."""
    text = f"EXPLAIN distributed = 1 {statement.sql}"
    plan = client.query(text, parameters=dict(statement.parameters)).result_rows
    lines = [row[0] for row in plan]
    shards = [n for n, line in enumerate(lines) if line.strip().startswith("ReadFromMergeTree")]
    assert len(shards) == 2
    for read in shards:
        depth = len(lines[read]) - len(lines[read].lstrip())
        above = []
        for line in reversed(lines[:read]):
            if "Union" in line:
                break
            if len(line) - len(line.lstrip()) < depth:
                above.append(line.strip())
        assert any(line.startswith("Limit") for line in above), above
        assert any(line.startswith("Sorting (Sorting for ORDER BY)") for line in above), above


@pytest.mark.skipif(bool(CLUSTER), reason="two shards of one engine hold each row twice")
@pytest.mark.usefixtures("alone")
def test_each_shard_ranks_and_cuts_its_own_rows(engine: str, tmp_path: Path) -> None:
    dsn = f"chdb://{engine}?database=two_{uuid.uuid4().hex[:8]}&cluster=two_shards"
    made_catalog.fill(dsn, tmp_path / "made", ITEMS)
    single = f"chdb://{engine}?database=single_{uuid.uuid4().hex[:8]}"
    made_catalog.fill(single, tmp_path / "single", ITEMS)
    with hamsight.open(single) as session:
        one = toy.generation(session)
        statement = session.query(item=ITEMS[3].name, k=5, candidates=20).statement
    with hamsight.open(dsn) as session:
        client: Client = session.catalog().client
        # the statements are of the single catalog, whose answers are whole
        session.sql(f"CREATE TABLE {one} AS {toy.generation(session)}", write=True)
        for asked in (statement, statement.steps.ranking, statement.steps.one_scan):
            each_shard_cuts(client, asked)
        counted = session.sql(
            f"SELECT _shard_num, count() AS n FROM {toy.generation(session)} GROUP BY 1"
        )
    assert counted is not None
    assert [row["n"] for row in counted.to_pylist()] == [len(ITEMS), len(ITEMS)]


@pytest.mark.skipif(bool(CLUSTER), reason="two shards of one engine hold each row twice")
@pytest.mark.usefixtures("alone")
def test_each_shard_searches_its_own_cells(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hamsight_ingest.upkeep.cell_building, "LEAST_ITEMS", 100)
    monkeypatch.setattr(hamsight_ingest.upkeep.cell_building, "REACHES", (20,))
    rng = np.random.default_rng(1)
    features = np.repeat(rng.normal(size=(12, 64)), 25, axis=0) + rng.normal(0, 0.4, (300, 64))
    names = [f"{n:03}" for n in range(300)]
    np.savez(tmp_path / "made.npz", id=names, feature=features.astype(np.float32))
    bits = features > 0
    order = np.argsort((bits != bits[7]).sum(axis=1), kind="stable")
    nearest = [names[place] for place in order if place != 7][:10]
    single, two = (
        f"chdb://{engine}?database=cells_{uuid.uuid4().hex[:8]}&cluster={name}"
        for name in ("one_shard", "two_shards")
    )
    for dsn in (single, two):
        with hamsight.open(dsn) as session:
            session.import_features(tmp_path / "made.npz", "m", dimension=64)
            cells = session.index().cells
    asked = (Query(Kind.ITEM, names[7]),)
    for rank, candidates in ((Rank.HAMMING, None), (Rank.COSINE, 11)):
        request = Request(asked, k=10, rank=rank, candidates=candidates, recall=0.99)
        with Catalog.open(single) as catalog:
            targets = prepare(catalog, request).targets
        with Catalog.open(two) as catalog:
            statement = prepare_targets(catalog, catalog.model(), request, targets).statement
            assert cells is not None and f"FROM shard_{cells.table}\n" in statement.sql
            assert statement.in_cells
            for one in (statement, statement.steps.one_scan):
                each_shard_cuts(catalog.client, one)
            given = {**statement.parameters, "k": 20, "scanned": 22}
            given["candidates"] = 22 if rank is Rank.COSINE else 0
            answer = catalog.arrow(statement.sql, given)
        found = answer["id"].to_pylist()
        assert found[::2] == found[1::2]
        assert rank is not Rank.HAMMING or found[::2] == nearest
        assert set(found) == set(nearest)


def test_what_a_real_cluster_is_sent_is_sql(client: Client) -> None:
    layout = Layout("main")
    made = {"hash_bytes": 64, "moment": 0}
    sent = [
        fill("create_database", **layout.fragments()),
        fill("create_models", **layout.fragments()),
        fill("create_items", **layout.fragments("items_x"), **made),
        fill("create_distributed", **layout.fragments("items_x"), table="items_x"),
        fill("create_cells", **layout.fragments("cells_items_x_1"), **made),
        fill("create_centres", **layout.fragments(CENTRES), table=CENTRES, **made),
        fill("create_distributed", **layout.fragments("cells_items_x_1"), table="cells_items_x_1"),
        fill("await_replicas", **layout.fragments("cells_items_x_1")),
        fill("await_replicas", **layout.fragments(CENTRES)),
        fill("delete_replaced", **layout.fragments("items_x")),
        fill("delete_dataset_rows", **layout.fragments("rejects")),
        fill("update_places", **layout.fragments("items_x")),
    ]
    formatted = [
        client.query("SELECT formatQuerySingleLine({sql:String})", parameters={"sql": sql})
        for sql in sent
    ]
    texts = [answer.result_rows[0][0] for answer in formatted]
    here = [number for number, text in enumerate(texts) if "ON CLUSTER" not in text]
    assert here == [10]
    assert "ReplicatedMergeTree('/clickhouse/tables/{uuid}/everywhere'" in texts[1]
    assert "shard_items_x" in texts[2] and "ReplicatedMergeTree" in texts[2]
    assert "Distributed('main'" in texts[3] and "cityHash64(dataset, subset, id)" in texts[3]
    replicated = "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')"
    assert texts[4].startswith("CREATE TABLE shard_cells_items_x_1 ") and replicated in texts[4]
    assert texts[5].startswith(f"CREATE TABLE {CENTRES} ") and "/everywhere'" in texts[5]
    assert "cityHash64(dataset, subset, id)" in texts[6]
    assert texts[7] == "SYSTEM SYNC REPLICA ON CLUSTER main shard_cells_items_x_1"
    assert texts[8] == f"SYSTEM SYNC REPLICA ON CLUSTER main {CENTRES}"
    assert texts[9].startswith("DELETE FROM shard_items_x ON CLUSTER main WHERE")


def test_a_cluster_that_the_server_does_not_know(dsn: str) -> None:
    with pytest.raises(UsageError, match=r"no cluster 'none'.*it knows: one_shard, two_shards"):
        connect(f"{dsn}{'&' if '?' in dsn else '?'}cluster=none", create=True)


def test_the_cluster_of_a_dsn() -> None:
    address = parse_dsn("clickhouse://me:secret@host:1/db?cluster=main&compress=lz4")
    assert (address.cluster, address.options) == ("main", (("compress", "lz4"),))
    assert str(address) == "clickhouse://me@host:1/db?cluster=main"
    with pytest.raises(UsageError, match=r"cluster \"it's\" is no name"):
        parse_dsn("clickhouse://host/db?cluster=it's")


def test_a_hash_is_fitted_and_rows_that_come_meanwhile_are_kept(
    session: hamsight.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = toy.photos(tmp_path / "photos", 50)
    package = str(toy.model(tmp_path / "toy"))
    session.ingest(folder, model=package)
    measure = hamsight_ingest.upkeep.rehash.calibrate

    def measure_late(*given: Any) -> Any:
        (folder / "006.jpg").write_bytes(toy.jpeg(600))
        toy.photos(folder, 2, first=50)
        session.ingest(folder)
        return measure(*given)

    monkeypatch.setattr(hamsight_ingest.upkeep.rehash, "calibrate", measure_late)
    done = session.rehash()
    assert done is not None
    assert done.items == 52
    hash = hash_of(session.catalog(), done.model)
    rows = toy.stored(session, done.model.items_table)
    assert len(rows) == 52
    for row in rows.values():
        assert row["hash"] == hash.encode_images(np.array([row["feature"]])).tobytes()
    assert session.ingest(folder).counts.unchanged == 52
    found = session.query(item="photos/006.jpg", k=60, rank="hamming", exclude_self=False)
    assert (len(found), found[0].id, found[0].distance) == (52, "006.jpg", 0)
    assert toy.in_use(session) == {done.model.items_table}

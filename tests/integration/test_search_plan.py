"""What makes a search fast: the scan reads hashes, all else is fetched for what is near."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.models import SettingDef
from made_catalog import ITEMS, fill
from pyarrow import feather

import hamsight
from hamsight_core.catalog import statements
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.catalog.connect import has_fixed_settings
from hamsight_core.catalog.paging import as_json
from hamsight_query.request import Kind, Query, Request
from hamsight_query.search import prepare, search
from hamsight_query.steps import ask


def told(line: str) -> str:
    """Return a line of a plan as text: one that holds a hash's bytes comes in hex."""
    if re.fullmatch(r"(?:[0-9a-f]{2}){20,}", line):
        return bytes.fromhex(line).decode("latin-1")
    return line


def test_what_is_not_ranked_is_fetched_for_the_nearest_alone(dsn: str, tmp_path) -> None:
    fill(dsn, tmp_path / "package", ITEMS)
    asked = (Query(Kind.ITEM, ITEMS[0].name), Query(Kind.ITEM, ITEMS[1].name))
    with Catalog.open(dsn) as catalog:
        prepared = prepare(catalog, Request(asked, k=9, where="width > 10"))
        statement, model = prepared.statement, prepared.model
        steps = statement.steps
        late = {"feature", "id"}
        described = {"uri", "tags", "captions", "attributes"}
        plans = {
            "statement": (statement, {"feature"} | described),
            "ranking": (steps.ranking, {"feature"}),
            "one_scan": (steps.one_scan, late),
        }
        for name, (asks, fetched_late) in plans.items():
            found = catalog.client.query(
                f"EXPLAIN {asks.sql}",
                parameters=dict(asks.parameters),
                settings={"query_plan_max_limit_for_lazy_materialization": 10_000},
            )
            lines = [told(row[0]) for row in found.result_rows]
            scan = next(n for n, line in enumerate(lines) if f".{model.items_table})" in line)
            filtered = next(line for line in lines[scan:] if "Prewhere filter column: " in line)
            assert "width > 10" in filtered
            # two scans: the second is cut off by nearness
            assert ("bitHammingDistance(hash" in filtered) == (name != "one_scan")
            read = next(line for line in lines[scan:] if "Output: " in line)
            fetched = next(line for line in lines if "Lazily read columns: " in line)
            for column in late | described:
                assert (column in re.findall(r"\w+", fetched)) == (column in fetched_late)
                if column not in {"id"}:
                    assert column not in re.findall(r"\w+", read)


def test_the_columns_of_an_answer_are_found_by_the_key(dsn: str, tmp_path) -> None:
    fill(dsn, tmp_path / "package", ITEMS)
    with Catalog.open(dsn) as catalog:
        table = catalog.model().items_table
        sql = statements.fill("items_of_answer", columns="uri", table=table)
        wanted = {"identities": as_json([ITEMS[3].identity, ITEMS[9].identity])}
        plan = catalog.client.query(f"EXPLAIN indexes = 1 {sql}", parameters=wanted)
        text = " ".join(row[0].strip() for row in plan.result_rows)
    assert re.search(r"PrimaryKey Keys: dataset subset id", text), text


def test_rows_that_vanish_while_a_search_runs_are_left_out(dsn: str, tmp_path) -> None:
    fill(dsn, tmp_path / "package", ITEMS)
    request = Request((Query(Kind.ITEM, ITEMS[0].name),), k=9)
    with Catalog.open(dsn) as catalog:
        whole = search(catalog, request)
        prepared = prepare(catalog, request)
        statement, model = prepared.statement, prepared.model
        gone = [(match.dataset, match.subset, match.id) for match in (whole[1], whole[4])]
        arrow = catalog.arrow

        def deleting(sql, parameters=None, **settings):
            found = arrow(sql, parameters, **settings)
            if sql == statement.steps.one_scan.sql:
                for dataset, subset, id in gone:
                    catalog.client.command(
                        f"DELETE FROM {model.items_table} WHERE dataset = {{d:String}}"
                        " AND subset = {s:String} AND id = {i:String}",
                        parameters={"d": dataset, "s": subset, "i": id},
                    )
            return found

        catalog.arrow = deleting  # type: ignore[method-assign]
        left = ask(catalog, statement, model.items_table).to_pylist()
    kept = [match for n, match in enumerate(whole) if n not in (1, 4)]
    assert [(row["id"], row["distance"], row["width"]) for row in left] == [
        (match.id, match.distance, match.width) for match in kept
    ]


def test_one_scan_answers_but_where_ties_may_be_missing(dsn: str, tmp_path) -> None:
    fill(dsn, tmp_path / "package", ITEMS)
    with Catalog.open(dsn) as catalog:
        for k, candidates in ((3, 9), (9, 40), (40, 40), (150, 9), (239, 30), (300, 2000)):
            request = Request((Query(Kind.ITEM, ITEMS[0].name),), k=k, candidates=candidates)
            prepared = prepare(catalog, request)
            statement, model = prepared.statement, prepared.model
            steps = statement.steps
            once = catalog.arrow(steps.one_scan.sql, steps.one_scan.parameters)
            exact = catalog.arrow(steps.ranking.sql, steps.ranking.parameters)
            assert once["whole"].to_pylist() == [1] * min(k, len(ITEMS) - 1)
            assert once.drop_columns(["whole"]).equals(exact)
        catalog.client.command(
            f"INSERT INTO {model.items_table} SELECT * EXCEPT n REPLACE (id || '+' || n AS id)"
            f" FROM (SELECT * FROM {model.items_table} WHERE width = {ITEMS[0].width}) AS copied"
            " CROSS JOIN (SELECT number AS n FROM numbers(100)) AS copies"
        )
        request = Request((Query(Kind.ITEM, ITEMS[0].name),), k=3, candidates=9)
        steps = prepare(catalog, request).statement.steps
        once = catalog.arrow(steps.one_scan.sql, steps.one_scan.parameters)
        assert once["whole"].to_pylist() == [0] * 3


def test_ties_are_ordered_by_identity_whatever_the_page(dsn: str, tmp_path) -> None:
    """Items of few distances, brought in out of order and in several parts."""
    rng = np.random.default_rng(5)
    ids = [f"{n:04}" for n in rng.permutation(3000)]
    with hamsight.open(dsn) as session:
        for part in range(3):
            rows = [{"id": id, "hash": int(id) % 3} for id in ids[part::3]]
            table = pa.table(
                {
                    "id": [row["id"] for row in rows],
                    "hash": pa.array([bytes([2 ** row["hash"] - 1] * 2) for row in rows]),
                }
            )
            feather.write_feather(table, tmp_path / "hashes.arrow", compression="uncompressed")
            session.import_features(tmp_path / "hashes.arrow", "m", bits=16, dataset="d")

        def page(k: int, offset: int = 0) -> list[str]:
            options = {"item": "0000", "rank": "hamming", "exclude_self": False}
            return [match.id for match in session.query(k=k, offset=offset, **options)]

        expected = sorted(ids, key=lambda id: (int(id) % 3, id))
        assert page(3000) == expected
        assert page(250) == expected[:250]
        assert [id for at in range(0, 3000, 750) for id in page(750, at)] == expected


def test_a_user_who_may_not_change_settings_can_search(dsn: str, tmp_path) -> None:
    fill(dsn, tmp_path / "package", ITEMS)
    asked = (Query(Kind.ITEM, ITEMS[0].name),)
    request = Request(asked, k=9, where="width > 10")
    with Catalog.open(dsn) as catalog:
        reader = catalog.reader()
        # what the driver asks as it connects, before it sends settings of its own
        known = reader.query("SELECT name, value, readonly FROM system.settings").result_rows
        settings = {name: SettingDef(name, value, readonly) for name, value, readonly in known}
        assert has_fixed_settings(SimpleNamespace(server_settings=settings))
        assert not catalog.layout.fixed
        expected = search(catalog, request)
        found = search(Catalog(reader, dsn), request)
        assert [match.name for match in found] == [match.name for match in expected]
        reader.close()

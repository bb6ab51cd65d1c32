"""Groups, status, attributes and deleting change what is selected, wherever the catalog is."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import made_catalog
import pytest
import toy
from made_catalog import made_items

import hamsight
from hamsight_core.errors import EmptyCatalogError, ExpressionError, UnknownItemError, UsageError
from hamsight_core.show.formats import Format, write

HOSTILE = [
    'it\'s "q" `b` \\n \\',
    "'; DROP TABLE models; --",
    "{group:String} $name %s {where_0:String}",
    "line\nbreak\ttab\r",
    "nul\x00inside",
    "漢字 😀 é\u0301 \u202e",
    "x" * 4000,
]
ITEMS = made_items(60)
IDENTITIES = [made.identity for made in ITEMS]


@pytest.fixture
def session(dsn: str, tmp_path: Path) -> Iterator[hamsight.Session]:
    """A catalog of 60 items of two datasets, the first 40 of them with a second model too."""
    made_catalog.fill(dsn, tmp_path / "one", ITEMS)
    made_catalog.fill(dsn, tmp_path / "two", ITEMS[:40], "second")
    with hamsight.open(dsn) as opened:
        yield opened


def rows(session: hamsight.Session, table: str = "items_made") -> dict[tuple, dict]:
    found = session.sql(f"SELECT * FROM {table} ORDER BY dataset, subset, id")
    assert found is not None
    return {
        (row["dataset"], row["subset"], row["id"]): row
        for row in found.to_pylist(maps_as_pydicts="strict")
    }


def in_group(session: hamsight.Session, name: str, table: str = "items_made") -> set[tuple]:
    return {identity for identity, row in rows(session, table).items() if name in row["groups"]}


def where(session: hamsight.Session, expression: str) -> set[tuple]:
    matches = session.query(item="/".join(IDENTITIES[0]), model="made", where=expression, k=1000)
    return {(match.dataset, match.subset, match.id) for match in matches}


def without_groups(found: Mapping[tuple, dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "groups"} for row in found.values()]


def test_groups_of_names_identities_and_matches_are_searchable_at_once(session) -> None:
    before = rows(session)
    names = ["/".join(part for part in identity if part) for identity in IDENTITIES[6:9]]
    change = session.add_to_group("a", names)
    assert (change.selected, change.changed) == (3, 3)
    matches = session.query(item=names[0], model="made", k=5)
    assert session.add_to_group("b", matches).changed == 5
    session.add_to_group("b", IDENTITIES[6:7])
    assert in_group(session, "a") == set(IDENTITIES[6:9])
    found = {(m.dataset, m.subset, m.id) for m in matches}
    assert in_group(session, "b") == found | {IDENTITIES[6]}
    assert where(session, '"a" in groups and not "b" in groups') == (
        in_group(session, "a") - in_group(session, "b")
    )
    assert without_groups(rows(session)) == without_groups(before)


def test_a_group_goes_to_the_item_in_the_table_of_every_model(session) -> None:
    change = session.add_to_group("a", IDENTITIES[35:45])
    assert (change.selected, change.changed) == (10, 10)
    assert in_group(session, "a") == set(IDENTITIES[35:45])
    assert in_group(session, "a", "items_second") == set(IDENTITIES[35:40])
    session.remove_from_group("a", IDENTITIES[35:37], model="second")
    assert in_group(session, "a") == set(IDENTITIES[35:45])
    assert in_group(session, "a", "items_second") == set(IDENTITIES[37:40])
    assert {"group": "a", "items": 10, "datasets": ["birds", "cats"]} in (
        session.groups().to_pylist()
    )


def test_adding_and_removing_twice_changes_nothing_more(session) -> None:
    for changed in (7, 0):
        change = session.add_to_group("a", IDENTITIES[:7])
        assert (change.selected, change.changed) == (7, changed)
    assert all(row["groups"].count("a") <= 1 for row in rows(session).values())
    session.add_to_group("rest", IDENTITIES[50:])
    for changed in (2, 0):
        assert session.remove_from_group("a", IDENTITIES[:2]).changed == changed
    assert in_group(session, "a") == set(IDENTITIES[2:7])
    assert session.delete_group("a") == 5
    assert in_group(session, "a") == in_group(session, "a", "items_second") == set()
    assert in_group(session, "rest") == set(IDENTITIES[50:])
    with pytest.raises(UsageError, match="no item is in a group 'a'"):
        session.delete_group("a")


def test_an_expression_with_datasets_and_subsets_selects(session) -> None:
    change = session.add_to_group(
        "wide", where='width >= 120 and dog > 0 and like(filename, "%.jpg")', dataset="birds"
    )
    expected = {
        made.identity
        for made in ITEMS
        if made.width >= 120 and made.item.tags.get("dog", 0) > 0 and made.dataset == "birds"
    }
    assert in_group(session, "wide") == expected
    assert change.selected == change.changed == len(expected)
    session.add_to_group("train", subset=["train", ""])
    assert in_group(session, "train") == {i for i in IDENTITIES if i[1] in ("train", "")}


def test_hostile_names_come_back_the_same_and_run_nothing(session) -> None:
    for name in HOSTILE:
        assert session.add_to_group(name, IDENTITIES[:3]).changed == 3
        assert (
            session.set(IDENTITIES[:2], status=name, attributes={name: name, "iso": name}).changed
            == 2
        )
        row = rows(session)[IDENTITIES[0]]
        assert row["status"] == name
        assert row["attributes"][name] == row["attributes"]["iso"] == name
    listed = {row["group"]: row["items"] for row in session.groups().to_pylist()}
    assert {name: listed[name] for name in HOSTILE} == dict.fromkeys(HOSTILE, 3)
    for name in HOSTILE:
        assert session.remove_from_group(name, IDENTITIES[:1]).changed == 1
        assert session.delete_group(name) == 2
    assert len(rows(session)) == 60
    assert len(session.catalog().models()) == 2


def test_status_and_attributes_are_set_where_they_differ(session) -> None:
    first, second = IDENTITIES[:2]
    change = session.set(
        [first, second], status="reviewed", attributes={"by": "ann"}, remove_attributes=["iso"]
    )
    assert (change.selected, change.changed) == (2, 2)
    for table in ("items_made", "items_second"):
        found = rows(session, table)
        assert found[first]["status"] == "reviewed"
        assert found[first]["attributes"] == {"by": "ann"}
        assert found[IDENTITIES[2]]["attributes"] == dict(ITEMS[2].item.attributes)
    assert session.set([first], status="reviewed", attributes={"by": "ann"}).changed == 0
    assert session.set([first], attributes={"by": "bob", "a": ""}).changed == 1
    assert rows(session)[first]["attributes"] == {"by": "bob", "a": ""}
    assert where(session, 'attributes["by"] == "ann" and status == "reviewed"') == {second}


def test_deleting_takes_the_items_of_every_model(session) -> None:
    assert session.delete(IDENTITIES[38:42]) == 4
    assert set(rows(session)) == set(IDENTITIES[:38] + IDENTITIES[42:])
    assert set(rows(session, "items_second")) == set(IDENTITIES[:38])
    assert session.delete(IDENTITIES[38:42]) == 0
    wide = {made.identity for made in ITEMS if made.width > 150}
    assert session.delete(where="width > 150") == len(wide - set(IDENTITIES[38:42]))
    assert not set(rows(session)) & wide
    assert session.delete(IDENTITIES[:2], model="second") == 2
    assert set(IDENTITIES[:2]) <= set(rows(session))


def test_a_dataset_without_items_is_forgotten(session) -> None:
    for dataset in ("birds", "cats"):
        session.sql(
            "INSERT INTO rejects SELECT 'made', {d:String}, '', 'bad.jpg', '/bad', 'why', now()",
            {"d": dataset},
            write=True,
        )
    birds = [identity for identity in IDENTITIES if identity[0] == "birds"]
    assert session.delete(birds[:-1]) == len(birds) - 1
    assert {row["dataset"] for row in session.datasets().to_pylist()} == {"birds", "cats"}
    session.delete(dataset="birds")
    (left,) = session.datasets().to_pylist()
    assert (left["dataset"], left["rejects"]) == ("cats", 1)


@pytest.mark.parametrize("format", [Format.JSONL, Format.JSON, Format.CSV])
def test_what_a_query_wrote_reads_back_as_its_items(session, format: Format) -> None:
    from hamsight.cli.piped import read_identities

    matches = session.query(item="/".join(IDENTITIES[0]), model="made", k=1000)
    stream = io.BytesIO()
    write(matches.to_arrow(), format, stream)
    stream.seek(0)
    assert read_identities(stream) == [(m.dataset, m.subset, m.id) for m in matches]


def test_wrong_requests_say_what_is_wrong(session) -> None:
    with pytest.raises(UsageError, match="say which items"):
        session.delete()
    with pytest.raises(UsageError, match=r"dataset 'brids'.*did you mean 'birds'"):
        session.delete(dataset="brids")
    with pytest.raises(UsageError, match=r"subset 'test'.*there are: '', 'train', 'val'"):
        session.delete(subset="test")
    with pytest.raises(ExpressionError, match="expected"):
        session.add_to_group("a", where="widht > 3")
    with pytest.raises(UnknownItemError, match="nearest"):
        session.add_to_group("a", "no/such.jpg")
    with pytest.raises(UsageError, match="by itself"):
        session.add_to_group("a", IDENTITIES[:1], where="width > 3")
    with pytest.raises(UsageError, match="the group is empty"):
        session.add_to_group(" ", IDENTITIES[:1])
    with pytest.raises(UsageError, match="not UTF-8"):
        session.add_to_group("\udcff", IDENTITIES[:1])
    with pytest.raises(UsageError, match="at most 4096"):
        session.add_to_group("x" * 4097, IDENTITIES[:1])
    with pytest.raises(UsageError, match="nothing to set"):
        session.set(IDENTITIES[:1])
    with pytest.raises(UsageError, match="both set and removed"):
        session.set(IDENTITIES[:1], attributes={"a": "b"}, remove_attributes=["a"])
    with pytest.raises(UsageError, match="no item: give a name"):
        session.delete([("birds", "train")])
    with pytest.raises(UsageError, match="nothing of the model"):
        session.delete(IDENTITIES[:1], model="thrid")
    assert len(rows(session)) == 60


def test_an_ambiguous_name_is_narrowed(session) -> None:
    table = toy.generation(session, "made")
    session.sql(
        f"INSERT INTO {table} SELECT * REPLACE ('other' AS dataset) FROM {table}"
        " WHERE id = {id:String}",
        {"id": IDENTITIES[10][2]},
        write=True,
    )
    with pytest.raises(UnknownItemError, match=r"names 2 items: .*Say DATASET/SUBSET/ID"):
        session.delete(IDENTITIES[10][2])
    assert session.delete(IDENTITIES[10][2], dataset="other") == 1
    assert IDENTITIES[10] in rows(session)


def test_an_empty_catalog_has_nothing_to_change(dsn: str) -> None:
    with hamsight.open(dsn) as session:
        session.catalog(create=True)
        with pytest.raises(EmptyCatalogError, match="hamsight ingest"):
            session.add_to_group("a", where="width > 3")
        assert session.datasets().num_rows == 0


def test_thousands_of_long_ids_fit_into_statements(session) -> None:
    session.sql(
        f"INSERT INTO {toy.generation(session, 'made')} (dataset, subset, id, hash, feature)"
        " SELECT 'many', 'ü', concat('é漢', leftPad(toString(number), 100, '_')), '', []"
        " FROM numbers(1500)",
        write=True,
    )
    ids = [("many", "ü", "é漢" + str(n).rjust(100, "_")) for n in range(1500)]
    assert session.add_to_group("a", ids).changed == 1500
    assert len(in_group(session, "a")) == 1500
    assert session.delete(ids[:1400]) == 1400
    assert in_group(session, "a") == set(ids[1400:])
    assert json.dumps(session.groups().to_pylist()[0]["datasets"]) == '["many"]'

"""Saved queries answer as the query did, on new data too, and as SQL views."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import made_catalog
import pytest
import toy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_catalog import made_items
from typer.testing import CliRunner

import hamsight
from hamsight.cli.app import app
from hamsight_core.catalog.statements import quoted
from hamsight_core.errors import (
    EmptyCatalogError,
    ExpressionError,
    ModelError,
    ModelMismatchError,
    UsageError,
)
from hamsight_query.saved_view import with_literals
from hamsight_query.steps import Statement

HOSTILE = [
    'it\'s "q" `b` \\n \\',
    "'; DROP TABLE models; --",
    "{name:String} $name %s {where_0:String}",
    "line\nbreak\ttab\r",
    "nul\x00inside",
    "漢字 😀 e\u0301 \u202e",
    "x" * 4000,
    "\\' OR 1=1 -- ",
]
ITEMS = made_items(60)
NAMES = [made.name for made in ITEMS]
OPTIONS = {
    "item": [NAMES[7], NAMES[8]],
    "k": 9,
    "offset": 2,
    "combine": "balanced",
    "candidates": 30,
    "max_distance": 40,
    "dataset": "birds",
    "subset": ["train", "val"],
    "where": 'dog >= 1 or "good" in groups',
}


@pytest.fixture
def session(dsn: str, tmp_path: Path) -> Iterator[hamsight.Session]:
    """A catalog of 50 made items, 10 more of which can still be added."""
    made_catalog.fill(dsn, tmp_path / "model", ITEMS[:50])
    with hamsight.open(dsn) as opened:
        yield opened


def run(dsn: str, *args: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, [*args, "--db", dsn])
    assert result.exit_code == status, result.output
    return result.stdout if status == 0 else result.stderr


def rows(found: object) -> list[dict]:
    return found.to_arrow().to_pylist(maps_as_pydicts="strict")


@pytest.mark.parametrize(
    "options",
    [
        {"item": NAMES[7]},
        OPTIONS,
        {**OPTIONS, "combine": "all", "dissimilar": True, "max_distance": None},
        {"item": NAMES[7:10], "rank": "hamming", "exclude_self": False, "k": 60},
    ],
)
def test_a_saved_query_answers_as_the_query_does(session, options) -> None:
    session.save_query("mine", **options)
    expected = rows(session.query(**options))
    found = session.run("mine")
    assert rows(found) == expected
    assert found.targets[0].query.given == NAMES[7]
    assert rows(session.run("mine", k=3, offset=1)) == rows(
        session.query(**{**options, "k": 3, "offset": 1})
    )


def test_it_answers_from_new_data_and_without_the_model(session, dsn, tmp_path) -> None:
    session.save_query("near", item=NAMES[0], k=100)
    assert len(session.run("near")) == 49
    made_catalog.fill(dsn, tmp_path / "model", ITEMS[50:])
    (tmp_path / "model" / "model.toml").unlink()
    session.delete([ITEMS[0].identity])
    found = session.run("near")
    assert {match.name for match in found} == {
        "/".join(part for part in made.identity if part) for made in ITEMS[1:]
    }


def test_pictures_and_words_are_kept_as_hash_and_feature(
    dsn, shared, tmp_path, monkeypatch
) -> None:
    photos = toy.photos(tmp_path / "photos", 4)
    with hamsight.open(dsn) as session:
        session.ingest(photos, dataset="photos")
        monkeypatch.chdir(photos)
        asked = {"image": "001.jpg", "text": "a red field", "k": 4}
        session.save_query("both", **asked)
        expected = rows(session.query(**asked))
        monkeypatch.chdir(tmp_path)

        def refuse(*_: object) -> None:
            raise ModelError("the model was loaded")

        monkeypatch.setattr("hamsight_core.catalog.catalog.load_package", refuse)
        found = session.run("both")
        assert rows(found) == expected
        found.save(tmp_path / "sheet.png")
        assert (tmp_path / "sheet.png").stat().st_size > 1000
        (listed,) = session.saved().to_pylist(maps_as_pydicts="strict")
        assert listed["queries"] == ["image: 001.jpg", "text: a red field"]
        assert listed["options"] == {"k": "4"}


def test_a_changed_model_is_refused_with_the_remedy(session) -> None:
    session.save_query("old", item=NAMES[0])
    session.sql(
        "ALTER TABLE models UPDATE digest = 'another' WHERE true SETTINGS mutations_sync = 2",
        write=True,
    )
    with pytest.raises(ModelMismatchError, match=r"'old' was made with .* now of another.*--repl"):
        session.run("old")
    with pytest.raises(ModelMismatchError):
        session.save_view("old", "old_view")
    session.save_query("old", item=NAMES[0], replace=True)
    assert session.run("old")


def test_a_name_is_taken_once_unless_replaced(session) -> None:
    session.save_query("mine", item=NAMES[0], k=3)
    with pytest.raises(UsageError, match=r"'mine' already.*--replace"):
        session.save_query("mine", item=NAMES[1])
    session.save_query("mine", item=NAMES[1], k=4, replace=True)
    assert len(session.run("mine")) == 4
    assert session.run("mine").targets[0].query.given == NAMES[1]
    assert session.sql("SELECT count() AS n FROM saved_queries")["n"].to_pylist() == [1]
    session.delete_saved("mine")
    assert session.saved().num_rows == 0
    with pytest.raises(UsageError, match="no saved query 'mine': none has been saved yet"):
        session.run("mine")


def test_hostile_names_and_filters_come_back_the_same(session) -> None:
    filters = {name: f"status != {quoted(name)}" for name in HOSTILE}
    for number, name in enumerate(HOSTILE):
        session.save_query(name, item=NAMES[0], k=number + 1, where=filters[name])
    listed = {row["name"]: row for row in session.saved().to_pylist(maps_as_pydicts="strict")}
    assert set(listed) == set(HOSTILE)
    for number, name in enumerate(HOSTILE):
        assert listed[name]["filter"] == filters[name]
        assert listed[name]["options"] == {"k": str(number + 1)}
        assert len(session.run(name)) == number + 1
        session.save_view(name, f"view_{number}")
        found = session.sql(f"SELECT rank, id FROM view_{number} ORDER BY rank").to_pylist()
        assert found == [{"rank": m.rank, "id": m.id} for m in session.run(name)]
        session.delete_saved(name)
        assert session.saved().num_rows == len(HOSTILE) - number - 1
    assert len(session.catalog().models()) == 1


def test_the_filter_is_checked_against_the_tags_of_today(session) -> None:
    session.save_query("dogs", item=NAMES[0], where="dog > 0", dataset="cats")
    session.sql(
        f"ALTER TABLE {toy.generation(session)}"
        " UPDATE tags = mapFilter((tag, n) -> tag != 'dog', tags)"
        " WHERE true SETTINGS mutations_sync = 2",
        write=True,
    )
    with pytest.raises(ExpressionError, match="dog"):
        session.run("dogs")
    session.delete_dataset("cats")
    with pytest.raises(UsageError, match="--dataset 'cats'"):
        session.run("dogs")


def test_a_catalog_of_before_saved_queries(session) -> None:
    session.sql("DROP TABLE IF EXISTS saved_queries SYNC", write=True)
    assert session.saved().num_rows == 0
    assert session.saved().column_names[:3] == ["name", "queries", "filter"]
    for wrong in (session.run, session.delete_saved):
        with pytest.raises(UsageError, match="none has been saved yet"):
            wrong("mine")
    session.save_query("mine", item=NAMES[0])
    assert session.run("mine")


def test_wrong_requests_say_what_is_wrong(session) -> None:
    session.save_query("near dogs", item=NAMES[0])
    with pytest.raises(UsageError, match="did you mean 'near dogs'"):
        session.run("near dgs")
    with pytest.raises(UsageError, match="is empty"):
        session.save_query("  ", item=NAMES[0])
    with pytest.raises(UsageError, match="4097 bytes; at most 4096"):
        session.save_query("x" * 4097, item=NAMES[0])
    with pytest.raises(UsageError, match="not UTF-8"):
        session.save_query("\udcff", item=NAMES[0])
    with pytest.raises(UsageError, match="not UTF-8"):
        session.save_query("a", image="\udcff.jpg")
    with pytest.raises(ExpressionError):
        session.save_query("a", item=NAMES[0], where="widht > 3")
    with pytest.raises(UsageError, match="-k is 0"):
        session.run("near dogs", k=0)
    assert session.saved().num_rows == 1


def test_views_answer_with_their_rank_from_new_data(session, dsn, tmp_path) -> None:
    session.save_query("mine", **OPTIONS)
    session.save_view("mine", "mine_view")
    for _ in range(2):
        found = session.sql("SELECT * FROM mine_view ORDER BY rank").to_pylist()
        matches = session.run("mine")
        asked = [target.query.label for target in matches.targets]
        assert [(r["rank"], r["id"], r["distance"], asked[r["query"] - 1]) for r in found] == [
            (m.rank, m.id, m.distance, m.query) for m in matches
        ]
        assert [row["similarity"] for row in found] == [m.similarity for m in matches]
        made_catalog.fill(dsn, tmp_path / "model", ITEMS[50:])


def test_a_view_takes_only_a_free_name(session) -> None:
    session.save_query("mine", item=NAMES[0], k=2)
    for wrong in ("", "a b", "1a", "a;b", "a`b", "é", "a.b", "x" * 101):
        with pytest.raises(UsageError, match="cannot name a view"):
            session.save_view("mine", wrong)
    for own in ("models", "renames", "saved_queries", "items_made", "items_future"):
        for replace in (False, True):
            with pytest.raises(UsageError, match="Hamsight's own tables"):
                session.save_view("mine", own, replace=replace)
    session.sql("CREATE VIEW theirs AS SELECT 1 AS a", write=True)
    session.sql("CREATE TABLE other (a UInt8) ENGINE = MergeTree ORDER BY a", write=True)
    for taken in ("theirs", "other"):
        with pytest.raises(UsageError, match=f"{taken!r} already: choose another name"):
            session.save_view("mine", taken, replace=True)
    session.save_view("mine", "v")
    with pytest.raises(UsageError, match=r"view 'v' already, of the saved query 'mine'.*--repl"):
        session.save_view("mine", "v")
    session.save_query("more", item=NAMES[0], k=5)
    session.save_view("more", "v", replace=True)
    session.save_view("more", "new", replace=True)
    for view in ("v", "new"):
        assert session.sql(f"SELECT count() AS n FROM {view}")["n"].to_pylist() == [5]


def test_too_many_queries_for_a_view(session) -> None:
    where = f'status != "{"x" * 60_000}"'
    session.save_query("long", item=NAMES[:4], where=where, combine="balanced", k=3)
    assert len(session.run("long")) == 3
    with pytest.raises(UsageError, match="make views of some"):
        session.save_view("long", "long_view")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.text(
    st.sampled_from("'\\`\"$%{}:-/*#;\n\r\t\b\x00\x1a?@( ),nN0x"), max_size=30
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=texts,
    several=st.lists(texts, max_size=4),
    identities=st.lists(st.tuples(texts, texts, texts), max_size=3),
    whole=st.integers(-(2**63), 2**63 - 1),
    unsigned=st.integers(0, 2**64 - 1),
    real=st.floats(allow_nan=False, allow_infinity=False),
    reals=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=5),
)
def test_literals_are_the_values(
    client, text, several, identities, whole, unsigned, real, reals
) -> None:
    values = {
        "text": text,
        "several": several,
        "identities": identities,
        "whole": whole,
        "unsigned": unsigned,
        "real": real,
        "reals": reals,
    }
    types = {
        "text": "String",
        "several": "Array(String)",
        "identities": "Array(Tuple(String, String, String))",
        "whole": "Int64",
        "unsigned": "UInt64",
        "real": "Float64",
        "reals": "Array(Float32)",
    }
    selected = ", ".join(f"{{{name}:{type}}} AS {name}" for name, type in types.items())
    sql = with_literals(Statement(f"SELECT {selected}, 'end' AS last", values))
    (row,) = client.query(sql).result_rows
    assert row[-1] == "end"
    for (name, value), found in zip(values.items(), row[:-1], strict=True):
        assert found == value and repr(found) == repr(value), name
        if name == "real":
            assert math.copysign(1, found) == math.copysign(1, real)


def test_the_commands(session, dsn, tmp_path) -> None:
    session.close()
    assert "'my q' is saved" in run(
        dsn, "save", "my q", "--item", NAMES[3], "-k", "4", "--where", "dog >= 1", "--rank=hamming"
    )
    found = [json.loads(line) for line in run(dsn, "run", "my q", "--format", "jsonl").splitlines()]
    asked = run(
        dsn, "query", "--item", NAMES[3], "-k", "4", "--where", "dog >= 1", "--rank=hamming",
        "--format", "jsonl",
    )  # fmt: skip
    assert found == [json.loads(line) for line in asked.splitlines()] and len(found) == 4
    assert len(run(dsn, "run", "my q", "-k", "2", "--format", "jsonl").splitlines()) == 2
    assert "SET param_hash_1" in run(dsn, "run", "my q", "--show-sql")
    run(dsn, "run", "my q", "--add-to-group", "g", "-k", "1")
    (listed,) = json.loads(run(dsn, "saved", "--format", "json"))
    assert listed["name"] == "my q" and listed["queries"] == [f"item: {NAMES[3]}"]
    assert listed["filter"] == "dog >= 1" and listed["model"] == "made"
    assert listed["options"] == {"k": "4", "rank": "hamming"}
    assert "answers" in run(dsn, "saved", "view", "my q", "v")
    counted = run(dsn, "sql", "SELECT count() AS n FROM v", "--format", "jsonl")
    assert json.loads(counted) == {"n": 4}
    assert "--replace" in run(dsn, "save", "my q", "--item", NAMES[3], status=2)
    assert "nothing to search for" in run(dsn, "save", "other", status=2)
    run(dsn, "save", "none", "--item", NAMES[3], "--where", "dog > 1000")
    assert "no match" in run(dsn, "run", "none", status=1)
    run(dsn, "saved", "delete", "none")
    assert "did you mean" in run(dsn, "saved", "delete", "my p", status=2)
    wrong = CliRunner().invoke(app, ["saved", "--db", dsn, "delete", "my q"])
    assert wrong.exit_code == 2 and "put --db after delete" in wrong.stderr


def test_an_empty_catalog(dsn) -> None:
    with hamsight.open(dsn) as session:
        session.catalog(create=True)
        assert session.saved().num_rows == 0
        with pytest.raises(EmptyCatalogError, match="hamsight ingest"):
            session.save_query("a", item="b")

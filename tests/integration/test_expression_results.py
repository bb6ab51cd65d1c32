"""Metadata expressions run on the engine and mean there what they mean in Python."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from expression_oracle import predicate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hamsight_core.catalog.layout import Layout
from hamsight_core.catalog.statements import fill
from hamsight_query.where import Filter, compile_filter

TAGS = ["dog", "squirrel", "wheels"]
COLUMNS = (
    *("dataset", "subset", "id", "uri", "width", "height", "orientation", "file_size", "format"),
    *("tags", "captions", "groups", "status", "attributes"),
)
WORDS = ["", "a", "A", "aB", "é É", "漢😀", "it's", 'sa"id', "back\\slash", "50%", "a_b", "x\ty\nz"]


def made_rows(count: int = 50) -> list[dict[str, Any]]:
    rng = random.Random(7)
    numbers = ["100", "4", "-3", "2.5", "1e2", "+7", ".5", "0", "", "7x", " 5", "abc", "1_0"]
    rows = []
    for n in range(count):
        some = lambda: rng.sample(WORDS, rng.randrange(3))  # noqa: E731
        rows.append(
            {
                "dataset": f"dataset{n % 3}",
                "subset": rng.choice(["train", "val", ""]),
                "id": f"{n:02d}/{rng.choice(WORDS)}",
                "uri": f"/photos/{rng.choice(['IMG_', 'img-', 'é'])}{n}.jpg",
                "width": rng.choice([1, 2, 7, 16, 50]),
                "height": rng.randrange(1, 60),
                "orientation": rng.randrange(1, 9),
                "file_size": rng.randrange(0, 80),
                "format": rng.choice(["JPEG", "PNG"]),
                "tags": {
                    tag: rng.randrange(0, 5)
                    for tag in rng.sample([*TAGS, "traffic light", *WORDS], rng.randrange(5))
                },
                "captions": some(),
                "groups": some(),
                "status": rng.choice(["annotated", "unannotated"]),
                "attributes": {
                    **({"iso": rng.choice(numbers)} if rng.random() < 0.8 else {}),
                    **({"camera": rng.choice(WORDS)} if rng.random() < 0.6 else {}),
                },
            }
        )
    return rows


ROWS = made_rows()


@pytest.fixture
def items(client: Client) -> Iterator[Client]:
    client.command(fill("create_items", **Layout().fragments("items"), hash_bytes=64, moment=0))
    insert(client, ROWS)
    yield client


def insert(client: Client, rows: list[dict[str, Any]]) -> None:
    client.insert(
        "items", [[row[name] for name in COLUMNS] for row in rows], column_names=list(COLUMNS)
    )


def found(client: Client, filter: Filter) -> set[str]:
    sql = f"SELECT id, ({filter.sql}) IS NULL FROM items WHERE {filter.sql} AND 1"
    rows = client.query(sql, parameters=filter.parameters).result_rows
    assert not any(null for _, null in rows)
    return {name for name, _ in rows}


def expected(text: str) -> set[str]:
    holds = predicate(text)
    return {r["id"] for r in ROWS if holds({**r, "filename": r["uri"].rpartition("/")[2]})}


EXAMPLES = """
(squirrel > 2 or height > 30) and "a" in groups
wheels % 2 == 1
tags["traffic light"] > 0
like(filename, "IMG%")
10 < width <= 16
squirrel and height > 20
width / height > 1.5
width / dog > 1.5 or not width / dog > 1.5
height % dog == 1
not height % dog == 1
height % (width - height) < -3
(width - height) % -5 == -2
-7 % width == 3
7 % length(subset) == 2 or 7 % (length(subset) - 3) == 1 or 1 / length(subset) > 3
attributes["iso"] > 3
not attributes["iso"] > 3
attributes["iso"] != 100
attributes["iso"] + 0 < attributes["iso"] * 2
attributes["iso"] in (100, 2.5)
attributes["iso"] not in (100, 2.5)
attributes["iso"] == "100"
attributes["camera"] in ["a", "é É"]
attributes["camera"] < "a"
"iso" in attributes and "camera" not in attributes
"b" in captions
"É" in captions
"É" not in captions
"IMG" in filename
"dog" in tags
subset in ("train", 'val')
subset not in ["train"]
width in (7, 16.0, 50)
lower(filename) == "img_3.jpg" or startswith(filename, "é") or endswith(id, "%")
ilike(captions, "%É%") or like(groups, "a\\\\_b")
length(groups) > 1 and length(id) < 5
groups and not captions
tags and attributes
status == "annotated" and format != "PNG" and dataset < "dataset2"
uri >= "/photos/a" and orientation <= 4
id == "03/back\\\\slash" or "\\t" in id or "\\n" in id or '"' in id
file_size * 3 - 1 >= width * height
- - width < 3
1
0 or not 5 - 5
width in (-1, 2) or -dog == -2
-(attributes["iso"] - 4) in (0, 104) or 0 / width in [-0.0]
"""


def test_an_expression_selects_what_it_selects_in_python(items: Client) -> None:
    for text in EXAMPLES.strip().splitlines():
        assert found(items, compile_filter(text, TAGS)) == expected(text), text


HARD = [
    *(chr(n) for n in range(128)),
    "a\\b",
    "\\N",
    "\\\\n",
    "'; DROP TABLE items; --",
    "{where_0:String}",
    "%(where_0)s %s %%",
    "$table ${x}",
    "é漢😀\u200b\u2028\ufeff\U0010ffff",
    "a\0b",
    "\r\n",
    "x" * 5000,
    "NULL",
    "",
]


def literal(text: str) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
    return '"' + "".join(escapes.get(character, character) for character in text) + '"'


@pytest.mark.homes("chdb", "http")
def test_every_text_arrives_as_it_was_written(client: Client) -> None:
    client.command(fill("create_items", **Layout().fragments("items"), hash_bytes=64, moment=0))
    blank = {**ROWS[0], "captions": [], "groups": [], "tags": {}, "attributes": {}}
    insert(
        client,
        [
            {**blank, "id": f"{n}", "uri": t, "groups": [t], "tags": {t: 3}, "attributes": {t: t}}
            for n, t in enumerate(HARD)
        ],
    )
    for n, text in enumerate(HARD):
        quoted = literal(text)
        whole = (
            f"uri == {quoted} and {quoted} in groups and tags[{quoted}] == 3 and {quoted} in uri"
            f" and attributes[{quoted}] in ({quoted}, 'other') and uri in [{quoted}]"
        )
        assert found(client, compile_filter(whole, [])) == {str(n)}, repr(text)


def test_numbers_arrive_as_they_were_written(items: Client) -> None:
    for text in ["9223372036854775807", "-9223372036854775808", "0", "1e308", "5e-324", "1e16"]:
        filter = compile_filter(f"{text} == width - width and width in [{text}]", [])
        value = filter.parameters["where_0"]
        sent = filter.sql[: filter.sql.index(" =")]
        assert items.query(f"SELECT {sent}", parameters=filter.parameters).result_rows == [(value,)]


def test_no_sum_or_product_wraps(client: Client) -> None:
    client.command(fill("create_items", **Layout().fragments("items"), hash_bytes=64, moment=0))
    big = {"file_size": 2**63 - 1, "width": 2**31 - 1, "height": 2**31 - 1}
    insert(client, [{**ROWS[0], **big, "id": "big", "tags": {"dog": 2**31 - 1}}])
    for text in [
        "file_size + file_size > 1e18",
        "file_size * 2 > file_size",
        "-file_size - file_size < -1e18",
        "width * height > 4_000_000_000_000_000_000",
        "width * height * dog > 9e27",
        "width - file_size < 0",
        "-9223372036854775808 - 1 < -9.2e18",
        "--9223372036854775808 > 9.2e18",
        "file_size == 9223372036854775807 and file_size > 9223372036854775806",
        "-1 % file_size == 9223372036854775806",
        "-9223372036854775808 % -1 == 0 and -9223372036854775808 % (height - width - 1) == 0",
    ]:
        assert found(client, compile_filter(text, ["dog"])) == {"big"}, text


LARGE = [
    "1 % (" * 45 + "width" + ")" * 45 + " < 2",
    "not " * 95 + "width",
    "-(1 + " * 32 + "attributes['iso']" + ")" * 32 + " < 1",
    "(" * 95 + "width" + ")" * 95 + " >= 1",
    "width" + " / dog" * 95 + " > 1",
    "width in [" + ", ".join(map(str, range(9000))) + "]",
    "id in [" + ", ".join(f"'{n}é'" for n in range(6000)) + "]",
    " or ".join(f"dog>{n}" for n in range(1300)),
    " or ".join(f"id=='{n}'" for n in range(2000)),
]


def test_the_largest_expressions_run(items: Client) -> None:
    for text in LARGE:
        found(items, compile_filter(text, TAGS))


# Expressions at random. Numbers stay small, so that no result leaves what a float holds exactly.
def joined(*parts: Any) -> st.SearchStrategy[str]:
    return st.tuples(*(p if isinstance(p, st.SearchStrategy) else st.just(p) for p in parts)).map(
        " ".join
    )


quoted_words = st.sampled_from([*WORDS, "annotated", "train", "IMG", "b", "100", "4"]).map(literal)
patterns = st.lists(
    st.sampled_from(["%", "_", "a", "B", "é", "IMG", "\\%", "\\_", "\\\\", " ", "😀", "."]),
    max_size=4,
).map(lambda parts: literal("".join(parts)))
named_texts = st.sampled_from(["filename", "subset", "status", "id", 'attributes["camera"]'])
texts = named_texts | quoted_words | named_texts.map("lower({})".format)
lists = st.sampled_from(["captions", "groups"])
lengths = (named_texts | lists | st.sampled_from(["tags", "attributes"])).map("length({})".format)
attribute = st.just('attributes["iso"]')
plain_numbers = (
    st.integers(-9, 60).map(str)
    | st.sampled_from(["0.5", "2.25", "1e1", "1_0", "-2.5", "0.0"])
    | st.sampled_from(["width", "height", "file_size", "orientation", *TAGS])
    | st.sampled_from(['tags["traffic light"]', 'tags["nope"]'])
    | lengths
)
operators = st.sampled_from(["+", "-", "*", "/", "%"])
sums = st.recursive(
    plain_numbers | attribute,
    lambda inner: joined(inner, operators, inner) | joined("-", inner) | joined("(", inner, ")"),
    max_leaves=4,
)
comparators = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
memberships = st.sampled_from(["in", "not in"])
atoms = (
    joined(sums, comparators, sums)
    | joined(plain_numbers, comparators, sums, comparators, plain_numbers)
    | joined(texts, comparators, texts)
    | joined(sums, memberships, st.lists(st.integers(-9, 60), min_size=1, max_size=3).map(str))
    | joined(named_texts, memberships, "[", quoted_words, ",", quoted_words, "]")
    | joined(
        texts, memberships, st.sampled_from(["captions", "groups", "attributes"]) | named_texts
    )
    | joined(quoted_words, memberships, "tags")
    | joined(st.sampled_from(["like", "ilike"]), "(", named_texts | lists, ",", patterns, ")")
    | joined(st.sampled_from(["startswith", "endswith"]), "(", texts | lists, ",", texts, ")")
    | plain_numbers
    | lists
    | st.sampled_from(["tags", "attributes"])
)
conditions = st.recursive(
    atoms,
    lambda inner: (
        joined(inner, st.sampled_from(["and", "or"]), inner)
        | joined("not", inner)
        | joined("(", inner, ")")
    ),
    max_leaves=5,
)


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=conditions)
def test_random_expressions_select_what_they_select_in_python(items: Client, text: str) -> None:
    assert found(items, compile_filter(text, TAGS)) == expected(text)

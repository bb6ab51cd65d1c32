"""Matches as Python objects: the same for few and for many, read alone, compared by value."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from hamsight_query.result import Matches
from hamsight_query.steps import Statement

ROWS = 700


def matches(count: int) -> Matches:
    """Return a list of items, some of whose values are missing, in chunks."""
    rows = [
        {
            "rank": n + 1,
            "dataset": "d",
            "subset": "" if n % 2 else "train",
            "id": f"{n}.jpg",
            "uri": f"/p/{n}.jpg",
            "distance": None if n % 3 else n,
            "similarity": None if n % 3 else n / 7,
            "query": "",
            "width": n,
            "height": 5,
            "file_size": 10 * n,
            "format": "PNG",
            "tags": [("dog", n)] if n % 4 else [],
            "captions": [f"caption {n}"] * (n % 3),
            "groups": ["good"] * (n % 2),
            "status": "seen",
            "attributes": [("a", "b")],
        }
        for n in range(count)
    ]
    text = pa.list_(pa.string())
    kinds = {
        "tags": pa.map_(pa.string(), pa.int32()),
        "attributes": pa.map_(pa.string(), pa.string()),
    }
    kinds |= {"captions": text, "groups": text, "distance": pa.uint16(), "similarity": pa.float64()}
    names = list(rows[0])
    columns = [pa.array([row[name] for row in rows], kinds.get(name)) for name in names]
    table = pa.table(columns, names)
    return Matches(pa.concat_tables([table.slice(0, 5), table.slice(5)]), [], Statement(""), "mini")


def test_a_match_of_many_is_that_of_few() -> None:
    few, many = matches(9), matches(ROWS)
    assert list(few) == list(many[:9]) and list(many)[9:] != list(few)
    assert (many[3].name, many[3].tags, many[3].captions) == ("d/3.jpg", {"dog": 3}, [])
    assert (many[2].distance, many[3].similarity) == (None, 3 / 7)
    assert [match.rank for match in many] == list(range(1, ROWS + 1))


def test_a_match_stands_for_itself() -> None:
    one = matches(ROWS)[5]
    sent = pickle.dumps(one)
    assert pickle.loads(sent) == one and len(sent) < 1000
    assert "id='5.jpg'" in repr(one) and one != "5.jpg"
    with pytest.raises(AttributeError):
        one.status = "new"

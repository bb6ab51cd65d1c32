"""Maps of the page: what lies where, what a lasso holds, and what points are coloured by."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import numpy as np
import pytest
import toy
from visitor import Visitor

import hamsight
from hamsight_explore import start

COUNT = 40


@pytest.fixture(scope="module")
def session(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[hamsight.Session]:
    """A catalog of forty pictures, of two datasets, half of them with a tag."""
    folder = tmp_path_factory.mktemp("mapped")
    package = toy.model(folder / "model")
    toy.photos(folder / "coco" / "images", COUNT // 2)
    names = [(number, f"{number:03}.jpg") for number in range(COUNT // 2)]
    objects = [(n, "dog" if n % 3 else "cat", [1.0, 2.0, 8.0, 9.0]) for n in range(COUNT // 2)]
    toy.coco(folder / "coco", names, objects, [])
    with hamsight.open(f"chdb://{engine}?database=mapped") as opened:
        opened.ingest(folder / "coco", dataset="tagged", model=package)
        plain = toy.photos(folder / "plain", COUNT // 2, first=60)
        opened.ingest(plain, dataset="plain", model=package)
        yield opened


@pytest.fixture(scope="module")
def visitor(engine: str, session: hamsight.Session) -> Iterator[Visitor]:
    with start(f"chdb://{engine}?database=mapped") as running:
        yield Visitor(running)


@pytest.fixture(scope="module")
def made(visitor: Visitor) -> str:
    """The name of a map that the page has made, as a job."""
    assert visitor.get("maps").json["maps"] == []
    job = visitor.post("maps", method="pca")
    assert job.status == 202, job
    until = time.monotonic() + 60
    while visitor.get("jobs").json["jobs"][0]["state"] == "running":
        assert time.monotonic() < until
        time.sleep(0.05)
    (one,) = visitor.get("maps").json["maps"]
    assert (one["method"], one["items"], one["current"]) == ("pca", COUNT, True)
    name: str = one["analysis"]
    return name


def points_of(visitor: Visitor, name: str) -> tuple[np.ndarray, np.ndarray]:
    body = visitor.get("maps/points", map=name).body
    count = len(body) // 12
    return (
        np.frombuffer(body, "<u4", count),
        np.frombuffer(body, "<f4", 2 * count, 4 * count).reshape(count, 2),
    )


def inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Tell which points are inside of a polygon, by the even-odd rule."""
    x, y = points.astype(float).T
    found = np.zeros(len(points), bool)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, 1, axis=0), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = (bx - ax) * (y - ay) / (by - ay) + ax
        found ^= ((ay > y) != (by > y)) & (x < crossing)
    return found


def test_points_lie_where_the_map_of_the_catalog_has_them(visitor, session, made) -> None:
    numbers, positions = points_of(visitor, made)
    rows = {row["number"]: row for row in visitor.asked()["rows"]}
    expected = session.sql("SELECT dataset, subset, id, x, y FROM map_points").to_pylist()
    places = {(row["dataset"], row["subset"], row["id"]): (row["x"], row["y"]) for row in expected}
    assert len(numbers) == COUNT
    for number, position in zip(numbers.tolist(), positions.tolist(), strict=True):
        row = rows[number]
        assert places[row["dataset"], row["subset"], row["id"]] == tuple(position)
    assert visitor.get("maps/points", map="none").status == 400


def test_a_lasso_holds_what_numpy_finds_in_its_polygon(visitor, session, made) -> None:
    numbers, positions = points_of(visitor, made)
    middle, wide = positions.mean(0), np.ptp(positions, axis=0)
    rng = np.random.default_rng(3)
    held = set()
    for corners in (3, 5, 12, 60):
        angles = rng.uniform(0, 2 * np.pi, corners)
        if corners != 12:  # the sides of one polygon cross each other
            angles.sort()
        reach = rng.uniform(0.1, 0.7, (corners, 1)) * wide
        polygon = (middle + reach * np.stack([np.cos(angles), np.sin(angles)], 1)).round(4)
        lasso = {"map": made, "polygon": polygon.ravel().tolist()}
        expected = set(numbers[inside(positions, polygon)].tolist())
        found = visitor.asked(lasso=lasso)
        assert {row["number"] for row in found["rows"]} == expected
        assert found["total"] == len(expected) and found["command"] is None
        bits = np.frombuffer(
            visitor.get("maps/mask", map=made, result=found["result"]).body, np.uint8
        )
        mask = np.unpackbits(bits, count=COUNT, bitorder="little").astype(bool)
        assert set(numbers[mask].tolist()) == expected
        held.add(len(expected))
        facet = visitor.get("facets", result=found["result"], field="dataset").json["values"]
        assert sum(one["items"] for one in facet) == len(expected)
        name = "/".join(found["rows"][0][key] for key in ("dataset", "subset", "id"))
        search = {"queries": [{"kind": "item", "given": name}], "where": "width > 5"}
        near = visitor.asked(**search, lasso=lasso)
        order = [row["number"] for row in visitor.asked(**search)["rows"]]
        assert [row["number"] for row in near["rows"]] == [n for n in order if n in expected]
        filters = [{"field": "dataset", "value": "plain"}]
        both = visitor.asked(filters=filters, lasso=lasso)
        assert both["total"] == sum(row["dataset"] == "plain" for row in found["rows"])
    assert len(held) > 2 and max(held) < COUNT
    # a link names the layout: it holds when the map was made again and lies as before
    (listed,) = visitor.get("maps").json["maps"]
    of_layout = {"map": listed["layout"], "polygon": polygon.ravel().tolist()}
    assert listed["layout"] != made
    assert visitor.asked(lasso=of_layout)["total"] == len(expected)
    gone = visitor.post("search", lasso={"map": "no layout", "polygon": lasso["polygon"]})
    assert gone.status == 400 and "laid out again" in gone.json["error"]
    for wrong in ([1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7], ["a"] * 6, [10**400] * 6):
        assert visitor.post("search", lasso={"map": made, "polygon": wrong}).status == 400


def test_points_are_coloured_by_values_scores_and_similarity(visitor, session, made) -> None:
    numbers, _ = points_of(visitor, made)
    rows = {row["number"]: row for row in visitor.asked()["rows"]}

    def coloured(by: str, **values: str) -> tuple[dict, list[int]]:
        answer = visitor.get("maps/color", map=made, by=by, **values)
        assert answer.status == 200, answer
        told, _, codes = answer.body.partition(b"\n")
        return json.loads(told), list(codes)

    told, codes = coloured("tags")
    assert sorted(told["names"]) == ["cat", "dog"]
    for number, code in zip(numbers.tolist(), codes, strict=True):
        tags = list(rows[number]["tags"])
        assert code == (told["names"].index(tags[0]) + 1 if tags else 255)
    told, codes = coloured("dataset")
    assert sorted(told["names"]) == ["plain", "tagged"] and set(codes) == {1, 2}
    assert "score:blurry" in visitor.get("maps").json["colors"]
    told, codes = coloured("score:blurry")
    blurry = session.sql("SELECT id, scores['blurry'] AS score FROM items_toy").to_pylist()
    scores = {row["id"]: row["score"] for row in blurry}
    ordered = [scores[rows[number]["id"]] for number in numbers.tolist()]
    for a, first in zip(codes, ordered, strict=True):
        for b, second in zip(codes, ordered, strict=True):
            assert first >= second or a <= b
    sides = {"a": "where:dog > 0", "b": "dataset:tagged"}
    told, codes = coloured("sides", **sides)
    assert told["names"] == [sides["a"], sides["b"], "both"]
    for number, code in zip(numbers.tolist(), codes, strict=True):
        of = rows[number]
        assert code == (255 if of["dataset"] == "plain" else 3 if "dog" in of["tags"] else 2)
    assert visitor.get("maps/color", map=made, by="sides", a="dog").status == 400
    name = "/".join(rows[int(numbers[0])][key] for key in ("dataset", "subset", "id"))
    found = visitor.asked(queries=[{"kind": "item", "given": name}])
    told, codes = coloured("similarity", result=found["result"])
    similar = {row["number"]: row["similarity"] for row in found["rows"]}
    assert codes[0] == 255 and sorted(codes[1:])[-1] == 254
    best = max(similar, key=similar.__getitem__)
    assert codes[numbers.tolist().index(best)] == 254
    assert told["greatest"] == pytest.approx(similar[best], abs=1e-4)
    assert visitor.get("maps/color", map=made, by="width").status == 400
    names = visitor.get("maps/names", map=made).json["names"]
    assert {one["name"] for one in names} <= {"cat", "dog"}
    place = visitor.get("place", result=found["result"], number=found["rows"][2]["number"])
    assert place.json == {"place": 2}

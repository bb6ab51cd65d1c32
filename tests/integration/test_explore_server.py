"""The page's server: what it shows is what queries and SQL say, what it changes it can undo."""

from __future__ import annotations

import io
import json
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import toy
from PIL import Image
from typer.testing import CliRunner
from visitor import Visitor

import hamsight
from hamsight.cli.app import app
from hamsight_explore import Running, start
from hamsight_query.request import Kind, Query, Request

PHOTOS = 12


@pytest.fixture
def session(dsn: str, tmp_path: Path) -> Iterator[hamsight.Session]:
    """A catalog of twelve pictures with boxes and captions and six without, of two datasets."""
    package = toy.model(tmp_path / "model")
    root = tmp_path / "coco"
    toy.photos(root / "images", PHOTOS)
    names = [(number, f"{number:03}.jpg") for number in range(PHOTOS)]
    objects = [
        (number, "dog" if number % 2 else "cat", [1.0, 2.0, 8.0, 9.0]) for number in range(10)
    ]
    captions = [(number, f"picture {number}") for number in range(PHOTOS)]
    toy.coco(root, names, objects, captions)
    with hamsight.open(dsn) as opened:
        opened.ingest(root, dataset="drawn", model=package)
        opened.ingest(toy.photos(tmp_path / "plain", 6, first=50), dataset="plain", model=package)
        yield opened


@pytest.fixture
def running(dsn: str, session: hamsight.Session) -> Iterator[Running]:
    with start(dsn) as served:
        yield served


@pytest.fixture
def visitor(running: Running) -> Visitor:
    return Visitor(running)


def names(rows: list[dict]) -> list[str]:
    return ["/".join(part for part in (r["dataset"], r["subset"], r["id"]) if part) for r in rows]


def test_a_request_is_answered_as_in_python(visitor, session) -> None:
    for request in (
        Request((Query(Kind.ITEM, "drawn/train/003.jpg"),), k=5, calibrated=True),
        Request(where="dog > 0", sort="-id", k=3),
    ):
        answer = visitor.post("query", **request.to_json()).json
        expected = session.search(request)
        assert [one["id"] for one in answer["matches"]] == [one.id for one in expected]
        assert [one["similarity"] for one in answer["matches"]] == [m.similarity for m in expected]
    picture = {"kind": "image", "given": "/etc/hostname"}
    for wrong, words in (
        ({"queries": [picture]}, "send it to /api/uploads"),
        ({"where": "dog > 0", "model": str(Path.cwd())}, "has no model"),
        ({"where": "dog > 0", "k": 401}, "at most 400"),
        ({"where": "dog >"}, "expected"),
        ({"where": "dog > 0", "wher": 1}, "wher"),
        ({"where": "a\x00"}, "not UTF-8 text"),
    ):
        refused = visitor.post("query", **wrong)
        assert refused.status == 400 and words in refused.json["error"], refused.json


def stored(session: hamsight.Session) -> list[dict]:
    answer = session.sql("SELECT * FROM items_toy ORDER BY dataset, subset, id")
    assert answer is not None
    return answer.to_pylist(maps_as_pydicts="strict")


@pytest.mark.homes("chdb")
def test_the_first_view_is_all_items_in_the_order_of_their_names(visitor, session) -> None:
    found = visitor.asked()
    expected = [
        "/".join(part for part in (row["dataset"], row["subset"], row["id"]) if part)
        for row in stored(session)
    ]
    assert names(found["rows"]) == expected
    assert found["total"] == len(expected) == 18
    row = found["rows"][0]
    assert row["boxes"] == [{"label": "cat", "x": 1, "y": 2, "width": 8, "height": 9}]
    assert (row["tags"], row["captions"], row["width"]) == ({"cat": 1}, ["picture 0"], 24)
    assert "uri" not in row and "sha256" not in row
    window = visitor.get("rows", result=found["result"], from_=5, count=3).json
    assert names(window["rows"]) == expected[5:8]


@pytest.mark.parametrize(
    ("view", "options"),
    [
        ({}, {}),
        ({"where": "width > 20"}, {"where": "width > 20"}),
        ({"filters": [{"field": "tags", "value": "dog"}]}, {"where": '"dog" in tags'}),
        (
            {"filters": [{"field": "tags", "value": "dog", "excluded": True}]},
            {"where": 'not "dog" in tags'},
        ),
        ({"filters": [{"field": "dataset", "value": "plain"}]}, {"dataset": "plain"}),
    ],
)
@pytest.mark.homes("chdb")
def test_a_search_shows_what_a_query_answers(visitor, session, view, options, monkeypatch) -> None:
    monkeypatch.setattr("hamsight_explore.results.FIRST", 4)
    name = names(visitor.asked(filters=[{"field": "dataset", "value": "plain"}])["rows"])[0]
    found = visitor.asked(queries=[{"kind": "item", "given": name}], **view)
    matches = list(session.query(item=name, k=100, **options))
    assert names(found["rows"]) == [match.name for match in matches]
    assert found["total"] >= len(found["rows"]) == len(matches)
    for row, match in zip(found["rows"], matches, strict=True):
        assert row["distance"] == match.distance
        assert row["similarity"] == pytest.approx(match.similarity, abs=1e-4)


ASKED = [
    {"where": "width > 20", "sort": "-file_size"},
    {"filters": [{"field": "tags", "value": "dog"}]},
    {},
    {"queries": [("item", 0, 1, None), ("item", 4, -0.5, None)]},
    {"queries": [("item", 0, 1, [0.1, 0.2, 0.5, 0.5]), ("item", 4, 1, None)], "combine": "all"},
    {"queries": [("item", 0, 1, [0.25, 0, 0.5, 1])], "where": "width > 5", "min_similarity": 0.2},
    {"queries": [("item", 0, 1, None)], "min_similarity": 0.1, "sort": "-file_size"},
    {"queries": [("item", 2, 1, None), ("item", 5, 1, None)], "combine": "balanced"},
    {"queries": [("group", "some", 0.3, None), ("item", 4, 1, None)]},
    {"queries": [("each-of", "some", 1, None)]},
    {"queries": [("item", 0, 1, None)], "calibrated": True, "min_similarity": 0.5},
    {"queries": [("item", 3, 1, None)], "models": ["toy", "second"]},
]


@pytest.mark.homes("chdb")
def test_the_command_of_a_view_answers_its_first_items(visitor, session, dsn, tmp_path) -> None:
    rows = visitor.asked()["rows"]
    second = toy.model(tmp_path / "second", name="second", seed=8)
    session.ingest(tmp_path / "coco", dataset="drawn", model=second)
    session.ingest(tmp_path / "plain", dataset="plain", model=second)
    session.add_to_group("some", where='"dog" in tags')
    for view in ASKED:
        queries = [
            {"kind": kind, "given": names(rows)[given] if kind == "item" else given}
            | {"weight": weight, "box": box}
            for kind, given, weight, box in view.get("queries", ())
        ]
        found = visitor.asked(**{**view, "queries": queries})
        command = shlex.split(found["command"])
        answered = CliRunner().invoke(app, [*command[1:-1], dsn, "--format", "jsonl"])
        assert answered.exit_code == 0, answered.output
        expected = [json.loads(line)["id"] for line in answered.stdout.splitlines()]
        assert [row["id"] for row in found["rows"]] == expected, found["command"]
        assert found["total"] == len(expected) > 0


@pytest.mark.homes("chdb")
def test_a_histogram_counts_the_similarities_of_all_items(visitor, session, monkeypatch) -> None:
    monkeypatch.setattr("hamsight_explore.results.FIRST", 4)
    name = names(visitor.asked()["rows"])[0]
    found = visitor.asked(queries=[{"kind": "item", "given": name}])
    spread = visitor.get("histogram", result=found["result"]).json
    similar = [match.similarity for match in session.query(item=name, k=100)]
    counts, edges = numpy.histogram(similar, len(spread["counts"]))
    assert spread["counts"] == counts.tolist() and sum(spread["counts"]) == 17
    assert (spread["least"], spread["greatest"]) == pytest.approx((edges[0], edges[-1]))
    least = sorted(similar)[9]
    cut = visitor.asked(queries=[{"kind": "item", "given": name}], min_similarity=least)
    assert cut["total"] == len(cut["rows"]) == 8
    assert visitor.get("histogram", result=cut["result"]).json == spread
    assert visitor.get("histogram", result=visitor.asked()["result"]).status == 400


@pytest.mark.homes("chdb")
def test_a_picture_that_is_sent_is_searched_by_and_kept_in_memory_alone(
    visitor, session, tmp_path
) -> None:
    data = toy.jpeg(3)
    before = set(tmp_path.rglob("*"))
    sent = visitor.upload(data, "my%20dog.jpg").json
    assert (sent["name"], sent["width"], sent["height"]) == ("my dog.jpg", 24, 18)
    found = visitor.asked(queries=[{"kind": "upload", "given": sent["upload"]}])
    (tmp_path / "same.jpg").write_bytes(data)
    matches = session.query(image=tmp_path / "same.jpg", k=100)
    assert names(found["rows"]) == [match.name for match in matches]
    assert "--image 'my dog.jpg'" in found["command"]
    part = {"kind": "upload", "given": sent["upload"], "box": [0, 0.5, 0.5, 0.5]}
    matches = session.query(image=tmp_path / "same.jpg", box=part["box"], k=100)
    assert names(visitor.asked(queries=[part])["rows"]) == [match.name for match in matches]
    assert {one for one in tmp_path.rglob("*") if one.is_file()} - before == {tmp_path / "same.jpg"}
    small = visitor.get("uploaded", key=sent["upload"])
    assert Image.open(io.BytesIO(small.body)).size == (24, 18)


@pytest.mark.homes("chdb")
def test_orders_filters_and_their_sql(visitor, session) -> None:
    found = visitor.asked(sort="-file_size")
    sizes = [row["file_size"] for row in found["rows"]]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == 18
    backwards = visitor.asked(sort="-dataset")
    assert backwards["rows"][0]["dataset"] == "plain"
    assert visitor.post("search", sort="widht").status == 400
    either = visitor.asked(
        filters=[{"field": "tags", "value": "dog"}, {"field": "tags", "value": "cat"}]
    )
    assert either["total"] == 10
    statement = either["sql"].rpartition(";\n")[2].removesuffix(";")
    for line in either["sql"].splitlines():
        if line.startswith("SET param_"):
            name, _, value = line.removeprefix("SET param_").removesuffix(";").partition(" = ")
            statement = statement.replace(f"{{{name}:String}}", value)
    answer = session.sql(statement)
    assert [row["id"] for row in answer.to_pylist()] == [row["id"] for row in either["rows"]]
    wrong = visitor.post("search", where="width >")
    assert wrong.status == 400 and wrong.json["column"] == 8
    assert visitor.asked(where="width > 10000")["rows"] == []


@pytest.mark.homes("chdb")
def test_facets_count_items_and_the_selected_ones(visitor, session) -> None:
    found = visitor.asked()
    visitor.post("selection", page="p", operation="add", result=found["result"], from_=0, to=3)
    facet = visitor.get("facets", result=found["result"], field="tags", page="p").json
    assert facet["values"] == [
        {"value": "cat", "items": 5, "selected": 2},
        {"value": "dog", "items": 5, "selected": 1},
    ]
    dogs = visitor.asked(filters=[{"field": "tags", "value": "dog"}])
    subset = visitor.get("facets", result=dogs["result"], field="status").json["values"]
    assert subset == [{"value": "annotated", "items": 5}]
    # what else the field might be is counted without its own choice
    assert len(visitor.get("facets", result=dogs["result"], field="tags").json["values"]) == 2
    few = visitor.get("facets", result=found["result"], field="tags", limit=1).json
    assert (len(few["values"]), few["more"]) == (1, 1)
    asked = visitor.get("facets", result=found["result"], field="tags", contains="DO").json
    assert [one["value"] for one in asked["values"]] == ["dog"]


@pytest.mark.homes("chdb")
def test_the_selection_of_a_page_is_its_own(visitor) -> None:
    found = visitor.asked()
    numbers = [row["number"] for row in found["rows"]]

    def select(**change: object) -> int:
        return visitor.post("selection", page="p", **change).json["selected"]

    assert select(operation="set", items=numbers[:4]) == 4
    assert select(operation="toggle", items=numbers[3:6]) == 5
    assert select(operation="remove", items=numbers[:1]) == 4
    assert select(operation="add", result=found["result"], from_=10, to=12) == 6
    rows = visitor.get("rows", result=found["result"], page="p").json
    assert [place for place, row in enumerate(rows["rows"]) if row["selected"]] == [
        *(1, 2, 4, 5),
        *(10, 11),
    ]
    other = visitor.get("rows", result=found["result"], page="q").json
    assert other["selected"] == 0
    assert select(operation="add", result=found["result"]) == 18
    assert select(operation="none") == 0


CHANGES = [
    ({"action": "group", "name": "a"}, 4),
    ({"action": "group", "name": 'it\'s "q" \\ 漢'}, 4),
    ({"action": "status", "name": "good"}, 4),
    ({"action": "status", "name": "annotated"}, 4),
    ({"action": "attribute", "name": "seen", "value": "yes"}, 4),
    ({"action": "delete", "confirmed": 4}, 4),
]


def test_every_change_is_made_and_undone(visitor, session) -> None:
    found = visitor.asked()
    chosen = [found["rows"][place] for place in (0, 3, 11, 15)]
    identities = {(row["dataset"], row["subset"], row["id"]) for row in chosen}
    session.add_to_group("a", [next(iter(identities))])
    session.set([next(iter(identities))], attributes={"seen": "no", "other": "x"})
    before = stored(session)
    visitor.post("selection", page="p", operation="set", items=[row["number"] for row in chosen])
    labels = []
    for change, changed in CHANGES:
        expected = 3 if change.get("name") == "a" else changed
        answer = visitor.post("actions", page="p", **change)
        assert answer.status == 200, answer
        assert (answer.json["selected"], answer.json["changed"]) == (4, expected), change
        labels.append(answer.json["label"])
        now = {(row["dataset"], row["subset"], row["id"]): row for row in stored(session)}
        if change["action"] == "delete":
            assert set(now) == {(r["dataset"], r["subset"], r["id"]) for r in before} - identities
        else:
            others = [row for row in before if (row["dataset"], row["subset"], row["id"]) in now]
            untouched = [
                r for r in others if (r["dataset"], r["subset"], r["id"]) not in identities
            ]
            assert [now[r["dataset"], r["subset"], r["id"]] for r in untouched] == untouched
    selected = visitor.get("rows", result=found["result"], page="p").json
    assert selected["selected"] == 0 and selected["rows"][0] is None
    for label in reversed(labels):
        assert visitor.post("undo").json["undone"] == label
    assert stored(session) == before
    assert visitor.post("undo").status == 400


@pytest.mark.homes("chdb")
def test_an_export_holds_exactly_the_selection(visitor, session, tmp_path) -> None:
    found = visitor.asked()
    chosen = [found["rows"][place] for place in (1, 4, 7)]
    visitor.post("selection", page="p", operation="set", items=[row["number"] for row in chosen])
    target = tmp_path / "out"
    job = visitor.post("actions", page="p", action="export", to="coco", target=str(target))
    assert job.status == 202, job
    until = time.monotonic() + 60
    while visitor.get("jobs").json["jobs"][0]["state"] == "running":
        assert time.monotonic() < until
        time.sleep(0.05)
    done = visitor.get("jobs").json["jobs"][0]
    assert done["state"] == "done" and "3 items" in done["message"], done
    (file,) = (target / "annotations").glob("instances*.json")
    images = json.loads(file.read_text())["images"]
    assert len(images) == 3
    assert {Path(image["file_name"]).stem for image in images} == {
        Path(row["id"]).stem for row in chosen
    }
    again = visitor.post("actions", page="p", action="export", to="coco", target=str(target))
    while visitor.get("jobs").json["jobs"][0]["state"] == "running":
        time.sleep(0.05)
    assert again.status == 202 and visitor.get("jobs").json["jobs"][0]["state"] == "failed"
    assert visitor.post("actions", page="q", action="export", to="coco", target="x").status == 400


@pytest.mark.homes("chdb")
def test_pictures_small_and_whole_and_broken_ones(visitor, session, tmp_path) -> None:
    rows = visitor.asked(filters=[{"field": "dataset", "value": "plain"}])["rows"]
    row = rows[0]
    small = visitor.get("thumb", number=row["number"], version=row["version"], size=128)
    assert small.headers["content-type"] == "image/jpeg"
    assert "immutable" in small.headers["cache-control"]
    assert Image.open(io.BytesIO(small.body)).size == (24, 18)
    whole = visitor.get("picture", number=row["number"], version=row["version"])
    path = tmp_path / "plain" / row["id"]
    assert whole.body == path.read_bytes()
    assert whole.headers["content-type"] == "image/jpeg"
    uri = visitor.get("item", number=row["number"]).json["uri"]
    assert Path(uri).read_bytes() == whole.body
    broken = rows[1]
    (tmp_path / "plain" / broken["id"]).write_bytes(b"no picture")
    for path in ("picture", "thumb"):
        answer = visitor.get(path, number=broken["number"])
        assert answer.headers["content-type"] == "image/svg+xml"
        assert b"<text" in answer.body and answer.headers["cache-control"] == "no-store"
    assert visitor.get("thumb", number=10_000).status == 409
    assert visitor.get("thumb", number=row["number"], size=77).status == 400


@pytest.mark.homes("chdb")
def test_what_another_process_adds_and_deletes_is_seen(visitor, session, tmp_path) -> None:
    found = visitor.asked()
    more = toy.photos(tmp_path / "more", 3, first=90)
    session.ingest(more, dataset="drawn", model=tmp_path / "model")
    session.delete(where='id == "005.jpg"')
    assert visitor.get("rows", result=found["result"]).json["rows"][5] is None
    again = visitor.asked()
    assert names(again["rows"]) == [
        "/".join(part for part in (row["dataset"], row["subset"], row["id"]) if part)
        for row in stored(session)
    ]
    assert again["total"] == 20


@pytest.mark.homes("chdb")
def test_an_empty_catalog_and_one_that_is_not_there(dsn, tmp_path) -> None:
    with hamsight.open(dsn) as opened:
        opened.catalog(create=True)
    with start(dsn) as served:
        visitor = Visitor(served)
        assert visitor.get("catalog").json["models"] == []
        answer = visitor.post("search")
        assert answer.status == 409 and "hamsight ingest" in answer.json["error"]


@pytest.mark.homes("chdb")
def test_sql_answers_within_limits_and_its_items_become_a_view(visitor, session) -> None:
    answer = visitor.post("sql", statement="SELECT id, width, tags FROM items_toy ORDER BY id").json
    assert answer["columns"] == ["id", "width", "tags"] and answer["items"] is False
    assert answer["rows"][0] == ["000.jpg", 24, "{'cat': 1}"]
    statement = "SELECT dataset, subset, id FROM items_toy WHERE tags['dog'] > 0 ORDER BY id DESC"
    shown = visitor.post("sql", statement=statement, view=True).json
    assert (shown["total"], shown["sql"]) == (5, statement)
    rows = visitor.get("rows", result=shown["result"]).json["rows"]
    assert [row["id"] for row in rows] == ["009.jpg", "007.jpg", "005.jpg", "003.jpg", "001.jpg"]
    facet = visitor.get("facets", result=shown["result"], field="tags").json["values"]
    assert facet == [{"value": "dog", "items": 5}]
    many = visitor.post("sql", statement="SELECT number FROM numbers(10000000)").json
    assert len(many["rows"]) == 500 and many["more"] is True
    before = stored(session)
    for wrong in (
        "SELECT * FROM nothing",
        "SELECT file('/etc/hostname')",
        "DROP TABLE items_toy",
        "INSERT INTO models SELECT * FROM models",
        "SELECT 1; SELECT 2",
        "SELECT 1 INTO OUTFILE '/tmp/never'",
        "KILL QUERY WHERE 1",
        "",
    ):
        refused = visitor.post("sql", statement=wrong)
        assert refused.status in (400, 409) and refused.json["error"], wrong
    assert visitor.post("sql", statement="SELECT 1", view=True).status == 400
    assert stored(session) == before


@pytest.mark.homes("chdb")
def test_a_search_is_saved_and_repeated(visitor, session) -> None:
    name = names(visitor.asked()["rows"])[0]
    query = {"kind": "item", "given": name}
    dogs = [{"field": "tags", "value": "dog"}]
    asked = {"queries": [query], "filters": dogs, "where": "width > 5"}
    assert visitor.post("saved", name="dogs", view=asked).status == 200
    assert visitor.post("saved", name="dogs", view=asked).status == 400
    assert visitor.post("saved", name="dogs", view=asked, replace=True).status == 200
    (saved,) = visitor.get("saved").json["saved"]
    assert saved["name"] == "dogs"
    again = visitor.asked(**saved["view"])
    expected = [match.name for match in session.run("dogs")]
    assert names(again["rows"]) == expected == names(visitor.asked(**asked)["rows"])
    assert len(expected) == 5
    assert visitor.post("saved", name="all", view={}).status == 400
    sent = visitor.upload(toy.jpeg(3)).json["upload"]
    upload = {"queries": [{"kind": "upload", "given": sent}]}
    assert "not kept" in visitor.post("saved", name="mine", view=upload).json["error"]


@pytest.mark.homes("chdb")
def test_the_openapi_document_says_what_the_server_takes(visitor, session) -> None:
    from hamsight_explore.api import Api, routes

    said = visitor.get("openapi.json").json
    there = {(route.path, (route.methods - {"HEAD"}).pop().lower()) for route in routes(Api(None))}
    described = {(path, method) for path, one in said["paths"].items() for method in one}
    assert there == described
    row = visitor.asked()["rows"][0]
    session.map("pca")
    visitor.post("selection", page="p", operation="set", items=[row["number"]])
    classifier = visitor.post("classifier", page="p").json["classifier"]
    session.find_quality()
    analysis = visitor.get("analyses").json["analyses"][0]["analysis"]
    values = {
        "analysis": analysis,
        "list": visitor.post("findings", analysis=analysis).json["list"],
        "a": "dataset:drawn",
        "b": "dataset:plain",
        "map": session.maps()["analysis"][0].as_py(),
        "by": "tags",
        "classifier": classifier,
        "order": "likely",
        "result": visitor.asked(queries=[{"kind": "item", "given": names([row])[0]}])["result"],
        "number": row["number"],
        "field": "tags",
        "key": visitor.upload(toy.jpeg(1)).json["upload"],
        "page": "p",
        "size": 128,
        "limit": 5,
        "from": 0,
        "count": 2,
        "contains": "d",
        "version": row["version"],
        "model": "toy",
    }
    for path, one in said["paths"].items():
        if "get" not in one:
            continue
        name, parameters = path.removeprefix("/api/"), one["get"]["parameters"]
        every = {part["name"]: values[part["name"]] for part in parameters}
        assert visitor.get(name, **every).status == 200, path
        for part in parameters:
            fewer = {key: value for key, value in every.items() if key != part["name"]}
            answer = visitor.get(name, **fewer)
            assert (answer.status == 200) is not part["required"], (path, part["name"])
        assert visitor.get(name, **every, other=1).status == 400, path
    for path, one in said["paths"].items():
        body = one.get("post", {}).get("requestBody", {}).get("content", {})
        schema = body.get("application/json", {}).get("schema")
        if schema is not None:
            assert visitor.post(path.removeprefix("/api/"), unknown=1).status == 400, path
            assert schema["additionalProperties"] is False


@pytest.mark.homes("chdb")
def test_a_classifier_ranks_as_that_of_python_and_is_saved(visitor, session, tmp_path) -> None:
    rows = visitor.asked()["rows"]
    right, wrong = rows[:2], rows[2:5]
    numbers = {
        name: [row["number"] for row in some] for name, some in (("right", right), ("wrong", wrong))
    }
    assert visitor.post("classifier", page="p").status == 400
    visitor.post("selection", page="p", operation="set", items=numbers["right"][:1])
    begun = visitor.post("classifier", page="p").json
    key = begun["classifier"]
    assert (begun["right"], begun["wrong"]) == (1, 0)
    asked = session.classifier()
    asked.mark(right=names(right), wrong=names(wrong))
    assert visitor.post("classifier/mark", classifier=key, **numbers).json["wrong"] == 3
    lists = {
        "likely": asked.most_likely(10),
        "unsure": asked.least_sure(10),
        "nearest-wrong": asked.nearest_wrong(10),
    }
    for order, matches in lists.items():
        answer = visitor.get("classifier", classifier=key, order=order, count=10).json
        assert names(answer["rows"]) == [match.name for match in matches], order
        assert names(answer["right"]) == names(right)
    assert visitor.post("classifier/save", classifier=key, name="dogs").status == 200
    asked.save("same")
    ranked = [match.name for match in session.run("dogs")]
    assert ranked == [match.name for match in session.run("same")] and len(ranked) == 18
    (listed, _) = visitor.get("saved").json["saved"]
    assert listed == {"name": "dogs", "view": None}
    assert visitor.post("classifier/mark", classifier=key, right=[10_000]).status == 409
    assert visitor.post("classifier/mark", classifier="none").status == 409
    assert visitor.post("classifier", words=" ").status == 400

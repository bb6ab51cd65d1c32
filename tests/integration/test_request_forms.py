"""Every form of a request answers what NumPy answers, in both homes."""

from __future__ import annotations

import json
import os
import random

import pytest
from made_catalog import fill
from PIL import Image
from random_requests import ITEMS, KINDS, MODELS, TABLES, answer, random_request

import hamsight
from hamsight.demo.scenes import write_dataset
from hamsight_core.errors import ExpressionError, UnknownItemError, UsageError
from hamsight_query.asked import request_of
from hamsight_query.request import Kind, Query, Request
from hamsight_query.saved import save_query

REQUESTS = int(os.environ.get("HAMSIGHT_TEST_REQUESTS", "18"))
"""How many random requests each home is asked; HAMSIGHT_TEST_REQUESTS=200 is the full run."""


@pytest.fixture(scope="module")
def sessions(engine, front, tmp_path_factory):
    """The made items in both homes, to be read alone."""
    package = tmp_path_factory.mktemp("package")
    dsns = {"chdb": f"chdb://{engine}?database=forms_chdb", "http": front.dsn("forms_http")}
    for dsn in dsns.values():
        for name, table in TABLES.items():
            fill(dsn, package / name, table.items, name)
    opened = {home: hamsight.open(dsn) for home, dsn in dsns.items()}
    yield opened
    for session in opened.values():
        session.close()


@pytest.fixture
def session(sessions, home):
    return sessions[home]


def names(matches) -> list[str]:
    return [match.name for match in matches]


def has_boxes(file) -> bool:
    with Image.open(file) as picture:
        colours = picture.convert("RGB").getcolors(picture.width * picture.height)
    return any(colour == (0xFF, 0xB0, 0x00) for _, colour in colours)


def shown_name(place: int) -> str:
    return "/".join(part for part in ITEMS[place].identity if part)


@pytest.mark.homes("chdb", "http")
def test_random_requests_are_numpys(session) -> None:
    rng = random.Random(os.environ.get("HAMSIGHT_TEST_SEED", "requests"))
    for number in range(REQUESTS):
        request = random_request(rng, KINDS[number % len(KINDS)])
        expected = answer(request)
        found = session.search(Request.from_json(json.loads(json.dumps(request.to_json()))))
        assert names(found) == [shown_name(one.item) for one in expected], request
        if request.queries:
            alike = [one.similarity for one in expected]
            assert [match.similarity for match in found] == pytest.approx(alike, abs=1e-4), request
        else:
            assert all(match.similarity is match.distance is None for match in found)
        if not number % 6:
            shown = session.sql(found.statement.sql, found.statement.parameters)
            assert shown["id"].to_pylist() == [match.id for match in found], request


def test_a_saved_query_and_its_view_answer_as_the_request_does(session) -> None:
    rng = random.Random(3)
    for number, kind in enumerate(one for one in KINDS if one != "list"):
        request = random_request(rng, kind)
        save_query(session.catalog(), kind, request, replace=True)
        expected = names(session.search(request))
        assert names(session.run(kind)) == expected, request
        if kind != "each-of":  # kept as its items
            labels = [query.label for query in request.queries]
            assert session.saved()["queries"].to_pylist() == [labels]
        if kind in ("each-of", "calibrated", "sort", "models"):
            view = f"asked_{number}"
            session.save_view(kind, view, replace=True)
            shown = session.sql(f"SELECT id FROM {view} ORDER BY rank")
            assert [one.rsplit("/", 1)[-1] for one in shown["id"].to_pylist()] == [
                one.rsplit("/", 1)[-1] for one in expected
            ], request
        session.delete_saved(kind)


def test_what_several_models_and_sorts_cannot_mean(session) -> None:
    item, both = ITEMS[7].name, ["made", "other"]
    for options, words in (
        ({"item": item, "sort": "width", "offset": 5}, "orders the best -k matches"),
        ({"item": item, "random": 1}, "--random orders a list"),
        ({"item": item, "model": ["made", "made"]}, "name each of them once"),
        ({"item": item, "model": both, "max_distance": 3}, "bits of several models differ"),
        ({"item": item, "model": both, "min_similarity": 0.3}, "say --calibrated"),
        ({"where": "width > 3", "model": both}, "for a list name one --model"),
        ({"item": item, "model": ["made", "othr"]}, "did you mean 'other'"),
        ({"item": item, "calibrated": True, "min_similarity": -0.1}, "a share, from 0 to 1"),
        ({"where": "width > 3", "calibrated": True}, "--calibrated needs a query"),
        ({"each_of": "fewer", "model": "made"}, "did you mean 'few'"),
    ):
        with pytest.raises(UsageError, match=words):
            session.query(**options)


def test_a_dataset_without_a_model_is_named_and_tells_the_model_of_an_item(dsn, tmp_path) -> None:
    cats = [one for one in ITEMS if one.dataset == "cats"]
    fill(dsn, tmp_path / "made", ITEMS[:40], "made")
    fill(dsn, tmp_path / "other", cats[:9], "other")
    with hamsight.open(dsn) as session:
        bird = next(one for one in ITEMS[:40] if one.dataset == "birds")
        assert session.query(item=bird.name).model == "made"
        both = {"item": cats[0].name, "model": ["made", "other"]}
        assert len(session.query(dataset="cats", **both)) > 5
        for options in ({}, {"dataset": "birds"}):
            with pytest.raises(UsageError, match="'birds' has no items of the model 'other'"):
                session.query(**both, **options)
        with pytest.raises(UsageError, match="choose one with --model"):
            session.query(item=cats[0].name)


def test_a_random_order_is_of_its_seed_and_pages_make_it(session) -> None:
    whole = names(session.query(model="made", random=5, k=500))
    assert sorted(whole) == sorted(map(shown_name, range(len(ITEMS))))
    assert whole != names(session.query(model="made", random=6, k=500))
    pages = [names(session.query(model="made", random=5, k=100, offset=at)) for at in (0, 100, 200)]
    assert [name for page in pages for name in page] == whole


def test_wrong_keys_to_sort_by_are_named(session) -> None:
    for options in ({"model": "made"}, {"item": ITEMS[3].name, "model": MODELS}):
        for sort in ('attributes["isso"]', '-attributes["isso"] * 2'):
            with pytest.raises(UsageError, match="did you mean 'iso'"):
                session.query(**options, sort=sort)
        with pytest.raises(UsageError, match=r'no item has scores\["blur"\]; there are none'):
            session.query(**options, sort='scores["blur"]')
        with pytest.raises(ExpressionError, match="the nearest is dog"):
            session.query(**options, sort="dgo")
    for sort, words in (
        ("widht", "the nearest is width"),
        ("-widht", "the nearest is width"),
        ("tags", "expected a number or a text to sort by; write length(tags)"),
        ("-", "found an empty expression"),
    ):
        with pytest.raises(ExpressionError) as caught:
            session.query(model="made", sort=sort)
        assert words in str(caught.value)


def test_a_group_that_is_not_there_is_named(session) -> None:
    with pytest.raises(UsageError, match="did you mean 'good'"):
        session.query(model="made", group="god")


def test_weights_that_cancel_each_other_out_are_refused(session) -> None:
    name = ITEMS[3].name
    with pytest.raises(UsageError, match="cancel each other out"):
        session.query(model="made", item=[(name, 1.0), (name, -1.0)])


def test_words_weights_regions_and_saved_queries(dsn, tmp_path) -> None:
    """On drawn scenes: what is asked in another way and means the same has the same answer."""
    folder = tmp_path / "scenes"
    write_dataset(folder, 60, 1)
    with hamsight.open(dsn) as session:
        session.ingest(folder, dataset="scenes", model="mini")
        item = session.query(random=1, k=1)[0]
        words = names(session.query("a red star"))
        assert words == names(session.query(text="a red star"))
        assert words == names(session.query(text=[("a red star", 2.0)], combine="blend"))
        assert words != names(session.query("a red star", not_text="night"))
        whole = names(session.query(item.uri, exclude_self=False))
        assert whole == names(session.query(image=item.uri, box="0,0,1,1", exclude_self=False))
        size = (0, 0, item.width, item.height)
        assert whole == names(session.query(item=item.name, box=size, exclude_self=False))
        corner = {"item": item.name, "box": (0.0, 0.0, 0.4, 0.4), "k": 9}
        assert names(session.query(**corner)) != whole[:9]
        assert item.name not in names(session.query(**corner))
        asked = {"text": [("a red star", 0.5)], "not_text": "night", **corner}
        session.save_query("both", **asked)
        assert names(session.run("both")) == names(session.query(**asked))
        with pytest.raises(UsageError, match="lies outside of the picture"):
            session.query(image=item.uri, box=(9999, 0, 5, 5))
        with pytest.raises(UsageError, match="there is no picture"):
            session.query("no/such.jpg")
        drawn = session.query(random=1, k=2)
        drawn.save(tmp_path / "drawn.png")
        late = session.query(random=1, k=2)
    late.save(tmp_path / "late.png")  # the session is closed, and with it the catalog
    assert has_boxes(tmp_path / "drawn.png") and not has_boxes(tmp_path / "late.png")


def test_what_a_bare_argument_means(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.jpg").touch()
    (tmp_path / "a dog").touch()
    asked = ("cat.jpg", "a dog", "beach^0.7", "https://x/y", "C^-1.5", tmp_path / "cat.jpg")
    queries = request_of(asked).queries
    assert queries == (
        Query(Kind.IMAGE, "cat.jpg"),
        Query(Kind.TEXT, "a dog"),
        Query(Kind.TEXT, "beach", 0.7),
        Query(Kind.IMAGE, "https://x/y"),
        Query(Kind.TEXT, "C", -1.5),
        Query(Kind.IMAGE, str(tmp_path / "cat.jpg")),
    )
    for wrong in ("dog.png", "a/b", "./cat"):
        with pytest.raises(UsageError, match="there is no picture"):
            request_of([wrong])


def test_show_tells_all_of_an_item(session) -> None:
    made = ITEMS[9]
    row = session.show(made.name)
    assert (row["dataset"], row["subset"], row["id"]) == made.identity
    assert (row["width"], row["uri"], row["dimension"]) == (made.width, made.item.uri, 64)
    assert row["sha256"] == made.sha256.hex() and row["attributes"] == dict(made.item.attributes)
    assert "feature" not in row
    with pytest.raises(UnknownItemError, match="the nearest ids"):
        session.show("no such item")


def test_the_picture_of_an_item_is_saved_with_its_boxes(cli_dsn, run_cli, tmp_path) -> None:
    folder = tmp_path / "scenes"
    write_dataset(folder, 6, 1)
    at = ("--db", cli_dsn)
    run_cli("ingest", folder, "--dataset", "scenes", "--model", "mini", *at, check=True)
    listed = run_cli("query", "--random", "1", "-k", "1", "--format", "json", *at, check=True)
    (one,) = json.loads(listed.stdout)
    name = f"scenes/{one['subset']}/{one['id']}"
    (row,) = json.loads(run_cli("show", name, "--format", "json", *at, check=True).stdout)
    told = run_cli("show", name, "--save", tmp_path / "a.png", "--db", cli_dsn, check=True)
    assert [line.split()[0] for line in told.stdout.splitlines()] == list(row)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (row["width"], row["height"])
        corner = picture.getpixel((int(row["boxes"][0]["x"]), int(row["boxes"][0]["y"])))
    assert corner == (0xFF, 0xB0, 0x00)
    wrong = run_cli("show", name, "--save", tmp_path / "a.txt", "--db", cli_dsn)
    assert wrong.returncode == 2 and "cannot be written as .txt" in wrong.stderr
    run_cli("query", "--random", "1", "-k", "1", "--save", tmp_path / "s.png", *at, check=True)
    assert has_boxes(tmp_path / "s.png")
    far = run_cli("query", "a red star", "--max-distance", "9", *at)
    assert far.returncode == 1 and "cut off by --min-similarity" in far.stderr

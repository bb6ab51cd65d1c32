"""Every form of a request answers what NumPy answers, in both homes."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from made_catalog import ITEMS, fill
from PIL import Image

import hamsight
from hamsight.demo.scenes import write_dataset
from hamsight_core.errors import ExpressionError, UnknownItemError, UsageError
from hamsight_query.asked import request_of
from hamsight_query.request import Combine, Kind, Query, Request

FEATURES = np.stack([made.feature for made in ITEMS]).astype(np.float64)
UNIT = FEATURES / np.linalg.norm(FEATURES, axis=1, keepdims=True)
GOOD = [n for n, made in enumerate(ITEMS) if "good" in made.item.groups]
FILTERS = {
    None: lambda made: True,
    "width > 180": lambda made: made.width > 180,
    "dog > 1 or not dog": lambda made: made.item.tags.get("dog", 0) != 1,
    '"good" in groups': lambda made: "good" in made.item.groups,
    'attributes["iso"] >= 200': lambda made: int(made.item.attributes["iso"]) >= 200,
}
KEYS = {
    "width": lambda made: made.width,
    "dog": lambda made: made.item.tags.get("dog", 0),
    "dog * 1000 + width": lambda made: made.item.tags.get("dog", 0) * 1000 + made.width,
    "id": lambda made: made.item.id.encode(),
    'attributes["iso"]': lambda made: int(made.item.attributes["iso"]),
}
LISTS, SEARCHES = 60, 140


@pytest.fixture(scope="module")
def sessions(engine, front, tmp_path_factory):
    """The made items in both homes, to be read alone."""
    package = tmp_path_factory.mktemp("package")
    dsns = {"chdb": f"chdb://{engine}?database=forms_chdb", "http": front.dsn("forms_http")}
    for dsn in dsns.values():
        fill(dsn, package, ITEMS)
    opened = {home: hamsight.open(dsn) for home, dsn in dsns.items()}
    yield opened
    for session in opened.values():
        session.close()


@pytest.fixture
def session(sessions, home):
    return sessions[home]


def ranked(direction, kept: list[int], candidates: int, dissimilar: bool) -> list[int]:
    """Return the items near a direction: first by bits and identity, the candidates by cosine."""
    sign = 1 if dissimilar else -1
    bits = ((FEATURES > 0) != (direction > 0)).sum(axis=1)
    likeness = np.round(UNIT @ (direction / np.linalg.norm(direction)), 6)
    placed = sorted(kept, key=lambda n: (-sign * bits[n], ITEMS[n].sorted_by))
    first = sorted(placed[:candidates], key=lambda n: sign * likeness[n])
    return [*first, *placed[candidates:]]


def names(matches) -> list[str]:
    return [match.name for match in matches]


def of(places: list[int]) -> list[str]:
    return ["/".join(part for part in ITEMS[n].identity if part) for n in places]


@pytest.mark.homes("chdb", "http")
def test_random_searches_are_numpys(session) -> None:
    rng = random.Random(7)
    for number in range(SEARCHES):
        queries = rng.sample(range(len(ITEMS)), rng.choice((1, 2, 3)))
        weights = [rng.choice((1.0, 0.5, -0.7, 2.0)) for _ in queries]
        by_group, where = rng.random() < 0.3, rng.choice(list(FILTERS))
        options = {
            "k": rng.choice((5, 40)),
            "offset": rng.choice((0, 0, 7)),
            "candidates": rng.choice((2000, 30)),
            "dissimilar": rng.random() < 0.2,
            "exclude_self": rng.choice((None, False)),
            "where": where,
        }
        direction = np.asarray(weights) @ UNIT[queries]
        excluded = set(queries)
        if by_group:
            mean = FEATURES[GOOD].mean(axis=0)
            direction = direction + 0.8 * mean / np.linalg.norm(mean)
            excluded |= set(GOOD)
        kept = [
            n
            for n, made in enumerate(ITEMS)
            if FILTERS[where](made) and (options["exclude_self"] is False or n not in excluded)
        ]
        expected = ranked(direction, kept, options["candidates"], options["dissimilar"])
        expected = expected[options["offset"] : options["offset"] + options["k"]]
        asked = [(ITEMS[n].name, weight) for n, weight in zip(queries, weights, strict=True)]
        group = [("good", 0.8)] if by_group else []
        request = request_of(item=asked, group=group, combine=Combine.BLEND, **options)
        least = rng.choice((None, 0.2)) if not options["dissimilar"] else None
        if least is not None:
            request = Request.from_json({**request.to_json(), "min_similarity": least})
            unit = direction / np.linalg.norm(direction)
            expected = [n for n in expected if UNIT[n] @ unit >= least]
        found = session.search(Request.from_json(json.loads(json.dumps(request.to_json()))))
        assert names(found) == of(expected), request
        if not number % 10:
            shown = session.sql(found.statement.sql, found.statement.parameters)
            assert shown["id"].to_pylist() == [match.id for match in found]


def test_random_lists_are_pythons(session) -> None:
    rng = random.Random(8)
    for _ in range(LISTS):
        where, key = rng.choice(list(FILTERS)), rng.choice([None, *KEYS])
        descending = rng.random() < 0.5
        kept = sorted((n for n, one in enumerate(ITEMS) if FILTERS[where](one)), key=by_identity)
        options: dict = {"k": rng.choice((9, 300)), "offset": rng.choice((0, 4)), "where": where}
        if key is not None:
            options["sort"] = f"-{key}" if descending and " " not in key else key
            backwards = options["sort"].startswith("-")
            kept.sort(key=lambda n, key=key: KEYS[key](ITEMS[n]), reverse=False)
            if backwards:
                values = sorted({KEYS[key](ITEMS[n]) for n in kept}, reverse=True)
                kept = [n for value in values for n in kept if KEYS[key](ITEMS[n]) == value]
        elif where is None:
            options["dataset"] = ["birds", "cats"]
        found = session.query(**options)
        assert names(found) == of(kept[options["offset"] :][: options["k"]]), options
        assert all(match.similarity is match.distance is None for match in found)


def by_identity(n: int) -> tuple[bytes, ...]:
    return ITEMS[n].sorted_by


def test_a_random_order_is_of_its_seed_and_pages_make_it(session) -> None:
    whole = names(session.query(random=5, k=500))
    assert sorted(whole) == sorted(of(list(range(len(ITEMS)))))
    assert whole != names(session.query(random=6, k=500))
    pages = [names(session.query(random=5, k=100, offset=at)) for at in (0, 100, 200)]
    assert [name for page in pages for name in page] == whole


def test_what_is_missing_sorts_last_and_wrong_keys_are_named(session) -> None:
    for sort in ('scores["blur"]', '-scores["blur"]'):
        assert len(session.query(sort=sort)) == 50
    for sort, words in (
        ("widht", "the nearest is width"),
        ("-widht", "the nearest is width"),
        ("tags", "expected a number or a text to sort by; write length(tags)"),
        ("-", "found an empty expression"),
    ):
        with pytest.raises(ExpressionError) as caught:
            session.query(sort=sort)
        assert words in str(caught.value)


def test_a_group_that_is_not_there_is_named(session) -> None:
    with pytest.raises(UsageError, match="did you mean 'good'"):
        session.query(group="god")


def test_weights_that_cancel_each_other_out_are_refused(session) -> None:
    name = ITEMS[3].name
    with pytest.raises(UsageError, match="cancel each other out"):
        session.query(item=[(name, 1.0), (name, -1.0)])


@pytest.mark.homes("chdb")
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


@pytest.mark.homes("chdb")
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

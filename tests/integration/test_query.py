"""A search answers what docs/search.md says, on every home."""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import chdb
import clickhouse_connect
import pytest
from conftest import SERVER
from made_catalog import ITEMS, Asked, Found, Made, Oracle, fill, made_package

import hamsight
from hamsight import Session
from hamsight_core.errors import (
    EmptyCatalogError,
    ImageError,
    ModelError,
    ModelMismatchError,
    UnknownItemError,
    UsageError,
)
from hamsight_explore.front import HttpFront

ORACLE = Oracle(ITEMS)


@dataclass(frozen=True)
class Filled:
    """A catalog of `ITEMS` that tests share and do not change."""

    dsn: str
    session: Session

    def search(self, asked: Asked, **options: object) -> list[Found]:
        names = [ITEMS[query].name for query in asked.queries]
        matches = self.session.query(item=names, **asked.options, **options)
        labels = [f"item: {name}" for name in names]
        return [
            Found(
                (match.dataset, match.subset, match.id),
                asked.queries[labels.index(match.query)],
                match.distance,
                match.similarity,
            )
            for match in matches
        ]


@pytest.fixture(scope="module")
def filled_at(engine: str, front: HttpFront, tmp_path_factory) -> Iterator[Callable[[str], Filled]]:
    """Returns the filled catalog of a home, made when it is first asked for."""
    made: dict[str, Filled] = {}
    database = f"test_{uuid.uuid4().hex[:12]}"

    def at(home: str) -> Filled:
        if home not in made:
            name = f"{database}_{home}"
            dsn = {
                "chdb": f"chdb://{engine}?database={name}",
                "http": front.dsn(name),
                "server": urlsplit(SERVER)._replace(path=f"/{name}").geturl(),
            }[home]
            fill(dsn, tmp_path_factory.mktemp("package"), ITEMS)
            made[home] = Filled(dsn, hamsight.open(dsn))
        return made[home]

    yield at
    for home, filled in made.items():
        filled.session.close()
        if home == "server":
            with clickhouse_connect.get_client(dsn=SERVER) as client:
                client.command(f"DROP DATABASE {database}_server")


@pytest.fixture
def filled(home: str, filled_at: Callable[[str], Filled]) -> Filled:
    return filled_at(home)


def same(found: list[Found], expected: list[Found]) -> None:
    """Compare exactly but for the last digits of similarities."""
    bare = [replace(match, similarity=0) for match in found]
    assert bare == [replace(match, similarity=0) for match in expected]
    for match, right in zip(found, expected, strict=True):
        assert match.similarity == pytest.approx(right.similarity, abs=1e-5)


# Ranking


@pytest.mark.homes("chdb", "http")
@pytest.mark.parametrize("combine", ["nearest", "balanced", "all"])
@pytest.mark.parametrize("rank", ["cosine", "hamming"])
@pytest.mark.parametrize("dissimilar", [False, True])
def test_ranking_is_what_it_is_said_to_be(
    filled: Filled, combine: str, rank: str, dissimilar: bool
) -> None:
    for queries, candidates in (((5,), 30), ((5, 17, 40, 181), 2000), ((5, 17), 30)):
        asked = Asked(
            queries, 60, combine=combine, rank=rank, candidates=candidates, dissimilar=dissimilar
        )
        found = filled.search(asked)
        assert len(found) == 60
        same(found, ORACLE.answer(asked))


@pytest.mark.parametrize("combine", ["nearest", "balanced", "all"])
@pytest.mark.parametrize("dissimilar", [False, True])
def test_max_distance_keeps_what_is_within_it(
    filled: Filled, combine: str, dissimilar: bool
) -> None:
    for queries, limit in (((5,), 24), ((5, 17, 40), 0), ((5, 17, 40), 28)):
        asked = Asked(
            queries, 300, combine=combine, max_distance=limit, candidates=9, dissimilar=dissimilar
        )
        found = filled.search(asked)
        assert all(match.distance <= limit for match in found)
        same(found, ORACLE.answer(asked))


@pytest.mark.parametrize("combine", ["nearest", "balanced", "all"])
def test_pages_of_any_size_make_the_whole_answer(filled: Filled, combine: str) -> None:
    for queries, sizes in (((5,), [97]), ((5, 17, 40), [32, 150])):
        asked = Asked(queries, 500, combine=combine, candidates=20)
        whole = filled.search(asked)
        assert len(whole) == len({match.identity for match in whole}) == len(ITEMS) - len(queries)
        for size in sizes:
            pages = [
                filled.search(replace(asked, k=size, offset=offset))
                for offset in range(0, len(whole) + size, size)
            ]
            assert list(itertools.chain(*pages)) == whole
            assert pages[-1] == []


def test_ranks_count_from_the_offset(filled: Filled) -> None:
    matches = filled.session.query(item=ITEMS[5].name, k=3, offset=7)
    assert [match.rank for match in matches] == [8, 9, 10]


def test_ties_are_broken_by_identity(filled: Filled) -> None:
    asked = Asked((5,), 300)
    ties = 0
    for one, next in itertools.pairwise(filled.search(asked)):
        if one.similarity == next.similarity and one.distance == next.distance:
            ties += 1
            parts = [tuple(part.encode() for part in match.identity) for match in (one, next)]
            assert parts[0] < parts[1]
    assert ties > 10


def test_the_same_query_twice_is_one_query(filled: Filled) -> None:
    name = ITEMS[5].name
    once = filled.session.query(item=name, k=20)
    for combine in ("nearest", "balanced", "all"):
        twice = filled.session.query(item=[name, name], k=20, combine=combine)
        assert list(twice) == list(once)
        assert len(twice.targets) == 1


def test_an_item_by_two_names_is_not_in_the_answer_twice(filled: Filled) -> None:
    item = ITEMS[50].item
    matches = filled.session.query(item=[item.id, ITEMS[50].name], k=500, combine="balanced")
    names = [match.name for match in matches]
    assert len(names) == len(set(names)) == len(ITEMS) - 1


@pytest.mark.parametrize("combine", ["nearest", "balanced", "all"])
def test_more_queries_than_k_and_a_hundred_at_once(filled: Filled, combine: str) -> None:
    for queries, k in ((tuple(range(5)), 3), (tuple(range(100)), 50)):
        asked = Asked(queries, k, combine=combine)
        found = filled.search(asked)
        assert len(found) == k
        same(found, ORACLE.answer(asked))


def test_each_query_gets_its_share_of_a_balanced_answer(filled: Filled) -> None:
    queries = (5, 17, 40, 181)
    found = filled.search(Asked(queries, 40, combine="balanced"))
    shares = [sum(match.query == query for match in found) for query in queries]
    assert min(shares) >= 5


def test_too_many_queries_are_refused_before_clickhouse_sees_them(filled: Filled) -> None:
    names = [made.name for made in ITEMS]
    with pytest.raises(UsageError, match=r"240 queries make a statement of \d+ bytes.*at a time"):
        filled.session.query(item=names, combine="balanced", exclude_self=False)


# Filters: the answer equals filtering first and ranking all that is left


FILTERS = {
    "dataset": ({"dataset": "cats"}, lambda made: made.dataset == "cats"),
    "datasets": ({"dataset": ["cats", "birds"]}, lambda made: True),
    "subset": ({"subset": "val"}, lambda made: made.item.subset == "val"),
    "no subset": ({"subset": ""}, lambda made: made.item.subset == ""),
    "both": (
        {"dataset": "birds", "subset": ["train", "val"]},
        lambda made: made.dataset == "birds" and made.item.subset != "",
    ),
    "where": (
        {"where": 'dog == 2 or tags["traffic light"] > 4 and "good" in groups'},
        lambda made: (
            made.item.tags.get("dog", 0) == 2
            or (made.item.tags.get("traffic light", 0) > 4 and "good" in made.item.groups)
        ),
    ),
    "where and dataset": (
        {"where": "width % 50 == 7 or width > 330", "dataset": "cats"},
        lambda made: made.dataset == "cats" and (made.width % 50 == 7 or made.width > 330),
    ),
    "fewer than k": ({"where": "width < 103"}, lambda made: made.width < 103),
    "none": ({"where": "width > 9000"}, lambda made: False),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_are_exact(filled: Filled, name: str) -> None:
    options, keeps = FILTERS[name]
    kept = frozenset(n for n, made in enumerate(ITEMS) if keeps(made))
    for queries, combine in (((5,), "nearest"), ((5, 18), "balanced"), ((5, 18), "all")):
        asked = Asked(queries, 40, combine=combine, candidates=7, kept=kept)
        same(filled.search(asked, **options), ORACLE.answer(asked))


def test_the_items_own_rows_are_left_out_unless_wanted(filled: Filled) -> None:
    queries = (5, 17)
    with_self = Asked(queries, 30, exclude_self=False)
    found = filled.search(with_self)
    same(found, ORACLE.answer(with_self))
    assert {ITEMS[query].identity for query in queries} <= {match.identity for match in found}
    names = [ITEMS[query].name for query in queries]
    by_default = filled.session.query(item=names, k=30)
    assert not {match.name for match in by_default} & set(names)
    first = filled.session.query(item=names[0], k=1, exclude_self=False)[0]
    assert (first.distance, round(first.similarity, 5)) == (0, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "cat"}, "--dataset 'cat': .* did you mean 'cats'"),
        ({"dataset": "xyz"}, "there are: 'birds', 'cats'"),
        ({"subset": "vall"}, "--subset 'vall': .* did you mean 'val'"),
        ({"where": "dgo > 1"}, "dog"),
        ({"where": "width >"}, "column"),
        ({"model": "mad"}, "nothing of the model 'mad'; did you mean 'made'"),
        ({"combine": "some"}, "combine is 'some'; expected nearest, balanced, all"),
        ({"rank": "random"}, "rank is 'random'; expected cosine, hamming"),
    ],
)
def test_a_wrong_filter_or_choice_is_named(filled: Filled, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        filled.session.query(item=ITEMS[5].name, **options)


# Names of items


def test_an_item_is_found_by_each_form_of_its_name(filled: Filled) -> None:
    for made in ITEMS[:9]:
        dataset, subset, id = made.identity
        forms = [id, f"{dataset}/{id}", f"{dataset}/{subset}/{id}"]
        if subset:
            forms.append(f"{subset}/{id}")
        for form in forms:
            (target,) = filled.session.query(item=form, k=1).targets
            assert target.identity == made.identity, form


def made_like(identity: tuple[str, str, str], number: int = 0) -> Made:
    dataset, subset, id = identity
    source = ITEMS[number]
    return replace(source, dataset=dataset, item=replace(source.item, subset=subset, id=id))


def test_an_ambiguous_name_lists_the_items_and_is_narrowed(dsn: str, tmp_path: Path) -> None:
    identities = [
        *(("a", "train", "x.jpg"), ("a", "val", "x.jpg"), ("b", "train", "x.jpg")),
        *(("a", "", "y/x.jpg"), ("y", "", "x.jpg")),
    ]
    made = [made_like(identity, n) for n, identity in enumerate(identities)]
    fill(dsn, tmp_path / "package", made)
    with hamsight.open(dsn) as session:
        with pytest.raises(UnknownItemError) as error:
            session.query(item="x.jpg")
        message = str(error.value)
        assert (
            "'x.jpg' names 4 items: a/train/x.jpg, a/val/x.jpg, b/train/x.jpg, y/x.jpg." in message
        )
        assert "--subset" in message and "DATASET/SUBSET/ID" in message
        for options in ({"subset": "val"}, {"dataset": "b"}, {"dataset": "a", "subset": "val"}):
            (target,) = session.query(item="x.jpg", **options).targets
            assert target.identity[2] == "x.jpg"
            assert target.identity[1] == options.get("subset", "train")
        with pytest.raises(UnknownItemError, match=r"names 2 items: a/train/x.jpg, b/train/x.jpg"):
            session.query(item="train/x.jpg")
        with pytest.raises(UnknownItemError) as error:
            session.query(item="y/x.jpg")
        assert "a/y/x.jpg, y//x.jpg." in str(error.value)
        for listed in ("a/y/x.jpg", "y//x.jpg"):
            assert session.query(item=listed).targets[0].identity in identities


def test_an_unknown_item_names_those_near_to_it(filled: Filled) -> None:
    wrong = ITEMS[50].item.id[:-5] + "X.jpg"
    with pytest.raises(UnknownItemError, match=r"there is no item .* nearest ids: ") as error:
        filled.session.query(item=wrong)
    near = str(error.value).partition("nearest ids: ")[2].split(", ")
    assert len(near) == 5
    assert any(ITEMS[50].item.id[-9:-5] in name for name in near)


@pytest.mark.parametrize(
    "name", ["x'; DROP TABLE models", "%", "_", "{hash_1:String}", "a\\", "$1"]
)
def test_a_hostile_name_is_but_a_name(filled: Filled, name: str) -> None:
    with pytest.raises(UnknownItemError, match="there is no item"):
        filled.session.query(item=name)
    assert len(filled.session.query(item=ITEMS[5].name, k=1)) == 1


# Models


def test_several_models_need_a_name(dsn: str, tmp_path: Path) -> None:
    fill(dsn, tmp_path / "one", ITEMS[:30], "one")
    fill(dsn, tmp_path / "two", ITEMS[30:60], "two")
    with hamsight.open(dsn) as session:
        with pytest.raises(UsageError, match="--model one or --model two"):
            session.query(where="width > 0")
        assert session.query(item=ITEMS[5].name).model == "one"
        dataset = ITEMS[5].dataset
        session.delete(dataset=dataset, model="two")
        assert session.query(item=ITEMS[5].name, dataset=dataset).model == "one"
        assert len(session.query(item=ITEMS[5].name, model="one")) == 29
        assert session.query(item=ITEMS[35].name, model=str(tmp_path / "two")).model == "two"
        with pytest.raises(UnknownItemError):
            session.query(item=ITEMS[35].name, model="one")


def test_a_search_by_item_does_not_need_the_package(dsn: str, tmp_path: Path) -> None:
    fill(dsn, tmp_path / "package", ITEMS[:30])
    shutil.rmtree(tmp_path / "package")
    with hamsight.open(dsn) as session:
        assert len(session.query(item=ITEMS[5].name)) == 29
        with pytest.raises(ModelError, match=r"model 'made'.*cannot be loaded.*--model FOLDER"):
            session.query(text="a dog")
        # the package at another place serves as well, where it is the same
        elsewhere = made_package(tmp_path / "elsewhere")
        with pytest.raises(ModelError, match=r"'made' has no text encoder.*--image or --item"):
            session.query(text="a dog", model=str(elsewhere.folder))
        (elsewhere.folder / "image.onnx").write_text("other weights")
        for query in ({"text": "a dog"}, {"item": ITEMS[5].name}):
            with pytest.raises(ModelMismatchError, match="must not be compared"):
                session.query(**query, model=str(elsewhere.folder))


def test_a_changed_package_is_refused(dsn: str, tmp_path: Path) -> None:
    fill(dsn, tmp_path / "package", ITEMS[:30])
    (tmp_path / "package" / "image.onnx").write_text("other weights")
    with hamsight.open(dsn) as session, pytest.raises(ModelMismatchError, match="package"):
        session.query(text="a dog")


# Catalogs with nothing to find


def test_an_empty_catalog_says_how_to_fill_it(dsn: str, tmp_path: Path) -> None:
    with hamsight.open(dsn) as session:
        session.catalog(create=True)
        with pytest.raises(EmptyCatalogError, match="hamsight ingest"):
            session.query(item="x")
        session.catalog().register(made_package(tmp_path / "package"))
        for query in ({"item": "x"}, {"text": "x"}):
            with pytest.raises(EmptyCatalogError, match="hamsight ingest"):
                session.query(**query)


def test_no_catalog_says_how_to_make_one(dsn: str) -> None:
    with hamsight.open(dsn) as session, pytest.raises(EmptyCatalogError, match="hamsight ingest"):
        session.query(item="x")


def test_an_item_without_direction_is_like_nothing(dsn: str, tmp_path: Path) -> None:
    nothing = replace(made_like(("a", "", "zero.png")), feature=ITEMS[0].feature * 0)
    fill(dsn, tmp_path / "package", [nothing, *ITEMS[:20]])
    with hamsight.open(dsn) as session:
        for combine in ("nearest", "balanced", "all"):
            matches = session.query(item=["zero.png", ITEMS[5].name], combine=combine)
            assert len(matches) == 19
            assert all(math.isfinite(match.similarity) for match in matches)
        (match,) = [m for m in session.query(item=ITEMS[5].name) if m.id == "zero.png"]
        assert match.similarity == 0


# The statement


@pytest.mark.homes("chdb", "http")
def test_the_printed_statement_gives_the_very_same_rows(
    filled: Filled, home: str, engine: str
) -> None:
    hostile = 'it\'s \\ "q";\n\t{x:String} -- é'
    literal = json.dumps(hostile, ensure_ascii=False)
    for queries, combine in itertools.product([(2,), (2, 3, 5)], ["nearest", "balanced", "all"]):
        matches = filled.session.query(
            item=[ITEMS[query].name for query in queries],
            k=30,
            offset=2,
            combine=combine,
            max_distance=40,
            dataset=["birds", "cats"],
            where=f"dog < 2 and attributes[{literal}] != {literal} and id != {literal}",
        )
        *settings, select = statements_of(matches.statement.script())
        assert all(re.match(r"SET param_\w+ = '", one) for one in settings)
        for value in ("it's", "birds", "dog", b64encode(ITEMS[2].feature.tobytes()).decode()):
            assert value not in select
            assert value in "".join(settings).replace("\\", "")
        again = rows_of([*settings, select], filled.dsn, home, engine)
        shown = ("dataset", "subset", "id", "uri", "width", "tags", "captions", "distance")
        assert len(again) == len(matches) == 30
        for match, row in zip(matches, again, strict=True):
            assert {name: row[name] for name in shown} == {
                name: getattr(match, name) for name in shown
            }
            assert row["similarity"] == pytest.approx(match.similarity, abs=1e-6)
            assert matches.targets[row["query"] - 1].query.label == match.query


def statements_of(script: str) -> list[str]:
    found = re.findall(r"((?:'(?:[^'\\]|\\.)*'|[^;'])+);\s*", script, re.DOTALL)
    assert "".join(found).count("\n") <= script.count("\n")
    return found


def rows_of(statements: list[str], dsn: str, home: str, engine: str) -> list[dict]:
    """Run the statements one by one as they are; return the rows of the last."""
    database = urlsplit(dsn).path.strip("/") if home != "chdb" else dsn.partition("database=")[2]
    if home == "server":
        with clickhouse_connect.get_client(dsn=dsn, session_id=uuid.uuid4().hex) as client:
            for statement in statements[:-1]:
                client.raw_query(statement)
            answer = client.raw_query(statements[-1], fmt="JSONEachRow").decode()
    else:
        handle = chdb.connect(engine)
        handle.query(f"USE {database}")
        for statement in statements[:-1]:
            handle.query(statement)
        answer = str(handle.query(statements[-1], "JSONEachRow"))
        handle.close()
    return [json.loads(line) for line in answer.splitlines()]


# Pictures and words


def test_pictures_words_and_items_together(dsn: str, shared: Path, tmp_path: Path) -> None:
    photos = sorted((shared / "data/coco128/train2017").glob("*.jpg"))[:24]
    folder = tmp_path / "photos"
    folder.mkdir()
    for photo in photos:
        shutil.copy(photo, folder)
    package = shared / "models/photo-cca"
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=str(package), workers=1)
        picture = photos[7]
        (best, *_) = session.query(image=picture)
        assert (best.id, best.distance) == (picture.name, 0)
        assert best.similarity == pytest.approx(1, abs=0.01)
        without = session.query(image=picture, exclude_self=True)
        assert len(without) == 23 and picture.name not in {match.id for match in without}
        url = picture.as_uri()
        assert session.query(image=url)[0].id == picture.name
        words = session.query(text="people playing a game", k=30)
        assert len(words) == 24
        mixed = session.query(
            image=photos[3], text="a dog", item=photos[5].name, k=30, combine="balanced"
        )
        assert {match.query for match in mixed[:3]} == {
            f"image: {photos[3]}",
            "text: a dog",
            f"item: {photos[5].name}",
        }
        assert len({match.id for match in mixed}) == 23
        with pytest.raises(ImageError, match=r"--image nothing.jpg: file not found"):
            session.query(image="nothing.jpg")
        broken = tmp_path / "broken.jpg"
        broken.write_bytes(picture.read_bytes()[:100])
        for path in (broken, package / "model.toml", tmp_path):
            with pytest.raises(ImageError, match=re.escape(f"--image {path}: ")):
                session.query(image=path)
        with pytest.raises(ImageError, match=r"--image http://127.0.0.1:1/x.jpg: cannot be downl"):
            session.query(image="http://127.0.0.1:1/x.jpg")


def test_words_need_a_model_with_words(dsn: str, shared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photos = sorted((shared / "data/coco128/train2017").glob("*.jpg"))[:3]
    for photo in photos:
        shutil.copy(photo, folder)
    with hamsight.open(dsn) as session:
        session.ingest(folder, model=str(shared / "models/mobilenet-v2"), workers=1)
        assert session.query(image=photos[0])[0].id == photos[0].name
        with pytest.raises(ModelError, match="no text encoder: search with --image or --item"):
            session.query(text="a dog")

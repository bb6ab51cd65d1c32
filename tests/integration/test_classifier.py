"""A classifier learns from marks and ranks the whole catalog; it is saved as a query."""

from __future__ import annotations

import json

import made_catalog
import numpy as np
import pytest
import toy
from made_catalog import ITEMS
from typer.testing import CliRunner

import hamsight
from hamsight.cli.app import app
from hamsight_core.errors import UnknownItemError, UsageError

FEATURES = np.stack([made.feature for made in ITEMS]).astype(np.float64)
FEATURES /= np.linalg.norm(FEATURES, axis=1, keepdims=True)
PLACES = {made.identity: place for place, made in enumerate(ITEMS)}
OF_KIND = [place for place in range(len(ITEMS)) if place % 12 == 3 and place % 5 != 4]
OTHERS = [place for place in range(len(ITEMS)) if place % 12 != 3 and place % 5 != 4]


@pytest.fixture(scope="module")
def dsn(engine, tmp_path_factory):
    dsn = f"chdb://{engine}?database=test_classifier"
    made_catalog.fill(dsn, tmp_path_factory.mktemp("package") / "model", ITEMS)
    return dsn


@pytest.fixture
def session(dsn):
    with hamsight.open(dsn) as opened:
        yield opened


def identities(places):
    return [ITEMS[place].identity for place in places]


def places(matches):
    return [PLACES[one.dataset, one.subset, one.id] for one in matches]


@pytest.fixture
def taught(session):
    """A classifier of one of the twelve kinds of made items."""
    made = session.classifier()
    made.mark(right=identities(OF_KIND[:3]), wrong=identities(OTHERS[:6]))
    return made


def test_it_ranks_all_that_is_unmarked_by_its_direction(taught):
    learned = taught.asked.learned()
    found = taught.most_likely(300)
    scores = FEATURES @ learned.direction
    left = [place for place in PLACES.values() if place not in OF_KIND[:3] + OTHERS[:6]]
    assert len(found) == len(left)
    expected = sorted(-scores[place] for place in left)
    assert [-one.similarity for one in found] == pytest.approx(expected, abs=1e-6)
    assert set(places(found[:10])) <= {place for place in left if place % 12 == 3 or place % 5 == 4}
    assert found[0].query == "classifier: 3 right, 6 wrong"
    every = taught.most_likely(300, marked=True)
    assert len(every) == len(ITEMS)
    assert places(taught.most_likely(5, offset=7)) == places(found)[7:12]


def test_lists_about_the_border(taught):
    learned = taught.asked.learned()
    scores = FEATURES @ learned.direction
    left = [place for place in PLACES.values() if place not in OF_KIND[:3] + OTHERS[:6]]
    unsure = taught.least_sure(40)
    nearest = sorted(abs(scores[place] - learned.border) for place in left)[:40]
    found = [abs(one.similarity - learned.border) for one in unsure]
    assert found == pytest.approx(nearest, abs=1e-6)
    wrong = taught.nearest_wrong(40)
    below = sorted(-scores[place] for place in left if scores[place] < learned.border)[:40]
    assert [-one.similarity for one in wrong] == pytest.approx(below, abs=1e-6)
    assert wrong[0].width == ITEMS[places(wrong)[0]].width
    assert places(taught.nearest_wrong(5, offset=5)) == places(wrong)[5:10]


def test_marks_change_what_is_learned(session, taught):
    first = taught.asked.learned()
    taught.mark(right=identities(OF_KIND[3:6]))
    second = taught.asked.learned()
    assert not np.allclose(first.direction, second.direction)
    taught.mark(neither=identities(OF_KIND[3:6]))
    assert np.allclose(first.direction, taught.asked.learned().direction, atol=1e-5)
    taught.mark(wrong=identities(OF_KIND[:1]))
    assert taught.asked.right == identities(OF_KIND[1:3])
    assert identities(OF_KIND[:1])[0] in taught.asked.wrong


def test_a_scope_and_a_filter(session):
    made = session.classifier(dataset="cats", where="dog > 0")
    mine = [place for place in OF_KIND if ITEMS[place].dataset == "cats"]
    made.mark(right=identities(mine[:1]))
    for matches in (made.most_likely(300), made.least_sure(300)):
        assert matches and all(one.dataset == "cats" and one.tags["dog"] for one in matches)


def test_it_is_saved_as_a_query(taught, session, dsn):
    taught.save("kind", k=30)
    expected = taught.most_likely(30, marked=True)
    again = session.run("kind")
    assert places(again) == places(expected)
    assert [one.similarity for one in again] == pytest.approx(
        [one.similarity for one in expected], abs=1e-6
    )
    result = CliRunner().invoke(app, ["run", "kind", "--format", "jsonl", "--db", dsn])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["id"] for row in rows] == [one.id for one in expected]
    with pytest.raises(UsageError, match="already"):
        taught.save("kind")
    session.save_view("kind", "kind_view")
    assert session.sql("SELECT id FROM kind_view ORDER BY rank")["id"].to_pylist() == [
        row["id"] for row in rows
    ]


def test_wrong_input_is_told(session, taught):
    blank = session.classifier()
    with pytest.raises(UsageError, match="mark an item right, or give words"):
        blank.most_likely()
    with pytest.raises(UsageError, match="marked right and wrong"):
        blank.mark(right=identities([1]), wrong=identities([1]))
    with pytest.raises(UnknownItemError, match="there is no item 'nobody'"):
        blank.mark(right=["nobody"])
    with pytest.raises(UsageError, match="no/such/item has no embedding"):
        blank.mark(right=[("no", "such", "item")])
    with pytest.raises(UsageError, match="no items with embeddings"):
        session.classifier(where="width > 1000000")
    from hamsight_query.request import Kind, Query, Request

    with pytest.raises(UsageError, match="hamsight run"):
        session.search(Request((Query(Kind.CLASSIFIER, "kind"),)))


def test_words_alone_rank_as_the_words_do(engine, tmp_path):
    with hamsight.open(f"chdb://{engine}?database=test_classifier_words") as session:
        session.ingest(toy.photos(tmp_path / "photos", 6))
        made = session.classifier("a red square")
        asked = session.query(text="a red square", k=6)
        assert [one.id for one in made.most_likely(6)] == [one.id for one in asked]
        with pytest.raises(UsageError, match="no border yet"):
            made.least_sure()

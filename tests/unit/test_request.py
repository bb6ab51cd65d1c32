"""A request refuses at once what no search can mean."""

from __future__ import annotations

import dataclasses

import pytest

from hamsight_core.errors import UsageError
from hamsight_core.names import chosen
from hamsight_query.asked import request_of, written
from hamsight_query.request import Combine, Kind, Query, Rank, Request

ITEM = Query(Kind.ITEM, "a.jpg")


def test_what_is_asked_by_default() -> None:
    request = Request((ITEM,))
    assert (request.k, request.offset, request.combine, request.rank) == (
        50,
        0,
        Combine.NEAREST,
        Rank.COSINE,
    )
    assert request.max_distance is None and request.exclude_self is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"queries": ()}, "nothing to search for: give words, a picture, --item or --group"),
        ({"queries": (Query(Kind.TEXT, ""),)}, "--text is empty"),
        ({"queries": (ITEM, Query(Kind.IMAGE, " \t"))}, "--image is empty"),
        ({"k": 0}, "-k is 0; expected at least 1"),
        ({"k": -1}, "-k is -1"),
        ({"k": 2**32}, "less than 4294967296"),
        ({"offset": -1}, "--offset is -1; expected 0 or more"),
        ({"candidates": 0}, "--candidates is 0; expected at least 1"),
        ({"max_distance": -1}, "--max-distance is -1; expected 0 or more bits"),
    ],
)
def test_what_no_search_can_mean(wrong: dict, message: str) -> None:
    with pytest.raises(UsageError) as error:
        Request(**{"queries": (ITEM,), **wrong})
    assert message in str(error.value)
    assert error.value.exit_status == 2


def test_weights_in_json_imply_a_blend_as_everywhere() -> None:
    queries = [{"kind": "text", "given": "beach", "weight": 0.5}]
    assert Request.from_json({"queries": queries}).combine is Combine.BLEND
    with pytest.raises(UsageError, match="--combine all takes neither"):
        Request.from_json({"queries": queries, "combine": "all"})


@pytest.mark.parametrize("weight", ["0", "-0.0", "nan", "-Inf", "1e10"])
def test_a_weight_that_is_none_is_not_taken_for_words(weight: str) -> None:
    with pytest.raises(UsageError, match="a weight is a number other than 0, within 1e9"):
        request_of([f"beach^{weight}"])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"text": ["dog"], "box": ["0,0,1,1"]}, "give --image or --item with it"),
        ({"item": ["a", "b"], "box": ["0,0,1,1"]}, "--box is given 1 of 2 times"),
        ({"item": ["a"], "box": ["1.5,0,0.5,0.5"]}, "none is above 1"),
        ({"item": ["a"], "box": ["0,0,nan,1"]}, "expected four numbers"),
    ],
)
def test_a_box_that_is_none_is_named(asked: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        request_of(**asked)


def test_the_ends_of_the_ranges_are_allowed() -> None:
    Request((ITEM,), k=1, offset=0, candidates=1, max_distance=0)
    Request((ITEM,), k=2**32 - 1, offset=2**32 - 1)


def test_a_choice_is_named_when_it_is_wrong() -> None:
    assert chosen("combine", Combine, "all") is Combine.ALL
    with pytest.raises(UsageError, match="combine is 'any'; expected nearest, balanced, all"):
        chosen("combine", Combine, "any")


def test_a_request_is_a_value() -> None:
    assert Request((ITEM,)) == Request((Query(Kind.ITEM, "a.jpg"),))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Request((ITEM,)).k = 3  # type: ignore[misc]
    assert ITEM.label == "item: a.jpg"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"box": False}, "box is False; expected a list of four numbers"),
        ({"box": [10**400, 0, 1, 1]}, "expected four numbers"),
        ({"box": [1, 2]}, "expected four numbers"),
        ({"weight": 10**400}, "expected a number"),
        ({"weight": True}, "expected a number"),
        ({"weights": 1}, "weights"),
    ],
)
def test_a_query_in_json_that_is_none_is_refused(query, words):
    with pytest.raises(UsageError, match=words):
        Request.from_json({"queries": [{"kind": "item", "given": "a", **query}]})


@pytest.mark.parametrize("given", ["dog", "x^2", "a dog^-1.5", "^", "dog^0.50", "e^nan"])
@pytest.mark.parametrize("weight", [1.0, 0.5, -0.25, -1e-7])
def test_what_a_query_is_written_as_gives_it_back(given: str, weight: float) -> None:
    query = Query(Kind.TEXT, given, weight)
    assert request_of(text=[written(query)]).queries == (query,)

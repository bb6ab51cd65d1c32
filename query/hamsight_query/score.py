"""How candidates are ordered: by their likeness to one query, to any of several, or to all."""

from __future__ import annotations

from dataclasses import dataclass

from hamsight_core.catalog.statements import fill
from hamsight_query.candidates import listed
from hamsight_query.request import Combine, Request


@dataclass(frozen=True, slots=True)
class Score:
    """SQL for the score of a candidate, lower the better, and for the query that it answers.

    `by_distance` is the query that an item beyond the candidates answers.
    """

    score: str
    query: str
    by_distance: str


def score_of(request: Request, queries: int, beyond: str) -> Score:
    """Return how a request of so many queries orders candidates; `beyond` tells who is none."""
    single = queries == 1
    if request.combine is Combine.ALL and not single:
        ranks = [
            fill("similarity_rank", beyond=beyond, number=number, order=order_of(request))
            for number in range(1, queries + 1)
        ]
        score = fill("score_by_worst_rank", similarity_ranks=listed(ranks, 4))
        by_distance = "least_distant_query" if request.dissimilar else "most_distant_query"
        return Score(score, fill("ranked_query"), fill(by_distance))
    cut_off = request.max_distance is not None and not single
    similarities = fill("similarities_within" if cut_off else "all_similarities")
    name = "score_by_dissimilarity" if request.dissimilar else "score_by_similarity"
    score = fill(name, similarities=similarities)
    if single:
        return Score(score, fill("only_query"), fill("only_query"))
    query = fill("most_similar_query", similarities=similarities)
    return Score(score, query, fill("least_distant_query"))


def order_of(request: Request) -> str:
    """Return the order of similarities."""
    return fill("ascending" if request.dissimilar else "descending")

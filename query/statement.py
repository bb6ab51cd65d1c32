"""The statement of a search, put together from the fragments of `sql/search.sql`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any

from hamsight.catalog import CatalogModel
from hamsight.statements import fill
from query.expression import compile_filter
from query.request import Combine, Rank, Request
from query.target import Target


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with the values of its `{name:Type}` parameters."""

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def script(self) -> str:
        """Return the statement for `clickhouse client`, with its parameters set before it."""
        from clickhouse_connect.driver.binding import bind_query

        _, bound = bind_query(self.sql, dict(self.parameters))
        lines = [
            fill("set_parameter", name=name, value=quoted(value)) + ";"
            for name, value in bound.items()
        ]
        return "\n".join([*lines, self.sql + ";"])


def build(
    request: Request, targets: Sequence[Target], model: CatalogModel, tags: Sequence[str]
) -> Statement:
    """Return the statement that answers the request; `tags` are the tags that --where may name.

    Raises ExpressionError for a wrong --where.
    """
    return _Builder(request, targets, model).build(tags)


class _Builder:
    def __init__(self, request: Request, targets: Sequence[Target], model: CatalogModel) -> None:
        self._request, self._targets, self._model = request, targets, model
        self._by_hash = request.rank is Rank.HAMMING
        first = 0 if self._by_hash else request.candidates
        self._parameters: dict[str, Any] = {
            "k": request.k,
            "offset": request.offset,
            "candidates": first,
            "reach": max(first, request.k + request.offset),
        }
        for i, target in enumerate(targets):
            self._parameters[f"hash_{i}"] = target.hash
            self._parameters[f"feature_{i}"] = target.feature
        self._distances = [
            fill("distance_to", hash=f"hash_{i}", hash_bytes=model.bits // 8)
            for i in range(len(targets))
        ]

    def build(self, tags: Sequence[str]) -> Statement:
        conditions = self._conditions(tags)
        if self._request.combine is Combine.BALANCED and len(self._targets) > 1:
            candidates = self._candidates_of_each(conditions)
        else:
            candidates = self._candidates(conditions, self._total_distance())
        similarities = [
            fill("similarity_to", feature=f"feature_{i}") for i in range(len(self._targets))
        ]
        score, query = self._score()
        sql = fill(
            "search",
            score=score,
            query=query,
            similarities=_listed(similarities, 16),
            candidates=indent(candidates, " " * 12).lstrip(),
        )
        return Statement(sql, self._parameters)

    def _conditions(self, tags: Sequence[str]) -> list[str]:
        request, found = self._request, []
        if request.datasets:
            found.append(fill("of_datasets"))
            self._parameters["datasets"] = list(request.datasets)
        if request.subsets:
            found.append(fill("of_subsets"))
            self._parameters["subsets"] = list(request.subsets)
        excluded = [target.identity for target in self._targets if target.identity]
        if excluded and request.exclude_self is not False:
            found.append(fill("not_the_items"))
            self._parameters["excluded"] = excluded
        pictures = [target.sha256 for target in self._targets if target.sha256]
        if pictures and request.exclude_self:
            found.append(fill("not_the_pictures"))
            self._parameters["pictures"] = pictures
        if request.where is not None:
            where = compile_filter(request.where, tags)
            found.append(f"({where.sql})")
            self._parameters.update(where.parameters)
        return found

    def _total_distance(self) -> str:
        """Return the distance by which an item counts: to the nearest query, or the farthest."""
        if len(self._distances) == 1:
            return self._distances[0]
        farthest = self._request.combine is Combine.ALL
        return fill("greatest_of" if farthest else "least_of", values=_listed(self._distances, 4))

    def _candidates(self, conditions: Sequence[str], distance: str) -> str:
        held = list(conditions)
        if self._request.max_distance is not None:
            held.append(fill("distance_within", distance=distance))
            self._parameters["max_distance"] = self._request.max_distance
        nearness = fill("reversed", value=distance) if self._request.dissimilar else distance
        return fill(
            "candidates",
            distances=_listed(self._distances, 4),
            nearness=nearness,
            table=self._model.items_table,
            conditions=f"\n  {fill('and_also')} ".join(held) or fill("every_item"),
        )

    def _candidates_of_each(self, conditions: Sequence[str]) -> str:
        selects = [f"({self._candidates(conditions, distance)})" for distance in self._distances]
        order = fill("descending" if self._request.dissimilar else "ascending")
        ranks = [
            fill("distance_rank", number=number, order=order)
            for number in range(1, len(self._targets) + 1)
        ]
        return fill(
            "candidates_of_each",
            selects=indent(f"\n{fill('or_also')}\n".join(selects), " " * 8).lstrip(),
            distance_ranks=_listed(ranks, 4),
        )

    def _score(self) -> tuple[str, str]:
        """Return the fragments of the score that orders candidates, and of the query answered."""
        request = self._request
        single, combine = len(self._targets) == 1, request.combine
        if self._by_hash:
            chosen = {
                Combine.NEAREST: "least_distant_query",
                Combine.BALANCED: "best_distance_ranked_query",
                Combine.ALL: "most_distant_query",
            }[combine]
            return fill("score_by_place"), fill("only_query" if single else chosen)
        if single or combine is Combine.NEAREST:
            score = "score_by_dissimilarity" if request.dissimilar else "score_by_similarity"
            return fill(score), fill("only_query" if single else "most_similar_query")
        order = fill("ascending" if request.dissimilar else "descending")
        ranks = [
            fill("similarity_rank", number=number, order=order)
            for number in range(1, len(self._targets) + 1)
        ]
        score = "score_by_worst_rank" if combine is Combine.ALL else "score_by_best_rank"
        return fill(score, similarity_ranks=_listed(ranks, 8)), fill("ranked_query")


def quoted(text: str) -> str:
    """Return text as a string literal of ClickHouse's SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _listed(values: Sequence[str], depth: int) -> str:
    """Return values as a list of SQL, a line each where there are several."""
    if len(values) == 1:
        return values[0]
    lead = "\n" + " " * (depth + 4)
    return lead + f",{lead}".join(values) + "\n" + " " * depth

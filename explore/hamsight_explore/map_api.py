"""The part of the HTTP API that is of maps. Points and colours are bytes, little-endian."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hamsight_analyze.positions import COMPONENTS, METHODS
from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.errors import UsageError
from hamsight_explore.explorer import Explorer
from hamsight_explore.given import Given
from hamsight_explore.jobs import Job
from hamsight_explore.map_regions import named_regions
from hamsight_explore.maps import Points, shaded
from hamsight_explore.web import Answers, bytes_answer, json_answer

if TYPE_CHECKING:
    from starlette.responses import Response

_BYTES = "application/octet-stream"
_SIMILARITY = "similarity"
_SIDES = "sides"
"""By which of the sides `a` and `b` of a comparison a point is of."""


class MapApi:
    """The answers of one server that are of maps."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self.read: Answers = {
            "/api/maps": self.maps,
            "/api/maps/points": self.points,
            "/api/maps/color": self.color,
            "/api/maps/mask": self.mask,
            "/api/maps/names": self.names,
        }
        self.write: Answers = {"/api/maps": self.make}

    def maps(self, given: Given) -> Response:
        """Return the maps of a model, and by what they may be coloured."""
        name = given.text_or_none("model")
        given.finish()
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            model = self._explorer.results.model(catalog, name)
            maps = [
                one for one in self._explorer.maps.listed(catalog) if one["model"] == model.name
            ]
            choices = self._explorer.maps.choices(catalog, model)
        return json_answer({"maps": maps, "colors": [*choices, _SIMILARITY]})

    def make(self, given: Given) -> Response:
        """Make a map, as a job."""
        method, name = given.choice("method", METHODS), given.text_or_none("model")
        component = given.whole_or_none("component", most=COMPONENTS)
        refit = given.flag("refit")
        given.finish()

        def work(job: Job) -> str:
            with self._explorer.pool.own() as session:
                model = self._explorer.results.model(session.catalog(), name).name
                found = session.map(
                    method, component=component, refit=refit, model=model, on_progress=job.step
                )
            return str(found.said)

        job = self._explorer.jobs.start(f"map by {method}", work)
        return json_answer(job.as_json(), 202)

    def points(self, given: Given) -> Response:
        """Return the points of a map: numbers of items, then x and y of each."""
        with self._map(given) as (*_, points):
            numbers, positions = points.numbers.astype("<u4"), points.positions.astype("<f4")
        content = numbers.tobytes() + positions.tobytes()
        return bytes_answer(content, _BYTES, "no-store")

    def color(self, given: Given) -> Response:
        """Return the colours of a map's points: JSON that says what they mean, then the codes."""
        import numpy as np

        analysis, by = given.text("map"), given.text("by")
        key, name = given.text_or_none("result"), given.text_or_none("model")
        a, b = given.text("a", ""), given.text("b", "")
        given.finish()
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            if by == _SIDES:
                model = self._explorer.results.model(catalog, name)
                points = self._explorer.maps.points(catalog, model, analysis)
                found = self._explorer.maps.sides(catalog, model, points, a, b)
            elif by == _SIMILARITY:
                if key is None:
                    raise UsageError("by similarity a map is coloured for a result: name it")
                result = self._explorer.results.get(key)
                points = self._explorer.maps.points(catalog, result.model, analysis)
                self._explorer.results.spread(catalog, result)
                similar = np.full(len(self._explorer.directory), np.nan, np.float32)
                similar[result.numbers] = result.similarities
                found = shaded(similar[points.numbers])
            else:
                model = self._explorer.results.model(catalog, name)
                points = self._explorer.maps.points(catalog, model, analysis)
                found = self._explorer.maps.coloured(catalog, model, points, by)
        told = {"by": by, "names": found.names, "least": found.least, "greatest": found.greatest}
        content = json.dumps(told).encode() + b"\n" + found.codes.tobytes()
        return bytes_answer(content, _BYTES, "no-store")

    def mask(self, given: Given) -> Response:
        """Return which points of a map are in a result, a bit each."""
        import numpy as np

        analysis, result = given.text("map"), self._explorer.results.get(given.text("result"))
        given.finish()
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            points = self._explorer.maps.points(catalog, result.model, analysis)
            self._explorer.results.reach(catalog, result, result.total)
        there = np.zeros(len(self._explorer.directory), bool)
        there[result.numbers] = True
        bits = np.packbits(there[points.numbers], bitorder="little")
        return bytes_answer(bits.tobytes(), _BYTES, "no-store")

    def names(self, given: Given) -> Response:
        """Return names of the regions of a map."""
        with self._map(given) as (analysis, catalog, model, points):
            named = named_regions(catalog, model, analysis, points)
        return json_answer({"names": [{"x": x, "y": y, "name": text} for x, y, text in named]})

    @contextmanager
    def _map(self, given: Given) -> Iterator[tuple[str, Catalog, CatalogModel, Points]]:
        """Lend a catalog with what a request asks for: a map's name, its model and its points."""
        analysis, name = given.text("map"), given.text_or_none("model")
        given.finish()
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            model = self._explorer.results.model(catalog, name)
            yield analysis, catalog, model, self._explorer.maps.points(catalog, model, analysis)

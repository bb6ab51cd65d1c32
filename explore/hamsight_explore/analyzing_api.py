"""The part of the HTTP API that shows analyses and decides what they found."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from hamsight_core.errors import UsageError
from hamsight_explore.analyzing import ANALYSES, MOST_CLUSTERS, Asked
from hamsight_explore.deciding import REMEMBERED
from hamsight_explore.explorer import Explorer
from hamsight_explore.findings import SHOWN
from hamsight_explore.given import Given
from hamsight_explore.named_models import check_models_known
from hamsight_explore.web import Answers, json_answer

if TYPE_CHECKING:
    from starlette.responses import Response

MOST_ENTRIES = 100


class AnalysesApi:
    """The answers of one server about analyses."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self.read: Answers = {
            "/api/analyses": self.analyses,
            "/api/findings": self.findings,
            "/api/clusters": self.clusters,
            "/api/compared": self.compared,
        }
        self.write: Answers = {
            "/api/analyze": self.analyze,
            "/api/findings": self.open_list,
            "/api/decide": self.decide,
        }

    def analyses(self, given: Given) -> Response:
        """Return the analyses of a model whose findings stand."""
        model = given.text_or_none("model")
        given.finish()
        with self._explorer.pool.lent() as session:
            found = self._explorer.findings.overview(session.catalog(), model)
        return json_answer({"analyses": found})

    def analyze(self, given: Given) -> Response:
        """Begin an analysis, as a job."""
        asked = Asked(
            given.choice("kind", ANALYSES),
            given.text_or_none("model"),
            given.text_or_none("where"),
            given.flag("strict"),
            given.whole("number", 16, most=MOST_CLUSTERS),
            given.flag("density"),
            given.text_or_none("name"),
            given.text("a", ""),
            given.text("b", ""),
        )
        given.finish()
        with self._explorer.pool.lent() as session:
            check_models_known(session.catalog(), [asked.model])
        return json_answer(self._explorer.analyses.start(asked).as_json(), 202)

    def open_list(self, given: Given) -> Response:
        """Open a list of what an analysis found."""
        analysis = given.text("analysis")
        finding, shown = given.text_or_none("finding"), given.choice("show", SHOWN, "open")
        given.finish()
        with self._explorer.pool.lent() as session:
            listed, counts = self._explorer.findings.open_list(
                session.catalog(), analysis, finding, shown
            )
        return json_answer({"list": listed.name, "total": len(listed.keys), "findings": counts})

    def findings(self, given: Given) -> Response:
        """Return entries of a list."""
        listed = self._explorer.findings.get(given.text("list"))
        start, count = given.whole("from", 0), given.whole("count", 50, most=MOST_ENTRIES)
        given.finish()
        with self._explorer.pool.lent() as session:
            entries = self._explorer.findings.window(session.catalog(), listed, start, count)
        return json_answer({"from": start, "total": len(listed.keys), "entries": entries})

    def decide(self, given: Given) -> Response:
        """Decide entries of a list: those of `keys`, or all of them."""
        import numpy as np

        listed = self._explorer.findings.get(given.text("list"))
        decision = given.choice("decision", tuple(REMEMBERED))
        keys, every = given.wholes("keys"), given.flag("all")
        name, kept = given.text("name", ""), given.wholes("kept")
        confirmed = given.whole("confirmed", 0)
        given.finish()
        chosen = listed.keys if every else listed.keys[np.isin(listed.keys, keys)]
        if decision == "delete" and confirmed != len(chosen):
            raise UsageError(f"deleting of {len(chosen)} entries must be confirmed by that number")
        its = self._explorer
        identities = its.directory.identities([one for one in kept if one < len(its.directory)])
        with its.pool.lent() as session:
            done = its.decisions.decide(session, listed, chosen, decision, name, identities)
        return json_answer({**asdict(done), "version": its.actions.version})

    def clusters(self, given: Given) -> Response:
        """Return the clusters that an analysis found."""
        analysis, model = given.text("analysis"), given.text_or_none("model")
        given.finish()
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            name = catalog.model(model, folders=False).name
            found = self._explorer.analyses.clusters(catalog, analysis, name)
        return json_answer({"clusters": found})

    def compared(self, given: Given) -> Response:
        """Return the last comparison of two sides."""
        a, b = given.text("a"), given.text("b")
        model = given.text_or_none("model")
        given.finish()
        with self._explorer.pool.lent() as session:
            found = self._explorer.analyses.compared(session.catalog(), model, a, b)
        return json_answer({"compared": found})

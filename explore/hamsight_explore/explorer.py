"""All that one server knows: the catalog's sessions, answers, selections, changes, jobs."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from hamsight_core.catalog.generations import view_of
from hamsight_core.closing import Closing
from hamsight_explore.actions import Actions
from hamsight_explore.analyzing import Analyses
from hamsight_explore.asked_sql import Statements
from hamsight_explore.deciding import Decisions
from hamsight_explore.directory import Directory
from hamsight_explore.findings import Findings
from hamsight_explore.jobs import Job, Jobs
from hamsight_explore.maps import Maps
from hamsight_explore.pool import Pool
from hamsight_explore.results import Results
from hamsight_explore.selections import Selection, Selections
from hamsight_explore.thumbnails import Thumbnails
from hamsight_explore.uploads import Uploads
from hamsight_explore.view import View
from hamsight_explore.windows import Windows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Explorer(Closing):
    """The state of a server. `read_only` is what the page is told; the guard sees to it."""

    def __init__(self, dsn: str | os.PathLike[str] | None, *, read_only: bool = False) -> None:
        self.read_only = read_only
        self.pool = Pool(dsn)
        self.directory = Directory()
        self.uploads = Uploads()
        self.results = Results(self.directory, self.uploads)
        self.windows = Windows(self.directory)
        self.maps = Maps(self.directory)
        self.selections = Selections()
        self.actions = Actions(self.directory)
        self.thumbnails = Thumbnails()
        self.jobs = Jobs()
        self.findings = Findings(self.windows)
        self.decisions = Decisions(self.actions, self.findings, self.directory)
        self.analyses = Analyses(self.pool, self.jobs, self.actions, self.windows)
        self.statements = Statements()

    def warm(self, _: Job) -> str:
        """Number the items of the first model, so that the first view need not."""
        with self.pool.lent() as session:
            catalog = session.catalog()
            if models := catalog.models():
                self.results.ask(catalog, View(model=models[0].name))
        return ""

    def describe(self) -> dict[str, Any]:
        """Return what the page shows of the catalog."""
        from hamsight_core.show.values import records

        with self.pool.lent() as session:
            catalog = session.catalog()
            models = [
                {
                    "name": model.name,
                    "table": view_of(model.items_table),
                    "words": model.words,
                    "dimension": model.dimension,
                    "bits": model.bits,
                    "items": catalog.rows("count_items", table=model.items_table)[0][0],
                }
                for model in catalog.models()
            ]
            return {
                "location": catalog.location,
                "embedded": catalog.embedded,
                "readOnly": self.read_only,
                "models": models,
                "datasets": list(records(session.datasets())) if models else [],
                "version": self.actions.version,
                "undo": self.actions.last,
                "hamsight": version("hamsight"),
            }

    def working(self) -> dict[str, Any]:
        """Return the jobs, the last first, and the version of the items."""
        return {"jobs": self.jobs.all(), "version": self.actions.version}

    def chosen(self, selection: Selection, items: list[int]) -> NDArray[np.uint32]:
        """Return the items that an action is for: those named, or else the selected ones."""
        import numpy as np

        if not items:
            return selection.numbers()
        numbers = np.array(items, np.uint32)
        return numbers[numbers < len(self.directory)]

    def close(self) -> None:
        """End the jobs and close the catalog."""
        self.jobs.finish()
        self.pool.close()

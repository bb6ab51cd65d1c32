"""The part of the HTTP API that selects items and changes or exports those selected."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from hamsight_core.errors import UsageError
from hamsight_curate.export.choices import Images
from hamsight_curate.export.exporter import exporters
from hamsight_explore.explorer import Explorer
from hamsight_explore.given import Given
from hamsight_explore.jobs import Job
from hamsight_explore.web import Answers, json_answer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from starlette.responses import Response

OPERATIONS = ("set", "add", "remove", "toggle", "none")
ACTIONS = ("group", "ungroup", "status", "attribute", "delete", "export")


class SelectionApi:
    """The answers of one server about what its pages have selected."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self.read: Answers = {"/api/selected": self.selected}
        self.write: Answers = {
            "/api/selection": self.selection,
            "/api/actions": self.actions,
        }

    def selection(self, given: Given) -> Response:
        """Change what a page has selected; return how many items it has now."""
        import numpy as np

        selection = self._explorer.selections.of(given.text("page"))
        operation = given.choice("operation", OPERATIONS)
        key = given.text_or_none("result")
        start, stop = given.whole("from", 0), given.whole("to", 2**32 - 1)
        items = given.wholes("items")
        given.finish()
        if operation in ("set", "none"):
            selection.clear()
        numbers = np.array(items, np.uint32)
        numbers = numbers[numbers < len(self._explorer.directory)]
        if key is not None:
            result = self._explorer.results.get(key)
            with self._explorer.pool.lent() as session:
                self._explorer.results.reach(session.catalog(), result, min(stop, result.total))
            numbers = result.numbers[start:stop]
        if operation == "toggle":
            selection.toggle(numbers)
        elif operation != "none":
            selection.put(numbers, selected=operation != "remove")
        return json_answer({"selected": selection.count})

    def selected(self, given: Given) -> Response:
        """Return how many items a page has selected, and rows of the first of them."""
        selection = self._explorer.selections.of(given.text("page"))
        model = given.text_or_none("model")
        limit = given.whole("limit", 12, most=100)
        given.finish()
        with self._explorer.pool.lent() as session:
            catalog = session.catalog()
            first = self._explorer.directory.sorted(selection.numbers())[:limit].tolist()
            rows = (
                self._explorer.windows.rows(
                    catalog, self._explorer.results.model(catalog, model), first
                )
                if first
                else []
            )
        return json_answer({"selected": selection.count, "rows": [row for row in rows if row]})

    def actions(self, given: Given) -> Response:
        """Change the selected items, or those named; or export them, as a job."""
        action = given.choice("action", ACTIONS)
        selection = self._explorer.selections.of(given.text("page"))
        numbers = self._explorer.chosen(selection, given.wholes("items"))
        if not len(numbers):
            raise UsageError("no item is selected: select some first")
        if action == "export":
            return self._export(given, numbers)
        made = self._explorer.actions
        name = given.text("name", "") if action != "delete" else ""
        value = given.text_or_none("value")
        confirmed = given.whole("confirmed", 0)
        given.finish()
        if action == "delete" and confirmed != len(numbers):
            raise UsageError(f"deleting {len(numbers)} items must be confirmed by that number")
        with self._explorer.pool.lent() as session:
            if action in ("group", "ungroup"):
                done = made.group(session, name, numbers, add=action == "group")
            elif action == "status":
                done = made.status(session, name, numbers)
            elif action == "attribute":
                done = made.attribute(session, name, value, numbers)
            else:
                done = made.delete(session, numbers)
                self._explorer.selections.let_go(numbers)
        return json_answer({**asdict(done), "version": made.version})

    def _export(self, given: Given, numbers: NDArray[np.uint32]) -> Response:
        target = given.text("target").strip()
        to = given.choice("to", exporters())
        images = given.text_or_none("images")
        given.finish()
        if not target:
            raise UsageError("say where to: name a new folder, for tables a new file")
        identities = self._explorer.directory.identities(numbers)

        def work(job: Job) -> str:
            with self._explorer.pool.own() as session:
                done = session.export(
                    target,
                    to,
                    identities,
                    images=_images(images),
                    on_progress=lambda done: job.step(done, len(identities)),
                )
            left = f", {done.missing_count} left out" if done.missing_count else ""
            return f"{done.items} items in {target} ({to}){left}"

        job = self._explorer.jobs.start(f"export {len(identities)} items to {to}", work, "export")
        return json_answer(job.as_json(), 202)


def _images(name: str | None) -> str | None:
    return None if name is None else Images(name).value

"""A classifier that is asked through a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hamsight.session.opened import Opened
from hamsight_analyze.classifier import Classifier, Order

if TYPE_CHECKING:
    from hamsight_curate.names import Items
    from hamsight_query.result import Matches


class OpenClassifier:
    """Learns from items marked right and wrong, and ranks the catalog; made by `classifier`.

    `asked` is the classifier itself, whose `learned()` has its direction and border. The lists
    are of items without marks, unless `marked`.
    """

    def __init__(self, session: Opened, asked: Classifier) -> None:
        self._session, self.asked = session, asked

    def __repr__(self) -> str:
        """Say what it was begun from and how many marks it has."""
        asked = self.asked
        return (
            f"<OpenClassifier: {asked.words or 'no words'},"
            f" {len(asked.right)} right, {len(asked.wrong)} wrong>"
        )

    def mark(self, *, right: Items = (), wrong: Items = (), neither: Items = ()) -> None:
        """Mark items right or wrong, or take their marks away with `neither`.

        Items are matches, names ([DATASET/][SUBSET/]ID) or (dataset, subset, id); the latest mark
        of an item counts. Raises UsageError and UnknownItemError.
        """
        self.asked.mark(self._session.catalog(), right=right, wrong=wrong, neither=neither)

    def most_likely(self, k: int = 50, *, offset: int = 0, marked: bool = False) -> Matches:
        """Return the k items that are right most likely, of the whole catalog.

        Raises UsageError without words and right marks.
        """
        return self._matches(Order.LIKELY, k, offset, marked)

    def least_sure(self, k: int = 50, *, offset: int = 0, marked: bool = False) -> Matches:
        """Return the k items nearest the border between right and wrong, on either side.

        Raises UsageError before a mark.
        """
        return self._matches(Order.UNSURE, k, offset, marked)

    def nearest_wrong(self, k: int = 50, *, offset: int = 0, marked: bool = False) -> Matches:
        """Return the k items that are wrong, but only just: below the border, the nearest first.

        Raises UsageError before a mark.
        """
        return self._matches(Order.NEAREST_WRONG, k, offset, marked)

    def save(self, name: str, *, k: int = 50, replace: bool = False) -> None:
        """Keep the ranking under a name, with marked items in it; `run` repeats it.

        Raises UsageError for a name that is not fit, or is taken unless `replace`.
        """
        self.asked.save(self._session.catalog(), name, k=k, replace=replace)

    def _matches(self, order: Order, k: int, offset: int, marked: bool) -> Matches:
        catalog = self._session.catalog()
        return self.asked.matches(catalog, order, k=k, offset=offset, marked=marked)

"""What each page has selected, as a bit an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hamsight_explore.last_kept import LastKept

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PAGES = 16


class Selection:
    """The selected items of one page."""

    def __init__(self) -> None:
        import numpy as np

        self._bits: NDArray[np.bool_] = np.zeros(0, bool)
        self.count = 0

    def put(self, numbers: NDArray[np.uint32], *, selected: bool) -> None:
        """Select items, or let go of them."""
        import numpy as np

        if not len(numbers):
            return
        most = int(numbers.max()) + 1
        if most > len(self._bits):
            self._bits = np.concatenate([self._bits, np.zeros(most - len(self._bits), bool)])
        self._bits[numbers] = selected
        self.count = int(self._bits.sum())

    def toggle(self, numbers: NDArray[np.uint32]) -> None:
        """Select those items that are not, and let go of the others."""
        has = self.has(numbers)
        self.put(numbers[has], selected=False)
        self.put(numbers[~has], selected=True)

    def clear(self) -> None:
        """Let go of all items."""
        self._bits[:] = False
        self.count = 0

    def has(self, numbers: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Return whether each item is selected."""
        import numpy as np

        found = np.zeros(len(numbers), bool)
        within = numbers < len(self._bits)
        found[within] = self._bits[numbers[within]]
        return found

    def numbers(self) -> NDArray[np.uint32]:
        """Return the selected items."""
        import numpy as np

        return np.flatnonzero(self._bits).astype(np.uint32)


class Selections:
    """The selections of the last pages, by the key that a page gives itself."""

    def __init__(self) -> None:
        self._kept: LastKept[str, Selection] = LastKept(_PAGES)

    def of(self, page: str) -> Selection:
        """Return the selection of a page."""
        return self._kept.setdefault(page, Selection())

    def let_go(self, numbers: NDArray[np.uint32]) -> None:
        """Let go of items in every selection, as they were deleted."""
        for selection in self._kept.values():
            selection.put(numbers[selection.has(numbers)], selected=False)

"""What a row of `models` says of its hash besides the scheme: `hash_parameters`, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from hamsight_core.errors import CatalogError

VERSION = 1
_CELLS_TABLE = re.compile(r"cells_(items|objects)_[a-z0-9_]+")
DEFAULT_CANDIDATES = 2000
GROWTH = 1.25
"""By what a table may grow before it is measured again; the candidates have that to spare."""
MOST_READ = 0.25
"""Of the cells, the share from which on reading all items costs no more."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How many candidates keep exact cosine's best ten, measured on the catalog's own items.

    `candidates`, `recall` (the share that was kept) and `queries` (how many were asked) are by
    kind, image and words; `items` is how many items the table had.
    """

    items: int
    candidates: Mapping[str, int]
    recall: Mapping[str, float]
    queries: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CellSettings:
    """The coarse cells of a model's items, as they were built from `items` items.

    `probes` says how many of the `cells` cells a search reads: by kind (image, words), by how many
    items it wants of them, and by the recall asked for.
    """

    table: str
    items: int
    cells: int
    probes: Mapping[str, Mapping[str, Mapping[str, int]]]

    def probes_for(self, kind: str, wanted: int, recall: float) -> int | None:
        """Return how many cells keep that share of the `wanted` nearest items.

        None is returned where that was not measured.
        """
        measured = self.probes.get(kind, {})
        enough = [int(reach) for reach in measured if int(reach) >= wanted]
        if not enough:
            return None
        shares = measured[str(min(enough))]
        kept = [float(share) for share in shares if float(share) >= recall]
        return shares[str(min(kept))] if kept else None


@dataclass(frozen=True, slots=True)
class HashSettings:
    """`fit` is the digest of a row of `hash_fits`, empty where nothing was fitted.

    `chosen` says that a user chose the scheme, so that it is not changed on its own. `cells` are
    those that searches read; new items go into the tables of `making` too.
    """

    fit: str = ""
    chosen: bool = False
    calibration: Calibration | None = None
    cells: CellSettings | None = None
    making: tuple[str, ...] = ()
    version: int = field(default=VERSION)

    @property
    def cell_tables(self) -> list[str]:
        """The tables of cells that new items go into."""
        return [*([self.cells.table] if self.cells else []), *self.making]

    def to_text(self) -> str:
        """Return JSON for the row of `models`."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> HashSettings:
        """Return what `to_text` wrote; empty text is that of older catalogs.

        Raises CatalogError where the text is damaged or of a later version.
        """
        if not text:
            return cls()
        try:
            values = json.loads(text)
            calibration, cells = values.pop("calibration"), values.pop("cells", None)
            making = tuple(values.pop("making", ()))
            settings = cls(
                **values,
                calibration=calibration and Calibration(**calibration),
                cells=cells and CellSettings(**cells),
                making=making,
            )
            for table in settings.cell_tables:
                if not _CELLS_TABLE.fullmatch(table):
                    raise ValueError(f"{table!r} is no table of cells")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CatalogError(
                f"what the catalog says of its hash is damaged ({type(error).__name__} {error}):"
                " make it again with `hamsight rehash`"
            ) from error
        if settings.version != VERSION:
            raise CatalogError(
                f"the catalog's hash is of version {settings.version}, and this Hamsight knows"
                f" {VERSION}: use the Hamsight that made it"
            )
        return settings

    def is_stale(self, items: int) -> bool:
        """Tell whether a table of so many items is to be measured, or measured again."""
        if items <= DEFAULT_CANDIDATES:
            return False
        return self.calibration is None or items > self.calibration.items * GROWTH

    def candidates(self, kind: str) -> int:
        """Return how many candidates a query of a kind, image or words, needs."""
        if self.calibration is None:
            return DEFAULT_CANDIDATES
        return self.calibration.candidates.get(kind, DEFAULT_CANDIDATES)

"""What a row of `models` says of its hash besides the scheme: `hash_parameters`, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from hamsight.errors import CatalogError

VERSION = 1
DEFAULT_CANDIDATES = 2000


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
class HashSettings:
    """`fit` is the digest of a row of `hash_fits`, empty where nothing was fitted.

    `chosen` says that a user chose the scheme, so that it is not changed on its own.
    """

    fit: str = ""
    chosen: bool = False
    calibration: Calibration | None = None
    version: int = field(default=VERSION)

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
            calibration = values.pop("calibration")
            settings = cls(**values, calibration=calibration and Calibration(**calibration))
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

    def candidates(self, kind: str) -> int:
        """Return how many candidates a query of a kind, image or words, needs."""
        if self.calibration is None:
            return DEFAULT_CANDIDATES
        return self.calibration.candidates.get(kind, DEFAULT_CANDIDATES)

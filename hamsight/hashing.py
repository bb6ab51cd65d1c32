"""Binary hashes of features, packed as ClickHouse's FixedString holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGN = "sign"


def bits_of(dimension: int) -> int:
    """Return the number of bits of a sign hash: the dimension, rounded up to whole bytes."""
    return (dimension + 7) // 8 * 8


def sign_hash(features: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the sign hashes of features (n, dimension): uint8 (n, bits / 8).

    A bit is 1 where the feature is above 0; the most significant bit comes first, as in
    Datumaro's `explore`. The last byte is filled up with zeros.
    """
    import numpy as np

    return np.packbits(features > 0, axis=1)

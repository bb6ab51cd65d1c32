"""Binary hashes of features, packed as ClickHouse's FixedString holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGN = "sign"
TERNARY = "ternary"
PLANES = 2
"""How many planes of bits a query of a fitted hash has; bench/README.md says why two."""

Kind = Literal["image", "words"]


class Hash(Protocol):
    """What makes hashes of a model's features, and planes of bits of queries."""

    def encode_images(self, features: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
        """Return the hashes of features (n, dimension): uint8 (n, bits / 8)."""

    def encode_query(
        self, feature: NDArray[np.floating[Any]], kind: Kind, planes: int = 1
    ) -> NDArray[np.uint8]:
        """Return the planes of a query feature (dimension,): uint8 (planes, bits / 8).

        The nearest items have the least sum over p of 2^p * bitHammingDistance(hash, plane p).
        """


class SignHash:
    """One bit for each number of the feature, and one plane for any query."""

    def encode_images(self, features: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
        """Return the hashes of features (n, dimension): uint8 (n, bits / 8)."""
        return sign_hash(features)

    def encode_query(
        self, feature: NDArray[np.floating[Any]], kind: Kind, planes: int = 1
    ) -> NDArray[np.uint8]:
        """Return the hash of a feature (dimension,) as one plane: uint8 (1, bits / 8)."""
        return sign_hash(feature[None])


def bits_of(dimension: int) -> int:
    """Return the number of bits of a sign hash: the dimension, rounded up to whole bytes."""
    return (dimension + 7) // 8 * 8


def sign_hash(features: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Return the sign hashes of features (n, dimension): uint8 (n, bits / 8).

    A bit is 1 where the feature is above 0; the most significant bit comes first, as in
    Datumaro's `explore`. The last byte is filled up with zeros.
    """
    import numpy as np

    return np.packbits(features > 0, axis=1)


def stored_precision(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return features rounded to what BFloat16 holds, so that hashes of stored features agree."""
    import numpy as np

    bits = np.ascontiguousarray(features, np.float32).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    cut: NDArray[np.float32] = (rounded & np.uint32(0xFFFF0000)).view(np.float32)
    return cut

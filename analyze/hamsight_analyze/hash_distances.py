"""Perceptual hashes of many items, and in how many bits any two differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hamsight_core.images.perceptual_hash import BITS, MIRRORED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class HashDistances:
    """Hashes (n, 2, 32) uint8 of pictures, and of the pictures without their margins.

    Two pictures differ in the bits of their hashes, or of one's hash and the other's mirrored,
    whichever are fewer. Of pictures that both have margins the hashes without margins count, as
    equal margins make pictures alike; else those that differ less.
    """

    def __init__(self, hashes: NDArray[np.uint8]) -> None:
        import numpy as np

        self._hashes = hashes
        self._margins: NDArray[np.bool_] = np.any(hashes[:, 0] != hashes[:, 1], axis=1)
        self.told: NDArray[np.bool_] = np.all(np.any(hashes, axis=2), axis=1)
        """Whether an item has a hash that tells anything."""
        self._mirrored = np.frombuffer(MIRRORED, np.uint8)
        self._odd = np.unpackbits(self._mirrored).astype(bool)
        self._ones = np.array([value.bit_count() for value in range(256)], np.uint8)

    def __len__(self) -> int:
        return len(self._hashes)

    def matrix(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the bits (rows, columns) in which items differ; 256 where a hash tells nothing."""
        import numpy as np

        bits = self._differing(0, rows, columns)
        for own, other, across in ((rows, columns, False), (columns, rows, True)):
            place = np.flatnonzero(self._margins[own])
            if not len(place):
                continue
            inner = self._differing(1, own[place], other)
            outer = (bits.T if across else bits)[place]
            both = self._margins[other]
            inner[:, ~both] = np.minimum(inner, outer)[:, ~both]
            (bits.T if across else bits)[place] = inner
        bits[~self.told[rows]] = BITS
        bits[:, ~self.told[columns]] = BITS
        return bits

    def of_pairs(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the bits (m,) in which the items of each of m pairs differ."""
        import numpy as np

        whole, inner = self._of_pairs(0, first, second), self._of_pairs(1, first, second)
        both = self._margins[first] & self._margins[second]
        bits = np.where(both, inner, np.minimum(whole, inner))
        return np.where(self.told[first] & self.told[second], bits, BITS)

    def vectors(self) -> NDArray[np.float16]:
        """Return a vector (n, 256) of each hash: nearness in it is that of hashes or of mirrored.

        It holds the even frequencies, and the odd ones turned so that the sum of the first row of
        them is positive, as one of the two mirror images has it.
        """
        import numpy as np

        signs = _signs(self._hashes[:, 1])
        odd = signs[:, self._odd]
        turned = np.where(odd[:, :8].sum(axis=1) + odd[:, 8] / 2 < 0, -1, 1)
        signs[:, self._odd] = odd * turned[:, None]
        vectors: NDArray[np.float16] = (signs / np.sqrt(BITS)).astype(np.float16)
        return vectors

    def _differing(
        self, kind: int, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the bits, as half of what a product of signs -1 and 1 lacks of the most."""
        import numpy as np

        own, other = _signs(self._hashes[rows, kind]), _signs(self._hashes[columns, kind])
        bits = own[:, self._odd] @ other[:, self._odd].T
        np.abs(bits, out=bits)  # of the mirrored hash, the product of odd frequencies is negative
        bits += own[:, ~self._odd] @ other[:, ~self._odd].T
        np.subtract(BITS, bits, out=bits)
        bits /= 2
        differing: NDArray[np.float32] = bits
        return differing

    def _of_pairs(
        self, kind: int, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        import numpy as np

        unlike = self._hashes[first, kind] ^ self._hashes[second, kind]
        plain = self._ones[unlike].sum(axis=1, dtype=np.int64)
        turned = self._ones[unlike ^ self._mirrored].sum(axis=1, dtype=np.int64)
        fewer: NDArray[np.int64] = np.minimum(plain, turned)
        return fewer


def _signs(hashes: NDArray[np.uint8]) -> NDArray[np.float32]:
    import numpy as np

    signs = np.unpackbits(hashes, axis=-1).astype(np.float32)
    signs *= 2
    signs -= 1
    return signs

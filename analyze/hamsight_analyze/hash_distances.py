"""Perceptual hashes of many items, and in how many bits any two differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hamsight_core.images.perceptual_hash import BITS, MIRRORED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COARSE = 8
"""Frequencies of coarse bits, across and down, of 16."""
_ROWS = 8192
_COARSE_BYTES = slice(0, 2 * _COARSE, 2)
"""A row of frequencies is two bytes: coarse bits are the first byte of each of the first rows."""


class HashDistances:
    """Hashes (n, 2, 32) uint8 of pictures, and of the pictures without their margins.

    Two pictures differ in the bits of their hashes, or of one's hash and the other's mirrored,
    whichever are fewer. Of pictures that both have margins the hashes without margins count, as
    equal margins make pictures alike; else those that differ less.

    Coarse bits are the 64 of the lowest 8 x 8 frequencies. Of a crop off the centre they are mostly
    those of the picture, while the others differ as those of any two pictures do.
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

    def of_pairs(
        self, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the bits (m,) in which the items of each of m pairs differ, and the coarse ones.

        Coarse bits are counted of the hashes that differ least by all bits. Both are 256 where a
        hash tells nothing.
        """
        import numpy as np

        inner, inner_coarse = self._of_pairs(1, first, second)
        bits, coarse = self._of_pairs(0, first, second)
        within = (self._margins[first] & self._margins[second]) | (inner < bits)
        told = self.told[first] & self.told[second]
        bits = np.where(told, np.where(within, inner, bits), BITS)
        coarse = np.where(told, np.where(within, inner_coarse, coarse), BITS)
        return bits, coarse

    def vectors(self) -> NDArray[np.float16]:
        """Return a vector (n, 256) of each hash: nearness in it is that of hashes or of mirrored.

        It holds the even frequencies, and the odd ones turned so that the sum of the first row of
        them is positive, as one of the two mirror images has it.
        """
        import numpy as np

        vectors = np.empty((len(self), BITS), np.float16)
        for start in range(0, len(self), _ROWS):
            signs = _signs(self._hashes[start : start + _ROWS, 1])
            odd = signs[:, self._odd]
            turned = np.where(odd[:, :8].sum(axis=1) + odd[:, 8] / 2 < 0, -1, 1)
            signs[:, self._odd] = odd * turned[:, None]
            vectors[start : start + _ROWS] = signs / np.sqrt(BITS)
        return vectors

    def _differing(
        self, kind: int, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the bits, as half of what a product of signs -1 and 1 lacks of the most."""
        import numpy as np

        own, other = _signs(self._hashes[rows, kind]), _signs(self._hashes[columns, kind])
        odd, even = self._odd, ~self._odd
        bits = own[:, odd] @ other[:, odd].T
        np.abs(bits, out=bits)  # of the mirrored hash, the product of odd frequencies is negative
        bits += own[:, even] @ other[:, even].T
        np.subtract(BITS, bits, out=bits)
        bits /= 2
        differing: NDArray[np.float32] = bits
        return differing

    def _of_pairs(
        self, kind: int, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        import numpy as np

        unlike = self._ones[self._hashes[first, kind] ^ self._hashes[second, kind]]
        turned = self._ones[self._hashes[first, kind] ^ self._hashes[second, kind] ^ self._mirrored]
        bits, mirrored = (one.sum(axis=1, dtype=np.int64) for one in (unlike, turned))
        coarse, coarse_mirrored = (
            one[:, _COARSE_BYTES].sum(axis=1, dtype=np.int64) for one in (unlike, turned)
        )
        is_plain = bits <= mirrored
        return np.minimum(bits, mirrored), np.where(is_plain, coarse, coarse_mirrored)


def _signs(hashes: NDArray[np.uint8]) -> NDArray[np.float32]:
    import numpy as np

    signs = np.unpackbits(hashes, axis=-1).astype(np.float32)
    signs *= 2
    signs -= 1
    return signs

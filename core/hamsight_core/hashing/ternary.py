"""The `ternary` hash: fitted to a sample of features and, where the model has them, of words.

A feature, less the mean, is projected on directions that weigh what words tell apart, and each
projection falls into one of three levels, written as two bits: low 00, middle 10, high 11.
docs/hash.md describes it and hashes a feature in SQL; bench/README.md has the figures.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hamsight_core.errors import CatalogError, ModelMismatchError, UsageError
from hamsight_core.hashing.sign import TERNARY, Kind

VERSION = 1
MAXIMUM_PLANES = 4

# The best three levels of a normal variable are cut at ±0.612 standard deviations and leave
# 0.19 of its variance unexplained: 0.235 of what they explain (Max, 1960).
THRESHOLD = 0.612
LEVEL_NOISE = 0.235

# Measured by bench/hash_quality.py.
WORDS_POWER = 0.15
WORDS_SHRINKAGE = 0.05

# The best step, in standard deviations, between the 2^planes levels of a normal variable.
_STEPS = {2: 0.996, 3: 0.586, 4: 0.335}

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class HashParameters:
    """What turns features of one model into hashes, and queries into planes of bits.

    `mean` float32 (dimension,) is subtracted first; `directions` float32 (bits / 2, dimension)
    are projected on, each scaled to a variance of 1 over the sample; `words` float32
    (bits / 2, dimension) gives each direction's weight for a text feature.
    Bit j is 1 where projection j is above -THRESHOLD, bit bits / 2 + j where it is above
    THRESHOLD; the most significant bit of a byte comes first.
    """

    mean: Float32
    directions: Float32
    words: Float32
    scheme: str = TERNARY
    version: int = VERSION

    @property
    def dimension(self) -> int:
        """Length of a feature."""
        return int(self.directions.shape[1])

    @property
    def bits(self) -> int:
        """Length of a hash."""
        return 2 * int(self.directions.shape[0])

    @property
    def digest(self) -> str:
        """SHA-256 of `to_text`, hexadecimal: hashes compare only where it is the same."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()

    def encode_images(self, features: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
        """Return the hashes of features (n, dimension): uint8 (n, bits / 8).

        Raises ModelMismatchError where the features are of another dimension, UsageError
        where one is not finite.
        """
        return np.packbits(self._weights(features, "image") > 0, axis=1)

    def encode_query(
        self, feature: NDArray[np.floating[Any]], kind: Kind, planes: int = 1
    ) -> NDArray[np.uint8]:
        """Return the planes of a query feature (dimension,): uint8 (planes, bits / 8).

        The nearest items have the least sum over p of 2^p * bitHammingDistance(hash, plane p).
        `kind` is "image" to find what resembles the feature, and "words" to find what lies in
        its direction: a text feature, or the weights of a linear classifier. One plane of an
        image is its hash. Raises as `encode_images`, and UsageError where `planes` is not 1
        to 4.
        """
        if planes not in range(1, MAXIMUM_PLANES + 1):
            raise UsageError(f"planes is {planes}; give a number from 1 to {MAXIMUM_PLANES}")
        weights = self._weights(np.asarray(feature)[None], kind)[0]
        if planes == 1:
            return np.packbits(weights > 0)[None]
        step = _STEPS[planes] * np.sqrt(np.mean(weights**2))
        levels = np.floor(weights / (step or 1.0)).astype(np.int64) + 2 ** (planes - 1)
        levels = np.clip(levels, 0, 2**planes - 1)
        return np.stack([np.packbits(levels >> plane & 1) for plane in range(planes)])

    def _weights(self, features: NDArray[np.floating[Any]], kind: Kind) -> Float64:
        """Return the weight of each bit, (n, bits): a hash is near where the sum of those set is.

        Double precision, so that SQL, which sums in another order, comes to the same bits.
        """
        rows = _finite(features, "features")
        if rows.shape[1] != self.dimension:
            raise ModelMismatchError(
                f"the features have {rows.shape[1]} dimensions, and the hash parameters are of "
                f"{self.dimension}; use the model that the catalog was made with"
            )
        if kind == "words":
            weights = rows @ self.words.T.astype(np.float64)
            return np.hstack([weights, weights])
        if kind == "image":
            projections = (rows - self.mean) @ self.directions.T.astype(np.float64)
            return np.hstack([projections + THRESHOLD, projections - THRESHOLD])
        raise UsageError(f"no kind of query is named {kind!r}; give 'image' or 'words'")

    def to_text(self) -> str:
        """Return JSON for the catalog's row; arrays are base64 of little-endian float32."""
        values: dict[str, object] = {
            "scheme": self.scheme,
            "version": self.version,
            "dimension": self.dimension,
            "bits": self.bits,
            "threshold": THRESHOLD,
        }
        for name in ("mean", "directions", "words"):
            array = getattr(self, name).astype("<f4")
            values[name] = base64.b64encode(array.tobytes()).decode("ascii")
        return json.dumps(values)

    @classmethod
    def from_text(cls, text: str) -> HashParameters:
        """Return the parameters that `to_text` wrote.

        Raises CatalogError where the text is damaged or of a scheme or version unknown here.
        """
        try:
            values = json.loads(text)
            scheme, version = values["scheme"], values["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise CatalogError(f"{_DAMAGED}: {type(error).__name__} {error}{_REFIT}") from error
        if (scheme, version) != (TERNARY, VERSION):
            raise CatalogError(
                f"the catalog's hashes are of scheme {scheme!r} version {version}; this Hamsight "
                f"knows {TERNARY!r} version {VERSION}: use the Hamsight that made them, or refit"
            )
        try:
            shape = (int(values["bits"]) // 2, int(values["dimension"]))
            return cls(
                mean=_array(values["mean"], shape[1:]),
                directions=_array(values["directions"], shape),
                words=_array(values["words"], shape),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CatalogError(f"{_DAMAGED}: {type(error).__name__} {error}{_REFIT}") from error


_DAMAGED = "the catalog's hash parameters are damaged"
_REFIT = "; fit them again"


def fit(
    features: NDArray[np.floating[Any]],
    words: NDArray[np.floating[Any]] | None,
    bits: int,
    seed: int = 0,
    words_power: float = WORDS_POWER,
) -> HashParameters:
    """Return hash parameters fitted to features (n, dimension) of images, 10,000 being plenty.

    `words` (m, dimension) are features of some hundred names, encoded by the model's text side,
    or None. `bits` is a multiple of 8; above twice the dimension they bring little. A higher
    `words_power` keeps more of words and less of images. The same arguments give the same
    parameters on one machine. Raises UsageError where the arguments do not fit one another or
    hold values that are not finite.
    """
    if bits < 8 or bits % 8:
        raise UsageError(f"a hash of {bits} bits cannot be packed; give a multiple of 8")
    sample = _finite(features, "features")
    mean = sample.mean(axis=0)
    covariance = _covariance(sample - mean, fallback=float(np.mean(sample**2)))
    dimension = len(mean)
    weighting = np.eye(dimension)
    if words is not None:
        spoken = _finite(words, "words")
        if spoken.shape[1] != dimension:
            raise UsageError(
                f"words have {spoken.shape[1]} dimensions and images {dimension}; "
                "encode both with one model"
            )
        weighting = _words_weighting(spoken, words_power)

    directions = _directions(covariance, weighting, bits // 2, np.random.default_rng(seed))
    directions /= np.sqrt(np.sum(directions @ covariance * directions, axis=1, keepdims=True))
    crossed = directions @ covariance
    between = crossed @ directions.T + LEVEL_NOISE * np.eye(bits // 2)
    return HashParameters(
        mean=mean.astype(np.float32),
        directions=directions.astype(np.float32),
        words=np.linalg.solve(between, crossed).astype(np.float32),
    )


def _covariance(centred: Float64, fallback: float) -> Float64:
    """Return the covariance, shrunk towards a multiple of the identity (Ledoit and Wolf, 2004).

    `fallback` is the variance of each dimension where the sample has none.
    """
    count, dimension = centred.shape
    sample = centred.T @ centred / count
    variance = float(np.trace(sample)) / dimension
    if variance <= 1e-12 * fallback or variance == 0:
        return (fallback or 1.0) * np.eye(dimension)
    target = variance * np.eye(dimension)
    distance = float(np.sum((sample - target) ** 2))
    error = float(np.mean(np.sum(centred**2, axis=1) ** 2) - np.sum(sample**2)) / count
    # never 0, so that a dimension that does not vary leaves the matrix invertible
    weight = min(1.0, max(error / distance, 1e-4)) if distance > 0 else 1.0
    shrunk: Float64 = (1 - weight) * sample + weight * target
    return shrunk


def _words_weighting(words: Float64, power: float) -> Float64:
    """Return the second moment of words (m, dimension), to a power, as a symmetric matrix.

    About zero, not about their mean: what all words share takes part in each one's ranking.
    """
    dimension = words.shape[1]
    moment = words.T @ words / len(words)
    size = float(np.trace(moment)) / dimension
    if size == 0:
        return np.eye(dimension)
    values, vectors = np.linalg.eigh(moment / size)
    values = (1 - WORDS_SHRINKAGE) * np.maximum(values, 0) + WORDS_SHRINKAGE
    weighting: Float64 = (vectors * values**power) @ vectors.T
    return weighting


def _directions(
    covariance: Float64, weighting: Float64, count: int, random: np.random.Generator
) -> Float64:
    """Return (count, dimension): the weighted features' principal directions, rotated at random.

    A rotation spreads the variance evenly over the bits. Where more directions are wanted than
    there are dimensions, several rotations follow one another.
    """
    _, vectors = np.linalg.eigh(weighting @ covariance @ weighting)
    kept = min(count, len(covariance))
    principal = weighting @ vectors[:, ::-1][:, :kept]
    rotations = [
        np.linalg.qr(random.standard_normal((kept, kept)))[0] for _ in range(-(-count // kept))
    ]
    return np.ascontiguousarray((principal @ np.hstack(rotations)[:, :count]).T)


def _finite(rows: NDArray[np.floating[Any]], what: str) -> Float64:
    """Return rows as float64 (n, dimension), or say what is wrong with them."""
    values: Float64 = np.asarray(rows, dtype=np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise UsageError(f"{what} have the shape {values.shape}; give at least one row of (n, d)")
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise UsageError(f"row {row} of {what} holds values that are not finite; encode it again")
    return values


def _array(text: str, shape: tuple[int, ...]) -> Float32:
    values = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    return values.reshape(shape).astype(np.float32)

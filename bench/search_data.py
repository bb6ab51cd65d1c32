"""The hashes, features and queries that bench/search_speed.py searches, kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from made_features import VECTORS, Likeness, likeness, real_images
from numpy.typing import NDArray

from hamsight_core.hashing import ternary as hash_fit
from hamsight_core.hashing.sign import PLANES, SignHash, sign_hash

BITS = 512
_PIECE = 1_000_000
_QUERY_SEED = 1
_ITEM_SEED = 2
Bytes = NDArray[np.uint8]
Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Data:
    """Made items and queries of the same likeness, all of unit length.

    `hashes` uint8 (rows, 64), on disk; `features` float32 (feature_rows, 512), on disk, of the
    first items; `queries` float32 (n, 512), their hashes uint8 (n, 64), and the planes of bits with
    which Hamsight asks for what cosine then ranks, uint8 (n, planes, 64), the highest last.
    """

    hashes: Bytes
    features: Float32
    queries: Float32
    query_hashes: Bytes
    query_planes: Bytes

    def hash_pieces(self) -> Iterator[Bytes]:
        """Yield the hashes a million at a time."""
        for start in range(0, len(self.hashes), _PIECE):
            yield np.ascontiguousarray(self.hashes[start : start + _PIECE])

    def nearest_distances(self, k: int, rows: int) -> NDArray[np.int64]:
        """Return the distance to each query's k-th nearest of the first rows by hash: (n,)."""
        kept = np.full((len(self.queries), k), BITS + 1)
        for piece in self.hash_pieces():
            left = piece[: max(0, rows)]
            rows -= len(piece)
            if len(left):
                for n, query in enumerate(self.query_hashes):
                    found = np.concatenate([kept[n], distances(left, query)])
                    kept[n] = np.partition(found, k - 1)[:k]
        return kept[:, k - 1]


def distances(hashes: Bytes, query: Bytes) -> NDArray[np.int64]:
    """Return the Hamming distances of hashes (n, bytes) to one (bytes,)."""
    if not hasattr(np, "bitwise_count"):
        return np.unpackbits(hashes ^ query, axis=1).sum(axis=1, dtype=np.int64)
    differing = np.bitwise_count(hashes.view(np.uint64) ^ query.view(np.uint64))
    return differing.sum(axis=1, dtype=np.int64)


def prepare(
    folder: Path, rows: int, feature_rows: int, queries: int, scheme: str, spread: bool = False
) -> Data:
    """Return the data, made now unless `folder` has it."""
    vectors = real_images()
    like = likeness(vectors, spread=spread)
    asked = like.chunk(queries, _QUERY_SEED)
    fitted = _fitted(vectors) if scheme == "ternary" else None
    encode = _encoder(fitted) if fitted else sign_hash
    planes = [(fitted or SignHash()).encode_query(one, "image", PLANES) for one in asked]
    folder.mkdir(parents=True, exist_ok=True)
    mark = "spread-" if spread else ""
    hash_file = folder / f"{scheme}-{mark}{rows}.npy"
    feature_file = folder / f"features-{mark}{feature_rows}.npy"
    if not (hash_file.exists() and feature_file.exists()):
        _make(like, encode, rows, feature_rows, hash_file, feature_file)
    return Data(
        np.load(hash_file, mmap_mode="r"),
        np.load(feature_file, mmap_mode="r"),
        asked,
        encode(asked),
        np.stack(planes),
    )


def _fitted(vectors: Float32) -> hash_fit.HashParameters:
    with np.load(VECTORS) as file:
        return hash_fit.fit(vectors, file["lvis_vector"], BITS, 0)


def _encoder(fitted: hash_fit.HashParameters) -> Callable[[Float32], Bytes]:
    """Return `encode_images` of the fitted hash in single precision, which takes a tenth of it."""
    mean, directions = fitted.mean.astype("f4"), fitted.directions.T.astype("f4")
    limit = np.float32(hash_fit.THRESHOLD)

    def encode(features: Float32) -> Bytes:
        projections = (features - mean) @ directions
        return np.packbits(np.hstack([projections > -limit, projections > limit]), axis=1)

    return encode


def _make(like: Likeness, encode, rows, feature_rows, hash_file, feature_file) -> None:  # type: ignore[no-untyped-def]
    made = [file.with_suffix(".making") for file in (hash_file, feature_file)]
    hashes = np.lib.format.open_memmap(made[0], "w+", np.uint8, (rows, BITS // 8))
    shape = (feature_rows, like.dimension)
    features = np.lib.format.open_memmap(made[1], "w+", np.float32, shape)
    at = 0
    for chunk, hashed in like.chunks(rows, _ITEM_SEED, encode):
        hashes[at : at + len(chunk)] = hashed
        left = chunk[: max(0, feature_rows - at)]
        features[at : at + len(left)] = left
        at += len(chunk)
    hashes.flush()
    features.flush()
    made[0].replace(hash_file)
    made[1].replace(feature_file)

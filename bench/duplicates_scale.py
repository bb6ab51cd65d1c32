"""Near-duplicates of a million items: how long, in how much memory, and how many are found.

    .venv/bin/python bench/duplicates_scale.py make             # 1,000,000 items, once
    .venv/bin/python bench/duplicates_scale.py find             # hamsight find duplicates --pairs
    .venv/bin/python bench/duplicates_scale.py exact --part 0   # of 10: a thousand sampled items
    .venv/bin/python bench/duplicates_scale.py recall

Needs real photos in ../shared/data. Each command keeps its result in --folder (/tmp/hamsight-
scale), so that the machine can be left between them; without a step all are done. Hashes are
signs of sums of the frequencies of three real photos, each mirrored or turned upside down;
features are made like CLIP's (bench/made_features.py). Each fiftieth item is a copy of another:
its hash differs in the bits in which a real photo and its changed copy do, by one of 13 changes
(tests/planted.py), and its feature by noise.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import resource
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tests"))

from made_features import likeness as made_like  # noqa: E402
from made_features import real_images  # noqa: E402
from planted import COPIES, copied  # noqa: E402

from hamsight_analyze.blocks import all_blocks  # noqa: E402
from hamsight_analyze.duplicates import MANY, USUAL, _Grounds, _keys  # noqa: E402
from hamsight_analyze.even import even  # noqa: E402
from hamsight_analyze.hash_distances import HashDistances  # noqa: E402
from hamsight_analyze.neighbours import NEIGHBOURS, _keep_best  # noqa: E402
from hamsight_core.catalog.catalog import IMPORTED, Catalog, CatalogModel  # noqa: E402
from hamsight_core.hashing.sign import SIGN, sign_hash  # noqa: E402
from hamsight_core.images.perceptual_hash import perceptual_hashes  # noqa: E402
from hamsight_core.images.picture_quality import grey_thumbnail  # noqa: E402

DATA = REPO.parent / "shared" / "data"
DIMENSION, BITS = 512, 512
_COPY = 50
"""One item of so many is a copy."""
_CHUNK = 50_000
_ASKED, _PARTS = 10_000, 10
_CHANGED = 100
"""Photos whose changed copies show in which bits a copy differs."""
_SIDE, _LOW = 64, 16


def photos() -> list[Path | bytes]:
    """Return real photos: files of flickr8k, and members of tiny-imagenet."""
    files: list[Path | bytes] = sorted((DATA / "flickr8k-2000" / "images").glob("*.jpg"))
    with zipfile.ZipFile(DATA / "tiny-imagenet-10k.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith(".jpeg"))
        return files + [archive.read(name) for name in names]


def opened(photo: Path | bytes) -> Image.Image:
    """Return a photo as an RGB picture."""
    return Image.open(io.BytesIO(photo) if isinstance(photo, bytes) else photo).convert("RGB")


def frequencies(photo: Path | bytes) -> NDArray[np.float32]:
    """Return the 16 x 16 lowest frequencies of a photo, of length 1, without their mean."""
    from scipy.fft import dctn

    grey = grey_thumbnail(opened(photo)).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    low = dctn(np.asarray(grey, np.float32), norm="ortho")[:_LOW, :_LOW].copy()
    low[0, 0] = 0
    return (low / max(float(np.linalg.norm(low)), 1e-6)).astype(np.float32)


def changed_bits(pictures: list[Image.Image]) -> NDArray[np.uint8]:
    """Return the bits (m, 2, 32) in which changed copies of pictures differ from them."""
    found = []
    for picture in pictures:
        own = perceptual_hashes(grey_thumbnail(picture))
        for change in COPIES:
            copy = Image.open(io.BytesIO(copied(picture, change))).convert("RGB")
            pairs = zip(own, perceptual_hashes(grey_thumbnail(copy)), strict=True)
            found.append(
                [np.frombuffer(a, np.uint8) ^ np.frombuffer(b, np.uint8) for a, b in pairs]
            )
    return np.array(found)


def made_hashes(rows: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return hashes (rows, 2, 32), and of which item each item is a copy, (rows,), -1 of none."""
    every = photos()
    with ThreadPoolExecutor() as pool:
        waves = np.stack(list(pool.map(frequencies, every)))
    signs = np.ones((4, _LOW, _LOW), np.float32)
    signs[1::2, :, 1::2] *= -1
    signs[2:, 1::2] *= -1
    draw = np.random.default_rng(0)
    hashes = np.empty((rows, 2, _LOW * _LOW // 8), np.uint8)
    for start in range(0, rows, _CHUNK):
        count = min(_CHUNK, rows - start)
        total = np.zeros((count, _LOW, _LOW), np.float32)
        for _ in range(3):
            total += (
                waves[draw.integers(len(waves), size=count)] * signs[draw.integers(4, size=count)]
            )
        total[:, 0, 0] = 0
        hashes[start : start + count] = np.packbits(total.reshape(count, -1) > 0, axis=1)[:, None]
    masks = changed_bits([opened(photo) for photo in every[:_CHANGED]])
    of = np.full(rows, -1)
    copies = np.arange(_COPY - 1, rows, _COPY)
    of[copies] = draw.integers(rows // _COPY, size=len(copies)) * _COPY
    hashes[copies] = hashes[of[copies]] ^ masks[draw.integers(len(masks), size=len(copies))]
    return hashes, of


def make(folder: Path, rows: int) -> None:
    """Make a catalog of items, and arrays of the same."""
    folder.mkdir(parents=True, exist_ok=True)
    hashes, of = made_hashes(rows)
    np.save(folder / "hashes.npy", hashes)
    np.save(folder / "of.npy", of)
    features = np.lib.format.open_memmap(
        folder / "features.npy", "w+", np.float16, (rows, DIMENSION)
    )
    like = made_like(real_images(), spread=True)
    at = 0
    for chunk, _ in like.chunks(rows, 0, lambda made: made[:0].astype(np.uint8)):
        features[at : at + len(chunk)] = chunk
        at += len(chunk)
    copies = np.flatnonzero(of >= 0)
    draw = np.random.default_rng(1)
    for some in np.array_split(copies, max(1, len(copies) // _CHUNK)):
        noise = like._noise(len(some), draw)
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        near = features[of[some]] + draw.uniform(0.1, 0.7, (len(some), 1)) * noise
        features[some] = near / np.linalg.norm(near, axis=1, keepdims=True)
    given = CatalogModel("made", "", IMPORTED, IMPORTED, DIMENSION, BITS, True, "", SIGN, "")
    with Catalog.open(folder / "catalog", create=True) as catalog:
        table = catalog.add_model(given).items_table
        for start in range(0, rows, _CHUNK):
            catalog.insert(table, _rows(hashes, features, start, min(rows, start + _CHUNK)))
    print(f"{rows:,} items made in {folder}, {len(copies):,} of them copies")


def _rows(
    hashes: NDArray[np.uint8], features: NDArray[np.float16], start: int, end: int
) -> pa.Table:
    count = end - start
    vectors = features[start:end].astype(np.float32)

    def fixed(values: NDArray[np.uint8]) -> pa.Array:
        width = values.shape[1]
        buffers = [None, pa.py_buffer(np.ascontiguousarray(values))]
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), count, buffers)

    digests = np.random.default_rng((2, start)).integers(256, size=(count, 32), dtype=np.uint8)
    ends = np.arange(0, vectors.size + 1, DIMENSION, dtype=np.int32)
    return pa.table(
        {
            "dataset": pa.array(["made"] * count),
            "id": pa.array([f"{number:07}.jpg" for number in range(start, end)]),
            "width": pa.array([640] * count, pa.uint32()),
            "height": pa.array([480] * count, pa.uint32()),
            "sha256": fixed(digests),
            "phash": fixed(hashes[start:end, 0]),
            "phash_trimmed": fixed(hashes[start:end, 1]),
            "hash": fixed(sign_hash(vectors)),
            "feature": pa.ListArray.from_arrays(ends, pa.array(vectors.ravel())),
        }
    )


def find(folder: Path) -> None:
    """Run the command, and say what it took."""
    command = [sys.executable, "-m", "hamsight", "find", "duplicates", "--pairs", "--format", "csv"]
    began = time.perf_counter()
    with (folder / "pairs.csv").open("w") as out:
        subprocess.run([*command, "--db", folder / "catalog"], stdout=out, check=True)
    wall, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"found in {wall:.0f} s ({used.ru_utime + used.ru_stime:.0f} s of CPU, load"
        f" {os.getloadavg()[0]:.1f}), {used.ru_maxrss / 2**20:.1f} GiB at most"
    )


def asked_items(rows: int) -> NDArray[np.int64]:
    """Return the places of the items of which all pairs are sought exactly."""
    return np.sort(np.random.default_rng(3).choice(rows, min(_ASKED, rows), replace=False))


def kept_pairs(folder: Path) -> NDArray[np.int64]:
    """Return the pairs of neighbours that the catalog keeps after `find`, as keys."""
    with Catalog.open(folder / "catalog") as catalog:
        table = catalog.arrow(
            "SELECT item, neighbours FROM neighbours_made ORDER BY dataset, subset, id"
        ).combine_chunks()
    item = table["item"].to_numpy()
    order = np.argsort(item)
    lists = table["neighbours"].combine_chunks()
    other = order[np.searchsorted(item[order], lists.flatten().to_numpy())]
    first = np.repeat(np.arange(len(item)), lists.value_lengths().to_numpy())
    return np.unique(np.minimum(first, other) * len(item) + np.maximum(first, other))


def exact(folder: Path, part: int) -> None:
    """Compare one of ten parts of the sampled items with all items.

    By hash with all, and by features with their exact neighbours; the limits are those of `find`.
    """
    hashes, features = (np.load(folder / f"{name}.npy") for name in ("hashes", "features"))
    count, began = len(hashes), time.perf_counter()
    looks, limits = HashDistances(hashes), MANY if count >= 300_000 else USUAL
    mine = asked_items(count)[part::_PARTS]
    places = np.full((count, NEIGHBOURS), -1, np.int32)
    similarity = np.full((count, NEIGHBOURS), -1, np.float32)
    alike = [np.empty(0, np.int64)]
    held = features[mine].astype(np.float32)
    ((_, columns_in_parts),) = all_blocks(1, others=count)
    for columns in columns_in_parts:
        likeness = held @ features[columns].astype(np.float32).T
        likeness[mine[:, None] == columns] = -np.inf
        _keep_best(places, similarity, mine, columns, likeness)
        at = np.flatnonzero(looks.matrix(mine, columns) <= limits.bits)
        alike.append(_keys(mine, columns, at, count))
    near = np.repeat(mine, NEIGHBOURS), places[mine].ravel().astype(np.int64)
    sought = np.unique(np.minimum(*near) * count + np.maximum(*near))
    grounds = _Grounds(looks, even(features), kept_pairs(folder))
    pairs = np.unique(np.concatenate([*alike, grounds.held(sought, limits)]))
    np.save(folder / f"exact-{part}.npy", np.stack(np.divmod(pairs, count), axis=1))
    spent = time.perf_counter() - began
    print(f"part {part}: {len(pairs):,} pairs of {len(mine):,} items, {spent:.0f} s")


def recall(folder: Path) -> None:
    """Say how many of the exact pairs, and how many of the planted copies, were found."""
    of = np.load(folder / "of.npy")
    with (folder / "pairs.csv").open(newline="") as source:
        found = {(int(row["id"][:7]), int(row["other_id"][:7])) for row in csv.DictReader(source)}
    parts = [np.load(file) for file in folder.glob("exact-*.npy")]
    wanted = {tuple(pair) for pair in np.concatenate(parts).tolist()}
    copies = [
        (int(min(one, other)), int(max(one, other))) for one, other in enumerate(of) if other >= 0
    ]
    held = len(wanted & found) / len(wanted)
    planted = len(found.intersection(copies)) / len(copies)
    asked = len(asked_items(len(of))) * len(parts) // _PARTS
    print(
        f"{len(found):,} pairs found; {held:.4f} of the {len(wanted):,} pairs of"
        f" {asked:,} sampled items; {planted:.4f} of {len(copies):,} copies"
    )


def main() -> None:
    """Do one of the steps, or all."""
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("step", nargs="?", choices=["make", "find", "exact", "recall"])
    parse.add_argument("--rows", type=float, default=1e6)
    parse.add_argument("--part", type=int, default=0)
    parse.add_argument("--folder", type=Path, default=Path("/tmp/hamsight-scale"))
    args = parse.parse_args()
    if not DATA.is_dir():
        print(f"real photos are not here: no folder {DATA}")
        return
    if args.step in (None, "make"):
        make(args.folder, round(args.rows))
    if args.step in (None, "find"):
        find(args.folder)
    if args.step in (None, "exact"):
        for part in range(_PARTS) if args.step is None else [args.part]:
            exact(args.folder, part)
    if args.step in (None, "recall"):
        recall(args.folder)


if __name__ == "__main__":
    main()

"""What hash schemes keep of exact cosine's top 10, on real CLIP vectors, and what they cost.

    .venv/bin/python bench/hash_quality.py            # the schemes of bench/README.md, 2 min
    .venv/bin/python bench/hash_quality.py --seeds 1  # a quick look
    .venv/bin/python bench/hash_quality.py --sweep    # the constants of hashing/ternary.py
    .venv/bin/python bench/hash_quality.py --scan     # only the time of a scan of 1 M hashes

Each seed fits on a random half of the 1,089 images and of the 1,203 LVIS names. It asks with the
other images, with the other LVIS and the COCO names, and with 500 captions: all outside the fit.
  held out    share of the true top 3 within the first 27 of the 545 images outside the fit: the
              same fractions as the top 10 within the first 100 of 2,000
  all 1,089   share of the true top 10 within the first 100; half of the items took part in the fit
  alone       share of the true top 10 of the 545 within the first 10: no second stage
An image asked with does not count among its own answers. Ties fall at random.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from hamsight_core.catalog import statements
from hamsight_core.hashing import ternary as hash_fit

REPO = Path(__file__).resolve().parents[1]
VECTORS = REPO.parent / "shared/data/clip-vit-b-32-vectors.npz"
HEADINGS = ("images", "names", "captions", "images", "names", "captions", "images", "names")
Rows = np.ndarray
Encode = Callable[[Rows], Rows]


@dataclass(frozen=True)
class Split:
    """What one seed fits on and what it asks with; `images` holds the fit's half first."""

    fit: Rows
    held_out: Rows
    words: Rows
    names: Rows
    captions: Rows

    @property
    def images(self) -> Rows:
        """All images, the fit's first."""
        return np.concatenate([self.fit, self.held_out])


@dataclass(frozen=True)
class Scheme:
    """Bits of an item as -1 and 1, (n, bits); a query's weight for each, larger is nearer."""

    items: Encode
    image_query: Encode
    words_query: Encode


def split(path: Path, seed: int) -> Split:
    """Return a random half of the vectors to fit on, and the rest to ask with."""
    with np.load(path) as file:
        images, lvis = file["image"], file["lvis_vector"]
        coco, captions = file["coco_vector"], file["caption_vector"]
    random = np.random.default_rng(seed)
    images, lvis = random.permutation(images), random.permutation(lvis)
    half, words = len(images) // 2, len(lvis) // 2
    return Split(
        images[:half],
        images[half:],
        lvis[:words],
        np.concatenate([lvis[words:], coco]),
        captions,
    )


def kept(queries: Rows, items: Rows, scores: Rows, own: int | None, k: int, first: int) -> float:
    """Return the share of exact cosine's top k within the first so many by score.

    `own` is the place of the first query among the items, where queries are items.
    """
    exact = queries @ items.T
    scores = scores + np.random.default_rng(0).random(scores.shape) * 1e-6
    if own is not None:
        places = np.arange(len(queries)), np.arange(len(queries)) + own
        exact[places], scores[places] = -np.inf, -np.inf
    true = np.argpartition(-exact, k - 1, axis=1)[:, :k]
    found = np.zeros(exact.shape, dtype=bool)
    candidates = np.argpartition(-scores, first - 1, axis=1)[:, :first]
    np.put_along_axis(found, candidates, True, axis=1)
    return float(np.take_along_axis(found, true, axis=1).mean())


def measure(data: Split, scheme: Scheme) -> list[float]:
    """Return the figures under `HEADINGS`."""
    weights = {
        "images": (data.held_out, scheme.image_query(data.held_out)),
        "names": (data.names, scheme.words_query(data.names)),
        "captions": (data.captions, scheme.words_query(data.captions)),
    }
    figures = []
    for items, k, first, kinds in (
        (data.held_out, 3, 27, HEADINGS[:3]),
        (data.images, 10, 100, HEADINGS[3:6]),
        (data.held_out, 10, 10, HEADINGS[6:]),
    ):
        bits = scheme.items(items)
        for kind in kinds:
            queries, weight = weights[kind]
            own = len(items) - len(queries) if kind == "images" else None
            figures.append(kept(queries, items, weight @ bits.T, own, k, first))
    return figures


def signs(values: Rows) -> Rows:
    """Return 1 where a value is above 0, else -1."""
    return np.where(values > 0, 1.0, -1.0)


def rotation(dimension: int, seed: int) -> Rows:
    """Return a random rotation."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((dimension, dimension)))[0]


def learned_rotation(centred: Rows, seed: int) -> Rows:
    """Return the rotation that brings a sample nearest to its signs (ITQ; Gong et al., 2013)."""
    turned = rotation(centred.shape[1], seed)
    for _ in range(30):
        left, _, right = np.linalg.svd(centred.T @ signs(centred @ turned))
        turned = left @ right
    return turned


def linear(mean: Rows, bits: Rows, weigh: Rows, exact: bool, words_mean: Rows | float) -> Scheme:
    """Return signs of `(x - mean) @ bits`, asked with `q @ weigh`, as floats or by their signs."""
    form: Encode = (lambda values: values) if exact else signs
    return Scheme(
        lambda rows: signs((rows - mean) @ bits),
        lambda rows: form((rows - mean) @ weigh),
        lambda rows: form((rows - words_mean) @ weigh),
    )


def two_halves(data: Split, seed: int) -> Scheme:
    """Return 256 bits for images beside 256 for words: a query's mask is 0 on the other half."""
    images = fitted(hash_fit.fit(data.fit, None, 256, seed), 1, 1)
    words = fitted(hash_fit.fit(data.fit, data.words, 256, seed, 0.25), 1, 1)
    nothing: Encode = lambda rows: np.zeros((len(rows), 256))  # noqa: E731
    return Scheme(
        lambda rows: np.hstack([images.items(rows), words.items(rows)]),
        lambda rows: np.hstack([images.image_query(rows), nothing(rows)]),
        lambda rows: np.hstack([nothing(rows), words.words_query(rows)]),
    )


def regressed(mean: Rows, bits: Rows, sample: Rows, planes: int) -> Scheme:
    """Return signs of `(x - mean) @ bits`, asked for words by `planes` of regressed weights."""
    covariance = hash_fit._covariance((sample - mean).astype(np.float64), 1.0)
    spread = np.sqrt(np.einsum("db,de,eb->b", bits, covariance, bits))
    bits = bits / spread
    # one bit leaves 0.363 of a normal variable's variance unexplained
    between = bits.T @ covariance @ bits + 0.363 / 0.637 * np.eye(bits.shape[1])
    weigh = np.linalg.solve(between, bits.T @ covariance).T
    return Scheme(
        lambda rows: signs((rows - mean) @ bits),
        lambda rows: signs((rows - mean) @ bits),
        lambda rows: quantised(rows @ weigh, planes),
    )


def quantised(weights: Rows, planes: int) -> Rows:
    """Return weights as `planes` planes of bits hold them: odd whole numbers."""
    if planes == 1:
        return signs(weights)
    step = hash_fit._STEPS[planes] * np.sqrt(np.mean(weights**2, axis=1, keepdims=True))
    top = 2**planes - 1
    return np.clip(2 * np.floor(weights / step) + 1, -top, top)


def fitted(parameters: hash_fit.HashParameters, image_planes: int, words_planes: int) -> Scheme:
    """Return the scheme of `hamsight_core.hashing.ternary`, asked through its packed bits."""

    def unpacked(packed: Rows) -> Rows:
        return np.unpackbits(packed, axis=-1) * 2.0 - 1

    def asked(kind: hash_fit.Kind, planes: int) -> Encode:
        scale = 2.0 ** np.arange(planes)
        return lambda rows: np.stack(
            [scale @ unpacked(parameters.encode_query(row, kind, planes)) for row in rows]
        )

    return Scheme(
        lambda rows: unpacked(parameters.encode_images(rows)),
        asked("image", image_planes),
        asked("words", words_planes),
    )


def schemes(data: Split, seed: int) -> Iterator[tuple[str, int, Scheme]]:
    """Yield (name, bits, scheme) of the schemes compared."""
    mean, words_mean = data.fit.mean(axis=0), data.words.mean(axis=0)
    centred = data.fit - mean
    one = np.eye(512)
    yield "sign (Datumaro)", 512, linear(np.zeros(512), one, one, False, 0.0)
    yield "sign, images and words centred", 512, linear(mean, one, one, False, words_mean)
    turned = learned_rotation(centred, seed)
    yield "ITQ, both centred", 512, linear(mean, turned, turned, False, words_mean)
    yield "ITQ, words as they are", 512, linear(mean, turned, turned, False, 0.0)
    yield "ITQ, float query", 512, linear(mean, turned, turned, True, 0.0)
    yield "ITQ, words regressed", 512, regressed(mean, turned, data.fit, 1)
    yield "ITQ, words regressed, 2 planes", 512, regressed(mean, turned, data.fit, 2)
    values, vectors = np.linalg.eigh(data.words.T @ data.words / len(data.words))
    values = np.maximum(values, 1e-6)
    root, back = ((vectors * values**power) @ vectors.T for power in (0.25, -0.25))
    turned = learned_rotation(centred @ root, seed)
    yield "words^1/4, ITQ, float query", 512, linear(mean, root @ turned, back @ turned, True, 0.0)
    turned = np.hstack([rotation(512, seed + n) for n in range(2)])
    yield "random bits, float query", 1024, linear(mean, turned, turned, True, 0.0)
    yield "256 for images + 256 for words", 512, two_halves(data, seed)
    for label, words in (("no vocabulary", None), ("vocabulary", data.words)):
        for bits in (256, 512, 1024):
            parameters = hash_fit.fit(data.fit, words, bits, seed)
            for planes in (1, 2, 3):
                name = f"ternary, {label}, {planes} plane{'s' * (planes > 1)}"
                yield name, bits, fitted(parameters, planes, planes)


def sweep(data: Split, seed: int) -> Iterator[tuple[str, int, Scheme]]:
    """Yield ternary hashes of several powers, and of small samples and vocabularies."""
    for power in (0.0, 0.1, 0.125, 0.15, 0.1875, 0.25, 0.35):
        parameters = hash_fit.fit(data.fit, data.words, 512, seed, power)
        yield f"power {power:g}", 512, fitted(parameters, 2, 2)
    for images in (10, 50, 200, 544):
        for words in (0, 50, 200, 601):
            vocabulary = data.words[:words] if words else None
            parameters = hash_fit.fit(data.fit[:images], vocabulary, 512, seed)
            yield f"fit on {images} images, {words} words", 512, fitted(parameters, 2, 2)


def quality(
    path: Path, seeds: int, compared: Callable[[Split, int], Iterator[tuple[str, int, Scheme]]]
) -> None:
    """Print the table of the schemes that `compared` yields for a split and its seed."""
    figures: dict[tuple[str, int], list[list[float]]] = {}
    for seed in range(seeds):
        data = split(path, seed)
        for name, bits, scheme in compared(data, seed):
            figures.setdefault((name, bits), []).append(measure(data, scheme))
    print(f"\n{'mean of ' + str(seeds) + ' seeds':40}", end="")
    print(f"{'held out: 3 in 27 of 545':>27}{'10 in 100 of all 1,089':>27}{'10 in 10':>18}")
    print(f"{'scheme':34}{'bits':>6}", *(f"{heading:>9}" for heading in HEADINGS), sep="")
    for (name, bits), rows in figures.items():
        means = np.mean(rows, axis=0)
        print(f"{name:34}{bits:6}", *(f"{mean:9.3f}" for mean in means), sep="")


def scan(rows: int, repeats: int) -> None:
    """Time scans by 1 to 4 planes in turn, in one process: two threads, warm."""
    from chdb import session

    text = (REPO / "bench/hash_scan.sql").read_text(encoding="utf-8")
    sql = {name: statement for name, _, statement in statements.parse(text)}
    with session.Session() as engine:
        engine.query(sql.pop("create_scan"), params={"rows": rows})
        random = np.random.default_rng(0)
        times: dict[str, list[float]] = {name: [] for name in sql}
        for _ in range(repeats):
            for name, statement in sql.items():
                planes = {f"p{n}": random.bytes(64).hex() for n in range(int(name[-1]))}
                start = time.perf_counter()
                engine.query(f"{statement} SETTINGS max_threads = 2", params=planes)
                times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"\n{rows:,} hashes of 512 bits, first 100, median of {repeats} (least), chDB, 2 threads")
    for name, values in times.items():
        ratio = medians[name] / medians["scan_1"]
        least = min(values)
        print(f"planes {name[-1]}: {1e3 * medians[name]:5.1f} ms ({1e3 * least:.1f})  x{ratio:.2f}")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vectors", type=Path, default=VECTORS, help="the .npz of CLIP vectors")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sweep", action="store_true", help="vary the fit of the ternary hash")
    parser.add_argument("--scan", action="store_true", help="only time scans")
    parser.add_argument("--rows", type=int, default=1_000_000, help="hashes in the timed table")
    arguments = parser.parse_args()
    if not arguments.scan:
        if arguments.vectors.exists():
            quality(arguments.vectors, arguments.seeds, sweep if arguments.sweep else schemes)
        else:
            print(f"{arguments.vectors} is not there: quality is not measured", file=sys.stderr)
    if not arguments.sweep:
        scan(arguments.rows, repeats=15)


if __name__ == "__main__":
    main()

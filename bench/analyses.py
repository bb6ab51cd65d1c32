"""What the analyses find of planted faults: bench/analyses.py [--seeds 0 1] [--small]

Needs real photos in ../shared/data. Prints one line for each figure; --small takes an eighth of
the photos, mini alone and the first seed. --peers adds what other packages find
(bench/analysis_peers.py).
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tests"))

import analysis_peers as peers  # noqa: E402
from planted import COPIES, FAULTS, copied, flipped  # noqa: E402

from hamsight_analyze.compare import compare_sets  # noqa: E402
from hamsight_analyze.coverage import cover  # noqa: E402
from hamsight_analyze.duplicates import find_duplicates  # noqa: E402
from hamsight_analyze.mislabelled import find_mislabelled  # noqa: E402
from hamsight_analyze.outliers import outlier_scores  # noqa: E402
from hamsight_analyze.positions import lay_out, trustworthiness  # noqa: E402
from hamsight_core.images.decode import decode  # noqa: E402
from hamsight_core.images.looks import Looks, look_at  # noqa: E402
from hamsight_core.models.encoder import encode_pixels  # noqa: E402
from hamsight_core.models.package import ModelPackage, load_package  # noqa: E402

DATA = REPO.parent / "shared" / "data"
MODELS = ("mini", str(REPO.parent / "shared" / "models" / "photo-cca"))
_ISSUES = ("blurry", "dark", "light", "grayscale", "low_information", "odd_aspect_ratio")


class Seen:
    """Pictures as the analyses see them: features by model, hashes and scores."""

    def __init__(self, pictures: list[Image.Image], packages: list[ModelPackage]) -> None:
        with ThreadPoolExecutor() as pool:
            looks: list[Looks] = list(pool.map(look_at, pictures))
            self.features = {
                package.name: encode_pixels(
                    package, np.stack(list(pool.map(package.image.preprocess, pictures)))
                )
                for package in packages
            }
        self.hashes = np.array(
            [
                [np.frombuffer(one, np.uint8) for one in (each.phash, each.phash_trimmed)]
                for each in looks
            ]
        )
        self.quality = [each.quality for each in looks]


def opened(folder: str, every: int) -> tuple[list[Image.Image], np.ndarray]:
    """Return the pictures of a data set and the number of each one's folder."""
    files = sorted(file for file in (DATA / folder).rglob("*") if file.suffix in (".jpg", ".png"))[
        ::every
    ]
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(lambda file: decode(file.read_bytes()).image, files))
    _, number = np.unique([file.parent.name for file in files], return_inverse=True)
    return pictures, number


def area(bad: np.ndarray, good: np.ndarray) -> float:
    """Return the area under the ROC curve."""
    return float((bad[:, None] > good).mean() + (bad[:, None] == good).mean() / 2)


def precision(score: np.ndarray, wrong: np.ndarray) -> float:
    """Return the average precision."""
    found = wrong[np.argsort(-score, kind="stable")]
    return float((np.cumsum(found) / np.arange(1, len(found) + 1))[found].mean())


def duplicates(
    photos: list[Image.Image], seen: Seen, packages: list[ModelPackage], seed: int
) -> None:
    """Plant copies of a tenth of the photos, by each change in turn, among half of them."""
    draw = np.random.default_rng(seed)
    chosen = draw.choice(len(photos), len(photos) // 10, replace=False)
    others = draw.choice(np.setdiff1d(np.arange(len(photos)), chosen), 4 * len(chosen), False)
    kept = np.concatenate([chosen, others])
    shares: dict[str, list[float]] = {package.name: [] for package in packages}
    wrong: dict[str, int] = {package.name: 0 for package in packages}
    for change in COPIES:
        made = [
            Image.open(io.BytesIO(copied(photos[place], change))).convert("RGB") for place in chosen
        ]
        copies = Seen(made, packages)
        hashes = np.concatenate([seen.hashes[kept], copies.hashes])
        for name in shares:
            features = np.concatenate([seen.features[name][kept], copies.features[name]])
            pairs = find_duplicates(hashes, features)
            right = (pairs.second - pairs.first == len(kept)) & (pairs.first < len(chosen))
            shares[name].append(right.sum() / len(chosen))
            wrong[name] += int((~right).sum())
    for name, found in shares.items():
        least = min(zip(found, COPIES, strict=True))
        print(
            f"duplicates  {name:10} seed {seed}: mean {np.mean(found):.3f}, least {least[0]:.3f}"
            f" ({least[1]}), wrong pairs {wrong[name]} in {len(COPIES)} sets;"
            f" nothing planted: {len(find_duplicates(seen.hashes, seen.features[name]))}"
        )


def leaks(photos: list[Image.Image], seen: Seen, packages: list[ModelPackage], seed: int) -> None:
    """Plant copies of a tenth of one half of the photos, each by some change, into the other."""
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(photos))
    train, val = order[: len(order) // 2], order[len(order) // 2 :]
    chosen = train[: len(train) // 10]
    changes = draw.choice(list(COPIES), len(chosen))
    made = [
        Image.open(io.BytesIO(copied(photos[place], change))).convert("RGB")
        for place, change in zip(chosen, changes, strict=True)
    ]
    copies = Seen(made, packages)
    kept = np.concatenate([train, val])
    hashes = np.concatenate([seen.hashes[kept], copies.hashes])
    for package in packages:
        features = np.concatenate(
            [seen.features[package.name][kept], copies.features[package.name]]
        )
        pairs = find_duplicates(hashes, features)
        across = (pairs.first < len(train)) & (pairs.second >= len(train))
        right = pairs.second[across] - len(kept) == pairs.first[across]
        print(
            f"leaks       {package.name:10} seed {seed}: precision {right.mean():.3f},"
            f" recall {right.sum() / len(chosen):.3f} of {len(chosen)}"
        )


def hashes_of_others(photos: list[Image.Image], seed: int) -> None:
    """Find the same copies by imagehash's pHash."""
    draw = np.random.default_rng(seed)
    chosen = draw.choice(len(photos), len(photos) // 10, replace=False)
    others = draw.choice(np.setdiff1d(np.arange(len(photos)), chosen), 4 * len(chosen), False)
    own = peers.hashes([photos[place] for place in np.concatenate([chosen, others])])
    if own is None:
        return
    found, wrong = [], 0
    for change in COPIES:
        made = [Image.open(io.BytesIO(copied(photos[place], change))) for place in chosen]
        pairs = peers.near(own, peers.hashes(made))
        found.append(np.diagonal(pairs).mean())
        wrong += int(pairs.sum() - np.diagonal(pairs).sum())
    least = min(zip(found, COPIES, strict=True))
    print(
        f"duplicates  imagehash  seed {seed}: mean {np.mean(found):.3f}, least {least[0]:.3f}"
        f" ({least[1]}), wrong pairs {wrong} in {len(COPIES)} sets"
    )


def quality_of_others(photos: list[Image.Image], seed: int) -> None:
    """Plant the faults that cleanvision knows, and ask cleanvision."""
    chosen = np.random.default_rng(seed).permutation(len(photos))
    count = len(chosen) // 10
    good = [photos[place] for place in chosen[-2 * count :]]
    for issue in _ISSUES:
        bad = [FAULTS[issue](photos[place]) for place in chosen[:count]]
        score = peers.quality_scores(bad + good, issue)
        if score is not None:
            print(
                f"quality     {issue:16} seed {seed}: AUROC"
                f" {area(score[:count], score[count:]):.4f} with cleanvision"
            )


def quality(photos: list[Image.Image], seed: int) -> None:
    """Plant each fault into a tenth of the photos."""
    chosen = np.random.default_rng(seed).permutation(len(photos))
    good = [look_at(photos[place]).quality for place in chosen[len(chosen) // 2 :]]
    for issue in _ISSUES:
        some = chosen[: len(chosen) // 10]
        bad = [look_at(FAULTS[issue](photos[place])).quality[issue] for place in some]
        fine = np.array([one[issue] for one in good])
        flagged = (
            f"flagged {np.mean(np.array(bad) > 0.5):.3f} of bad, {np.mean(fine > 0.5):.3f} of good"
        )
        print(
            f"quality     {issue:16} seed {seed}: AUROC {area(np.array(bad), fine):.4f}, {flagged}"
        )


def labels(
    name: str, features: np.ndarray, truth: np.ndarray, data: str, seed: int, others: bool
) -> None:
    """Flip 5, 10 and 20 % of the labels, to any other and to one of the three nearest."""
    for kind, nearest in (("uniform", None), ("confusable", features)):
        found = []
        of_others: dict[str, list[float]] = {}
        for share in (0.05, 0.1, 0.2):
            given = flipped(truth, share, seed, nearest)
            score = find_mislabelled(features, np.arange(len(truth)), given).score
            found.append(precision(np.nan_to_num(score, nan=-np.inf), given != truth))
            asked = peers.label_scores(features, given) if others else {}
            for way, theirs in asked.items():
                of_others.setdefault(way, []).append(precision(theirs, given != truth))
        theirs = "".join(
            f", cleanlab by {way} {np.mean(each):.3f}" for way, each in of_others.items()
        )
        print(f"mislabelled {name:10} {data} {kind} seed {seed}: mAP {np.mean(found):.3f}{theirs}")


def strange(name: str, base: np.ndarray, other: np.ndarray, what: str, seed: int) -> None:
    """Put 20 pictures of another kind among 400."""
    draw = np.random.default_rng(seed)
    mixed = np.concatenate(
        [base[draw.permutation(len(base))[:400]], other[draw.permutation(len(other))[:20]]]
    )
    score, flagged = outlier_scores(mixed)
    print(
        f"outliers    {name:10} {what} seed {seed}: AUROC {area(score[-20:], score[:-20]):.3f},"
        f" flagged {flagged[-20:].mean():.2f} of planted, {flagged[:-20].mean():.3f} of others"
    )


def halves(name: str, base: np.ndarray, other: np.ndarray, what: str, seed: int) -> None:
    """Compare ten pairs of halves, and a half with one that is a fifth of another kind."""
    draw = np.random.default_rng(seed)
    side = min(400, len(base) // 2)
    alarms = 0
    for _ in range(10):
        order = draw.permutation(len(base))
        alarms += compare_sets(base[order[:side]], base[order[side : 2 * side]]).p < 0.05
    order = draw.permutation(len(base))
    part = side // 5
    mixed = np.concatenate(
        [base[order[side : 2 * side - part]], other[draw.permutation(len(other))[:part]]]
    )
    p = compare_sets(base[order[:side]], mixed).p
    print(
        f"compare     {name:10} {what} seed {seed}: {alarms} alarms of 10;"
        f" a fifth mixed in: p {p:.3f}"
    )


def sample(name: str, features: np.ndarray, truth: np.ndarray) -> None:
    """Choose 100 pictures, and give the others the class of the nearest of them."""
    chosen = cover(features, 100)
    rest = np.setdiff1d(np.arange(len(truth)), chosen)
    near = (features[rest] @ features[chosen].T).argmax(axis=1)
    right = (truth[chosen][near] == truth[rest]).mean()
    classes = len(set(truth[chosen].tolist()))
    print(
        f"sample      {name:10} caltech101: {classes} of {truth.max() + 1} classes,"
        f" 1-NN {right:.3f}"
    )


def plane(name: str, features: np.ndarray, data: str) -> None:
    """Lay pictures out on a map."""
    began = os.times()
    where, _ = lay_out(features, "tsne")
    spent = sum(os.times()[:2]) - sum(began[:2])
    print(
        f"map         {name:10} {data}, {len(features):,} items: trustworthiness"
        f" {trustworthiness(features, where):.3f}, {spent:.0f} s of CPU"
    )


def main() -> None:
    """Print the figures."""
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--seeds", type=int, nargs="+", default=[0])
    parse.add_argument("--small", action="store_true")
    parse.add_argument("--peers", action="store_true")
    args = parse.parse_args()
    if not DATA.is_dir():
        print(f"real photos are not here: no folder {DATA}")
        return
    if args.peers and peers.missing():
        print(f"left out, not installed: {', '.join(peers.missing())}")
    began = time.monotonic()
    every = 8 if args.small else 1
    packages = [load_package(model) for model in MODELS[: 1 if args.small else 2]]
    sets = {
        name: opened(folder, every)
        for name, folder in (
            ("flickr8k", "flickr8k-2000/images"),
            ("caltech101", "caltech101"),
            ("flowers", "flowers"),
            ("emoji", "emoji"),
        )
    }
    seen = {name: Seen(pictures, packages) for name, (pictures, _) in sets.items()}
    for seed in args.seeds[: 1 if args.small else None]:
        duplicates(sets["flickr8k"][0], seen["flickr8k"], packages, seed)
        leaks(sets["flickr8k"][0], seen["flickr8k"], packages, seed)
        quality(sets["flickr8k"][0], seed)
        if args.peers:
            hashes_of_others(sets["flickr8k"][0], seed)
            quality_of_others(sets["flickr8k"][0], seed)
        for package in packages:
            of = {name: one.features[package.name] for name, one in seen.items()}
            for data in ("caltech101", "flowers"):
                labels(package.name, of[data], sets[data][1], data, seed, args.peers)
            strange(package.name, of["flowers"], of["emoji"], "emoji in flowers", seed)
            strange(package.name, of["flickr8k"], of["emoji"], "emoji in flickr8k", seed)
            halves(package.name, of["flickr8k"], of["flowers"], "flowers in flickr8k", seed)
    for package in packages:
        plane(package.name, seen["flickr8k"].features[package.name], "flickr8k")
        sample(package.name, seen["caltech101"].features[package.name], sets["caltech101"][1])
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()

"""What the analyses find of planted faults: bench/analyses.py [--seeds 0 1] [--only duplicates …]

Needs real photos in ../shared/data. Prints one line for each figure; --small takes an eighth of
the photos, mini alone and the first seed. --peers adds what other packages find
(bench/analysis_peers.py). --changes FILE.py takes its TRANSFORMS, {name: (change of a picture,
quality of JPEG)}, in place of the 13 changes of tests/planted.py.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tests"))

import analysis_peers as peers  # noqa: E402
from analysis_sets import DATA, MODELS, Changes, Seen, Sets, drawn, saved  # noqa: E402
from planted import COPIES, FAULTS, flipped  # noqa: E402

from hamsight_analyze.compare import compare_sets  # noqa: E402
from hamsight_analyze.coverage import cover  # noqa: E402
from hamsight_analyze.duplicates import find_duplicates  # noqa: E402
from hamsight_analyze.mislabelled import find_mislabelled  # noqa: E402
from hamsight_analyze.outliers import outlier_scores  # noqa: E402
from hamsight_analyze.positions import lay_out, trustworthiness  # noqa: E402
from hamsight_core.images.looks import look_at  # noqa: E402
from hamsight_core.models.package import load_package  # noqa: E402

COPIED = ["flickr8k", "coco128", "flowers", "caltech101"]
"""Sets of which copies are planted."""
_ISSUES = ("blurry", "dark", "light", "grayscale", "low_information", "odd_aspect_ratio")


def area(bad: np.ndarray, good: np.ndarray) -> float:
    """Return the area under the ROC curve."""
    return float((bad[:, None] > good).mean() + (bad[:, None] == good).mean() / 2)


def precision(score: np.ndarray, wrong: np.ndarray) -> float:
    """Return the average precision."""
    found = wrong[np.argsort(-score, kind="stable")]
    return float((np.cumsum(found) / np.arange(1, len(found) + 1))[found].mean())


def duplicates(sets: Sets, data: str, changes: Changes, seed: int) -> None:
    """Plant copies of photos by each change in turn; wrong pairs are counted once in each set."""
    photos, seen = sets.opened(data)[0], sets.seen(data)
    chosen, others = drawn(photos, seed)
    kept = np.concatenate([chosen, others])
    names = [package.name for package in sets.packages]
    shares: dict[str, list[float]] = {name: [] for name in names}
    wrong: dict[str, list[int]] = {name: [] for name in names}
    for change in changes.values():
        copies = Seen([saved(photos[place], change) for place in chosen], sets.packages)
        hashes = np.concatenate([seen.hashes[kept], copies.hashes])
        for name in names:
            features = np.concatenate([seen.features[name][kept], copies.features[name]])
            pairs = find_duplicates(hashes, features)
            right = (pairs.second - pairs.first == len(kept)) & (pairs.first < len(chosen))
            shares[name].append(right.sum() / len(chosen))
            wrong[name].append(int((~right).sum()))
    for name in names:
        least = min(zip(shares[name], changes, strict=True))
        print(
            f"duplicates  {name:10} {data} seed {seed}, {len(chosen)} copies beside {len(kept)}:"
            f" mean {np.mean(shares[name]):.4f}, least {least[0]:.3f} ({least[1]}), wrong pairs"
            f" {max(wrong[name])} in a set; nothing planted:"
            f" {len(find_duplicates(seen.hashes, seen.features[name]))} of {len(photos)}",
            flush=True,
        )


def leaks(sets: Sets, changes: Changes, seed: int) -> None:
    """Plant copies of a tenth of one half of the photos, each by some change, into the other."""
    photos, seen = sets.opened("flickr8k")[0], sets.seen("flickr8k")
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(photos))
    train, val = order[: len(order) // 2], order[len(order) // 2 :]
    chosen = train[: len(train) // 10]
    made = [
        saved(photos[place], changes[change])
        for place, change in zip(chosen, draw.choice(list(changes), len(chosen)), strict=True)
    ]
    copies = Seen(made, sets.packages)
    kept = np.concatenate([train, val])
    hashes = np.concatenate([seen.hashes[kept], copies.hashes])
    for package in sets.packages:
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


def hashes_of_others(photos: list[Image.Image], changes: Changes, seed: int) -> None:
    """Find the same copies by imagehash's pHash."""
    chosen, others = drawn(photos, seed)
    own = peers.hashes([photos[place] for place in np.concatenate([chosen, others])])
    if own is None:
        return
    found, wrong = [], 0
    for change in changes.values():
        pairs = peers.near(own, peers.hashes([saved(photos[place], change) for place in chosen]))
        found.append(np.diagonal(pairs).mean())
        wrong += int(pairs.sum() - np.diagonal(pairs).sum())
    least = min(zip(found, changes, strict=True))
    print(
        f"duplicates  imagehash  seed {seed}: mean {np.mean(found):.3f}, least {least[0]:.3f}"
        f" ({least[1]}), wrong pairs {wrong} in {len(changes)} sets"
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


def plane(name: str, features: np.ndarray, data: str, seed: int) -> None:
    """Lay pictures out on a map."""
    began = os.times()
    where, _ = lay_out(features, "tsne", seed=seed)
    spent = sum(os.times()[:2]) - sum(began[:2])
    print(
        f"map         {name:10} {data} seed {seed}, {len(features):,} items: trustworthiness"
        f" {trustworthiness(features, where):.3f}, {spent:.0f} s of CPU"
    )


def parts(
    sets: Sets, changes: Changes, copied: list[str], others: bool
) -> dict[str, Callable[[int], None]]:
    """Return what there is to measure, by name, each of a seed; `copied` are sets with copies."""

    def each(measure: Callable[[str, int], None]) -> Callable[[int], None]:
        def of_every_model(seed: int) -> None:
            for package in sets.packages:
                measure(package.name, seed)

        return of_every_model

    def of(data: str, name: str) -> np.ndarray:
        features: np.ndarray = sets.seen(data).features[name]
        return features

    def find_copies(seed: int) -> None:
        for data in copied:
            duplicates(sets, data, changes, seed)
        if others:
            hashes_of_others(sets.opened("flickr8k")[0], changes, seed)

    def find_faults(seed: int) -> None:
        quality(sets.opened("flickr8k")[0], seed)
        if others:
            quality_of_others(sets.opened("flickr8k")[0], seed)

    def find_flipped(name: str, seed: int) -> None:
        for data in ("caltech101", "flowers"):
            labels(name, of(data, name), sets.opened(data)[1], data, seed, others)

    def find_strange(name: str, seed: int) -> None:
        for data in ("flowers", "flickr8k"):
            strange(name, of(data, name), of("emoji", name), f"emoji in {data}", seed)

    def tell_apart(name: str, seed: int) -> None:
        for data in ("flowers", "emoji", "caltech101"):
            halves(name, of("flickr8k", name), of(data, name), f"{data} in flickr8k", seed)

    def choose(name: str, seed: int) -> None:
        sample(name, of("caltech101", name), sets.opened("caltech101")[1])

    def lay_flat(name: str, seed: int) -> None:
        plane(name, of("tiny-imagenet", name), "tiny-imagenet", seed)

    return {
        "duplicates": find_copies,
        "leaks": lambda seed: leaks(sets, changes, seed),
        "quality": find_faults,
        "mislabelled": each(find_flipped),
        "outliers": each(find_strange),
        "compare": each(tell_apart),
        "sample": each(choose),
        "map": each(lay_flat),
    }


def main() -> None:
    """Print the figures."""
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--seeds", type=int, nargs="+", default=[0])
    parse.add_argument("--only", nargs="+", metavar="PART", help="analyses that are measured")
    parse.add_argument("--data", nargs="+", choices=COPIED, default=COPIED, help="of duplicates")
    parse.add_argument("--changes", type=Path, metavar="FILE.py")
    parse.add_argument("--small", action="store_true")
    parse.add_argument("--peers", action="store_true")
    args = parse.parse_args()
    if not DATA.is_dir():
        print(f"real photos are not here: no folder {DATA}")
        return
    if args.peers and peers.missing():
        print(f"left out, not installed: {', '.join(peers.missing())}")
    began = time.monotonic()
    packages = [load_package(model) for model in MODELS[: 1 if args.small else 2]]
    changes = runpy.run_path(str(args.changes))["TRANSFORMS"] if args.changes else COPIES
    known = parts(Sets(packages, 8 if args.small else 1), changes, args.data, args.peers)
    wrong = set(args.only or ()) - set(known)
    if wrong:
        parse.error(f"there is no {', '.join(wrong)}; expected {', '.join(known)}")
    for name in args.only or known:
        for seed in args.seeds[: 1 if args.small or name == "sample" else None]:
            known[name](seed)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()

"""How fast a classifier learns from clicks: bench/classifier.py [--seeds 0 1] [--speed]

On 20 classes of caltech101, in ../shared/data, that the model has words for: a third of each
class is never clicked, and the average precision of its pictures among all that are never clicked
is printed, by words alone and after each of five rounds of twelve marks: the six likeliest items
and the six least sure, in the first round the twelve likeliest. --speed times a refit and a new
ranking of 100,000 made items.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "tests"))
sys.path.insert(0, str(REPO / "bench"))

from analyses import DATA, MODELS, precision  # noqa: E402

import hamsight  # noqa: E402
from hamsight.session.open_classifier import OpenClassifier  # noqa: E402
from hamsight_core.errors import HamsightError  # noqa: E402
from hamsight_core.models.package import ModelPackage, load_package  # noqa: E402
from hamsight_core.models.tokens import check_words  # noqa: E402

Identity = tuple[str, str, str]
_ROUNDS, _MARKS, _KINDS = 5, 12, 20
_ITEMS, _DIMENSION = 100_000, 512


def learning(session: hamsight.Session, package: ModelPackage, seed: int) -> None:
    """Teach a classifier each of the classes, and tell how well it ranks what is never clicked."""
    model, draw = package.name, np.random.default_rng(seed)
    view = f"items_{model.replace('-', '_')}"
    table = session.sql(f"SELECT dataset, subset, id, feature FROM {view} ORDER BY id")
    assert table is not None
    names = [table[name].to_pylist() for name in ("dataset", "subset", "id")]
    items: list[Identity] = list(zip(*names, strict=True))
    features = np.array(table["feature"].to_pylist(), np.float32)
    classes, number = np.unique([item[2].split("/")[0] for item in items], return_inverse=True)
    held = np.zeros(len(items), bool)
    for one in range(len(classes)):
        mine = np.flatnonzero(number == one)
        held[draw.permutation(mine)[: len(mine) // 3]] = True
    # what is clicked is what one sees: the lists, without what is held back
    session.add_to_group("held", [items[place] for place in np.flatnonzero(held)], model=model)
    known = [n for n, name in enumerate(classes) if knows(package, said(str(name)))]
    chosen = draw.permutation(known)[:_KINDS]
    found = np.array(
        [
            rounds(session, model, str(classes[one]), items, features, number == one, held)
            for one in chosen
        ]
    )
    means = "  ".join(f"{value:.3f}" for value in found.mean(axis=0))
    below = int((found[:, 1:].min(axis=1) < found[:, 0] - 0.001).sum())
    print(
        f"classifier  {model:10} seed {seed}: words, then rounds: {means};"
        f" {below} of {len(found)} classes ever below their words"
    )
    session.delete_group("held")


def said(name: str) -> str:
    """Return a class as words."""
    return name.replace("_", " ").lower()


def knows(package: ModelPackage, words: str) -> bool:
    """Tell whether a model knows any of some words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check_words(package, [words])
        except HamsightError:
            return False
    return True


def rounds(
    session: hamsight.Session,
    model: str,
    name: str,
    items: list[Identity],
    features: np.ndarray,
    truth: np.ndarray,
    held: np.ndarray,
) -> list[float]:
    """Return the average precision of a class by words alone and after each round."""
    made = session.classifier(said(name), model=model, where='not ("held" in groups)')
    places = {item: place for place, item in enumerate(items)}

    def precise() -> float:
        return precision(features[held] @ made.asked.learned().direction, truth[held])

    found = [precise()]
    for turn in range(_ROUNDS):
        shown = asked(made, first=turn == 0)
        made.mark(
            right=[item for item in shown if truth[places[item]]],
            wrong=[item for item in shown if not truth[places[item]]],
        )
        found.append(precise())
    return found


def asked(made: OpenClassifier, *, first: bool) -> list[Identity]:
    """Return twelve items that somebody looks at."""
    lists = [made.most_likely(_MARKS)] if first else [made.most_likely(6), made.least_sure(12)]
    shown = [(one.dataset, one.subset, one.id) for matches in lists for one in matches]
    return list(dict.fromkeys(shown))[:_MARKS]


def speed(folder: Path) -> None:
    """Time a refit and a new ranking of made items."""
    draw = np.random.default_rng(0)
    centres = draw.standard_normal((40, _DIMENSION), np.float32)
    features = centres[draw.integers(0, 40, _ITEMS)] + 2 * draw.standard_normal(
        (_ITEMS, _DIMENSION), np.float32
    )
    np.savez(folder / "made.npz", ids=[f"{n:06}" for n in range(_ITEMS)], features=features)
    with hamsight.open(folder / "catalog") as session:
        session.import_features(folder / "made.npz", "made", dataset="made", dimension=_DIMENSION)
        made = session.classifier()
        wrong = [("made", "", f"{n:06}") for n in range(60)]
        taken: dict[str, list[float]] = {}
        for turn in range(5):
            made.mark(right=[("made", "", f"{60 + turn:06}")], wrong=wrong[turn * 12 :][:12])
            steps = {
                "refit": made.asked.learned,
                "most likely": lambda: made.most_likely(50),
                "least sure": lambda: made.least_sure(50),
                "nearest wrong": lambda: made.nearest_wrong(50),
            }
            for step, do in steps.items():
                started = time.perf_counter()
                do()
                taken.setdefault(step, []).append(time.perf_counter() - started)
        exact = features / np.linalg.norm(features, axis=1, keepdims=True)
        scores = exact @ made.asked.learned().direction
        marked = {int(one[2]) for one in (*made.asked.right, *made.asked.wrong)}
        best = [int(n) for n in np.argsort(-scores) if int(n) not in marked][:50]
        kept = {int(one.id) for one in made.most_likely(50)} & set(best)
        for step, seconds in taken.items():
            print(f"classifier  {_ITEMS:,} made items, {step}: {np.median(seconds[1:]):.3f} s")
        print(f"classifier  {_ITEMS:,} made items: {len(kept)} of the 50 truly likeliest")


def main() -> None:
    """Print the figures."""
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--seeds", type=int, nargs="+", default=[0])
    parse.add_argument("--speed", action="store_true")
    args = parse.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.speed:
            speed(Path(folder))
            return
        if not DATA.is_dir():
            print(f"real photos are not here: no folder {DATA}")
            return
        for package in MODELS:
            with hamsight.open(Path(folder) / Path(package).name) as session:
                session.ingest(DATA / "caltech101", model=package, quality=False)
                for seed in args.seeds:
                    learning(session, load_package(package), seed)


if __name__ == "__main__":
    main()

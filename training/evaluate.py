"""Measures the packaged `mini` on scenes that it never saw, through OpenVINO."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import openvino
from tokenizers import Tokenizer

from hamsight.demo.scenes.captions import SEVERAL, Said
from hamsight.demo.scenes.content import COLOURS
from training.photos.measure import Held
from training.photos.views import SIZE
from training.phrases import Phrase, allow, anything, phrase, scene_vectors, truth
from training.render import Scenes, render

SEED = 909_090
HALF = 256
ANY = set(COLOURS)
PATTERNED = {"plain", "stripes", "dots", "checks", "gradient"}


def on(colour: str) -> np.ndarray:
    """Allow a background whose main colour this is."""
    return allow(PATTERNED, {colour}, {None, *ANY})


def pattern(kind: str) -> np.ndarray:
    """Allow a background of this kind, in any colours."""
    return allow({kind}, ANY, {None, *ANY})


QUERIES = (
    phrase("a red circle", [Said(1, None, "red", "circle")], anything()),
    phrase("three stars", [Said(3, None, None, "star")], anything()),
    phrase("yellow stars", [Said(SEVERAL, None, "yellow", "star")], anything()),
    phrase("blue squares on the left", [Said(SEVERAL, None, "blue", "square", "left")], anything()),
    phrase("hearts on a green background", [Said(SEVERAL, None, None, "heart")], on("green")),
    phrase("a large purple ring", [Said(1, "large", "purple", "ring")], anything()),
    phrase("five small flowers", [Said(5, "small", None, "flower")], anything()),
    phrase("a moon at night", [Said(1, None, None, "moon")], pattern("night")),
    phrase("two arrows", [Said(2, None, None, "arrow")], anything()),
    phrase("pink hearts", [Said(SEVERAL, None, "pink", "heart")], anything()),
    phrase("a cross in the middle", [Said(1, None, None, "cross", "centre")], anything()),
    phrase(
        "a triangle at the top right", [Said(1, None, None, "triangle", "top right")], anything()
    ),
    phrase(
        "stars and hearts",
        [Said(SEVERAL, None, None, "star"), Said(SEVERAL, None, None, "heart")],
        anything(),
    ),
    phrase("stripes", [], pattern("stripes")),
    phrase("polka dots", [], pattern("dots")),
    phrase("beach", [], pattern("beach")),
    phrase("a meadow", [], pattern("meadow")),
    phrase("a blue background", [], on("blue")),
)


class Package:
    """The packaged encoders, compiled for the processor."""

    def __init__(self, folder: Path, precision: str) -> None:
        core = openvino.Core()
        hint = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        self.image = core.compile_model(folder / "image_encoder.xml", "CPU", hint)
        self.text = core.compile_model(folder / "text_encoder.xml", "CPU", hint)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def pictures(self, images: np.ndarray) -> np.ndarray:
        """Return (n, 512) features of u8 (n, 112, 112, 3)."""
        parts = np.array_split(images, -(-len(images) // 32))
        return np.concatenate([self.image(part)[0] for part in parts])

    def words(self, texts: list[str]) -> np.ndarray:
        """Return (n, 512) features of texts."""
        ids = np.array([each.ids for each in self.tokenizer.encode_batch(texts)], np.int64)
        parts = np.array_split(ids, -(-len(ids) // 32))
        return np.concatenate([self.text(part)[0] for part in parts])


def scores(words: np.ndarray, pictures: np.ndarray, by: str) -> np.ndarray:
    """Return (texts, pictures): cosine of the features, or of their signs."""
    if by == "float":
        return words @ pictures.T
    return np.where(words > 0, 1, -1) @ np.where(pictures > 0, 1, -1).T


def recall(table: np.ndarray) -> dict[str, float]:
    """Return R@1 and R@10 where text i belongs to picture i; of ties, the first wins."""
    own = np.diag(table)[:, None]
    earlier = np.tri(len(table), k=-1, dtype=bool)
    rank = (table > own).sum(1) + ((table == own) & earlier).sum(1)
    return {f"R@{k}": round(float((rank < k).mean()), 3) for k in (1, 10)}


def precision(table: np.ndarray, right: np.ndarray, k: int = 10) -> list[float]:
    """Return for each query the share of right ones among its first k (or all that exist).

    It is nan for a query that no picture answers.
    """
    first = np.argsort(-table, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(right, first, axis=1).sum(1)
    exist = np.minimum(k, right.sum(1))
    shares = np.divide(found, exist, out=np.full(len(found), np.nan), where=exist > 0)
    return shares.round(3).tolist()


def right_ones(phrases: tuple[Phrase, ...], scenes: Scenes) -> np.ndarray:
    """Return (phrases, scenes) bool."""
    vectors = [scene_vectors(*each) for each in zip(scenes.groups, scenes.backgrounds, strict=True)]
    return truth(
        np.array([each.named for each in phrases]),
        np.stack([each.groups for each in phrases]),
        np.stack([each.background for each in phrases]),
        np.stack([groups for groups, _ in vectors]),
        np.stack([background for _, background in vectors]),
    )


def of_photos(package: Package, data: Path) -> dict[str, object]:
    """Return the figures over photos that were held out of the training."""
    held = Held(data)
    began = time.perf_counter()
    pictures = package.pictures(held.images)
    figures: dict[str, object] = {
        "images_per_second": round(len(pictures) / (time.perf_counter() - began))
    }
    words = package.words([text for _, text in held.captions])
    by_hash = [np.where(features > 0, 1.0, -1.0) for features in (pictures, words)]
    figures["taken for scenes"] = int((pictures[:, HALF:] == 0).all(1).sum())
    figures["float"] = held.figures(pictures, words)
    figures["hash"] = held.figures(*by_hash)
    return figures


def main() -> None:
    """Print the figures of the model card as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder = Path(__file__).parent.parent / "hamsight" / "models" / "mini"
    parser.add_argument("--package", type=Path, default=folder)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--precision", default="f32", choices=("f32", "bf16"))
    options = parser.parse_args()
    package = Package(options.package, options.precision)
    scenes = render(1000, SEED, size=SIZE)
    began = time.perf_counter()
    pictures = package.pictures(scenes.images)
    figures: dict[str, object] = {"images_per_second": round(1000 / (time.perf_counter() - began))}
    for number, name in enumerate(("full", "loose", "brief")):
        words = package.words([captions[number] for captions in scenes.captions])
        for by in ("float", "hash"):
            figures[f"{name} {by}"] = recall(scores(words, pictures, by))
    words = package.words([query.text for query in QUERIES])
    right = right_ones(QUERIES, scenes)
    by_float, by_hash = (precision(scores(words, pictures, by), right) for by in ("float", "hash"))
    figures["queries"] = {
        query.text: {"right ones": int(count), "float": a, "hash": b}
        for query, count, a, b in zip(QUERIES, right.sum(1), by_float, by_hash, strict=True)
    }
    figures["mean"] = {"float": np.nanmean(by_float), "hash": np.nanmean(by_hash)}
    named = np.array([query.named > 0 for query in QUERIES])
    figures["mean of queries that name shapes"] = {
        "float": np.nanmean(np.array(by_float)[named]),
        "hash": np.nanmean(np.array(by_hash)[named]),
    }
    figures["scenes taken for photos"] = int((pictures[:, :HALF] == 0).all(1).sum())
    if options.data.is_dir():
        figures["photos"] = of_photos(package, options.data)
    print(json.dumps(figures, indent=1, default=float))


if __name__ == "__main__":
    main()

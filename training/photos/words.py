"""Teaches the words of photos: a bag of words that says what its teacher says of a text.

The teacher knows the words of captions. The names of classes that it does not know are taught from
the photos of the class: their mean feature by the teacher.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks import DIMENSION
from training.photos.sources import captions, photos
from training.photos.views import Views
from training.photos.vocabulary import Words, class_names, cut, make_words

STEPS, BATCH = 1500, 512


class PhotoWords(nn.Module):
    """i64 [N, context] ids to f32 [N, 256], unit length: the sum of the rows of the words."""

    def __init__(self, rows: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("rows", torch.from_numpy(rows.astype(np.int64)))
        self.table = nn.Embedding(int(rows.max()) + 1, DIMENSION, padding_idx=0)
        self.base = nn.Parameter(torch.zeros(DIMENSION))
        nn.init.normal_(self.table.weight, std=0.06)
        with torch.no_grad():
            self.table.weight[0] = 0

    def forward(self, ids: Tensor) -> Tensor:
        """Return features of unit length."""
        return functional.normalize(self.table(self.rows[ids]).sum(1) + self.base)


def teacher_words(teacher: Path, texts: list[str]) -> np.ndarray:
    """Return the teacher's features (n, 256) of the texts, of unit length."""
    import openvino
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(teacher / "tokenizer.json"))
    model = openvino.Core().compile_model(teacher / "text_encoder.xml", "CPU")
    ids = np.array([each.ids for each in tokenizer.encode_batch(texts)], np.int64)
    parts = [model(ids[i : i + 500])[0] for i in range(0, len(ids), 500)]
    return np.concatenate(parts)


def known_words(teacher: Path) -> list[str]:
    """Return the words that the teacher knows."""
    vocabulary = json.loads((teacher / "tokenizer.json").read_text(encoding="utf-8"))["model"][
        "vocab"
    ]
    return sorted(word for word in vocabulary if word.isalpha())


def class_targets(data: Path, targets: np.ndarray, origins: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mean feature of each class by each of its names."""
    everything = photos(data)
    groups: dict[tuple[str, str], list[int]] = {}
    rows_of: dict[int, list[int]] = {}
    for row, (first, second) in enumerate(origins):
        if second < 0:
            rows_of.setdefault(int(first), []).append(row)
    for i, photo in enumerate(everything):
        if photo.label and not photo.held:
            groups.setdefault((photo.source, photo.label), []).extend(rows_of.get(i, []))
    found: dict[str, np.ndarray] = {}
    example = {(photo.source, photo.label): photo for photo in everything}
    for key, rows in groups.items():
        mean = targets[rows].mean(0)
        for name in class_names(data, example[key]):
            found[name] = mean / np.linalg.norm(mean)
    return found


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--teacher", type=Path, default=Path("../shared/models/photo-cca"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "out")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    began = time.perf_counter()
    everything = photos(options.data)
    told = captions(options.data)
    trained = [p.name for p in everything if p.source == "flickr8k-2000" and not p.held]
    texts = [text for name in trained for text in told[name]]
    known = known_words(options.teacher)
    views = Views(options.out)
    classes = class_targets(options.data, views.targets, views.origins)
    words = make_words([*known, *classes])
    model = PhotoWords(words.rows)
    fit(model, words, texts, known, classes, options)
    torch.save(model.state_dict(), options.out / "words.pt")
    words.save(options.out)
    print(f"{len(words.rows)} words, {len(words.names)} rows, {time.perf_counter() - began:.0f} s")


def fit(
    model: PhotoWords,
    words: Words,
    texts: list[str],
    known: list[str],
    classes: dict[str, np.ndarray],
    options: argparse.Namespace,
) -> None:
    """Fit the table to the teacher's features of captions and of random bags, and to classes."""
    rng = np.random.default_rng(options.seed)
    teacher_knows = set(known)
    fresh = [name for name in classes if not all(word in teacher_knows for word in cut(name))]
    named = (
        torch.from_numpy(words.bags(fresh)),
        torch.from_numpy(np.stack([classes[name] for name in fresh])),
    )
    bags = [" ".join(rng.choice(known, rng.integers(1, 7))) for _ in range(40_000)]
    taught = [*texts, *known, *bags]
    ids = torch.from_numpy(words.bags(taught))
    features = torch.from_numpy(teacher_words(options.teacher, taught))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=STEPS)
    for step, rows in enumerate(batches(rng, len(taught)), 1):
        loss = (1 - (model(ids[rows]) * features[rows]).sum(1)).mean()
        by_class = (1 - (model(named[0]) * named[1]).sum(1)).mean()
        (loss + 0.05 * by_class).backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % 300 == 0:
            print(
                f"step {step}  texts {loss.item():.4f}  classes {by_class.item():.4f}", flush=True
            )


def batches(rng: np.random.Generator, count: int) -> Iterator[Tensor]:
    """Yield STEPS random batches of rows."""
    for _ in range(STEPS):
        yield torch.from_numpy(rng.integers(0, count, BATCH))


if __name__ == "__main__":
    main()

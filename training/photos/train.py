"""Teaches the photo encoder to say of a view what its teacher says."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.loop import Loop, decay_of_matrices
from training.networks import DIMENSION
from training.photos.measure import Held
from training.photos.networks import PhotoEncoder
from training.photos.sources import captions, photos
from training.photos.views import Views
from training.photos.words import teacher_words

LOSSES = ("feature", "words", "class")


def main() -> None:
    """Train, save and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--teacher", type=Path, default=Path("../shared/models/photo-cca"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "out")
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--schedule", type=int, help="steps that the rate falls over, if more")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--float32", action="store_true", help="for a CPU without bfloat16")
    options = parser.parse_args()
    options.schedule = options.schedule or options.steps
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    began, spent = time.perf_counter(), time.process_time()
    trainer = Trainer(options)
    trainer.run()
    torch.save(trainer.encoder.state_dict(), options.out / "photos.pt")
    print(
        f"done in {time.perf_counter() - began:.0f} s"
        f" ({time.process_time() - spent:.0f} s of processor time)"
    )


class Trainer:
    """Three losses: the teacher's feature, what it says of captions, and the photo's class."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.views = Views(options.out)
        self.targets = torch.from_numpy(self.views.targets)
        origins = self.views.origins
        everything = photos(options.data)
        labels = sorted({(p.source, p.label) for p in everything if p.label})
        number = {label: i for i, label in enumerate(labels)}
        classes = np.array([number.get((p.source, p.label), -1) for p in everything])
        self.classes = torch.from_numpy(np.where(origins[:, 1] < 0, classes[origins[:, 0]], -1))
        told = captions(options.data)
        trained = [p.name for p in everything if p.source == "flickr8k-2000" and not p.held]
        texts = [text for name in trained for text in told[name]]
        self.words = torch.from_numpy(teacher_words(options.teacher, texts))
        self.held = Held(options.data)
        self.held_words = teacher_words(options.teacher, [text for _, text in self.held.captions])
        self.encoder = PhotoEncoder().to(memory_format=torch.channels_last)
        if options.start:
            self.encoder.load_state_dict(torch.load(options.start, weights_only=True))
        self.prototypes = nn.Parameter(torch.randn(len(labels), DIMENSION) * 0.1)

    def run(self) -> None:
        """Train for the given number of steps, the rate rising briefly, then falling to 0."""
        options = self.options
        weights = [*self.encoder.parameters(), self.prototypes]
        loop = Loop(decay_of_matrices(weights, 0.05), options.rate, options.schedule, LOSSES)
        for step, (views, rows) in enumerate(self._batches(), 1):
            loop.step(self._losses(views, rows))
            if step % 500 == 0 or step == options.steps:
                print(json.dumps(self.measure()), flush=True)
                torch.save(self.encoder.state_dict(), options.out / "photos-part.pt")

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield views and their rows; the next batch is read while one is in use."""
        options = self.options
        rng = np.random.default_rng(options.seed)
        per_round = len(self.targets) // options.batch
        order = np.concatenate(
            [
                rng.permutation(len(self.targets))[: per_round * options.batch]
                for _ in range(-(-options.schedule // per_round))
            ]
        ).reshape(-1, options.batch)[: options.steps]

        def read(rows: np.ndarray) -> tuple[Tensor, Tensor]:
            rows = np.sort(rows)
            views = torch.from_numpy(self.views.read(rows))
            mirrored = torch.from_numpy(rng.random(len(rows)) < 0.5)
            views[mirrored] = views[mirrored].flip(2)
            return views, torch.from_numpy(rows)

        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(read, order[0])
            for rows in order[1:]:
                ready, coming = coming.result(), pool.submit(read, rows)
                yield ready
            yield coming.result()

    def _losses(self, views: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
        targets, classes = self.targets[rows], self.classes[rows]
        with torch.autocast("cpu", torch.bfloat16, enabled=not self.options.float32):
            features = self.encoder(views)
        words = self.words[torch.randint(len(self.words), (1024,))]
        teacher = (targets @ words.T * 12).softmax(1)
        student = (features @ words.T * 12).log_softmax(1)
        known = classes >= 0
        scores = features[known] @ functional.normalize(self.prototypes).T * 16
        return (
            3 * (1 - (features * targets).sum(1)).mean(),
            functional.kl_div(student, teacher, reduction="batchmean"),
            0.15 * functional.cross_entropy(scores, classes[known]),
        )

    def measure(self) -> dict[str, float]:
        """Return the figures over the held-out photos, with the teacher's words."""
        self.encoder.eval()
        with torch.inference_mode():
            features = torch.cat(
                [self.encoder(part) for part in torch.from_numpy(self.held.images).split(128)]
            )
        self.encoder.train()
        return self.held.figures(features.numpy(), self.held_words)


if __name__ == "__main__":
    main()

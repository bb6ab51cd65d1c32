"""Second stage: teaches the image encoder's head and the text encoder in large batches.

What the image encoder sees no longer changes, so it is computed once, for fresh scenes. Large
batches teach short queries to rank a thousand pictures, not a hundred.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.loop import Loop
from training.networks import DIMENSION, Head, Sight, TextEncoder
from training.phrases import caption, scene_vectors, short_phrase, truth
from training.render import Scenes, render
from training.train import contrast, make_ids, signs
from training.vocabulary import CONTEXT, make_tokenizer

SHORT = 2
READ = 250


def main() -> None:
    """Draw fresh scenes, read them, train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    out = Path(__file__).parent / "out"
    parser.add_argument("--weights", type=Path, default=out / "weights.pt")
    parser.add_argument("--refined", type=Path, default=out / "refined.pt")
    parser.add_argument("--scenes", type=int, default=30_000)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=2027)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--float32", action="store_true", help="for a CPU without bfloat16")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    began, spent = time.perf_counter(), time.process_time()
    scenes = render(options.scenes, options.seed)
    print(f"{options.scenes} scenes drawn in {time.perf_counter() - began:.0f} s", flush=True)
    refiner = Refiner(scenes, options)
    print(f"read after {time.perf_counter() - began:.0f} s", flush=True)
    refiner.run()
    torch.save(
        {
            "sight": refiner.sight.state_dict(),
            "head": refiner.head.state_dict(),
            "text": refiner.text.state_dict(),
        },
        options.refined,
    )
    print(
        f"done in {time.perf_counter() - began:.0f} s"
        f" ({time.process_time() - spent:.0f} s of processor time, less the drawing)"
    )


class Refiner:
    """Symmetric InfoNCE on features and signs, for one caption and SHORT phrases a picture."""

    def __init__(self, scenes: Scenes, options: argparse.Namespace) -> None:
        self.scenes, self.options = scenes, options
        self.tokenizer = make_tokenizer()
        self.sight, self.head = Sight(), Head()
        self.text = TextEncoder(self.tokenizer.get_vocab_size(), CONTEXT)
        weights = torch.load(options.weights, weights_only=True)
        self.sight.load_state_dict(weights["sight"])
        self.text.load_state_dict(weights["text"])
        self.scales = nn.Parameter(torch.tensor([math.log(20.0), math.log(15.0)]))
        vectors = [
            scene_vectors(*each) for each in zip(scenes.groups, scenes.backgrounds, strict=True)
        ]
        self.groups = np.stack([groups for groups, _ in vectors])
        self.backgrounds = np.stack([background for _, background in vectors])
        self.fine, self.coarse = self._see(scenes.images)

    def _see(self, images: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return both maps of all pictures, in bfloat16."""
        self.sight.eval()
        fine = torch.empty(len(images), 96, 12, 12, dtype=torch.bfloat16)
        coarse = torch.empty(len(images), 128, 6, 6, dtype=torch.bfloat16)
        with torch.no_grad(), self._half():
            for start in range(0, len(images), READ):
                part = slice(start, start + READ)
                fine[part], coarse[part] = self.sight(torch.from_numpy(images[part]))
        return fine, coarse

    def _half(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=not self.options.float32)

    def run(self) -> None:
        """Train for the given number of steps, the rate rising briefly, then falling to 0."""
        options = self.options
        rng = np.random.default_rng(options.seed)
        weights = [*self.head.parameters(), *self.text.parameters(), self.scales]
        groups = [{"params": weights, "weight_decay": 0.01}]
        loop = Loop(groups, options.rate, options.steps, ("feature", "signs"))
        order = np.empty(0, np.int64)
        for _ in range(options.steps):
            if len(order) < options.batch:
                order = rng.permutation(len(self.scenes.groups))
            chosen, order = order[: options.batch], order[options.batch :]
            loop.step(self._losses(rng, chosen))
            with torch.no_grad():
                self.scales.clamp_(max=math.log(100.0))

    def _maps(self, chosen: np.ndarray) -> tuple[Tensor, Tensor]:
        kind = torch.float32 if self.options.float32 else torch.bfloat16
        return self.fine[chosen].to(kind), self.coarse[chosen].to(kind)

    def _losses(self, rng: np.random.Generator, chosen: np.ndarray) -> tuple[Tensor, Tensor]:
        held = [(self.scenes.groups[i], self.scenes.backgrounds[i]) for i in chosen]
        phrases = [caption(rng, *each) for each in held]
        for _ in range(SHORT):
            phrases += [short_phrase(rng, *each) for each in held]
        targets = torch.from_numpy(
            truth(
                np.array([phrase.named for phrase in phrases]),
                np.stack([phrase.groups for phrase in phrases]),
                np.stack([phrase.background for phrase in phrases]),
                self.groups[chosen],
                self.backgrounds[chosen],
            )
        ).float()
        ids = make_ids(rng, self.tokenizer, phrases)
        with self._half():
            pictures = self.head(*self._maps(chosen))
            words = self.text.in_parts(ids, parts=8)
        by_feature = functional.normalize(words) @ functional.normalize(pictures).T
        by_sign = signs(words) @ signs(pictures).T / DIMENSION
        scales = self.scales.exp()
        kinds = 1 + SHORT
        return (
            contrast(by_feature * scales[0], targets, kinds),
            contrast(by_sign * scales[1], targets, kinds),
        )


if __name__ == "__main__":
    main()

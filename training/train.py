"""First stage: teaches the image encoder to see, and the text encoder to read, side by side."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from training.loop import Loop, decay_of_matrices
from training.networks import DIMENSION, Sight, Summary, TextEncoder
from training.phrases import (
    BACKGROUND_WIDTH,
    GROUP_VALUES,
    Phrase,
    caption,
    scene_vectors,
    short_phrase,
    truth,
)
from training.render import EMPTY, Scenes, render
from training.vocabulary import CONTEXT, SPECIAL, make_tokenizer

SHAPES, COLOURS = len(GROUP_VALUES["shape"]), len(GROUP_VALUES["colour"])
LOSSES = ("feature", "signs", "facts", "cells")
FACTS = [name for name in GROUP_VALUES if name != "shape"]


def main() -> None:
    """Draw, train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out")
    parser.add_argument("--scenes", type=int, default=30_000)
    parser.add_argument("--steps", type=int, default=1300)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--float32", action="store_true", help="for a CPU without bfloat16")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    began, spent = time.perf_counter(), time.process_time()
    scenes = render(options.scenes, options.seed)
    print(f"{options.scenes} scenes drawn in {time.perf_counter() - began:.0f} s", flush=True)
    trainer = Trainer(scenes, options)
    trainer.run()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.save(
        {"sight": trainer.sight.state_dict(), "text": trainer.text.state_dict()},
        options.out / "weights.pt",
    )
    print(
        f"done in {time.perf_counter() - began:.0f} s"
        f" ({time.process_time() - spent:.0f} s of processor time, less the drawing)"
    )


class Trainer:
    """Symmetric InfoNCE between pictures and words, on features and on their signs."""

    def __init__(self, scenes: Scenes, options: argparse.Namespace) -> None:
        self.scenes, self.options = scenes, options
        self.tokenizer = make_tokenizer()
        self.sight = Sight().to(memory_format=torch.channels_last)
        self.summary = Summary(channels=48, amounts=128)
        self.project = nn.Sequential(
            nn.Linear(self.summary.width, DIMENSION, bias=False),
            nn.BatchNorm1d(DIMENSION, affine=False),
        )
        self.text = TextEncoder(self.tokenizer.get_vocab_size(), CONTEXT)
        values = sum(len(GROUP_VALUES[name]) for name in FACTS)
        self.dense = nn.Conv2d(96, SHAPES + COLOURS + 1, 1)
        self.facts = nn.Linear(self.summary.width, SHAPES * values + BACKGROUND_WIDTH)
        self.scales = nn.Parameter(torch.tensor([math.log(12.0), math.log(8.0)]))
        vectors = [
            scene_vectors(*each) for each in zip(scenes.groups, scenes.backgrounds, strict=True)
        ]
        self.groups = np.stack([groups for groups, _ in vectors])
        self.backgrounds = np.stack([background for _, background in vectors])

    def run(self) -> None:
        """Train for the given number of steps, the rate rising briefly, then falling to 0."""
        options = self.options
        rng = np.random.default_rng(options.seed)
        modules = nn.ModuleList(
            [self.sight, self.summary, self.project, self.text, self.facts, self.dense]
        )
        weights = [*modules.parameters(), self.scales]
        loop = Loop(decay_of_matrices(weights, 0.03), options.rate, options.steps, LOSSES)
        order = np.empty(0, np.int64)
        for _ in range(options.steps):
            if len(order) < options.batch:
                order = rng.permutation(len(self.scenes.groups))
            chosen, order = order[: options.batch], order[options.batch :]
            loop.step(self._losses(rng, chosen))
            with torch.no_grad():
                self.scales.clamp_(max=math.log(60.0))

    def _losses(self, rng: np.random.Generator, chosen: np.ndarray) -> tuple[Tensor, ...]:
        """Return the losses of the features, of their signs, of the facts and of the cells."""
        held = [(self.scenes.groups[i], self.scenes.backgrounds[i]) for i in chosen]
        phrases = [caption(rng, *each) for each in held]
        phrases += [short_phrase(rng, *each) for each in held]
        groups, backgrounds = self.groups[chosen], self.backgrounds[chosen]
        targets = torch.from_numpy(
            truth(
                np.array([phrase.named for phrase in phrases]),
                np.stack([phrase.groups for phrase in phrases]),
                np.stack([phrase.background for phrase in phrases]),
                groups,
                backgrounds,
            )
        ).float()
        ids = make_ids(rng, self.tokenizer, phrases)
        pixels = torch.from_numpy(self.scenes.images[chosen])
        with torch.autocast("cpu", torch.bfloat16, enabled=not self.options.float32):
            fine, coarse = self.sight(pixels)
            summary = self.summary(fine, coarse)
            pictures = self.project(summary).float()
            words = self.text.in_parts(ids, parts=4)
            facts = self.facts(summary).float()
            dense = self.dense(fine).float()
        by_feature = functional.normalize(words) @ functional.normalize(pictures).T
        by_sign = signs(words) @ signs(pictures).T / DIMENSION
        scales = self.scales.exp()
        return (
            contrast(by_feature * scales[0], targets, 2),
            contrast(by_sign * scales[1], targets, 2),
            5 * functional.binary_cross_entropy_with_logits(facts, held_facts(groups, backgrounds)),
            cell_loss(dense, torch.from_numpy(self.scenes.cells[chosen])),
        )


def make_ids(rng: np.random.Generator, tokenizer: Tokenizer, phrases: list[Phrase]) -> Tensor:
    """Return the ids of the phrases with one word in fifty made unknown."""
    encoded = tokenizer.encode_batch([phrase.text for phrase in phrases])
    ids = np.array([each.ids for each in encoded])
    forget = (ids >= len(SPECIAL)) & (rng.random(ids.shape) < 0.02)
    return torch.from_numpy(np.where(forget, SPECIAL.index("[UNK]"), ids))


def signs(features: Tensor) -> Tensor:
    """Return -1 or 1 for each number, with the gradient of tanh."""
    soft = torch.tanh(features)
    return soft + (torch.where(features > 0, 1.0, -1.0) - soft).detach()


def contrast(scores: Tensor, targets: Tensor, kinds: int) -> Tensor:
    """Return symmetric InfoNCE of scores (kinds * n, n), the mean over kinds of phrases.

    A row's or column's right answers share its probability evenly.
    """
    total = torch.zeros(())
    for part, right in zip(scores.chunk(kinds), targets.chunk(kinds), strict=True):
        for logits, answers in ((part, right), (part.T, right.T)):
            share = answers / answers.sum(1, keepdim=True)
            loss = functional.cross_entropy(logits, share, reduction="none")
            floor = torch.special.entr(share).sum(1)
            total = total + (loss - floor).mean() / (2 * kinds)
    return total


def cell_loss(scores: Tensor, cells: Tensor) -> Tensor:
    """Return the loss of each cell's shape, colour and "a shape's middle lies here"."""
    shape, colour, middle = scores.split([SHAPES, COLOURS, 1], 1)
    losses = [
        functional.cross_entropy(part, cells[:, i].long(), ignore_index=EMPTY)
        for i, part in enumerate((shape, colour))
    ]
    weight = torch.tensor(5.0)
    found = functional.binary_cross_entropy_with_logits(
        middle[:, 0], cells[:, 2].float(), pos_weight=weight
    )
    return losses[0] + 0.5 * losses[1] + found


def held_facts(groups: np.ndarray, backgrounds: np.ndarray) -> Tensor:
    """Return (n, facts): for each shape its count, size, colour and place, then the background."""
    start, parts = 0, {}
    for name, values in GROUP_VALUES.items():
        parts[name] = groups[:, :, start : start + len(values)]
        start += len(values)
    facts = np.concatenate([parts[name] for name in FACTS], axis=2)
    by_shape = np.einsum("ngs,ngf->nsf", parts["shape"], facts).reshape(len(groups), -1)
    return torch.from_numpy(np.concatenate([by_shape, backgrounds], axis=1))


if __name__ == "__main__":
    main()

"""Teaches what tells a scene from a photo, in pictures and in words."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from hamsight.demo.scenes import draw_scene
from training.photos.join import JoinedImages, trained
from training.photos.sources import captions, photos, pixels
from training.photos.views import SIZE, Views, view
from training.photos.vocabulary import Words, class_names
from training.phrases import caption, short_phrase
from training.render import shrink

SCENES, WEIGHT_DECAY = 8000, 1e-3


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "out")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    pictures = gate_of_pictures(options.data, options.out, options.seed)
    weights, base = gate_of_words(options.data, Words.load(options.out), options.seed)
    torch.save({"pictures": pictures, "words": weights, "base": base}, options.out / "gate.pt")


def gate_of_pictures(data: Path, out: Path, seed: int) -> dict[str, Tensor]:
    """Return the weights of the image encoder's gate: above 0 for a scene.

    Scenes are drawn again, whole and in views like those of photos; the others are photos, whole
    and in views, and emoji.
    """
    rng = np.random.default_rng(seed)
    scenes = [draw_scene(rng).image for _ in range(SCENES // 2)]
    drawn = [view(rng, image)[0] for image in scenes] + [shrink(image, SIZE) for image in scenes]
    views = Views(out)
    single = np.flatnonzero(views.origins[:, 1] < 0)
    others = list(views.read(np.sort(rng.choice(single, SCENES, replace=False))))
    whole = [p for p in photos(data) if not p.held and p.source != "tiny-imagenet-10k"]
    others += [shrink(image, SIZE) for image in pixels(data, whole)]
    for path in sorted((data / "emoji").glob("*.png")):
        with Image.open(path) as image:
            others.append(shrink(on_white(image), SIZE))
    image = JoinedImages(*trained(out), SIZE).eval()
    with torch.inference_mode():
        seen = torch.from_numpy(np.stack([*drawn, *others]))
        read = torch.cat([image.see(part)[3] for part in seen.split(128)])
    read = read.clone()
    answers = torch.tensor([1.0] * len(drawn) + [0.0] * len(others))
    image.gate.train()
    fit(image.gate, lambda rows: image.gate(read[rows]), answers, steps=3000, rate=2e-3)
    return dict(image.gate.state_dict())


def gate_of_words(data: Path, words: Words, seed: int) -> tuple[Tensor, Tensor]:
    """Return the weight of each word (n, 1), and the base (1,): above 0 for a scene."""
    rng = np.random.default_rng(seed)
    scenes = [draw_scene(rng) for _ in range(SCENES // 4)]
    of_scenes = [text for scene in scenes for text in scene.captions[:2]]
    of_scenes += [short_phrase(rng, scene.groups, scene.background).text for scene in scenes]
    of_scenes += [caption(rng, scene.groups, scene.background).text for scene in scenes]
    everything = photos(data)
    told = captions(data)
    taught = [p for p in everything if not p.held]
    of_photos = [text for p in taught for text in told.get(p.name, [])]
    of_photos += sorted({name for p in taught if p.label for name in class_names(data, p)}) * 5
    of_photos += words.names[1:]
    weights = nn.Embedding(len(words.rows), 1, padding_idx=0)
    nn.init.zeros_(weights.weight)
    base = nn.Parameter(torch.zeros(1))
    ids = torch.from_numpy(words.bags([*of_scenes, *of_photos]))
    answers = torch.tensor([1.0] * len(of_scenes) + [0.0] * len(of_photos))
    model = nn.ParameterList([weights.weight, base])
    fit(model, lambda rows: weights(ids[rows]).sum(1) + base, answers, steps=600, rate=0.02)
    return weights.weight.detach(), base.detach()


def fit(
    weights: nn.Module,
    score: Callable[[Tensor], Tensor],
    answers: Tensor,
    steps: int,
    rate: float,
) -> None:
    """Fit by AdamW on random batches, both answers as often; print the share of right ones."""
    optimizer = torch.optim.AdamW(weights.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
    sides = [torch.nonzero(answers == side)[:, 0] for side in (0.0, 1.0)]
    for _ in range(steps):
        rows = torch.cat([side[torch.randint(len(side), (128,))] for side in sides])
        loss = functional.binary_cross_entropy_with_logits(score(rows)[:, 0], answers[rows])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    weights.eval()
    with torch.inference_mode():
        right = (score(torch.arange(len(answers)))[:, 0] > 0) == (answers > 0)
    print(f"told apart: {right.float().mean():.4f} of {len(answers)}", flush=True)


def on_white(image: Image.Image) -> Image.Image:
    """Return RGB, what is transparent being white."""
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


if __name__ == "__main__":
    main()

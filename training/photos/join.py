"""One package of two halves: a scene has the first 256 numbers of its feature, a photo the others.

The image encoder decides which of the two a picture is, and leaves the other half 0 where it is
sure, so that a scene's hash ranks among scenes as it did. A text has both halves, weighed by its
words: in a catalog of photos or of scenes alone the weights change no order.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks import Head, ImageEncoder, Sight, TextEncoder
from training.photos.networks import PhotoEncoder
from training.photos.words import PhotoWords
from training.render import SIZE as SCENE_SIZE

LEAST, MARGIN = 0.05, 3.0


def triangle(source: int, target: int) -> Tensor:
    """Return (target, source): Pillow's bilinear filter, which shrinks without aliasing."""
    scale = source / target
    middles = (torch.arange(target, dtype=torch.float64) + 0.5) * scale
    at = torch.arange(source, dtype=torch.float64) + 0.5
    weights = (1 - (at[None] - middles[:, None]).abs() / scale).clamp(min=0)
    return weights / weights.sum(1, keepdim=True)


def shrink(source: int, target: int) -> Tensor:
    """Return (target, source): how a picture of `source` is best made one of `target`."""
    fine = 6 * source
    return (triangle(fine, target) @ torch.linalg.pinv(triangle(fine, source))).float()


def trained(folder: Path) -> tuple[ImageEncoder, PhotoEncoder]:
    """Return both image encoders with the weights that the stages of the training left."""
    scenes, photos = ImageEncoder(Sight(), Head()), PhotoEncoder()
    weights = torch.load(folder / "refined.pt", weights_only=True)
    scenes.sight.load_state_dict(weights["sight"])
    scenes.head.load_state_dict(weights["head"])
    photos.load_state_dict(torch.load(folder / "photos.pt", weights_only=True))
    return scenes, photos


class JoinedImages(nn.Module):
    """u8 [N, 112, 112, 3] RGB to f32 [N, 512], unit length."""

    def __init__(self, scenes: ImageEncoder, photos: PhotoEncoder, size: int) -> None:
        super().__init__()
        self.scenes, self.photos = scenes, photos
        self.register_buffer("shrink", shrink(size, SCENE_SIZE))
        width = photos.head.in_features + 96 + 128
        self.gate = nn.Sequential(
            nn.BatchNorm1d(width, affine=False), nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 1)
        )

    def see(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return both maps of the scenes' half, the photos' summary, and what the gate reads.

        The summary is the mean of a picture's and its mirror image's, for a photo's left and right
        say little of what it shows.
        """
        raw = pixels.float()
        small = (self.shrink @ raw.permute(0, 3, 1, 2) @ self.shrink.T).clamp(0, 255)
        fine, coarse = self.scenes.sight(small.permute(0, 2, 3, 1))
        summary = self.photos.summary(torch.cat([raw, raw.flip(2)]))
        summary = summary.reshape(2, -1, summary.shape[1]).mean(0)
        return (
            fine,
            coarse,
            summary,
            torch.cat([summary, fine.mean((2, 3)), coarse.mean((2, 3))], 1),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Return features of unit length; one half of nearly each is 0."""
        fine, coarse, summary, read = self.see(pixels)
        drawn = (0.5 + self.gate(read) / (2 * MARGIN)).clamp(0, 1)
        scene = functional.normalize(self.scenes.head(fine, coarse))
        photo = functional.normalize(self.photos.head(summary))
        return torch.cat([scene * drawn.sqrt(), photo * (1 - drawn).sqrt()], 1)


class JoinedWords(nn.Module):
    """i64 [N, context] ids to f32 [N, 512], unit length."""

    def __init__(self, scenes: TextEncoder, photos: PhotoWords, scene_words: int) -> None:
        super().__init__()
        self.scenes, self.photos, self.scene_words = scenes, photos, scene_words
        self.weights = nn.Embedding(len(photos.rows), 1)
        self.base = nn.Parameter(torch.zeros(1))

    def score(self, ids: Tensor) -> Tensor:
        """Return [N, 1]: above 0 where the words are rather of a scene."""
        return self.weights(ids).sum(1) + self.base

    def forward(self, ids: Tensor) -> Tensor:
        """Return features of unit length."""
        share = LEAST + (1 - 2 * LEAST) * self.score(ids).sigmoid()
        known = torch.where(ids < self.scene_words, ids, torch.ones_like(ids))
        return torch.cat(
            [self.scenes(known) * share.sqrt(), self.photos(ids) * (1 - share).sqrt()], 1
        )

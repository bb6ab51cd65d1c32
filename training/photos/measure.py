"""Figures over the photos that were held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.photos.sources import Photo, captions, photos, pixels
from training.photos.views import SIZE
from training.render import shrink


class Held:
    """The held-out photos of flickr8k-2000, and all of caltech101 and flowers, at 112 pixels."""

    def __init__(self, data: Path) -> None:
        self.photos = [
            photo
            for photo in photos(data)
            if photo.held or photo.source in ("caltech101", "flowers")
        ]
        self.images = np.stack([shrink(image, SIZE) for image in pixels(data, self.photos)])
        told = captions(data)
        self.flickr = [i for i, photo in enumerate(self.photos) if photo.source == "flickr8k-2000"]
        self.captions = [
            (place, text)
            for place, i in enumerate(self.flickr)
            for text in told[self.photos[i].name]
        ]

    def figures(self, features: np.ndarray, words: np.ndarray) -> dict[str, float]:
        """Return recall of text to image, and of the class by the nearest photo.

        `features` (n, 256) are of `images` and `words` (m, 256) of `captions`.
        """
        found = text_recall(words, features[self.flickr], np.array([c for c, _ in self.captions]))
        for source in ("caltech101", "flowers"):
            rows = [i for i, photo in enumerate(self.photos) if photo.source == source]
            found |= nearest([self.photos[i] for i in rows], features[rows])
        return found


def text_recall(words: np.ndarray, images: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """Return R@1 and R@10: the share of texts whose image is among the first."""
    scores = words @ images.T
    rank = (scores > scores[np.arange(len(right)), right][:, None]).sum(1)
    return {f"R@{k}": round(float((rank < k).mean()), 4) for k in (1, 10)}


def nearest(chosen: list[Photo], features: np.ndarray) -> dict[str, float]:
    """Return how often a held-out photo's nearest is of its class.

    Among the other held-out photos, and among all others.
    """
    label = np.array([photo.label for photo in chosen])
    held = np.array([photo.held for photo in chosen])
    scores = features @ features.T
    np.fill_diagonal(scores, -np.inf)
    result = {}
    for name, gallery in (("held", held), ("all", np.ones_like(held))):
        best = scores[np.ix_(held, gallery)].argmax(1)
        right = label[gallery][best] == label[held]
        result[f"{chosen[0].source} 1-NN, {name}"] = round(float(right.mean()), 4)
    return result

"""What other packages find of the same planted faults, for bench/analyses.py.

    .venv/bin/uv pip install --python .venv/bin/python --group peers

A package that is not installed is left out. imagededup's hashes are those of imagehash; the package
itself needs PyTorch.
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

_BITS = 10
"""Bits of 64 in which the pHash of duplicates differs at most: the default of imagededup."""


def missing() -> list[str]:
    """Return the packages that are not installed."""
    return [name for name in ("cleanlab", "cleanvision", "imagehash") if find_spec(name) is None]


def hashes(pictures: list[Image.Image]) -> np.ndarray | None:
    """Return imagehash's pHash of pictures, (n, 64) bool."""
    if find_spec("imagehash") is None:
        return None
    from imagehash import phash

    return np.stack([phash(picture).hash.ravel() for picture in pictures])


def near(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return which pairs (n, m) of hashes are duplicates."""
    signs = [1.0 - 2.0 * each for each in (one, other)]
    return (64 - signs[0] @ signs[1].T) / 2 <= _BITS


def label_scores(features: np.ndarray, given: np.ndarray) -> dict[str, np.ndarray]:
    """Return cleanlab's scores of labels, the higher, the more suspicious, by two ways.

    From probabilities of a logistic regression, five-fold; and Datalab's, from ten neighbours.
    """
    if find_spec("cleanlab") is None:
        return {}
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import NearestNeighbors

    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    fitted = LogisticRegression(C=10, max_iter=200)
    chances = cross_val_predict(fitted, features, given, cv=folds, method="predict_proba")
    _, close = NearestNeighbors(n_neighbors=11, metric="cosine").fit(features).kneighbors(features)
    votes = np.stack(
        [(given[close[:, 1:]] == label).mean(1) for label in range(given.max() + 1)], 1
    )
    return {
        "regression": -get_label_quality_scores(given, chances),
        "neighbours": -get_label_quality_scores(
            given, (votes + 1e-3) / (votes + 1e-3).sum(1)[:, None]
        ),
    }


def quality_scores(pictures: list[Image.Image], issue: str) -> np.ndarray | None:
    """Return cleanvision's score of an issue, the higher, the worse; None where it has none."""
    if find_spec("cleanvision") is None:
        return None
    from cleanvision import Imagelab

    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{place:05}.png" for place in range(len(pictures))]
        for file, picture in zip(files, pictures, strict=True):
            picture.save(file, compress_level=1)
        lab = Imagelab(filepaths=[str(file) for file in files], verbose=False)
        lab.find_issues({issue: {}}, n_jobs=1, verbose=False)
        found = lab.issues[f"{issue}_score"]
        return -np.array([found[str(file)] for file in files])

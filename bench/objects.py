"""Objects as items: the likeness of objects of one label, and what encoding them costs.

Accuracy is the share of objects whose nearest other object, by cosine, has their label: of all, and
of those on other pictures. Seconds are of the processor, for an ingest of all pictures without and
with objects, after the network is compiled; the median of some rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import hamsight

SHARED = Path(__file__).resolve().parents[2] / "shared"


def measured(folder: Path, model: str, objects: bool) -> tuple[float, np.ndarray, np.ndarray]:
    """Return seconds, whether each object's nearest is of its label, and that on other pictures."""
    with tempfile.TemporaryDirectory() as catalog, hamsight.open(catalog) as session:
        started = time.process_time()
        session.ingest(folder, model=model, objects=objects, quality=False)
        seconds = time.process_time() - started
        if not objects:
            return seconds, np.empty(0), np.empty(0)
        table = f"objects_{Path(model).name.lower().replace('-', '_')}"
        rows = session.sql(
            f"SELECT tag, parent, CAST(feature, 'Array(Float32)') AS feature FROM {table}"
        ).to_pylist()
    features = np.array([row["feature"] for row in rows])
    tags, parents = (np.array([row[name] for row in rows]) for name in ("tag", "parent"))
    alike = features @ features.T
    np.fill_diagonal(alike, -2)
    nearest = tags[alike.argmax(axis=1)] == tags
    alike[parents[:, None] == parents[None, :]] = -2
    return seconds, nearest, tags[alike.argmax(axis=1)] == tags


def main() -> None:
    """Print the figures of each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=SHARED / "data/coco128")
    parser.add_argument("--models", nargs="+", default=["mini", str(SHARED / "models/photo-cca")])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    for model in asked.models:
        measured(asked.folder, model, False)
        rounds = [
            (measured(asked.folder, model, False), measured(asked.folder, model, True))
            for _ in range(asked.rounds)
        ]
        without, with_objects = (statistics.median(one[n][0] for one in rounds) for n in (0, 1))
        _, nearest, elsewhere = rounds[0][1]
        print(
            f"{Path(model).name}: of {len(nearest)} objects {nearest.mean():.3f} are nearest to"
            f" another of their label, {elsewhere.mean():.3f} on other pictures;"
            f" {without:.2f} s without objects, {with_objects:.2f} s with"
        )


if __name__ == "__main__":
    main()

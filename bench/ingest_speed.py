"""Images/s of a whole ingest beside those of the same compiled encoder on ready tensors.

Both are timed from the first image to the last: opening the engine, counting the images and
compiling the network come before and are told apart. The rounds alternate, and medians count.
The target is a ratio of 0.8.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import hamsight_ingest.decoding
import hamsight_ingest.pipeline
import hamsight_ingest.prepare
from hamsight_core.catalog.catalog import Catalog
from hamsight_core.images.decode import decode
from hamsight_core.models.encoder import ImageEncoder
from hamsight_core.models.network import Compute
from hamsight_core.models.package import ModelPackage, load_package
from hamsight_ingest.pipeline import Outcome, Settings, run
from hamsight_ingest.readers import open_source
from hamsight_ingest.source import Source

SHARED = Path(__file__).resolve().parents[2] / "shared"


class Stages:
    """Seconds that each stage takes, added over all threads, waiting included."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return `work` with its time added to the stage."""

        def measured(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return work(*args, **options)
            finally:
                took = time.perf_counter() - began
                with self._lock:
                    self.seconds[name] = self.seconds.get(name, 0) + took

        return measured


@contextmanager
def measured(stages: Stages, encoder: ImageEncoder) -> Iterator[None]:
    """Time the stages of an ingest, and let it use an encoder that is compiled already."""

    def compiled(*_: Any, on_features: Callable[..., None], **__: Any) -> ImageEncoder:
        encoder._on_features = on_features
        return encoder

    places = [
        (hamsight_ingest.prepare, "fetch", "read"),
        (hamsight_ingest.prepare, "decode", "decode"),
        (hamsight_ingest.decoding, "prepare", "read, hash, decode, preprocess"),
        (Catalog, "insert", "insert"),
        (ImageEncoder, "submit", "wait for the encoder"),
    ]
    former = [(place, name, getattr(place, name)) for place, name, _ in places]
    for place, name, stage in places:
        setattr(place, name, stages.timed(stage, getattr(place, name)))
    hamsight_ingest.pipeline.ImageEncoder = compiled  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        hamsight_ingest.pipeline.ImageEncoder = ImageEncoder  # type: ignore[misc]
        for place, name, work in former:
            setattr(place, name, work)


def encode(encoder: ImageEncoder, tensors: np.ndarray, images: int) -> float:
    """Return the images/s of the encoder alone; the tensors are fed again and again."""
    encoder._on_features = lambda *_: None
    began = time.perf_counter()
    for start in range(0, images, encoder.batch):
        place = start % (len(tensors) - encoder.batch + 1)
        encoder.submit(tensors[place : place + encoder.batch], None)
    encoder.finish()
    return images / (time.perf_counter() - began)


def whole(
    catalog: Catalog,
    source: Source,
    package: ModelPackage,
    settings: Settings,
    number: int,
) -> tuple[float, Outcome]:
    """Return the images/s of an ingest into a dataset of its own."""
    began = time.perf_counter()
    outcome = run(
        catalog,
        source,
        package,
        f"round {number}",
        settings,
        on_progress=lambda counts: None,
        stopped=lambda: False,
    )
    return outcome.counts.total / (time.perf_counter() - began), outcome


def ready(source: Source, package: ModelPackage, count: int) -> np.ndarray:
    """Return the first images of a source as the encoder's input."""
    preprocess = package.image.preprocess
    pixels = []
    for item in source:
        pixels.append(preprocess(decode(Path(item.uri).read_bytes()).image))
        if len(pixels) == count:
            break
    return np.stack(pixels)


def main() -> None:
    """Print the rates of every round, their medians and the stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=SHARED / "data" / "flickr8k-2000", type=Path)
    parser.add_argument("--model", default=str(SHARED / "models" / "photo-cca"))
    parser.add_argument("--device", default="AUTO")
    parser.add_argument("--batch", default=Settings().batch, type=int)
    parser.add_argument("--workers", default=Settings().workers, type=int)
    parser.add_argument("--rounds", default=3, type=int)
    asked = parser.parse_args()
    if not asked.data.exists():
        raise SystemExit(f"{asked.data} is not here: name images with --data")
    package = load_package(asked.model)
    settings = Settings(asked.device, asked.batch, asked.workers)
    source = open_source(asked.data)
    images = source.count()
    tensors = ready(source, package, min(images, 256))
    began = time.perf_counter()
    encoder = ImageEncoder(
        package, compute=Compute(asked.device), batch=asked.batch, on_features=lambda *_: None
    )
    compiling = time.perf_counter() - began
    print(
        f"{images} images, {package.name}, batches of {encoder.batch}, {len(encoder._idle)}"
        f" in flight, {asked.workers} decoding threads, {os.cpu_count()} cores"
    )
    encode(encoder, tensors, len(tensors))
    alone, ingested, work, stages = [], [], [], Stages()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with Catalog.open(Path(folder) / "catalog", create=True) as catalog:
            opening = time.perf_counter() - began
            print(f"before the clock: compiling {compiling:.2f} s, opening {opening:.2f} s")
            for number in range(asked.rounds):
                clock = [time.process_time()]
                alone.append(encode(encoder, tensors, images))
                clock.append(time.process_time())
                with measured(stages, encoder):
                    rate, outcome = whole(catalog, source, package, settings, number)
                clock.append(time.process_time())
                work.append(np.diff(clock) / images * 1000)
                assert outcome.counts.added + outcome.counts.rejected == images
                ingested.append(rate)
                print(f"round {number + 1}: encoder {alone[-1]:.1f}, ingest {rate:.1f} images/s")
    ratio = statistics.median(i / a for i, a in zip(ingested, alone, strict=True))
    print(
        f"medians: encoder {statistics.median(alone):.1f}, ingest"
        f" {statistics.median(ingested):.1f} images/s, ratio {ratio:.2f} (target 0.80)"
    )
    encoding, ingesting = np.median(work, axis=0)
    print(f"work of all cores: encoder {encoding:.2f}, ingest {ingesting:.2f} ms an image")
    print("stages, with the time that their threads wait:")
    for stage, seconds in stages.seconds.items():
        print(f"  {stage}: {seconds / asked.rounds / images * 1000:.2f} ms an image")


if __name__ == "__main__":
    main()

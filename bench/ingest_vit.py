"""Images/s of a whole ingest with ViT-B/32 beside OpenVINO's own benchmark_app.

Both run the same network (weights random, pixels in 8 bits at its input), in the same batches,
precision and device; rounds alternate, and the median of their ratios counts. The target is 0.9.
Compiling and opening come before the clock of either.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from ingest_speed import SHARED, Stages, measured, whole
from vit import write_package

from hamsight_core.catalog.catalog import Catalog
from hamsight_core.models.encoder import ImageEncoder
from hamsight_core.models.network import (
    Compute,
    Precision,
    fed_with_pixels,
    read_network,
    set_batch,
)
from hamsight_core.models.package import load_package
from hamsight_ingest.pipeline import Settings
from hamsight_ingest.readers import open_source


def benchmark_app(network: Path, asked: argparse.Namespace, requests: int) -> float:
    """Return the images/s that benchmark_app says."""
    tool = Path(sys.executable).parent / "benchmark_app"
    command = [str(tool), "-m", str(network), "-d", "CPU", "-hint", "throughput"]
    command += ["-t", str(asked.seconds), "-nireq", str(requests)]
    command += ["-infer_precision", {"f32": "f32", "bf16": "bf16"}[asked.precision]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    found = re.search(r"Throughput:\s+([\d.]+) FPS", done.stdout)
    if found is None:
        raise SystemExit(done.stdout[-2000:])
    return float(found[1])


def main() -> None:
    """Print the rates of every round and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=SHARED / "data" / "flickr8k-2000", type=Path)
    parser.add_argument("--precision", default="f32", choices=("f32", "bf16"))
    parser.add_argument("--batch", default=Settings().batch, type=int)
    parser.add_argument("--workers", default=Settings().workers, type=int)
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--seconds", default=20, type=int, help="of benchmark_app, a round")
    asked = parser.parse_args()
    if not asked.data.exists():
        raise SystemExit(f"{asked.data} is not here: name images with --data")
    import openvino as ov

    compute = Compute("CPU", Precision(asked.precision))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        package = load_package(str(write_package(folder / "vit")))
        spec = package.image
        network = read_network(package.path(spec.file), None)
        set_batch(network, spec, asked.batch)
        ov.save_model(fed_with_pixels(network, spec), folder / "fed.xml", False)
        encoder = ImageEncoder(
            package, compute=compute, batch=asked.batch, on_features=lambda *_: None
        )
        requests = len(encoder._requests)
        source = open_source(asked.data)
        images = source.count()
        print(
            f"{images} images, batches of {encoder.batch}, {requests} requests,"
            f" {asked.workers} decoding threads, {os.cpu_count()} cores, {asked.precision},"
            f" load {os.getloadavg()[0]:.1f}"
        )
        settings = Settings("CPU", asked.batch, asked.workers, precision=Precision(asked.precision))
        ratios = []
        with Catalog.open(folder / "catalog", create=True) as catalog:
            for number in range(asked.rounds):
                before = benchmark_app(folder / "fed.xml", asked, requests)
                with measured(Stages(), encoder):
                    rate, outcome = whole(catalog, source, package, settings, number)
                after = benchmark_app(folder / "fed.xml", asked, requests)
                assert outcome.counts.added + outcome.counts.rejected == images
                beside = (before + after) / 2
                ratios.append(rate / beside)
                print(
                    f"round {number + 1}: benchmark_app {before:.1f} and {after:.1f},"
                    f" ingest {rate:.1f} images/s, ratio {ratios[-1]:.3f}"
                )
        print(f"median ratio {statistics.median(ratios):.3f} (target 0.90)")


if __name__ == "__main__":
    main()

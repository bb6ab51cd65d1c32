"""Tiny datasets, a tiny model package and the command run in this process, for tests of ingest."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner, Result

import hamsight
from hamsight_ingest.pipeline import Outcome

SIDE, DIMENSION = 16, 24


def picture(seed: int, width: int = 24, height: int = 18) -> Image.Image:
    """Return a picture of 6 x 6 coloured fields, its own for each seed."""
    fields = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(fields).resize((width, height), Image.Resampling.NEAREST)


def jpeg(seed: int, width: int = 24, height: int = 18, **options: object) -> bytes:
    """Return the bytes of a picture as JPEG."""
    stream = io.BytesIO()
    picture(seed, width, height).save(stream, "JPEG", quality=90, **options)
    return stream.getvalue()


def photos(root: Path, count: int, first: int = 0) -> Path:
    """Write `count` pictures 000.jpg, 001.jpg, … into a folder and return it."""
    root.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        (root / f"{seed:03}.jpg").write_bytes(jpeg(seed))
    return root


def coco(
    root: Path,
    images: Sequence[tuple[int, str]],
    objects: Sequence[tuple[int, str, Sequence[float]]] = (),
    captions: Sequence[tuple[int, str]] = (),
    subset: str = "train",
) -> Path:
    """Write COCO annotations of (id, name), (image id, label, box) and (image id, caption)."""
    folder = root / "annotations"
    folder.mkdir(parents=True, exist_ok=True)
    labels = sorted({label for _, label, _ in objects})
    named = [{"id": id, "file_name": name} for id, name in images]
    boxes = [
        {"id": n, "image_id": image, "category_id": labels.index(label), "bbox": list(box)}
        for n, (image, label, box) in enumerate(objects)
    ]
    said = [{"id": n, "image_id": image, "caption": c} for n, (image, c) in enumerate(captions)]
    categories = [{"id": n, "name": label} for n, label in enumerate(labels)]
    instances = {"images": named, "annotations": boxes, "categories": categories}
    (folder / f"instances_{subset}.json").write_text(json.dumps(instances), "utf-8")
    if captions:
        content = {"images": named, "annotations": said}
        (folder / f"captions_{subset}.json").write_text(json.dumps(content), "utf-8")
    return root


def model(
    folder: Path,
    *,
    name: str = "toy",
    seed: int = 7,
    dimension: int = DIMENSION,
    toml: Mapping[str, str | None] | None = None,
) -> Path:
    """Write a model package whose feature is a fixed projection of the pixels; return its folder.

    `toml` overrides lines of its model.toml by key; None leaves a line out.
    """
    import openvino as ov
    from openvino import opset13 as ops

    folder.mkdir(parents=True, exist_ok=True)
    pixels = SIDE * SIDE * 3
    weights = np.random.default_rng(seed).normal(size=(pixels, DIMENSION)).astype(np.float32)
    given = ops.parameter([-1, SIDE, SIDE, 3], ov.Type.u8, "pixels")
    centred = ops.subtract(ops.convert(given, "f32"), np.float32(127.5))
    flat = ops.reshape(centred, np.array([-1, pixels]), special_zero=False)
    feature = ops.matmul(flat, weights / 255, False, False)
    feature.output(0).set_names({"feature"})
    ov.save_model(ov.Model([feature], [given], "toy"), folder / "image.xml", False)
    write_toml(folder, name=name, dimension=dimension, lines=toml)
    return folder


def write_toml(
    folder: Path,
    *,
    name: str = "toy",
    dimension: int = DIMENSION,
    lines: Mapping[str, str | None] | None = None,
) -> None:
    """Write the model.toml of a toy package; `lines` as `toml` of `model`."""
    top = {"name": f'"{name}"', "dimension": str(dimension)}
    image = {
        "file": '"image.xml"',
        "layout": '"NHWC"',
        "dtype": '"u8"',
        "size": str(SIDE),
        "resize": '"squash"',
        "crop": '"none"',
        "interpolation": '"bilinear"',
    }
    for key, value in (lines or {}).items():
        (top if key in ("name", "dimension", "license", "licence") else image)[key] = value
    written = [f"{key} = {value}" for key, value in top.items() if value is not None]
    written.append("[image]")
    written += [f"{key} = {value}" for key, value in image.items() if value is not None]
    (folder / "model.toml").write_text("\n".join(written) + "\n", "utf-8")


def direct(package: Path, images: Sequence[Image.Image]) -> np.ndarray:
    """Return the unit features of RGB images as OpenVINO alone gives them, one image a call."""
    import openvino as ov

    from hamsight_core.models.network import read_network
    from hamsight_core.models.package import load_package

    loaded = load_package(str(package))
    network = read_network(loaded.path(loaded.image.file), loaded.image.output)
    compiled = ov.Core().compile_model(network, "CPU")
    features = []
    for image in images:
        fed = loaded.image.preprocess(image)[None]
        features.append(np.asarray(compiled(fed)[0], np.float32).reshape(-1))
    found = np.stack(features)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def command(*args: str | Path) -> Result:
    """Run the command in this process; the result has `exit_code`, `stdout` and `stderr`."""
    from hamsight.cli.app import app

    result = CliRunner().invoke(app, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def stored(session: hamsight.Session, table: str = "items_toy") -> dict[tuple[str, str], dict]:
    """Return every row of a table by (subset, id); fails on an identity that stands twice."""
    answer = session.catalog().client.query(f"SELECT * FROM {table}")
    rows = [dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows]
    found = {(row["subset"], row["id"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def generation(session: hamsight.Session, model: str | None = None) -> str:
    """Return the table of a model's items, which its view reads; only a table can be changed."""
    return session.catalog().model(model).items_table


def in_use(session: hamsight.Session) -> set[str]:
    """Return the tables of items, but for former generations that are kept for a while."""
    found = session.catalog().client.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase()"
        " AND startsWith(name, 'items_') AND engine != 'View'"
        " AND NOT startsWith(comment, 'retired ')"
    )
    return {name for (name,) in found.result_rows}


def counts(outcome: Outcome) -> tuple[int, int, int, int]:
    """Added, replaced, unchanged, rejected."""
    c = outcome.counts
    return c.added, c.replaced, c.unchanged, c.rejected

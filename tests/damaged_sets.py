"""Small datasets of every format, made of real photos and annotations of ../shared/data.

Formats that ../shared has are cut down to a few images; the others are written from its COCO.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyarrow as pa
import pyarrow.feather as pf
import pyarrow.parquet as pq
from PIL import Image, features

from hamsight_core.items import Item
from hamsight_ingest.readers import open_source

IMAGES = 6
PHOTOS = ("coco128/train2017", "flickr8k-2000/images", "caltech101/Faces", "flowers")
ENCODED = {"webp": "WEBP", "tiff": "TIFF", "gif": "GIF", "bmp": "BMP", "avif": "AVIF"}
FEATURES = (
    *("features.npz", "features.parquet", "features.feather", "features.sqlite"),
    "hash_keys.json",
)
DATASETS = (
    *("coco", "yolo", "voc", "cvat", "labelme", "openimages", "imagefolder", "webdataset"),
    *("createml", "via", "labelstudio", "datumaro-json", "fiftyone", "openmmlab", "supervisely"),
    *("captions", "kitti", "retinanet", "sidecar"),
    *("huggingface", "unsplash", "zip", "tgz", "tsv", "json", "jsonl", "parquet", "feather"),
)


@lru_cache(maxsize=1)
def photos(data: Path) -> dict[str, list[bytes]]:
    """Return the bytes of some real images of each format that Pillow writes here."""
    jpegs = [f.read_bytes() for place in PHOTOS for f in sorted((data / place).rglob("*.jpg"))[:6]]
    pngs = [file.read_bytes() for file in sorted((data / "emoji").glob("*.png"))[:24]]
    found = {"jpeg": jpegs, "png": pngs}
    for name, format in ENCODED.items():
        if format != "AVIF" or features.check("avif"):
            found[name] = [_encoded(jpeg, format) for jpeg in jpegs[:6]]
    return found


def _encoded(jpeg: bytes, format: str, side: int = 240) -> bytes:
    stream = io.BytesIO()
    picture = Image.open(io.BytesIO(jpeg))
    picture.thumbnail((side, side))
    picture.save(stream, format)
    return stream.getvalue()


def make(kind: str, data: Path, root: Path) -> tuple[Path, list[Path]]:
    """Write a dataset of a kind below `root`; return its path and the files to damage."""
    root.mkdir(parents=True)
    if kind == "coco":
        return root, [_coco(data, root)]
    if kind == "yolo":
        return root, list(_yolo(data, root))
    if kind == "unsplash":
        some = json.loads((data / "unsplash/photos-5000.json").read_text())[:40]
        return root / "photos.json", [_text(root / "photos.json", json.dumps(some))]
    if kind in ("zip", "tgz"):
        file = _archive(data, root / f"made.{kind}")
        return file, [file]
    if kind in FEATURES:
        return root, [_vectors(data, root / kind)]
    _coco(data, root / "coco")
    items = list(open_source(root / "coco"))
    made = list(_WRITERS[kind](root / "made", items))
    alone = kind in ("tsv", "json", "jsonl", "parquet", "feather", "webdataset")
    return (made[0] if alone else root / "made"), made


def _coco(data: Path, root: Path) -> Path:
    content = json.loads((data / "coco128/annotations/instances_train2017.json").read_text())
    content["images"] = content["images"][:IMAGES]
    kept = {image["id"] for image in content["images"]}
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] in kept]
    (root / "train2017").mkdir(parents=True)
    for image in content["images"]:
        name = image["file_name"]
        shutil.copyfile(data / "coco128/train2017" / name, root / "train2017" / name)
    return _text(root / "annotations/instances_train2017.json", json.dumps(content))


def _yolo(data: Path, root: Path) -> Iterator[Path]:
    source = data / "road-signs-yolo"
    yield _copy(source / "data.yaml", root / "data.yaml")
    for subset in ("train", "valid", "test"):
        for image in sorted((source / subset / "images").iterdir())[:3]:
            _copy(image, root / subset / "images" / image.name)
            label = Path(subset) / "labels" / f"{image.stem}.txt"
            if (source / label).stat().st_size:
                yield _copy(source / label, root / label)


def _voc(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    for item in items:
        image = _copy(Path(item.uri), root / "JPEGImages" / item.id)
        objects = "".join(
            f"<object><name>{escape(b.label)}</name><bndbox><xmin>{b.x}</xmin><ymin>{b.y}</ymin>"
            f"<xmax>{b.x + b.width}</xmax><ymax>{b.y + b.height}</ymax></bndbox></object>\n"
            for b in item.boxes
        )
        content = f"<annotation><filename>{item.id}</filename>\n{objects}</annotation>"
        yield _text(root / f"Annotations/{image.stem}.xml", content)
    names = "\n".join(Path(item.id).stem for item in items)
    yield _text(root / "ImageSets/Main/train.txt", names)


def _cvat(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    images = []
    for item in items:
        image = _copy(Path(item.uri), root / "images" / item.id)
        width, height = Image.open(image).size
        boxes = "".join(
            f'<box label={quoteattr(b.label)} occluded="0" xtl="{b.x}" ytl="{b.y}"'
            f' xbr="{b.x + b.width}" ybr="{b.y + b.height}" z_order="0"></box>\n'
            for b in item.boxes
        )
        images.append(
            f'<image id="{len(images)}" name="{item.id}" width="{width}" height="{height}">\n'
            f"{boxes}</image>\n"
        )
    content = f"<annotations><version>1.1</version>\n{''.join(images)}</annotations>"
    yield _text(root / "annotations.xml", content)


def _labelme(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    for item in items:
        image = _copy(Path(item.uri), root / item.id)
        shapes = [
            {
                "label": b.label,
                "points": [[b.x, b.y], [b.x + b.width, b.y + b.height]],
                "shape_type": "rectangle",
            }
            for b in item.boxes
        ]
        content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": item.id}
        yield _text(image.with_suffix(".json"), json.dumps({**content, "imageData": None}))


def _openimages(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    labels = sorted({box.label for item in items for box in item.boxes})
    rows = ["ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax"]
    for item in items:
        image = _copy(Path(item.uri), root / "train" / item.id)
        width, height = Image.open(image).size
        rows += [
            f"{image.stem},xclick,/m/{labels.index(b.label)},1,{b.x / width},"
            f"{(b.x + b.width) / width},{b.y / height},{(b.y + b.height) / height}"
            for b in item.boxes
        ]
    yield _text(root / "oidv6-train-annotations-bbox.csv", "\n".join(rows))
    names = "\n".join(f"/m/{number},{label}" for number, label in enumerate(labels))
    yield _text(root / "class-descriptions-boxable.csv", names)


def _imagefolder(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    stream = io.StringIO()
    table = csv.writer(stream)
    table.writerow(["file_name", "text", "score"])
    for number, item in enumerate(items):
        _copy(Path(item.uri), root / item.id)
        table.writerow([item.id, f"of {', '.join(item.tags)}", number / 7])
    yield _text(root / "metadata.csv", stream.getvalue())


def _webdataset(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    root.mkdir()
    file = root / "shard-000000.tar"
    with tarfile.open(file, "w") as archive:
        for item in items:
            stem = Path(item.id).stem
            said = json.dumps({"label": next(iter(item.tags), ""), "n": len(item.boxes)}).encode()
            _add(archive, f"{stem}.jpg", _small(item))
            _add(archive, f"{stem}.json", said)
            _add(archive, f"{stem}.txt", " ".join(item.tags).encode())
    yield file


def _pictures(root: Path, items: Sequence[Item]) -> Iterator[tuple[Path, Item, int, int]]:
    """Copy the images into a folder; yield each with its item, width and height."""
    for item in items:
        image = _copy(Path(item.uri), root / item.id)
        yield image, item, *Image.open(image).size


def _createml(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    said = [
        {
            "image": image.name,
            "annotations": [
                {
                    "label": b.label,
                    "coordinates": {
                        "x": b.x + b.width / 2,
                        "y": b.y + b.height / 2,
                        "width": b.width,
                        "height": b.height,
                    },
                }
                for b in item.boxes
            ],
        }
        for image, item, _, _ in _pictures(root / "train", items)
    ]
    yield _text(root / "train/_annotations.createml.json", json.dumps(said))


def _via(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    said = {
        image.name: {
            "filename": image.name,
            "size": -1,
            "file_attributes": {},
            "regions": [
                {
                    "shape_attributes": {"name": "rect", **_sides(b.x, b.y, b.width, b.height)},
                    "region_attributes": {"class": b.label},
                }
                for b in item.boxes
            ],
        }
        for image, item, _, _ in _pictures(root, items)
    }
    yield _text(root / "via_region_data.json", json.dumps(said))


def _sides(x: float, y: float, width: float, height: float) -> dict[str, float]:
    return {"x": x, "y": y, "width": width, "height": height}


def _labelstudio(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    said = [
        {
            "data": {"image": f"/data/upload/1/{image.name}"},
            "annotations": [
                {
                    "result": [
                        {
                            "type": "rectanglelabels",
                            "value": {
                                **_sides(
                                    100 * b.x / width,
                                    100 * b.y / height,
                                    100 * b.width / width,
                                    100 * b.height / height,
                                ),
                                "rotation": 0,
                                "rectanglelabels": [b.label],
                            },
                        }
                        for b in item.boxes
                    ]
                }
            ],
        }
        for image, item, width, height in _pictures(root, items)
    ]
    yield _text(root / "project.json", json.dumps(said))


def _datumaro_json(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    labels = sorted({box.label for item in items for box in item.boxes})
    found = [
        {
            "id": image.stem,
            "image": {"path": image.name},
            "annotations": [
                {
                    "type": "bbox",
                    "label_id": labels.index(b.label),
                    "bbox": [b.x, b.y, b.width, b.height],
                }
                for b in item.boxes
            ],
        }
        for image, item, _, _ in _pictures(root / "images/train", items)
    ]
    categories = {"label": {"labels": [{"name": label} for label in labels]}}
    content = {"categories": categories, "items": found}
    yield _text(root / "annotations/train.json", json.dumps(content))


def _fiftyone(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    found = {
        image.stem: [
            {
                "label": b.label,
                "bounding_box": [b.x / width, b.y / height, b.width / width, b.height / height],
            }
            for b in item.boxes
        ]
        for image, item, width, height in _pictures(root / "data", items)
    }
    yield _text(root / "labels.json", json.dumps({"classes": None, "labels": found}))


def _openmmlab(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    found = [
        {
            "img_path": image.name,
            "instances": [
                {"bbox": [b.x, b.y, b.x + b.width, b.y + b.height], "bbox_label": b.label}
                for b in item.boxes
            ],
        }
        for image, item, _, _ in _pictures(root, items)
    ]
    yield _text(root / "annotations.json", json.dumps({"metainfo": {}, "data_list": found}))


def _supervisely(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    for image, item, width, height in _pictures(root / "ds/img", items):
        objects = [
            {
                "classTitle": b.label,
                "geometryType": "rectangle",
                "points": {"exterior": [[b.x, b.y], [b.x + b.width, b.y + b.height]]},
            }
            for b in item.boxes
        ]
        content = {"tags": [], "size": {"width": width, "height": height}, "objects": objects}
        yield _text(root / f"ds/ann/{image.name}.json", json.dumps(content))


def _captions(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    rows = [
        f"{image.name}#{number}\tA picture of {label}."
        for image, item, _, _ in _pictures(root / "images", items)
        for number, label in enumerate(item.tags)
    ]
    yield _text(root / "captions.token.txt", "\n".join(rows))


def _kitti(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    for image, item, _, _ in _pictures(root / "training/image_2", items):
        rows = [
            f"{'_'.join(b.label.split())} 0.00 0 -1.57 {b.x} {b.y} {b.x + b.width}"
            f" {b.y + b.height} 1.5 1.6 3.7 1 2 3 0.1"
            for b in item.boxes
        ]
        yield _text(root / f"training/label_2/{image.stem}.txt", "\n".join(rows))


def _retinanet(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    rows = [
        f"{image.name},{b.x},{b.y},{b.x + b.width},{b.y + b.height},{b.label}"
        for image, item, _, _ in _pictures(root / "images", items)
        for b in item.boxes
    ]
    yield _text(root / "annotations.csv", "\n".join(rows))


def _sidecar(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    for image, item, width, _ in _pictures(root, items):
        yield _text(image.with_suffix(".txt"), f"A picture of {', '.join(item.tags)}.")
        said = {"caption": " ".join(item.tags), "width": width}
        yield _text(image.with_suffix(".json"), json.dumps(said))


def _huggingface(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    table = _table(items, embedded=True)
    kinds = {"image": {"_type": "Image"}, "caption": {"dtype": "string", "_type": "Value"}}
    said = json.dumps({"info": {"features": kinds}}).encode()
    table = table.replace_schema_metadata({b"huggingface": said})
    root.mkdir()
    shard = root / "data-00000-of-00001.arrow"
    with pa.OSFile(str(shard), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table, max_chunksize=2)
    yield shard
    state = {"_data_files": [{"filename": shard.name}], "_split": "train"}
    yield _text(root / "state.json", json.dumps(state))
    yield _text(root / "dataset_info.json", json.dumps({"features": kinds}))


def _table(items: Sequence[Item], *, embedded: bool) -> pa.Table:
    images = [{"bytes": _small(item), "path": item.id} if embedded else item.uri for item in items]
    words = [", ".join(item.tags) for item in items]
    sizes = [Path(item.uri).stat().st_size for item in items]
    return pa.table({"image": images, "caption": words, "size": sizes})


def _small(item: Item) -> bytes:
    """Return the image so small that damages hit what is around it too."""
    return _encoded(Path(item.uri).read_bytes(), "JPEG", 48)


def _tsv(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    rows = [f"{item.uri}\t{', '.join(item.tags)}\t{len(item.boxes)}" for item in items]
    yield _text(root / "made.tsv", "\n".join(["image\tcaption\tboxes", *rows]))


def _json(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    yield _text(root / "made.json", json.dumps(_table(items, embedded=False).to_pylist()))


def _jsonl(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    rows = _table(items, embedded=False).to_pylist()
    yield _text(root / "made.jsonl", "\n".join(map(json.dumps, rows)))


def _parquet(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    root.mkdir()
    pq.write_table(_table(items, embedded=True), root / "made.parquet", row_group_size=2)
    yield root / "made.parquet"


def _feather(root: Path, items: Sequence[Item]) -> Iterator[Path]:
    root.mkdir()
    pf.write_feather(_table(items, embedded=True), str(root / "made.feather"), chunksize=2)
    yield root / "made.feather"


_WRITERS = {
    "voc": _voc,
    "cvat": _cvat,
    "labelme": _labelme,
    "openimages": _openimages,
    "imagefolder": _imagefolder,
    "webdataset": _webdataset,
    "createml": _createml,
    "via": _via,
    "labelstudio": _labelstudio,
    "datumaro-json": _datumaro_json,
    "fiftyone": _fiftyone,
    "openmmlab": _openmmlab,
    "supervisely": _supervisely,
    "captions": _captions,
    "kitti": _kitti,
    "retinanet": _retinanet,
    "sidecar": _sidecar,
    "huggingface": _huggingface,
    "tsv": _tsv,
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "feather": _feather,
}


def _archive(data: Path, file: Path) -> Path:
    with zipfile.ZipFile(data / "tiny-imagenet-10k.zip") as whole:
        names = [name for name in whole.namelist() if not name.endswith("/")][:: 10_000 // 12]
        if file.suffix == ".zip":
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
                for name in names:
                    made.writestr(name, whole.read(name))
        else:
            with tarfile.open(file, "w:gz") as made:
                for name in names:
                    _add(made, name, whole.read(name))
    return file


def _vectors(data: Path, file: Path) -> Path:
    vectors = np.load(data / "clip-vit-b-32-vectors.npz")["image"][:30].astype(np.float32)
    ids = [f"{number:03}.jpg" for number in range(len(vectors))]
    hashes = np.packbits(vectors > 0, axis=1)
    if file.suffix == ".npz":
        np.savez(file, ids=np.array(ids), features=vectors)
    elif file.suffix == ".parquet":
        pq.write_table(pa.table({"id": ids, "feature": list(vectors)}), file)
    elif file.suffix == ".feather":
        pf.write_feather(pa.table({"id": ids, "feature": list(vectors)}), str(file), chunksize=10)
    elif file.suffix == ".sqlite":
        with closing(sqlite3.connect(file)) as base:
            base.execute("CREATE TABLE vectors (id, embedding)")
            rows = [(id, vector.tobytes()) for id, vector in zip(ids, vectors, strict=True)]
            base.executemany("INSERT INTO vectors VALUES (?, ?)", rows)
            base.commit()
    else:
        keys = {f"default/{id}": row.tolist() for id, row in zip(ids, hashes, strict=True)}
        _text(file, json.dumps({"hashkey": keys}))
    return file


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(source, target))


def _text(file: Path, content: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")
    return file

"""Arrow tables of the rows that ingest inserts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hamsight_core.images.picture_quality import LIMITS
from hamsight_core.items import STATUSES, ObjectItem
from hamsight_ingest.prepare import Prepared

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Curated:
    """What users and analyses made of an item, besides what its dataset says."""

    groups: Sequence[str] = ()
    status: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


_UNTOUCHED = Curated()


def item_rows(
    dataset: str,
    prepared: Sequence[Prepared],
    features: NDArray[np.float32],
    hashes: NDArray[np.uint8],
    ingested_at: datetime,
    curated: Mapping[tuple[str, str], Curated] | None = None,
) -> pa.Table:
    """Return the rows of a table of items, or of one of objects.

    They are of features (n, dimension) and hashes (n, bits / 8). `curated` is of the items, by
    (subset, id), that the catalog has already.
    """
    import pyarrow as pa

    curated = curated or {}
    kept = [curated.get((one.item.subset, one.item.id), _UNTOUCHED) for one in prepared]

    def column(name: str, kind: Any) -> Any:
        return pa.array([getattr(one, name) for one in prepared], kind)

    def said(name: str, kind: Any) -> Any:
        return pa.array([getattr(one.item, name) for one in prepared], kind)

    def counted(name: str, kind: Any) -> Any:
        return pa.array([list(getattr(one.item, name).items()) for one in prepared], kind)

    count, dimension = features.shape
    box = pa.struct(
        [("label", pa.string()), *((key, pa.float32()) for key in ("x", "y", "width", "height"))]
    )
    boxes = [
        [
            {"label": b.label, "x": b.x, "y": b.y, "width": b.width, "height": b.height}
            for b in one.item.boxes
        ]
        for one in prepared
    ]
    both = list(zip(prepared, kept, strict=True))
    groups = [list(dict.fromkeys([*by.groups, *one.item.groups])) for one, by in both]
    attributes = [list({**by.attributes, **one.item.attributes}.items()) for one, by in both]
    scores = [list(_scores(*pair).items()) for pair in both]
    offsets = pa.array(range(0, count * dimension + 1, dimension), pa.int32())
    rows = pa.table(
        {
            "dataset": pa.array([dataset] * count),
            "subset": said("subset", pa.string()),
            "id": said("id", pa.string()),
            "uri": said("uri", pa.string()),
            "width": column("width", pa.uint32()),
            "height": column("height", pa.uint32()),
            "orientation": column("orientation", pa.uint8()),
            "file_size": column("file_size", pa.uint64()),
            "modified_at": column("modified_ns", pa.timestamp("ns", "UTC")),
            "format": column("format", pa.string()),
            "sha256": column("sha256", pa.binary(32)),
            "phash": column("phash", pa.binary(32)),
            "phash_trimmed": column("phash_trimmed", pa.binary(32)),
            "tags": counted("tags", pa.map_(pa.string(), pa.uint32())),
            "boxes": pa.array(boxes, pa.list_(box)),
            "captions": said("captions", pa.list_(pa.string())),
            "groups": pa.array(groups, pa.list_(pa.string())),
            "status": pa.array([_status(*pair) for pair in both], pa.string()),
            "attributes": pa.array(attributes, pa.map_(pa.string(), pa.string())),
            "scores": pa.array(scores, pa.map_(pa.string(), pa.float32())),
            "metadata_digest": column("metadata_digest", pa.binary(16)),
            "hash": pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(hashes.shape[1]), count, [None, pa.py_buffer(hashes.tobytes())]
            ),
            "feature": pa.ListArray.from_arrays(offsets, pa.array(features.ravel())),
            "ingested_at": pa.array([ingested_at] * count, pa.timestamp("us", "UTC")),
        }
    )
    if prepared and isinstance(prepared[0].item, ObjectItem):
        rows = rows.append_column("parent", said("parent", pa.string()))
        rows = rows.append_column("number", said("number", pa.uint32()))
        rows = rows.append_column("area", column("area", pa.float32()))
    return rows


def _scores(prepared: Prepared, by: Curated) -> Mapping[str, float]:
    """Return the scores that the item had, those of a picture's quality as the picture is now."""
    if prepared.quality is None:
        return by.scores
    others = {name: score for name, score in by.scores.items() if name not in LIMITS}
    return {**others, **prepared.quality}


def _status(prepared: Prepared, by: Curated) -> str:
    """Return the status that the user gave the item, else what the dataset makes it."""
    return prepared.item.status if by.status in ("", *STATUSES) else by.status

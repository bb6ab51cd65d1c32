"""Arrow tables of the rows that ingest inserts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hamsight.item import STATUSES
from ingest.prepare import Prepared

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


def item_rows(
    dataset: str,
    prepared: Sequence[Prepared],
    features: NDArray[np.float32],
    hashes: NDArray[np.uint8],
    ingested_at: datetime,
) -> pa.Table:
    """Return the rows of an items table for features (n, dimension) and hashes (n, bits / 8)."""
    import pyarrow as pa

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
    groups = [
        list(dict.fromkeys([*(one.known.groups if one.known else ()), *one.item.groups]))
        for one in prepared
    ]
    attributes = [
        list({**(one.known.attributes if one.known else {}), **one.item.attributes}.items())
        for one in prepared
    ]
    offsets = pa.array(range(0, count * dimension + 1, dimension), pa.int32())
    return pa.table(
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
            "tags": counted("tags", pa.map_(pa.string(), pa.uint32())),
            "boxes": pa.array(boxes, pa.list_(box)),
            "captions": said("captions", pa.list_(pa.string())),
            "groups": pa.array(groups, pa.list_(pa.string())),
            "status": pa.array([_status(one) for one in prepared], pa.string()),
            "attributes": pa.array(attributes, pa.map_(pa.string(), pa.string())),
            "metadata_digest": column("metadata_digest", pa.binary(16)),
            "hash": pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(hashes.shape[1]), count, [None, pa.py_buffer(hashes.tobytes())]
            ),
            "feature": pa.ListArray.from_arrays(offsets, pa.array(features.ravel())),
            "ingested_at": pa.array([ingested_at] * count, pa.timestamp("us", "UTC")),
        }
    )


def _status(prepared: Prepared) -> str:
    """Return the status that the user gave the item, else what the dataset makes it."""
    known = prepared.known
    if known is not None and known.status not in ("", *STATUSES):
        return known.status
    return prepared.item.status

"""The columns of a table that hold a box, or a class each, and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hamsight_ingest.readers.table_values import parsed_list
from hamsight_ingest.readers.wrong import finite

_CORNERS = (
    "xmin ymin xmax ymax",
    "x_min y_min x_max y_max",
    "x1 y1 x2 y2",
    "x_1 y_1 x_2 y_2",
    "left top right bottom",
    "roi.x1 roi.y1 roi.x2 roi.y2",
    "bbox_xmin bbox_ymin bbox_xmax bbox_ymax",
    "bbox_x1 bbox_y1 bbox_x2 bbox_y2",
)
_SIZES = (
    "x y width height",
    "x y w h",
    "bbox_x bbox_y bbox_width bbox_height",
    "bbox_x bbox_y bbox_w bbox_h",
    "x_1 y_1 width height",
    "left top width height",
    "xmin ymin width height",
    "xmin ymin w h",
)
_CERTAIN = ("xmin", "x_min", "bbox_xmin", "x_1", "bbox_x1", "bbox_x")
_WHOLE = ("bbox", "bounding_box", "box")
_VALUES = frozenset({"0", "1", "0.0", "1.0", "-1", "true", "false"})
_PRESENT = frozenset({"1", "1.0", "true"})
_PROBED = 200

Sides = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class BoxColumns:
    """The columns of a box: four, or one with four numbers. `corners` are two corners, else the
    columns are a corner and a size."""

    names: tuple[str, ...]
    corners: bool

    def of(self, values: Mapping[str, Any]) -> Sides | None:
        """Return x, y, width and height, or None for a row without a box.

        Raises ValueError saying what was expected.
        """
        if len(self.names) == 1:
            found = parsed_list(values.get(self.names[0]))
            if found is None or found in ("", []):
                return None
            if isinstance(found, str):
                found = found.replace(",", " ").split()
            given = list(found.values()) if isinstance(found, dict) else found
        else:
            given = [values.get(name) for name in self.names]
            if all(value is None or value == "" for value in given):
                return None
        numbers = [finite(value) for value in given] if isinstance(given, (list, tuple)) else []
        first, second, third, fourth = numbers if len(numbers) == 4 else [None] * 4
        if first is None or second is None or third is None or fourth is None:
            raise ValueError(f"expected 4 numbers in {', '.join(self.names)}")
        if self.corners:
            return first, second, third - first, fourth - second
        return first, second, third, fourth


def box_columns(columns: Sequence[str], labelled: bool) -> BoxColumns | None:
    """Return the columns of a box by their names, or None where there are none.

    Names such as `x` and `left` count only beside a label, `xmin` and `x_1` alone.
    """
    by_name = {name.lower().strip(): name for name in reversed(columns)}
    for corners, groups in ((True, _CORNERS), (False, _SIZES)):
        for group in map(str.split, groups):
            if all(name in by_name for name in group) and (labelled or group[0] in _CERTAIN):
                return BoxColumns(tuple(by_name[name] for name in group), corners)
    found = next((by_name[name] for name in _WHOLE if name in by_name), None)
    return None if found is None else BoxColumns((found,), corners=False)


def class_columns(columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the columns where they hold a class each: two or more, in all rows only 0 and 1."""
    if len(columns) < 2:
        return ()
    seen = 0
    for number, values in enumerate(rows):
        if number >= _PROBED:
            break
        for name in columns:
            if not is_class_value(values.get(name)):
                return ()
        seen += 1
    return tuple(columns) if seen else ()


def is_class_value(value: Any) -> bool:
    """Return whether a value says only that a class is there or not."""
    return value is not None and str(value).strip().lower() in _VALUES


def is_present(value: Any) -> bool:
    """Return whether such a value says that the class is there."""
    return value is not None and str(value).strip().lower() in _PRESENT

"""Which column of a table is the image, the id, the subset, the tags, the captions."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from hamsight_core.errors import SourceError, UsageError
from hamsight_ingest.listing import printable
from hamsight_ingest.readers.table_boxes import BoxColumns, box_columns, class_columns
from hamsight_ingest.readers.table_rows import Rows
from hamsight_ingest.readers.wrong import Notes

ROLES: dict[str, tuple[str, ...]] = {
    "image": (
        "image",
        "img",
        "image_path",
        "img_path",
        "image_file",
        "path",
        "file_path",
        "filepath",
        "file",
        "file_name",
        "filename",
        "image_name",
        "img_name",
        "file name",
        "image name",
        "imagename",
        "imagepath",
        "uri",
        "image_uri",
        "url",
        "image_url",
        "img_url",
        "photo_image_url",
        "coco_url",
        "bytes",
        "image_bytes",
    ),
    "id": ("id", "image_id", "photo_id"),
    "subset": ("subset", "split"),
    "tags": ("tags", "labels", "classes", "keywords"),
    "label": (
        *("label", "class", "class_name", "category", "category_name", "label_name", "classname"),
        *("class_label", "class label", "class_id", "classid", "breed", "species"),
    ),
    "captions": ("caption", "captions", "text", "sentence", "sentences", "comment"),
}
"""The roles of columns, and what such columns are called, in lower case."""


_IDS_OF_IMAGES = ("image_id", "imageid", "img_id", "id_code", "image id")
_SIZES = ("width", "height", "fold", "column_1")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table by role; every other one is an attribute.

    `labels` are the column of the role label and those whose numbers stand for classes; `classes`
    are columns of 0 and 1, each of a class.
    """

    image: str
    id: str | None = None
    subset: str | None = None
    tags: str | None = None
    labels: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    box: BoxColumns | None = None
    classes: tuple[str, ...] = ()

    @property
    def all(self) -> frozenset[str]:
        """Return every column that has a role."""
        single = (self.image, self.id, self.subset, self.tags)
        boxes = () if self.box is None else self.box.names
        several = (*self.labels, *self.captions, *self.classes, *boxes)
        return frozenset({*filter(None, single), *several})


def find_columns(rows: Rows, given: Mapping[str, str]) -> Columns:
    """Return the columns that the user gave, and for the other roles those of known names.

    Raises UsageError for an unknown role; SourceError for a column that is not there, and where
    none or several could be the image.
    """
    for role, name in given.items():
        if role not in ROLES:
            raise UsageError(
                f"--column {role}={name}: no role {role!r}; roles are {', '.join(ROLES)}"
            )
        if name and name not in rows.columns:
            near = difflib.get_close_matches(name, rows.columns, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise _refusal(rows, f"no column {name!r}, which --column {role}={name} names{meant}")
    image = given.get("image") or _image(rows)
    taken = {image, *given.values()}

    def known(role: str) -> list[str]:
        if role in given:
            return [given[role]] if given[role] else []
        names = ROLES[role]
        fitting = [name for name in rows.columns if name.lower() in names and name not in taken]
        return sorted(fitting, key=lambda name: names.index(name.lower()))

    def first(role: str) -> str | None:
        return next(iter(known(role)), None)

    single = {role: first(role) for role in ("id", "subset", "tags", "label")}
    used = {*taken, *single.values()}
    named = [] if given.get("label") == "" else [one for one in rows.labels if one not in used]
    captions = tuple(known("captions"))
    labelled = bool(single["label"] or single["tags"] or named)
    box = box_columns([one for one in rows.columns if one not in taken], labelled)
    classes: tuple[str, ...] = ()
    if not labelled and box is None and not captions and "label" not in given:
        rest = [name for name in rows.columns if name not in used and name.lower() not in _SIZES]
        if single["id"] is None or single["id"] != image:
            classes = class_columns(rest, (row.values for row in rows.read(Notes())))
    return Columns(
        image,
        id=single["id"],
        subset=single["subset"],
        tags=single["tags"],
        labels=tuple(filter(None, [single["label"], *named])),
        captions=captions,
        box=box,
        classes=classes,
    )


def _image(rows: Rows) -> str:
    named = [name for name in rows.columns if name.lower() in ROLES["image"]]
    within = list(rows.image_columns)
    if not named and not within:
        # Kaggle's tables name an image by its id alone.
        named = [name for name in rows.columns if name.lower() in _IDS_OF_IMAGES]
    for fitting in ([name for name in named if name in within], within, named):
        exact = [name for name in fitting if name.lower() == "image"]
        if len(fitting) == 1 or (len(exact) == 1 and fitting is not named):
            return (exact or fitting)[0]
        if fitting:
            raise _refusal(rows, f"{' and '.join(map(repr, fitting))} could all be the image")
    raise _refusal(rows, "none is called as the image's path, URL or bytes")


def _refusal(rows: Rows, words: str) -> SourceError:
    listed = ", ".join(map(repr, rows.columns[:40])) + (", …" if len(rows.columns) > 40 else "")
    return SourceError(
        f"{printable(rows.file)}: {words}; columns are {listed};"
        " name the image's with --column image=NAME"
    )

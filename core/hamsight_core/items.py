"""An item: one image of a dataset with its metadata, before it is encoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Identity = tuple[str, str, str]
"""What names an item of a catalog: (dataset, subset, id)."""

STATUSES = ("annotated", "unannotated")
"""The statuses that follow from what a dataset says; any other is the user's."""


@dataclass(frozen=True, slots=True)
class Box:
    """A labelled box in pixels of the image as its annotation counts them; (x, y) is top left."""

    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Category:
    """A label as a dataset numbers it, as COCO's `categories` do."""

    label: str
    number: int
    supercategory: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """What a dataset says of one image.

    `id` names the item within (dataset, subset): a path with `/` between its parts,
    extension included. `uri` is where the bytes are: an absolute path or a URL.
    `tags` counts the instances of each label.
    """

    id: str
    uri: str
    subset: str = ""
    tags: Mapping[str, int] = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()
    captions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """`annotated` when the dataset says anything of the content, else `unannotated`."""
        return "annotated" if self.tags or self.boxes or self.captions else "unannotated"


@dataclass(frozen=True, slots=True)
class ObjectItem(Item):
    """An annotated box of a picture, as an item of its own.

    `parent` is the picture's id and `number` the place of the box in the picture's list, from 1;
    the id is parent#number. `boxes` hold the box alone, `tags` its label.
    """

    parent: str = ""
    number: int = 0


def item_name(identity: Iterable[str]) -> str:
    """Return the name of an item as people write it: DATASET/SUBSET/ID, without what is empty."""
    return "/".join(part for part in identity if part)


def picture_of(identity: Identity) -> Identity:
    """Return the identity of the picture that an object is of."""
    dataset, subset, id = identity
    return dataset, subset, id.rpartition("#")[0]


def objects_of(item: Item) -> list[ObjectItem]:
    """Return the objects of a picture, in the order of its boxes."""
    return [
        ObjectItem(
            f"{item.id}#{number}",
            item.uri,
            item.subset,
            tags={box.label: 1},
            boxes=(box,),
            parent=item.id,
            number=number,
        )
        for number, box in enumerate(item.boxes, start=1)
    ]

"""The answer to a search."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hamsight_core.errors import ImageError
from hamsight_core.items import Box, Identity, item_name
from hamsight_core.show.arrays import strings, unsigned
from hamsight_query.steps import Statement
from hamsight_query.target import Target

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from hamsight_query.answer_sheet import Boxes

_SHOWN = 24
_FEW = 500
_THUMBNAIL = 160


T = TypeVar("T")


class _Column(Generic[T]):
    """A field of a match: its value in the column of that name."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, match: Ranked, owner: type) -> T:
        found: T = match._columns[self._name][match._place]
        return found


class _Columns:
    """The columns of an answer as lists of Python values, each made when it is first asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._read: dict[str, Sequence[Any]] = {}

    def __getitem__(self, name: str) -> Sequence[Any]:
        if name not in self._read:
            self._read[name] = self._values(self._table[name])
        return self._read[name]

    @staticmethod
    def _values(column: pa.ChunkedArray) -> Sequence[Any]:
        if len(column) < _FEW:  # it takes longer to load what reads columns as a whole
            few: list[Any] = column.to_pylist(maps_as_pydicts="strict")
            return few
        from hamsight_core.show.values import values

        return [value for chunk in column.chunks for value in values(chunk, finite=False)]


class Ranked:
    """A row of an answer. `distance` is in bits, `similarity` the cosine, -1 to 1.

    Of a calibrated search, `similarity` is the share of pairs that are no more alike, 0 to 1. Both
    are to `query`, the label of the query that the item answers. `rank` counts from 1. In a list
    without a query both are None, and `query` is empty.
    """

    __slots__ = ("_columns", "_place")

    rank = _Column[int]()
    dataset = _Column[str]()
    subset = _Column[str]()
    id = _Column[str]()
    uri = _Column[str]()
    distance = _Column["int | None"]()
    similarity = _Column["float | None"]()
    query = _Column[str]()

    def __init__(self, columns: Mapping[str, Sequence[Any]] | _Columns, place: int) -> None:
        self._columns, self._place = columns, place

    @property
    def name(self) -> str:
        """DATASET/SUBSET/ID, as `--item` takes it."""
        return item_name((self.dataset, self.subset, self.id))

    @property
    def item(self) -> Identity:
        """The dataset, subset and id of the picture."""
        return self.dataset, self.subset, self.id

    def _fields(self) -> dict[str, Any]:
        kinds = [Ranked, type(self)]
        names = [n for kind in kinds for n, one in vars(kind).items() if isinstance(one, _Column)]
        return {name: getattr(self, name) for name in names}

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._fields() == other._fields()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._fields().items())
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ({name: [value] for name, value in self._fields().items()}, 0)


class Match(Ranked):
    """An item of the answer."""

    __slots__ = ()

    width = _Column[int]()
    height = _Column[int]()
    file_size = _Column[int]()
    format = _Column[str]()
    tags = _Column[Mapping[str, int]]()
    captions = _Column[Sequence[str]]()
    groups = _Column[Sequence[str]]()
    status = _Column[str]()
    attributes = _Column[Mapping[str, str]]()


class ObjectMatch(Ranked):
    """An object of the answer: the box of `tag` that is `number` in the list of its picture.

    `parent` is the id of the picture at `uri`. The box is in pixels of the upright picture, and
    `area` its share of the picture's.
    """

    __slots__ = ()

    parent = _Column[str]()
    number = _Column[int]()
    tag = _Column[str]()
    x = _Column[float]()
    y = _Column[float]()
    width = _Column[int]()
    height = _Column[int]()
    area = _Column[float]()

    @property
    def item(self) -> Identity:
        """The dataset, subset and id of the picture."""
        return self.dataset, self.subset, self.parent

    @property
    def box(self) -> Box:
        """The box, its sides in whole pixels."""
        return Box(self.tag, self.x, self.y, self.width, self.height)


class Matches(Sequence[Any]):
    """Ranked matches, best first, with the targets they answer and the statement that ran.

    Each is a `Match`, or an `ObjectMatch` where objects were asked for.
    """

    def __init__(
        self,
        table: pa.Table,
        targets: Sequence[Target],
        statement: Statement,
        model: str,
        boxes_of: Callable[[Matches], Boxes] = lambda matches: {},
    ) -> None:
        self.targets, self.statement, self.model = targets, statement, model
        self._table, self._boxes_of = table, boxes_of
        self._boxes: Boxes | None = None

    @classmethod
    def of(
        cls,
        table: pa.Table,
        targets: Sequence[Target],
        offset: int,
        statement: Statement,
        model: str,
        boxes_of: Callable[[Matches], Boxes],
    ) -> Matches:
        """Make matches of the statement's answer: number them, name the queries.

        `boxes_of` returns the boxes of items when they are to be drawn.
        """
        labels = ["", *(target.label for target in targets)]
        named = strings(labels[number] for number in table["query"].to_pylist())
        ranks = unsigned(range(offset + 1, offset + 1 + len(table)))
        table = table.set_column(table.schema.get_field_index("query"), "query", named)
        return cls(table.add_column(0, "rank", ranks), targets, statement, model, boxes_of)

    @property
    def _asked(self) -> str:
        return ", ".join(target.label for target in self.targets) or "a list"

    @property
    def of_objects(self) -> bool:
        """Whether the matches are objects."""
        return "parent" in self._table.column_names

    @property
    def tells_distance(self) -> bool:
        """Whether a distance says how alike two are: words lie near half of the bits from all."""
        return all(target.kind == "image" for target in self.targets)

    @cached_property
    def _matches(self) -> list[Any]:
        kind = ObjectMatch if self.of_objects else Match
        columns = _Columns(self._table)
        return [kind(columns, place) for place in range(len(self._table))]

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, index: Any) -> Any:
        return self._matches[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._matches)

    def __repr__(self) -> str:
        return f"<Matches: {len(self)} for {self._asked}>"

    def to_arrow(self) -> pa.Table:
        """Return the matches as an Arrow table, a row each."""
        return self._table

    def to_pandas(self) -> pd.DataFrame:
        """Return the matches as a pandas data frame; needs the package pandas."""
        return self._table.to_pandas(maps_as_pydicts="strict")

    def read_boxes(self) -> Boxes:
        """Return the boxes of the first 500 items, none where the session is closed before.

        They are read once. Raises StatementError.
        """
        if self._boxes is None:
            self._boxes = self._boxes_of(self)
        return self._boxes

    def save(self, path: Path | str) -> None:
        """Draw a contact sheet of queries and matches; the suffix of `path` names its format.

        Matches have their boxes on them, as `read_boxes` has these. Raises UsageError.
        """
        from hamsight_query.answer_sheet import draw_answer

        draw_answer(self, self.read_boxes(), Path(path))

    def _repr_html_(self) -> str:
        shown = self._matches[:_SHOWN]
        cells = "".join(_card(match, self.tells_distance) for match in shown)
        rest = len(self) - _SHOWN
        more = f"<p>and {rest} more: to_arrow() and to_pandas() have all</p>" if rest > 0 else ""
        return (
            f"<p><b>{len(self)} matches</b> for {html.escape(self._asked)}</p>"
            f'<div style="display:flex;flex-wrap:wrap;gap:8px">{cells}</div>{more}'
        )


def _card(match: Any, tells_distance: bool) -> str:
    size = f"{_THUMBNAIL}px"
    style = f"width:{size};height:{size};object-fit:contain;background:#f4f4f4"
    try:
        picture = f'<img style="{style}" src="{_data_uri(match.uri, getattr(match, "box", None))}">'
    except ImageError as error:
        picture = f'<div style="{style}">{html.escape(str(error))}</div>'
    near = ""
    if match.similarity is not None:
        bits = f" · {match.distance} bits" if tells_distance else ""
        near = f" · {match.similarity:.3f}{bits}"
    return (
        f'<div style="width:{size};font:12px sans-serif;overflow-wrap:anywhere">{picture}'
        f"<b>{match.rank}</b>{near}<br>"
        f"{html.escape(match.name)}</div>"
    )


def _data_uri(uri: str, box: Box | None) -> str:
    from hamsight_core.images.crops import crop_of
    from hamsight_core.images.decode import decode
    from hamsight_core.images.places import fetch

    image = decode(fetch(uri)).image
    if box is not None:
        image = image.crop(crop_of(box, *image.size))
    image.thumbnail((_THUMBNAIL * 2, _THUMBNAIL * 2))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()

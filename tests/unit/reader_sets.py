"""Small datasets made up for the tests of readers."""

import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from hamsight_core.errors import SourceError
from hamsight_core.items import Item
from hamsight_ingest.readers import ReadOptions, open_source
from hamsight_ingest.source import Refused, Source

DATA = Path(__file__).parents[2].parent / "shared" / "data"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")


def image(file: Path, width: int = 200, height: int = 100, orientation: int = 1) -> Path:
    """Write an image of that size."""
    file.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[274] = orientation
    Image.new("L", (width, height)).save(file, exif=exif)
    return file


def text(file: Path, *lines: str) -> Path:
    """Write a text file of lines."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def opened(path: Path, format: str, **options: object) -> tuple[Source, dict[str, Item]]:
    """Return the dataset, detected to be of the format, and its items by "subset/id"."""
    source = open_source(path, None, ReadOptions(**options))
    assert source.format == format, source.detected
    items = list(source)
    assert source.count() == len(items)
    assert list(source) == items
    assert all(Path(item.uri).is_absolute() for item in items)
    return source, {f"{item.subset}/{item.id}": item for item in items}


def error(
    path: Path | str, format: str | None, *, rest_read: bool = False, **options: object
) -> str:
    """Return what is wrong with a dataset: the error that it is.

    With `rest_read` it is none: return what its refused entries say, where others are read.
    """
    try:
        items = list(open_source(path, format, ReadOptions(**options)))
    except SourceError as caught:
        assert not rest_read, caught
        return str(caught)
    assert rest_read, "it is read"
    assert any(isinstance(item, Refused) for item in items)
    assert any(not isinstance(item, Refused) for item in items)
    return "\n".join(as_error(item) for item in items if isinstance(item, Refused))


def as_error(item: Refused) -> str:
    """Return what a refused entry says as an error would say it."""
    place = re.sub(r"(\.\w+):(?=[^0-9]|[0-9]+[^0-9])", r"\1: ", item.uri)
    return f"{place}: {item.reason}"


def refused(path: Path, format: str | None = None, **options: object) -> str:
    """Return the id of the one entry that cannot be read; the rest is read."""
    items = list(open_source(path, format, ReadOptions(**options)))
    (wrong,) = (item for item in items if isinstance(item, Refused))
    assert len(items) > 1
    return wrong.id


def damage(files: list[Path], open_again: Callable[[], Source], times: int = 300) -> None:
    """Flip bits of the files and cut them: each time, items or a SourceError in under 5 s."""
    dice = random.Random(0)
    outcomes = {"items": 0, "error": 0}
    for _ in range(times):
        file = dice.choice(files)
        whole = file.read_bytes()
        damaged = bytearray(whole)
        if dice.random() < 0.3:
            del damaged[dice.randrange(len(damaged)) :]
        for _ in range(min(len(damaged), dice.choice((0, 1, 1, 4)))):
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        file.write_bytes(damaged)
        started = time.monotonic()
        try:
            items = list(open_again())
        except SourceError as caught:
            str(caught).encode()
            outcomes["error"] += 1
        else:
            assert items
            for item in items:
                "".join([item.id, item.uri, item.subset, *item.tags]).encode()
            wrong = any(isinstance(item, Refused) for item in items)
            outcomes["error" if wrong else "items"] += 1
        assert time.monotonic() - started < 5
        file.write_bytes(whole)
    assert min(outcomes.values()) > 0

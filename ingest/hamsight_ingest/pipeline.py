"""The ingest run: read → compare → decode → encode → hash → insert, with bounded look-ahead."""

from __future__ import annotations

import os
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from hamsight_core.catalog.catalog import Catalog, CatalogModel
from hamsight_core.errors import UsageError
from hamsight_core.images.decode import MAX_PIXELS
from hamsight_core.items import Item
from hamsight_core.models.encoder import DEFAULT_BATCH, ImageEncoder
from hamsight_core.models.network import DEFAULT_DEVICE, Compute, Precision
from hamsight_core.models.package import ModelPackage
from hamsight_core.names import chosen
from hamsight_ingest.listing import printable
from hamsight_ingest.prepare import Kept, Known, Prepared, Rejected, Unchanged, prepare
from hamsight_ingest.readers.accounts import unread_words
from hamsight_ingest.readers.wrong import Notes
from hamsight_ingest.record import Record
from hamsight_ingest.source import Numbered, ReadOptions, Refused, Source
from hamsight_ingest.vanished import Seen, Vanished
from hamsight_ingest.writer import Counts, Writer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hamsight_ingest.upkeep.rehash import Rehashed

    _Result: TypeAlias = tuple[Prepared, NDArray[np.uint8]] | Unchanged | Kept | Rejected

_CHUNK = 512
_LOOK_AHEAD_BATCHES = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run encodes. `workers` threads decode; `max_pixels` limits a picture's area.

    With `quality`, pictures get perceptual hashes and scores of quality.

    `precision` is one of `hamsight_core.models.network.Precision`, or its value.
    """

    device: str = DEFAULT_DEVICE
    batch: int = DEFAULT_BATCH
    workers: int = os.cpu_count() or 1
    max_pixels: int = MAX_PIXELS
    precision: Precision = Precision.AUTO
    quality: bool = True

    def __post_init__(self) -> None:
        for name in ("batch", "workers", "max_pixels"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{name} = {value!r}; expected a whole number of at least 1")
        object.__setattr__(self, "precision", chosen("precision", Precision, self.precision))

    @property
    def compute(self) -> Compute:
        """Where and how networks run."""
        return Compute(self.device, self.precision)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run. `complete` is False where it was stopped before the last item.

    `vanished` are items that the catalog had from this source, which has them no longer;
    `rehashed` is the hash that was fitted once it was done. `not_read` are words on the files of
    the source that no reader understood, `faults` on pictures that are damaged, but whole.
    `registered` is the model's row as the run read it last.
    """

    dataset: str
    model: str
    format: str
    counts: Counts
    complete: bool
    rejected: tuple[Rejected, ...]
    vanished: Vanished = field(default_factory=Vanished)
    rehashed: Rehashed | None = None
    not_read: str = ""
    faults: tuple[str, ...] = ()
    registered: CatalogModel | None = field(default=None, repr=False)


_LISTED_REJECTS = 1000


def run(
    catalog: Catalog,
    source: Source,
    package: ModelPackage,
    dataset: str,
    settings: Settings,
    *,
    on_progress: Callable[[Counts], None],
    stopped: Callable[[], bool],
    options: ReadOptions | None = None,
    seen: Seen | None = None,
    models: Sequence[CatalogModel] | None = None,
    new: bool = False,
) -> Outcome:
    """Ingest a source into the catalog and return what was done.

    `on_progress` is told after each insert; `stopped` is asked between items, and a run that it
    ends keeps all that was encoded. `options`, with which the source was opened, are recorded;
    `seen` notes every item. `models` are those of the catalog where they have just been read, and
    `new` says that nothing is known of the dataset. Raises ModelMismatchError before anything is
    written, and ModelError when the network or the device does not serve.
    """
    place = printable(source.path)
    categories = source.categories if isinstance(source, Numbered) else ()
    read = options or ReadOptions()
    record = Record(catalog, dataset, package.name, place, source.format, read, categories)
    writer = Writer(catalog, package, dataset, catalog.check(package, models), new=new)
    writer.heal()
    seen = Seen() if seen is None else seen
    work = Stages(writer, package, settings, record.begin, on_progress, seen)
    complete = work.all(source, stopped)
    not_read = unread_words(source.unread) if complete else ""
    record.finish(writer.counts, complete=complete, not_read=not_read)
    listed = tuple(work.rejected)
    return Outcome(
        dataset,
        package.name,
        source.format,
        writer.counts,
        complete,
        listed,
        not_read=not_read,
        faults=tuple(work.faults.lines()),
        registered=writer.model,
    )


class Stages:
    """The stages between the source and the writer, and what is under way in them.

    `begin` is called once, before the first row is written.
    """

    def __init__(
        self,
        writer: Writer,
        package: ModelPackage,
        settings: Settings,
        begin: Callable[[], None],
        on_progress: Callable[[Counts], None],
        seen: Seen,
    ) -> None:
        self.rejected: list[Rejected] = []
        self.faults = Notes()
        self._seen = seen
        self._writer, self._package, self._settings = writer, package, settings
        self._tell_begin, self._on_progress = begin, on_progress
        self._encoded: queue.SimpleQueue[tuple[Sequence[Prepared], NDArray[np.float32]]]
        self._encoded = queue.SimpleQueue()
        self._encoder: ImageEncoder | None = None
        self._batch: list[tuple[Prepared, NDArray[np.uint8]]] = []
        self._begun = False

    def all(self, source: Iterable[Item], stopped: Callable[[], bool]) -> bool:
        """Deal with every item; return False when stopped before the last."""
        decoding: deque[Future[_Result]] = deque()
        ahead = self._settings.batch * _LOOK_AHEAD_BATCHES + self._settings.workers
        complete = True
        pool = ThreadPoolExecutor(self._settings.workers, "decode")
        try:
            for item, known in self._compared(source):
                if stopped():
                    complete = False
                    break
                decoding.append(pool.submit(self._prepare, item, known))
                while len(decoding) >= ahead:
                    self._take(decoding.popleft().result())
            while decoding:
                self._take(decoding.popleft().result())
        finally:
            pool.shutdown(cancel_futures=True)
        if self._batch:
            self._submit()
        if self._encoder is not None:
            self._encoder.finish()
        self._drain()
        self._flush()
        return complete

    def _compared(self, source: Iterable[Item]) -> Iterator[tuple[Item, Known | None]]:
        """Yield each item with what the catalog knows of it; reject a second of one identity."""
        items = iter(source)
        while chunk := list(islice(items, _CHUNK)):
            known = self._writer.known(chunk)
            seen = set(self._writer.under_way)
            for item in chunk:
                identity = (item.subset, item.id)
                self._seen.add(identity)
                if isinstance(item, Refused):
                    self._reject(Rejected(item, item.reason))
                    continue
                former = known.get(identity)
                if identity in seen or (former and self._writer.is_new(former)):
                    self._reject(Rejected(item, "a second item of this subset and id"))
                    continue
                seen.add(identity)
                self._writer.under_way.add(identity)
                yield item, former

    def _prepare(self, item: Item, known: Known | None) -> _Result:
        preprocess = self._package.image.preprocess
        settings = self._settings
        return prepare(item, known, preprocess, settings.max_pixels, quality=settings.quality)

    def _take(self, result: _Result) -> None:
        if isinstance(result, Unchanged):
            self._writer.leave(result)
        elif isinstance(result, Rejected):
            self._writer.under_way.discard((result.item.subset, result.item.id))
            self._reject(result)
        elif isinstance(result, Kept):
            self._begin()
            self._writer.keep(result.prepared)
        else:
            if self._encoder is None:
                self._encoder = ImageEncoder(
                    self._package,
                    compute=self._settings.compute,
                    batch=self._settings.batch,
                    on_features=lambda token, features: self._encoded.put((token, features)),
                )
            self._begin()
            if result[0].fault:
                words = f"{result[0].fault}; read all the same"
                self.faults.add(words, printable(result[0].item.uri))
            self._batch.append(result)
            if len(self._batch) >= self._encoder.batch:
                self._submit()
        self._drain()
        if self._writer.due:
            self._flush()

    def _begin(self) -> None:
        if not self._begun:
            self._tell_begin()
            self._begun = True

    def _reject(self, rejected: Rejected) -> None:
        self._begin()
        self._writer.reject(rejected)
        if len(self.rejected) < _LISTED_REJECTS:
            self.rejected.append(rejected)

    def _submit(self) -> None:
        assert self._encoder is not None
        prepared, pixels = zip(*self._batch, strict=True)
        self._encoder.submit(pixels, prepared)
        self._batch = []

    def _drain(self) -> None:
        while not self._encoded.empty():
            self._writer.add(*self._encoded.get())

    def _flush(self) -> None:
        self._writer.flush()
        self._on_progress(self._writer.counts)

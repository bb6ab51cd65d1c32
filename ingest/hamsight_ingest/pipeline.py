"""The ingest run: read → compare → decode → encode → hash → insert, with bounded look-ahead.

With objects, the boxes of a picture take the same way: it is decoded once for all of them.
"""

from __future__ import annotations

import os
import queue
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import TYPE_CHECKING, TypeAlias

from hamsight_core.catalog.catalog import Catalog, CatalogModel, TableKind
from hamsight_core.errors import UsageError
from hamsight_core.images.decode import MAX_PIXELS
from hamsight_core.images.places.addresses import EVERYWHERE, Reach, reach_of
from hamsight_core.images.places.web import ask_all_hosts_again
from hamsight_core.items import Item, ObjectItem, objects_of
from hamsight_core.models.encoder import DEFAULT_BATCH, ImageEncoder
from hamsight_core.models.network import DEFAULT_DEVICE, Compute, Precision
from hamsight_core.models.package import ModelPackage
from hamsight_core.names import chosen
from hamsight_ingest.decoding import Decoded, PictureJob, decoded
from hamsight_ingest.listing import printable
from hamsight_ingest.object_writer import ObjectWriter
from hamsight_ingest.prepare import Kept, Prepared, Rejected, Unchanged
from hamsight_ingest.readers.accounts import unread_words
from hamsight_ingest.readers.wrong import Notes
from hamsight_ingest.record import Record
from hamsight_ingest.source import Numbered, ReadOptions, Refused, Source
from hamsight_ingest.vanished import Seen, Vanished
from hamsight_ingest.writer import Counts, Writer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hamsight_ingest.decoding import Result
    from hamsight_ingest.upkeep.rehash import Rehashed

    _Token: TypeAlias = tuple[Writer, Prepared]

_CHUNK = 512
_LOOK_AHEAD_BATCHES = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run encodes. `workers` threads decode; `max_pixels` limits a picture's area.

    `allow_private` fetches images from private networks too, whoever names them.
    With `quality`, pictures get perceptual hashes and scores of quality. With `objects` their
    boxes become items of the table of objects; None keeps up those of a dataset that has such.

    `precision` is one of `hamsight_core.models.network.Precision`, or its value.
    """

    device: str = DEFAULT_DEVICE
    batch: int = DEFAULT_BATCH
    workers: int = os.cpu_count() or 1
    max_pixels: int = MAX_PIXELS
    precision: Precision = Precision.AUTO
    quality: bool = True
    allow_private: bool = False
    objects: bool | None = None

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
    the source that no reader understood, `faults` on pictures that are damaged, but whole; `silent`
    counts rejects by the host that was given up, as it did not answer.
    `registered` is the model's row as the run read it last. `objects` counts objects, and
    `registered_objects` is the row of their table; both are None where the run had none.
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
    silent: Mapping[str, int] = field(default_factory=dict)
    registered: CatalogModel | None = field(default=None, repr=False)
    objects: Counts | None = None
    registered_objects: CatalogModel | None = field(default=None, repr=False)


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
    `seen` notes every item. `models` are the catalog's rows of items and objects where they have
    just been read, and `new` says that nothing is known of the dataset. Raises ModelMismatchError
    before anything is written, and ModelError when the network or the device does not serve.
    """
    place = printable(source.path)
    categories = source.categories if isinstance(source, Numbered) else ()
    read = options or ReadOptions()
    record = Record(catalog, dataset, package.name, place, source.format, read, categories)
    every = catalog.models(None) if models is None else models
    of_kind = {kind: [one for one in every if one.kind is kind] for kind in TableKind}
    known = catalog.check(package, of_kind[TableKind.ITEMS])
    writer = Writer(catalog, package, dataset, known, new=new)
    writer.heal()
    of_objects = catalog.check(package, of_kind[TableKind.OBJECTS])
    objects: ObjectWriter | None = None
    if settings.objects or (settings.objects is None and _has(catalog, of_objects, dataset)):
        objects = ObjectWriter(catalog, package, dataset, of_objects, new=new)
        objects.heal()
    seen = Seen() if seen is None else seen
    reach = EVERYWHERE if settings.allow_private else reach_of(printable(source.path))
    work = Stages(writer, package, settings, record.begin, on_progress, seen, reach, objects)
    ask_all_hosts_again()
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
        silent=dict(work.silent),
        registered=writer.model,
        objects=objects.counts if objects else None,
        registered_objects=objects.model if objects else None,
    )


def _has(catalog: Catalog, model: CatalogModel | None, dataset: str) -> bool:
    """Tell whether a table has rows of a dataset."""
    if model is None:
        return False
    return dataset in {row[0] for row in catalog.rows("datasets_in", table=model.items_table)}


class Stages:
    """The stages between the source and the writer, and what is under way in them.

    `begin` is called once, before the first row is written; `reach` says which hosts of private
    networks may be asked: by default those that each item's uri names. With `objects` the boxes of
    pictures are written too; without `writer` the source is of objects alone.
    """

    def __init__(
        self,
        writer: Writer | None,
        package: ModelPackage,
        settings: Settings,
        begin: Callable[[], None],
        on_progress: Callable[[Counts], None],
        seen: Seen,
        reach: Reach | None = None,
        objects: ObjectWriter | None = None,
    ) -> None:
        self.rejected: list[Rejected] = []
        self.silent: Counter[str] = Counter()
        self.faults = Notes()
        self._seen, self._reach = seen, reach
        self._writer, self._objects = writer, objects
        self._writers = [one for one in (writer, objects) if one is not None]
        self._package, self._settings = package, settings
        self._tell_begin, self._on_progress = begin, on_progress
        self._encoded: queue.SimpleQueue[tuple[Sequence[_Token], NDArray[np.float32]]]
        self._encoded = queue.SimpleQueue()
        self._encoder: ImageEncoder | None = None
        self._batch: list[tuple[_Token, NDArray[np.uint8]]] = []
        self._begun = False

    def all(self, source: Iterable[Item], stopped: Callable[[], bool]) -> bool:
        """Deal with every item; return False when stopped before the last."""
        decoding: deque[tuple[Future[Decoded], int]] = deque()
        ahead = self._settings.batch * _LOOK_AHEAD_BATCHES + self._settings.workers
        complete, under_way = True, 0
        pool = ThreadPoolExecutor(self._settings.workers, "decode")
        try:
            for job in self._compared(source) if self._writer else self._grouped(source):
                if stopped():
                    complete = False
                    break
                decoding.append((pool.submit(self._prepare, job), job.size))
                under_way += job.size
                while under_way >= ahead:
                    future, size = decoding.popleft()
                    under_way -= size
                    self._take(future.result())
            while decoding:
                self._take(decoding.popleft()[0].result())
        finally:
            pool.shutdown(cancel_futures=True)
        if self._batch:
            self._submit()
        if self._encoder is not None:
            self._encoder.finish()
        self._drain()
        self._flush()
        return complete

    def _compared(self, source: Iterable[Item]) -> Iterator[PictureJob]:
        """Yield each item with what the catalog knows of it; reject a second of one identity."""
        assert self._writer is not None
        items = iter(source)
        while chunk := list(islice(items, _CHUNK)):
            known = self._writer.known(chunk)
            stored = self._objects.stored(chunk) if self._objects else {}
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
                objects = objects_of(item) if self._objects else ()
                yield PictureJob(item, former, objects, stored.get(identity, {}))

    def _grouped(self, source: Iterable[Item]) -> Iterator[PictureJob]:
        """Yield the objects of each picture, which follow each other, as one job."""
        objects = (one for one in source if isinstance(one, ObjectItem))
        for _, group in groupby(objects, lambda one: (one.subset, one.parent)):
            yield PictureJob(None, objects=list(group))

    def _prepare(self, job: PictureJob) -> Decoded:
        settings = self._settings
        preprocess = self._package.image.preprocess
        return decoded(
            job, preprocess, settings.max_pixels, quality=settings.quality, reach=self._reach
        )

    def _take(self, done: Decoded) -> None:
        if self._writer is not None and done.item is not None:
            self._take_one(self._writer, done.item)
        for one in done.objects:
            assert self._objects is not None
            self._take_one(self._objects, one)
        if done.gone and self._objects is not None:
            self._begin()
            self._objects.remove(done.gone)
        self._drain()
        if any(writer.due for writer in self._writers):
            self._flush()

    def _take_one(self, writer: Writer, result: Result) -> None:
        if isinstance(result, Unchanged):
            writer.leave(result)
        elif isinstance(result, Rejected):
            writer.under_way.discard((result.item.subset, result.item.id))
            self._reject(result)
        elif isinstance(result, Kept):
            self._begin()
            writer.keep(result.prepared)
        else:
            if self._encoder is None:
                self._encoder = ImageEncoder(
                    self._package,
                    compute=self._settings.compute,
                    batch=self._settings.batch,
                    on_features=lambda token, features: self._encoded.put((token, features)),
                )
            self._begin()
            prepared, pixels = result
            if prepared.fault:
                words = f"{prepared.fault}; read all the same"
                self.faults.add(words, printable(prepared.item.uri))
            self._batch.append(((writer, prepared), pixels))
            if len(self._batch) >= self._encoder.batch:
                self._submit()

    def _begin(self) -> None:
        if not self._begun:
            self._tell_begin()
            self._begun = True

    def _reject(self, rejected: Rejected) -> None:
        self._begin()
        if self._writer is not None:
            self._writer.reject(rejected)
        if rejected.silent_host:
            self.silent[rejected.silent_host] += 1
        if len(self.rejected) < _LISTED_REJECTS:
            self.rejected.append(rejected)

    def _submit(self) -> None:
        assert self._encoder is not None
        tokens, pixels = zip(*self._batch, strict=True)
        self._encoder.submit(pixels, tokens)
        self._batch = []

    def _drain(self) -> None:
        while not self._encoded.empty():
            tokens, features = self._encoded.get()
            for writer in self._writers:
                places = [n for n, (of, _) in enumerate(tokens) if of is writer]
                if places:
                    writer.add([tokens[n][1] for n in places], features[places])

    def _flush(self) -> None:
        for writer in self._writers:  # pictures first: their objects are written where they stand
            writer.flush()
        self._on_progress(self._writers[0].counts)

"""The ingest run: read → compare → decode → encode → hash → insert, with bounded look-ahead."""

from __future__ import annotations

import os
import queue
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from hamsight.catalog import Catalog
from hamsight.encoder import DEFAULT_BATCH, DEFAULT_DEVICE, ImageEncoder
from hamsight.imaging import MAX_PIXELS
from hamsight.item import Item
from hamsight.model import ModelPackage
from ingest.prepare import Known, Prepared, Rejected, Unchanged, prepare
from ingest.source import Source
from ingest.writer import Counts, Identity, Writer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    _Result: TypeAlias = tuple[Prepared, NDArray[np.uint8]] | Unchanged | Rejected

_CHUNK = 512
_LOOK_AHEAD_BATCHES = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run encodes. `workers` threads decode; `max_pixels` limits a picture's area."""

    device: str = DEFAULT_DEVICE
    batch: int = DEFAULT_BATCH
    workers: int = os.cpu_count() or 1
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run. `complete` is False where it was stopped before the last item."""

    dataset: str
    model: str
    format: str
    counts: Counts
    complete: bool
    rejected: tuple[Rejected, ...]


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
) -> Outcome:
    """Ingest a source into the catalog and return what was done.

    `on_progress` is told after each insert; `stopped` is asked between items, and a run that it
    ends keeps all that was encoded. Raises ModelMismatchError before anything is written, and
    ModelError when the network or the device does not serve.
    """
    started_at = datetime.now(timezone.utc)
    writer = Writer(catalog, package, dataset)
    writer.heal()
    work = _Run(writer, package, settings, on_progress)
    complete = work.all(source, stopped)
    writer.heal()
    _record(catalog, source, package.name, dataset, started_at, writer.counts, complete)
    listed = tuple(work.rejected)
    return Outcome(dataset, package.name, source.format, writer.counts, complete, listed)


class _Run:
    """The stages between the source and the writer, and what is under way in them."""

    def __init__(
        self,
        writer: Writer,
        package: ModelPackage,
        settings: Settings,
        on_progress: Callable[[Counts], None],
    ) -> None:
        self.rejected: list[Rejected] = []
        self._writer, self._package, self._settings = writer, package, settings
        self._on_progress = on_progress
        self._encoded: queue.SimpleQueue[tuple[Sequence[Prepared], NDArray[np.float32]]]
        self._encoded = queue.SimpleQueue()
        self._encoder: ImageEncoder | None = None
        self._batch: list[tuple[Prepared, NDArray[np.uint8]]] = []

    def all(self, source: Source, stopped: Callable[[], bool]) -> bool:
        """Deal with every item; return False when stopped before the last."""
        decoding: deque[Future[_Result]] = deque()
        ahead = self._settings.batch * _LOOK_AHEAD_BATCHES + self._settings.workers
        complete = True
        with ThreadPoolExecutor(self._settings.workers, "decode") as pool:
            for item, known in self._compared(source):
                if stopped():
                    complete = False
                    break
                decoding.append(pool.submit(self._prepare, item, known))
                while len(decoding) >= ahead:
                    self._take(decoding.popleft().result())
            while decoding:
                self._take(decoding.popleft().result())
        if self._batch:
            self._submit()
        if self._encoder is not None:
            self._encoder.finish()
        self._drain()
        self._flush()
        return complete

    def _compared(self, source: Source) -> Iterator[tuple[Item, Known | None]]:
        """Yield each item with what the catalog knows of it; reject a second of one identity."""
        items = iter(source)
        while chunk := list(islice(items, _CHUNK)):
            known = self._writer.known(chunk)
            seen: set[Identity] = set()
            for item in chunk:
                identity = (item.subset, item.id)
                if identity in seen:
                    self._reject(Rejected(item, "a second item of this subset and id"))
                    continue
                seen.add(identity)
                yield item, known.get(identity)

    def _prepare(self, item: Item, known: Known | None) -> _Result:
        preprocess = self._package.image.preprocess
        return prepare(item, known, preprocess, self._settings.max_pixels)

    def _take(self, result: _Result) -> None:
        if isinstance(result, Unchanged):
            self._writer.leave()
        elif isinstance(result, Rejected):
            self._reject(result)
        else:
            self._batch.append(result)
            if self._encoder is None:
                self._encoder = ImageEncoder(
                    self._package,
                    device=self._settings.device,
                    batch=self._settings.batch,
                    on_features=lambda token, features: self._encoded.put((token, features)),
                )
            if len(self._batch) >= self._encoder.batch:
                self._submit()
        self._drain()
        if self._writer.due:
            self._flush()

    def _reject(self, rejected: Rejected) -> None:
        self._writer.reject(rejected)
        if len(self.rejected) < _LISTED_REJECTS:
            self.rejected.append(rejected)

    def _submit(self) -> None:
        import numpy as np

        assert self._encoder is not None
        pixels = np.stack([pixels for _, pixels in self._batch])
        self._encoder.submit(pixels, [prepared for prepared, _ in self._batch])
        self._batch = []

    def _drain(self) -> None:
        while not self._encoded.empty():
            self._writer.add(*self._encoded.get())

    def _flush(self) -> None:
        self._writer.flush()
        self._on_progress(self._writer.counts)


def _record(
    catalog: Catalog,
    source: Source,
    model: str,
    dataset: str,
    started_at: datetime,
    counts: Counts,
    complete: bool,
) -> None:
    import pyarrow as pa

    moment = partial(pa.array, type=pa.timestamp("ms", "UTC"))
    catalog.insert(
        "ingests",
        pa.table(
            {
                "dataset": [dataset],
                "model": [model],
                "source": [str(source.path)],
                "format": [source.format],
                "started_at": moment([started_at]),
                "finished_at": moment([datetime.now(timezone.utc)]),
                "complete": [complete],
                "added": [counts.added],
                "replaced": [counts.replaced],
                "unchanged": [counts.unchanged],
                "rejected": [counts.rejected],
            }
        ),
    )

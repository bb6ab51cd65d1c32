"""Work that takes longer than an answer: with progress, and ended when someone says so."""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hamsight_core.errors import HamsightError, UsageError

_KEPT = 50


class CancelledError(Exception):
    """A job that was told to end."""


@dataclass(slots=True)
class Job:
    """One job. `done` of `total` counts items; `state` is running, done, failed or cancelled.

    `kind` says what it makes: an analysis of that kind, an `export`, or nothing that is shown.
    """

    number: int
    label: str
    kind: str = ""
    state: str = "running"
    done: int = 0
    total: int = 0
    message: str = ""
    started: float = field(default_factory=time.time)
    ended: float | None = None
    is_cancelled: bool = False

    def step(self, done: int, total: int) -> None:
        """Say how far the job is. Raises CancelledError where it is to end."""
        self.done, self.total = done, total
        if self.is_cancelled:
            raise CancelledError

    def as_json(self) -> dict[str, Any]:
        """Return what the page shows of the job."""
        return {
            "job": self.number,
            "label": self.label,
            "kind": self.kind,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "message": self.message,
            "seconds": round((self.ended or time.time()) - self.started, 1),
        }


class Jobs:
    """The running jobs and the last ones."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Job] = OrderedDict()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self, label: str, work: Callable[[Job], str], kind: str = "") -> Job:
        """Run work in a thread of its own; what it returns is the job's message."""
        job = Job(next(self._numbers), label, kind)
        with self._lock:
            self._kept[job.number] = job
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(target=_run, args=(job, work), name=f"job {job.number}")
            self._threads.append(thread)
        thread.start()
        return job

    def all(self) -> list[dict[str, Any]]:
        """Return all jobs, the last first."""
        with self._lock:
            return [job.as_json() for job in reversed(self._kept.values())]

    def cancel(self, number: int) -> Job:
        """Tell a job to end. Raises UsageError where there is none of that number."""
        with self._lock:
            found = self._kept.get(number)
        if found is None:
            raise UsageError(f"there is no job {number}")
        found.is_cancelled = True
        return found

    def finish(self) -> None:
        """End all jobs, and wait for them."""
        with self._lock:
            for job in self._kept.values():
                job.is_cancelled = True
            threads = list(self._threads)
        for thread in threads:
            thread.join()


def _run(job: Job, work: Callable[[Job], str]) -> None:
    try:
        job.message = work(job)
        state = "done"
    except CancelledError:
        state = "cancelled"
    except HamsightError as error:
        job.message, state = str(error), "failed"
    except Exception as error:
        job.message, state = f"{type(error).__name__}: {error}", "failed"
    job.ended = time.time()
    job.state = state

"""A process that is killed, for test_kill and test_kill_reencode."""

import multiprocessing
import threading
import time

LOADED = [
    "clickhouse_connect",
    "openvino.preprocess",
    "pyarrow",
    "hamsight.session",
    "hamsight_ingest.pipeline",
    "hamsight_ingest.readers",
    "hamsight_ingest.upkeep.reencode",
]
"""What every child needs is loaded once, in the process that they are forked from: so that kills
fall into the run, and a child costs milliseconds."""


class Child:
    """A running function `run(pipe, *args)`; what it says is gathered as it comes."""

    def __init__(self, run, *args):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(LOADED)
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=run, args=(theirs, *map(str, args)), daemon=True)
        self.process.start()
        theirs.close()
        self.rows = []
        self.dealt_with, self.done, self._steps = 0, None, 0
        self._reader = threading.Thread(target=self._read, daemon=True)

    def open(self):
        self._pipe.send("go")
        _, self.rows = self._pipe.recv()

    def start(self):
        self._pipe.send("go")
        self._reader.start()

    def _read(self):
        while True:
            try:
                kind, content = self._pipe.recv()
            except (EOFError, OSError):
                return
            if kind == "done":
                self.done = content
            else:
                self.dealt_with = content
                self._steps += 1

    def wait(self, steps, seconds):
        """Wait for so many steps and then so long, but not beyond the end of the ingest."""
        while self._steps < steps and self._reader.is_alive():
            time.sleep(0.001)
        self._reader.join(seconds)

    def end(self, *, kill):
        if kill:
            self.process.kill()
        self._reader.join(60)
        self.process.join(60)
        self._pipe.close()

"""A process that is killed, for test_kill and test_kill_reencode."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

FOLDER = Path(__file__).parent


class Child:
    """A running script of this folder; what it says is gathered as it comes."""

    def __init__(self, script, *args):
        command = [sys.executable, str(FOLDER / script), *map(str, args)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.rows = []
        self.dealt_with, self.done, self._steps = 0, None, 0
        self._reader = threading.Thread(target=self._read, daemon=True)

    def open(self):
        self._go()
        _, self.rows = json.loads(self.process.stdout.readline())

    def start(self):
        self._go()
        self._reader.start()

    def _go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def _read(self):
        for line in self.process.stdout:
            if not line.endswith("\n"):
                return
            kind, content = json.loads(line)
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
        self.process.stdin.close()
        if self._reader.ident is not None:
            self._reader.join(60)
        self.process.wait(60)
        self.process.stdout.close()

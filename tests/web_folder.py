"""A web server of a folder, for tests."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and, where `lists`, the names in a folder; writes no log."""

    lists = True

    def log_message(self, *_: object) -> None:
        pass

    def list_directory(self, path):
        return super().list_directory(path) if self.lists else self.send_error(403)


class Unlisted(Quiet):
    lists = False


@contextmanager
def served(folder: Path, handler: type[Quiet] = Quiet) -> Iterator[str]:
    """Yield the URL of a folder on 127.0.0.1 while it is served."""
    bound = functools.partial(handler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)

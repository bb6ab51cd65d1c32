"""Processes of Python that begin with imports made, as commands are started hundreds of times.

On Linux, `run` and `Process` fork them from one process that has imported what commands import,
all but the engine, whose threads do not survive a fork. Elsewhere, or where a process is asked for
that is not `sys.executable -c` or `-m` in an ordinary environment, they are started as usual. A
test of what a process imports, of its start or of its signals uses `subprocess`.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

WITHOUT_PANDAS = str(Path(__file__).with_name("without_pandas"))
IMPORTED = (
    *("hamsight.cli.app", "hamsight.demo.scenes", "hamsight_explore.serve", "typer._adapters"),
    *("clickhouse_connect", "openvino", "tokenizers"),
    *("numpy", "pyarrow.compute", "pyarrow.parquet", "scipy.sparse.csgraph", "yaml"),
    *("PIL.Image", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.ImageDraw"),
)
FREE = ("HAMSIGHT_", "COLUMNS", "NO_COLOR", "HOME", "TMPDIR", "PYTEST_")
"""Variables, by their first letters, that no module reads when it is imported."""
QUIET = ["-W", "ignore"]
_FORKS = hasattr(os, "pidfd_open")


def run(arguments: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.CompletedProcess:
    """Run a process as `subprocess.run` does, with its options but `input`."""
    if options.get("env") is None:
        options["env"] = environment()
    if not _can_fork(arguments, options["env"]):
        return subprocess.run(arguments, **options)
    timeout, check = options.pop("timeout", None), options.pop("check", False)
    text, encoding = options.pop("text", False), options.pop("encoding", None)
    if options.pop("capture_output", False):
        options.update(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said: dict[str, Any] = {}
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(tempfile.TemporaryFile())
            for name in ("stdout", "stderr")
            if options.get(name) == subprocess.PIPE
        }
        process = Process(arguments, **{**options, **files})
        try:
            process.wait(timeout)
        except BaseException:
            process.kill()
            raise
        for name, file in files.items():
            file.seek(0)
            said[name] = file.read()
    if text or encoding:
        texts = {name: one.decode(encoding or "utf-8") for name, one in said.items()}
        said = {name: one.replace("\r\n", "\n") for name, one in texts.items()}
    done = subprocess.CompletedProcess(arguments, process.returncode, **said)
    if check:
        done.check_returncode()
    return done


def environment() -> dict[str, str]:
    """Return the environment of this process, where pandas is not found."""
    return {**os.environ, "PYTHONPATH": WITHOUT_PANDAS}


class Process:
    """A process as `subprocess.Popen` starts it, of whose attributes it has the ordinary ones."""

    def __new__(cls, arguments: Sequence[Any], **options: Any) -> Any:
        if not _can_fork(arguments, options.get("env") or environment()):
            return subprocess.Popen(arguments, **{"env": environment(), **options})
        return super().__new__(cls)

    def __init__(
        self,
        arguments: Sequence[str | os.PathLike[str]],
        *,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        text: bool = False,
    ) -> None:
        self.returncode: int | None = None
        self.stdin = self.stdout = self.stderr = None
        ends: list[int] = []
        closed: list[int] = []
        for number, given in enumerate((stdin, stdout, stderr)):
            if given == subprocess.PIPE:
                read, write = os.pipe()
                ours, theirs = (write, read) if number == 0 else (read, write)
                file = os.fdopen(ours, ("w" if number == 0 else "r") + ("" if text else "b"))
                setattr(self, ("stdin", "stdout", "stderr")[number], file)
                closed.append(theirs)
            elif given == subprocess.DEVNULL:
                theirs = os.open(os.devnull, os.O_RDWR)
                closed.append(theirs)
            elif given == subprocess.STDOUT:
                theirs = ends[1]
            else:
                theirs = number if given is None else given
                theirs = theirs if isinstance(theirs, int) else theirs.fileno()
            ends.append(theirs)
        said = {
            "arguments": [os.fspath(one) for one in arguments[1:]],
            "cwd": os.fspath(cwd) if cwd else os.getcwd(),
            "env": dict(env or environment()),
        }
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._ended = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ended.connect(str(_forking() / "asked"))
        socket.send_fds(self._ended, [json.dumps(said).encode()], ends)
        for end in closed:
            os.close(end)
        self.pid = int(self._ended.recv(100))

    def poll(self) -> int | None:
        """Return the status of the process, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the status of the process, once it has ended."""
        if self.returncode is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = int(self._ended.recv(100))
            self._ended.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process."""
        self.send_signal(signal.SIGKILL)


def _can_fork(arguments: Sequence[Any], env: Mapping[str, str]) -> bool:
    """Tell whether a process would be the same, were it forked."""
    if not _FORKS or str(arguments[0]) != sys.executable:
        return False
    if list(arguments[1:3]) != QUIET and arguments[1] not in ("-c", "-m"):
        return False
    usual = environment()
    other = {name for name in {*env, *usual} if env.get(name) != usual.get(name)}
    return all(name.startswith(FREE) for name in other)


@cache
def _forking() -> Path:
    """Start the process that forks others; return a folder of its own, where its socket is.

    It ends with this process, and deletes the folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="hamsight-tests-"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
        asked.bind(str(folder / "asked"))
        asked.listen()
        process = subprocess.Popen(
            [sys.executable, __file__, str(asked.fileno()), str(folder)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[asked.fileno()],
        )
    _kept.append(process)
    return folder


_kept: list[subprocess.Popen] = []
"""The process that forks others: it ends when its stdin does."""

COMMAND = """#!{python} -IS
import json, os, socket, sys
asks = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
asks.connect({asked!r})
said = {{"arguments": ["-m", "hamsight", *sys.argv[1:]]}}
said.update(cwd=os.getcwd(), env=dict(os.environ))
socket.send_fds(asks, [json.dumps(said).encode()], [0, 1, 2])
asks.recv(100)
sys.exit(int(asks.recv(100)))
"""


def folder_of_command() -> Path | None:
    """Return a folder for PATH with a command `hamsight` that is forked; None where none can be."""
    if not _FORKS:
        return None
    folder = _forking()
    command = folder / "hamsight"
    command.write_text(COMMAND.format(python=sys.executable, asked=str(folder / "asked")))
    command.chmod(0o755)
    return folder


def _asked(asks: socket.socket, folder: str) -> dict[str, Any]:
    """Fork a child for each process that is asked for; return in the child, with what is asked."""
    poll = select.poll()
    poll.register(asks, select.POLLIN)
    poll.register(0, select.POLLIN)
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        for ready, _ in poll.poll():
            if ready == 0:
                shutil.rmtree(folder, ignore_errors=True)
                os._exit(0)
            if ready != asks.fileno():
                poll.unregister(ready)
                child, asking = running.pop(ready)
                status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                with asking, suppress(BrokenPipeError):
                    asking.send(str(status).encode())
                os.close(ready)
                continue
            asking, _ = asks.accept()
            message, ends, _, _ = socket.recv_fds(asking, 1 << 20, 3)
            child = os.fork()
            if child == 0:
                for handle, (_, other) in running.items():
                    os.close(handle)
                    other.close()
                asking.close()
                asks.close()
                for number, end in enumerate(ends):
                    os.dup2(end, number)
                    os.close(end)
                return json.loads(message)
            for end in ends:
                os.close(end)
            handle = os.pidfd_open(child)
            running[handle] = child, asking
            poll.register(handle, select.POLLIN)
            asking.send(str(child).encode())


def _begin(asked: dict[str, Any]) -> None:
    """Do what Python does with these arguments, in this environment and folder."""
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    arguments = asked["arguments"]
    if arguments[:2] == QUIET:
        warnings.simplefilter("ignore")
        arguments = arguments[2:]
    kind, what, *more = arguments
    sys.path[0] = "" if kind == "-c" else os.getcwd()
    sys.argv = [kind, *more]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    main = sys.modules["__main__"] = ModuleType("__main__")
    exec(compile(what, "<string>", "exec"), main.__dict__)


def _main() -> None:
    asks = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()
    asked = _asked(asks, sys.argv[2])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _begin(asked)


if __name__ == "__main__":
    _main()

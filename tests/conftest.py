"""Fixtures: the homes of a catalog, the command in a process of its own, and ../shared.

chDB takes one engine path a process. All tests that open the embedded engine in the pytest
process therefore share the `engine` path and stand apart by database (`dsn`). A test that needs
a catalog path of its own runs the command in its own process: `run_cli` with `cli_dsn`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from zlib import crc32

import chdb
import clickhouse_connect
import prepared
import pytest
from clickhouse_connect.driver.client import Client

from hamsight_core.catalog import connect as store
from hamsight_core.catalog.statements import statements
from hamsight_explore.front import HttpFront, serve

REPO = Path(__file__).resolve().parent.parent
SERVER = os.environ.get("HAMSIGHT_TEST_DB", "")
CLUSTER = os.environ.get("HAMSIGHT_TEST_CLUSTER", "")
ALONE = {
    "engine_everywhere": "MergeTree",
    "engine_of_shard": "MergeTree",
    "replacing_engine_of_shard": "ReplacingMergeTree",
    "on_cluster": "",
    "await_replicas": "SELECT 1",
}
BOTH = ("chdb", "http")
COMPILED = REPO / ".pytest_cache" / "compiled"
USER, PASSWORD = "tester", "s3cret"
PLAIN = {
    "COLUMNS": "120",
    "NO_COLOR": "1",
    "PYTHONPATH": prepared.WITHOUT_PANDAS,
}


if sys.dont_write_bytecode:
    # Some hundred processes of the tests would compile the same modules, each for itself.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(COMPILED)
    sys.dont_write_bytecode = False


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Models and compiled networks of the tests stand apart from the user's."""
    former = os.environ.get("HAMSIGHT_CACHE")
    os.environ["HAMSIGHT_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("HAMSIGHT_CACHE")
    if former is not None:
        os.environ["HAMSIGHT_CACHE"] = former


def pytest_xdist_auto_num_workers() -> int:
    """Have one worker more than cores: tests of commands and of the page wait for processes."""
    return (os.cpu_count() or 1) + 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that runs tests in both homes although their mark asks for none."""
    parser.addoption("--every-home", action="store_true", help="run tests on chDB and over HTTP")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for `home` in the homes of its mark, or in one by its name."""
    if "home" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("homes")
        homes = marked.args if marked else BOTH
        if not marked and not metafunc.config.getoption("every_home"):
            homes = homes[crc32(metafunc.definition.name.encode()) % 2 :][:1]
        metafunc.parametrize("home", [*homes, *(["server"] if SERVER else [])], indirect=True)


@pytest.fixture
def home(request: pytest.FixtureRequest) -> str:
    """Where the catalog is: `chdb`, `http` (the loopback front), `server` or `cluster`."""
    return request.param


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The one chDB path of this process, held open for the whole session.

    It knows the clusters of `cluster.xml`, whose shards are the engine itself.
    """
    path = str(tmp_path_factory.mktemp("engine"))
    keeper = chdb.connect(f"{path}?config-file={REPO / 'tests' / 'cluster.xml'}")
    yield path
    keeper.close()


@pytest.fixture(scope="session")
def front(engine: str) -> Iterator[HttpFront]:
    """The HTTP front over `engine`, for the user `tester`."""
    with serve(engine, USER, PASSWORD) as served:
        yield served


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements of a cluster without replicas and other nodes."""
    for name, sql in ALONE.items():
        monkeypatch.setitem(statements(), name, sql)


@pytest.fixture
def cluster_dsn(request: pytest.FixtureRequest, engine: str) -> Iterator[str]:
    """The DSN of an empty catalog on a cluster of one shard, this engine, or on the real one."""
    database = f"test_{uuid.uuid4().hex[:12]}"
    if CLUSTER:
        yield urlsplit(CLUSTER)._replace(path=f"/{database}").geturl()
        return
    request.getfixturevalue("alone")
    yield f"chdb://{engine}?database={database}&cluster=one_shard"
    with store.connect(f"chdb://{engine}") as client:
        client.command(f"DROP DATABASE IF EXISTS {database}")


@pytest.fixture
def dsn(request: pytest.FixtureRequest, home: str, engine: str, front: HttpFront) -> Iterator[str]:
    """The DSN of a database of this test alone, not yet created, dropped afterwards."""
    database = f"test_{uuid.uuid4().hex[:12]}"
    if home == "cluster":
        yield request.getfixturevalue("cluster_dsn")
        return
    if home == "server":
        yield urlsplit(SERVER)._replace(path=f"/{database}").geturl()
        with clickhouse_connect.get_client(dsn=SERVER) as client:
            client.command(f"DROP DATABASE IF EXISTS {database}")
        return
    yield front.dsn(database) if home == "http" else f"chdb://{engine}?database={database}"
    with front.handle() as handle:
        handle.query(f"DROP DATABASE IF EXISTS {database}")


@pytest.fixture
def client(dsn: str) -> Iterator[Client]:
    """A client on `dsn`, as the product opens it, its database created."""
    with store.connect(dsn, create=True) as opened:
        yield opened


@pytest.fixture
def cli_dsn(request: pytest.FixtureRequest, home: str, tmp_path: Path) -> str:
    """The DSN of an empty catalog that another process can open: `--db` for `run_cli`."""
    if home == "chdb":
        return f"chdb://{tmp_path / 'catalog'}"
    return request.getfixturevalue("dsn")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photos and models beside the repository."""
    folder = REPO.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"real photos and models are not here: no folder {folder}")
    return folder


@pytest.fixture(scope="session")
def odd_photos() -> list[Path]:
    """Fifty real photos whose sides are odd, unequal, and of many proportions."""
    from PIL import Image

    data = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not data.is_dir():
        pytest.skip(f"real photos are not here: no folder {data}")
    found: dict[tuple[int, int], Path] = {}
    for folder in ("coco128/train2017", "flickr8k-2000/images", "flowers", "caltech101"):
        for file in sorted((data / folder).rglob("*.jpg"))[::3]:
            with Image.open(file) as image:
                width, height = image.size
            if width % 2 or height % 2:
                found.setdefault((width, height), file)
    assert len(found) >= 50
    return list(found.values())[:: len(found) // 50][:50]


@pytest.fixture
def run_cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """`run_cli("query", "--text", "a cat")` runs the command in a process of its own.

    Keywords: `cwd` (the test's temporary folder by default), `env` (added to the environment,
    from which HAMSIGHT_* is taken out), `timeout` in seconds, `text=False` for bytes,
    `check=True` to fail the test on a status that is not 0.
    """

    def run(
        *args: str | Path,
        cwd: Path = tmp_path,
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
        text: bool = True,
        check: bool = False,
    ) -> subprocess.CompletedProcess:
        command: Sequence[str] = [sys.executable, "-m", "hamsight", *map(str, args)]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HAMSIGHT_")}
        inherited["HAMSIGHT_CACHE"] = os.environ["HAMSIGHT_CACHE"]
        done = prepared.run(
            command,
            cwd=cwd,
            env={**inherited, **PLAIN, **(env or {})},
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=text,
            encoding="utf-8" if text else None,
        )
        if check and done.returncode:
            pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    return run

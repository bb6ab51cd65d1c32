"""The container files keep their promises, as far as reading them can tell."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
DOCKERFILE = (REPO / "docker" / "Dockerfile").read_text(encoding="utf-8")
PYPROJECT = (REPO / "pyproject.toml").read_text(encoding="utf-8")
COMPOSE_TEXT = (REPO / "docker" / "compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)


@pytest.fixture
def server() -> dict:
    return COMPOSE["services"]["clickhouse"]


def stages() -> list[str]:
    return re.split(r"^FROM ", DOCKERFILE.replace("\\\n", ""), flags=re.MULTILINE)[1:]


def test_the_image_runs_the_command_as_a_user_without_rights() -> None:
    final = stages()[-1]
    users = re.findall(r"^USER (\S+)", final, re.MULTILINE)
    assert users and users[-1].split(":")[0] not in {"root", "0"}
    assert 'ENTRYPOINT ["hamsight"]' in final
    assert "HAMSIGHT_DB=" in final


def test_the_image_leaves_the_build_behind() -> None:
    build, final = stages()
    assert "uv build --wheel" in build
    assert not re.search(r"apt-get|pip install|uv |gcc|build-essential", final)
    assert "--constraint" in build


def test_what_the_image_copies_exists_and_is_sent() -> None:
    sent = {
        line[1:] for line in (REPO / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = [
        source
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in sources.split()
    ]
    packages = re.search(r"^packages = \[(.+?)\]$", PYPROJECT, re.MULTILINE | re.DOTALL)
    assert packages
    roots = {package.partition("/")[0] for package in re.findall(r'"([\w/]+)"', packages[1])}
    assert roots | {"sql"} <= set(copied)
    assert set(copied) == sent
    assert [source for source in copied if not (REPO / source).exists()] == []


def test_no_password_is_written_down(server: dict) -> None:
    given = server["environment"]["CLICKHOUSE_PASSWORD"]
    assert given.startswith("${CLICKHOUSE_PASSWORD:?"), "an unset password must stop compose"
    command = COMPOSE["services"]["hamsight"]["environment"]["HAMSIGHT_DB"]
    assert command == "clickhouse://hamsight:${CLICKHOUSE_PASSWORD}@clickhouse:8123/hamsight"
    assert ":-" not in "".join(re.findall(r"\$\{CLICKHOUSE_PASSWORD[^}]*\}", COMPOSE_TEXT))


def test_the_server_is_pinned_kept_and_seen_from_this_host_only(server: dict) -> None:
    assert re.fullmatch(r"clickhouse/clickhouse-server:\d+\.\d+(\.\d+)*", server["image"])
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    volume, target = server["volumes"][0].split(":")
    assert volume in COMPOSE["volumes"] and target == "/var/lib/clickhouse"
    assert server["ulimits"]["nofile"]["soft"] >= 262144
    assert "/ping" in server["healthcheck"]["test"][-1]


def test_the_command_waits_for_the_server_and_cannot_write_the_images() -> None:
    command = COMPOSE["services"]["hamsight"]
    assert command["depends_on"]["clickhouse"]["condition"] == "service_healthy"
    assert command["profiles"], "`up` starts the server alone"
    assert (REPO / "docker" / command["build"]["context"]).resolve() == REPO
    images = next(v for v in command["volumes"] if isinstance(v, dict) and v["target"] == "/data")
    assert images["read_only"] is True


def test_constraints_name_no_index() -> None:
    lines = (REPO / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[^\s;]+( ; .+)?", line)]
    assert lines and wrong == []


def test_the_nodes_of_the_cluster_are_those_that_it_starts() -> None:
    folder = REPO / "docker" / "cluster"
    compose = yaml.safe_load((folder / "compose.yaml").read_text(encoding="utf-8"))
    config = ElementTree.parse(folder / "cluster.xml").getroot()
    keeper = ElementTree.parse(folder / "keeper.xml").getroot()
    services = compose["services"]
    assert config.findtext("zookeeper/node/host") == "keeper"
    assert config.findtext("zookeeper/node/port") == keeper.findtext("keeper_server/tcp_port")
    shards = config.findall("remote_servers/hamsight/shard")
    named = {}
    for number, shard in enumerate(shards, start=1):
        assert shard.findtext("internal_replication") == "true"
        for host in shard.findall("replica/host"):
            named[host.text] = str(number)
    servers = {name: service for name, service in services.items() if name != "keeper"}
    assert {name: one["environment"]["SHARD"] for name, one in servers.items()} == named
    assert len(shards) == 2 and len(named) == 4
    for name, service in servers.items():
        environment = service["environment"]
        assert name == f"shard-{environment['SHARD']}-{environment['REPLICA']}"
        assert environment["CLICKHOUSE_PASSWORD"].startswith("${CLICKHOUSE_PASSWORD:?")
        assert environment["CLUSTER_SECRET"].startswith("${CLUSTER_SECRET:?")
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        mounted = [volume.split(":")[0] for volume in service["volumes"]]
        assert "./cluster.xml" in mounted and name in compose["volumes"]

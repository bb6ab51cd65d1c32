"""Agents get what `query` gets, through the official client, and change nothing unless they may."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import prepared
import pytest
from PIL import Image

from hamsight.demo.scenes import write_dataset
from hamsight_core.models import package

MINI = Path(package.__file__).parent / "mini"
READS, WRITES = {"filters", "search", "show"}, {"add_to_group", "remove_from_group"}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> str:
    base = tmp_path_factory.mktemp("agents")
    write_dataset(base / "scenes", 30, 1)
    at = str(base / "catalog")
    ingest = ("ingest", str(base / "scenes"), "--dataset", "scenes", "--model", "mini")
    command(*ingest, "--db", at)
    return at


def command(*arguments: str) -> str:
    made = [sys.executable, "-m", "hamsight", *arguments]
    return prepared.run(made, check=True, capture_output=True, text=True).stdout


def called(at: str, *calls: tuple[str, dict], write: bool = False):
    """Return the tools that there are, and the answers of calls."""
    from mcp import Client, StdioServerParameters

    async def ask():
        arguments = ["-m", "hamsight", "mcp", "--db", at, *(["--write"] if write else [])]
        served = StdioServerParameters(command=sys.executable, args=arguments)
        async with Client(served) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            return tools, [await client.call_tool(name, given) for name, given in calls]

    # a thread of its own: a browser's test may have left a loop that runs in this one
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(anyio.run, ask).result(60)


def matches(answer) -> list[dict]:
    return json.loads(answer.content[0].text)["matches"]


def test_an_agent_finds_what_query_finds_and_sees_pictures(catalog) -> None:
    found = json.loads(
        command("query", "a red star", "-k", "7", "--format", "json", "--db", catalog)
    )
    ids = [one["id"] for one in found]
    tools, answers = called(
        catalog,
        ("search", {"text": ["a red star"], "k": 7, "thumbnails": 2}),
        ("search", {"where": "star > 0", "sort": "-width", "k": 3}),
        ("show", {"item": ids[0]}),
        ("filters", {}),
        ("search", {"where": "widht > 3"}),
        ("search", {"text": ["a red star"], "k": 201}),
        ("search", {"words": "a red star", "where": "star"}),
        ("search", {"item": ids[0], "box": "0,0,0.5,0.5", "k": 3}),
        ("show", {"item": "no such item"}),
        ("add_to_group", {"group": "seen", "items": [ids[0]]}),
        ("search", {"text": "a red star", "model": str(MINI)}),
    )
    assert tools == READS
    searched, listed, shown, named, wrong, many, strange, part, unknown, refused, folder = answers
    region = ("query", "--item", ids[0], "--box", "0,0,0.5,0.5", "-k", "3", "--format", "json")
    expected = json.loads(command(*region, "--db", catalog))
    assert [one["id"] for one in matches(part)] == [one["id"] for one in expected]
    assert [one["id"] for one in matches(searched)] == ids
    assert [one.type for one in searched.content] == ["text", "text", "image", "text", "image"]
    with Image.open(io.BytesIO(base64.b64decode(searched.content[2].data))) as picture:
        assert picture.format == "JPEG" and max(picture.size) == 256
    assert len(matches(listed)) == 3 and all(one["tags"]["star"] for one in matches(listed))
    assert json.loads(shown.content[0].text)["id"] == ids[0]
    assert shown.content[2].type == "image"
    assert named.structured_content["models"]["mini"]["datasets"] == ["scenes"]
    for answer, words in (
        (wrong, "the nearest is width"),
        (many, "k is at most 200"),
        (strange, "there is no option 'words'"),
        (unknown, "the nearest ids"),
        (refused, "add_to_group"),
        (folder, "the catalog has no model"),  # no file is read that an agent names
    ):
        assert answer.is_error and words in answer.content[0].text


def test_only_with_write_an_agent_may_change_groups(catalog) -> None:
    change = {"group": "seen", "items": ["scenes/train/scene-00001.jpg"]}
    held = ("search", {"where": '"seen" in groups'})
    tools, (added, there, removed, empty) = called(
        catalog,
        ("add_to_group", change),
        held,
        ("remove_from_group", change),
        held,
        write=True,
    )
    assert tools == READS | WRITES
    assert not added.is_error and not removed.is_error, added.content
    assert [one["item"] for one in matches(there)] == change["items"] and not matches(empty)


def test_without_the_package_one_line_says_what_to_install(catalog, tmp_path) -> None:
    (tmp_path / "mcp.py").write_text("raise ImportError('not here')")
    made = [sys.executable, "-m", "hamsight", "mcp", "--db", catalog]
    env = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    done = subprocess.run(made, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("\n") == 1 and "pip install 'hamsight[mcp]'" in done.stderr

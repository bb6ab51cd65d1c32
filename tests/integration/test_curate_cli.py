"""The commands that change the catalog: what they take, ask, say, and end with."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import made_catalog
import prepared
import pytest
from made_catalog import made_items
from typer.testing import CliRunner, Result

from hamsight.cli.app import app

ITEMS = made_items(24)
FILL = (
    "import sys, pathlib, made_catalog;"
    "made_catalog.fill(sys.argv[1], pathlib.Path(sys.argv[2]), made_catalog.made_items(24))"
)


@pytest.fixture
def db(dsn: str, tmp_path: Path) -> str:
    """The DSN of a catalog of 24 items, for commands in this process."""
    made_catalog.fill(dsn, tmp_path / "model", ITEMS)
    return dsn


@pytest.fixture
def process_db(cli_dsn: str, tmp_path: Path) -> str:
    """The DSN of such a catalog that processes of their own can open."""
    command = [sys.executable, "-c", FILL, cli_dsn, str(tmp_path / "model")]
    prepared.run(command, check=True, cwd=Path(made_catalog.__file__).parent)
    return cli_dsn


def run(db: str, *args: str | Path, piped: str = "") -> Result:
    """Run a command in this process, with text on its stdin."""
    text = piped.encode("utf-8", "surrogateescape")
    return CliRunner().invoke(app, [*map(str, args), "--db", db], input=text)


def jsonl(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_query_is_piped_into_a_group(process_db: str, run_cli) -> None:
    hamsight = f'"{sys.executable}" -m hamsight'
    pipe = (
        f'{hamsight} query --item "{ITEMS[8].name}" -k 5 --format jsonl --db "$DB"'
        f' | {hamsight} group add "it\'s good" --db "$DB"'
    )
    done = subprocess.run(
        ["sh", "-c", pipe],
        env={**os.environ, "DB": process_db},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, '5 items put into the group "it\'s good"\n')
    done = run_cli("group", "list", "--format", "jsonl", "--db", process_db, check=True)
    assert {row["group"]: row["items"] for row in jsonl(done.stdout)}["it's good"] == 5


def test_what_a_query_finds_goes_into_a_group(db: str) -> None:
    query = ("query", "--item", ITEMS[8].name)
    done = run(db, *query, "-k", "7", "--add-to-group", "new", "--format", "jsonl")
    assert done.exit_code == 0
    assert len(jsonl(done.stdout)) == 7
    assert "7 of 7 put into the group 'new'" in done.stderr
    done = run(db, *query, "-k", "5", "--format", "jsonl", "--where", 'not "new" in groups')
    done = run(db, "group", "add", "other", piped=done.stdout)
    assert done.stdout == "5 items put into the group 'other'\n"
    done = run(db, *query, "--where", '"other" in groups and "new" in groups')
    assert (done.exit_code, done.stderr) == (1, "no match\n")
    done = run(db, "group", "remove", "new", "--where", '"new" in groups', "--subset", "val")
    assert done.exit_code == 0
    done = run(db, "group", "delete", "other")
    assert done.stdout == "5 items taken out of the group 'other'\n"
    done = run(db, "group", "delete", "otter")
    assert (done.exit_code, "no item is in a group 'otter'" in done.stderr) == (2, True)
    done = run(db, *query, "--add-to-group", "a", "--show-sql")
    assert (done.exit_code, "--show-sql runs nothing" in done.stderr) == (2, True)
    done = run(db, *query, "--add-to-group", " ")
    assert (done.exit_code, "--add-to-group is empty" in done.stderr) == (2, True)


def test_what_is_piped_in_but_not_there_is_said(db: str) -> None:
    identity = dict(zip(("dataset", "subset", "id"), ITEMS[7].identity, strict=True))
    lines = [identity, {**identity, "id": "gone"}, identity]
    text = "\n".join(map(json.dumps, lines))
    done = run(db, "group", "add", "a", piped=text)
    assert done.stdout == "1 item put into the group 'a'\n"
    assert "note: not in the catalog: 1 item of those named" in done.stderr
    done = run(db, "group", "add", "a", "-")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no item matched" in done.stderr
    done = run(db, "group", "add", "a", piped="{oops")
    assert (done.exit_code, "line 1 of the items piped in" in done.stderr) == (2, True)


def test_status_and_attributes_are_set(db: str) -> None:
    done = run(
        db,
        *("set", ITEMS[7].name, ITEMS[8].name, "--status", "done", "--attribute", "by=a=b"),
        *("--remove-attribute", "iso"),
    )
    assert (done.exit_code, done.stdout) == (0, "2 items changed\n")
    done = run(db, "set", "--where", 'status == "done"', "--status", "done")
    assert (done.exit_code, done.stdout) == (0, "0 items changed; 2 were so already\n")
    for args, said in (
        (["--status", "x", "--attribute", "novalue"], "expected NAME=VALUE"),
        (["--attribute", "a=1", "--attribute", "a=2"], "given twice"),
        ([ITEMS[7].name], "nothing to set"),
        ([ITEMS[7].name, "--where", "width > 3", "--status", "x"], "not both"),
        (["-", "--dataset", "birds", "--status", "x"], "stand alone"),
    ):
        done = run(db, "set", *args)
        assert done.exit_code == 2, args
        assert said in done.stderr, args


def test_deleting_asks_or_needs_yes(db: str) -> None:
    command = ("delete", "--dataset", "birds", "--where", "width < 110")
    done = run(db, *command)
    count = sum(made.dataset == "birds" and made.width < 110 for made in ITEMS)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"delete {count} items from the catalog" in done.stderr
    assert "--yes" in done.stderr
    done = run(db, *command, "--yes")
    assert (done.exit_code, done.stdout) == (0, f"{count} items deleted\n")
    done = run(db, *command, "--yes")
    assert (done.exit_code, done.stdout) == (1, "")
    done = run(db, "delete", "--dataset", "cats", "--yes")
    cats = sum(made.dataset == "cats" for made in ITEMS)
    assert (done.exit_code, done.stdout) == (0, f"{cats} items deleted\n")


def test_somebody_at_a_terminal_is_asked(process_db: str) -> None:
    command = ("delete", ITEMS[7].name, "--db", process_db)
    assert answered(command, b"n\n") == 1
    assert answered(command, b"y\n") == 0
    assert answered(command, b"y\n") == 3


def answered(command: tuple[str, ...], answer: bytes) -> int:
    """Run the command at a terminal on which somebody answers; return its status."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        args = [sys.executable, "-m", "hamsight", *command]
        done = prepared.run(args, stdin=theirs, capture_output=True, timeout=120)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (b"Delete 1 item from" in done.stderr) == (done.returncode != 3)
    return done.returncode


def test_datasets_are_listed_renamed_moved_and_deleted(db: str, tmp_path: Path) -> None:
    done = run(db, "datasets", "--format", "csv")
    header = "dataset,subsets,items,annotated,image_bytes,models,rejects,last_ingest"
    assert done.stdout.splitlines()[0] == header
    assert "cats" in run(db, "datasets").stdout
    done = run(db, "datasets", "rename", "cats", "felines")
    assert done.stdout == "the dataset 'cats' is now 'felines'\n"
    done = run(db, "datasets", "rename", "felines", "birds")
    assert (done.exit_code, "has a dataset 'birds' already" in done.stderr) == (2, True)
    done = run(db, "datasets", "move", "birds", tmp_path)
    assert (done.exit_code, "with --from" in done.stderr) == (2, True)
    done = run(db, "datasets", "move", "birds", tmp_path, "--from", "/photos")
    assert (done.exit_code, "are not at their new places" in done.stderr) == (5, True)
    for number in range(24):
        (tmp_path / f"{number}.jpg").touch()
    args = ("--from", "/photos/", "--check")
    done = run(db, "datasets", "move", "birds", tmp_path, *args)
    birds = sum(made.dataset == "birds" for made in ITEMS)
    assert done.stdout == (
        f"{birds} items of 'birds' moved from /photos to {tmp_path} ({birds} files looked for)\n"
    )
    done = run(db, "datasets", "delete", "birds")
    assert (done.exit_code, "--yes" in done.stderr) == (2, True)
    done = run(db, "datasets", "delete", "birds", "--yes")
    assert done.stdout == f"the dataset 'birds' is deleted, with {birds} items\n"
    done = CliRunner().invoke(app, ["datasets", "--db", db, "delete", "felines"])
    assert (done.exit_code, "put --db after delete" in done.stderr) == (2, True)

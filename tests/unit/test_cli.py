"""Every command and option is there and explains itself."""

from __future__ import annotations

import re

import pytest
import typer
from typer.testing import CliRunner

from hamsight.cli.app import app

COMMANDS = typer.main.get_command(app).commands
PROMISED = {
    "ingest": {
        *("--dataset", "--subset", "--model", "--device", "--batch", "--workers", "--db"),
        *("--format", "--subset-from-folder", "--tags-from-folder", "--strict", "--max-pixels"),
    },
    "query": {
        *("--image", "--text", "--item", "--subset", "--dataset", "--combine", "--exclude-self"),
        *("--no-exclude-self", "-k", "--offset", "--max-distance", "--dissimilar", "--where"),
        *("--rank", "--candidates", "--format", "--save", "--show-sql", "--model", "--device"),
        "--db",
    },
    "sql": {"--file", "--param", "--write", "--format", "--db"},
    "info": {"--rejects", "--format", "--db"},
    "demo": set(),
}


def test_the_commands_are_there_in_their_order() -> None:
    panels = [command.rich_help_panel for command in COMMANDS.values()]
    in_order = ["Look", "Search", "Clean", "Change", "Data in and out", "Models and engine", "SQL"]
    assert list(dict.fromkeys(panels)) == in_order
    assert set(PROMISED) <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help and command.help.strip()
    there = set()
    for parameter in command.params:
        there |= {*parameter.opts, *parameter.secondary_opts}
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{name} {parameter.opts} has no help"
    assert PROMISED.get(name, set()) <= there


@pytest.mark.parametrize("args", [["--help"], ["-h"], *([name, "-h"] for name in COMMANDS)])
def test_help_is_printed(args: list[str]) -> None:
    result = CliRunner().invoke(app, args, env={"COLUMNS": "100"})
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_the_exit_statuses_are_documented() -> None:
    text = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout.split())
    for status in ("0 success", "1 no match", "2 wrong usage", "3 catalog error", "4 model error"):
        assert status in text


def test_the_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert re.fullmatch(r"hamsight \d+\.\d+\.\d+\S*\n", result.stdout)


def test_no_command_and_a_wrong_one() -> None:
    assert "Usage:" in CliRunner().invoke(app, []).output
    for said, meant in (("qery", "query"), ("search", "query"), ("rm", "delete")):
        wrong = CliRunner().invoke(app, [said], env={"COLUMNS": "100"})
        assert wrong.exit_code == 2 and f"Did you mean '{meant}'?" in wrong.stderr
    assert "--help" in CliRunner().invoke(app, ["zzzz"]).stderr

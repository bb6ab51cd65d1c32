"""The documents name what is there, and everything that is there."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from hamsight.cli.app import app

REPO = Path(__file__).resolve().parents[2]
PAGES = [
    REPO / "README.md",
    REPO / "CONTRIBUTING.md",
    *sorted((REPO / "docs").glob("*.md")),
    REPO / "bench/README.md",
    *sorted((REPO / "docker").rglob("*.md")),
    REPO / "tests/README.md",
    REPO / "core/hamsight_core/models/mini/README.md",
]


def commands(command=None, words=("hamsight",)):
    command = command or get_command(app)
    yield words, command
    for name, sub in getattr(command, "commands", {}).items():
        yield from commands(sub, (*words, name))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_every_link_leads_to_a_file(page):
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [
        target for target in targets if "://" not in target and not (page.parent / target).exists()
    ]
    assert not missing


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_every_anchor_is_a_heading(page):
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    missing = [
        f"{target}#{anchor}"
        for target, anchor in links
        if anchor not in anchors(page.parent / target if target else page)
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_every_statement_that_an_example_runs_is_there(page):
    files = re.findall(r"\bsql/[\w/]+\.sql\b", page.read_text(encoding="utf-8"))
    assert not [file for file in files if not (REPO / file).exists()]


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "bench/README.md", "tests/README.md"])
def test_every_module_that_a_developer_is_sent_to_is_there(page):
    folders = [one for one in REPO.iterdir() if one.is_dir() and not one.name.startswith(".")]
    there = [path.as_posix() for folder in folders for path in folder.rglob("*.*")]
    named = re.findall(r"`([\w/]+\.(?:py|sql|toml))`", (REPO / page).read_text(encoding="utf-8"))
    assert named
    assert not [name for name in named if not any(path.endswith(f"/{name}") for path in there)]


@pytest.mark.parametrize(("words", "command"), list(commands()), ids=lambda value: str(value)[:40])
def test_the_reference_has_every_command_and_option(words, command):
    text = (REPO / "docs/cli.md").read_text(encoding="utf-8")
    heading = f"`{' '.join(words)}`"
    assert heading in text, "run `make docs`"
    section = text[text.index(heading) :]
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("-"):
                assert option in section, f"{option}: run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_options_in_examples_exist(page):
    known = {
        option
        for _, command in commands()
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    } | {"--help", "-h"}
    for line in re.findall(
        r"^[ $]*hamsight (?:ingest|query|sql|info|demo)\b.*$",
        page.read_text(encoding="utf-8"),
        re.MULTILINE,
    ):
        bare = re.sub(r"'[^']*'|\"[^\"]*\"|#.*", "", line)
        used = re.findall(r"(?<=\s)--?[a-z][a-z-]*", bare)
        assert set(used) <= known, line

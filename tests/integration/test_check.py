"""`hamsight check`: a planted fault breaks its check alone; a wrong file is told by its line."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest
import toy
from PIL import Image
from planted import FAULTS, copied, photo
from typer.testing import CliRunner

import hamsight
from hamsight.cli.app import app
from hamsight_core.errors import UsageError

COLOURS = {"red": (220, 30, 30), "blue": (30, 40, 220), "green": (30, 200, 40)}
CONFIG = """
dataset = "set"

[[check]]
find = "duplicates"
subset = "train"

[[check]]
find = "leaks"
at_most = 0

[[check]]
find = "quality"
at_most = "2.5%"
issues = ["blurry"]

[[check]]
find = "mislabelled"
at_most = 0

[[check]]
find = "outliers"
at_most = "15%"

[[check]]
name = "train is like val"
find = "comparison"
a = "subset:train"
b = "subset:val"
p_at_least = 0.01
"""
KINDS = ("duplicates", "leaks", "quality", "mislabelled", "outliers", "comparison")


def scene(seed: int, colour: str) -> Image.Image:
    """Return a picture of its own with a tint, by which its tag is known."""
    made = photo(seed)
    return Image.blend(made, Image.new("RGB", made.size, COLOURS[colour]), 0.45)


@pytest.fixture(scope="module")
def session(engine, tmp_path_factory):
    root = tmp_path_factory.mktemp("check") / "set"
    for number, (subset, colour) in enumerate(
        (subset, colour) for subset in ("train", "val") for colour in ("red", "blue")
    ):
        (root / subset / colour).mkdir(parents=True)
        for place in range(10):
            made = scene(100 * number + place, colour)
            made.save(root / subset / colour / f"{subset}{place}.png")
    package = str(toy.model(tmp_path_factory.mktemp("package")))
    with hamsight.open(f"chdb://{engine}?database=test_check") as opened:
        opened.root, opened.package = root, package
        ingest(opened)
        yield opened
        opened.sql("DROP DATABASE test_check", write=True)


def ingest(session):
    session.ingest(
        session.root, subset_from_folder=True, tags_from_folder=True, model=session.package
    )


def plant(kind: str, root) -> None:
    """Write pictures, called `planted`, that have a fault of a kind."""
    train, val = root / "train", root / "val"
    if kind == "duplicates":
        (train / "red" / "planted.jpg").write_bytes(copied(scene(0, "red"), "quality"))
    elif kind == "leaks":
        (val / "red" / "planted.jpg").write_bytes(copied(scene(0, "red"), "mirror"))
    elif kind == "quality":
        for place in range(2):
            FAULTS["blurry"](scene(500 + place, "red")).save(train / "red" / f"planted{place}.png")
    elif kind == "mislabelled":
        scene(600, "red").save(train / "blue" / "planted.png")
    elif kind == "outliers":
        for place, subset in enumerate((train, val) * 5):
            noise = np.random.default_rng(place).integers(0, 255, (180, 240, 3))
            Image.fromarray(noise.astype(np.uint8)).save(subset / f"planted{place}.png")
    elif kind == "comparison":
        for place in range(30):
            made = scene(700 + place, "blue").point(lambda level: level // 3)
            made.save(val / "blue" / f"planted{place}.png")


@pytest.fixture
def config(tmp_path):
    (tmp_path / "check.toml").write_text(CONFIG)
    return tmp_path / "check.toml"


@pytest.mark.parametrize("kind", ["nothing", *KINDS])
def test_a_planted_fault_breaks_its_check_alone(session, config, kind):
    plant(kind, session.root)
    ingest(session)
    try:
        outcomes = session.check(config)
    finally:
        planted = list(session.root.rglob("planted*"))
        for file in planted:
            file.unlink()
        if planted:
            session.delete(where='like(id, "%planted%")')
    assert [one.check.analysis.kind for one in outcomes] == list(KINDS)
    broken = {one.check.analysis.kind: one.said for one in outcomes if one.broken}
    assert list(broken) == ([] if kind == "nothing" else [kind]), broken


def run(engine, *args: str, status: int = 0):
    dsn = f"chdb://{engine}?database=test_check"
    result = CliRunner().invoke(app, ["check", *map(str, args), "--db", dsn])
    assert result.exit_code == status, result.output
    return result


def test_the_command_writes_rows_junit_and_markdown(session, engine, tmp_path):
    config = tmp_path / "check.toml"
    config.write_text('[[check]]\nfind = "quality"\nissues = ["low_information"]\n')
    files = (tmp_path / "out.xml", tmp_path / "out.md")
    done = run(
        engine, config, "--junit", files[0], "--markdown", files[1], "--format", "jsonl", status=1
    )
    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (row["check"], row["result"], row["found"]) == ("quality", "broken", 40)
    assert "broken: quality: 40 items with faults; at most 0" in done.stderr
    suite = ElementTree.parse(files[0]).getroot()
    assert suite.attrib["tests"] == suite.attrib["failures"] == "1"
    failure = suite.find("testcase/failure")
    assert failure.attrib["message"] == "40 items with faults; at most 0"
    assert len(failure.text.splitlines()) == 20 and "issue low_information" in failure.text
    text = files[1].read_text()
    assert text.startswith("# 1 of 1 checks broken") and text.count("low\\_information") == 20
    odd = r'name = "a\u001b[2J\u009b\u202e\uffff &lt;b> http://me:pw@host/"'
    config.write_text(f'[[check]]\n{odd}\nfind = "leaks"\n')
    run(engine, config, "--junit", files[0], "--markdown", files[1])
    assert files[1].read_text().startswith("# All checks hold")
    assert r"a\\x1b\[2J\\x9b\\u202e" in files[1].read_text()
    assert r"\&lt;b\> http://\*\*\*@host/" in files[1].read_text()
    (case,) = ElementTree.parse(files[0]).getroot()
    assert case.attrib["name"] == "a\\x1b[2J\\x9b\\u202e\ufffd &lt;b> http://***@host/"


def test_the_example_runs_and_is_not_written_twice(session, engine, tmp_path):
    config = tmp_path / "new.toml"
    run(engine, config, "--init")
    assert "already" in run(engine, config, "--init", status=2).stderr
    rows = run(engine, config, "--format", "jsonl", status=1).stdout.splitlines()
    results = {json.loads(row)["check"]: json.loads(row)["result"] for row in rows}
    assert results.pop("quality") == "broken"  # the tint leaves little to see
    assert set(results.values()) == {"holds"} and len(results) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[check]]\nfind = "leaks"\nat_mots = 0', "line 3: there is no key 'at_mots' of leaks;"
            " did you mean 'at_most'?"),
        ('[[check]]\nfind = "leeks"', "line 2: there is no analysis 'leeks' to check;"
            " did you mean 'leaks'?"),
        ('[[check]]\nfind = "leaks"\n\n[[check]]\nat_most = 1', "line 4: find is missing"),
        ('[[check]]\nfind = "leaks"\n[[check]]\nfind = "outliers"\nat_most = -1',
            "line 5: at_most is -1; expected a number from 0 on"),
        ('[[check]]\nfind = "quality"\nissues = ["blury"]', "line 3: there is no issue 'blury';"
            " did you mean 'blurry'?"),
        ('[[check]]\nfind = "quality"\nat_most = "many"', "line 3: at_most is 'many'"),
        ('[[check]]\nfind = "duplicates"\nstrict = 1', "line 3: strict is 1; expected true or"),
        ('[[check]]\nfind = "comparison"\na = "subset:val"', "line 2: b is missing"),
        ('datset = "x"\n[[check]]\nfind = "leaks"', "line 1: there is no key 'datset';"),
        ('[[check]\nfind = "leaks"', "cannot be read as TOML"),
        ('find = "leaks"', "line 1: there is no key 'find'"),
        ("", "has no check"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_by_its_line(engine, tmp_path, text, message):
    (tmp_path / "wrong.toml").write_text(text)
    said = run(engine, tmp_path / "wrong.toml", status=2).stderr
    assert message in " ".join(said.split())


def test_a_missing_file_names_the_remedy(tmp_path):
    with hamsight.open(tmp_path) as session, pytest.raises(UsageError, match="check --init"):
        session.check(tmp_path / "none.toml")

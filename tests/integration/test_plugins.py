"""Another package adds a reader and an exporter by entry points."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import toy
from conftest import PLAIN

READER = """
from hamsight_core.items import Item


class PairsReader:
    name, description = "pairs", "pairs.txt with a path and a label a line"
    carries = frozenset({"tags"})

    def detect(self, listing):
        return "pairs.txt" if listing.has("pairs.txt") else None

    def open(self, listing, options):
        return PairsSource(listing)


class PairsSource:
    format = "pairs"
    notes = ignored = unread = ()

    def __init__(self, listing):
        self.path, self.name, self.detected = listing.path, listing.path.name, "pairs.txt"
        lines = (listing.root / "pairs.txt").read_text().splitlines()
        self.items = [
            Item(name, listing.at(name), tags={label: 1})
            for name, label in (line.split(" ", 1) for line in lines)
        ]

    def count(self):
        return len(self.items)

    def __iter__(self):
        return iter(self.items)
"""
EXPORTER = """
from hamsight_curate.export.exporter import Exporter


def write(source, file, report):
    with file.open("x") as stream:
        for part in source.parts:
            for item in source.items(part):
                stream.write(f"{item.id} {' '.join(item.tags)}\\n")
                report.items += 1


def pairs():
    return Exporter(file=write)
"""


def installed(folder: Path, name: str, points: dict[str, str], **modules: str) -> Path:
    """Install a package into a folder as an unpacked wheel is."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"[{group}]\n{point}\n" for group, point in points.items()]
    (about / "entry_points.txt").write_text("\n".join(lines))
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
    return folder


@pytest.mark.homes("chdb")
def test_a_reader_and_an_exporter_of_another_package(cli_dsn, home, run_cli, tmp_path):
    points = {
        "hamsight.readers": "pairs = pairs_reader:PairsReader",
        "hamsight.exporters": "pairs = pairs_exporter:pairs",
    }
    place = installed(
        tmp_path / "site", "pairs", points, pairs_reader=READER, pairs_exporter=EXPORTER
    )
    env = {"PYTHONPATH": f"{PLAIN['PYTHONPATH']}:{place}"}
    formats = run_cli("formats", "--format", "json", env=env, check=True).stdout
    assert json.loads(formats)[0]["name"] == "pairs"
    folder = toy.photos(tmp_path / "photos", 2)
    (folder / "pairs.txt").write_text("000.jpg cat\n001.jpg dog\n")
    model = toy.model(tmp_path / "model")
    db = ("--db", cli_dsn)
    done = run_cli("ingest", folder, "--model", model, *db, env=env, check=True)
    assert f"{folder}: pairs.txt" in done.stderr
    out = ("export", tmp_path / "out.txt", "--to", "pairs", "--dataset", "photos")
    run_cli(*out, *db, env=env, check=True)
    assert (tmp_path / "out.txt").read_text() == "000.jpg cat\n001.jpg dog\n"


def test_an_entry_point_that_cannot_be_loaded_or_takes_a_name(run_cli, tmp_path):
    points = {"hamsight.readers": "wrong = no_such_module:Reader"}
    place = installed(tmp_path / "site", "wrong", points)
    env = {"PYTHONPATH": f"{PLAIN['PYTHONPATH']}:{place}"}
    done = run_cli("formats", env=env)
    assert done.returncode == 2
    words = "the package wrong: wrong = no_such_module:Reader in hamsight.readers cannot be loaded"
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    points = {"hamsight.exporters": "coco = json:loads"}
    place = installed(tmp_path / "other", "other", points)
    env = {"PYTHONPATH": f"{PLAIN['PYTHONPATH']}:{place}"}
    done = run_cli("export", tmp_path / "out", "--to", "coco", env=env)
    assert done.returncode == 2
    assert "the package other registers 'coco' in hamsight.exporters, which is taken" in done.stderr

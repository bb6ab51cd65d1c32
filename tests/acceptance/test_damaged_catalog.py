"""Damages of an embedded catalog's files are noticed, said in a line, and repaired or named."""

import shutil
import subprocess
import sys

import damaged_catalogs
import prepared
import pytest
import toy


def test_random_damages_are_noticed():
    done = subprocess.run(
        [sys.executable, damaged_catalogs.__file__, "--count", "6", "--seed", "3"],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    toy.photos(folder / "photos", 4)
    code = "import sys, hamsight; hamsight.open(sys.argv[1]).ingest(sys.argv[2], model=sys.argv[3])"
    model = toy.model(folder / "toy")
    arguments = [str(folder / "catalog"), str(folder / "photos"), str(model)]
    prepared.run([sys.executable, "-W", "ignore", "-c", code, *arguments], check=True)
    return folder


@pytest.fixture
def catalog(made, tmp_path):
    return shutil.copytree(made / "catalog", tmp_path / "catalog", symlinks=True)


def part_file(catalog):
    return next(iter(catalog.glob("data/default/items_toy*/all_*/data.bin")))


def test_a_part_that_is_set_aside_is_named_by_every_command_and_taken_away(made, catalog, run_cli):
    file = part_file(catalog)
    file.write_bytes(file.read_bytes()[:50])
    for command in (["info"], ["query", "--item", "000.jpg"], ["datasets"]):
        said = run_cli(*command, "--db", catalog).stderr
        assert "is damaged: parts of its tables could not be read" in said
        assert f"{file.parent.parent.name} (broken-on-start_{file.parent.name})" in said
        # nothing that the engine prints by itself
        assert {line.split()[0] for line in said.splitlines()} <= {"note:", "error:"}
    found = run_cli("verify", "--format", "csv", "--db", catalog)
    assert found.returncode == 1
    assert "part-set-aside" in found.stdout
    assert "ingest the datasets again" in found.stdout
    run_cli("ingest", made / "photos", "--model", made / "toy", "--db", catalog, check=True)
    assert "taken away: " in run_cli("verify", "--repair", "--db", catalog, check=True).stderr
    after = run_cli("query", "--item", "000.jpg", "--db", catalog, check=True)
    assert after.stderr == ""


def test_a_flipped_bit_is_named_by_what_reads_it_and_by_verify(catalog, run_cli):
    file = part_file(catalog)
    data = bytearray(file.read_bytes())
    data[300] ^= 4
    file.write_bytes(data)
    read = run_cli("sql", "SELECT * FROM items_toy", "--db", catalog)
    assert (read.returncode, len(read.stderr.splitlines())) == (3, 1)
    assert "a part of the catalog cannot be read" in read.stderr
    assert "DB::" not in read.stderr
    found = run_cli("verify", "--format", "csv", "--db", catalog)
    assert found.returncode == 1 and "DB::" not in found.stdout + found.stderr
    assert (
        f"part-damaged,,,,,the part {file.parent.name} of {file.parent.parent.name}" in found.stdout
    )

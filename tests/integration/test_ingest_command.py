"""`hamsight ingest` as a person runs it: what it says where, its exit status, and Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import toy
from toy import command, stored

import hamsight
from hamsight_core.errors import UsageError


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return toy.model(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture
def ingest(dsn, package):
    """Run the command in this process on this test's catalog."""

    def run(*args):
        model = () if "--model" in args else ("--model", package)
        return command("ingest", *args, "--db", dsn, *model)

    return run


def test_it_says_what_it_did(ingest, tmp_path):
    folder = toy.photos(tmp_path / "photos", 5)
    first = ingest(folder)
    assert first.exit_code == 0
    assert first.stdout.startswith(
        "photos: 5 added, 0 replaced, 0 unchanged, 0 rejected (model toy"
    )
    assert "5 image files" in first.stderr
    assert "%|" not in first.stderr  # a bar is for a terminal
    assert ingest(folder).stdout.startswith("photos: 0 added, 0 replaced, 5 unchanged, 0 rejected")


def test_options_that_would_do_nothing_are_refused(ingest, tmp_path):
    folder = toy.photos(tmp_path / "photos", 2)
    for options, words in (
        (("--column", "image=path"), "photos is read as folder (2 image files): leave --column"),
        (("--subset", "a", "--subset-from-folder"), "give one of the two"),
    ):
        done = ingest(folder, *options)
        assert (done.exit_code, done.stdout) == (2, "")
        assert words in done.stderr
    with hamsight.open() as session, pytest.raises(UsageError, match="did you mean 'workers'"):
        session.ingest(folder, worker=2)


def test_rejects_are_listed_and_decide_the_status(ingest, tmp_path):
    folder = toy.photos(tmp_path / "photos", 3)
    (folder / "bad.jpg").write_bytes(b"")
    (folder / "cut.jpg").write_bytes(toy.jpeg(1)[:200])
    for options, status in (((), 0), (("--strict",), 6), ((), 0)):
        done = ingest(folder, *options)
        assert done.exit_code == status
        assert "2 rejected" in done.stdout
        assert f"rejected {folder / 'bad.jpg'}: empty file" in done.stderr
        assert f"rejected {folder / 'cut.jpg'}: truncated" in done.stderr
    only_bad = tmp_path / "bad"
    only_bad.mkdir()
    (only_bad / "x.png").write_text("words")
    assert ingest(only_bad).exit_code == 6
    assert ingest(folder, only_bad).exit_code == 0
    assert ingest(folder, "--max-pixels", "10").exit_code == 0  # unchanged files are not read


def test_many_rejects_are_cut_short_on_the_screen(ingest, tmp_path):
    folder = toy.photos(tmp_path / "photos", 1)
    for number in range(30):
        (folder / f"bad{number}.jpg").write_bytes(b"")
    done = ingest(folder)
    assert done.stderr.count("empty file") == 20
    assert "10 more: hamsight info --rejects" in done.stderr


def test_several_paths_and_one_that_is_wrong(ingest, dsn, tmp_path):
    one, two = toy.photos(tmp_path / "one", 2), toy.photos(tmp_path / "two", 3, first=10)
    done = ingest(one, tmp_path / "tow", two)
    assert done.exit_code == 5
    assert "tow: no such file or folder" in done.stderr
    assert "two" in done.stderr
    assert done.stdout == ""
    done = ingest(one, two)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["one", "two"]
    with hamsight.open(dsn) as session:
        assert len(stored(session)) == 2 + 3


def test_wrong_input_is_answered_with_the_remedy(ingest, tmp_path):
    folder = toy.photos(tmp_path / "photos", 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    cases = [
        ((folder, "--batch", "0"), 2, "--batch"),
        ((folder, "--workers", "0"), 2, "--workers"),
        ((folder, "--max-pixels", "many"), 2, "--max-pixels"),
        ((), 2, "nothing to ingest"),
        ((tmp_path / "empty",), 5, "no images"),
        ((tmp_path / "notes.txt",), 5, "known format"),
        ((folder, "--format", "coc"), 2, "did you mean coco?"),
        ((folder, "--format", "coco"), 5, "use --format folder"),
        ((folder, "--dataset", ""), 2, "not empty"),
        ((folder, "--dataset", "a/b"), 2, "no '/'"),
        ((folder, "--device", "TPU"), 4, "devices here: AUTO, CPU"),
        ((folder, "--model", "minni"), 4, "did you mean 'mini'?"),
        ((folder, "--model", tmp_path / "empty"), 4, "no model.toml"),
    ]
    for args, status, words in cases:
        done = ingest(*args)
        assert (done.exit_code, words in done.stderr) == (status, True), (args, done.stderr)
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_nothing_new_needs_neither_openvino_nor_pandas(dsn, package, tmp_path, home):
    if home != "chdb":
        pytest.skip("seen in one home")
    folder = toy.photos(tmp_path / "photos", 3)
    code = """
import sys, hamsight
with hamsight.open(sys.argv[1]) as session:
    outcome = session.ingest(sys.argv[2], model=sys.argv[3])
print(outcome.counts.unchanged, *({"openvino", "pandas"} & set(sys.modules)))
"""
    arguments = [sys.executable, "-c", code, str(tmp_path / "catalog"), str(folder), str(package)]
    first = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True)
    assert first.stdout.startswith("0 ")
    second = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True)
    assert second.stdout == "3\n"


# Ctrl-C


@pytest.mark.homes("chdb", "http")
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.homes("chdb")
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_an_interrupted_run_keeps_what_it_did(
    home, cli_dsn, package, tmp_path, run_cli, name, status
):
    folder = toy.photos(tmp_path / "photos", 1)
    for copy in range(1200):
        os.link(folder / "000.jpg", folder / f"x{copy:04}.jpg")
    args = ["ingest", str(folder), "--db", cli_dsn, "--model", str(package)]
    running = subprocess.Popen(
        [sys.executable, "-m", "hamsight", *args, "--batch", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    while not (line := running.stderr.readline()).startswith(str(folder).encode()):
        assert line, "it ended before it began"
    time.sleep(0.5)
    running.send_signal(getattr(signal, name))
    out, err = (text.decode() for text in running.communicate(timeout=30))
    assert running.returncode == status, err
    assert "the same command goes on from here" in err
    assert "Traceback" not in err
    added = int(re.search(r"photos: (\d+) added", out)[1])
    assert 0 <= added < 1201
    done = run_cli(*args)
    assert done.returncode == 0, done.stderr
    assert f"{1201 - added} added, 0 replaced, {added} unchanged, 0 rejected" in done.stdout


# Memory


MEASURE = """
import json, resource, sys
from pathlib import Path
import hamsight, hamsight_ingest.pipeline
from hamsight_core.items import Item

class Repeated:
    format = "folder"; detected = ""; notes = ignored = unread = ()
    path = Path("/repeated"); name = "repeated"
    def __init__(self, file, count): self.file, self.n = file, count
    def count(self): return self.n
    def __iter__(self): return (Item(f"{i:09}", self.file) for i in range(self.n))

from hamsight_ingest.job import ingest
peaks = []
with hamsight.open(sys.argv[1]) as session:
    for count in (200, 2000):
        ingest(session.catalog(create=True), Repeated(sys.argv[2], count), model=sys.argv[3])
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(json.dumps(peaks))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
def test_memory_does_not_grow_with_the_dataset(package, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    toy.picture(1, 320, 240).save(folder / "000.jpg")
    arguments = [str(tmp_path / "catalog"), str(folder / "000.jpg"), str(package)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    small, large = json.loads(done.stdout)
    assert large - small < 150_000, f"{small} KiB for 200 images, {large} KiB for 2,000"

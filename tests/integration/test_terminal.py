"""What goes wrong is one line and a documented status, and no control reaches the terminal."""

import subprocess
import sys

import prepared
import pytest
import toy

from hamsight_core.show import terminal

CODE = "import sys, hamsight; s = hamsight.open(sys.argv[1]); s.ingest(sys.argv[2], model='mini')"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    toy.photos(folder / "photos", 2)
    arguments = [str(folder / "catalog"), str(folder / "photos")]
    prepared.run([sys.executable, "-W", "ignore", "-c", CODE, *arguments], check=True)
    return folder / "catalog"


def command(*arguments, catalog, shell=""):
    """Run the command with arguments of bytes; `shell` is put behind it, such as a redirection."""
    line = [b"exec", b'"$0"', b"-m", b"hamsight", b'"$@"', shell.encode()]
    asked = ["sh", "-c", b" ".join(line), sys.executable, *arguments, "--db", str(catalog)]
    return subprocess.run(asked, capture_output=True, timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="arguments are text there")
@pytest.mark.parametrize(
    "arguments",
    [
        (b"query", b"--item", b"\xff.jpg"),
        (b"query", b"--text", b"a dog \xff"),
        (b"sql", b"SELECT 1 AS \xff"),
        (b"sql", b"SELECT {a:String}", b"--param", b"a=\xff"),
        (b"group", b"add", b"\xff", b"photos/000.jpg"),
    ],
)
def test_an_argument_that_is_not_utf_8_is_wrong_usage(catalog, arguments):
    done = command(*arguments, catalog=catalog)
    assert done.returncode == 2, done.stderr
    assert b"\\xff" in done.stderr or b"\\udcff" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_controls_in_a_message_are_shown_as_escapes(catalog, capsys):
    done = command(b"query", b"--item", "a\x1b[31m\x07\u202eb".encode(), catalog=catalog)
    assert done.returncode == 3
    assert not set("\x1b\x07\u202e") & set(done.stderr.decode())
    terminal.say("one", "two \x9b31m \u2066")
    assert capsys.readouterr().err == "one\ntwo \\x9b31m \\u2066\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes it")
def test_a_closed_stdout_is_an_error_of_one_line(catalog):
    done = command(b"query", b"--item", b"000.jpg", catalog=catalog, shell=">&-")
    assert (done.returncode, len(done.stderr.splitlines())) == (7, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be deleted there")
def test_a_vanished_folder_is_an_error_of_one_line(catalog, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m hamsight info --db {catalog}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, timeout=60)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done.stderr
    assert b"is gone: go to another" in done.stderr


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (MemoryError(), 7, "not enough memory"),
        (ZeroDivisionError("a\nb"), 70, "not foreseen (ZeroDivisionError: a b)"),
    ],
)
def test_what_was_not_foreseen_is_one_line_and_a_traceback_with_debug(
    monkeypatch, raised, status, said
):
    def fail(*_):
        raise raised

    monkeypatch.setattr("hamsight_core.catalog.catalog.Catalog.open", fail)
    done = toy.command("info")
    assert done.exit_code == status
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    if status == 70:
        told = toy.command("--debug", "info").stderr
        assert "Traceback" in told and "ZeroDivisionError: a" in told

"""A file that is written takes the place of another whole, or leaves it as it was."""

import errno
import os
import stat

import pytest

from hamsight_core.errors import DiskFullError, UsageError
from hamsight_core.whole_files import whole_file


def written(path, text="new", error=None):
    with whole_file(path) as partial:
        partial.write_text(text)
        if error is not None:
            raise error


def test_an_error_leaves_what_was_there(tmp_path):
    file = tmp_path / "report.html"
    full = OSError(errno.ENOSPC, "No space left on device")
    for former in (None, "former"):
        if former:
            file.write_text(former)
        with pytest.raises(DiskFullError, match=r"report.html cannot be written: No space left"):
            written(file, error=full)
        for other in (KeyboardInterrupt(), ValueError("odd")):
            with pytest.raises(type(other)):
                written(file, error=other)
        assert [one.read_text() for one in tmp_path.iterdir()] == [former] * bool(former)
    written(file)
    assert file.read_text() == "new" and os.listdir(tmp_path) == ["report.html"]


def test_what_cannot_be_written_is_wrong_usage(tmp_path):
    (tmp_path / "file").touch()
    for wrong in (tmp_path, tmp_path / "none" / "a.html", tmp_path / "file" / "a.html"):
        with pytest.raises(UsageError, match=r"cannot be written: .*; name another file"):
            written(wrong)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX's")
def test_a_link_is_followed_and_a_pipe_is_written_itself(tmp_path):
    target, link, pipe = tmp_path / "file", tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(target)
    written(link)
    assert link.is_symlink() and target.read_text() == "new"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    written(pipe)
    assert os.read(reader, 10) == b"new" and stat.S_ISFIFO(pipe.stat().st_mode)
    os.close(reader)

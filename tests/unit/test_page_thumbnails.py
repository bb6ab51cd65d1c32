"""Thumbnails that the page's server keeps in the user's cache."""

from __future__ import annotations

import errno
from pathlib import Path

import toy

from hamsight_explore.thumbnails import Thumbnails


def test_a_thumbnail_that_another_thread_deletes_is_made_again(tmp_path, monkeypatch) -> None:
    photo = toy.photos(tmp_path / "photos", 1) / "000.jpg"
    folder = tmp_path / "kept"
    kept = Thumbnails(folder)
    made = kept.get(str(photo), "ab" * 32, 128)
    read = Path.read_bytes

    def read_and_delete(file: Path) -> bytes:
        content = read(file)
        if folder in file.parents:
            file.unlink()
        return content

    monkeypatch.setattr(Path, "read_bytes", read_and_delete)
    assert kept.get(str(photo), "ab" * 32, 128) == made
    assert len(list(folder.rglob("*.jpg"))) == 1


def test_a_thumbnail_that_cannot_be_kept_is_shown(tmp_path, monkeypatch) -> None:
    photo = toy.photos(tmp_path / "photos", 1) / "000.jpg"
    kept = Thumbnails(tmp_path / "kept")
    made = kept.get(str(photo), "ab" * 32, 128)

    def write(file: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)
    assert kept.get(str(photo), "cd" * 32, 128) == made

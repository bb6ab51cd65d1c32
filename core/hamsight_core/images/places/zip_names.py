"""The names of a zip archive's members, which old programs wrote in an encoding that they kept to
themselves."""

from __future__ import annotations

import re
import struct
import unicodedata
import zipfile
import zlib

_UTF8 = 0x800
_UNICODE_PATH = 0x7075
_WITHIN_A_WORD = re.compile(r"[A-Za-z][^\x00-\x7f]+[A-Za-z]")
_LEGACY = ("gb2312", "shift_jis", "big5", "euc_kr", "gb18030")
"""What is tried where a name is no UTF-8, the first that reads all names as words."""


def named_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the members by their names as they were meant.

    A name that the archive says is UTF-8, or repeats in UTF-8 (Info-ZIP's extra field 0x7075),
    is that. Others are bytes: UTF-8, else a legacy encoding in which all of them are words, else
    code page 437, as the format says.
    """
    unsaid = [
        member
        for member in archive.filelist
        if not member.flag_bits & _UTF8 and not member.filename.isascii()
    ]
    encoding = _encoding([_raw(member) for member in unsaid])
    names: dict[str, zipfile.ZipInfo] = {}
    for member in archive.filelist:
        name = member.filename
        if not member.flag_bits & _UTF8 and not name.isascii():
            name = _said(member) or _raw(member).decode(encoding, "replace")
        names[name] = member
    return names


def _raw(member: zipfile.ZipInfo) -> bytes:
    return member.orig_filename.encode("cp437", "replace")


def _said(member: zipfile.ZipInfo) -> str:
    """Return the name that the extra field of a member repeats, or nothing."""
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        content, extra = extra[4 : 4 + size], extra[4 + size :]
        is_path = kind == _UNICODE_PATH and len(content) > 5 and content[0] == 1
        if is_path and int.from_bytes(content[1:5], "little") == zlib.crc32(_raw(member)):
            return content[5:].decode("utf-8", "replace")
    return ""


def _encoding(names: list[bytes]) -> str:
    if _decodes(names, "utf-8"):
        return "utf-8"
    return next((one for one in _LEGACY if _decodes(names, one) and _says(names, one)), "cp437")


def _decodes(names: list[bytes], encoding: str) -> bool:
    try:
        for name in names:
            name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _says(names: list[bytes], encoding: str) -> bool:
    """Return whether all that is not ASCII are letters of an East Asian script, as words are.

    Two bytes must stand for each, and none may stand within a Latin word, so that no letters of a
    Western name pass for one.
    """
    for name in names:
        if _WITHIN_A_WORD.search(name.decode(encoding)):
            return False
        letters = [letter for letter in name.decode(encoding) if not letter.isascii()]
        if any(unicodedata.category(letter)[0] not in "LPN" for letter in letters):
            return False
        words = [one for one in letters if unicodedata.category(one)[0] == "L"]
        if not words or any(unicodedata.category(one) not in ("Lo", "Lm") for one in words):
            return False
        if len(name.decode(encoding).encode(encoding)) != len(name):
            return False
        if encoding == "gb18030" and any(byte < 0x80 for byte in _trails(name)):
            return False
    return True


def _trails(name: bytes) -> list[int]:
    """Return the second bytes of pairs."""
    found, place = [], 0
    while place + 1 < len(name):
        pair = name[place] >= 0x81
        found += [name[place + 1]] if pair else []
        place += 2 if pair else 1
    return found

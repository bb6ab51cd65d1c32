"""Elements of an XML file, one at a time, with their lines; DTDs, and so entities, are refused.

An encoding that the file declares and the parser does not know is decoded here.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NoReturn
from xml.parsers import expat

from hamsight_ingest.readers.texts import encoding_of
from hamsight_ingest.readers.wrong import fail, finite, shown

_CHUNK = 64 * 1024
_DEEPEST = 64
_DECLARED = re.compile(rb"""^\s*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_OF_TEXT = re.compile(
    r"(gb|big5|hz|cp|euc|iso|jis|johab|koi|latin|l[0-9]|mac|ms|ptcp|shift|sjis|s_jis|tis|u8|utf"
    r"|windows|ascii|us|[0-9])",
    re.IGNORECASE,
)
"""How the names of encodings of text begin; Python's other codecs are none."""

_WIDER = {"gb2312": "gb18030", "gbk": "gb18030"}
"""Encodings as files use their names: for all of a larger set."""


@dataclass(slots=True)
class Element:
    """An element with its 1-based line in the file."""

    file: Path
    tag: str
    line: int
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        """Return the children of that tag."""
        return [child for child in self.children if child.tag == tag]

    def child(self, tag: str) -> Element:
        """Return the first child of that tag. Raises SourceError where there is none."""
        for child in self.children:
            if child.tag == tag:
                return child
        return self.wrong(f"expected <{tag}> in it")

    def attribute(self, name: str) -> str:
        """Return an attribute. Raises SourceError where the element has none of that name."""
        value = self.attributes.get(name)
        return self.wrong(f"expected an attribute {name}") if value is None else value

    def number(self) -> float:
        """Return the text as a number. Raises SourceError where it is none."""
        value = finite(self.text)
        return self.wrong(f"{shown(self.text)}; expected a number") if value is None else value

    def attribute_number(self, name: str) -> float:
        """Return an attribute as a number. Raises SourceError where it is none."""
        value = finite(self.attribute(name))
        if value is None:
            self.wrong(f"{name}={shown(self.attributes[name])}; expected a number")
        return value

    def wrong(self, words: str) -> NoReturn:
        """Raise a SourceError that names the file, the line and the element."""
        fail(self.file, self.line, f"<{self.tag}>: {words}")


def read_elements(file: Path, root: str, tags: frozenset[str]) -> Iterator[Element]:
    """Yield each element of one of `tags` that is in no other, complete; the root may be one.

    Raises SourceError where the file cannot be read, is no XML, has a DTD or another root.
    """
    builder = _Builder(file, root, tags)
    started = False
    try:
        with file.open("rb") as opened:
            for encoding, chunk in _chunks(opened):
                if not started:
                    builder, started = _Builder(file, root, tags, encoding), True
                builder.parser.Parse(chunk, False)
                yield from builder.taken()
        builder.parser.Parse(b"", True)
    except expat.ExpatError as error:
        words = f"column {error.offset + 1}: not XML: {expat.ErrorString(error.code)}"
        fail(file, error.lineno, words)
    except (LookupError, ValueError) as error:  # an encoding that there is not
        fail(file, builder.parser.CurrentLineNumber, f"not XML that can be read: {error}")
    except OSError as error:
        fail(file, "", f"cannot be read: {error.strerror or error}")
    yield from builder.taken()


def _codec_of(start: bytes) -> str:
    """Return the encoding that the first bytes of a file declare; nothing where the parser knows
    it. Raises LookupError for one that there is not."""
    declared = _DECLARED.match(start.removeprefix(codecs.BOM_UTF8))
    if declared is None or encoding_of(start) in ("utf-16", "utf-32"):
        return ""
    name = declared[1].decode().lower()
    if not _OF_TEXT.match(name):
        raise LookupError(f"unknown encoding: {name}")
    if name.startswith(("utf-16", "utf16", "ucs")):
        return "utf-8"  # what says so in single bytes is not
    return _WIDER.get(codecs.lookup(name).name, name)


def _chunks(opened: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Yield ("utf-8", bytes in UTF-8) of a file that is decoded here, else ("", its bytes).

    Raises LookupError for an encoding that there is not, UnicodeDecodeError for other bytes.
    """
    chunk = opened.read(_CHUNK)
    name = _codec_of(chunk)
    decoder = codecs.getincrementaldecoder(name)() if name else None
    while chunk:
        if decoder is None:
            yield "", chunk
        else:
            yield "utf-8", decoder.decode(chunk).encode("utf-8")
        chunk = opened.read(_CHUNK)
    if decoder is not None:
        yield "utf-8", decoder.decode(b"", True).encode("utf-8")


class _RootFoundError(Exception):
    """Ends the parsing; its argument is the tag."""


def root_tag(file: Path) -> str | None:
    """Return the tag of a file's root element, or None where it does not begin as XML does."""

    def found(tag: str, *more: object) -> None:
        raise _RootFoundError(tag)

    try:
        with file.open("rb") as opened:
            encoding, chunk = next(_chunks(opened), ("", b""))
        parser = expat.ParserCreate(encoding or None)
        parser.StartElementHandler = found
        parser.StartDoctypeDeclHandler = found
        parser.Parse(chunk, False)
    except _RootFoundError as root:
        return str(root)
    except (expat.ExpatError, LookupError, ValueError, OSError):
        return None
    return None


class _Builder:
    def __init__(self, file: Path, root: str, tags: frozenset[str], encoding: str = "") -> None:
        self._file, self._root, self._tags = file, root, tags
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._taken: list[Element] = []
        self._depth = 0
        # An encoding that is given counts, whatever the file declares.
        self.parser = expat.ParserCreate(encoding or None)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse

    def taken(self) -> list[Element]:
        """Return the elements that were completed since the last call."""
        taken, self._taken = self._taken, []
        return taken

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if self._depth == 0 and tag != self._root:
            fail(self._file, line, f"the root element is <{tag}>; expected <{self._root}>")
        self._depth += 1
        if self._depth > _DEEPEST:
            fail(self._file, line, f"<{tag}> is in more than {_DEEPEST} elements")
        if self._open or tag in self._tags:
            element = Element(self._file, tag, line, attributes)
            if self._open:
                self._open[-1].children.append(element)
            self._open.append(element)
            self._texts.append([])

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._open:
            element = self._open.pop()
            element.text = "".join(self._texts.pop()).strip()
            if not self._open:
                self._taken.append(element)

    def _text(self, text: str) -> None:
        if self._texts:
            self._texts[-1].append(text)

    def _refuse(self, *declaration: object) -> None:
        line = self.parser.CurrentLineNumber
        fail(self._file, line, "a DOCTYPE, which could hide entities; delete it from the file")

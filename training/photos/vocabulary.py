"""The words that `mini` knows: those of the drawn scenes first, then those of photos.

The text encoder of the scenes reads the ids of its own words alone; the other reads, for each id, a
row of its table: 0 for words that say nothing, the same for "dog" and "dogs".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models

from training.photos.sources import Photo
from training.vocabulary import make_tokenizer

SILENT = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "by", "find", "for", "from", "has", "her"),
        *("his", "image", "in", "is", "it", "its", "me", "of", "on", "out", "photo", "picture"),
        *("show", "some", "that", "the", "their", "this", "to", "while", "with"),
    )
)


@dataclass(frozen=True)
class Words:
    """A tokenizer, the number of its first ids that scenes use, and the row of each id."""

    tokenizer: Tokenizer
    scene_words: int
    rows: np.ndarray
    names: list[str]

    @classmethod
    def load(cls, folder: Path) -> Words:
        """Return what `save` wrote."""
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        kept = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        return cls(tokenizer, kept["scene_words"], np.array(kept["rows"], np.int32), kept["names"])

    def save(self, folder: Path) -> None:
        """Write tokenizer.json and words.json."""
        self.tokenizer.save(str(folder / "tokenizer.json"))
        kept = {"scene_words": self.scene_words, "rows": self.rows.tolist(), "names": self.names}
        (folder / "words.json").write_text(json.dumps(kept), encoding="utf-8")

    def bags(self, texts: list[str]) -> np.ndarray:
        """Return ids (n, context) of texts."""
        return np.array([each.ids for each in self.tokenizer.encode_batch(texts)], np.int64)


def make_words(texts: list[str]) -> Words:
    """Return the words of texts, singular and plural, beside those of scenes."""
    tokenizer = make_tokenizer()
    vocabulary = tokenizer.get_vocab()
    scene_words = len(vocabulary)
    names = sorted({singular(word) for text in texts for word in cut(text)} - SILENT)
    row = {name: number for number, name in enumerate(names, 1)}
    for name in names:
        for form in (name, name + "s"):
            vocabulary.setdefault(form, len(vocabulary))
    for text in texts:
        for word in cut(text):
            vocabulary.setdefault(word, len(vocabulary))
    tokenizer.model = models.WordLevel(vocabulary, unk_token="[UNK]")
    ordered = sorted(vocabulary, key=vocabulary.__getitem__)
    rows = np.array([row.get(singular(word), 0) for word in ordered], np.int32)
    return Words(tokenizer, scene_words, rows, ["", *names])


def cut(text: str) -> list[str]:
    """Return the words of a text, lower case."""
    return re.findall("[a-z]+", text.lower())


def singular(word: str) -> str:
    """Return the word without a plural's s: "dogs" is "dog", "grass" stays."""
    return re.sub("(?<=[a-z]{2}[abcdefghijklmnopqrtuvwxyz])s$", "", word)


def class_names(data: Path, photo: Photo) -> list[str]:
    """Return what the class of a photo is called in words."""
    if photo.source != "tiny-imagenet-10k":
        return [re.sub("[^a-z]+", " ", photo.label.lower()).strip()]
    classes = json.loads((data / "tiny-imagenet-10k.classes.json").read_text(encoding="utf-8"))
    return [name.strip().lower() for name in classes[photo.label].split(",")]

"""Words to the numbers that a text encoder reads, with the library `tokenizers`."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hamsight_core.errors import ModelError, UsageError, not_text
from hamsight_core.models.package import ModelPackage, TextSpec, stamp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

_MOST_NAMED = 5


def check_words(package: ModelPackage, texts: Sequence[str]) -> None:
    """Warn of words of a text that the model's vocabulary lacks.

    Raises UsageError where it lacks all words of a text.
    """
    for note in notes_on_words(package, texts):
        warnings.warn(note, stacklevel=2)


def notes_on_words(package: ModelPackage, texts: Sequence[str]) -> list[str]:
    """Return a line for each text with words that the model's vocabulary lacks, which names them.

    Raises UsageError where it lacks all words of a text. A tokenizer of pairs of bytes lacks none.
    A model without a text encoder lacks nothing that is told here.
    """
    if package.text is None:
        return []
    tokenizer, _ = _opened(package, package.text)
    notes = []
    for text in texts:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise not_text(error) from None
        spoken = text.lower() if package.text.lowercase else text
        unknown, known = _unknown(tokenizer, spoken)
        if not known:
            raise UsageError(
                f"--text {text!r}: the model {package.name!r} knows none of these words:"
                " say it in other words, or search with --image or --item"
            )
        if unknown:
            words = ", ".join(repr(word[:40]) for word in unknown[:_MOST_NAMED])
            more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
            notes.append(
                f"--text {text[:40]!r}: the model {package.name!r} does not know {words}{more},"
                " and reads the other words alone"
            )
    return notes


def _unknown(tokenizer: Tokenizer, text: str) -> tuple[list[str], bool]:
    """Return the words of a text that the vocabulary lacks, and whether it has any word."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    lacking = [False] * len(text)
    read = [False] * len(text)
    for is_unknown, (start, end) in zip(_lacks(tokenizer, encoding), encoding.offsets, strict=True):
        read[start:end] = [True] * (end - start)
        if is_unknown:
            lacking[start:end] = [True] * (end - start)
    letters: set[str] | None = None
    words, known, start = [], bool(encoding.ids) and not any(lacking), 0
    for word in text.split():
        start = text.index(word, start)
        end = start + len(word)
        if any(lacking[i] for i in range(start, end) if _speaks(text[i])):
            words.append(word)
        elif any(read[i] for i in range(start, end) if _speaks(text[i])):
            known = True
        elif any(map(_speaks, word)):  # the tokenizer left it out: as common, or as foreign
            letters = letters or {char for token in tokenizer.get_vocab() for char in token}
            plain = unicodedata.normalize("NFKD", word.lower())
            if not letters.issuperset(char for char in plain if _speaks(char)):
                words.append(word)
        start = end
    return list(dict.fromkeys(map(_bare, words))), known


def _lacks(tokenizer: Tokenizer, encoding: Encoding) -> list[bool]:
    """Return for each token whether it stands for what the vocabulary lacks.

    Unigram tokenizers say the text itself in place of the token.
    """
    unknown = getattr(tokenizer.model, "unk_token", None)
    number = tokenizer.token_to_id(unknown) if unknown else None
    return [
        id == number or tokenizer.id_to_token(id) != token
        for id, token in zip(encoding.ids, encoding.tokens, strict=True)
    ]


def _bare(word: str) -> str:
    """Return a word without the marks around it."""
    return word.strip("".join(char for char in word if not _speaks(char)))


def _speaks(char: str) -> bool:
    """Tell whether a character is a letter, a digit or a picture, not a mark between words."""
    category = unicodedata.category(char)
    return category == "So" or category[0] in "LNM"


def tokenize(
    package: ModelPackage, spec: TextSpec, texts: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return tokens and mask, both (n, context); mask is 1 where a token is of the text.

    A text past the context is cut, its end token kept, with a warning. Raises ModelError for a
    tokenizer that cannot be read or does not know the token that fills short texts up.
    """
    import numpy as np

    whole, fitted = _opened(package, spec)
    prompted = [spec.prompt.replace("{}", text) for text in texts]
    if spec.lowercase:
        prompted = [text.lower() for text in prompted]
    for text, encoding in zip(texts, whole.encode_batch(prompted), strict=True):
        if len(encoding.ids) > spec.context:
            warnings.warn(
                f"{text[:40]!r}… is {len(encoding.ids)} tokens long:"
                f" the model {package.name!r} reads the first {spec.context}",
                stacklevel=3,
            )
    encodings = fitted.encode_batch(prompted)
    tokens = np.array([encoding.ids for encoding in encodings], np.int64)
    mask = np.array([encoding.attention_mask for encoding in encodings], np.int64)
    return tokens, mask


def _opened(package: ModelPackage, spec: TextSpec) -> tuple[Tokenizer, Tokenizer]:
    """Return a tokenizer of whole texts, and one that pads and cuts them to the context."""
    return _read(stamp(package.path(spec.tokenizer)), spec.context, spec.pad)


@lru_cache(maxsize=4)
def _read(
    stamped: tuple[Path, int, int, int], context: int, pad: str | None
) -> tuple[Tokenizer, Tokenizer]:
    from tokenizers import Tokenizer

    file, *_ = stamped
    try:
        whole, fitted = Tokenizer.from_file(str(file)), Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(f"the library `tokenizers` cannot read {file}: {error}") from None
    padding = whole.padding or {}
    number, token = padding.get("pad_id", 0), padding.get("pad_token", "[PAD]")
    if pad is not None:
        number, token = whole.token_to_id(pad), pad
    if number is None:
        raise ModelError(f"{file} has no token {pad!r}, which model.toml names as pad")
    whole.no_padding()
    whole.no_truncation()
    fitted.enable_truncation(context)
    fitted.enable_padding(length=context, pad_id=number, pad_token=token)
    return whole, fitted

"""Words to the numbers that a text encoder reads, with the library `tokenizers`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hamsight_core.errors import ModelError
from hamsight_core.models.package import ModelPackage, TextSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer


def tokenize(
    package: ModelPackage, spec: TextSpec, texts: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return tokens and mask, both (n, context); mask is 1 where a token is of the text.

    A text past the context is cut, its end token kept, with a warning. Raises ModelError for a
    tokenizer that cannot be read or does not know the token that fills short texts up.
    """
    import numpy as np

    tokenizer, pad, pad_token = _opened(package, spec)
    prompted = [spec.prompt.replace("{}", text) for text in texts]
    if spec.lowercase:
        prompted = [text.lower() for text in prompted]
    for text, encoding in zip(texts, tokenizer.encode_batch(prompted), strict=True):
        if len(encoding.ids) > spec.context:
            warnings.warn(
                f"{text[:40]!r}… is {len(encoding.ids)} tokens long:"
                f" the model {package.name!r} reads the first {spec.context}",
                stacklevel=3,
            )
    tokenizer.enable_truncation(spec.context)
    tokenizer.enable_padding(length=spec.context, pad_id=pad, pad_token=pad_token)
    encodings = tokenizer.encode_batch(prompted)
    tokens = np.array([encoding.ids for encoding in encodings], np.int64)
    mask = np.array([encoding.attention_mask for encoding in encodings], np.int64)
    return tokens, mask


def _opened(package: ModelPackage, spec: TextSpec) -> tuple[Tokenizer, int, str]:
    """Return the tokenizer, neither padding nor truncating, and the token that fills up."""
    from tokenizers import Tokenizer

    file = package.path(spec.tokenizer)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(f"the library `tokenizers` cannot read {file}: {error}") from None
    padding = tokenizer.padding or {}
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if spec.pad is None:
        return tokenizer, padding.get("pad_id", 0), padding.get("pad_token", "[PAD]")
    pad = tokenizer.token_to_id(spec.pad)
    if pad is None:
        raise ModelError(f"{file} has no token {spec.pad!r}, which model.toml names as pad")
    return tokenizer, pad, spec.pad

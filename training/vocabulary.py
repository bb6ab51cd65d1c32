"""The tokenizer: one token a word, lower case; it pads and truncates to the context."""

from __future__ import annotations

import itertools

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from hamsight.demo.scenes import captions
from hamsight.demo.scenes.content import COLOURS, SHAPES
from training.phrases import OPENINGS, SHORT_BACKGROUNDS

CONTEXT = 64
SPECIAL = ("[PAD]", "[UNK]", "[START]")


def make_tokenizer() -> Tokenizer:
    """Return a tokenizer that knows every word that captions and phrases can use."""
    tables = (
        *(captions.COUNT_WORDS, captions.SIZE_WORDS, captions.COLOUR_WORDS, captions.SHAPE_WORDS),
        *(captions.PLACE_WORDS, captions.BACKGROUND_WORDS, SHORT_BACKGROUNDS),
    )
    texts = [text for table in tables for options in table.values() for text in options]
    texts += [*COLOURS, *OPENINGS, "a an and with plus , on over picture of drawing image shape"]
    nouns = [*SHAPES, "disc", "sign", "hoop", "crescent", "shape"]
    texts += [*nouns, *(noun + "s" for noun in nouns), "crosses"]
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    cut = tokenizer.pre_tokenizer.pre_tokenize_str
    plain = [text.replace("{a}", " ").replace("{b}", " ").lower() for text in texts]
    words = sorted(set(itertools.chain.from_iterable((w for w, _ in cut(text)) for text in plain)))
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *words))}
    tokenizer.model = models.WordLevel(vocabulary, unk_token="[UNK]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[START] $A", special_tokens=[("[START]", vocabulary["[START]"])]
    )
    tokenizer.enable_truncation(CONTEXT)
    tokenizer.enable_padding(length=CONTEXT, pad_id=0, pad_token="[PAD]")
    return tokenizer

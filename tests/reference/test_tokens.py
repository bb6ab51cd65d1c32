"""Words become the tokens that the tokenizer of `transformers` makes of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from hamsight_core.models.package import ModelPackage, TextSpec
from hamsight_core.models.registry import registry
from hamsight_core.models.tokens import tokenize

pytestmark = pytest.mark.reference

ODD = [
    "",
    " ",
    "\t\n",
    "a",
    "A DOG",
    "a dog.",
    "  two   spaces  ",
    "don't can't we've I'm you'll he'd it's",
    "3.14159 1,000,000 2026-11-21",
    "naïve café Ünïcödé ÅÄÖ ß ſ",
    "e\u0301 and \u00e9",
    "一只狗在雪地里奔跑",
    "雪の中を走る犬",
    "눈 속을 달리는 개",
    "собака бежит по снегу",
    "كلب يركض في الثلج",
    "कुत्ता बर्फ में दौड़ रहा है",
    "🐶",
    "🐶🏃\u200d♂️❄️ 👨\u200d👩\u200d👧\u200d👦 🇩🇪",
    "mixed 犬 dog 🐕 perro",
    "<|endoftext|>",
    "<|startoftext|> a dog <|endoftext|>",
    "a<|endoftext|>b",
    "<html>&amp; &lt;b&gt;</html>",
    "under_score-and-hyphen/slash\\back",
    "!!! ??? ... --- ***",
    "\u00a0no\u00a0break\u00a0",
    "\u200bzero\u200bwidth",
    "x" * 500,
    "dog " * 200,
    "一" * 100,
    "🐶" * 60,
    "\x00\x01\x7f",
    "\ufeffbom",
    "ﬁ ligature ½ ² Ⅳ",
]


def strings(shared: Path) -> list[str]:
    """Two hundred: the odd ones, then captions, some joined to be long, in odd cases."""
    lines = (shared / "data/flickr8k-2000/captions.tsv").read_text("utf-8").splitlines()
    captions = [line.split("\t")[-1] for line in lines]
    plain = captions[:: len(captions) // 120][:120]
    long = [" ".join(captions[start : start + 9]) for start in range(0, 300, 10)]
    upper = [caption.upper() for caption in captions[5:40]]
    found = list(dict.fromkeys([*ODD, *plain, *long, *upper]))[:200]
    assert len(found) == 200
    return found


def test_two_hundred_strings(shared):
    from transformers import AutoTokenizer

    folder = shared / "models" / "clip-vit-b-32-tokenizer"
    reference = AutoTokenizer.from_pretrained(folder)
    text = registry()["clip-vit-b-32"].package["text"]
    spec = TextSpec(text["file"], "tokenizer.json", text["context"], pad=text["pad"])
    package = ModelPackage("clip", folder, "", 512, "", None, spec)  # type: ignore[arg-type]
    texts = strings(shared)
    expected = reference(texts, padding="max_length", truncation=True, max_length=77)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tokens, mask = tokenize(package, spec, texts)
    for one, found, meant in zip(texts, tokens, expected["input_ids"], strict=True):
        assert found.tolist() == meant, one
    np.testing.assert_array_equal(mask, expected["attention_mask"])
    assert tokens.shape == (200, 77)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = [len(ids) for ids in reference(texts)["input_ids"]]
    assert len(caught) == sum(length > 77 for length in whole) > 20
    assert f"is {max(whole)} tokens long" in " ".join(str(one.message) for one in caught)

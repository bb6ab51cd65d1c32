"""Words that a model's vocabulary lacks are named; a text of such words alone is refused."""

import json
import warnings

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from hamsight_core.errors import UsageError
from hamsight_core.models.package import BUILT_IN, ModelPackage, TextSpec, load_package
from hamsight_core.models.registry import registry
from hamsight_core.models.tokens import check_words

FOREIGN = ["犬が走る", "собака бежит", "σκύλος", "كلب", "कुत्ता", "개", "!!!", "?", "🐶"]


def said(package, *texts):
    """Return the warnings about texts, as one text."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_words(package, texts)
    return " ".join(str(one.message) for one in caught)


def package(folder, tokenizer, **options):
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    spec = TextSpec("text.xml", "tokenizer.json", 16, **options)
    return ModelPackage("made", folder, "", 4, "", None, spec)


def bundled():
    return load_package(str(BUILT_IN / "mini"))


@pytest.mark.parametrize("text", ["xyzzy qwerty", *FOREIGN])
def test_a_text_of_unknown_words_is_refused(text):
    with pytest.raises(UsageError, match="the model 'mini' knows none of these words") as caught:
        check_words(bundled(), ["a dog", text])
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", FOREIGN)
def test_a_tokenizer_that_leaves_out_what_is_foreign_is_no_way_around(shared, text):
    photo = load_package(str(shared / "models" / "photo-cca"))
    with pytest.raises(UsageError, match="knows none"):
        check_words(photo, [text])
    for word in text.split():
        assert word in "!!!?" or repr(word) in said(photo, f"the dog, {text}")


def test_unknown_words_among_known_are_named():
    assert said(bundled(), "a dog, running!", "Two DOGS'", "the dog") == ""
    assert "does not know 'xyzzy', '犬', and reads" in said(bundled(), "a dog (xyzzy) 犬")
    many = said(bundled(), "dog " + " ".join(f"xyzzy{n}" for n in range(9)))
    assert "'xyzzy4' and 4 more" in many


def test_words_that_a_tokenizer_leaves_out_as_common_are_not_named(shared):
    photo = load_package(str(shared / "models" / "photo-cca"))
    assert said(photo, "the dog and a man") == ""


def test_byte_pairs_know_all(shared):
    folder = shared / "models" / "clip-vit-b-32-tokenizer"
    text = registry()["clip-vit-b-32"].package["text"]
    spec = TextSpec(text["file"], "tokenizer.json", text["context"], pad=text["pad"])
    clip = ModelPackage("clip", folder, "", 512, "", None, spec)
    assert said(clip, "xyzzy qwerty", *FOREIGN) == ""


def test_unigrams_and_word_pieces(tmp_path):
    unigram = Tokenizer(models.Unigram([("<unk>", 0.0), ("dog", -1.0), ("▁", -1.0)], 0, False))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    words = {"[UNK]": 0, "dog": 1, "##s": 2}
    pieces = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    for name, made in (("unigram", unigram), ("pieces", pieces)):
        one = package(tmp_path / name, made, lowercase=True)
        assert said(one, "dog") == ""
        assert "'犬'" in said(one, "DOG 犬")
        with pytest.raises(UsageError, match="knows none"):
            check_words(one, ["犬"])
    assert said(package(tmp_path / "again", pieces), "dogs") == ""


def test_a_tokenizer_that_changes_is_read_again(tmp_path):
    made = Tokenizer(models.WordLevel({"[UNK]": 0, "dog": 1}, unk_token="[UNK]"))
    one = package(tmp_path / "words", made)
    assert said(one, "dog") == ""
    file = one.folder / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"]["vocab"] = {"[UNK]": 0, "caterpillar": 1}
    file.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="knows none"):
        check_words(one, ["dog"])

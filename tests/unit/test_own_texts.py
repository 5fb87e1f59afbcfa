"""Texts of any script: what is kept, what is dropped and said, and what is refused in one sentence."""

import itertools
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlib.alphabets import letters_only, normal
from rnnlib.text import Vocab, load_corpus, read_text

TEXTS = {
    "german": "Für die Möwe, die über dem Weißen Haus schläft. 12 Uhr!\n",
    "russian": "Смотритель маяка зажёг лампу; море было спокойно.\n",
    "chinese": "灯塔的守护者点亮了灯，海面很平静。\n",
    "arabic": "أضاء حارسُ المنارةِ المصباحَ، وكان البحر هادئًا.\n",
    "hindi": "दीपस्तंभ के रखवाले ने दीया जलाया, और समुद्र शांत था।\n",
    "persian": "نگهبان می‌خواهد چراغ را روشن کند.\n",
    "korean": "등대지기가 등불을 켰고 바다는 고요했다.\n",
    "emoji": "the lamp ❤️ burns 👩‍🚀 low 🌊🌊 and the sea 🇩🇪 is calm\n",
    "code": "def f(x):\n\treturn {'a': x**2}  # $_$ <b>&amp;\n",
}


def file_of(folder: Path, text: str, *, times: int = 20) -> Path:
    path = folder / "mine.txt"
    path.write_text(text * times, encoding="utf-8")
    return path


def letters_by_definition(text: str) -> str:
    """One character after another, as the docstring says."""
    kept: list[str] = []
    for sign in text.lower():
        kind = unicodedata.category(sign)
        follows_letter = bool(kept) and kept[-1] != " "
        if kind[0] == "L" or (follows_letter and (kind[0] == "M" or sign in "\u200c\u200d")):
            kept.append(sign)
        elif kind != "Cf" and kind[0] != "M" and follows_letter:
            kept.append(" ")
    return "".join(kept).strip(" ")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_letters_of_every_script_are_kept_with_their_marks(text: str) -> None:
    assert letters_only(text) == letters_by_definition(text)


@given(st.text())
def test_letters_of_any_text_are_those_of_the_definition(text: str) -> None:
    assert letters_only(text) == letters_by_definition(text)


def test_of_plain_english_the_letters_are_those_of_d2l() -> None:
    story = read_text("story")
    assert letters_only(story) == re.sub("[^a-z]+", " ", story.lower()).strip()


def test_vowel_signs_of_hindi_and_joiners_of_persian_are_not_lost() -> None:
    assert letters_only("दीया जलाया।") == "दीया जलाया"
    assert letters_only("می‌خواهد!") == "می‌خواهد"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_characters_are_the_whole_text(text: str, tmp_path: Path) -> None:
    corpus = load_corpus(file_of(tmp_path, text), tokens="characters")
    parts = (corpus.train, corpus.validation, corpus.test)
    assert "".join(map(corpus.vocab.decode, parts)) == unicodedata.normalize("NFC", text * 20)
    assert corpus.left_out == corpus.unknown == 0


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_text_is_in_the_normal_form_that_was_chosen(form: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, "Ein ﬁnsteres Cafe\u0301 im Weiß-Ｗald ²")
    for tokens in ("letters", "characters"):
        corpus = load_corpus(path, tokens=tokens, normal_form=form)
        text = corpus.vocab.decode(torch.cat([corpus.train, corpus.validation, corpus.test]))
        assert unicodedata.is_normalized(form, text)
        assert ("ﬁ" in text) == ("K" not in form) and ("é" in text) == (form[-1] == "C")


def test_another_normal_form_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of NFC, NFD, NFKC, NFKD; it is 'ascii'"):
        normal("a", "ascii")


def test_what_is_dropped_is_said_with_its_share(tmp_path: Path) -> None:
    corpus = load_corpus(file_of(tmp_path, "ab1. " * 9))
    assert corpus.left_out == pytest.approx(0.5) and corpus.unknown == 0
    assert load_corpus(file_of(tmp_path, "Für die Möwe ")).left_out == 0


def test_rare_words_are_unknown_and_their_share_is_said(tmp_path: Path) -> None:
    text = "sun sun sun sun moon moon moon star star comet\n"
    corpus = load_corpus(file_of(tmp_path, text), tokens="words", max_vocab_size=3)
    assert corpus.vocab.tokens == ["<unk>", "moon", "sun"]
    assert corpus.unknown == pytest.approx(0.3)
    assert corpus.vocab.decode(corpus.train[:10]) == "sun sun sun sun moon moon moon <unk> <unk> <unk>"
    assert corpus.vocab.encode("star sun").tolist() == [0, 2]


UNSPACED = {
    "chinese": TEXTS["chinese"],
    "a poem of five signs a line": "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n",
    "japanese": "灯台守がランプに火をともし、海は静かだった。\n",
    "thai": "ผู้ดูแลประภาคารจุดตะเกียง ทะเลสงบ\n",
    "khmer": "អ្នកយាមប៉មភ្លើងបានអុជចង្កៀង សមុទ្រស្ងប់\n",
}


@pytest.mark.parametrize("text", UNSPACED.values(), ids=UNSPACED.keys())
def test_words_of_a_text_without_spaces_between_them_are_refused_with_advice(text: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, text)
    with pytest.raises(ValueError, match="this text has no spaces between its words: one of them would be") as refused:
        load_corpus(path, tokens="words")
    assert 'Use tokens="letters" or "characters"' in str(refused.value) and "\n" not in str(refused.value)
    assert len(load_corpus(path).vocab) > 5


SPACED = {
    "chinese": "灯塔 的 守护者 点亮 了 灯 ， 海面 很 平静 。\n",
    "thai": "ผู้ ดูแล ประภาคาร จุด ตะเกียง ทะเล สงบ\n",
    "chinese in english": "the keeper (灯塔的守护者点亮了灯) lit the lamp, and the sea was calm\n",
    "korean": TEXTS["korean"],
    "long words": "Donaudampfschifffahrtsgesellschaftskapitän Rindfleischetikettierungsgesetz\n",
}


@pytest.mark.parametrize("text", SPACED.values(), ids=SPACED.keys())
def test_words_are_taken_wherever_there_are_spaces_between_them(text: str, tmp_path: Path) -> None:
    words = letters_only(text).split()
    assert load_corpus(file_of(tmp_path, text, times=50), tokens="words").vocab.tokens[1:] == sorted(set(words))


@given(st.lists(st.sampled_from(["ab", "c", "dé", "漢"]), min_size=1, max_size=60), st.integers(2, 6))
def test_the_vocabulary_holds_what_comes_most_often(words: list[str], most: int) -> None:
    vocab = Vocab(" ".join(words), words=True, max_size=most)
    counts = Counter(words)
    assert len(vocab) <= most and len(vocab) == min(most, len(counts) + 1)
    kept, dropped = vocab.tokens[1:], counts.keys() - set(vocab.tokens)
    assert all(counts[ours] >= counts[other] for ours, other in itertools.product(kept, dropped))
    assert vocab.encode(" ".join(words)).tolist() == [vocab.tokens.index(w) if w in kept else 0 for w in words]


@pytest.mark.parametrize("size", [1, 0, 10_001])
def test_a_vocabulary_of_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"max_vocab_size must be 2 to 10,000; it is {size}"):
        load_corpus("story", max_vocab_size=size)


def test_another_kind_of_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="tokens must be one of letters, characters, words; they are 'bytes'"):
        load_corpus("story", tokens="bytes")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_unicode_with_a_mark_is_recognised(encoding: str, tmp_path: Path) -> None:
    text, mark = TEXTS["russian"] * 5, {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    (tmp_path / "file").write_bytes(mark + text.encode(encoding))
    assert read_text(tmp_path / "file") == text


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("Für die Möwe ".encode("latin-1"), r'byte 1 cannot be read.*save it as UTF-8.*read_text\("latin-1"\)'),
        ("the lamp".encode("utf-16-le"), "binary file, or UTF-16 without a mark.*save a text as UTF-8"),
        (b"\xff\xfea", "not a UTF-16 text file"),
    ],
)
def test_other_encodings_are_refused_with_advice(content: bytes, advice: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=advice) as refused:
        read_text(tmp_path / "file")
    assert "\n" not in str(refused.value)


def test_line_ends_of_every_system_are_one_character(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"one\r\ntwo\rthree\nfour")
    assert read_text(tmp_path / "file") == "one\ntwo\nthree\nfour"


@pytest.mark.parametrize("name", [3, None, b"story", 1.5, ["story"]])
def test_what_is_no_name_is_refused_in_one_sentence(name: object) -> None:
    with pytest.raises(ValueError, match="a text is named by a str or a Path; this is a "):
        load_corpus(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b", "~", "/dev/zero", "/", "no\nsuch"])
def test_odd_names_are_answered_in_one_sentence_and_nothing_is_opened(name: str) -> None:
    with pytest.raises(FileNotFoundError, match="there is no text named") as refused:
        read_text(name)
    assert len(str(refused.value)) < 400


def test_a_file_too_large_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        file.truncate(3 * 10**11)  # takes no place on the disk
    with pytest.raises(ValueError, match="more than 100 MB, the most that is read"):
        read_text(tmp_path / "file")

"""Text: every token exactly where the text says, and every bad input told in one sentence."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlib.text import Batches, RandomBatches, SequentialBatches, Vocab, letters_only, load_corpus, read_text

sizes = {"batch_size": st.integers(1, 6), "num_steps": st.integers(1, 9), "seed": st.integers(0, 5)}


def numbered_batches(kind: type[Batches], batch_size: int, num_steps: int, seed: int) -> Batches:
    """Batches of a text in which each token is its own position."""
    return kind(torch.arange(300), batch_size=batch_size, num_steps=num_steps, seed=seed)


@pytest.mark.parametrize("kind", [SequentialBatches, RandomBatches])
@given(**sizes)
def test_targets_are_the_tokens_that_follow(kind: type[Batches], batch_size: int, num_steps: int, seed: int) -> None:
    batches = numbered_batches(kind, batch_size, num_steps, seed)
    for number in range(2 * batches.num_batches):
        batch = batches[number]
        assert batch.tokens.shape == batch.targets.shape == (num_steps, batch_size)
        assert torch.equal(batch.targets, batch.tokens + 1)
        assert torch.equal(batch.tokens, batch.tokens[0] + torch.arange(num_steps)[:, None])


@pytest.mark.parametrize("kind", [SequentialBatches, RandomBatches])
@given(**sizes)
def test_an_epoch_visits_no_token_twice_and_leaves_few_out(
    kind: type[Batches], batch_size: int, num_steps: int, seed: int
) -> None:
    batches = numbered_batches(kind, batch_size, num_steps, seed)
    for epoch in range(3):
        first = epoch * batches.num_batches
        visited = torch.cat([batches[first + place].tokens.flatten() for place in range(batches.num_batches)])
        assert len(visited.unique()) == len(visited)
        assert 300 - len(visited) < (batch_size + 1) * num_steps + 1


def trained_on(batches: Batches, epochs: range) -> set[int]:
    """The tokens that these epochs read or ask for."""
    numbers = range(epochs.start * len(batches), epochs.stop * len(batches))
    return {
        token
        for number in numbers
        for token in torch.cat([batches[number].tokens, batches[number].targets]).flatten().tolist()
    }


@pytest.mark.parametrize("kind", [SequentialBatches, RandomBatches])
@given(num_tokens=st.integers(60, 400), **sizes)
def test_every_token_is_trained_on_within_the_first_two_epochs_of_more_than_one_batch(
    kind: type[Batches], num_tokens: int, batch_size: int, num_steps: int, seed: int
) -> None:
    batches = kind(torch.arange(num_tokens), batch_size=batch_size, num_steps=num_steps, seed=seed)
    if len(batches) > 1:
        assert trained_on(batches, range(2)) == set(range(num_tokens))


@pytest.mark.parametrize("kind", [SequentialBatches, RandomBatches])
@pytest.mark.parametrize("num_tokens", [1155, 1190, 1500, 2240, 2250, 2274, 10_000])
def test_every_token_is_trained_on_however_little_an_epoch_holds(kind: type[Batches], num_tokens: int) -> None:
    batches = kind(torch.arange(num_tokens), batch_size=32, num_steps=35)
    assert trained_on(batches, range(40)) == set(range(num_tokens))


def test_the_ends_are_trained_on_again_and_again() -> None:
    for first in range(0, 400, 100):
        assert {0, 299} <= trained_on(numbered_batches(SequentialBatches, 4, 9, 0), range(first, first + 100))


@given(**sizes)
def test_rows_of_sequential_batches_go_on_where_they_ended(batch_size: int, num_steps: int, seed: int) -> None:
    batches = numbered_batches(SequentialBatches, batch_size, num_steps, seed)
    for number in range(1, 3 * batches.num_batches):
        before, batch = batches[number - 1], batches[number]
        assert batch.continues == (number % batches.num_batches > 0)
        if batch.continues:
            assert torch.equal(batch.tokens[0], before.targets[-1])


def test_random_batches_never_continue_and_are_shuffled_anew_each_epoch() -> None:
    batches = numbered_batches(RandomBatches, 4, 5, 0)
    assert not any(batches[number].continues for number in range(3 * batches.num_batches))
    first, second = batches[0].tokens[0], batches[batches.num_batches].tokens[0]
    assert not torch.equal(first - first.min(), second - second.min())


def test_a_batch_is_the_same_whenever_it_is_asked_for() -> None:
    batches = numbered_batches(RandomBatches, 3, 7, 4)
    forwards = [batches[number].tokens for number in range(30)]
    backwards = [batches[number].tokens for number in reversed(range(30))]
    assert all(torch.equal(a, b) for a, b in zip(forwards, reversed(backwards), strict=True))


@pytest.mark.parametrize("kind", [SequentialBatches, RandomBatches])
def test_a_loop_over_batches_is_one_epoch(kind: type[Batches]) -> None:
    batches = numbered_batches(kind, 3, 7, 4)
    assert [batch.tokens.tolist() for batch in batches] == [batches[k].tokens.tolist() for k in range(len(batches))]
    assert len(list(batches)) == len(batches) == (300 - 7) // 21


def test_a_number_below_0_is_refused() -> None:
    with pytest.raises(IndexError, match="counted from 0 on, through all epochs; -1 is below"):
        numbered_batches(SequentialBatches, 3, 7, 4)[-1]


def test_offsets_differ_between_epochs() -> None:
    batches = numbered_batches(SequentialBatches, 2, 9, 0)
    assert len({int(batches[epoch * batches.num_batches].tokens[0, 0]) for epoch in range(20)}) > 4


@pytest.mark.parametrize("length", [0, 9, 41])
def test_a_text_shorter_than_one_batch_is_refused_with_the_number_needed(length: int) -> None:
    with pytest.raises(ValueError, match=rf"has {length} tokens; batch_size=5 and num_steps=7 need at least 42"):
        SequentialBatches(torch.arange(length), batch_size=5, num_steps=7)
    assert SequentialBatches(torch.arange(42), batch_size=5, num_steps=7).num_batches == 1


def test_one_row_of_one_step_is_a_batch() -> None:
    batch = SequentialBatches(torch.arange(2), batch_size=1, num_steps=1)[0]
    assert batch.tokens.tolist() == [[0]] and batch.targets.tolist() == [[1]]


@given(st.text(min_size=1))
def test_decoding_undoes_encoding_in_any_alphabet(words: str) -> None:
    vocab = Vocab(words)
    tokens = vocab.encode(words)
    assert vocab.decode(tokens) == words
    assert len(vocab) == len(set(words)) + 1
    assert set(tokens.tolist()) == set(range(1, len(vocab)))


def test_unknown_characters_become_token_0() -> None:
    vocab = Vocab("ab")
    assert vocab.encode("aZb").tolist() == [1, 0, 2]
    assert vocab.tokens[0] == "<unk>"


def test_letters_only_makes_every_run_of_other_characters_one_space() -> None:
    assert letters_only("  It's 10 o'clock --\nshe said.\n") == "it s o clock she said"


def test_the_three_parts_are_the_text_in_order_four_fifths_and_two_tenths(tmp_path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("a quick brown fox " * 100)
    corpus = load_corpus(path)
    whole = letters_only(path.read_text())
    assert "".join(map(corpus.vocab.decode, (corpus.train, corpus.validation, corpus.test))) == whole
    assert len(corpus.validation) == len(corpus.test) == len(whole) // 10
    short = load_corpus(path, max_train_tokens=50)
    assert torch.equal(short.train, corpus.train[:50])
    assert torch.equal(short.validation, corpus.validation) and torch.equal(short.test, corpus.test)


def test_the_story_is_long_and_its_vocabulary_small() -> None:
    corpus = load_corpus()
    assert len(corpus.train) + len(corpus.validation) + len(corpus.test) >= 60_000
    assert len(corpus.vocab) == 28


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b" \n ", "is empty"), (b"\xfe\x00x", "not a UTF-8"), (b"abc\x00def", "binary file")],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, content: bytes, message: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_text(tmp_path / "file")


def test_a_text_with_few_letters_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("1234 " * 100 + "abc")
    with pytest.raises(ValueError, match="has 3 letters; at least 100"):
        load_corpus(tmp_path / "file")


@pytest.mark.parametrize("most", [0, -5])
def test_training_on_no_token_is_refused(most: int) -> None:
    with pytest.raises(ValueError, match=f"max_train_tokens must be 1 or more; it is {most}"):
        load_corpus("story", max_train_tokens=most)


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(FileNotFoundError, match="no text named 'time machin'.*nearest known name is 'time machine'"):
        read_text("time machin")

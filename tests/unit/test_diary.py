"""What a network has written, and what is new in each text."""

from rnnlib.live.diary import Diary, changed_words
from rnnlib.live.evaluations import Evaluation


def evaluation(step: int, text: str) -> Evaluation:
    return Evaluation(step, "rnn", 1.0, 1.0, (1.0,), text)


def words_of(text: str, spans: list) -> list[str]:
    return [text[start:end] for start, end in spans]


def test_words_that_are_new_in_their_place_are_found() -> None:
    for before, after, new in (
        ("the lamp keeper", "the lamp keeper", []),
        ("the lamp keeper", "the old lamp keeper sat", ["old", "sat"]),
        ("a b c d", "a x y d", ["x y"]),
        ("a b c", "a c", []),
        ("a b", "", []),
    ):
        assert words_of(after, changed_words(before, after)) == new


def test_entries_follow_the_evaluations_and_are_made_once() -> None:
    diary, evaluations = Diary(), [evaluation(1, "a b"), evaluation(2, "a c"), evaluation(3, "d c")]
    diary.update(evaluations[:2])
    first = diary.entries
    diary.update(evaluations)
    assert [entry["step"] for entry in diary.entries] == [1, 2, 3]
    assert diary.entries[0] is first[0] and diary.entries[1] is first[1]
    assert [words_of(entry["text"], entry["changed"]) for entry in diary.entries] == [[], ["c"], ["d"]]
    diary.update(evaluations[::2])  # a long run forgets every other one
    assert [entry["step"] for entry in diary.entries] == [1, 3]
    diary.update([])
    assert diary.entries == []

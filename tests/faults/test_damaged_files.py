"""Files of sessions and checkpoints that were cut, changed or made up: one sentence each, and never a wrong load."""

import copy
import hashlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from factories import SMALL_SESSION
from torch import Tensor

from rnnlib.live import checkpoints, plain_files, recordings
from rnnlib.live.experiments import MAIN
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings

MUTATIONS = 2_000
SMALL = {**SMALL_SESSION, "hidden_size": 4, "batch_size": 2, "num_steps": 4}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A session with events and a fork, its file, and that of a checkpoint."""
    folder = tmp_path_factory.mktemp("saved")
    session = Session(Settings(**SMALL, optimizer="adam", learning_rate=0.01), name="saved")
    session.run(6)
    session.set(learning_rate=0.02, clip_threshold=0.5)
    session.fork()
    session.run(6)
    recordings.save(session, folder / "session")
    checkpoints.save(session.trainers[MAIN], folder / "checkpoint")
    session.stop()
    batches = session.trainers[MAIN].batches
    yield {
        "session": (folder / "session", recordings.read),
        "checkpoint": (folder / "checkpoint", lambda path: checkpoints.load(path, batches)),
    }


def is_one_sentence(error: BaseException) -> bool:
    told = str(error)
    return "it was not loaded" in told and "\n" not in told and len(told) < 600 and told.endswith(".")


def mutated(content: bytes, chance: random.Random) -> bytes:
    """One bit, one byte, many bytes, a piece less or a piece twice."""
    changed, place = bytearray(content), chance.randrange(len(content))
    kind = chance.random()
    if kind < 0.6:
        changed[place] ^= 1 << chance.randrange(8)
    elif kind < 0.75:
        changed[place] = (changed[place] + chance.randrange(1, 256)) % 256
    elif kind < 0.85:
        changed[place : place + 64] = chance.randbytes(64)
    elif kind < 0.95:
        del changed[place : place + chance.randrange(1, 200)]
    else:
        changed[place:place] = changed[chance.randrange(len(changed)) :][:100] or b"0"
    return bytes(changed)


@pytest.mark.parametrize("kind", ["session", "checkpoint"])
def test_every_mutation_is_refused_in_one_sentence(saved: dict[str, Any], tmp_path: Path, kind: str) -> None:
    path, load = saved[kind]
    content, chance = path.read_bytes(), random.Random(0)
    for _ in range(MUTATIONS // 2):
        changed = mutated(content, chance)
        if changed == content:
            continue
        (tmp_path / "changed").write_bytes(changed)
        with pytest.raises(ValueError) as found:
            load(tmp_path / "changed")
        assert is_one_sentence(found.value), found.value


@pytest.mark.parametrize("kind", ["session", "checkpoint"])
def test_every_truncation_is_refused_in_one_sentence(saved: dict[str, Any], tmp_path: Path, kind: str) -> None:
    path, load = saved[kind]
    content = path.read_bytes()
    with_every_line = {*range(300), *range(0, len(content), 97), *range(len(content) - 100, len(content))}
    for length in sorted(with_every_line):
        (tmp_path / "cut").write_bytes(content[:length])
        with pytest.raises(ValueError) as found:
            load(tmp_path / "cut")
        assert is_one_sentence(found.value), found.value


# ------------------------------------------------------------------------- right checksum, wrong content

WRONG = [
    *(None, True, -1, 0, 10**30, 2.5, float("nan"), float("inf"), -0.5),
    *("", "x" * 50_000, "../../etc/passwd", "\0", [], {}, [[[]]], {"": 1}),
    *(torch.zeros(0), torch.zeros(3, 3), torch.zeros(2, dtype=torch.float64), torch.tensor(1)),
]


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of every field, inner ones included."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from places(part, (*path, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from places(part, (*path, number))


def put(content: Any, path: tuple, value: Any) -> Any:
    """A copy with another value in one place; the old one."""
    for name in path[:-1]:
        content = content[name]
    old, content[path[-1]] = content[path[-1]], value
    return old


def could_be(old: Any, new: Any) -> bool:
    """Whether a field of this kind may have this value: then it says something else, and is not wrong."""
    if isinstance(old, Tensor) or isinstance(new, Tensor):
        return isinstance(old, Tensor) and isinstance(new, Tensor)
    return type(old) is type(new) or old is None


@pytest.mark.parametrize("kind", ["session", "checkpoint"])
def test_wrong_content_of_every_field_is_told_in_one_sentence(saved: dict[str, Any], tmp_path: Path, kind: str) -> None:
    path, load = saved[kind]
    content = plain_files.read_file(path, f"rnnlib {kind} 5")
    tried = 0
    for place in list(places({name: part for name, part in content.items() if name != "format"})):
        for value in WRONG:
            changed = copy.deepcopy(content)
            old = put(changed, place, value)
            plain_files.write_file(tmp_path / "changed", changed)
            try:
                load(tmp_path / "changed")
            except ValueError as error:
                assert is_one_sentence(error), (place, value, error)
                tried += 1
            else:
                assert could_be(old, value) or (place[-1], value) == ("max_train_tokens", None), (place, value)
                if kind == "session":
                    loads_or_says_why_not(tmp_path / "changed")
    assert tried > 500


def loads_or_says_why_not(path: Path) -> None:
    try:
        recordings.load(path, name="changed").stop()
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) < 600, error


@pytest.mark.parametrize("kind", ["session", "checkpoint"])
def test_a_field_less_and_a_field_more_are_told(saved: dict[str, Any], tmp_path: Path, kind: str) -> None:
    path, load = saved[kind]
    content = plain_files.read_file(path, f"rnnlib {kind} 5")
    for place in list(places({name: part for name, part in content.items() if name != "format"})):
        changed = copy.deepcopy(content)
        inner = changed
        for name in place[:-1]:
            inner = inner[name]
        if isinstance(inner, dict) and place[-1] != "fork":
            inner["unheard of"] = inner.pop(place[-1])
            plain_files.write_file(tmp_path / "changed", changed)
            with pytest.raises(ValueError) as found:
                load(tmp_path / "changed")
                if place[0] == "trainers":  # parts that have names of their own are compared with the network
                    recordings.load(tmp_path / "changed", name="changed").stop()
            assert is_one_sentence(found.value), (place, found.value)


# ---------------------------------------------------------------------------------- sizes are not trusted


def forged(path: Path, kind: str, header: bytes, numbers: bytes = b"") -> Path:
    body = header + b"\n" + numbers
    path.write_bytes(f"rnnlib {kind} 5\n{hashlib.sha256(body).hexdigest()}\n".encode() + body)
    return path


@pytest.mark.parametrize(
    "header",
    [
        {"arrays": [["float32", [10**12]]], "content": {"a": {"$array": 0}}},
        {"arrays": [["float32", [2**40, 2**40, 2**40]]], "content": {"a": {"$array": 0}}},
        {"arrays": [["float32", [-4]], ["float32", [8]]], "content": {}},
        {"arrays": [["complex128", [1]]], "content": {}},
        {"arrays": [["float32", [0, 10**12]]] * 3, "content": {}},
        {"arrays": {}, "content": {}},
        {"arrays": [], "content": {"a": {"$array": 0}}},
        {"arrays": [], "content": [1]},
        {"arrays": [], "content": {"format": "rnnlib session 5"}},
        {"arrays": [[["float32"], [1]]], "content": {}},
        {"arrays": [["float32", [1] * 1000]], "content": {}},
        [],
        7,
    ],
    ids=str,
)
def test_a_header_that_claims_what_is_not_there_is_refused_at_once(tmp_path: Path, header: Any) -> None:
    path = forged(tmp_path / "forged", "session", json.dumps(header).encode(), b"0123")
    with pytest.raises(ValueError, match="is damaged or was not written by this course"):
        recordings.read(path)


@pytest.mark.parametrize("header", [b"[" * 10**6, b'{"a":' * 10**5, b"1" * 10**6, b"", b"\xff\xfe", b'"\\ud800"'])
def test_json_that_would_break_its_reader_is_refused(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(ValueError, match="is damaged or was not written by this course"):
        recordings.read(forged(tmp_path / "forged", "session", header))


def described(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["trainers"][MAIN]["model"].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        described(hidden_size=4096),
        described(vocab_size=10**6, hidden_size=4096, cell="lstm"),
        lambda content: content["settings"].update(batch_size=10**6),
        lambda content: content["settings"].update(num_steps=10**6),
        lambda content: content.update(steps_made=10**10),
        lambda content: content.update(prefix="a" * 10**7),
    ],
    ids=["units", "tokens", "rows", "steps of a row", "steps", "prefix"],
)
def test_a_session_that_claims_to_be_large_takes_neither_time_nor_memory(
    saved: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], None]
) -> None:
    content = recordings.read(saved["session"][0])
    change(content)
    plain_files.write_file(tmp_path / "claims", content)
    monkeypatch.setattr(checkpoints, "build_model", lambda *arguments: pytest.fail("it was built"))
    with pytest.raises(ValueError):
        recordings.load(tmp_path / "claims", name="claims")


def test_settings_that_claim_a_large_network_build_none(
    saved: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = recordings.read(saved["session"][0])
    content["settings"].update(hidden_size=4096, cell="lstm")
    plain_files.write_file(tmp_path / "claims", content)
    monkeypatch.setattr("rnnlib.live.experiments.build_trainer", lambda *arguments: pytest.fail("it was built"))
    recordings.load(tmp_path / "claims", name="claims").stop()

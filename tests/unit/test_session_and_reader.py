"""A session trains the same numbers whatever its reader does and has set, and leaves the reader's process as it was."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import SMALL_SESSION, losses_of, wait_until

from rnnlib.cells import CELLS
from rnnlib.live import recordings
from rnnlib.live.experiments import FORK
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.models import LanguageModel


@contextmanager
def session_of(name: str, **settings: object) -> Iterator[Session]:
    session = Session(Settings(**{**SMALL_SESSION, **settings}), name=name)
    yield session
    session.stop()


# -------------------------------------------------------------------------- who calls a running network


@pytest.mark.parametrize("cell", CELLS)
def test_a_reader_who_calls_the_networks_of_a_running_session_disturbs_nothing(cell: str) -> None:
    tokens, targets = torch.randint(28, (2, 10, 8), generator=torch.Generator().manual_seed(0))
    with session_of("called", cell=cell) as called, session_of("alone", cell=cell) as alone:
        called.start()
        wait_until(lambda: called.steps_made > 0)
        for _ in range(100):
            for model in (called.model, called.snapshot):
                model(tokens, model.initial_state(8))
                model.backpropagate(tokens, targets, model.initial_state(8))
        called.pause()
        called.wait()
        alone.run(called.steps_made)
        assert np.array_equal(losses_of(called), losses_of(alone))
        assert torch.equal(called.model.vector, alone.model.vector)


def everything(model: LanguageModel, tokens: torch.Tensor) -> list[torch.Tensor]:
    """All tensors that a reader gets from a network."""
    state = model.initial_state(tokens.shape[1])
    found = model.backpropagate(tokens, tokens, state)
    assert found.hidden is not None and found.hidden_gradients is not None
    logits, last = model(tokens, state)
    return [found.loss, *found.gradients, *found.state, found.hidden, found.hidden_gradients, logits.detach(), *last]


@pytest.mark.parametrize("cell", CELLS)
def test_what_a_reader_got_stays_as_it_was(cell: str) -> None:
    tokens = torch.arange(80).view(10, 8) % 28
    with session_of("called", cell=cell) as session:
        session.run(3)
        got = [everything(model, tokens) for model in (session.model, session.snapshot)]
        kept = [[tensor.clone() for tensor in tensors] for tensors in got]
        session.run(5)  # batches of the same size
        for model in (session.model, session.snapshot):
            everything(model, tokens.flip(0))
        for tensors, copies in zip(got, kept, strict=True):
            assert all(torch.equal(tensor, copy) for tensor, copy in zip(tensors, copies, strict=True))


# -------------------------------------------------------------------------- whatever the reader has set


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(usual)


def numbers_of_a_life(folder: Path) -> list[object]:
    """Everything that happens to a session, and all numbers that come out."""
    with session_of("life", cell="gru") as session:
        session.run(5)
        session.set(hidden_size=24, learning_rate=0.5)
        session.fork()
        session.run(5)
        session.set(hidden_size=12)
        session.run(5)
        session.set(cell="lstm")
        session.run(5)
        session.evaluate_now()
        session.wait()
        assert session.rejected_change == "" and len(session.events) == 5
        recordings.save(session, folder / "saved")
        numbers = [losses_of(session).tolist(), losses_of(session, FORK).tolist(), session.evaluations]
        session.reset(hidden_size=8)
        session.run(3)
        numbers.append(losses_of(session).tolist())
    for read in (recordings.load, recordings.replay):
        again = read(folder / "saved", name="again")
        again.run(3)
        again.stop()
        numbers.append(losses_of(again).tolist())
    return numbers


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    return numbers_of_a_life(tmp_path_factory.mktemp("usual"))


@pytest.mark.parametrize(
    "mode",
    [
        nullcontext,
        lambda: default_dtype(torch.float64),
        torch.inference_mode,
        torch.no_grad,
        lambda: torch.device("meta"),
    ],
    ids=["nothing", "float64", "inference mode", "no gradients", "another device"],
)
def test_the_same_numbers_come_out(
    usual: list[object], tmp_path: Path, mode: Callable[[], AbstractContextManager]
) -> None:
    with mode():
        assert numbers_of_a_life(tmp_path) == usual


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_readers_number_of_threads_stays_in_every_thread(threads: int) -> None:
    def asked_elsewhere() -> int:
        answer: list[int] = []
        thread = threading.Thread(target=lambda: answer.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        return answer[0]

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with session_of("threads", hidden_size=64) as session:
            session.keep_evaluating(600)
            session.run(10)
            session.set(hidden_size=80)
            session.run(10)
            assert (torch.get_num_threads(), asked_elsewhere()) == (threads, threads)
    finally:
        torch.set_num_threads(before)

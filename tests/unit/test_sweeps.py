"""Sweeps: every executor gives the same numbers as a plain loop; what diverges is told apart."""

import math
import multiprocessing
import os
import pickle
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from rnnlib.live import sweeps
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.live.sweeps import Run, has_diverged, sweep, train, train_together
from rnnlib.text import load_corpus

SMALL = Settings(hidden_size=12, batch_size=8, num_steps=10, max_train_tokens=2000, device="cpu")
GRID = {"learning_rates": (0.5, 16.0), "clip_thresholds": (0.25, math.inf), "steps": 25}


@contextmanager
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@contextmanager
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@contextmanager
def dask_cluster() -> Iterator[Executor]:
    """Two workers, each a process of its own, as on two machines."""
    try:
        import distributed
    except ImportError:
        reason = "a sweep over a Dask cluster is tested with distributed: pip install distributed"
        pytest.fail(reason, pytrace=False) if os.environ.get("CI") else pytest.skip(reason)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        cluster.get_client() as client,
        client.get_executor() as pool,
    ):
        yield pool


def by_pair(runs: Iterator[Run]) -> dict[tuple[float, float], Run]:
    return {(run.settings.learning_rate, run.settings.clip_threshold): run for run in runs}


def test_a_sweep_trains_every_pair_from_the_same_weights_on_the_same_batches() -> None:
    runs = by_pair(sweep(SMALL, **GRID))
    assert set(runs) == {(0.5, 0.25), (16.0, 0.25), (0.5, math.inf), (16.0, math.inf)}
    assert len({run.losses[0] for run in runs.values()}) == 1
    assert all(len(run.losses) == 25 for run in runs.values())


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_run_has_the_numbers_of_a_session_with_its_settings(cell: str) -> None:
    settings = Settings(**{**vars(SMALL), "cell": cell, "learning_rate": 0.5, "clip_threshold": 0.25})
    run = sweeps.train(settings, load_corpus(settings.text, max_train_tokens=settings.max_train_tokens), 25)
    session = Session(settings, name="one of a sweep")
    session.evaluate_now()
    session.run(25)
    session.evaluate_now()
    session.wait()
    session.stop()
    history = session.trainers["main"].history
    assert np.array_equal(run.losses, history.columns()["loss"])
    assert run.validation_loss == pytest.approx(session.evaluations[-1].validation_loss, rel=1e-6)
    assert run.clipped_fraction == history.clipped_fraction()


@pytest.mark.parametrize("pool", [threads, processes, dask_cluster])
def test_every_executor_gives_the_numbers_of_a_plain_loop(pool) -> None:
    expected = by_pair(sweep(SMALL, **GRID))
    with pool() as executor:
        found = by_pair(sweep(SMALL, **GRID, executor=executor))
    assert set(found) == set(expected)
    for pair, run in found.items():
        assert np.array_equal(run.losses, expected[pair].losses), pair
        assert run.validation_loss == expected[pair].validation_loss
        assert (run.clipped_fraction, run.diverged) == (expected[pair].clipped_fraction, expected[pair].diverged)


def test_a_run_survives_pickling() -> None:
    run = next(sweep(SMALL, **GRID))
    again = pickle.loads(pickle.dumps(run))
    assert np.array_equal(again.losses, run.losses) and again.settings == run.settings


def test_runs_come_one_by_one_and_closing_trains_no_more(monkeypatch) -> None:
    trained = []
    monkeypatch.setattr(sweeps, "train", lambda settings, corpus, steps: trained.append(settings) or settings)
    runs = sweep(SMALL, **GRID)
    assert next(runs).learning_rate == 0.5
    runs.close()
    assert len(trained) == 1


def test_closing_takes_back_what_an_executor_has_not_begun() -> None:
    class FirstOnly(Executor):
        """Finishes the first task at once and leaves the others waiting."""

        def __init__(self) -> None:
            self.futures: list[Future] = []

        def submit(self, function, /, *arguments, **options) -> Future:
            self.futures.append(Future())
            if len(self.futures) == 1:
                self.futures[0].set_result(function(*arguments, **options))
            return self.futures[-1]

    executor = FirstOnly()
    runs = sweep(SMALL, **GRID, executor=executor)
    next(runs)
    runs.close()
    assert [future.cancelled() for future in executor.futures] == [False, True, True, True]


def test_an_exception_on_a_worker_reaches_the_reader(monkeypatch) -> None:
    def fail(*arguments: object) -> None:
        raise MemoryError("no room on this worker")

    monkeypatch.setattr(sweeps, "train", fail)
    with threads() as executor, pytest.raises(MemoryError, match="no room on this worker"):
        list(sweep(SMALL, **GRID, executor=executor))


def test_steps_that_are_too_long_diverge_and_clipping_prevents_it() -> None:
    grid = {"learning_rates": (0.5, 30.0), "clip_thresholds": (0.01, math.inf), "steps": 100}
    runs = by_pair(sweep(SMALL, **grid))
    assert {pair for pair, run in runs.items() if run.diverged} == {(30.0, math.inf)}


def test_numbers_that_are_not_finite_end_a_run() -> None:
    (run,) = sweep(SMALL, learning_rates=[3e38], clip_thresholds=[math.inf], steps=50)
    assert run.diverged and len(run.losses) < 50


@pytest.mark.parametrize(
    ("perplexities", "expected"),
    [
        ([28.0] * 30, False),  # a network that has learned nothing
        ([5.0] * 29 + [200.0], False),  # one bad step of the last three
        ([5.0] * 27 + [200.0] * 3, True),
        ([1e9] * 27 + [5.0] * 3, False),  # it has found its way back
        ([5.0] * 29 + [math.inf], True),
        ([5.0] * 29 + [math.nan], True),
        ([57.0], True),
    ],
)
def test_a_network_is_lost_when_it_ends_far_worse_than_a_blind_guess(perplexities: list, expected: bool) -> None:
    assert has_diverged(np.log(perplexities), 28) is expected


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "at least one step"),
        ({"learning_rates": []}, "one learning rate"),
        ({"clip_thresholds": []}, "one clipping threshold"),
        ({"learning_rates": [1.0, -1.0]}, "learning rate must be a number above 0; it is -1.0"),
        ({"clip_thresholds": [0.0]}, "clipping threshold must be above 0"),
    ],
)
def test_what_cannot_be_trained_is_told_before_anything_is(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sweep(SMALL, **{**GRID, **wrong})


def test_settings_that_cannot_be_are_told_before_anything_is_trained() -> None:
    with pytest.raises(ValueError, match="need at least"):
        sweep(Settings(max_train_tokens=50), **GRID)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize(
    "options",
    [{}, {"batches": "random", "optimizer": "adam"}, {"clip_by": "value"}],
    ids=["sequential sgd", "random adam", "by value"],
)
def test_networks_trained_together_end_as_networks_trained_one_by_one(cell: str, options: dict) -> None:
    rates = (0.003, 0.03) if options.get("optimizer") == "adam" else (0.3, 1.0)
    settings = replace(SMALL, cell=cell, **options)
    corpus = load_corpus(settings.text, max_train_tokens=settings.max_train_tokens)
    networks = [replace(settings, learning_rate=rate, clip_threshold=t) for rate in rates for t in (0.05, math.inf)]
    steps = 45  # two epochs
    for together, network in zip(train_together(networks, corpus, steps), networks, strict=True):
        alone = train(network, corpus, steps)
        assert together.settings == network and len(together.losses) == steps
        np.testing.assert_allclose(together.losses, alone.losses, rtol=2e-3)
        assert together.validation_loss == pytest.approx(alone.validation_loss, rel=2e-3)
        assert together.clipped_fraction == pytest.approx(alone.clipped_fraction, abs=1 / steps)
        assert together.diverged == alone.diverged


def test_one_that_breaks_off_keeps_its_last_good_weights_and_harms_no_other() -> None:
    corpus = load_corpus(SMALL.text, max_train_tokens=SMALL.max_train_tokens)
    networks = [replace(SMALL, learning_rate=rate, clip_threshold=math.inf) for rate in (0.5, 3e38)]
    healthy, broken = train_together(networks, corpus, 30)
    alone = train(networks[1], corpus, 30)
    assert not healthy.diverged and broken.diverged
    assert len(broken.losses) == len(alone.losses) < 30
    assert broken.validation_loss == pytest.approx(alone.validation_loss, rel=2e-3)
    assert healthy.validation_loss == pytest.approx(train(networks[0], corpus, 30).validation_loss, rel=2e-3)

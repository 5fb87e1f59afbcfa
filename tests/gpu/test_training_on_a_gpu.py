"""Training on a GPU: the CPU's numbers, one graph, few operations, no waiting, nothing left behind."""

import gc
import itertools
import math
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest
import torch

from rnnlib import engine
from rnnlib.cells import CELLS
from rnnlib.engine.gpu import CALLS_TO_WARM_UP, Graph
from rnnlib.live.resizing import resize
from rnnlib.live.settings import Settings, build_trainer
from rnnlib.live.sweeps import SideBySide
from rnnlib.models import RNNModel
from rnnlib.sampling import write
from rnnlib.text import Corpus, SequentialBatches
from rnnlib.training import Trainer, evaluate

cells = pytest.mark.parametrize("cell", CELLS)
MOST_OPERATIONS = {"rnn": 180, "gru": 340, "lstm": 450}  # of a step of 35 time steps, update and all


def trained(settings: Settings, corpus: Corpus) -> Trainer:
    """24 steps, with every knob changed on the way."""
    trainer = build_trainer(settings, corpus)
    changes: dict[int, dict[str, Any]] = {
        6: {"learning_rate": 0.3 * settings.learning_rate}, 8: {"clip_threshold": 0.05}, 14: {"clip_by": "value"},
    }  # fmt: skip
    for number in range(24):
        trainer.set(**changes.get(number, {}))
        if number in (10, 18):
            resize(trainer, 12 if number == 10 else 9)
        trainer.step()
    trainer.raise_if_diverged()
    return trainer


@pytest.mark.parametrize(
    ("cell", "optimizer", "batches"), list(itertools.product(CELLS, ("sgd", "adam"), ("sequential", "random")))
)
def test_the_curve_is_that_of_the_cpu_with_every_knob_changed(
    small: dict[str, Any], story: Corpus, cell: str, optimizer: str, batches: str
) -> None:
    rate = 0.5 if optimizer == "sgd" else 0.01
    settings = {**small, "cell": cell, "optimizer": optimizer, "batches": batches, "learning_rate": rate}
    on_gpu, on_cpu = (trained(Settings(**{**settings, "device": d}), story) for d in (small["device"], "cpu"))
    for name in ("loss", "gradient_norm"):
        found, expected = (trainer.history.columns()[name] for trainer in (on_gpu, on_cpu))
        np.testing.assert_allclose(found, expected, rtol=2e-3)


@cells
def test_the_same_seed_and_changes_give_the_same_numbers_bit_for_bit(
    small: dict[str, Any], story: Corpus, cell: str
) -> None:
    one, other = (trained(Settings(**small, cell=cell), story) for _ in range(2))
    assert np.array_equal(one.history.columns()["loss"], other.history.columns()["loss"])
    assert torch.equal(one.model.trainable[0].cpu(), other.model.trainable[0].cpu())


@pytest.mark.parametrize("layer", [torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM])
def test_models_over_layers_of_pytorch_train_too(gpu: str, story: Corpus, layer: type) -> None:
    V = len(story.vocab)
    found = []
    for device in ("cpu", gpu):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = RNNModel(layer(V, 8), V).to(device)
        trainer = Trainer(model, SequentialBatches(story.train.to(device), batch_size=4, num_steps=5))
        trainer.run(6)
        resize(trainer, 10)
        trainer.run(6)
        assert math.isfinite(evaluate(model, story.validation.to(device)))
        write(model, story.vocab, "the", 3)
        found.append(trainer.history.columns()["loss"][:6])  # new units begin with random weights
    np.testing.assert_allclose(*found, rtol=2e-3)


@cells
@pytest.mark.parametrize("networks", [1, 32])
def test_a_step_has_few_operations_however_many_networks_stand_side_by_side(
    cuda: str, fake: Any, story: Corpus, cell: str, networks: int
) -> None:
    import fake_graphs

    settings = Settings(cell=cell, hidden_size=8, batch_size=4, num_steps=35, max_train_tokens=2000, device=cuda)
    trainer = build_trainer(settings, story)
    before = set(fake_graphs.Graph.living)
    if networks == 1:
        trainer.run(CALLS_TO_WARM_UP + 1)
    else:
        together = SideBySide(trainer.model, [settings] * networks, 4)
        run = engine.runner(trainer.model.device)
        for number in range(CALLS_TO_WARM_UP + 1):
            batch = trainer.batches[number]
            run(together.learn, batch.tokens, batch.targets)
    (graph,) = set(fake_graphs.Graph.living) - before
    print(f"{cell}, {networks} networks: {len(graph.operations)} operations")
    assert len(graph.operations) <= MOST_OPERATIONS[cell]


def test_the_graph_stays_when_a_number_changes_and_goes_when_the_step_does(
    cuda: str, small: dict[str, Any], story: Corpus
) -> None:
    trainer = build_trainer(Settings(**small), story)
    runner = trainer._runner
    assert isinstance(runner, Graph)
    trainer.run(CALLS_TO_WARM_UP + 1)
    first = id(runner._graph)
    trainer.set(learning_rate=0.1, clip_threshold=0.5)
    trainer.run(2)
    assert runner._graph is not None and id(runner._graph) == first
    trainer.set(clip_by="value")
    assert runner._graph is None
    trainer.run(CALLS_TO_WARM_UP + 1)
    assert runner._graph is not None
    resize(trainer, 10)
    assert runner._graph is None


def test_seconds_are_those_of_the_work_and_not_of_handing_it_over(
    cuda: str, fake: Any, small: dict[str, Any], story: Corpus
) -> None:
    trainer = build_trainer(Settings(**small), story)
    trainer.run(4)
    before, started, fake.Device.seconds_of_a_replay = trainer.seconds, time.monotonic(), 0.02
    trainer.run(60)
    took, told = time.monotonic() - started, trainer.seconds - before
    assert told > 0.8 * took


def test_an_interrupt_while_a_graph_is_captured_spoils_nothing(
    small: dict[str, Any], story: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = build_trainer(Settings(**small), story)
    find, calls = trainer.backpropagate, itertools.count(1)

    def interrupted(*batch: Any) -> Any:
        if next(calls) == CALLS_TO_WARM_UP + 1:
            raise KeyboardInterrupt
        return find(*batch)

    monkeypatch.setattr(trainer, "backpropagate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.run(CALLS_TO_WARM_UP + 1)
    before = trainer.model.trainable[0].detach().cpu().clone()
    trainer.run(3)
    assert not torch.equal(before, trainer.model.trainable[0].detach().cpu())
    assert len(trainer.history) == trainer.steps_made == CALLS_TO_WARM_UP + 3


def test_a_trainer_that_nobody_refers_to_leaves_no_graph_to_the_garbage_collector(
    cuda: str, small: dict[str, Any], story: Corpus
) -> None:
    trainer = build_trainer(Settings(**small), story)
    trainer.run(CALLS_TO_WARM_UP + 2)
    assert isinstance(trainer._runner, Graph)
    graph = weakref.ref(trainer._runner)
    gc.collect()
    gc.disable()
    try:
        del trainer
        assert graph() is None
    finally:
        gc.enable()


def test_two_threads_that_begin_at_once_capture_one_after_the_other(
    cuda: str, small: dict[str, Any], story: Corpus
) -> None:
    trainers = [build_trainer(Settings(**small, seed=seed), story) for seed in range(3)]
    threads = [threading.Thread(target=trainer.run, args=(8,)) for trainer in trainers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [trainer.steps_made for trainer in trainers] == [8, 8, 8]


def test_no_graph_is_destroyed_while_another_is_captured(
    cuda: str, small: dict[str, Any], story: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    resized, dropped, capturing = ([build_trainer(Settings(**small), story)] for _ in range(3))
    for (trainer,) in (resized, dropped):
        trainer.run(CALLS_TO_WARM_UP + 1)
    (trainer,), calls = capturing, itertools.count(1)
    find = trainer.backpropagate
    destroyers = [
        threading.Thread(target=resized[0].release_memory),
        threading.Thread(target=dropped.clear),
    ]

    def while_others_destroy(*batch: Any) -> Any:
        if next(calls) == CALLS_TO_WARM_UP + 1:
            for thread in destroyers:
                thread.start()
                thread.join(0.1)  # it waits for the end of the capture
                assert thread.is_alive()
        return find(*batch)

    monkeypatch.setattr(trainer, "backpropagate", while_others_destroy)
    trainer.run(CALLS_TO_WARM_UP + 2)
    for thread in destroyers:
        thread.join()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_run_that_breaks_goes_back_to_where_it_broke_however_late_that_is_seen(
    small: dict[str, Any], story: Corpus, optimizer: str
) -> None:
    ends = []
    for device in (small["device"], "cpu"):
        settings = {**small, "device": device, "learning_rate": 3e38, "clip_threshold": math.inf}
        trainer = build_trainer(Settings(**settings, optimizer=optimizer), story)
        with pytest.raises(FloatingPointError) as told:
            trainer.run(70)
        weights = trainer.model.trainable[0].detach().cpu().clone()
        assert bool(weights.isfinite().all()) and len(trainer.history) == trainer.steps_made < 20
        trainer.set(learning_rate=0.01, clip_threshold=1.0)
        trainer.run(5)
        ends.append((str(told.value).split(";")[0].split(" at ")[1], weights, trainer.history.columns()["loss"][-5:]))
    (step, weights, losses), (expected_step, expected_weights, expected_losses) = ends
    assert step == expected_step
    torch.testing.assert_close(weights, expected_weights, rtol=2e-3, atol=1e-5)
    np.testing.assert_allclose(losses, expected_losses, rtol=2e-3)

"""The GPU that is not there: what a real one would refuse is told, and what it allows is not."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from rnnlib.live.settings import Settings, build_trainer
from rnnlib.text import Corpus
from rnnlib.training import Trainer


@pytest.fixture
def told(fake: Any) -> Iterator[dict[str, None]]:
    """The faults that a test plants."""
    yield fake.faults
    fake.faults.clear()


def test_tensors_of_two_devices_do_not_mix(gpu: str, told: dict[str, None]) -> None:
    with pytest.raises(RuntimeError, match="same device"):
        torch.ones(3, device=gpu) + torch.ones(3)
    assert any("two devices" in fault for fault in told)


def test_numbers_are_real_and_views_are_free(gpu: str, told: dict[str, None]) -> None:
    x = torch.arange(6.0, device=gpu).view(2, 3)
    x[1] += 1
    assert x.device.type == gpu and x.cpu().tolist() == [[0, 1, 2], [4, 5, 6]] and not told


@pytest.mark.parametrize("look", [float, torch.Tensor.item, torch.Tensor.cpu, bool])
def test_a_look_at_a_number_inside_a_step_is_told_and_outside_it_is_not(
    gpu: str, fake: Any, told: dict[str, None], look: Any
) -> None:
    x = torch.ones((), device=gpu)
    look(x)
    assert not told
    with fake.inside_a_step():
        look(x)
    assert any("inside a training step" in fault for fault in told)


def test_float64_is_not_on_mps(gpu: str, told: dict[str, None]) -> None:
    if gpu != "mps":
        pytest.skip("CUDA has it")
    with pytest.raises(TypeError, match="float64"):
        torch.ones(2, device=gpu).double()
    assert any("float64" in fault for fault in told)


def capture(stream: Any = None, mode: str = "thread_local", during: Any = lambda: None) -> Any:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream, capture_error_mode=mode):
        during()
    return graph


def test_a_graph_does_at_each_replay_what_was_captured_and_nothing_before(cuda: str, told: dict[str, None]) -> None:
    x = torch.zeros(2, device=cuda)
    graph = capture(torch.cuda.Stream(), during=lambda: x.add_(1))
    assert x.cpu().tolist() == [0, 0]
    graph.replay()
    graph.replay()
    assert x.cpu().tolist() == [2, 2] and not told


def test_a_graph_whose_capture_was_broken_off_is_not_replayed(cuda: str, told: dict[str, None]) -> None:
    with pytest.raises(RuntimeError, match="without a preceding successful capture"):
        torch.cuda.CUDAGraph().replay()


@pytest.mark.parametrize(
    ("words", "break_a_rule"),
    [
        ("waits for the GPU while a graph is captured", lambda x: float(x)),
        ("the graph will keep its value of now", lambda x: x.add_(torch.ones(()))),
        ("two graphs are captured at the same time", lambda x: capture(torch.cuda.Stream())),
    ],
)
def test_what_breaks_a_capture_is_told(cuda: str, told: dict[str, None], words: str, break_a_rule: Any) -> None:
    x = torch.zeros((), device=cuda)
    capture(torch.cuda.Stream(), during=lambda: break_a_rule(x))
    assert any(words in fault for fault in told)


@pytest.mark.parametrize(("mode", "is_broken"), [("global", True), ("thread_local", False)])
def test_another_thread_may_look_while_a_graph_is_captured_unless_it_counts(
    cuda: str, told: dict[str, None], mode: str, is_broken: bool
) -> None:
    x = torch.zeros((), device=cuda)

    def look_elsewhere() -> None:
        thread = threading.Thread(target=lambda: float(x))
        thread.start()
        thread.join()

    capture(torch.cuda.Stream(), mode, look_elsewhere)
    assert any("breaks the capture" in fault for fault in told) == is_broken


def test_graphs_of_one_stream_must_not_outlive_one_another(cuda: str, told: dict[str, None]) -> None:
    stream = torch.cuda.Stream()
    first, second = capture(stream), capture(stream)
    del first
    assert any("193402" in fault for fault in told)
    del second


def test_a_graph_must_not_be_destroyed_while_another_is_captured(cuda: str, told: dict[str, None]) -> None:
    graphs = [capture(torch.cuda.Stream())]
    capture(torch.cuda.Stream(), during=graphs.clear)
    assert any("161037" in fault for fault in told)


def test_a_step_that_looks_at_its_loss_is_told(
    small: dict[str, Any], story: Corpus, told: dict[str, None], monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Trainer._learn

    def curious(trainer: Trainer, *batch: Any) -> None:
        learn(trainer, *batch)
        float(trainer.last_result.loss)

    monkeypatch.setattr(Trainer, "_learn", curious)
    build_trainer(Settings(**small), story).step()
    assert any("inside a training step" in fault for fault in told)

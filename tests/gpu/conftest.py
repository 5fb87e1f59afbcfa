"""The GPU path: `pytest tests/gpu --gpu=cuda` or `--gpu=mps` with a GPU that is not there, `--gpu=real` with one.

These tests change torch for their process (fake_gpu.py), so they are collected only with --gpu, and alone.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "unit")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--gpu", choices=("cuda", "mps", "real"), default=None, help="cuda and mps are not there")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if config.getoption("gpu", default=None) is None and collection_path.name.startswith("test_") else None


def pytest_configure(config: pytest.Config) -> None:
    kind = config.getoption("gpu", default=None)
    torch.set_num_threads(1)
    if kind in ("cuda", "mps"):
        import fake_gpu
        import fake_graphs

        fake_gpu.install(kind)
        fake_graphs.install()


@pytest.fixture
def gpu(request: pytest.FixtureRequest) -> str:
    """The device of these tests: cuda or mps."""
    kind = request.config.getoption("gpu")
    return "cuda" if kind == "real" else kind


@pytest.fixture
def cuda(gpu: str) -> str:
    """For tests of what only CUDA has."""
    if gpu != "cuda":
        pytest.skip("CUDA graphs are CUDA's")
    return gpu


@pytest.fixture
def fake(request: pytest.FixtureRequest) -> Any:
    """The GPU that is not there, for tests of what only it can see."""
    if request.config.getoption("gpu") == "real":
        pytest.skip("a real GPU does not tell this")
    import fake_gpu

    return fake_gpu


@pytest.fixture(autouse=True)
def no_faults(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After every test: nothing was done that a GPU refuses, and no training step has waited for it."""
    from rnnlib.training import Trainer

    step = Trainer.step
    if request.config.getoption("gpu") == "real":

        def watched(trainer: Trainer) -> Any:
            cuts_batches_anew = trainer.steps_made % trainer.batches.num_batches == 0
            torch.cuda.set_sync_debug_mode("default" if cuts_batches_anew else "error")
            try:
                return step(trainer)
            finally:
                torch.cuda.set_sync_debug_mode("default")

        monkeypatch.setattr(Trainer, "step", watched)
        yield
        return

    import fake_gpu

    def watched_step(trainer: Trainer) -> Any:
        with fake_gpu.inside_a_step():
            return step(trainer)

    monkeypatch.setattr(Trainer, "step", watched_step)
    fake_gpu.faults.clear()
    fake_gpu.Device.seconds_of_a_replay = 0.002
    yield
    assert list(fake_gpu.faults) == []


@pytest.fixture
def small(gpu: str) -> dict[str, Any]:
    """Settings of a session on the GPU."""
    return {"hidden_size": 8, "batch_size": 4, "num_steps": 5, "max_train_tokens": 2000, "device": gpu}


@pytest.fixture
def story() -> Any:
    """The story's first characters, and few to evaluate on."""
    from rnnlib.text import load_corpus

    corpus = load_corpus("story", max_train_tokens=2000)
    return replace(corpus, validation=corpus.validation[:300])

"""Using rnnlib changes nothing else in the reader's process, and works in whatever state that is."""

import subprocess
import sys
import textwrap

import pytest

# What a reader may see of the process, and a short training of every kind.
STATE_AND_WORK = """
    import gc, os, random, threading, warnings
    import matplotlib, numpy, threadpoolctl, torch

    def state():
        return {
            "torch threads": torch.get_num_threads(),
            "torch threads between operations": torch.get_num_interop_threads(),
            "BLAS and OpenMP threads": {lib["filepath"]: lib["num_threads"] for lib in threadpoolctl.threadpool_info()},
            "flushes denormal numbers": (numpy.array([1e-310]) * 1.0 == 0)[0],
            "default dtype": torch.get_default_dtype(),
            "gradients": torch.is_grad_enabled(),
            "inference": torch.is_inference_mode_enabled(),
            "random state of torch": torch.get_rng_state().tolist(),
            "random state of numpy": str(numpy.random.get_state()),
            "random state of Python": random.getstate(),
            "rcParams": dict(matplotlib.rcParams),
            "warnings": list(warnings.filters),
            "threads": threading.active_count(),
            "environment": dict(os.environ),
            "garbage collection": (gc.isenabled(), gc.get_threshold()),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        }

    def check(before, *, but=()):
        after = state()
        loaded_before = before["BLAS and OpenMP threads"]
        after["BLAS and OpenMP threads"] = {path: after["BLAS and OpenMP threads"][path] for path in loaded_before}
        changed = [name for name in before if name not in but and before[name] != after[name]]
        assert not changed, {name: (before[name], after[name]) for name in changed}

    def train(cell="rnn", steps=30):
        from rnnlib.models import LanguageModel
        from rnnlib.text import SequentialBatches, load_corpus
        from rnnlib.training import Trainer
        corpus = load_corpus(max_train_tokens=4000)
        generator = torch.Generator().manual_seed(0)
        model = LanguageModel(cell, vocab_size=len(corpus.vocab), hidden_size=64, generator=generator)
        trainer = Trainer(model, SequentialBatches(corpus.train, batch_size=32, num_steps=35))
        trainer.run(steps)
        return trainer.history.columns()["loss"].tolist()
"""


def run(code: str) -> str:
    """What a fresh process prints.  Its threads are those of the machine, not of this test's worker."""
    script = textwrap.dedent(STATE_AND_WORK) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


MODULES = """
    import importlib, pkgutil
    before = state()
    import rnnlib
    for module in pkgutil.walk_packages(rnnlib.__path__, "rnnlib."):
        importlib.import_module(module.name)
"""


def test_importing_every_module_changes_nothing() -> None:
    run(MODULES + "    check(before)\n")


def test_training_changes_nothing() -> None:
    run("""
    import rnnlib.training
    before = state()
    for cell in ("rnn", "gru", "lstm"):
        train(cell)
        check(before, but={"threads"})  # an engine's threads wait for its next step
    assert threading.active_count() - before["threads"] < os.cpu_count() and threading.active_count() <= 8
    """)


def test_training_pytorchs_layers_and_adam_changes_nothing() -> None:
    run("""
    from rnnlib.models import RNNModel
    from rnnlib.text import RandomBatches, load_corpus
    from rnnlib.training import Trainer, evaluate
    corpus = load_corpus(max_train_tokens=4000)
    V = len(corpus.vocab)
    model = RNNModel(torch.nn.LSTM(V, 32, 2, bidirectional=True), V)
    before = state()
    Trainer(model, RandomBatches(corpus.train, batch_size=8, num_steps=10), optimizer="adam").run(10)
    evaluate(model, corpus.validation)
    check(before)
    """)


def test_a_live_session_changes_nothing_but_its_thread() -> None:
    run("""
    from rnnlib.live.sessions import Session
    from rnnlib.live.settings import Settings
    before = state()
    session = Session(Settings(hidden_size=64, max_train_tokens=4000))
    session.keep_evaluating(60)
    session.run(30)
    session.fork()
    session.set(hidden_size=80, learning_rate=0.5)
    session.run(30)
    session.stop()
    check(before, but={"threads"})
    """)


def test_drawing_changes_nothing() -> None:
    run("""
    from rnnlib import widgets
    before = state()
    widgets.PerplexityOfADistribution().png
    widgets.JacobianProducts().png
    check(before)
    """)


# -------------------------------------------------------------------------- whatever the reader has set

LOSSES = """
    before = state()
    print(train("rnn"), train("lstm"))
    check(before, but={"threads"})
"""


@pytest.fixture(scope="module")
def usual() -> str:
    """The losses of a process in which nothing was set."""
    return run(LOSSES)


@pytest.mark.parametrize(
    "setting",
    [
        "torch.set_default_dtype(torch.float64)",
        "torch.set_default_device('meta')",
        "torch.set_num_threads(1)",
        "torch.set_num_threads(7)",
        "torch.set_grad_enabled(False)",
        "reader = torch.inference_mode(); reader.__enter__()",
        "torch.set_flush_denormal(True); torch.use_deterministic_algorithms(True); numpy.seterr(all='raise'); "
        "torch.manual_seed(1); numpy.random.seed(1); random.seed(1); warnings.simplefilter('error'); "
        "matplotlib.rcParams['lines.linewidth'] = 20",
    ],
)
def test_the_same_numbers_come_out_whatever_the_reader_has_set(usual: str, setting: str) -> None:
    assert run(f"    {setting}\n" + LOSSES) == usual


def test_pytorchs_layers_train_in_inference_mode_too() -> None:
    run("""
    from rnnlib.models import RNNModel
    from rnnlib.text import SequentialBatches, load_corpus
    from rnnlib.training import Trainer
    corpus, found = load_corpus(max_train_tokens=4000), []
    for mode in (torch.enable_grad(), torch.no_grad(), torch.inference_mode()):
        torch.manual_seed(0)
        model = RNNModel(torch.nn.GRU(len(corpus.vocab), 16), len(corpus.vocab))
        with mode:
            trainer = Trainer(model, SequentialBatches(corpus.train, batch_size=8, num_steps=10))
            trainer.run(20)
        found.append(trainer.history.columns()["loss"].tolist())
    assert found[0] == found[1] == found[2]
    """)


def test_a_reader_who_calls_the_model_of_a_running_trainer_disturbs_nothing() -> None:
    run("""
    from rnnlib.models import LanguageModel
    from rnnlib.text import SequentialBatches, load_corpus
    from rnnlib.training import Trainer
    corpus = load_corpus(max_train_tokens=4000)

    def losses(calls_between):
        generator = torch.Generator().manual_seed(0)
        model = LanguageModel("gru", vocab_size=len(corpus.vocab), hidden_size=32, generator=generator)
        trainer = Trainer(model, SequentialBatches(corpus.train, batch_size=8, num_steps=10))
        tokens = torch.zeros(10, 8, dtype=torch.int64)
        for _ in range(12):
            if calls_between:
                model.backpropagate(tokens, tokens, trainer.state)
                model(tokens, trainer.state)
            trainer.step()
        return trainer.history.columns()["loss"].tolist()

    assert losses(True) == losses(False)
    """)


# ------------------------------------------------------------------------------------- other processes


def test_a_default_process_pool_trains_after_its_parent_has() -> None:
    run("""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    usual = train()
    if "fork" in multiprocessing.get_all_start_methods():  # the default on Linux before Python 3.14
        torch.ones(1000, 1000) @ torch.ones(1000, 1000) + torch.ones(1000, 1000)  # with all of torch's threads
        with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
            assert list(pool.map(train, ["rnn"] * 4, timeout=120)) == [usual] * 4
    """)


def test_a_process_ends_while_a_session_trains() -> None:
    run("""
    from rnnlib.live.sessions import Session
    from rnnlib.live.settings import Settings
    session = Session(Settings(hidden_size=64, max_train_tokens=4000))
    session.start()
    while session.steps_made < 3:
        pass
    """)

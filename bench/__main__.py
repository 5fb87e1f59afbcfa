"""The speed table: every pair measured in turns, so that a busy machine slows both; ratios of medians."""

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date

import torch

from bench.textbook import textbook_step
from rnnlib.gradients import norms_over_time
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.models import CPU_THREADS, LanguageModel, one_torch_thread
from rnnlib.text import SequentialBatches
from rnnlib.training import Trainer
from rnnlib.widgets import TrainingLab

T, B, V = 35, 32, 28
MUST = {
    ("rnn", 256): 1.7,
    ("rnn", 64): 2.6,
    ("gru", 256): 1.5,
    ("gru", 64): 2.3,
    ("lstm", 256): 1.05,
    ("lstm", 64): 1.1,
}


def in_turns(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median time of each function in microseconds.

    A turn is 5 calls that are not counted, in which caches and threads get used to it as in a training run, and 10
    that are.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            for _ in range(5):
                function()
            for _ in range(10):
                started = time.perf_counter()
                function()
                times[name].append((time.perf_counter() - started) * 1e6)
    return {name: statistics.median(measured) for name, measured in times.items()}


def steps(cell: str, hidden_size: int) -> dict[str, float]:
    """A training step: textbook and ours."""
    batches = SequentialBatches(torch.randint(V, (10_000,)), batch_size=B, num_steps=T)
    trainer = Trainer(LanguageModel(cell, vocab_size=V, hidden_size=hidden_size), batches)
    textbook, batch = textbook_step(cell, V, hidden_size), batches[0]

    def textbook_with_its_threads() -> None:
        torch.set_num_threads(CPU_THREADS)
        textbook(batch.tokens, batch.targets)

    def ours() -> None:
        trainer.step()
        trainer.raise_if_diverged()

    return in_turns({"textbook": textbook_with_its_threads, "ours": ours}, rounds=12 if hidden_size < 200 else 5)


def norms_share() -> float:
    """All T gradient norms, as a share of a step (RNN, H = 256)."""
    batches = SequentialBatches(torch.randint(V, (10_000,)), batch_size=B, num_steps=T)
    trainer, gradients = Trainer(LanguageModel(vocab_size=V, hidden_size=256), batches), torch.randn(T, B, 256)
    norms = one_torch_thread(norms_over_time)
    times = in_turns({"step": trainer.step, "norms": lambda: norms([gradients])}, rounds=6)
    return times["norms"] / times["step"]


def lab_cost(hidden_size: int, seconds: float = 5.0, rounds: int = 9) -> float:
    """How much slower a session trains while the lab draws it, as a share: the median of rounds of two turns."""
    lab = TrainingLab(name="bench lab", hidden_size=hidden_size, num_steps=T, batch_size=B)
    bare = Session(Settings(hidden_size=hidden_size, num_steps=T, batch_size=B), name="bench bare")

    def steps_per_second(session: Session) -> float:
        first, started = session.steps_made, time.perf_counter()
        session.start()
        time.sleep(seconds)
        session.pause()
        elapsed = time.perf_counter() - started
        session.wait()  # for the step under way, and for a last evaluation when there is nothing left to slow down
        return (session.steps_made - first) / elapsed

    costs = [1 - steps_per_second(lab.session) / steps_per_second(bare) for _ in range(rounds)]
    lab.stop()
    bare.stop()
    return statistics.median(costs)


def first_picture() -> float:
    """Seconds from a fresh Python to the first picture of a training lab."""
    code = "from rnnlib.widgets import TrainingLab; lab = TrainingLab(); lab.session.run(1); lab._repr_mimebundle_()"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure everything and print one Markdown table."""
    print(
        f"{date.today()}, {platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads, float32\n"
    )
    print("| measured | textbook | ours | ratio | must |\n| --- | --- | --- | --- | --- |")
    for (cell, hidden_size), must in MUST.items():
        times = steps(cell, hidden_size)
        ratio = times["textbook"] / times["ours"]
        name = f"{cell.upper()} {hidden_size}, us per step"
        print(f"| {name} | {times['textbook']:.0f} | {times['ours']:.0f} | {ratio:.2f} | {must} |", flush=True)
    print(f"| all gradient norms over time | | {norms_share():.2%} of a step | | < 1% |", flush=True)
    for hidden_size in (64, 256):
        print(
            f"| the lab open and drawing, RNN {hidden_size} | | costs {lab_cost(hidden_size):.1%} | | < 8% |",
            flush=True,
        )
    print(f"| import and first picture | | {first_picture():.1f} s | | < 10 s |")


if __name__ == "__main__":
    main()

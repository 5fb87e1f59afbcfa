"""The speed table: `python -m bench`, or in some seconds and without meaning `python -m bench --smallest`."""

import argparse
import platform
import statistics
import time
from dataclasses import dataclass
from datetime import date

import torch

from bench import fresh, steps
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.widgets import TrainingLab

MUST_AND_AIM = {
    ("rnn", "large"): (1.8, 2.5),
    ("rnn", "small"): (2.6, 5),
    ("gru", "large"): (1.7, 2),
    ("gru", "small"): (2.5, 5),
    ("lstm", "large"): (1, 1.2),
    ("lstm", "small"): (1.2, 2),
}


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    large, small: hidden sizes.  rounds: of steps in turns, large and small.  lab_seconds, lab_rounds: how long a lab
    trains in a turn, and how often.  processes: how many fresh ones.
    """

    large: int = 256
    small: int = 64
    rounds: tuple[int, int] = (5, 12)
    lab_seconds: float = 5.0
    lab_rounds: int = 9
    processes: int = 5


SMALLEST = Extent(large=9, small=8, rounds=(1, 1), lab_seconds=0.1, lab_rounds=1, processes=1)


def lab_cost(hidden_size: int, seconds: float, rounds: int) -> float:
    """How much slower a session trains while the lab draws it, as a share: the median of rounds of two turns."""
    lab = TrainingLab(name="bench lab", hidden_size=hidden_size, num_steps=steps.T, batch_size=steps.B)
    bare = Session(Settings(hidden_size=hidden_size, num_steps=steps.T, batch_size=steps.B), name="bench bare")

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


def row(measured: str, textbook: str, ours: str, ratio: str, must: str, aim: str, share: str) -> None:
    """Print one row of the table."""
    print(f"| {measured} | {textbook} | {ours} | {ratio} | {must} | {aim} | {share} |", flush=True)


def main() -> None:
    """Measure everything and print one Markdown table."""
    parser = argparse.ArgumentParser(description="Measure the course's speed.")
    parser.add_argument("--smallest", action="store_true", help="see that it runs, in some seconds")
    extent = SMALLEST if parser.parse_args().smallest else Extent()
    print(
        f"{date.today()}, {platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads, float32"
    )
    print()
    row("measured", "textbook", "ours", "ratio", "must", "aim", "share of the peak")
    row(*["---"] * 7)
    for (cell, size), (must, aim) in MUST_AND_AIM.items():
        hidden_size, rounds = getattr(extent, size), extent.rounds[size == "small"]
        step = steps.compare(cell, hidden_size, rounds=rounds)
        ratio, times = step.textbook / step.ours, (f"{step.textbook:.0f} us", f"{step.ours:.0f} us")
        row(f"a step, {cell.upper()} {hidden_size}", *times, f"{ratio:.2f}", f"{must}", f"{aim}", f"{step.share:.0%}")
    norms = steps.norms_in_steps(extent.large, rounds=extent.rounds[0])
    row("gradient norms over lags, at an evaluation", "", f"{norms:.1f} steps", "", "", "", "")
    for hidden_size in (extent.small, extent.large):
        cost = lab_cost(hidden_size, extent.lab_seconds, extent.lab_rounds)
        row(f"the lab open and drawing, RNN {hidden_size}", "", f"costs {cost:.1%}", "", "< 8%", "", "")
    start = fresh.start(extent.processes)
    row("import, beyond torch", "", f"{start.imports:.2f} s", "", "0.5 s", "0.2 s", "")
    row("first step of a fresh process", "", f"{start.first_step:.2f} s", "", "0.5 s", "0.1 s", "")
    row("import and first picture", "", f"{fresh.first_picture():.1f} s", "", "< 10 s", "", "")


if __name__ == "__main__":
    main()

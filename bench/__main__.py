"""The speed table: `python -m bench`, or in some seconds and without meaning `python -m bench --smallest`."""

import argparse
import platform
from dataclasses import dataclass
from datetime import date

import torch

from bench import fresh, live, steps

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
    trains in a turn, and how often.  long_run: steps.  processes: how many fresh ones.
    """

    large: int = 256
    small: int = 64
    rounds: tuple[int, int] = (5, 12)
    lab_seconds: float = 0.3
    lab_rounds: int = 100
    long_run: int = 1_000_000
    processes: int = 5


SMALLEST = Extent(large=9, small=8, rounds=(1, 1), lab_seconds=0.1, lab_rounds=1, long_run=1000, processes=1)


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
        lost = live.in_a_kernel("training_lost", hidden_size, extent.lab_seconds, extent.lab_rounds)
        row(f"training lost to the lab, RNN {hidden_size}", "", f"{lost:.1%}", "", "2%", "1%", "")
    for steps_before in (1, extent.long_run):
        found = live.Frames(*live.in_a_kernel("frames", extent.large, steps_before, 10 * extent.lab_seconds))
        row(
            f"a message to the page after {steps_before:,} steps",
            "",
            f"{found.milliseconds:.2f} ms",
            "",
            "1 ms",
            "0.4 ms",
            "",
        )
        size = f"{found.kilobytes:.2f} kB, at most {found.largest_kilobytes:.0f} kB"
        row("", "", size, "", "2 kB", "0.5 kB", "")
    grown = live.in_a_kernel("growth", extent.small, extent.long_run)
    row(
        f"memory, from step {extent.long_run // 10:,} to {extent.long_run:,}",
        "",
        f"{grown:.1f} MB more",
        "",
        "20 MB an hour",
        "",
        "",
    )
    start = fresh.start(extent.processes)
    row("import, beyond torch", "", f"{start.imports:.2f} s", "", "0.5 s", "0.2 s", "")
    row("first step of a fresh process", "", f"{start.first_step:.2f} s", "", "0.5 s", "0.1 s", "")
    row("import and first picture", "", f"{fresh.first_picture():.1f} s", "", "< 10 s", "", "")


if __name__ == "__main__":
    main()

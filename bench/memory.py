"""Who remembers how far: steps to success of five contestants, over tasks, delays and seeds.

python -m bench.memory      some twenty minutes on one core; writes bench/memory.json and prints a table
"""

import json
import statistics
from pathlib import Path

import torch

from rnnlib.topics.long_memory import CONTESTANTS, steps_to_success
from rnnlib.topics.tasks import TASKS

SETTINGS = (
    ("temporal order", 10), ("temporal order", 30), ("temporal order", 60), ("adding", 10), ("adding", 30),
    ("copying", 10),
)  # fmt: skip
SEEDS = (0, 1, 2, 3, 4)
RESULTS = Path(__file__).parent / "memory.json"


def described(steps: list[int | None]) -> str:
    """Median and range where every run succeeded; else how many did, and their range."""
    solved = [number for number in steps if number is not None]
    spread = f" ({min(solved)} to {max(solved)})" if len(solved) > 1 else f" ({solved[0]})" if solved else ""
    if len(solved) < len(steps):
        return f"{len(solved)} of {len(steps)}{spread}"
    return f"{statistics.median(solved):.0f}{spread}"


def main() -> None:
    """Train everybody and write down what happened."""
    torch.set_num_threads(1)
    found = []
    print(f"| task, delay | {' | '.join(CONTESTANTS)} |\n| --- |{' --- |' * len(CONTESTANTS)}")
    for name, delay in SETTINGS:
        row = []
        for kind in CONTESTANTS:
            task = TASKS[name]
            runs = [steps_to_success(kind, task, delay, seed=seed, most_steps=task.most_steps) for seed in SEEDS]
            found.append({"task": name, "delay": delay, "contestant": kind, "steps": runs})
            row.append(described(runs))
        print(f"| {name}, {delay} | {' | '.join(row)} |", flush=True)
    RESULTS.write_text(
        json.dumps(
            {"most_steps": {name: TASKS[name].most_steps for name, _ in SETTINGS}, "seeds": SEEDS, "runs": found},
            indent=1,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()

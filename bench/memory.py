"""Who remembers how far: steps to success of five contestants, over tasks, delays and seeds.

python -m bench.memory      some twenty minutes on one core; writes bench/memory.json, prints notebook 04's table
"""

import json
import statistics
from pathlib import Path
from typing import Any

import torch

from bench.results import where_and_when
from rnnlib.files import write_atomically
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


def table(results: dict[str, Any]) -> str:
    """memory.json as the Markdown table of notebook 04."""
    lines = [f"| task, delay | {' | '.join(CONTESTANTS)} |", f"| --- |{' --- |' * len(CONTESTANTS)}"]
    for task, delay in SETTINGS:
        row = [described(run["steps"]) for run in results["runs"] if (run["task"], run["delay"]) == (task, delay)]
        lines.append(f"| {task}, {delay} | {' | '.join(row)} |")
    return "\n".join(lines)


def main() -> None:
    """Train everybody, print each run as it comes, and write down what happened."""
    torch.set_num_threads(1)
    most_steps = {name: TASKS[name].most_steps for name, _ in SETTINGS}
    results = {**where_and_when("cpu"), "most_steps": most_steps, "seeds": SEEDS, "runs": []}
    for name, delay in SETTINGS:
        for kind in CONTESTANTS:
            task = TASKS[name]
            steps = [steps_to_success(kind, task, delay, seed=seed, most_steps=task.most_steps) for seed in SEEDS]
            results["runs"].append({"task": name, "delay": delay, "contestant": kind, "steps": steps})
            print(f"{name}, {delay}, {kind}: {described(steps)}", flush=True)
    write_atomically(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    print(table(results))


if __name__ == "__main__":
    main()

"""The speed table of a GPU: `python -m bench.gpu`, some minutes; `--smallest` sees that it runs.

Everything is float32 without TF32, which cuDNN's layers would use by default and our products do not.
"""

import argparse
import time
from collections.abc import Callable
from datetime import date
from statistics import median

import torch

from bench.steps import B, T, V
from bench.textbook import LAYERS, textbook_step
from rnnlib import engine
from rnnlib.arguments import choose_device
from rnnlib.engine.gpu import CALLS_TO_WARM_UP
from rnnlib.live.resizing import resize
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
from rnnlib.live.sweeps import sweep
from rnnlib.models import LanguageModel, RNNModel
from rnnlib.text import SequentialBatches
from rnnlib.training import Trainer
from rnnlib.widgets.learning_map import CLIP_THRESHOLDS, LEARNING_RATES, SMALL_NETWORK


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """From a GPU with nothing to do until it has done this."""
    engine.wait_for(device)
    started = time.perf_counter()
    work()
    engine.wait_for(device)
    return time.perf_counter() - started


def compare(cell: str, hidden_size: int, device: torch.device, *, rounds: int, steps: int) -> None:
    """A row: textbook, PyTorch's layer captured, ours; microseconds a step, in turns; how exact our gradient is."""
    batches = SequentialBatches(torch.randint(V, (100_000,)).to(device), batch_size=B, num_steps=T)
    textbook, batch = textbook_step(cell, V, hidden_size, device=device), batches[0]
    layer = Trainer(RNNModel(LAYERS[cell](V, hidden_size), V).to(device), batches)
    ours = Trainer(LanguageModel(cell, vocab_size=V, hidden_size=hidden_size, device=device), batches)
    contestants: dict[str, Callable[[], object]] = {
        "textbook": lambda: [textbook(batch.tokens, batch.targets) for _ in range(steps)],
        "layer": lambda: [layer.step() for _ in range(steps)],
        "ours": lambda: [ours.step() for _ in range(steps)],
    }
    for work in contestants.values():
        work()  # warms up and captures
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            times[name].append(1e6 * seconds_of(work, device) / steps)
    textbook_us, layer_us, ours_us = (median(times[name]) for name in ("textbook", "layer", "ours"))
    started = time.perf_counter()
    ours.step()
    handed_over = 1e6 * (time.perf_counter() - started)
    recapture = seconds_of(lambda: (resize(ours, hidden_size + 4), ours.run(CALLS_TO_WARM_UP + 1)), device)
    us = " | ".join(f"{each:.0f} us" for each in (textbook_us, layer_us, ours_us))
    rest = f"{handed_over:.0f} us | {recapture:.2f} s | {error_of(cell, hidden_size, device):.0e}"
    print(f"| a step, {cell.upper()} {hidden_size} | {us} | {textbook_us / ours_us:.2f} | {rest} |", flush=True)


def error_of(cell: str, hidden_size: int, device: torch.device) -> float:
    """How far our gradient is from the definition's in float64 on a CPU, relative to its length."""
    model = LanguageModel(cell, vocab_size=V, hidden_size=hidden_size)
    tokens, targets = torch.randint(V, (2, T, B))
    exact = model.copy().double()
    (expected,) = exact.backpropagate(tokens, targets, exact.initial_state(B)).gradients
    there = model.to(device)
    found = engine.FewOperations(model.cell).backpropagate(
        there.weights, tokens.to(device), targets.to(device), there.initial_state(B)
    )
    difference = found.gradients[0].cpu().double() - expected
    return float(torch.linalg.vector_norm(difference) / torch.linalg.vector_norm(expected))


def session(device: torch.device, *, seconds: float) -> None:
    """A row: a session with two forks that is evaluated all the while."""
    live = Session(Settings(device=device.type), name="bench of a gpu")
    live.run(10)
    live.fork()
    live.fork()
    live.keep_evaluating(seconds)
    live.start()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and live.running:
        time.sleep(min(1.0, seconds))
    live.pause()
    live.worker.settle()
    per_second = live.steps_made / live.trainers["main"].seconds
    print(
        f"| RNN 256 and two forks for {seconds:.0f} s | | | {per_second:.0f} steps/s | | "
        f"{len(live.evaluations)} evaluations | | |",
        flush=True,
    )
    live.stop()


def learning_map(device: torch.device, *, steps: int) -> None:
    """A row: the networks of a map side by side, and one of them alone."""
    grid = {"learning_rates": LEARNING_RATES, "clip_thresholds": CLIP_THRESHOLDS, "steps": steps}
    settings = Settings(**{**SMALL_NETWORK, "device": device.type})
    one = {**grid, "learning_rates": LEARNING_RATES[:1], "clip_thresholds": CLIP_THRESHOLDS[:1]}
    alone, together = (seconds_of(lambda which=which: list(sweep(settings, **which)), device) for which in (one, grid))
    networks = len(LEARNING_RATES) * len(CLIP_THRESHOLDS)
    print(f"| {networks} networks, {steps} steps | | | {together:.2f} s | one alone: {alone:.2f} s | | | |", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Measure everything and print one Markdown table."""
    parser = argparse.ArgumentParser(description="Measure the course's speed on a GPU.")
    parser.add_argument("--smallest", action="store_true", help="see that it runs, in some seconds")
    smallest = parser.parse_args(arguments).smallest
    device = choose_device("auto")
    if device.type == "cpu":
        raise SystemExit("there is no CUDA GPU here.")
    torch.backends.cudnn.allow_tf32 = False
    name = "a GPU that is not there" if smallest else torch.cuda.get_device_name()
    print(f"{date.today()}, {name}, torch {torch.__version__}, float32, TF32 off; {T} time steps, {B} rows\n")
    print(
        "| measured | textbook | PyTorch's layer, captured | ours | ratio | handed over in | new size after | error |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for cell in LAYERS:
        for hidden_size in (8,) if smallest else (64, 256, 1024):
            compare(cell, hidden_size, device, rounds=1 if smallest else 7, steps=2 if smallest else 200)
    session(device, seconds=0.2 if smallest else 120)
    learning_map(device, steps=2 if smallest else 200)


if __name__ == "__main__":
    main()

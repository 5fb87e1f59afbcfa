"""What a fresh process has to wait for: imports, its first training step, its first picture."""

import subprocess
import sys
import time
from statistics import median
from typing import NamedTuple

FIRST_STEP = """
import time, torch
begin = time.perf_counter()
from rnnlib import models, text, training
imported = time.perf_counter()
batches = text.SequentialBatches(text.load_corpus("story").train)
trainer = training.Trainer(models.LanguageModel(vocab_size=28, hidden_size=256), batches)
built = time.perf_counter()
trainer.step()
print(imported - begin, time.perf_counter() - built)
"""
FIRST_PICTURE = """
from rnnlib.widgets import TrainingLab
lab = TrainingLab()
lab.session.run(1)
lab._repr_mimebundle_()
"""


class Start(NamedTuple):
    """Seconds.  imports: of all that training an RNN needs, beyond torch.  first_step: of that training."""

    imports: float
    first_step: float


def start(processes: int) -> Start:
    """Medians over some fresh processes.  Whoever calls this has trained an RNN: its compiled loops are on disk."""
    starts = []
    for _ in range(processes):
        python = subprocess.run([sys.executable, "-c", FIRST_STEP], check=True, capture_output=True, text=True)
        starts.append(Start(*map(float, python.stdout.split())))
    return Start(*(median(times) for times in zip(*starts, strict=True)))


def first_picture() -> float:
    """Seconds from a fresh Python to the first picture of a training lab."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", FIRST_PICTURE], check=True)
    return time.perf_counter() - started

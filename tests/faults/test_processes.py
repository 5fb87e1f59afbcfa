"""The process and its neighbours: forks, other processes, interrupts and ends at any moment, any number of threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = """
import os, random, signal, sys, threading, time
import numpy as np
import torch
from rnnlib.live import recordings
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings

SMALL = Settings(hidden_size=48, batch_size=32, num_steps=10, device="cpu")

def losses(session):
    return session.trainers["main"].history.columns()["loss"]
"""


def run(code: str, *arguments: object, seconds: float = 240, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SMALL + code, *map(str, arguments)],
        capture_output=True, text=True, timeout=seconds, env=environment,
    )  # fmt: skip


@pytest.mark.parametrize(("end", "code"), [("", 0), ("sys.exit(3)", 3), ("1 / 0", 1)])
def test_a_process_that_ends_while_it_trains_and_saves_ends_at_once(tmp_path: Path, end: str, code: int) -> None:
    done = run(
        f"""
session = Session(SMALL, name="ends")
session.start()
recordings.save(session, sys.argv[1])
threading.Thread(target=lambda: [recordings.save(session, sys.argv[1]) for _ in range(1000)], daemon=True).start()
{end}
""",
        tmp_path / "saved",
    )
    assert done.returncode == code, done.stderr[-1000:]
    assert "Fatal" not in done.stderr


def test_an_interrupt_at_any_moment_leaves_a_session_that_trains_saves_and_replays(tmp_path: Path) -> None:
    done = run(
        """
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background processes ignore interrupts
chance = random.Random(0)
session = Session(SMALL, name="interrupted")
interrupted = 0
for _ in range(25):
    timer = threading.Timer(chance.uniform(0, 0.05), lambda: os.kill(os.getpid(), signal.SIGINT))
    try:
        timer.start()
        while True:
            session.start()
            session.set(learning_rate=chance.uniform(0.1, 1), hidden_size=chance.randint(40, 56))
            recordings.save(session, sys.argv[1])
            session.wait()
    except KeyboardInterrupt:
        interrupted += 1
    timer.join()
session.run(5)
recordings.save(session, sys.argv[1])
loaded, again = recordings.load(sys.argv[1], name="loaded"), recordings.replay(sys.argv[1])
assert np.array_equal(losses(loaded), losses(session)) and np.array_equal(losses(again), losses(session))
print(interrupted)
""",
        tmp_path / "saved",
    )
    assert done.stdout.strip() == "25", done.stderr[-2000:]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_made_while_a_session_trains_train_too(method: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        SMALL
        + """
from concurrent.futures import ProcessPoolExecutor
import multiprocessing
from rnnlib.live.sweeps import sweep

if __name__ == "__main__":
    session = Session(SMALL, name="parent")
    session.start()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(sys.argv[1])) as executor:
        runs = list(sweep(SMALL, learning_rates=[0.5, 1.0], clip_thresholds=[1.0], steps=5, executor=executor))
    reached = session.steps_made
    session.pause()
    session.run(3)
    print(len(runs), session.error)
"""
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore", str(script), method]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.stdout.strip() == "2 None" and done.returncode == 0, done.stderr[-2000:]


THREADS = """
torch.set_num_threads(int(sys.argv[1]))
session = Session(Settings(cell="gru", hidden_size=96, batch_size=32, num_steps=35, device="cpu"), name="threads")
session.run(6)
if sys.argv[2] == "interrupted":
    recordings.save(session, sys.argv[3])
    session.stop()
    session = recordings.load(sys.argv[3], name="threads")
session.set(hidden_size=112)
session.run(6)
print(*map(float.hex, losses(session)), session.model.vector.detach().double().sum().item().hex())
"""


def test_the_numbers_are_the_same_on_any_number_of_threads_and_after_an_interruption(tmp_path: Path) -> None:
    ways = [(1, "whole", "1"), (2, "whole", "1"), (4, "interrupted", "4")]
    found = []
    for threads, how, openmp in ways:
        done = run(THREADS, threads, how, tmp_path / "saved", OMP_NUM_THREADS=openmp)
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(done.stdout)
    assert found[0] == found[1] == found[2] and len(found[0].split()) == 13

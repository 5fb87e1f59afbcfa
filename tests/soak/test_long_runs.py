"""A long run of a lab under a storm of changes: nothing grows or stops, pictures cost the same, and all of it replays.

SOAK_MINUTES says how long; 10 by default.
"""

import os
import statistics
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))  # factories.py

from factories import SMALL_SESSION, losses_of

from rnnlib.live import recordings
from rnnlib.widgets import TrainingLab

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
THREADS, SECONDS_BETWEEN_EVENTS, MOST_MEGABYTES_AN_HOUR = 3, 0.09, 20.0  # over 100,000 changes an hour
SAMPLES, FRAMES_OF_A_SAMPLE = 240, 3


@pytest.mark.timeout(60 * MINUTES * 6 + 600)
def test_a_storm_of_events_from_several_threads_leaves_nothing_behind_and_replays(tmp_path: Path) -> None:
    process, lab = psutil.Process(), TrainingLab(name="soak", **SMALL_SESSION)
    session, stopped = lab.session, threading.Event()

    def turn(seed: int) -> None:
        chance = np.random.default_rng(seed)
        while not stopped.wait(SECONDS_BETWEEN_EVENTS):
            if chance.random() < 0.9:
                session.set(learning_rate=float(chance.uniform(0.1, 1)), clip_threshold=float(chance.uniform(0.1, 2)))
            else:
                session.set(hidden_size=int(chance.integers(8, 24)))

    def seconds_of_a_frame() -> float:
        began = time.thread_time()
        lab.paint()
        return time.thread_time() - began

    session.start(10_000_000)
    threads = [threading.Thread(target=turn, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    began, found, frames = time.monotonic(), [], []
    while (now := time.monotonic() - began) < 60 * MINUTES:
        time.sleep(60 * MINUTES / SAMPLES)
        found.append((now, process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()))
        frames += [seconds_of_a_frame() for _ in range(FRAMES_OF_A_SAMPLE)]
    stopped.set()
    for thread in threads:
        thread.join()
    session.pause()
    session.wait()
    saved = time.monotonic()
    recordings.save(session, tmp_path / "saved")
    saved = time.monotonic() - saved
    later, tenth = np.array(found[len(found) // 2 :]), len(frames) // 10
    growth = np.polyfit(later[:, 0] / 3600, later[:, 1], 1)[0]
    at_first, at_last = statistics.median(frames[:tenth]), statistics.median(frames[-tenth:])
    print(
        f"{session.steps_made} steps, {len(session.events)} events in {MINUTES:g} minutes; {growth:.1f} MB an hour, "
        f"{later[0, 1]:.0f} to {later[-1, 1]:.0f} MB; {later[0, 2]:.0f} to {later[-1, 2]:.0f} handles, "
        f"{later[0, 3]:.0f} to {later[-1, 3]:.0f} threads; a frame {1e3 * at_first:.1f} to {1e3 * at_last:.1f} ms; "
        f"saved in {saved:.1f} s"
    )
    assert session.error is None and session.steps_made > 1000 * MINUTES
    assert growth < MOST_MEGABYTES_AN_HOUR
    assert later[-1, 2] <= later[0, 2] + 1 and later[-1, 3] <= later[0, 3] + 1
    assert at_last < 2 * at_first + 0.002
    again = recordings.replay(tmp_path / "saved")
    np.testing.assert_array_equal(losses_of(again), losses_of(session))
    for one in (session, again):
        one.stop()

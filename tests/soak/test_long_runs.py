"""A long run under a storm of events: nothing grows, nothing stops, and all of it replays.

SOAK_MINUTES says how long; 10 by default.
"""

import os
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
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
THREADS, SECONDS_BETWEEN_EVENTS, MOST_MEGABYTES_AN_HOUR = 3, 0.02, 20.0


@pytest.mark.timeout(60 * MINUTES * 6 + 600)
def test_a_storm_of_events_from_several_threads_leaves_nothing_behind_and_replays(tmp_path: Path) -> None:
    process, session = psutil.Process(), Session(Settings(**SMALL_SESSION), name="soak")
    stopped = threading.Event()

    def turn(seed: int) -> None:
        chance = np.random.default_rng(seed)
        while not stopped.wait(SECONDS_BETWEEN_EVENTS):
            if chance.random() < 0.9:
                session.set(learning_rate=float(chance.uniform(0.1, 1)), clip_threshold=float(chance.uniform(0.1, 2)))
            else:
                session.set(hidden_size=int(chance.integers(8, 24)))

    session.keep_evaluating(60 * MINUTES)
    session.start(10_000_000)
    threads = [threading.Thread(target=turn, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    began, found = time.monotonic(), []
    while (now := time.monotonic() - began) < 60 * MINUTES:
        time.sleep(min(5.0, 6 * MINUTES))
        found.append((now, process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()))
    stopped.set()
    for thread in threads:
        thread.join()
    session.pause()
    session.wait()
    recordings.save(session, tmp_path / "saved")
    later = np.array(found[len(found) // 2 :])
    growth = np.polyfit(later[:, 0] / 3600, later[:, 1], 1)[0]
    events, steps = len(session.events), session.steps_made
    print(f"{steps} steps, {events} events in {MINUTES:g} minutes; {growth:.1f} MB an hour; {later[-1, 1]:.0f} MB")
    assert session.error is None and steps > 1000 * MINUTES
    assert later[-1, 2] <= later[0, 2] + 1 and later[-1, 3] <= later[0, 3] + 1
    again = recordings.replay(tmp_path / "saved")
    np.testing.assert_array_equal(losses_of(again), losses_of(session))
    per_event = events * 400 / 1e6 / (MINUTES / 60)  # what is remembered of each event is no leak
    assert growth < MOST_MEGABYTES_AN_HOUR + per_event
    for one in (session, again):
        one.stop()

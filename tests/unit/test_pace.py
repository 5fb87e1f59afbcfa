"""A pace takes its share of the time, within its bounds."""

from types import SimpleNamespace

import pytest

from rnnlib.live import pace
from rnnlib.live.pace import Pace


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.mark.parametrize(("seconds", "pause"), [(0.01, 1.0), (5.0, 50.0), (1000.0, 100.0), (0.0, 1.0)])
def test_the_pause_is_the_share_within_the_bounds(clock: Clock, seconds: float, pause: float) -> None:
    pace = Pace(1 / 10, shortest=1.0, longest=100.0)
    assert pace.seconds_left == 0
    pace.spent(seconds)
    assert pace.seconds_left == pytest.approx(pause)


def test_it_is_due_when_the_pause_is_over_and_stays_so(clock: Clock) -> None:
    pace = Pace(1 / 4)
    pace.spent(2.0)
    for passed, left in ((0.0, 8.0), (5.0, 3.0), (3.0, 0.0), (50.0, 0.0)):
        clock.now += passed
        assert pace.seconds_left == pytest.approx(left)

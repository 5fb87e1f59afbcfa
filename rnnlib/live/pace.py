"""How often something is done that takes time from the training.

Before: worker.py.  Next: evaluations.py and the views, which both have a pace.
"""

import math
import time


class Pace:
    """What is done at this pace takes at most a share of the time.

    max_share: 0 to 1.  shortest, longest: bounds of the pause after each time, in seconds; the longest one is a promise
    that goes before the share.
    """

    def __init__(self, max_share: float, *, shortest: float = 0.0, longest: float = math.inf):
        self.max_share, self.shortest, self.longest = max_share, shortest, longest
        self._due_at = 0.0

    @property
    def seconds_left(self) -> float:
        """Until the next time; 0 when it is due."""
        return max(0.0, self._due_at - time.monotonic())

    def spent(self, seconds: float) -> None:
        """It was done just now and took so many seconds."""
        pause = min(max(seconds / self.max_share, self.shortest), self.longest)
        self._due_at = time.monotonic() + pause

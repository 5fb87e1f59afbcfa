"""How far a check is that takes its time: one line that is written over, and gone in the end."""

import time


class Progress:
    """Called with how much is done; prints nothing in the first second."""

    FIRST_AFTER, THEN_EVERY = 1.0, 0.5  # seconds

    def __init__(self, doing: str, of: int):
        """doing: as in "training"; of: how many steps there are."""
        self.doing, self.of, self._written = doing, of, 0
        self._next = time.monotonic() + self.FIRST_AFTER

    def __call__(self, done: int) -> None:
        """So many steps are done."""
        if time.monotonic() >= self._next:
            line = f"{self.doing}: step {done} of {self.of}"
            print(f"\r{line}", end="", flush=True)
            self._written, self._next = max(self._written, len(line)), time.monotonic() + self.THEN_EVERY

    def end(self) -> None:
        """Leave an empty line."""
        if self._written:
            print(f"\r{' ' * self._written}\r", end="", flush=True)

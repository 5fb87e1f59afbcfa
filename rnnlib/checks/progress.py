"""How far a check is that takes its time: one line that is written over, and says in the end how far it came."""

import time


class Progress:
    """Called with how much is done; prints nothing in the first second."""

    FIRST_AFTER, THEN_EVERY = 1.0, 0.5  # seconds

    def __init__(self, doing: str, of: int):
        """doing: as in "training"; of: how many steps there are."""
        self.doing, self.of, self._done, self._longest = doing, of, 0, 0
        self._next = time.monotonic() + self.FIRST_AFTER

    def __call__(self, done: int) -> None:
        """So many steps are done."""
        self._done = done
        if time.monotonic() >= self._next:
            self._write()
            self._next = time.monotonic() + self.THEN_EVERY

    def end(self) -> None:
        """Leave a line that says how far it came; nothing, where nothing was written."""
        if self._longest:
            self._write("\n")

    def _write(self, end: str = "") -> None:
        line = f"{self.doing}: step {self._done} of {self.of}"
        self._longest = max(self._longest, len(line))
        print(f"\r{line:{self._longest}}", end=end, flush=True)

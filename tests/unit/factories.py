"""What tests of several files need."""

import io
import time
from collections.abc import Callable

import numpy as np
from PIL import Image


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until a condition holds; fail after a time that is long even on a slow, loaded machine."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "this did not happen in time"
        time.sleep(0.005)


def pixels(png: bytes) -> np.ndarray:
    """A picture (height, width, 4)."""
    return np.asarray(Image.open(io.BytesIO(png)))

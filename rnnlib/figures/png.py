"""The pixels of a canvas as PNG.

Comes before every drawing.  Next: remembered_text.py.
"""

import struct
import zlib

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg


def png_of(canvas: FigureCanvasAgg | RendererAgg) -> bytes:
    """What is drawn on a canvas or by a renderer, as PNG, weakly compressed.   W3C, PNG, sections 5, 9.

    zlib works without Python's lock, so that a network goes on training meanwhile.  Pillow's writer holds the lock,
    and takes twice as long (bench/RESULTS.md).
    """
    pixels = np.asarray(canvas.buffer_rgba())
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # every row begins with its filter; 0 is none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)  # 8 bits for each of red, green, blue and alpha
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), level=1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )

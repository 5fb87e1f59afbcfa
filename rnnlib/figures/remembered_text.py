"""A renderer that remembers what letters look like: to copy their dots is quicker than to draw them anew.

Before: png.py.  Next: style.py.  Two thirds of the time that a picture took went into its letters (bench/RESULTS.md).
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text

MOST_TEXTS = 500  # that are remembered, of about 6 kB each, a long line 80 kB
ROOM = 8  # dots around a text, for what is drawn beyond its measured size


class RememberingRenderer(RendererAgg):
    """RendererAgg that draws a text once and copies it from then on.  Texts stand on whole dots."""

    def draw_text(
        self, gc: GraphicsContextBase, x: float, y: float, s: str, prop: FontProperties, angle: float,
        ismath: Any = False, mtext: Text | None = None,
    ) -> None:  # fmt: skip
        """As RendererAgg.draw_text.  mtext: not asked for features or languages of fonts."""
        if not s.strip():
            return
        alpha = gc.get_alpha() if gc.get_forced_alpha() else None
        image, right, up = _drawn(s, prop.copy(), angle, ismath, gc.get_rgb(), alpha, gc.get_antialiased(), self.dpi)
        opaque = self.new_gc()  # the letters' own transparency is in the image
        opaque.copy_properties(gc)
        opaque.set_alpha(1)
        self.draw_image(opaque, round(x) + right, round(self.height - y) + up, image)
        opaque.restore()


@lru_cache(MOST_TEXTS)
def _drawn(
    text: str,
    font: FontProperties,
    angle: float,
    formula: Any,
    color: Any,
    alpha: float | None,
    smooth: bool,
    dpi: float,
) -> tuple[np.ndarray, int, int]:
    """A text's dots (height, width, 4), lowest row first, and how far right of its place and above it they begin."""
    width, height, _ = RendererAgg(1, 1, dpi).get_text_width_height_descent(text, font, formula)
    cos, sin = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
    right, up = (math.ceil(side) + ROOM for side in (width * cos + height * sin, width * sin + height * cos))
    renderer = RendererAgg(2 * right, 2 * up, dpi)  # the text's place is in the middle, whatever its angle
    gc = renderer.new_gc()
    gc.set_foreground(color, isRGBA=True)
    if alpha is not None:
        gc.set_alpha(alpha)
    gc.set_antialiased(smooth)
    renderer.draw_text(gc, right, up, text, font, angle, formula)
    dots = np.asarray(renderer.buffer_rgba())
    rows, columns = (np.flatnonzero(dots[..., 3].any(axis=axis)) for axis in (1, 0))
    if not len(rows):  # letters that are nothing but room
        return dots[:1, :1].copy(), 0, 0
    top, bottom, left = rows[0], rows[-1] + 1, columns[0]
    return dots[top:bottom, left : columns[-1] + 1][::-1].copy(), int(left) - right, up - int(bottom)

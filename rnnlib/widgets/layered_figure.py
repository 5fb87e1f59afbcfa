"""A figure that is drawn again and again: its axes once, its data every time.

Before: figures/.  Next: lab_picture.py, learning_map.py.

Axes, labels and marks change rarely: they are drawn once and kept as a background.  Data change with every picture:
they are drawn over a copy of it ("blitting").  Figure and canvas are this object's own, so that it can be drawn by
a thread of its own; pyplot could not.
"""

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg

from rnnlib.figures.png import png_of
from rnnlib.figures.style import Drawing


class LayeredFigure(Drawing):
    """data: what is drawn over the axes, in this order; these artists are animated, which keeps them off the axes."""

    def __init__(self, width: float, height: float):
        """width, height: inches, at 100 dots each."""
        super().__init__(width, height)
        self._canvas = FigureCanvasAgg(self)
        self.data: list[Artist] = []

    def draw_axes(self) -> None:
        """Draw the axes as they are now, and keep them."""
        self._canvas.draw()
        self._axes_alone = self._canvas.copy_from_bbox(self.bbox)

    def _repr_png_(self) -> bytes:
        self._canvas.restore_region(self._axes_alone)
        for artist in self.data:
            artist.draw(self._canvas.get_renderer())
        return png_of(self._canvas)

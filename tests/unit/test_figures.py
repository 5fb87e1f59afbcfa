"""Pictures: what is written is what was drawn, in every thread."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from rnnlib.figures.png import png_of
from rnnlib.figures.style import panels


def test_a_png_holds_the_pixels_that_were_drawn() -> None:
    drawing, (ax,) = panels(width=3, height=2)
    ax.plot([0, 1], [1, 0])
    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    read = np.asarray(Image.open(io.BytesIO(png_of(canvas))))
    np.testing.assert_array_equal(read, np.asarray(canvas.buffer_rgba()))
    assert read.shape == (200, 300, 4) and (read[..., 3] == 255).all()


def test_pictures_drawn_in_several_threads_are_those_drawn_in_one() -> None:
    def picture(number: int) -> bytes:
        drawing, (ax,) = panels(width=3, height=2)
        ax.plot([0, number], [1, 0])
        ax.set_xlabel(rf"$x_{number}$")
        return drawing._repr_png_()

    numbers = list(range(1, 9)) * 3
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(picture, numbers)) == [picture(number) for number in numbers]

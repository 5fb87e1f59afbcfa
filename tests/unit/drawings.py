"""One drawing of every kind that rnnlib.figures makes, from numbers made here.

`python drawings.py FOLDER SETTINGS` writes them; SETTINGS (JSON) are made in matplotlib before rnnlib is imported.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np

TEXT = "the keeper of the lamp counts the waves until the morning comes and goes " * 3


def every_drawing() -> dict[str, Callable[[], bytes]]:
    """Name of a drawing function -> what draws it, as PNG."""
    from rnnlib.figures import (
        chart,
        gated_cells,
        gradient_problems,
        gradients,
        letters,
        networks,
        perplexity,
        small_network,
        style,
    )
    from rnnlib.topics import small_cells
    from rnnlib.topics.jacobians import JacobianNorms
    from rnnlib.topics.small_network import example_network, walk

    wave = np.abs(np.sin(np.arange(60.0)))
    falling = np.exp(-np.arange(20.0))
    network = example_network()
    way = walk(network, np.eye(3), np.eye(3)[:, :2])
    ways = {"not": np.array([[5.0, -2.2], [4.5, -2.4]]), "by norm": np.array([[5.0, -2.2], [5.2, -2.5]])}
    pairs = np.tril(np.exp(-np.abs(np.subtract.outer(np.arange(8.0), np.arange(8.0)))))

    def some_chart() -> chart.Chart:
        curves = chart.Panel(
            "perplexity",
            (
                chart.Line("a", "training", "blue"), chart.Line("a", "", "green", dash=(6, 3)),
                chart.Line("b", "dots", "orange", "dots"), chart.Line("b", "stairs", "purple", "stairs"),
            ),
            levels=(chart.Level(4, "counted"),), names_marks=True,
        )  # fmt: skip
        numbers = chart.Field(
            "a map", "map", ("1", "2"), ("a", "b", "c"), (28, 3), "rate", "threshold", upwards=True, shows_numbers=True
        )
        series = {
            "a": np.column_stack([np.arange(60), wave + 2]), "b": np.array([[5, 3.0], [20, np.nan], [40, 9]]),
            "map": np.array([[3.5, 9.0, np.inf], [20.0, np.nan, 5.0]]),
        }  # fmt: skip
        return chart.Chart(
            (curves, numbers), series, [chart.Mark(20, "H 24", ""), chart.Mark(58, "fork", "")], 60, (0, 1)
        )

    def on_axes(draw: Callable, columns: int = 1) -> Callable[[], bytes]:
        def drawn() -> bytes:
            drawing, axes = style.panels(columns, width=9 if columns == 1 else 12)
            draw(axes[0] if columns == 1 else axes)
            return drawing._repr_png_()

        return drawn

    def on_drawing(draw: Callable) -> Callable[[], bytes]:
        def drawn() -> bytes:
            drawing = style.Drawing(9, 4)
            draw(drawing)
            return drawing._repr_png_()

        return drawn

    return {
        "label_lines": on_axes(lambda ax: style.label_lines(ax, [("one", style.BLUE), ("another", style.ORANGE)])),
        "plain_log_axis": on_axes(lambda ax: (ax.plot([1, 2], [3, 300]), style.plain_log_axis(ax))),
        "color_bar": on_axes(lambda ax: style.color_bar(
            ax.imshow(pairs, cmap="cividis", origin="upper", interpolation="nearest"), ax, [0, 1], width=0.05,
            distance=0.03)),
        "perplexity_axes": on_axes(lambda ax: (perplexity.perplexity_axes(ax, 4.2), ax.set_ylim(2, 30))),
        "perplexity_curves": on_axes(
            lambda ax: (perplexity.perplexity_axes(ax, 9), perplexity.perplexity_curves(ax, {"a": wave + 2, "b": wave}))
        ),
        "next_character_bars": on_axes(lambda ax: perplexity.next_character_bars(ax, falling[:5], "ab ?e", "lamp")),
        "surprise_bars": on_axes(lambda axes: perplexity.surprise_bars(axes, np.array([0.5, 0.3, 0.2]), "abc"), 2),
        "ngram_curves": on_axes(
            lambda ax: perplexity.ngram_curves(
                ax, np.array([100, 1000, 10000]), np.array([[17.0, 16.5, 16], [15, 10, 8], [16, 12, 7.9]]), (1, 2)
            )
        ),
        "zipf": on_axes(lambda ax: perplexity.zipf(ax, {"words": [100, 40, 20, 3, 1], "letters": [50, 30, 20]})),
        "gradient_map_image": on_axes(lambda ax: gradients.gradient_map_image(ax, pairs)),
        "against_length": on_axes(lambda ax: gradients.against_length(ax, [2, 4, 8], {"a": [1, 20, 300]}, "norm")),
        "lag_norms": on_axes(lambda ax: gradient_problems.lag_norms(ax, JacobianNorms(falling / 2, falling))),
        "spectrum": on_axes(lambda ax: gradient_problems.spectrum(ax, np.exp(1j * np.arange(6)))),
        "cliff_map": on_axes(lambda ax: gradient_problems.cliff_map(
            ax, gradient_problems.cliff_ground(), ways)),
        "cliff_errors": on_axes(lambda ax: gradient_problems.cliff_errors(ax, ways)),
        "cliff_regions": on_axes(
            lambda ax: (ax.set(xlim=(4, 5.3), ylim=(-3.1, -1.5)), gradient_problems.cliff_regions(ax))),
        "cliff_profile": on_axes(lambda ax: gradient_problems.cliff_profile(ax, 4.64)),
        "clipped_in_their_plane": on_axes(
            lambda ax: gradient_problems.clipped_in_their_plane(ax, 3, np.array([[1.5, 0], [1.5, 1]]), 1.5)
        ),
        "against_threshold": on_axes(
            lambda ax: gradient_problems.against_threshold(ax, [0.1, 1], {"norm": [1, 2], "value": [3, 4]}, "length", 1)
        ),
        "gate_letters": on_drawing(lambda drawing: gradient_problems.gate_letters(drawing, TEXT, wave, 60, 30)),
        "gate_map": on_axes(lambda ax: gradient_problems.gate_map(ax, wave.reshape(12, 5), 2)),
        "token_times": on_axes(
            lambda axes: gradient_problems.token_times(
                axes, {name: ([8, 16], {32: [1.0, 2], 128: [4, 7]}) for name in ("T", "B", "T B")}, 1
            ),
            3,
        ),
        "lstm_cell": lambda: gated_cells.lstm_cell(small_cells.lstm_steps(), 4, ("f",))._repr_png_(),
        "gru_cell": lambda: gated_cells.gru_cell(small_cells.gru_steps(), 4, reset_first=True)._repr_png_(),
        "shaded_letters": on_drawing(
            lambda drawing: letters.shaded_letters(drawing, TEXT, [letters.shade("red", 0.5)], columns=50, top=20)
        ),
        "partition": on_drawing(lambda drawing: letters.partition(drawing, TEXT[:120], [3, 70], 10, kind="random")),
        "activation_letters": on_drawing(lambda drawing: letters.activation_letters(drawing, TEXT, 2 * wave - 1)),
        "trajectory": on_axes(lambda ax: letters.trajectory(ax, wave.reshape(30, 2), TEXT, 20)),
        "canvas": lambda: networks.canvas(300, 200)[0]._repr_png_(),
        "number_table": on_axes(lambda ax: (ax.set(xlim=(-99, 300), ylim=(200, 0)), small_network.number_table(
            ax, 0, 9, network.W_hh, "$W_{hh}$"))),
        "nodes": on_axes(lambda ax: small_network.nodes(ax, 1, [1, 2], wave[:2], "$h_t$", style.BLUE)),
        "edges": on_axes(lambda ax: (ax.plot([0, 1], [0, 1]), small_network.edges(
            ax, (0, 1), (0, 1), (0, 1), np.array([[1, -1], [2, 0.5]])))),
        "step_forward": lambda: small_network.step_forward(network, way, 2)._repr_png_(),
        "step_backward": lambda: small_network.step_backward(network, way, 2)._repr_png_(),
        "unrolled": lambda: small_network.unrolled(way, small_network.moments(3, backward=True)[:17])._repr_png_(),
        "inputs_and_outputs": lambda: networks.inputs_and_outputs()._repr_png_(),
        "three_networks": lambda: networks.three_networks()._repr_png_(),
        "scalar_chain": lambda: networks.scalar_chain(wave[:4], wave[4:8], wave[8:12], 0.8)._repr_png_(),
        "collected": lambda: small_network.unrolled(way, small_network.moments(3, backward=True))._repr_png_(),
        "node": on_axes(lambda ax: networks.node(ax, 1, 2, "$h$", style.BLUE)),
        "arrow": on_axes(lambda ax: (ax.plot([0, 1], [0, 1]), networks.arrow(ax, (0, 0), (1, 1), style.BLUE))),
        "name_of_arrow": on_axes(lambda ax: networks.name_of_arrow(ax, 0.5, 0.5, "$W_{hh}$", style.BLUE)),
        "diary": on_drawing(
            lambda drawing: letters.diary(drawing, [0, 5], [TEXT[:40], TEXT[40:80]], [[], [(2, 9)]])),
        "draw_chart": lambda: chart.draw_chart(some_chart())._repr_png_(),
    }  # fmt: skip


def write(folder: Path, settings: dict) -> None:
    """Draw everything with these settings of matplotlib into files; AssertionError if one of all settings changes."""
    matplotlib.rcParams.update(settings)
    before = dict(matplotlib.rcParams)
    for name, draw in every_drawing().items():
        (folder / f"{name}.png").write_bytes(draw())
    changed = [name for name, value in matplotlib.rcParams.items() if value != before[name]]
    assert not changed, f"drawing changed matplotlib's settings {changed}"


if __name__ == "__main__":
    write(Path(sys.argv[1]), json.loads(sys.argv[2]))

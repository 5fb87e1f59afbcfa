"""One time step of the small network, to be handled: its letters, its weights, one unit, with and without the loop.

Before: knob_view.py.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from rnnlib.figures.small_network import HIDDEN_UNITS, step_forward
from rnnlib.figures.style import Drawing
from rnnlib.topics.small_network import SmallNetwork, Walk, walk
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import choice, float_slider, int_slider, option_slider, text_field
from rnnlib.widgets.picture import Picture

MATRICES = ("W_xh", "W_hh", "W_hq")
WITH_LOOP, WITHOUT = "as it is", "all 0"
MOST_LETTERS = 8
ALL_UNITS = 0


class ShownStep(NamedTuple):
    """Time step t, from 1 on, of a walk over some letters.  unit: whose products are told, from 1 on; 0 for none."""

    network: SmallNetwork
    walk: Walk
    letters: str
    t: int
    unit: int


class OneStep(KnobView):
    """One time step of a small network with all its numbers; letters, weights and the loop can be changed.

    A click on a hidden unit does what the slider over the units does.
    """

    def __init__(self, network: SmallNetwork, letters: str):
        """letters: what it reads; its vocabulary is the first letters of the alphabet."""
        self.network = SmallNetwork(**{name: matrix.copy() for name, matrix in vars(network).items()})
        self._alphabet = "abcdefgh"[: len(network.W_xh)]
        self.letters = text_field("Letters", letters)
        self.t = int_slider("Time step t", 2, 1, MOST_LETTERS)
        self.unit = int_slider("Products of unit", ALL_UNITS, ALL_UNITS, len(network.b_h))
        self.loop = choice("W_hh", [WITH_LOOP, WITHOUT])
        places = [(name, *place) for name in MATRICES for place in np.ndindex(getattr(network, name).shape)]
        named = [(f"{name} [{row + 1}, {column + 1}]", (name, row, column)) for name, row, column in places]
        self.weight = option_slider("Weight", named, ("W_hh", 0, 3))
        self.value = float_slider("Its value", float(network.W_hh[0, 3]), -2, 2, 0.1)
        self.weight.observe(lambda change: self._show_weight(change.new), "value")
        self.value.observe(lambda change: self._set_weight(change.new), "value")
        picture = Picture(HIDDEN_UNITS, self._click)
        super().__init__([self.letters, self.t], [self.unit, self.loop], [self.weight, self.value], picture=picture)

    def _click(self, place: int) -> None:
        """Tell the products of a hidden unit that is clicked; of none, when it is clicked again."""
        self.unit.value = ALL_UNITS if self.unit.value == place + 1 else place + 1

    def _show_weight(self, place: tuple[str, int, int]) -> None:
        name, row, column = place
        self.value.value = float(getattr(self.network, name)[row, column])

    def _set_weight(self, value: float) -> None:
        name, row, column = self.weight.value
        getattr(self.network, name)[row, column] = value

    def compute(self) -> ShownStep:
        """The walk over the letters.  Raises ValueError for letters that the network does not know."""
        letters = self.letters.value
        if not 1 <= len(letters) <= MOST_LETTERS or set(letters) - set(self._alphabet):
            raise ValueError(
                f"the letters must be 1 to {MOST_LETTERS} of {', '.join(self._alphabet)}; {letters!r} is not."
            )
        changes: dict[str, Any] = {"W_hh": 0 * self.network.W_hh} if self.loop.value == WITHOUT else {}
        network = replace(self.network, **changes)
        x = np.eye(len(self._alphabet))[[self._alphabet.index(letter) for letter in letters]]
        way = walk(network, x, np.zeros((len(x), len(network.b_q))))
        return ShownStep(network, way, letters, min(self.t.value, len(letters)), self.unit.value)

    def figure(self, result: ShownStep) -> Drawing:
        """The step, its nodes and its sums."""
        return step_forward(result.network, result.walk, result.t, result.unit, f"{result.letters!r}")

    def words(self, result: ShownStep) -> str:
        """The step's result in numbers, or how one unit gets its own."""
        network, way, letters, t, unit = result
        if unit == ALL_UNITS:
            before, after, output = (row_of(numbers) for numbers in (way.h[t - 1], way.h[t], way.o[t - 1]))
            return f"Step {t} reads {letters[t - 1]}: the state goes from {before} to {after}; the output is {output}."
        j = unit - 1
        inputs, states = (
            " + ".join(f"{value:.2f} x {weight:.2f}" for value, weight in zip(values, matrix[:, j], strict=True))
            for values, matrix in ((way.x[t - 1], network.W_xh), (way.h[t - 1], network.W_hh))
        )
        return (
            f"Unit {unit} at step {t}: from the input {inputs} = {way.from_input[t - 1, j]:.2f}; from the state "
            f"{states} = {way.from_state[t - 1, j]:.2f}; bias {network.b_h[j]:.2f}. The sum is {way.a[t - 1, j]:.2f}, "
            f"and its tanh {way.h[t, j]:.2f}."
        )


def row_of(numbers: np.ndarray) -> str:
    """(0.50, -0.29)"""
    return f"({', '.join(f'{number + 0.0:.2f}' for number in np.round(numbers, 2))})"

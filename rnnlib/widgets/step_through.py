"""The small network, step by step and edge by edge: every number on it, forward and backward.

Before: perplexity.py.
"""

from typing import NamedTuple

import numpy as np

from rnnlib.figures.small_network import Moment, moments, step_backward, step_forward, unrolled
from rnnlib.figures.style import Drawing
from rnnlib.topics.small_network import Numbers, SmallNetwork, walk
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import choice, int_slider

FORWARD, BACKWARD = "forward", "backward"
TOTAL, DIRECT = "total derivative", "direct term only"


class ShownStep(NamedTuple):
    """Time step t, from 1 on, in one of the two ways."""

    t: int
    forward: bool


class OneStep(KnobView):
    """One time step of the small network with all its numbers; a slider moves through time."""

    def __init__(self, network: SmallNetwork, x: Numbers, y: Numbers, *, backward: bool = False):
        """x (T, 3), y (T, 2).  backward: whether the way back can be chosen too."""
        self.network, self.walk = network, walk(network, x, y)
        self.t = int_slider("Time step t", 1 if not backward else len(x), 1, len(x))
        self.way = choice("Way", [BACKWARD, FORWARD] if backward else [FORWARD])
        super().__init__([self.t, self.way] if backward else [self.t])

    def compute(self) -> ShownStep:
        """All numbers are in `walk`; the knobs say which of them are shown."""
        return ShownStep(self.t.value, self.way.value == FORWARD)

    def figure(self, result: ShownStep) -> Drawing:
        """The step, its nodes and its sums."""
        draw = step_forward if result.forward else step_backward
        return draw(self.network, self.walk, result.t)

    def words(self, result: ShownStep) -> str:
        """The step's result in numbers."""
        t, walk = result.t, self.walk
        if result.forward:
            before, after, output = (_row(numbers) for numbers in (walk.h[t - 1], walk.h[t], walk.o[t - 1]))
            return f"Step {t}: the state goes from {before} to {after}; the output is {output}."
        return (
            f"Step {t}: direct {_row(walk.direct[t - 1])} plus later {_row(walk.later[t - 1])} "
            f"is the total derivative {_row(walk.total[t - 1])}."
        )


class UnrolledGraph(KnobView):
    """The same network over all its steps, walked one edge at a time."""

    def __init__(self, network: SmallNetwork, x: Numbers, y: Numbers, *, backward: bool = False):
        """x (T, 3), y (T, 2).  backward: go back as well, after the last loss."""
        self.walk = walk(network, x, y)
        self.moments = moments(len(x), backward=backward)
        forward_edges = len(moments(len(x), backward=False))
        self.edges = int_slider("Edges walked", forward_edges if backward else 6, 0, len(self.moments))
        self.beside = choice("Beside h", [TOTAL, DIRECT])
        super().__init__([self.edges, self.beside] if backward else [self.edges])

    def compute(self) -> list[Moment]:
        """The edges walked so far, in their order."""
        return self.moments[: self.edges.value]

    def figure(self, result: list[Moment]) -> Drawing:
        """The graph as far as it is walked."""
        return unrolled(self.walk, result, direct_only=self.beside.value == DIRECT)

    def words(self, result: list[Moment]) -> str:
        """What the last edge does."""
        return self._told(result[-1]) if result else "Nothing is computed yet: the state is zero."

    def _told(self, moment: Moment) -> str:
        t, walk = moment.t, self.walk
        if moment.kind == "dh" and self.beside.value == DIRECT:
            return f"From h_{t + 1} back to h_{t}: switched off, only direct terms are shown; dL/dh_{t} would be wrong."
        sentences = {
            "x": f"x_{t} enters step {t}: x_{t} W_xh is {_row(walk.from_input[t - 1])}.",
            "h": f"The state enters step {t}: with h_{t - 1} W_hh, b_h and tanh, h_{t} is {_row(walk.h[t])}.",
            "o": f"Output: o_{t} = h_{t} W_hq + b_q is {_row(walk.o[t - 1])}.",
            "L": f"Loss: L_{t} is half the squared distance of o_{t} from the target {_row(walk.y[t - 1])}, "
            f"{walk.losses[t - 1]:.2f}.",
            "dL": f"From L_{t} back to o_{t}: dL/do_{t} = o_{t} - y_{t} is {_row(walk.do[t - 1])}.",
            "do": f"From o_{t} back to h_{t}: the direct term, dL/do_{t} W_hq^T, is {_row(walk.direct[t - 1])}.",
            "dh": f"From h_{t + 1} back to h_{t}: da_{t + 1} W_hh^T, {_row(walk.later[t - 1])}, is added: "
            f"dL/dh_{t} is {_row(walk.total[t - 1])}.",
        }
        return sentences[moment.kind]


def _row(numbers: Numbers) -> str:
    return f"({', '.join(f'{number + 0.0:.2f}' for number in np.round(numbers, 2))})"

"""The small network edge by edge, forward and backward, and one of its steps on the way back.

Before: one_step.py.
"""

from rnnlib.figures.small_network import Moment, moments, step_backward, unrolled
from rnnlib.figures.style import Drawing
from rnnlib.topics.small_network import Numbers, SmallNetwork, walk
from rnnlib.widgets.knob_view import KnobView
from rnnlib.widgets.knobs import choice, int_slider
from rnnlib.widgets.one_step import row_of

TOTAL, DIRECT = "total derivative", "direct term only"


class OneStepBack(KnobView):
    """One time step of the small network on the way back; a slider moves through time."""

    def __init__(self, network: SmallNetwork, x: Numbers, y: Numbers):
        """x (T, 3), y (T, 2)."""
        self.network, self.walk = network, walk(network, x, y)
        self.t = int_slider("Time step t", len(x), 1, len(x))
        super().__init__([self.t])

    def compute(self) -> int:
        """The step shown, from 1 on; all numbers are in `walk`."""
        return int(self.t.value)

    def figure(self, result: int) -> Drawing:
        """The step, its nodes and its sums."""
        return step_backward(self.network, self.walk, result)

    def words(self, result: int) -> str:
        """The step's result in numbers."""
        direct, later, total = (each[result - 1] for each in (self.walk.direct, self.walk.later, self.walk.total))
        return f"Step {result}: direct {row_of(direct)} plus later {row_of(later)} is the total, {row_of(total)}."


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
            "x": f"x_{t} enters step {t}: x_{t} W_xh is {row_of(walk.from_input[t - 1])}.",
            "h": f"The state enters step {t}: with h_{t - 1} W_hh, b_h and tanh, h_{t} is {row_of(walk.h[t])}.",
            "o": f"Output: o_{t} = h_{t} W_hq + b_q is {row_of(walk.o[t - 1])}.",
            "L": f"Loss: L_{t} is half the squared distance of o_{t} from the target {row_of(walk.y[t - 1])}, "
            f"{walk.losses[t - 1]:.2f}.",
            "dL": f"From L_{t} back to o_{t}: dL/do_{t} = o_{t} - y_{t} is {row_of(walk.do[t - 1])}.",
            "do": f"From o_{t} back to h_{t}: the direct term, dL/do_{t} W_hq^T, is {row_of(walk.direct[t - 1])}.",
            "dh": f"From h_{t + 1} back to h_{t}: da_{t + 1} W_hh^T, {row_of(walk.later[t - 1])}, is added: "
            f"dL/dh_{t} is {row_of(walk.total[t - 1])}.",
        }
        return sentences[moment.kind]

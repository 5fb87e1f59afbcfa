"""A race: RNN, orthogonal RNN, IRNN, GRU and LSTM learn one task, live, on one axis.

Before: worker_view.py, topics/long_memory.py.
"""

import numpy as np
import torch

from rnnlib import engine
from rnnlib.figures.chart import Chart, Level, Line, Panel
from rnnlib.live.worker import Worker
from rnnlib.topics.long_memory import CONTESTANTS, Test, learn
from rnnlib.topics.tasks import TASKS
from rnnlib.widgets.knobs import choice, option_slider, row
from rnnlib.widgets.worker_view import RestartableView

DELAYS = (5, 10, 20, 30, 40, 60, 80)
LOOKS = (("grey", ()), ("orange", (6, 3)), ("green", (2, 2)), ("purple", (8, 3, 2, 3)), ("blue", ()))


class MemoryRace(RestartableView):
    """Error against steps for every contestant, with the line of an answer without memory.

    `start` trains in the background, until all have solved the task or most_steps is reached, and returns at once;
    `wait` waits for the end; another task or delay begins anew.
    Running the cell again replaces the race: the earlier one stops.
    """

    def __init__(self, *, delay: int = 30, most_steps: int | None = None, seed: int = 0, name: str = "race"):
        """delay: one of DELAYS.

        most_steps: where the race ends for a contestant that has not solved the task; None: where the task says.
        """
        if delay not in DELAYS:
            raise ValueError(f"the delay must be one of {', '.join(map(str, DELAYS))}; it is {delay}.")
        super().__init__()
        self.most_steps, self.seed, self.name = most_steps, seed, name
        self.task = choice("Task", list(TASKS))
        self.delay = option_slider("Delay", DELAYS, delay, while_moving=False)
        for knob in (self.task, self.delay):
            knob.observe(lambda change: self.act(self.reset), "value")
        buttons = self.make_buttons(
            [
                ("Start", "Train all contestants, or go on", self.start),
                ("Pause", "Stop after the test under way", self.pause),
                ("Reset", "Begin again with fresh networks", self.reset),
            ]
        )
        self.children = [row(*buttons), row(self.task, self.delay), self.plot]
        self.add_class("memory-race")
        self._take_the_name()
        self._begin()
        self.paint()

    def _take_the_name(self) -> None:
        self.worker = Worker(f"race {self.name}", self._test_one, at_rest=self.show_soon)

    def _begin(self) -> None:
        task = TASKS[self.task.value]
        self.curves: dict[str, list[Test]] = {kind: [] for kind in CONTESTANTS}
        self.learners = {kind: learn(kind, task, self.delay.value, seed=self.seed) for kind in CONTESTANTS}

    # -------------------------------------------------------------------------- the background thread

    def _test_one(self) -> float | None:
        """A test more for the contestant with the fewest; those that have solved the task rest."""
        solved_at = self._solved_at()
        racing = [
            kind for kind, curve in self.curves.items()
            if solved_at[kind] is None and (not curve or curve[-1].step < self._last_step)
        ]  # fmt: skip
        if not racing:
            return None
        kind = min(racing, key=lambda kind: len(self.curves[kind]))
        with engine.undisturbed(), torch.enable_grad():
            test = next(self.learners[kind])
        self.curves[kind].append(test)
        self.show_soon()
        return 0.0

    @property
    def _last_step(self) -> int:
        return self.most_steps or TASKS[self.task.value].most_steps

    def _solved_at(self) -> dict[str, int | None]:
        limit = TASKS[self.task.value].solved_below
        return {kind: _second_pass(list(curve), limit) for kind, curve in self.curves.items()}

    # ---------------------------------------------------------------------------------- what is shown

    def compute(self) -> Chart:
        """All tests so far, and the lines of chance and of a task that is solved."""
        task = TASKS[self.task.value]
        lowest = task.solved_below / 3
        panel = Panel(
            "error",
            tuple(
                Line(kind, kind, color, width=2, dash=dash)
                for kind, (color, dash) in zip(CONTESTANTS, LOOKS, strict=True)
            ),
            x_limits=(0, self._last_step),
            at_least=(lowest, 2 * task.chance),
            at_most=(lowest, 3 * task.chance),
            levels=(Level(task.chance, "chance", at_end=True), Level(task.solved_below, "solved", at_end=True)),
        )
        series = {
            kind: np.array([(test.step, max(test.error, lowest)) for test in list(curve)], np.float32).reshape(-1, 2)
            for kind, curve in self.curves.items()
        }
        return Chart((panel,), series, columns=1)

    def words(self, result: Chart) -> str:
        """Which have solved the task, and after how many steps."""
        doing = "racing" if self.running else "not running"
        told = [f"{self.task.value.capitalize()}, delay {self.delay.value}, {doing}."]
        for kind, solved_at in self._solved_at().items():
            curve = list(self.curves[kind])
            if solved_at is not None:
                told.append(f"{kind}: solved after {solved_at} steps.")
            elif curve:
                told.append(f"{kind}: error {curve[-1].error:.2g} after {curve[-1].step} steps.")
        return " ".join(told)


def _second_pass(curve: list[Test], limit: float) -> int | None:
    """The step at which two tests in a row were passed; None if that has not happened."""
    for first, second in zip(curve, curve[1:], strict=False):
        if first.error < limit and second.error < limit:
            return second.step
    return None

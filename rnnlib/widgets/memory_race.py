"""A race: RNN, orthogonal RNN, IRNN, GRU and LSTM learn one task, live, on one axis.

Before: step_time.py.

One background thread trains the contestants in turns, a test each, and draws now and then; the buttons only say what
is wanted.
"""

import atexit
import threading
import time

import ipywidgets as widgets
import torch

from rnnlib.figures.gradient_problems import race
from rnnlib.figures.style import Drawing, panels
from rnnlib.topics.long_memory import CONTESTANTS, Test, learn
from rnnlib.topics.tasks import TASKS
from rnnlib.widgets.knob_view import SLIDER_STYLE, KnobView, choice

DELAYS = (5, 10, 20, 30, 40, 60, 80)
LEAST_SECONDS_BETWEEN_PICTURES = 0.5
_races: dict[str, "MemoryRace"] = {}


class MemoryRace(KnobView):
    """Error against steps for every contestant, with the line of whoever remembers nothing.

    `start` trains in the background and returns at once; `wait` waits for the end; another task or delay begins anew.
    Running the cell again replaces the race: the earlier one stops.
    """

    def __init__(self, *, delay: int = 30, most_steps: int = 600, seed: int = 0, name: str = "race"):
        """delay: one of DELAYS.  most_steps: where the race ends for whoever has not solved the task."""
        if delay not in DELAYS:
            raise ValueError(f"the delay must be one of {', '.join(map(str, DELAYS))}; it is {delay}.")
        self.most_steps, self.seed, self.name = most_steps, seed, name
        self.task = choice("Task", list(TASKS))
        self.delay = widgets.SelectionSlider(
            options=DELAYS, value=delay, description="Delay", continuous_update=False, style=SLIDER_STYLE,
            layout={"width": "420px"},
        )  # fmt: skip
        self.running, self.error = False, ""
        self._wanted, self._thread = threading.Event(), threading.Thread()
        self._painting = threading.RLock()
        self._begin()
        super().__init__([self.task, self.delay])
        self.buttons = {}
        for label, tooltip, action in (
            ("Start", "Train all contestants, or go on", self.start),
            ("Pause", "Stop after the test under way", self.pause),
            ("Reset", "Begin again with fresh networks", self.reset),
        ):
            self.buttons[label] = widgets.Button(description=label, tooltip=tooltip, layout={"width": "90px"})
            self.buttons[label].on_click(lambda _, action=action: action())
        self.buttons["Start"].button_style = "primary"
        self.children: tuple[widgets.Widget, ...] = (widgets.HBox(list(self.buttons.values())), *self.children)
        self.add_class("memory-race")
        for knob in (self.task, self.delay):
            knob.observe(lambda change: self.reset(), "value")
        self._replace_earlier()

    def _replace_earlier(self) -> None:
        """Pause another race that has this one's name, and take the name over."""
        if _races.get(self.name, self) is not self:
            _races[self.name].pause()
        _races[self.name] = self

    def _begin(self) -> None:
        task = TASKS[self.task.value]
        self.curves: dict[str, list[Test]] = {kind: [] for kind in CONTESTANTS}
        self._learners = {kind: learn(kind, task, self.delay.value, seed=self.seed) for kind in CONTESTANTS}

    # --------------------------------------------------------------------------- what a reader does

    def start(self) -> None:
        """Train in the background until everybody has solved the task or most_steps is reached."""
        if not self.running:
            self._replace_earlier()
            self.running, self.error = True, ""
            self._wanted.set()
            self._thread = threading.Thread(target=self._work, name=f"race {self.name}", daemon=True)
            self._thread.start()

    def pause(self) -> None:
        """Stop after the test under way, and wait for that."""
        self._wanted.clear()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def reset(self) -> None:
        """Fresh networks; goes on if it was running."""
        was_running = self.running
        self.pause()
        self._begin()
        self.redraw()
        if was_running:
            self.start()

    def wait(self) -> None:
        """Wait until the race ends.  An interrupt of the kernel pauses it."""
        try:
            if self._thread.is_alive():
                self._thread.join()
        except KeyboardInterrupt:
            self.pause()
            raise

    def solved_at(self, kind: str) -> int | None:
        """The step at which a contestant had passed two tests in a row; None if it has not yet."""
        limit, passed = TASKS[self.task.value].solved_below, 0
        for test in self.curves[kind]:
            passed = passed + 1 if test.error < limit else 0
            if passed == 2:
                return test.step
        return None

    # -------------------------------------------------------------------------- the background thread

    def _work(self) -> None:
        torch.set_num_threads(1)  # of this thread: layers as small as these gain nothing from a second one
        try:
            drawn = 0.0
            while self._wanted.is_set() and self._turn():
                if time.monotonic() - drawn > LEAST_SECONDS_BETWEEN_PICTURES:
                    self.redraw()
                    drawn = time.monotonic()
        except Exception as error:  # a thread must not die silently: the view tells it
            self.error = f"The race ended: {type(error).__name__}: {error}"
        self.running = False
        if threading.main_thread().is_alive():
            self.redraw()

    def _turn(self) -> bool:
        """A test more for everybody who still runs; whether somebody does."""
        somebody = False
        for kind, curve in self.curves.items():
            if self._wanted.is_set() and self.solved_at(kind) is None:
                if not curve or curve[-1].step < self.most_steps:
                    curve.append(next(self._learners[kind]))
                    somebody = True
        return somebody

    # --------------------------------------------------------------------------------------- picture

    def redraw(self) -> None:
        """Show what is known now; one thread at a time."""
        with self._painting:
            super().redraw()

    def drawing(self) -> Drawing:
        """All curves on one axis."""
        drawing, (ax,) = panels(width=10.4, height=4.2)
        task = TASKS[self.task.value]
        curves = {kind: list(curve) for kind, curve in self.curves.items()}
        race(ax, curves, chance=task.chance, solved_below=task.solved_below, most_steps=self.most_steps)
        return drawing

    def words(self) -> str:
        """Who has solved the task, and after how many steps."""
        if self.error:
            raise ValueError(self.error)
        doing = "racing" if self.running else "not running"
        told = [f"{self.task.value.capitalize()}, delay {self.delay.value}, {doing}."]
        for kind, curve in self.curves.items():
            solved = self.solved_at(kind)
            if solved is not None:
                told.append(f"{kind}: solved after {solved} steps.")
            elif curve:
                told.append(f"{kind}: error {curve[-1].error:.2g} after {curve[-1].step} steps.")
        return " ".join(told)


@atexit.register
def _pause_all() -> None:
    """Python must not end while a thread is inside torch."""
    for view in _races.values():
        view.pause()

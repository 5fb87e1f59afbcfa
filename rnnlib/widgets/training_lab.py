"""The live lab: a network trains while its reader turns the knobs, and shows at once what that does.

Before: session_view.py, lab_picture.py.
"""

import math
from datetime import datetime
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from rnnlib.baselines import NGram
from rnnlib.figures.sweep import threshold_name
from rnnlib.live import recordings
from rnnlib.live.experiments import MAIN
from rnnlib.live.sessions import MAX_STEPS, Session, tokens_per_second
from rnnlib.live.settings import Settings
from rnnlib.widgets.knobs import cell_choice, float_slider, log_slider, option_slider, row
from rnnlib.widgets.lab_picture import LabFigure, Recorded, record
from rnnlib.widgets.session_view import SessionView

HIDDEN_SIZES = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
CLIP_THRESHOLDS = [*(10 ** (exponent / 4) for exponent in range(-8, 9)), math.inf]


class TrainingLab(SessionView):
    """A training session with its knobs and its picture.

    Keyword arguments are those of Settings (text="story", cell="rnn", hidden_size=256, ...), and `prefix`, what the
    network's texts begin with.  `lab.session` is the session: lab.session.run(200) trains and waits.
    Running the cell again replaces the lab: the earlier one stops.
    """

    def __init__(self, *, name: str = "lab", prefix: str | None = None, **settings: Any):
        super().__init__(Session(Settings(**settings), name=name, prefix=prefix))
        corpus = self.session.corpus
        V, num_steps = len(corpus.vocab), self.session.settings.num_steps
        counted = NGram(corpus.train, order=4, vocab_size=V).perplexity(corpus.held_out)
        self._figure = LabFigure(num_steps=num_steps, vocab_size=V, ngram_perplexity=counted)
        self._make_knobs()
        self.progress = widgets.FloatProgress(min=0, max=1, layout={"width": "250px"})
        self.time_left = widgets.Label()
        self.children = self._rows()
        self.add_class("training-lab")
        self.follow()

    # ------------------------------------------------------------------------------------- layout

    def _make_knobs(self) -> None:
        main = self.session.trainers[MAIN]
        size, knobs = main.model.hidden_size, main.knobs
        self.hidden_size = option_slider("Hidden size", sorted({*HIDDEN_SIZES, size}), size, while_moving=False)
        # The page moves a slider to the nearest of its places, which would be a change: the rate it begins with is one.
        exponent, step = math.log10(knobs.learning_rate), 0.05
        lowest, highest = exponent - step * max(0, round((exponent + 3) / step)), max(1.5, exponent)
        self.learning_rate = log_slider("Learning rate", knobs.learning_rate, lowest, highest, step)
        thresholds = [(threshold_name(value), value) for value in sorted({*CLIP_THRESHOLDS, knobs.clip_threshold})]
        self.clip_threshold = option_slider("Clipping threshold", thresholds, knobs.clip_threshold)
        self.temperature = float_slider("Temperature", self.session.temperature, 0, 2, 0.1)
        self.cell = cell_choice(self.session.model.cell.name)
        self.steps = widgets.BoundedIntText(
            value=0, min=0, max=MAX_STEPS, description=f"Steps (0: {MAX_STEPS:,})",
            style={"description_width": "140px"}, layout={"width": "240px"},
        )  # fmt: skip
        for knob in ("hidden_size", "learning_rate", "clip_threshold", "cell"):
            getattr(self, knob).observe(
                lambda change, knob=knob: self._knob_moved(knob, change.old, change.new), "value"
            )
        self.temperature.observe(lambda change: self._set_temperature(change.new), "value")

    def _rows(self) -> list[widgets.Widget]:
        actions = [
            ("Start", "Train in the background", self._start),
            ("Pause", "Stop after the step under way", self.session.pause),
            ("Step", "Train one step", self.session.step),
            ("Reset", "Begin again with fresh weights and the knobs as they are", self._reset),
            ("Fork", "A second network starts from these weights and keeps these knobs", self.session.fork),
            ("Save", "Write this session to the folder saved/", self._save),
        ]
        first = row(*self.make_buttons(actions), self.steps)
        progress = widgets.HBox([self.progress, self.time_left])
        second = row(self.hidden_size, self.learning_rate, self.clip_threshold, self.temperature, self.cell, progress)
        return [first, second, self._status, self._news, self._image, self._words]

    # ----------------------------------------------------------------------------------- callbacks

    def _knob_moved(self, knob: str, old: Any, new: Any) -> None:
        if knob != "learning_rate" or not math.isclose(old, new, rel_tol=1e-9):  # which the page may round
            self.act(lambda: self.session.set(**{knob: new}))

    def _set_temperature(self, temperature: float) -> None:
        self.session.temperature = temperature
        self.act(self.session.evaluate_now)

    def _start(self) -> None:
        self.session.start(self.steps.value) if self.steps.value else self.session.start()

    def _reset(self) -> None:
        knobs = {name: getattr(self, name).value for name in ("hidden_size", "learning_rate", "clip_threshold", "cell")}
        self.session.reset(**knobs)

    def _save(self) -> None:
        path = Path("saved") / f"{self.session.name}-{datetime.now():%Y%m%d-%H%M%S}.session"
        recordings.save(self.session, path)
        self.message = f"Saved to {path}; recordings.replay(path) repeats it, recordings.load(path) continues it."

    # ---------------------------------------------------------------------------------- what is shown

    def compute(self) -> Recorded:
        """What the session has recorded."""
        return record(self.session)

    def figure(self, result: Recorded) -> LabFigure:
        """The same figure for every result, with other lines."""
        self._figure.draw_session(result)
        return self._figure

    def words(self, result: Recorded) -> str:
        """The text that the network writes."""
        if not result.evaluations:
            return ""
        evaluation = result.evaluations[-1]
        return f"At step {evaluation.step} it writes: {evaluation.text}"

    def refresh(self) -> None:
        """Compute, and show the result: picture, words, news, status and progress."""
        with self._one_at_a_time:
            super().refresh()
            session = self.session
            asked = session.asked_to - session.asked_from if self.steps.value else 0
            made = session.steps_made - session.asked_from
            self.progress.value = made / asked if asked else 0
            speed = tokens_per_second(session.trainers[MAIN])
            per_step = session.settings.batch_size * session.settings.num_steps
            left = f"{made} of {asked} steps"
            if session.running and speed > 0:
                left += f", {(asked - made) * per_step / speed:.0f} s left"
            self.time_left.value = left if asked else ""

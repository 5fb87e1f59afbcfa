"""The live lab: a network trains while its reader turns the knobs, and shows at once what that does.

Before: live_view.py, lab_picture.py.
"""

import html
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from rnnlib.baselines import NGram
from rnnlib.cells import CELLS
from rnnlib.figures.sweep import threshold_name
from rnnlib.sessions import MAIN, MOST_STEPS, Session, Settings, tokens_per_second
from rnnlib.widgets.lab_picture import LabPicture
from rnnlib.widgets.live_view import LiveView

HIDDEN_SIZES = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
CLIP_THRESHOLDS = [*(10 ** (exponent / 4) for exponent in range(-8, 9)), math.inf]


class TrainingLab(LiveView):
    """A training session with its knobs and its picture.

    Keyword arguments are those of sessions.Settings (text="story", cell="rnn", hidden_size=256, ...), and `prefix`,
    what the network's texts begin with.  `lab.session` is the session: lab.session.run(200) trains and waits.
    Running the cell again replaces the lab: the earlier one stops.
    """

    def __init__(self, *, name: str = "lab", prefix: str | None = None, **settings: Any):
        super().__init__(Session(Settings(**settings), name=name, prefix=prefix))
        corpus = self.session.corpus
        ngram_perplexity = NGram(corpus.train, order=4, vocab_size=len(corpus.vocab)).perplexity(corpus.held_out)
        self._lab_picture = LabPicture(self.session, ngram_perplexity)
        self._make_knobs()
        self._text = widgets.HTML()
        self._progress = widgets.FloatProgress(min=0, max=1, layout={"width": "250px"})
        self._time_left = widgets.Label()
        self.children = self._rows()
        self.add_class("training-lab")
        self.start_painting()

    # ------------------------------------------------------------------------------------- layout

    def _make_knobs(self) -> None:
        main = self.session.trainers[MAIN]
        wide = {"style": {"description_width": "130px"}, "layout": widgets.Layout(width="440px")}
        sizes = sorted({*HIDDEN_SIZES, main.model.hidden_size})
        thresholds = sorted({*CLIP_THRESHOLDS, main.knobs.clip_threshold})
        self.hidden_size = widgets.SelectionSlider(
            options=sizes, value=main.model.hidden_size, description="Hidden size", continuous_update=False, **wide
        )
        # The page moves a slider to the nearest of its places, which would be a change: the rate it begins with is one.
        exponent, step = math.log10(main.knobs.learning_rate), 0.05
        lowest, highest = exponent - step * max(0, round((exponent + 3) / step)), max(1.5, exponent)
        self.learning_rate = widgets.FloatLogSlider(
            value=main.knobs.learning_rate, min=lowest, max=highest, step=step, readout_format=".3g",
            description="Learning rate", **wide,
        )  # fmt: skip
        self.clip_threshold = widgets.SelectionSlider(
            options=[(threshold_name(value), value) for value in thresholds],
            value=main.knobs.clip_threshold,
            description="Clipping threshold",
            **wide,
        )
        self.temperature = widgets.FloatSlider(
            value=self.session.temperature, min=0, max=2, step=0.1, description="Temperature", **wide
        )
        names = [(cell.upper(), cell) for cell in CELLS]
        self.cell = widgets.Dropdown(
            options=names, value=self.session.model.cell.name, description="Cell", layout={"width": "200px"}
        )
        self.steps = widgets.BoundedIntText(
            value=0, min=0, max=MOST_STEPS, description=f"Steps (0: {MOST_STEPS:,})",
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
        first = widgets.HBox([*self.make_buttons(actions), self.steps], layout={"flex_flow": "row wrap"})
        progress = widgets.HBox([self._progress, self._time_left])
        knobs = [self.hidden_size, self.learning_rate, self.clip_threshold, self.temperature, self.cell, progress]
        second = widgets.HBox(knobs, layout={"flex_flow": "row wrap"})
        return [first, second, self._status, self._news, self._image, self._text]

    def draw(self) -> bytes:
        """The session as it is now, as PNG."""
        return self._lab_picture.draw()

    # ----------------------------------------------------------------------------------- callbacks

    def _knob_moved(self, knob: str, old: Any, new: Any) -> None:
        if knob != "learning_rate" or not math.isclose(old, new, rel_tol=1e-9):  # which the page may round
            self._set(knob, new)

    def _set(self, knob: str, value: Any) -> None:
        self.act(lambda: self.session.set(**{knob: value}))

    def _set_temperature(self, temperature: float) -> None:
        self.session.temperature = temperature
        self.act(self.session.look_now)

    def _start(self) -> None:
        self.session.start(self.steps.value) if self.steps.value else self.session.start()

    def _reset(self) -> None:
        knobs = {name: getattr(self, name).value for name in ("hidden_size", "learning_rate", "clip_threshold", "cell")}
        self.session.reset(**knobs)

    def _save(self) -> None:
        path = Path("saved") / f"{self.session.name}-{datetime.now():%Y%m%d-%H%M%S}.session"
        self.session.save(path)
        self._message = f"Saved to {path}; Session.replay(path) repeats it, Session.load(path) continues it."

    # ---------------------------------------------------------------------------------- what is shown

    def show(self) -> None:
        """Set the traits: picture, status, the text it writes, progress."""
        super().show()
        session = self.session
        self._text.value = self._describe_text()
        asked = session.asked_to - session.asked_from if self.steps.value else 0
        made = session.steps_made - session.asked_from
        self._progress.value = made / asked if asked else 0
        speed = tokens_per_second(session.trainers[MAIN])
        per_step = session.settings.batch_size * session.settings.num_steps
        left = f"{made} of {asked} steps"
        if session.running and speed > 0:
            left += f", {(asked - made) * per_step / speed:.0f} s left"
        self._time_left.value = left if asked else ""

    def _describe_text(self) -> str:
        if not self.session.looks:
            return ""
        look, prefix = self.session.looks[-1], self.session.prefix
        written = f"<b>{html.escape(prefix)}</b>{html.escape(look.text.removeprefix(prefix))}"
        return f'<p style="font-size:16px;line-height:1.4">At step {look.step} it writes: {written}</p>'

"""The live lab: a network trains while its reader turns the knobs, and shows at once what that does.

Before: session_view.py, lab_chart.py, lab_knobs.py.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from rnnlib.figures.chart import Chart
from rnnlib.live import recordings
from rnnlib.live.diary import Entry
from rnnlib.live.experiments import MAIN
from rnnlib.live.presets import PRESETS
from rnnlib.live.sessions import MAX_STEPS, Session, tokens_per_second
from rnnlib.live.settings import TEXT_SETTINGS, Settings
from rnnlib.named_texts import NAMES
from rnnlib.widgets.knobs import row
from rnnlib.widgets.lab_chart import STEPS_OF_CLIPPED_COUNT, LabChart
from rnnlib.widgets.lab_knobs import NO_PRESET, OFF, LabKnobs
from rnnlib.widgets.session_view import SessionView

SAVED = Path("saved")
SIZES = ("normal", "compact", "lecture")
MOST_MOVES = 1000  # that can be taken back
ONE_MOVE = 1.0  # seconds: a slider that is dragged makes many changes, which are undone together


class TrainingLab(SessionView):
    """A training session with its knobs and its picture.

    Keyword arguments are those of Settings (text="story", cell="rnn", hidden_size=256, ...), and `prefix`, what the
    network's texts begin with.  `lab.session` is the session: lab.session.run(200) trains and waits.
    `TrainingLab(session=recordings.load(path))` goes on with a saved one.
    Running the cell again replaces the lab: the earlier one stops.

    knobs: see LabKnobs.  size: "normal", "compact" or "lecture".
    """

    def __init__(
        self, *, name: str = "lab", prefix: str | None = None, session: Session | None = None, **settings: Any
    ):
        super().__init__(session or Session(Settings(**settings), name=name, prefix=prefix))
        self.knobs, self._lab_chart = LabKnobs(self.session), LabChart(self.session)
        self._moves = deque[tuple[float, str, Any]](maxlen=MOST_MOVES)  # when, which knob, and what it was before
        self._showing: int | None = None  # which thread moves knobs to show a value, and not to change it
        self._make_controls()
        self._observe_knobs()
        self._place_handle()
        picture = widgets.HBox([self.knobs, self.plot])
        picture.add_class("training-lab-body")
        self.children = [self._controls, picture]
        self.add_class("training-lab")
        self.follow()

    def _make_controls(self) -> None:
        buttons = self.make_buttons(
            [
                ("Start", "Train with the knobs as they are", self._start),
                ("Pause", "Stop after the step under way", lambda: self.session.pause()),
                ("Step", "Train one step", lambda: self.session.step()),
                ("Reset", "Begin again with fresh weights and the knobs as they are", self._reset),
                ("Undo", "Move the knob that was moved last back to where it was", self.undo),
                ("Fork", "A second network starts from these weights and keeps these knobs", self._fork),
                ("Drop", "Forget the fork named beside; without a name, the newest", self._drop_fork),
                ("Save", "Write this session to the folder saved/", self._save),
                ("Open", "Go on with the session chosen beside", self._open),
            ]
        )
        self.fork_name = widgets.Text(placeholder="fork's name", layout={"width": "115px"})
        self.saved = widgets.Dropdown(options=saved_sessions(), layout={"width": "130px"})
        self.its_text = widgets.Text(placeholder="its text", layout={"width": "110px"})
        self.size = widgets.Dropdown(options=SIZES, layout={"width": "85px"})
        self.fork_name.tooltip, self.saved.tooltip, self.size.tooltip = "Name of the fork", "Saved session", "Size"
        self.its_text.tooltip = "The file of the saved session's text, where that is your own: text=..."
        fork, drop, save, open_ = buttons[5:]
        of_files = save, open_, self.saved, self.its_text
        self._controls = row(*buttons[:5], fork, self.fork_name, drop, *of_files, self.size)
        self.size.observe(lambda change: self._resize(change.old, change.new), "value")

    def _observe_knobs(self) -> None:
        knobs = self.knobs
        for name in ("hidden_size", "learning_rate", "clip_threshold", "clip_by", "cell", "optimizer"):
            getattr(knobs, name).observe(lambda change, name=name: self._moved(name, change.old, change.new), "value")
        knobs.temperature.observe(lambda change: self._set_temperature(change.new), "value")
        knobs.pace.observe(lambda change: self._set_pace(change.new), "value")
        knobs.preset.observe(lambda change: self.act(lambda: self._use_preset(change.new)), "value")
        self.plot.observe(lambda change: self._handle_dragged(change.new), "handle")

    # ----------------------------------------------------------------------------------- callbacks

    @contextmanager
    def _knobs_show(self) -> Iterator[None]:
        """Inside, knobs are moved to show what is so."""
        self._showing = threading.get_ident()
        try:
            yield
        finally:
            self._showing = None
            self._place_handle()

    def _shows(self) -> bool:
        return self._showing == threading.get_ident()

    def _moved(self, knob: str, old: Any, new: Any) -> None:
        """A knob of the running training was moved."""
        if self._shows() or (knob == "learning_rate" and math.isclose(old, new, rel_tol=1e-9)):  # the page may round
            return
        now = time.monotonic()
        if not self._moves or self._moves[-1][1] != knob or now - self._moves[-1][0] > ONE_MOVE:
            self._moves.append((now, knob, old))
        else:
            self._moves[-1] = (now, knob, self._moves[-1][2])
        self._place_handle()
        self.act(lambda: self.session.set(**self._changes(knob)))

    def follow(self) -> None:
        """As SessionView.follow; knobs follow what code sets."""
        super().follow()
        self.session.on_set = self._follow_code

    def _follow_code(self, **changes: Any) -> None:
        """Code has set something: `lab.session.set(learning_rate=0.5)`."""
        if any(self._changes(knob).get(knob) != value for knob, value in changes.items()):
            now = self.session.trainers[MAIN].knobs  # one of the clipping's two knobs says nothing without the other
            clipping = {"clip_by": now.clip_by, "clip_threshold": now.clip_threshold}
            with self._knobs_show():
                self.knobs.show_changes({**clipping, **changes} if changes.keys() & clipping.keys() else changes)

    def _changes(self, knob: str) -> dict[str, Any]:
        """What a knob that was moved changes; "off" is a threshold without limit."""
        knobs = self.knobs
        if knob == "clip_by" and knobs.clip_by.value != OFF:
            return {"clip_by": knobs.clip_by.value, "clip_threshold": knobs.clip_threshold.value}
        if knob in ("clip_by", "clip_threshold"):
            return {"clip_threshold": math.inf if knobs.clip_by.value == OFF else knobs.clip_threshold.value}
        return {knob: getattr(knobs, knob).value}

    def _place_handle(self) -> None:
        """The line in the picture is where the knob is."""
        self.plot.handle = -1 if self.knobs.clip_by.value == OFF else self.knobs.clip_threshold.index

    def _handle_dragged(self, place: int) -> None:
        if place >= 0:
            self.knobs.clip_threshold.index = place

    def undo(self) -> None:
        """Move the knob that was moved last back to where it was.  Raises ValueError if none was moved."""
        if not self._moves:
            raise ValueError("no knob was moved since the beginning; there is nothing to undo.")
        _, knob, before = self._moves.pop()
        with self._knobs_show():
            getattr(self.knobs, knob).value = before
        self.session.set(**self._changes(knob))

    def _set_temperature(self, temperature: float) -> None:
        self.session.temperature = temperature
        if not self._shows():
            self.act(self.session.evaluate_now)

    def _set_pace(self, steps_per_second: float) -> None:
        self.session.steps_per_second = steps_per_second

    def _start(self) -> None:
        self.session.start(self.knobs.steps.value or MAX_STEPS)

    def _reset(self) -> None:
        knobs = self.knobs
        now = {name: getattr(knobs, name).value for name in ("hidden_size", "learning_rate", "cell", "optimizer")}
        at_reset = {name: getattr(knobs, name).value for name in ("text", "tokens", "batch_size", "num_steps")}
        clipping = self._changes("clip_by")
        self._begin_again(**now, **at_reset, **clipping)

    def _use_preset(self, name: str) -> None:
        if name == NO_PRESET or self._shows():
            return
        preset = PRESETS[name]
        now = self.session.settings
        settings = replace(Settings(**{name: getattr(now, name) for name in TEXT_SETTINGS}), **preset.settings)
        self._begin_again(**{name: value for name, value in asdict(settings).items() if name != "device"})
        self.message = preset.sentence

    def _begin_again(self, **settings: Any) -> None:
        self.session.reset(**settings)
        self._show_session()

    def _show_session(self) -> None:
        self._moves.clear()
        with self._knobs_show():
            self.knobs.show(self.session)

    def _fork(self) -> None:
        self.session.fork(self.fork_name.value.strip() or None)
        self.fork_name.value = ""

    def _drop_fork(self) -> None:
        *_, newest = self.session.trainers
        self.session.drop_fork(self.fork_name.value.strip() or newest)
        self.fork_name.value = ""

    def _save(self) -> None:
        path = SAVED / f"{self.session.name}-{datetime.now():%Y%m%d-%H%M%S-%f}.session"
        recordings.save(self.session, path)
        self.saved.options, self.saved.value = saved_sessions(), path.name
        self.message = f"Saved to {path}; recordings.replay(path) repeats it, Open continues it."

    def _open(self) -> None:
        if self.saved.value is None:
            self.saved.options = saved_sessions()  # another notebook may have written some
            there_are = "choose one of the saved sessions beside." if self.saved.options else ""
            raise ValueError(there_are or "there is no saved session in the folder saved/; Save writes one.")
        text = self.its_text.value.strip() or None
        self.session = recordings.load(SAVED / self.saved.value, name=self.session.name, text=text)
        self._lab_chart = LabChart(self.session)
        self._show_session()
        self.follow()
        self.message = f"Opened {self.saved.value}; Start goes on with it."

    def _resize(self, old: str, new: str) -> None:
        self.remove_class(f"training-lab-{old}")
        self.add_class(f"training-lab-{new}")

    # ---------------------------------------------------------------------------------- what is shown

    def compute(self) -> Chart:
        """What the session has recorded."""
        return self._lab_chart.chart(tuple(value for _, value in self.knobs.clip_threshold.options))

    def texts(self) -> list[Entry]:
        """What the network has written so far."""
        return self._lab_chart.diary.entries

    def told(self) -> dict[str, Any]:
        """The diary has the words."""
        return {**super().told(), "words": ""}

    def words(self, result: Chart) -> str:
        """The text that the network writes."""
        entries = self.texts()
        return f"At step {entries[-1]['step']} it writes: {entries[-1]['text']}" if entries else ""

    def more_facts(self) -> list[str]:
        """How many steps were clipped, how many of those that were asked for are made, and what of the text is lost."""
        session = self.session
        main = session.trainers[MAIN]
        counted = min(len(main.history), STEPS_OF_CLIPPED_COUNT)
        clipped = round(counted * main.history.clipped_fraction(len(main.history) - counted)) if counted else 0
        facts = [f"clipped: {clipped} of the last {counted} steps"] if counted else []
        asked, made = session.asked_to - session.asked_from, session.steps_made - session.asked_from
        if self.knobs.steps.value and asked:
            speed = tokens_per_second(main)
            per_step = session.settings.batch_size * session.settings.num_steps
            left = f", {(asked - made) * per_step / speed:.0f} s left" if session.running and speed > 0 else ""
            facts.append(f"{made} of {asked} steps{left}")
        corpus = session.corpus
        if corpus.left_out and corpus.name not in NAMES:
            facts.append(f"{corpus.left_out:.1%} of the text is no letters and left out")
        if corpus.unknown:
            facts.append(f"{corpus.unknown:.1%} of the tokens are {corpus.vocab.UNKNOWN}")
        return facts


def saved_sessions() -> list[str]:
    """The names of the files in the folder saved/, the newest first."""
    return sorted((path.name for path in SAVED.glob("*.session")), reverse=True)

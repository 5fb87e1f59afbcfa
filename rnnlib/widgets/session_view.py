"""Views of a session: buttons, a status line, a line of news, a picture that follows it, words.

Before: live_view.py, live/sessions.py.  Next: lab_picture.py, training_lab.py, gradient_map_view.py.
"""

import math
from datetime import datetime

import ipywidgets as widgets

from rnnlib.live.experiments import FORK, MAIN
from rnnlib.live.sessions import Session, tokens_per_second
from rnnlib.live.settings import Event
from rnnlib.live.worker import Worker
from rnnlib.widgets.live_view import LiveView
from rnnlib.widgets.view import paragraph

SECONDS_WATCHED = 5.0  # after a picture the session is evaluated for so long, and until the next picture at least


class SessionView(LiveView):
    """A view of a session.  status: what it is doing, as plain text."""

    def __init__(self, session: Session):
        super().__init__()
        self.session, self.status = session, ""
        self._status = widgets.HTML()
        self._image.layout = {"width": "100%", "max_width": "1040px"}
        session.on_change = self.show_soon

    @property
    def worker(self) -> Worker:  # type: ignore[override]
        """The session's."""
        return self.session.worker

    def state(self) -> object:
        """Steps, changes, evaluations, and what went wrong."""
        session = self.session
        problems = (dict(session.diverged), session.rejected_change)
        return session.steps_made, len(session.events), len(session.evaluations), problems

    def refresh(self) -> None:
        """Compute, and show the result: picture, words, news and status."""
        with self._one_at_a_time:
            self.session.keep_evaluating(SECONDS_WATCHED)
            super().refresh()
            self.status = self._describe_status()
            self._status.value = paragraph(self.status)

    def describe_news(self) -> list[str]:
        """Problems, or else the last change and when it took effect."""
        session = self.session
        problems = [*session.diverged.values(), session.rejected_change, *super().describe_news()]
        return [problem for problem in problems if problem] or [sentence_of(event) for event in session.events[-1:]]

    def _describe_status(self) -> str:
        session = self.session
        resting = "paused" if session.alive else "ended: stopped, or its cell was run again"
        doing = "training" if session.running else resting
        speed = tokens_per_second(session.trainers[MAIN])
        facts = [
            f"{doing} at step {session.steps_made}",
            f"{session.model.cell.name.upper()} with {session.model.hidden_size} hidden units on {session.device.type}",
            "" if math.isnan(speed) else f"{speed:,.0f} characters/s",
            "" if FORK not in session.trainers else "fork keeps its knobs",
            f"last heard from the kernel at {datetime.now():%H:%M:%S}",
        ]
        return " · ".join(fact for fact in facts if fact)


def sentence_of(event: Event) -> str:
    """An event in words that can be read aloud."""
    if event.knob in ("fork", "resumed"):
        return f"{event.knob} at step {event.step}"
    return f"{event.knob.replace('_', ' ')} {event.value_name} from step {event.step} on"

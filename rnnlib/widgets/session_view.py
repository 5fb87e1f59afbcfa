"""Views of a session: buttons, and a picture that follows it, with a line of status and a line of news.

Before: live_view.py, live/sessions.py.  Next: training_lab.py, gradient_map_view.py.
"""

import math
import time
from datetime import datetime
from typing import Any

from rnnlib import engine
from rnnlib.live.experiments import MAIN
from rnnlib.live.sessions import Session, tokens_per_second
from rnnlib.live.worker import Worker
from rnnlib.widgets.event_words import sentence_of
from rnnlib.widgets.live_view import LiveView

UNTRIED = " (tested only without a real GPU)"
SECONDS_OF_A_STATUS = 0.2  # as long as it can be read
SECONDS_WATCHED = 5.0  # after a picture the session is evaluated for so long, and until the next picture at least


class SessionView(LiveView):
    """A view of a session.  status: what it is doing, as plain text."""

    def __init__(self, session: Session):
        super().__init__()
        self.status, self.session = "", session
        self._status_due = 0.0

    def follow(self) -> None:
        """Show what is known of the session, and what is new from now on."""
        self.paint()
        self.session.on_change = self.show_soon

    @property
    def worker(self) -> Worker:  # type: ignore[override]
        """The session's."""
        return self.session.worker

    def paint(self) -> None:
        """Send to the page what is new; while somebody looks the session is evaluated."""
        if self.plot.watched:
            self.session.keep_evaluating(SECONDS_WATCHED)
        super().paint()

    def wait_for_gpu(self) -> None:
        """As LiveView.wait_for_gpu."""
        engine.wait_for(self.session.device)

    def told(self) -> dict[str, Any]:
        """Status, news and words."""
        if not self.session.running or time.monotonic() > self._status_due:
            self.status, self._status_due = self.describe_status(), time.monotonic() + SECONDS_OF_A_STATUS
        return {**super().told(), "status": self.status}

    def describe_problems(self) -> list[str]:
        """What went wrong, one sentence each."""
        session = self.session
        problems = [*session.diverged.values(), session.rejected_change, *super().describe_problems()]
        return [problem for problem in problems if problem]

    def describe_news(self) -> list[str]:
        """The last change, and when it took effect."""
        return [sentence_of(event) for event in self.session.events[-1:]]

    def describe_status(self) -> str:
        """What it is doing, how fast, and that the kernel is there."""
        session = self.session
        resting = "paused" if session.alive else "ended: stopped, or its cell was run again"
        doing = "training" if session.running else resting
        speed = tokens_per_second(session.trainers[MAIN])
        facts = [
            f"{doing} at step {session.steps_made:,}",
            f"{session.model.cell.name.upper()} with {session.model.hidden_size} hidden units on {session.device.type}"
            + ("" if session.device.type == "cpu" else UNTRIED),
            "" if math.isnan(speed) else f"{speed:,.0f} characters/s",
            *self.more_facts(),
            f"last heard from the kernel at {datetime.now():%H:%M:%S}",
        ]
        return " · ".join(fact for fact in facts if fact)

    def more_facts(self) -> list[str]:
        """What else this view says of it."""
        return []

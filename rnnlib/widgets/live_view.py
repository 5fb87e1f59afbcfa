"""Views of a session: its thread trains, one painter shows, callbacks only store what was asked for.

Before: knob_view.py.

Three threads, each with one job.  The session's thread trains.  The painter, below, reads what the session has
recorded and sets traits (pictures, texts): as often as it can for a 64th of its time, but at least every 2 seconds.
The kernel's main thread runs the callbacks of the knobs.
"""

import atexit
import html
import math
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import ipywidgets as widgets

from rnnlib.sessions import FORK, MAIN, Event, Session, tokens_per_second
from rnnlib.widgets.view import View

LEAST_SECONDS_BETWEEN_FRAMES, MOST_SECONDS_BETWEEN_FRAMES = 0.1, 2.0
FRAMES_TAKE_ONE_PART_IN = 64
Action = tuple[str, str, Callable[[], None]]
_painted_views: dict[str, "LiveView"] = {}  # by the names of their sessions


class LiveView(View):
    """A session with buttons, a status line, a line of news and a picture that follows it.

    A view of this kind defines `draw`, which only the painter and `picture` call, and may extend `show`.  It calls
    `start_painting` when its widgets are complete.
    """

    def __init__(self, session: Session):
        super().__init__()
        self.session = session
        self._message = ""
        self._status, self._news = widgets.HTML(), widgets.HTML(layout={"min_height": "28px"})
        self._image = widgets.Image(format="png", layout={"width": "100%", "max_width": "1040px"})
        self._wake, self._painting = threading.Event(), threading.Lock()
        self._painted: object = None

    def draw(self) -> bytes:
        """The session as it is now, as PNG."""
        raise NotImplementedError

    def picture(self) -> bytes:
        """The session as it is now, as PNG; one thread draws at a time."""
        with self._painting:
            return self.draw()

    def make_buttons(self, actions: Sequence[Action]) -> list[widgets.Button]:
        """A button for each (label, tooltip, action), the first in colour.  `self.buttons` has them by label."""
        self.buttons = {}
        for label, tooltip, action in actions:
            button = widgets.Button(description=label, tooltip=tooltip, layout={"width": "90px"})
            button.on_click(lambda _, action=action: self.act(action))
            self.buttons[label] = button
        self.buttons[actions[0][0]].button_style = "primary"
        return list(self.buttons.values())

    def act(self, action: Callable[[], None]) -> None:
        """Run what a button or a knob stands for; what goes wrong is told in one sentence."""
        self._message = ""
        try:
            action()
        except Exception as error:
            self._message = str(error)
        self._wake.set()

    # ------------------------------------------------------------------------------------- painter

    def start_painting(self) -> None:
        """Show the session now, and follow it from now on.  An earlier view of a session of this name stops."""
        if self.session.name in _painted_views:
            _painted_views[self.session.name].stop()
        self._paint()
        self._painter = threading.Thread(target=self._keep_painting, name=f"painter {self.session.name}", daemon=True)
        self._painter.start()
        _painted_views[self.session.name] = self
        atexit.register(self.stop)

    def stop(self) -> None:
        """Stop the session and the painter; the picture stays."""
        self.session.stop()
        self._wake.set()
        self._painter.join()
        atexit.unregister(self.stop)
        if _painted_views.get(self.session.name) is self:
            del _painted_views[self.session.name]

    def _keep_painting(self) -> None:
        """Paint while something changes; end when the session does (another view has replaced this one)."""
        while self.session.alive:
            self._wake.clear()
            started = time.thread_time()
            try:
                self._paint()
            except Exception as error:
                self._news.value = paragraph(f"The picture could not be drawn: {error}", alert=True)
            pause = (time.thread_time() - started) * FRAMES_TAKE_ONE_PART_IN
            self._wake.wait(min(max(pause, LEAST_SECONDS_BETWEEN_FRAMES), MOST_SECONDS_BETWEEN_FRAMES))
            if self._wake.is_set():
                time.sleep(LEAST_SECONDS_BETWEEN_FRAMES)  # a knob was turned: let it have its effect
        if threading.main_thread().is_alive():  # at the kernel's end nobody looks, and its connections are closing
            self._paint()

    def _paint(self) -> None:
        """Show the session as it is now, unless it is shown already."""
        session = self.session
        problems = (dict(session.diverged), session.refusal, session.error, self._message)
        now = (session.steps_made, session.running, session.alive, len(session.events), len(session.looks), problems)
        if now == self._painted:
            return
        session.want_look(5.0)
        self.show()
        self._painted = now

    def show(self) -> None:
        """Set the traits: picture, status and news."""
        picture = self.picture()
        if picture != self._image.value:
            self._image.value = picture
        self._status.value = self._describe_status()
        self._news.value = self._describe_news()

    def _describe_status(self) -> str:
        session, main = self.session, self.session.trainers[MAIN]
        resting = "paused" if session.alive else "ended: stopped, or its cell was run again"
        doing = "training" if session.running else resting
        speed = tokens_per_second(main)
        facts = [
            f"<b>{doing}</b> at step {session.steps_made}",
            f"{session.model.cell.name.upper()} with {session.model.hidden_size} hidden units on {session.device.type}",
            "" if math.isnan(speed) else f"{speed:,.0f} characters/s",
            "" if FORK not in session.trainers else "fork keeps its knobs",
            f"last heard from the kernel at {datetime.now():%H:%M:%S}",
        ]
        return paragraph(" · ".join(fact for fact in facts if fact))

    def _describe_news(self) -> str:
        """What a screen reader says when it changes: problems, or else the last change and when it took effect."""
        session = self.session
        problems = [*session.diverged.values(), session.refusal, str(session.error or ""), self._message]
        told = [problem for problem in problems if problem] or [sentence_of(event) for event in session.events[-1:]]
        return "".join(paragraph(sentence, alert=True) for sentence in told)


def sentence_of(event: Event) -> str:
    """An event in words that can be read aloud."""
    if event.knob in ("fork", "resumed"):
        return f"{event.knob} at step {event.step}"
    return f"{event.knob.replace('_', ' ')} {event.value_name} from step {event.step} on"


def paragraph(text: str, *, alert: bool = False) -> str:
    """A line of HTML; an alert is bold, plain text, and read aloud at once by a screen reader."""
    if not alert:
        return f'<p style="font-size:14px;margin:0">{text}</p>'
    return f'<p role="alert" style="font-size:14px;margin:0;font-weight:bold">{html.escape(text)}</p>'

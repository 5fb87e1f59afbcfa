"""The checks of notebook 06: rescue a run; make an RNN remember.

Before: running.py, verdict.py.  The third one, of sessions handed in, is handed_in.py.

What a reader does is done to a copy.  Of that only what was asked for is taken over, and the check trains by itself.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from rnnlib import engine
from rnnlib.checks import answers
from rnnlib.checks.exercise import does_nothing, no_function
from rnnlib.checks.progress import Progress
from rnnlib.checks.running import run
from rnnlib.checks.verdict import Verdict, verdict
from rnnlib.live.experiments import MAIN, Experiment, change_of
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Event, Settings
from rnnlib.live.sweeps import has_diverged
from rnnlib.topics.long_memory import learn
from rnnlib.topics.tasks import TASKS
from rnnlib.training import perplexity

RESCUING_KNOBS = ("learning_rate", "clip_threshold", "clip_by")
SECONDS = 10.0
SICK = Settings(hidden_size=32, batch_size=16, num_steps=20, learning_rate=8.0, clip_threshold=math.inf)

# ------------------------------------------------------------------------------------------ a rescue


def rescues(
    my_rescue: Callable[[Session], object], *, sick: Settings = SICK, steps: int = 200, perplexity_below: float = 10
) -> Verdict:
    """Check that my_rescue(session), which may turn one knob of a sick session before its first step, saves it.

    Saved: after `steps` steps its mean training perplexity over the last tenth of them is below `perplexity_below`.
    """
    to_do = Verdict("open", "turn one knob, with one call of session.set; this cell then trains and looks.")
    if does_nothing(my_rescue):
        return to_do
    sick = replace(sick, device="cpu")
    session = WatchedSession(sick, name="rescue")
    praise = ""
    try:
        outcome = run(lambda: _turned(my_rescue, session), seconds=SECONDS)
        if outcome.open:
            return to_do
        mistake = no_function(my_rescue, answers.my_rescue) or outcome.problem or _mistake_in_turning(session, sick)
        events = list(session.events)
    finally:
        session.stop()
    if not mistake:
        event = events[-1]  # a knob that is turned twice is where it was turned to last
        mistake, reached = _mistake_in_outcome(event, sick, steps, perplexity_below)
        praise = f"with {event.knob} at {event.value_name}, perplexity is {reached:.1f} after {steps} steps."
    hint = (
        "Diverging means: steps too long. A step is as long as learning rate times gradient, so there are two ways to "
        "make it shorter, and with both of them it can become too short to learn. The map above shows where to go."
    )
    return verdict("rescues", mistake, praise=praise, hint=hint, answer=answers.my_rescue, printed=outcome.printed)


class WatchedSession(Session):
    """A session that remembers which knobs were to be turned, and which attributes it had to begin with."""

    def __init__(self, settings: Settings, *, name: str):
        self.asked = dict[str, Any]()
        super().__init__(settings, name=name)
        self.had = set(vars(self)) | {"had"}

    def set(self, **changes: Any) -> None:
        """As a session does."""
        super().set(**changes)
        self.asked.update(changes)


def _turned(my_rescue: Callable[[Session], object], session: Session) -> None:
    my_rescue(session)
    session.pause()
    session.wait(SECONDS)


_AS_IN = "knobs are turned by a call, as in `session.set(learning_rate=7.0)`"


def _mistake_in_turning(session: WatchedSession, sick: Settings) -> str | None:
    """The first thing that a rescue should not have done, or None."""
    if session.settings != sick:
        return "session.reset begins another run; a rescue turns one knob of this one."
    if not session.alive:
        return "it ended the session; turn a knob, and this check trains."
    if session.steps_made > 0:
        return f"it trained {session.steps_made} steps itself; turn a knob, and this check trains."
    if added := sorted(set(vars(session)) - session.had):
        return f"`session.{added[0]} = ...` gives the object a new attribute, and turns no knob: {_AS_IN}."
    knobs = list(dict.fromkeys(event.knob for event in session.events))
    if not knobs and session.asked:
        knob, value = next(iter(session.asked.items()))
        return f"{knob} was {value!r} already, so nothing has changed."
    if not knobs and any(getattr(session.trainers[MAIN].knobs, name) != getattr(sick, name) for name in RESCUING_KNOBS):
        return f"the trainer's knobs were changed behind the session's back, which records nothing of it: {_AS_IN}."
    if not knobs:
        return f"no knob was turned: {_AS_IN}."
    if len(knobs) > 1:
        return f"it changed {len(knobs)} knobs ({', '.join(knobs)}); one is enough."
    if knobs[0] not in RESCUING_KNOBS:
        return f"{knobs[0]} makes it another network; a rescue turns one of {', '.join(RESCUING_KNOBS)}."
    return None


def _mistake_in_outcome(event: Event, sick: Settings, steps: int, perplexity_below: float) -> tuple[str | None, float]:
    """What is wrong with how a session like the sick one ends after this one event, or None; and its perplexity."""
    experiment, progress = Experiment(sick), Progress("training", steps)
    experiment.apply(change_of(event.knob, event.new))
    while experiment.steps_made < steps and MAIN not in experiment.diverged:
        experiment.advance(min(steps, experiment.steps_made + 10))
        progress(experiment.steps_made)
    progress.end()
    losses = experiment.trainers[MAIN].history.columns()["loss"]
    reached = perplexity(float(losses[-max(1, len(losses) // 10) :].mean()))
    turned = f"with {event.knob} at {event.value_name}"
    if has_diverged(losses, len(experiment.corpus.vocab)):
        if event.knob == "clip_by":
            return (
                "it still diverges: whatever is clipped by, a threshold that is off lets everything through.",
                reached,
            )
        return f"{turned} it still diverges: its perplexity is {reached:.3g} at the end.", reached
    if reached >= perplexity_below:
        return (
            f"{turned} it no longer diverges, but it crawls: perplexity {reached:.1f} after {steps} "
            f"steps, and below {perplexity_below:g} is asked for. Its steps have become too short."
        ), reached
    return None, reached


# -------------------------------------------------------------------------------------- a long memory


TRAININGS, NEEDED = 5, 3


class _NotAllowed(Exception):
    """What was done to the layer instead, in one sentence."""


def remembers(my_start: Callable[[nn.RNN], object], *, delay: int = 30, steps: int = 120) -> Verdict:
    """Check that an nn.RNN (tanh, 32 units) whose first weights my_start(rnn) has changed solves temporal order.

    Solved: at some test within `steps` steps less than 1 % of 256 fresh sequences are wrong, and not before the first.
    One training may be lucky, so NEEDED of TRAININGS, with other first weights and sequences, have to be solved.
    """
    to_do = Verdict("open", "change the first weights of rnn in place; this cell then trains and looks.")
    if does_nothing(my_start):
        return to_do
    task, printed, solved = TASKS["temporal order"], "", list[int]()
    last = list[float]()
    progress = Progress("training", TRAININGS * steps)
    mistake: str | None = None
    try:
        with engine.on_one_thread():  # two threads spin while they wait, and take ten times as long
            for seed in range(TRAININGS):
                prepared = _Prepared(my_start)
                for test in learn("RNN", task, delay, seed=seed, prepare=prepared):
                    if test.step == 0 and test.error < 0.5:
                        wrong = f"only {test.error:.0%} of the sequences are wrong before the first step"
                        raise _NotAllowed(f"{wrong}, and guessing leaves 75%: these weights were trained before.")
                    progress(seed * steps + test.step)
                    if test.error < task.solved_below:
                        solved.append(test.step)
                    if test.error < task.solved_below or test.step >= steps:
                        last.append(test.error)
                        break
                printed = printed or prepared.printed
    except NotImplementedError:
        return to_do
    except _NotAllowed as found:
        mistake = str(found)
    progress.end()
    if mistake is None and len(solved) < NEEDED:
        mistake = (
            f"solved in {len(solved)} of {TRAININGS} trainings, and {NEEDED} are asked for: after {steps} steps up to "
            f"{max(last):.0%} of the sequences are wrong. A network that remembers nothing is wrong in 75%, one that "
            "remembers one of the two symbols in 50%."
        )
    return verdict(
        "remembers",
        mistake,
        praise=(
            f"solved in {len(solved)} of {TRAININGS} trainings, after {', '.join(map(str, solved))} steps. "
            "The cell is the same; only its beginning is not."
        ),
        hint=(
            "`rnn.weight_hh_l0` is W_hh (transposed, which does not matter here). "
            "What must its singular values be, so that a state is neither lost nor blown up on its way?"
        ),
        answer=answers.my_start,
        printed=printed,
    )


class _Prepared:
    """Called with a layer, gives it the first weights that the reader's function makes of it."""

    def __init__(self, my_start: Callable[[nn.RNN], object]):
        self.my_start, self.printed = my_start, ""

    @torch.no_grad()
    def __call__(self, rnn: nn.RNNBase) -> None:
        theirs = copy.deepcopy(rnn)
        outcome = run(lambda: _started(self.my_start, theirs))
        self.printed = outcome.printed
        if outcome.open:
            raise NotImplementedError
        mistake = no_function(self.my_start, answers.my_start) or outcome.problem or _mistake_in_layer(rnn, theirs)
        if mistake:
            raise _NotAllowed(mistake)
        for name, weight in rnn.named_parameters():
            weight.copy_(getattr(theirs, name))


def _started(my_start: Callable[[nn.RNN], object], rnn: nn.RNNBase) -> None:
    with torch.no_grad():
        my_start(rnn)  # type: ignore[arg-type]


def _mistake_in_layer(before: nn.RNNBase, after: nn.RNNBase) -> str | None:
    """What was done to a layer that is not a change of its first weights, or None."""
    if (after.mode, after.num_layers, after.hidden_size) != (before.mode, before.num_layers, before.hidden_size):
        return "the layer was made another one (its nonlinearity or its sizes); only its first weights are yours."
    for name, weight in before.named_parameters():
        theirs = getattr(after, name, None)
        if not isinstance(theirs, torch.Tensor) or theirs.shape != weight.shape:
            return f"rnn.{name} is no tensor {tuple(weight.shape)} any more; change it in place."
        if not torch.isfinite(theirs).all():
            return "some of the weights are not finite."
    weights = dict(before.named_parameters())
    if any(not torch.equal(getattr(after, name), weight) for name, weight in weights.items()):
        return None
    if added := sorted(set(vars(after)) - set(vars(before))):
        return f"`rnn.{added[0]} = ...` gives the layer a new attribute; its weights are {', '.join(weights)}."
    return (
        "the weights of rnn are as they were: change them in place (`rnn.weight_hh_l0.copy_(...)`); another layer is "
        "lost, and so is a new tensor that is returned."
    )

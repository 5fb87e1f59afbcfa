"""The checks of notebook 06: rescue a run; make an RNN remember.

Before: verdict.py.  The third one, of sessions handed in, is handed_in.py.
"""

from collections.abc import Callable

import torch
from torch import nn

from rnnlib.checks import answers
from rnnlib.checks.verdict import NOT_FILLED_IN, Verdict, verdict
from rnnlib.live.experiments import MAIN
from rnnlib.live.sessions import Session
from rnnlib.live.sweeps import has_diverged
from rnnlib.topics.long_memory import STEPS_BETWEEN_TESTS, learn
from rnnlib.topics.tasks import TASKS
from rnnlib.training import perplexity

RESCUING_KNOBS = ("learning_rate", "clip_threshold", "clip_by")


# ------------------------------------------------------------------------------------------ a rescue


def rescues(my_rescue: Callable[[Session], object], sick: Session, *, steps: int, perplexity_below: float) -> Verdict:
    """Check that my_rescue(session), which may turn one knob of a session like `sick` before its first step, saves it.

    Saved: after `steps` steps its mean training perplexity over the last tenth of them is below `perplexity_below`.
    """
    session = Session(sick.settings, name="rescue")
    try:
        my_rescue(session)
        session.pause()
        session.wait()
        if session.steps_made == 0 and not session.events and session.settings == sick.settings and session.alive:
            return Verdict("open", "turn one knob, with one call of session.set; this cell then trains and looks.")
        mistake = _mistake_in_turning(session, sick)
        if mistake is None:
            session.run(steps)
            mistake = _mistake_in_outcome(session, perplexity_below)
    except Exception as error:
        mistake = f"it raised {type(error).__name__}: {error}"
    finally:
        session.stop()
    hint = (
        "Diverging means: steps too long. A step is as long as learning rate times gradient, so there are two ways to "
        "make it shorter, and with both of them it can become too short to learn. The map above shows where to go."
    )
    praise = ""
    if mistake is None:
        (event,) = session.events
        praise = f"with {event.knob} at {event.value_name}, perplexity is {_end(session):.1f} after {steps} steps."
    return verdict("rescues", mistake, praise=praise, hint=hint, answer=answers.my_rescue)


def _mistake_in_turning(session: Session, sick: Session) -> str | None:
    """The first thing that a rescue should not have done, or None."""
    if session.settings != sick.settings:
        return "session.reset begins another run; a rescue turns one knob of this one."
    if not session.alive:
        return "it ended the session; turn a knob, and this check trains."
    if session.steps_made > 0:
        return f"it trained {session.steps_made} steps itself; turn a knob, and this check trains."
    knobs = [event.knob for event in session.events]
    if len(knobs) > 1:
        return f"it changed {len(knobs)} knobs ({', '.join(knobs)}); one is enough."
    if knobs[0] not in RESCUING_KNOBS:
        return f"{knobs[0]} makes it another network; a rescue turns one of {', '.join(RESCUING_KNOBS)}."
    return None


def _mistake_in_outcome(session: Session, perplexity_below: float) -> str | None:
    """What is wrong with how a rescued session ended, or None."""
    (event,), losses = session.events, session.trainers[MAIN].history.columns()["loss"]
    turned = f"with {event.knob} at {event.value_name}"
    if has_diverged(losses, len(session.corpus.vocab)):
        if event.knob == "clip_by":
            return "it still diverges: whatever is clipped by, a threshold that is off lets everything through."
        return f"{turned} it still diverges: its perplexity is {_end(session):.3g} at the end."
    if _end(session) >= perplexity_below:
        return (
            f"{turned} it no longer diverges, but it crawls: perplexity {_end(session):.1f} after {session.steps_made} "
            f"steps, and below {perplexity_below:g} is asked for. Its steps have become too short."
        )
    return None


def _end(session: Session) -> float:
    """The mean training perplexity over the last tenth of the steps."""
    losses = session.trainers[MAIN].history.columns()["loss"]
    return perplexity(float(losses[-max(1, len(losses) // 10) :].mean()))


# -------------------------------------------------------------------------------------- a long memory


def remembers(my_start: Callable[[nn.RNN], object], *, delay: int = 30, steps: int = 300) -> Verdict:
    """Check that an nn.RNN (tanh, 32 units) whose first weights my_start(rnn) has changed solves temporal order.

    Solved: at some test within `steps` steps less than 1 % of 256 fresh sequences are wrong.
    """
    task, mistake, errors = TASKS["temporal order"], None, list[float]()

    def prepare(rnn: nn.RNNBase) -> None:
        nonlocal mistake
        before = [parameter.detach().clone() for parameter in rnn.parameters()]
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the same answer gets the same verdict, and the reader's random numbers stay theirs
            my_start(rnn)  # type: ignore[arg-type]
        after = list(rnn.parameters())
        if not all(torch.isfinite(parameter).all() for parameter in after):
            mistake = "some of the weights are not finite."
        elif all(torch.equal(old, new) for old, new in zip(before, after, strict=True)):
            mistake = NOT_FILLED_IN

    try:
        for test in learn("RNN", task, delay, prepare=prepare):
            errors.append(test.error)
            if mistake is not None or test.error < task.solved_below or test.step >= steps:
                break
    except Exception as error:
        mistake = f"it raised {type(error).__name__}: {error}"
    if mistake == NOT_FILLED_IN:
        return Verdict("open", "change the first weights of rnn in place; this cell then trains and looks.")
    if mistake is None and min(errors) >= task.solved_below:
        mistake = (
            f"after {steps} steps {errors[-1]:.0%} of the sequences are wrong; a network that remembers nothing is "
            "wrong in 75 %, and one that remembers one of the two symbols in 50 %."
        )
    return verdict(
        "remembers",
        mistake,
        praise=(
            f"solved after {STEPS_BETWEEN_TESTS * (len(errors) - 1)} steps. "
            "The cell is the same; only its beginning is not."
        ),
        hint=(
            "`rnn.weight_hh_l0` is W_hh (transposed, which does not matter here). "
            "What must its singular values be, so that a state is neither lost nor blown up on its way?"
        ),
        answer=answers.my_start,
    )

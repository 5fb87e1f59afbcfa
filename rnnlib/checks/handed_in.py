"""The check of a session that was handed in: trained again from its settings and its events, all numbers compared.

Before: verdict.py; rnnlib/live/recordings.py wrote the file.
"""

from pathlib import Path
from types import EllipsisType
from typing import Any

import numpy as np
import torch

from rnnlib.baselines import NGram
from rnnlib.checks.verdict import Verdict, verdict
from rnnlib.live import recordings
from rnnlib.live.checkpoints import describe_batches, describe_model
from rnnlib.live.experiments import MAIN, Experiment
from rnnlib.live.histories import long_history_of
from rnnlib.live.settings import Event, Settings
from rnnlib.training import Trainer, evaluate, perplexity

# Two kinds of machine round differently.  The first difference that this makes, relative to the number, is far smaller
# than LARGEST_ROUNDING; it may grow, and while the loss differs by less than TOLERANCE, both tell the same story.
LARGEST_ROUNDING, TOLERANCE = 1e-4, 1e-2
ANOTHER_MACHINE = "Verify it on a machine like the one it was trained on: another kind, or a GPU, rounds differently."


def handed_in(
    path: str | Path | EllipsisType | None, *, settings: Settings | None = None, step_budget: int = 5000
) -> Verdict:
    """Verify a saved session: train it once more from its seed and its events, and compare all numbers.

    settings: what was asked for, if something was.  step_budget: longer sessions are not replayed.
    On the same kind of machine every number must be the same.  Another kind, or a GPU, rounds differently; where steps
    are long, such differences grow until nothing can be said.  This is told apart from numbers that were changed.
    """
    if path is None or path is ...:
        return Verdict("open", "save a session and put the path of its file here.")
    replayed = None
    try:
        content = recordings.read(path)
        mistake = _mistake_before_replay(content, settings, step_budget)
        if mistake is None:
            replayed = _replay(content)
            mistake = replayed if isinstance(replayed, str) else _first_tampering(content, replayed)
    except (FileNotFoundError, ValueError) as error:
        mistake = str(error)
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError) as error:
        mistake = f"{path} has the form of a session but not its content ({type(error).__name__}: {error})."
    praise = _praise(content, replayed) if mistake is None and isinstance(replayed, Experiment) else ""
    hint = (
        "A session file is written by the lab's Save button or by recordings.save(session, path), and is handed in as "
        "it is. To change something, load it with recordings.load(path), train on, and save again: that is recorded, "
        "too."
    )
    return verdict("handed_in", mistake, praise=praise, hint=hint)


def _mistake_before_replay(content: dict[str, Any], settings: Settings | None, step_budget: int) -> str | None:
    """What can be said of a saved session without training it again, or None."""
    saved = Settings(**content["settings"])
    if settings is not None:
        wrong = [name for name in vars(settings) if getattr(saved, name) != getattr(settings, name)]
        if wrong:
            name = wrong[0]
            return f"its {name} is {getattr(saved, name)!r}; {getattr(settings, name)!r} was asked for."
    if content["steps_made"] == 0:
        return "nothing was trained in this session."
    if content["steps_made"] > step_budget:
        return f"it trained for {content['steps_made']} steps; the budget is {step_budget}."
    steps = [event["step"] for event in content["events"]]
    if steps != sorted(steps) or any(not 0 <= step <= content["steps_made"] for step in steps):
        return "its events were changed: their steps are not in order, or after its end."
    return None


def _replay(content: dict[str, Any]) -> Experiment | str:
    """The experiment that settings and events give, or what they cannot give."""
    replayed = Experiment(Settings(**content["settings"]))
    recordings.repeat(replayed, content)
    if replayed.steps_made < content["steps_made"] and MAIN in replayed.diverged:
        return f"here its training diverges at step {replayed.steps_made}, before its end. {ANOTHER_MACHINE}"
    events = [Event(**event) for event in content["events"]]
    for found, saved in zip(replayed.events, events, strict=False):
        if (found.step, found.knob, found.new) != (saved.step, saved.knob, saved.new):
            return f"its events were changed: {saved.knob}={saved.new} at step {saved.step} cannot have happened."
        if found != saved:
            return f"its events were changed: at step {found.step} {found.knob} was {found.old}, not {saved.old}."
    if len(replayed.events) != len(events):
        return (
            f"its events were changed: {len(events)} are recorded, of which {len(replayed.events)} can have happened."
        )
    return replayed


def _first_tampering(content: dict[str, Any], replayed: Experiment) -> str | None:
    """The first place at which a saved session is not what its settings and events give, or None."""
    if content["trainers"].keys() != replayed.trainers.keys():
        return (
            f"it holds the networks {', '.join(content['trainers'])}; its events give {', '.join(replayed.trainers)}."
        )
    for name, trainer in replayed.trainers.items():
        saved = content["trainers"][name]
        mistake = (
            _mistake_in_description(saved, trainer)
            or _mistake_in_knobs(saved, trainer)
            or _mistake_in_curve(saved, trainer)
            or _mistake_in_weights(saved, trainer)
        )
        if mistake is not None:
            return f"{name}: {mistake}"
    return None


def _mistake_in_description(saved: dict[str, Any], trainer: Trainer) -> str | None:
    theirs, ours = saved["batches"], describe_batches(trainer.batches)
    if (theirs["text_sha1"], theirs["tokens"]) != (ours["text_sha1"], ours["tokens"]):
        return "it was trained on another text than the one that has its name here."
    if theirs != ours:
        return f"its settings were changed: it was trained on batches {theirs}, they give {ours}."
    if saved["model"] != describe_model(trainer.model):
        return f"its network is {saved['model']}; its settings and events give {describe_model(trainer.model)}."
    steps = {saved["history"]["steps_dropped"] + len(column) for column in saved["history"]["kept"].values()}
    if steps != {trainer.steps_made} or saved["history"]["steps_dropped"] != _steps_before(trainer):
        return f"its number of steps was changed: {max(steps)} are on its curve, {trainer.steps_made} in its record."
    return None


def _steps_before(trainer: Trainer) -> int:
    """How many steps came before the first one whose numbers are kept."""
    return long_history_of(trainer.history).steps_dropped


def _mistake_in_knobs(saved: dict[str, Any], trainer: Trainer) -> str | None:
    history = trainer.history.columns()
    for knob in ("learning_rate", "clip_threshold"):
        different = (saved["history"]["kept"][knob].numpy() != history[knob]).nonzero()[0]
        if len(different):
            what = "settings" if different[0] == 0 else "events"
            step = _steps_before(trainer) + different[0] + 1
            return f"its {what} were changed: {knob} is not the one of its curve at step {step}."
    return None


def _mistake_in_curve(saved: dict[str, Any], trainer: Trainer) -> str | None:
    history = trainer.history.columns()
    for name, what in (("loss", "loss"), ("gradient_norm", "gradient norm")):
        difference = _relative_difference(saved["history"]["kept"][name].numpy(), history[name])
        if not difference.any():
            continue
        first = int(difference.nonzero()[0][0])
        step = _steps_before(trainer) + first + 1
        if difference[first] > LARGEST_ROUNDING and first == 0:
            return f"its settings or its curve were changed: the {what} differs from the first step on."
        if difference[first] > LARGEST_ROUNDING:
            if (difference[first:] > LARGEST_ROUNDING).mean() < 0.5:
                return f"its curve was changed: the {what} at step {step} is not what its training gives."
            which = f"from step {step} on the {what} is not what its training gives"
            return f"its events or its curve were changed: {which}."
        if name == "loss" and difference.max() > TOLERANCE:
            step += int((difference > TOLERANCE).argmax()) - first
            return f"its loss drifts away from the one found here, by more than 1% at step {step}. {ANOTHER_MACHINE}"
    return None


def _mistake_in_weights(saved: dict[str, Any], trainer: Trainer) -> str | None:
    theirs, ours = saved["weights"]["vector"], trainer.model.trainable[0].detach().cpu()
    same = torch.equal(theirs, ours) if _same_bits(saved, trainer) else torch.allclose(theirs, ours, 0.01, 0.01)
    return None if same else "its weights were changed: the training that it records ends with others."


def _relative_difference(theirs: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """|theirs - ours| / |ours| at every step; 0 where both are the same, not finite ones included."""
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.abs(theirs - ours) / np.abs(ours)
    same = (theirs == ours) | (np.isnan(theirs) & np.isnan(ours))
    return np.where(same, 0.0, np.nan_to_num(difference, nan=np.inf))


def _same_bits(saved: dict[str, Any], trainer: Trainer) -> bool:
    return all(
        not _relative_difference(saved["history"]["kept"][name].numpy(), trainer.history.columns()[name]).any()
        for name in ("loss", "gradient_norm")
    )


def _praise(content: dict[str, Any], replayed: Experiment) -> str:
    """What a verified session is: how long, how often changed, how good."""
    corpus = replayed.corpus
    counted = NGram(corpus.train, order=4, vocab_size=len(corpus.vocab)).perplexity(corpus.held_out)
    reached = perplexity(evaluate(replayed.model, corpus.held_out.to(replayed.device)))
    exact = all(_same_bits(content["trainers"][name], trainer) for name, trainer in replayed.trainers.items())
    how = "bit for bit" if exact else "up to rounding"
    return (
        f"{replayed.steps_made} steps with {len(replayed.events)} changes, trained again, give the same numbers {how}. "
        f"Held-out perplexity {reached:.2f}; the counted 4-gram has {counted:.2f}."
    )

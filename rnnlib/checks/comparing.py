"""Where the numbers of a session file are not those that its settings and events give.

Before: session_file.py.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnlib.live.checkpoints import describe_batches, describe_model, state_dict
from rnnlib.live.curves import Curves
from rnnlib.live.experiments import Experiment
from rnnlib.live.histories import DRAWN, LongHistory, long_history_of
from rnnlib.training import Trainer

# What the twin's numbers are away from ours tells how far those of another machine may be: so many times as far.
STEPS_THAT_SHOW_ROUNDING = 20  # machines that round differently differ within so many steps
TIMES_THE_TWIN, ALWAYS_ALLOWED, TOLERANCE = 30.0, 1e-5, 1e-2
ANOTHER_MACHINE = "Verify it on a machine like the one it was trained on: another kind, or a GPU, rounds differently."
TIMES = "history.kept.seconds"  # what a clock measured cannot be computed again
WHAT = {  # what the parts of a trainer are called, and whether there are many of them
    "weights": "its weights were", "optimizer_memory": "what its optimizer remembers was",
    "state": "the state that it carries was", "knobs": "its last knobs were", "steps_made": "its number of steps was",
    "optimizer": "its optimizer was", "history.kept": "its curve was", "history.curves": "its drawn curve was",
}  # fmt: skip


def same_everywhere(content: dict[str, Any], replayed: Experiment) -> bool:
    """Whether every number of every network is the same, bit for bit, and no network is missing."""
    return content["trainers"].keys() == replayed.trainers.keys() and all(
        not _times_are_wrong(content["trainers"][name])
        and next(_differing(content["trainers"][name], state_dict(trainer)), None) is None
        for name, trainer in replayed.trainers.items()
    )


def first_tampering(content: dict[str, Any], replayed: Experiment, make_twin: Callable[[], Experiment]) -> str | None:
    """The first place at which a saved session is further from what it gives than rounding explains, or None."""
    if content["trainers"].keys() != replayed.trainers.keys():
        return (
            f"it holds the networks {', '.join(map(str, content['trainers']))}; its events give "
            f"{', '.join(replayed.trainers)}."
        )
    twin: Experiment | None = None
    for name, trainer in replayed.trainers.items():
        saved = content["trainers"][name]
        mistake = (
            _mistake_in_description(saved, trainer) or _mistake_in_knobs(saved, trainer) or _times_are_wrong(saved)
        )
        if mistake is None and not _same_curve(saved, trainer):
            mistake = _changed_on_this_kind_of_machine(saved, trainer)
            if mistake is not None:
                return f"{name}: {mistake}"
            twin = twin or make_twin()
            mistake = _beyond_rounding(saved, trainer, twin.trainers[name])
        elif mistake is None:
            path = next(_differing(saved, state_dict(trainer)), None)
            mistake = f"{_called(path)} changed: the training that it records ends with others." if path else None
        if mistake is not None:
            return f"{name}: {mistake}"
    return None


def _differing(theirs: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where two nested contents differ in kind, shape or value: the path of each place."""
    if isinstance(ours, dict):
        if not isinstance(theirs, dict) or theirs.keys() != ours.keys():
            yield path
            return
        for name in ours:
            yield from _differing(theirs[name], ours[name], f"{path}.{name}" if path else str(name))
    elif isinstance(ours, tuple | list):
        if not isinstance(theirs, tuple | list) or len(theirs) != len(ours):
            yield path
            return
        for one, other in zip(theirs, ours, strict=True):
            yield from _differing(one, other, path)
    elif isinstance(ours, Tensor):
        if path != TIMES and not (_alike(theirs, ours) and torch.equal(theirs.nan_to_num(), ours.cpu().nan_to_num())):
            yield path
    elif type(theirs) is not type(ours) or theirs != ours:
        yield path


def _alike(theirs: Any, ours: Tensor) -> bool:
    return (
        isinstance(theirs, Tensor)
        and (theirs.layout, theirs.dtype, theirs.shape) == (torch.strided, ours.dtype, ours.shape)
        and theirs.device.type == "cpu"
    )


def _called(path: str) -> str:
    return next((what for start, what in WHAT.items() if path.startswith(start)), "its content was")


# ---------------------------------------------------------------------------------- what is no rounding


def _mistake_in_description(saved: dict[str, Any], trainer: Trainer) -> str | None:
    theirs, ours = saved["batches"], describe_batches(trainer.batches)
    if (theirs["text_sha1"], theirs["tokens"]) != (ours["text_sha1"], ours["tokens"]):
        return "it was trained on another text than the one that has its name here."
    if theirs != ours:
        return f"its settings were changed: it was trained on batches {theirs}, they give {ours}."
    if saved["model"] != describe_model(trainer.model):
        return f"its network is {saved['model']}; its settings and events give {describe_model(trainer.model)}."
    mine = long_history_of(trainer.history).state_dict()
    wrong_kinds = [
        name for name, column in mine["kept"].items() if not isinstance(saved["history"]["kept"][name], Tensor)
    ]
    steps = {saved["history"]["steps_dropped"] + len(column) for column in saved["history"]["kept"].values()}
    if steps != {trainer.steps_made} or saved["history"]["steps_dropped"] != mine["steps_dropped"] or wrong_kinds:
        return f"its number of steps was changed: {max(steps)} are on its curve, {trainer.steps_made} in its record."
    return None


def _mistake_in_knobs(saved: dict[str, Any], trainer: Trainer) -> str | None:
    history = trainer.history.columns()
    for knob in ("learning_rate", "clip_threshold"):
        different = (_column(saved, knob) != history[knob]).nonzero()[0]
        if len(different):
            what = "settings" if different[0] == 0 else "events"
            return f"its {what} were changed: {knob} is not the one of its curve at step {different[0] + 1}."
    for name in ("knobs", "optimizer", "steps_made"):
        if next(_differing(saved[name], state_dict(trainer)[name], name), None):
            return f"{WHAT[name]} changed: it is not what settings and events give."
    return None


def _times_are_wrong(saved: dict[str, Any]) -> str | None:
    seconds = _column(saved, "seconds")
    if not np.isfinite(seconds).all() or (np.diff(seconds, prepend=0.0) < 0).any():
        return "its times were changed: a clock does not go back."
    return None


def _column(saved: dict[str, Any], name: str) -> np.ndarray:
    column: np.ndarray = saved["history"]["kept"][name].double().numpy()
    return column


def _same_curve(saved: dict[str, Any], trainer: Trainer) -> bool:
    history = trainer.history.columns()
    return all(
        np.array_equal(_column(saved, name), history[name], equal_nan=True) for name in ("loss", "gradient_norm")
    )


def _changed_on_this_kind_of_machine(saved: dict[str, Any], trainer: Trainer) -> str | None:
    """Where a curve leaves the one found here after so many equal steps that both machines round alike, or None."""
    ours = trainer.history.columns()
    differences = {name: _relative(_column(saved, name), ours[name]) for name in ("loss", "gradient_norm")}
    firsts = {name: int(found.nonzero()[0][0]) for name, found in differences.items() if found.any()}
    name = min(firsts, key=lambda name: firsts[name])
    if firsts[name] < STEPS_THAT_SHOW_ROUNDING:
        return None
    return _changed_from(firsts[name], differences[name], name.replace("_", " "))


# ------------------------------------------------------------------------------------- what may be rounding


def _beyond_rounding(saved: dict[str, Any], trainer: Trainer, twin: Trainer) -> str | None:
    """The first number that is further away than that of the twin explains, or None."""
    ours, theirs = trainer.history.columns(), {name: _column(saved, name) for name in saved["history"]["kept"]}
    nudged = twin.history.columns()
    lost_at = _lost_at(nudged["loss"], ours["loss"])
    for name, what in (("loss", "loss"), ("gradient_norm", "gradient norm")):
        difference = _relative(theirs[name], ours[name])
        beyond = (difference > _allowed(nudged[name], ours[name])).nonzero()[0]
        if len(beyond) and beyond[0] < lost_at:
            return _changed_from(int(beyond[0]), difference, what)
    if lost_at < len(ours["loss"]):
        return (
            f"its loss drifts away from the one found here: with these settings rounding grows to more than 1% by step "
            f"{lost_at + 1}. {ANOTHER_MACHINE}"
        )
    if (theirs["clipped"] != ours["clipped"]).mean() > TOLERANCE:
        return "its curve was changed: other steps were clipped than its training gives."
    if next(_differing(saved["history"]["curves"], _drawn(saved["history"]["kept"])), None):
        return f"{WHAT['history.curves']} changed: it is not that of its own numbers."
    return _weights_beyond_rounding(saved, state_dict(trainer), state_dict(twin))


def _changed_from(first: int, difference: np.ndarray, what: str) -> str:
    if first == 0:
        return f"its settings or its curve were changed: the {what} differs from the first step on."
    if (difference[first:] > ALWAYS_ALLOWED).mean() < 0.5:
        return f"its curve was changed: the {what} at step {first + 1} is not what its training gives."
    which = f"from step {first + 1} on the {what} is not what its training gives"
    return f"its events or its curve were changed: {which}."


def _weights_beyond_rounding(saved: dict[str, Any], ours: dict[str, Any], twin: dict[str, Any]) -> str | None:
    for part in ("weights", "optimizer_memory", "state"):
        mine, theirs, nudged = (list(_leaves(each[part])) for each in (ours, saved, twin))
        if len(theirs) != len(mine) or not all(_alike(a, b) for a, b in zip(theirs, mine, strict=True)):
            return f"{WHAT[part]} changed: the training that it records ends with others."
        for a, b, c in zip(theirs, mine, nudged, strict=True):
            allowed = ALWAYS_ALLOWED * (1 + float(b.abs().max())) + TIMES_THE_TWIN * float((c - b).abs().max())
            if not float((a - b).abs().max()) <= allowed:
                return f"{WHAT[part]} changed: the training that it records ends with others."
    return None


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | tuple | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value


def _allowed(nudged: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """How far a number may be away at each step, relative to it: never less than at the step before."""
    steps = min(len(nudged), len(ours))
    grown = np.maximum.accumulate(_relative(nudged[:steps], ours[:steps]))
    allowed = np.maximum(ALWAYS_ALLOWED, TIMES_THE_TWIN * np.pad(grown, (0, len(ours) - steps), constant_values=np.inf))
    return allowed


def _lost_at(nudged: np.ndarray, ours: np.ndarray) -> int:
    """The first step, counted from 0, from which on rounding alone may make a loss another one."""
    lost = (_allowed(nudged, ours) > TOLERANCE).nonzero()[0]
    return int(lost[0]) if len(lost) else len(ours)


def _relative(theirs: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """|theirs - ours| / |ours| at every step; 0 where both are the same, not finite ones included."""
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.abs(theirs - ours) / np.abs(ours)
    same = (theirs == ours) | (np.isnan(theirs) & np.isnan(ours))
    relative: np.ndarray = np.where(same, 0.0, np.nan_to_num(difference, nan=np.inf))
    return relative


def _drawn(kept: dict[str, Any]) -> dict[str, Any]:
    """The curves of these numbers."""
    history = LongHistory.from_state_dict(
        {"steps_dropped": 0, "curves": Curves(len(DRAWN)).state_dict(), "kept": kept}, "cpu"
    )
    history._drawn = 0
    drawn: dict[str, Any] = history.state_dict()["curves"]
    return drawn

"""The check of a session that was handed in: trained again from its settings and its events, all numbers compared.

Before: session_file.py.  Next: comparing.py says where two networks' numbers differ.
"""

import os
import time
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from types import EllipsisType
from typing import Any

import torch

from rnnlib.checks import contest
from rnnlib.checks.comparing import ANOTHER_MACHINE, first_tampering, same_everywhere
from rnnlib.checks.progress import Progress
from rnnlib.checks.running import Wrong
from rnnlib.checks.seeing import kind_of
from rnnlib.checks.session_file import read
from rnnlib.checks.verdict import Verdict, verdict
from rnnlib.live.experiments import MAIN, Experiment, change_of
from rnnlib.live.settings import Event, Settings
from rnnlib.live.sweeps import has_diverged
from rnnlib.training import Trainer

STEPS_BETWEEN_LOOKS = 10  # at the clock
ROUNDING = 1e-7
MOST_NAMED, SAVED = 5, "saved"  # of the files nearby; where the lab saves


def handed_in(
    path: str | Path | EllipsisType,
    *,
    settings: Settings | None = None,
    step_budget: int = 5000,
    seconds: float = 60.0,
) -> Verdict:
    """Verify a saved session: train it once more from its seed and its events, and compare all numbers but the times.

    settings: what was asked for, if something was; otherwise any settings over the course's own text.  step_budget:
    longer sessions are not trained.  seconds: nor are those that take longer here.  Everything happens on the
    CPU; nothing that the file names is opened, and nothing in it is executed.
    On the same kind of machine every number must be the same.  Another kind, or a GPU, rounds differently.  How far
    such differences may have grown is measured with a twin whose weights differ by 2 in 10,000,000.  What is further
    away was changed, and where they have grown beyond 1 % nothing can be said.
    """
    if path is ...:
        return Verdict("open", "save a session and put the path of its file here.")
    mistake, praise = None, ""
    try:
        _raise_if_no_file(path)
        content = read(path, settings=settings, step_budget=step_budget)
        again = _Again(content, time.monotonic() + seconds, seconds)
        replayed = again.trained()
        exact = same_everywhere(content, replayed)
        mistake = None if exact else first_tampering(content, replayed, lambda: again.trained(nudged=True))
        mistake = mistake or _mistake_in_outcome(replayed)
        praise = _praise(replayed, exact=exact, step_budget=step_budget)
    except (OSError, ValueError, Wrong) as error:
        mistake = str(error)
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError) as error:
        said = str(error).splitlines()[0][:200] if str(error) else ""
        mistake = f"{path} has the form of a session but not its content ({type(error).__name__}: {said})."
    hint = (
        "A session file is written by the lab's Save button or by recordings.save(session, path), and is handed in as "
        "it is. To change something, load it with recordings.load(path), train on, and save again: that is recorded, "
        "too."
    )
    return verdict("handed_in", mistake, praise=praise, hint=hint)


def _raise_if_no_file(path: Any) -> None:
    """Raises Wrong for what was handed in instead of the path of a file."""
    asked = "put the path of a session's file here, a text in quotes"
    if isinstance(path, Experiment) or isinstance(getattr(path, "session", None), Experiment):
        saving = 'the lab\'s Save button or `recordings.save(session, "saved/mine.session")` writes one'
        raise Wrong(f"{asked}; this is the {type(path).__name__} itself: {saving}.")
    if path is None:
        raise Wrong(f"{asked}; this is None, which `recordings.save(session, path)` returns.")
    if isinstance(path, Trainer):
        raise Wrong(f"{asked}; this is a Trainer, which does not record how it was trained: save a session.")
    if not isinstance(path, str | PathLike):
        raise Wrong(f"{asked}; this is {kind_of(path)}.")
    if not os.path.isfile(path):  # nor is a pipe or a device opened
        what = f"{path} is a folder, not a file" if os.path.isdir(path) else f"there is no file {path}"
        folders = dict.fromkeys((Path(path), Path(path).parent, Path(SAVED)))
        near = [str(each) for folder in folders for each in sorted(folder.glob("*.session"))][:MOST_NAMED]
        raise Wrong(f"{what}; sessions near it: {', '.join(near) or 'none'}.")


@dataclass
class _Again:
    """Trains what a file records, until its time is over."""

    content: dict[str, Any]
    deadline: float
    seconds: float

    def trained(self, *, nudged: bool = False) -> Experiment:
        """What settings and events give.  nudged: with weights that differ by rounding.

        Raises Wrong for what cannot be.
        """
        experiment = Experiment(replace(Settings(**self.content["settings"]), device="cpu"))
        progress = Progress("training a twin" if nudged else "training it again", self.content["steps_made"])
        if nudged:
            _nudge(experiment)
        for saved in (Event(**event) for event in self.content["events"]):
            self._advance(experiment, saved.step, progress)
            self._apply(experiment, saved)
            if nudged:
                _nudge(experiment)
        self._advance(experiment, self.content["steps_made"], progress)
        progress.end()
        if not nudged and experiment.steps_made < self.content["steps_made"]:
            raise Wrong(
                f"here its training diverges at step {experiment.steps_made}, before its end. {ANOTHER_MACHINE}"
            )
        return experiment

    def _advance(self, experiment: Experiment, to_step: int, progress: Progress) -> None:
        while experiment.steps_made < to_step and MAIN not in experiment.diverged:
            if time.monotonic() > self.deadline:
                progress.end()
                raise Wrong(
                    f"training it again takes longer than {self.seconds:g} seconds here: it came to step "
                    f"{experiment.steps_made} of {self.content['steps_made']}. Fewer steps or a smaller network can be "
                    "verified."
                )
            experiment.advance(min(to_step, experiment.steps_made + STEPS_BETWEEN_LOOKS))
            progress(experiment.steps_made)

    @staticmethod
    def _apply(experiment: Experiment, saved: Event) -> None:
        if saved.knob == "resumed" and not experiment.diverged:
            raise Wrong(f"its events were changed: at step {saved.step} nothing had diverged that could be resumed.")
        before = len(experiment.events)
        experiment.apply(change_of(saved.knob, saved.new))
        if len(experiment.events) == before:
            raise Wrong(f"its events were changed: {saved.knob}={saved.new} at step {saved.step} cannot have happened.")
        found = experiment.events[-1]
        if (found.step, found.old) != (saved.step, saved.old):
            raise Wrong(f"its events were changed: at step {found.step} {found.knob} was {found.old}, not {saved.old}.")


def _nudge(experiment: Experiment) -> None:
    """Change every weight of every network by about as much as rounding does."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for trainer in experiment.trainers.values():
            for weights in trainer.model.trainable:
                signs = torch.randint(2, weights.shape, generator=generator) * 2 - 1
                weights.mul_(1 + 2 * ROUNDING * signs)


def _mistake_in_outcome(replayed: Experiment) -> str | None:
    """What is wrong with a session whose file is as it should be, or None."""
    losses = replayed.trainers[MAIN].history.columns()["loss"]
    if MAIN in replayed.diverged or has_diverged(losses, len(replayed.corpus.vocab)):
        return (
            f"its numbers are those of its training, but the network is lost: it ends worse than a blind guess among "
            f"the {len(replayed.corpus.vocab)} characters. Lower the learning rate or the clipping threshold."
        )
    return None


def _praise(replayed: Experiment, *, exact: bool, step_budget: int) -> str:
    """What a verified session is: how long, how often changed, on what, how good."""
    settings, corpus = replayed.settings, replayed.corpus
    how = "bit for bit" if exact else "up to rounding"
    part = (
        f"the first {len(corpus.train):,} characters"
        if settings.max_train_tokens
        else f"{len(corpus.train):,} characters"
    )
    name = contest.SCORED_ON
    return (
        f"{replayed.steps_made} steps with {len(replayed.events)} changes, trained again, give the same numbers {how}. "
        f"The budget is {step_budget} steps. Text: {settings.text}, {part} to train on, "
        f"{len(contest.scored_tokens(corpus)):,} for the {name}. {name.capitalize()} perplexity "
        f"{contest.score(replayed.model, corpus):.2f}; the counted 4-gram has {contest.counted(corpus):.2f}, "
        f"{contest.best_counted(corpus)}."
    )

"""Sessions in files: saved, loaded to go on with, replayed from the first step.

Before: sessions.py.  Next: checks/ verifies a session that was handed in.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rnnlib.live.checkpoints import from_state_dict, read_file, state_dict, write_file
from rnnlib.live.experiments import Experiment, change_of
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Event, Settings, build_trainer
from rnnlib.text import load_corpus

SESSION_FORMAT = "rnnlib session 4"


def save(session: Session, path: str | Path) -> None:
    """Write settings, events and networks to a file; the session pauses meanwhile and goes on after."""
    with session.worker.settled():
        content = {
            "format": SESSION_FORMAT,
            "settings": asdict(session.settings),
            "events": [asdict(event) for event in session.events],
            "steps_made": session.steps_made,
            "prefix": session.prefix,
            "trainers": {name: state_dict(trainer) for name, trainer in session.trainers.items()},
        }
        write_file(path, content)


def read(path: str | Path) -> dict[str, Any]:
    """What `save` wrote.

    Raises FileNotFoundError, and ValueError for a file that is damaged, of another kind or in another format.
    """
    return read_file(path, SESSION_FORMAT)


def load(path: str | Path, *, name: str = "lab") -> Session:
    """A new, paused session that continues a saved one from its last step."""
    content = read(path)
    settings = Settings(**content["settings"])
    corpus = load_corpus(settings.text, max_train_tokens=settings.max_train_tokens)
    batches = build_trainer(settings, corpus).batches
    trainers = {n: from_state_dict(saved, batches) for n, saved in content["trainers"].items()}
    session = Session(settings, name=name, prefix=content["prefix"])  # only now, for it ends an earlier one
    session.begin(trainers, [Event(**event) for event in content["events"]])
    session.settle()
    return session


def replay(path: str | Path, *, name: str = "replay") -> Session:
    """A new, paused session that went through all of a saved one: its seed and events give the same numbers."""
    content = read(path)
    session = Session(Settings(**content["settings"]), name=name, prefix=content["prefix"])
    repeat(session, content)
    session.snapshot = session.model.copy()
    return session


def repeat(experiment: Experiment, content: dict[str, Any]) -> None:
    """Take an experiment that is at its beginning through the events and steps of a saved session.

    A change that is refused is told by `rejected_change`; the first one, if there are more.
    """
    refused = ""
    for event in content["events"]:
        experiment.advance(event["step"])
        experiment.apply(change_of(event["knob"], event["new"]))
        refused = refused or experiment.rejected_change
    experiment.advance(content["steps_made"])
    experiment.settle()
    experiment.rejected_change = refused

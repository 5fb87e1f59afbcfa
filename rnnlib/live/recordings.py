"""Sessions in files: saved, loaded to go on with, replayed from the first step.

Before: sessions.py.  Next: checks/ verifies a session that was handed in.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rnnlib.live.checkpoints import MOST_STEPS, TRAINER, from_state_dict, state_dict
from rnnlib.live.experiments import (
    LONGEST_NAME,
    MAIN,
    MOST_EVENTS,
    MOST_FORKS,
    Experiment,
    change_of,
    was_opened_here,
)
from rnnlib.live.fields import Check, by_name, many, one_of, record, told, whole, word
from rnnlib.live.plain_files import MOST_BYTES_OF_HEADER, NOT_LOADED, read_file, write_file
from rnnlib.live.sessions import LONGEST_PREFIX, Session
from rnnlib.live.settings import KNOBS, SETTINGS, Event, Settings, build_batches, corpus_of
from rnnlib.named_texts import NAMES

SESSION_FORMAT = "rnnlib session 5"
LONGEST_SHOWN = 60

# ---------------------------------------------------------------------------------------- what a file has to hold

_NAME, _NOTHING = word(LONGEST_NAME), one_of(None)
_VALUES = {name: (check, check) for name, check in KNOBS.items()} | {  # before and after an event
    "fork": (_NOTHING, _NAME), "fork dropped": (_NOTHING, _NAME), "resumed": (_NOTHING, one_of(True)),
}  # fmt: skip


def _event(event: Any, where: str) -> str | None:
    if not isinstance(event, dict) or event.keys() != {"step", "knob", "old", "new"}:
        return told(where, "{step, knob, old, new}", event)
    if not isinstance(event["knob"], str) or event["knob"] not in _VALUES:
        return told(f"{where}.knob", "a knob", event["knob"])
    old, new = _VALUES[event["knob"]]
    return record(step=whole(0, MOST_STEPS), knob=one_of(*_VALUES), old=old, new=new)(event, where)


SESSION: Check = record(
    settings=record(**SETTINGS),
    events=many(_event, MOST_EVENTS),
    steps_made=whole(0, MOST_STEPS),
    prefix=word(LONGEST_PREFIX),
    trainers=by_name(TRAINER, MOST_FORKS + 1, longest_name=LONGEST_NAME),
)


# ------------------------------------------------------------------------------------------------- sessions


def save(session: Session, path: str | Path) -> None:
    """Write settings, events and networks to a file; the session pauses meanwhile and goes on after.

    Raises OSError, in one sentence, if it cannot be written; the file is as it was then, and the session goes on, too.
    """
    with session.worker.settled():
        write_file(path, _content(session))  # has no name here: its tensors are gone before another thread goes on


def _content(session: Session) -> dict[str, Any]:
    return {
        "format": SESSION_FORMAT,
        "settings": asdict(session.settings),
        "events": [event._asdict() for event in session.events],
        "steps_made": session.steps_made,
        "prefix": session.prefix,
        "trainers": {name: state_dict(trainer) for name, trainer in session.trainers.items()},
    }


def read(path: str | Path, *, most_bytes_of_header: int = MOST_BYTES_OF_HEADER) -> dict[str, Any]:
    """What `save` wrote.

    Raises FileNotFoundError, OSError for a file that cannot be read, and ValueError for one that is damaged, of another
    kind or in another format, or holds what no session can have.
    """
    content = read_file(path, SESSION_FORMAT, most_bytes_of_header=most_bytes_of_header)
    wrong = SESSION({name: part for name, part in content.items() if name != "format"}, "session")
    if wrong is not None:
        wrong = wrong.removesuffix(".")
        raise ValueError(f"{path} has the form of a session but not its content ({wrong}); {NOT_LOADED}.")
    return content


def load(path: str | Path, *, name: str = "lab", text: str | Path | None = None) -> Session:
    """A new, paused session that continues a saved one from its last step.

    text: where its text is.  The course's own texts are found by their names.  No other file is opened because a
    session file says so, unless this process has trained on it before.
    Raises what `read` raises, and ValueError for a text that has to be named or is another one.
    """
    content = read(path)
    settings = _settings_of(content, path, text)
    corpus = corpus_of(settings)
    batches = build_batches(settings, corpus)
    try:
        _check_parts(content, len(corpus.vocab))
        trainers = {n: from_state_dict(saved, batches) for n, saved in content["trainers"].items()}
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).removesuffix('.')}; {NOT_LOADED}.") from None
    events = [Event(**event) for event in content["events"]]
    begun = {"corpus": corpus, "trainers": trainers, "events": events}
    session = Session(settings, name=name, prefix=content["prefix"], **begun)  # ends an earlier one of that name
    session.settle()
    return session


def replay(path: str | Path, *, name: str = "replay", text: str | Path | None = None) -> Session:
    """A new, paused session that went through all of a saved one: its seed and events give the same numbers.

    text: as for `load`.
    """
    content = read(path)
    session = Session(_settings_of(content, path, text), name=name, prefix=content["prefix"])
    repeat(session, content)
    session.snapshot = session.model.copy()
    return session


def _settings_of(content: dict[str, Any], path: str | Path, text: str | Path | None) -> Settings:
    settings = content["settings"]
    if text is not None:
        settings = {**settings, "text": text}
    elif settings["text"] not in NAMES and not was_opened_here(settings["text"]):
        raise ValueError(
            f"{path} was trained on a text of its reader's, {settings['text'][:LONGEST_SHOWN]!r}, which is not opened "
            f"because a file says so; name it: text=...; {NOT_LOADED}."
        )
    return Settings(**settings)


def _check_parts(content: dict[str, Any], vocab_size: int) -> None:
    """Raises ValueError for parts of a session that are fine but do not belong together."""
    steps: Sequence[int] = [event["step"] for event in content["events"]]
    if steps != sorted(steps) or any(step > content["steps_made"] for step in steps):
        raise ValueError("its events are not in the order of their steps, or after its end.")
    trainers = content["trainers"]
    if MAIN not in trainers or trainers[MAIN]["steps_made"] != content["steps_made"]:
        raise ValueError(f"the network {MAIN!r} is missing, or has not made the session's steps.")
    for name, trainer in trainers.items():
        model = trainer["model"]
        if "cell" not in model or model["vocab_size"] != vocab_size or model["dtype"] != "float32":
            raise ValueError(f"the network {name!r} is not one for the {vocab_size} tokens of its text.")
        if trainer["steps_made"] > content["steps_made"]:
            raise ValueError(f"the network {name!r} has made more steps than {MAIN!r}.")


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

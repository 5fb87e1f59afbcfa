"""A session file of somebody unknown, read so that nothing is opened, built or trained because the file says so.

Before: running.py; rnnlib/live/recordings.py wrote the file.  Next: handed_in.py.
"""

import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

from rnnlib.checks.running import Wrong
from rnnlib.live import recordings
from rnnlib.live.experiments import MOST_FORKS
from rnnlib.live.settings import Settings
from rnnlib.training import Knobs

MOST_BYTES, MOST_PARTS_OF_A_FILE, MOST_EVENTS = 100_000_000, 5_000, 1_000
LARGEST = {"hidden_size": 1024, "batch_size": 256, "num_steps": 256}
COURSE_TEXT = "story"
KNOBS = {field.name for field in fields(Knobs)} | {"hidden_size", "cell", "optimizer"}
EVENTS = KNOBS | {"fork", "fork dropped", "resumed"}
PARTS = {"format", "settings", "events", "steps_made", "prefix", "trainers"}


def read(path: str | Path, *, settings: Settings | None, step_budget: int) -> dict[str, Any]:
    """What is in a session file, with everything of the kind and size that it has to have.

    Raises Wrong, in one sentence, for what cannot be handed in; FileNotFoundError and ValueError as recordings.read.
    """
    if Path(path).is_file() and Path(path).stat().st_size > MOST_BYTES:
        raise Wrong(f"{path} has more than {MOST_BYTES:,} bytes; a session has far less.")
    if Path(path).is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as parts:
            sizes = [part.file_size for part in parts.infolist()]
        if len(sizes) > MOST_PARTS_OF_A_FILE or sum(sizes) > MOST_BYTES:
            raise Wrong(f"{path} is packed: it would take more than {MOST_BYTES:,} bytes.")
    content = recordings.read(path)
    wrong = _wrong_in_kinds(content) or _wrong_in_settings(content["settings"])
    if wrong:
        raise Wrong(f"{path} has the form of a session but not its content ({wrong}).")
    beyond = _beyond_what_was_asked(content, settings, step_budget) or _wrong_in_events(content)
    if beyond:
        raise Wrong(beyond)
    return content


def _wrong_in_kinds(content: dict[str, Any]) -> str | None:
    if content.keys() != PARTS:
        return f"its parts are {', '.join(map(str, sorted(content, key=str)))[:200]}"
    for name, kind in (("settings", dict), ("events", list), ("prefix", str), ("trainers", dict)):
        if type(content[name]) is not kind:
            return f"{name} is no {kind.__name__}"
    if not _whole(content["steps_made"]):
        return "steps_made is no whole number"
    if len(content["events"]) > MOST_EVENTS or len(content["trainers"]) > MOST_FORKS + 1:
        return f"more than {MOST_EVENTS} events or {MOST_FORKS} forks"
    for event in content["events"]:
        if type(event) is not dict or event.keys() != {"step", "knob", "old", "new"} or not _whole(event["step"]):
            return "an event is not {step, knob, old, new} with a whole number of steps"
        if event["knob"] not in EVENTS:
            return f"there is no knob {str(event['knob'])[:40]!r}"
        if not all(isinstance(event[name], str | int | float | None) for name in ("old", "new")):
            return "an event's value is no number and no word"
    return None


def _whole(value: Any) -> bool:
    return type(value) is int


def _wrong_in_settings(settings: dict[str, Any]) -> str | None:
    known = {field.name: field.default for field in fields(Settings)}
    if settings.keys() != known.keys():
        return f"its settings are {', '.join(map(str, sorted(settings, key=str)))[:200]}"
    for name, default in known.items():
        kinds = (
            (int, float) if isinstance(default, float) else (int, type(None)) if default is None else (type(default),)
        )
        if type(settings[name]) not in kinds:
            return f"{name} is {str(settings[name])[:40]!r}"
    return None


def _beyond_what_was_asked(content: dict[str, Any], asked: Settings | None, step_budget: int) -> str | None:
    saved = content["settings"]
    if asked is not None:
        wrong = [name for name in vars(asked) if saved[name] != getattr(asked, name)]
        if wrong:
            return f"its {wrong[0]} is {saved[wrong[0]]!r}; {getattr(asked, wrong[0])!r} was asked for."
    elif saved["text"] != COURSE_TEXT:
        return (
            f"it was trained on the text {saved['text'][:60]!r}; what is handed in is trained on {COURSE_TEXT!r}, "
            "which comes with the course, unless another one is asked for with `settings=`."
        )
    sizes = [(name, saved[name]) for name in LARGEST]
    sizes += [("hidden_size", event["new"]) for event in content["events"] if event["knob"] == "hidden_size"]
    for name, size in sizes:
        if not (_whole(size) and size <= LARGEST[name]):
            return f"its {name} is {str(size)[:40]}; what is handed in may have {LARGEST[name]} at most."
    if content["steps_made"] == 0:
        return "nothing was trained in this session."
    if content["steps_made"] > step_budget:
        return f"it trained for {content['steps_made']} steps; the budget is {step_budget}."
    return None


def _wrong_in_events(content: dict[str, Any]) -> str | None:
    steps = [event["step"] for event in content["events"]]
    if steps != sorted(steps) or any(not 0 <= step <= content["steps_made"] for step in steps):
        return "its events were changed: their steps are not in order, or after its end."
    return None

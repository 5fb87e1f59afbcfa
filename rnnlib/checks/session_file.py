"""A session file of somebody unknown, read so that nothing is opened, built or trained because the file says so.

Before: running.py; rnnlib/live/recordings.py wrote the file.  Next: handed_in.py.
"""

import os
from pathlib import Path
from typing import Any

from rnnlib.checks.running import Wrong
from rnnlib.live import recordings
from rnnlib.live.settings import Settings

MOST_BYTES, MOST_BYTES_OF_HEADER, MOST_EVENTS = 100_000_000, 500_000, 1_000
LARGEST = {"hidden_size": 1024, "batch_size": 256, "num_steps": 256}
COURSE_TEXT = "story"


def read(path: str | Path, *, settings: Settings | None, step_budget: int) -> dict[str, Any]:
    """What is in a session file, with everything of the kind and size that it has to have.

    Raises Wrong, in one sentence, for what cannot be handed in; FileNotFoundError and ValueError as recordings.read.
    """
    if os.path.isfile(path) and os.path.getsize(path) > MOST_BYTES:
        raise Wrong(f"{path} has more than {MOST_BYTES:,} bytes; a session has far less.")
    content = recordings.read(path, most_bytes_of_header=MOST_BYTES_OF_HEADER)
    if len(content["events"]) > MOST_EVENTS:
        raise Wrong(f"{path} has more than {MOST_EVENTS:,} events; what is handed in may have so many at most.")
    beyond = _beyond_what_was_asked(content, settings, step_budget) or _wrong_in_events(content)
    if beyond:
        raise Wrong(beyond)
    return content


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
        if size > LARGEST[name]:
            return f"its {name} is {size}; what is handed in may have {LARGEST[name]} at most."
    if content["steps_made"] == 0:
        return "nothing was trained in this session."
    if content["steps_made"] > step_budget:
        return f"it trained for {content['steps_made']} steps; the budget is {step_budget}."
    return None


def _wrong_in_events(content: dict[str, Any]) -> str | None:
    steps = [event["step"] for event in content["events"]]
    if steps != sorted(steps) or any(step > content["steps_made"] for step in steps):
        return "its events were changed: their steps are not in order, or after its end."
    return None

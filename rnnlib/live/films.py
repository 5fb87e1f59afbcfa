"""Films: what a page was sent while something trained, in a file, so that it can be shown again without training.

Before: feed.py, plain_files.py.  Next: widgets/recorded_run.py shows one.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from rnnlib.live.curves import Points
from rnnlib.live.feed import Feed
from rnnlib.live.fields import Check, array, by_name, many, record, whole, word
from rnnlib.live.plain_files import NOT_LOADED, read_file, write_file

FILM_FORMAT = "rnnlib film 1"
MOST_MOMENTS, MOST_NAMES, MOST_ROWS, LONGEST_NAME = 2000, 200, 1_000_000, 100


class Moment(NamedTuple):
    """All that was to be seen at one moment, as a Feed is told it; lists and facts are plain data."""

    series: Mapping[str, Points]
    lists: Mapping[str, list[Any]]
    facts: Mapping[str, Any]


def _anything(value: Any, where: str) -> None:
    """Plain data; whoever shows it says what it cannot show."""


FILM: Check = record(
    moments=many(
        record(
            series=many(
                record(name=word(LONGEST_NAME), start=whole(0, MOST_ROWS), rows=array(torch.float32, None, None)),
                MOST_NAMES,
            ),
            lists=many(
                record(name=word(LONGEST_NAME), start=whole(0, MOST_ROWS), items=many(_anything, MOST_ROWS)), MOST_NAMES
            ),
            facts=by_name(_anything, MOST_NAMES),
        ),
        MOST_MOMENTS,
    )
)


def save(moments: Iterable[Moment], path: str | Path) -> None:
    """Write a film: of each moment what is new in it."""
    feed = Feed()
    write_file(path, {"format": FILM_FORMAT, "moments": [_new_in(moment, feed) for moment in moments]})


def _new_in(moment: Moment, feed: Feed) -> dict[str, Any]:
    message, buffers = feed.changes(*moment)
    if message is None:
        return {"series": [], "lists": [], "facts": {}}
    series = [
        {"name": splice["name"], "start": splice["start"], "rows": _rows(buffer, splice["width"])}
        for splice, buffer in zip(message["series"], buffers, strict=True)
    ]
    return {"series": series, "lists": message["lists"], "facts": message["facts"]}


def _rows(buffer: bytes, width: int) -> torch.Tensor:
    numbers = np.frombuffer(buffer, np.float32)
    return torch.from_numpy(numbers.reshape(len(numbers) // max(1, width), width).copy())


def load(path: str | Path) -> list[Moment]:
    """The moments of a film.

    Raises FileNotFoundError, OSError for a file that cannot be read, and ValueError for one that is damaged, of another
    kind or in another format, or is no film.
    """
    content = read_file(path, FILM_FORMAT)
    del content["format"]
    wrong = FILM(content, "film")
    if wrong is not None:
        raise ValueError(
            f"{path} has the form of a film but not its content ({wrong.removesuffix('.')}); {NOT_LOADED}."
        )
    moments, before = list[Moment](), Moment({}, {}, {})
    for new in content["moments"]:
        before = _after(before, new)
        moments.append(before)
    return moments


def _after(before: Moment, new: Mapping[str, Any]) -> Moment:
    """As static/store.js: what a page has after a message."""
    series, lists = dict(before.series), dict(before.lists)
    for splice in new["series"]:
        rows, name = splice["rows"].numpy(), splice["name"]
        if rows.shape[1] == 0:
            series.pop(name, None)
        else:
            earlier = series[name][: splice["start"]] if splice["start"] and name in series else rows[:0]
            series[name] = np.concatenate([earlier, rows])
    for splice in new["lists"]:
        lists[splice["name"]] = [*lists.get(splice["name"], [])[: splice["start"]], *splice["items"]]
    return Moment(series, lists, {**before.facts, **new["facts"]})

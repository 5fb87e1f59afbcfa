"""Every view that trains on a slide has a recorded run in docs/teaching/recorded, of the view as it is now."""

import itertools
import re

import numpy as np
import pytest

from rnnlib.live import films
from rnnlib.widgets import RecordedRun
from tools.films import SCRIPTS, Demonstration, demonstrations, record
from tools.notebooks import NOTEBOOKS
from tools.slides import RECORDED, ROOT

SHOWN = [each for source in sorted((NOTEBOOKS / "src").glob("*.py")) for each in demonstrations(source)]
LARGEST = 300_000  # bytes
MOMENTS_RUN_AGAIN = 4  # after few steps another machine's rounding is not to be seen yet


def test_every_view_that_trains_on_a_slide_has_a_recorded_run_and_there_is_no_other() -> None:
    names = [each.name for each in SHOWN]
    assert len(names) > 8 and names == [name for name in SCRIPTS if name in names] and set(names) == set(SCRIPTS)
    assert sorted(path.stem for path in RECORDED.iterdir()) == sorted(names)


@pytest.mark.parametrize("demonstration", SHOWN, ids=lambda each: each.name)
def test_a_recorded_run_is_small_and_begins_as_its_view_does_now(demonstration: Demonstration) -> None:
    assert demonstration.path.stat().st_size < LARGEST
    moments = films.load(demonstration.path)
    assert 30 < len(moments) < 150
    for kept, now in zip(moments, itertools.islice(record(demonstration), MOMENTS_RUN_AGAIN), strict=False):
        again = films_data(now)
        assert films_data(kept)["panels"] == again["panels"] and kept.lists["marks"] == now.lists["marks"]
        assert kept.series.keys() == now.series.keys()
        for name, points in now.series.items():
            np.testing.assert_allclose(kept.series[name], points, rtol=0.02, atol=1e-6, err_msg=name)


def films_data(moment: films.Moment) -> dict:
    """Facts as a file keeps them: its tuples are lists."""

    def listed(value):
        if isinstance(value, dict):
            return {name: listed(part) for name, part in value.items()}
        return [listed(part) for part in value] if isinstance(value, list | tuple) else value

    return listed(dict(moment.facts))


@pytest.mark.parametrize("demonstration", SHOWN, ids=lambda each: each.name)
def test_every_moment_of_a_recorded_run_can_be_shown(demonstration: Demonstration) -> None:
    run = RecordedRun(demonstration.path)
    for moment in range(1, run.moment.max + 1):
        run.moment.value = moment
        assert "could not be drawn" not in run.text and run.told()["status"].startswith(
            "recorded run, paused at moment"
        )
    assert run._repr_mimebundle_()["image/png"]


def test_docs_teaching_says_of_every_recorded_run_what_it_shows() -> None:
    text = (ROOT / "docs/teaching/README.md").read_text()
    rows = re.findall(r"^\| `(\w+)\.film` \| (\d\d) (.+?) \| .{30,} \|$", text, re.M)
    assert rows == [(each.name, each.name[:2], each.section) for each in SHOWN]

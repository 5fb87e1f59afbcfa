"""What is sent is what happened: a page that follows every message has what there is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rnnlib.figures.chart import Chart
from rnnlib.live.curves import Curves
from rnnlib.live.feed import Feed, Message
from rnnlib.widgets.live_plot import LivePlot


class Page:
    """What static/store.js does with a message, in Python."""

    def __init__(self) -> None:
        self.series: dict[str, np.ndarray] = {}
        self.lists: dict[str, list] = {}
        self.facts: dict[str, object] = {}

    def receive(self, message: Message | None, buffers: list[bytes]) -> int:
        if message is None:
            return 0
        for splice in message["lists"]:
            self.lists[splice["name"]] = self.lists.get(splice["name"], [])[: splice["start"]] + splice["items"]
        self.facts |= message["facts"]
        for splice, buffer in zip(message["series"], buffers, strict=True):
            if splice["width"] == 0:
                del self.series[splice["name"]]
                continue
            rows = np.frombuffer(buffer, np.float32).reshape(-1, splice["width"])
            earlier = self.series[splice["name"]][: splice["start"]] if splice["start"] else rows[:0]
            self.series[splice["name"]] = np.concatenate([earlier, rows])
        return sum(map(len, buffers))

    def shows(self, series: dict[str, np.ndarray]) -> bool:
        same = [np.array_equal(self.series[name], series[name], equal_nan=True) for name in series]
        return list(self.series) == list(series) and all(same)


def rows(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32).reshape(-1, 1)


value_lists = st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan"), float("inf")]), max_size=6)


@given(st.lists(st.fixed_dictionaries({"a": value_lists}, optional={"b": value_lists}), max_size=8), st.integers(0, 7))
def test_a_page_has_what_there_is_after_every_message(pictures: list[dict[str, list[float]]], reload_at: int) -> None:
    feed, page = Feed(), Page()
    for number, picture in enumerate(pictures):
        if number == reload_at:
            page = Page()
            feed.forget()
        series = {name: rows(*values) for name, values in picture.items()}
        lists, facts = {"marks": list(picture["a"])}, {"status": str(picture)}
        page.receive(*feed.changes(series, lists, facts))
        assert str(page.lists) == str(lists) and page.facts == facts
        assert {name: values.tobytes() for name, values in page.series.items()} == {
            name: values.tobytes() for name, values in series.items()
        }


def test_nothing_new_is_an_empty_message() -> None:
    feed, series = Feed(), {"a": rows(1, float("nan"))}
    feed.changes(series, {"marks": [1]}, {"status": "paused"})
    assert feed.changes({"a": series["a"].copy()}, {"marks": [1]}, {"status": "paused"}) == (None, [])


def test_only_new_points_are_sent_of_a_growing_curve() -> None:
    feed, page, curve, sent = Feed(), Page(), Curves(1, 64), []
    for step in range(1, 2001):
        curve.extend([step], [[step % 7]])
        sent.append(page.receive(*feed.changes({"loss": curve.points[0]}, {}, {})))
        assert page.shows({"loss": curve.points[0]})
    assert np.median(sent) <= 16 and sum(byte_count > 100 for byte_count in sent) < 10  # all of it when it is thinned


def test_a_series_whose_rows_have_another_width_is_sent_whole() -> None:
    feed, page = Feed(), Page()
    page.receive(*feed.changes({"a": rows(1, 2)}, {}, {}))
    page.receive(*feed.changes({"a": rows(1, 2).reshape(1, 2)}, {}, {}))
    assert page.series["a"].shape == (1, 2)


def test_a_page_that_asks_while_a_message_is_made_gets_everything_with_the_next() -> None:
    plot, page, messages = LivePlot(), Page(), []
    plot.send = lambda message, buffers: messages.append((message, buffers))
    chart = Chart((), {"a": rows(1, 2)})
    plot._answer()
    plot.show(chart, [], {})
    changes = plot._feed.changes

    def slow(*arguments: object) -> object:
        plot._answer()  # another page, heard by another thread
        return changes(*arguments)

    plot._feed.changes = slow
    plot.show(Chart((), {"a": rows(1, 2, 3)}), [], {})
    plot._feed.changes = changes
    plot.show(Chart((), {"a": rows(1, 2, 3)}), [], {})
    page.receive(*messages[-1])
    assert page.shows({"a": rows(1, 2, 3)})

"""Sliders, choices and buttons, all of one width, each with its name.

Before: view.py.
"""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from rnnlib.cells import CELLS

Action = tuple[str, str, Callable[[], None]]  # label, tooltip, what it does
STYLE = {"description_width": "130px"}
WRAPPED = {"flex_flow": "row wrap"}


def _wide() -> dict[str, Any]:
    """Wide enough to be moved with care."""
    return {"style": STYLE, "layout": widgets.Layout(width="420px")}


def int_slider(label: str, value: int, least: int, most: int) -> widgets.IntSlider:
    """A slider over whole numbers."""
    return widgets.IntSlider(value=value, min=least, max=most, description=label, **_wide())


def float_slider(label: str, value: float, least: float, most: float, step: float) -> widgets.FloatSlider:
    """A slider over numbers."""
    return widgets.FloatSlider(value=value, min=least, max=most, step=step, description=label, **_wide())


def option_slider(
    label: str, options: Sequence[Any], value: Any, *, while_moving: bool = True
) -> widgets.SelectionSlider:
    """A slider over values, or over (name, value).  while_moving: whether it changes before it is let go."""
    moving = {"continuous_update": while_moving}
    return widgets.SelectionSlider(options=options, value=value, description=label, **moving, **_wide())


def text_field(label: str, value: str) -> widgets.Text:
    """A line of text, which changes when it is left or Enter is pressed."""
    return widgets.Text(value=value, description=label, continuous_update=False, **_wide())


def choice(label: str, options: list[str]) -> widgets.ToggleButtons:
    """Buttons of which one is pressed, the first to begin with."""
    return widgets.ToggleButtons(options=options, description=label, style={**STYLE, "button_width": "auto"})


def cell_choice(cell: str) -> widgets.Dropdown:
    """A choice among RNN, GRU and LSTM."""
    names = [(name.upper(), name) for name in CELLS]
    return widgets.Dropdown(options=names, value=cell, description="Cell", layout={"width": "200px"})


def row(*knobs: widgets.Widget) -> widgets.HBox:
    """Knobs side by side; on a narrow page below one another."""
    return widgets.HBox(knobs, layout=WRAPPED)


def make_buttons(actions: Sequence[Action], act: Callable[[Callable[[], None]], None]) -> dict[str, widgets.Button]:
    """A button for each action, by label, the first in colour.  act: called with the action of a button pressed."""
    buttons = {}
    for label, tooltip, action in actions:
        buttons[label] = widgets.Button(description=label, tooltip=tooltip, layout={"width": "66px"})
        buttons[label].on_click(lambda _, action=action: act(action))
    buttons[actions[0][0]].button_style = "primary"
    return buttons

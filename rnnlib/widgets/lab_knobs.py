"""The knobs of the lab: what may change while a network trains, and what takes effect with the next reset.

Before: knobs.py.  Next: training_lab.py, which says what they do.
"""

import math
from dataclasses import asdict
from typing import Any

import ipywidgets as widgets

from rnnlib.alphabets import KINDS_OF_TOKENS
from rnnlib.figures.chart import threshold_name
from rnnlib.live.experiments import MAIN
from rnnlib.live.presets import PRESETS
from rnnlib.live.sessions import MAX_STEPS, Session
from rnnlib.named_texts import NAMES
from rnnlib.optimizers import OPTIMIZERS
from rnnlib.widgets.knobs import cell_choice, float_slider, option_slider

KNOB_WIDTH, NAME_WIDTH = "310px", "9.6em"
HIDDEN_SIZES = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
CLIP_THRESHOLDS = tuple(10 ** (exponent / 4) for exponent in range(-8, 9))
PACES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, math.inf)
OFF = "off"
NO_PRESET = "choose one"


def _choice(label: str, options: Any, value: Any) -> widgets.Dropdown:
    return widgets.Dropdown(options=options, value=value, description=label)


def _number(label: str, value: int, most: int, least: int = 1) -> widgets.BoundedIntText:
    return widgets.BoundedIntText(value=value, min=least, max=most, description=label)


class LabKnobs(widgets.VBox):
    """All knobs below one another, at the values that a session has; a value between two places becomes a place.

    learning_rate, clip_threshold, clip_by ("norm", "value" or "off"), hidden_size, cell, optimizer, temperature, pace
    (steps a second) act at once.  text, tokens, batch_size and num_steps act with the next reset, a preset is one.
    steps: how many `Start` makes, 0 for as many as there may be.
    """

    def __init__(self, session: Session):
        self.preset = _choice("Preset", [NO_PRESET, *PRESETS], NO_PRESET)
        self.cell = cell_choice("rnn")
        self.hidden_size = option_slider("Hidden size", [("8", 8)], 8, while_moving=False)
        self.learning_rate = widgets.FloatLogSlider(
            value=1.0, min=-3, max=1.5, step=0.05, readout_format=".3g", description="Learning rate"
        )
        self.clip_by = _choice("Clip by", ["norm", "value", OFF], "norm")
        self.clip_threshold = option_slider("Clipping threshold", [("1", 1.0)], 1.0)
        self.optimizer = _choice("Optimizer", [(name.upper(), name) for name in OPTIMIZERS], "sgd")
        self.temperature = float_slider("Temperature", 0.5, 0, 2, 0.1)
        paces = [(f"{pace:g} steps/s" if math.isfinite(pace) else "no limit", pace) for pace in PACES]
        self.pace = option_slider("Pace", paces, math.inf)
        self.steps = _number("Steps (0: no end)", 0, MAX_STEPS, least=0)
        self.text = _choice("Text", NAMES, NAMES[0])
        self.tokens = _choice("Tokens", KINDS_OF_TOKENS, KINDS_OF_TOKENS[0])
        self.batch_size = _number("Batch size B", 32, 4096)
        self.num_steps = _number("Time steps T", 35, 4096)
        at_reset = widgets.HTML("With the next Reset:")
        super().__init__(
            [
                self.preset, self.cell, self.hidden_size, self.learning_rate, self.clip_by, self.clip_threshold,
                self.optimizer, self.temperature, self.pace, self.steps,
                at_reset, self.text, self.tokens, self.batch_size, self.num_steps,
            ]
        )  # fmt: skip
        for knob in self.children:  # narrower than where there is room
            knob.layout.width, knob.style.description_width = KNOB_WIDTH, NAME_WIDTH
        for rarely in (self.optimizer, self.steps, at_reset, self.text, self.tokens, self.batch_size, self.num_steps):
            rarely.add_class("lab-rarely")
        self.add_class("lab-knobs")
        self.show(session)

    def show(self, session: Session) -> None:
        """The values that the session has."""
        trainer, model, settings = session.trainers[MAIN], session.model, session.settings
        self.preset.value = NO_PRESET  # the same one may be chosen again
        names = {"cell": model.cell.name, "hidden_size": model.hidden_size, "optimizer": trainer.optimizer.name}
        self.show_changes({**names, **asdict(trainer.knobs)})
        self.temperature.value, self.pace.value = session.temperature, session.steps_per_second
        self.text.options = [*dict.fromkeys([*NAMES, settings.text])]
        self.text.value, self.tokens.value = settings.text, settings.tokens
        self.batch_size.value, self.num_steps.value = settings.batch_size, settings.num_steps

    def show_changes(self, values: dict[str, Any]) -> None:
        """Knobs of the running training at these values; a threshold comes with what it clips by."""
        if not math.isfinite(values.get("clip_threshold", 0)):
            values = {**values, "clip_by": OFF}
        for name, value in values.items():
            if name == "learning_rate":
                self._show_learning_rate(value)
            elif name == "hidden_size":
                places = [(str(each), each) for each in sorted({*HIDDEN_SIZES, value})]
                self._show_place(self.hidden_size, places, value)
            elif name != "clip_threshold":
                getattr(self, name).value = value
            elif math.isfinite(value):
                places = [(threshold_name(each), each) for each in sorted({*CLIP_THRESHOLDS, value})]
                self._show_place(self.clip_threshold, places, value)

    @staticmethod
    def _show_place(slider: widgets.SelectionSlider, places: list[tuple[str, Any]], value: Any) -> None:
        if [*slider.options] != places:
            slider.options = places
        slider.value = value

    def _show_learning_rate(self, rate: float) -> None:
        # The page moves a slider to the nearest of its places, which would be a change: the rate it has is one.
        exponent, step = math.log10(rate), self.learning_rate.step
        lowest = exponent - step * max(0, round((exponent + 3) / step))
        with self.learning_rate.hold_trait_notifications():
            self.learning_rate.min, self.learning_rate.max = lowest, max(1.5, exponent)
            self.learning_rate.value = rate

"""Ways to begin, with a name: for a lecture, or for who does not know yet which knob to turn.

Before: settings.py.  tests/unit/test_presets.py trains each of them over several seeds.
"""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """settings: what differs from Settings().  sentence: what to look for."""

    settings: dict[str, Any]
    sentence: str


PRESETS = {
    "vanishing": Preset(
        {"hidden_size": 64, "num_steps": 35, "learning_rate": 0.25},
        "Vanishing: at first less than a hundredth of the last loss's gradient arrives ten steps back, a millionth 30.",
    ),
    "exploding": Preset(
        {"hidden_size": 64, "learning_rate": 8.0, "clip_threshold": math.inf},
        "Exploding: without clipping the perplexity ends above that of a blind guess.",
    ),
    "rescued": Preset(
        {"hidden_size": 64, "learning_rate": 8.0, "clip_threshold": 0.25},
        "Rescued: the same learning rate, clipped at 0.25, learns.",
    ),
    "the printed settings": Preset(
        {"max_train_tokens": 10_000},
        "The printed settings: 256 units, 32 x 35 characters a step, rate 1, clipped at 1, on 10,000 characters.",
    ),
}

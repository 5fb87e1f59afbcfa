"""Drawings: data -> matplotlib Axes.  No state, no widgets.

Here are the names that a notebook draws with; each view takes what else it needs from the file that draws it.
"""

from rnnlib.figures.gradient_problems import cliff_profile
from rnnlib.figures.gradients import gradient_map_image
from rnnlib.figures.networks import inputs_and_outputs, scalar_chain, three_networks
from rnnlib.figures.perplexity import perplexity_axes, perplexity_curves, zipf
from rnnlib.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, Drawing, label_lines, panels

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "Drawing",
    "cliff_profile",
    "gradient_map_image",
    "inputs_and_outputs",
    "label_lines",
    "panels",
    "perplexity_axes",
    "perplexity_curves",
    "scalar_chain",
    "three_networks",
    "zipf",
]

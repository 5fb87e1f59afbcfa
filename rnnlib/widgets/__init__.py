"""Interactive views, one file each; the only part of rnnlib that needs ipywidgets."""

from rnnlib.widgets.next_character import NextCharacter
from rnnlib.widgets.partitions import Partitions
from rnnlib.widgets.perplexity import CountedBaselines, PerplexityOfADistribution
from rnnlib.widgets.step_through import OneStep, UnrolledGraph
from rnnlib.widgets.training_lab import TrainingLab

__all__ = [
    "CountedBaselines",
    "NextCharacter",
    "OneStep",
    "Partitions",
    "PerplexityOfADistribution",
    "TrainingLab",
    "UnrolledGraph",
]

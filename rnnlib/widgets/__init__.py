"""Interactive views, one file each; the only part of rnnlib that needs ipywidgets."""

from rnnlib.widgets.learning_map import LearningMap
from rnnlib.widgets.next_character import NextCharacter
from rnnlib.widgets.training_lab import TrainingLab

__all__ = ["LearningMap", "NextCharacter", "TrainingLab"]

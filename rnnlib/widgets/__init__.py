"""Interactive views, one file each; the only part of rnnlib that needs ipywidgets."""

from rnnlib.widgets.cliff import Cliff
from rnnlib.widgets.clipped_gradients import ClippedGradients
from rnnlib.widgets.gates import Gates
from rnnlib.widgets.gradient_map_view import GradientMap
from rnnlib.widgets.hidden_states import HiddenStates
from rnnlib.widgets.inside_cells import InsideGRU, InsideLSTM
from rnnlib.widgets.jacobian_products import JacobianProducts
from rnnlib.widgets.learning_map import LearningMap
from rnnlib.widgets.memory_race import MemoryRace
from rnnlib.widgets.next_character import NextCharacter
from rnnlib.widgets.one_step import OneStep
from rnnlib.widgets.partitions import Partitions
from rnnlib.widgets.perplexity import CountedBaselines, PerplexityOfADistribution
from rnnlib.widgets.recorded_run import RecordedRun
from rnnlib.widgets.step_through import OneStepBack, UnrolledGraph
from rnnlib.widgets.step_time import StepTime
from rnnlib.widgets.training_by_epochs import TrainingByEpochs
from rnnlib.widgets.training_diary import TrainingDiary
from rnnlib.widgets.training_lab import TrainingLab
from rnnlib.widgets.truncation import Truncation
from rnnlib.widgets.vanishing_gradients import VanishingGradients

__all__ = [
    "Cliff",
    "ClippedGradients",
    "Gates",
    "JacobianProducts",
    "StepTime",
    "CountedBaselines",
    "GradientMap",
    "HiddenStates",
    "InsideGRU",
    "InsideLSTM",
    "LearningMap",
    "MemoryRace",
    "NextCharacter",
    "OneStep",
    "OneStepBack",
    "Partitions",
    "PerplexityOfADistribution",
    "RecordedRun",
    "TrainingByEpochs",
    "TrainingDiary",
    "TrainingLab",
    "Truncation",
    "UnrolledGraph",
    "VanishingGradients",
]

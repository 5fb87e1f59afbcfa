"""What tests of faults share: their examples are the same every time."""

import sys
from pathlib import Path

import torch
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))  # factories.py

torch.set_num_threads(1)
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")

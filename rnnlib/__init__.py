"""rnnlib: recurrent neural networks, small enough to read in an evening.

Read the files in this order: text, baselines, cells, loops, models, gradients, training, sampling, resizing,
sessions, figures, checks, and then the widgets, which only show what the rest computes.  The other files belong to one
notebook each: topics, and sweeps to 06.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("rnnlib")
except PackageNotFoundError:
    __version__ = "0+not.installed"  # a folder on the path: pyproject.toml, which knows the version, may be elsewhere

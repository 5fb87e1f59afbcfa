"""rnnlib: recurrent neural networks, small enough to read in an evening.

Read eight files, in this order: text, baselines, cells, models, optimizers, training, sampling, gradients.

The rest may be skipped.  engine/ computes the same numbers faster; live/ trains while somebody watches; topics/ holds
what belongs to one notebook; figures/ draws, checks/ looks at answers, and widgets/ show what the rest computes.
arguments.py answers wrong arguments; files.py and named_texts.py write files and fetch texts.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("rnnlib")
except PackageNotFoundError:
    __version__ = "0+not.installed"  # a folder on the path: pyproject.toml, which knows the version, may be elsewhere

"""What trains while it is watched: the worker, sessions, their evaluations and recordings, checkpoints, resizing, sweeps.

Not part of the reading path.
"""

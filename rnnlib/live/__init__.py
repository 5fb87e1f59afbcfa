"""What trains while it is watched: worker, sessions, evaluations, recordings, checkpoints, resizing, sweeps.

Not part of the reading path.
"""

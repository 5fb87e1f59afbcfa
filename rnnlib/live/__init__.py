"""Networks that train while they are watched: sessions, checkpoints, resizing, sweeps.  Not part of the reading path."""

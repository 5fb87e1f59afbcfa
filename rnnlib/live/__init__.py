"""What trains in the background: the worker, sessions, their evaluations, recordings."""

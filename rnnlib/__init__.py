"""rnnlib: recurrent neural networks, small enough to read in an evening.

Read the files in this order: text, baselines, cells, loops, models, gradients, training, sampling, resizing,
live, figures, checks, and then the widgets, which only show what the rest computes.  The other files belong to one
notebook each: walkthrough and diagrams to 02, initialisation, stability, tasks and memory to 04, sweeps to 06.
"""

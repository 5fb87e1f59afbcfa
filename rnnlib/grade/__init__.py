"""Grading a class: python -m rnnlib.grade FOLDER.  docs/grading.md says what it does and what it does not.

Before: checks/.  exercises.py is what there is to solve, notebooks.py and sessions.py run a file with limits, inside.py
looks from within the kernel, and table.py writes what was found.
"""

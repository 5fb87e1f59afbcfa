"""What is measured against what: `python -m bench` for speed, `python -m bench.views` for how soon views answer.

For the numbers of notebooks: `python -m bench.memory` (04), `python -m bench.results` (05), `python -m bench.lab` (06).
"""

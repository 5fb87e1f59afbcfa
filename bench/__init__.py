"""What is measured against what: `python -m bench` for speed, `python -m bench.results` for notebook 05's table,
`python -m bench.lab` for the numbers of notebook 06."""

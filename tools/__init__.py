"""What builds and checks the notebooks; not installed."""

"""What claims ask of a training run."""

from rnnlib import training


def last_perplexity(trainer: training.Trainer, steps: int = 20) -> float:
    return training.perplexity(trainer.history.columns()["loss"][-steps:].mean())


def run_until_lost(trainer: training.Trainer, steps: int) -> None:
    try:
        trainer.run(steps)
    except FloatingPointError:
        pass

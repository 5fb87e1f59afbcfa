"""Exercises: what a reader's answer is checked against, and what is said about it.  One file for each notebook.

Before: figures/.  Next: widgets/, which show what all of this computes.

A check never raises at a reader.  It compares the answer with the library's own, and names the mistake if it is a
known one.  An open exercise is told apart from a wrong one, so that Run All goes on.
"""

from rnnlib.checks.backpropagation import bptt, missing_detach, truncated
from rnnlib.checks.concise_implementation import beats_the_ngram, model
from rnnlib.checks.gradient_problems import (
    clip_by_norm,
    clip_by_value,
    clipped_once,
    gru_step,
    lstm_step,
    time_stays_time,
)
from rnnlib.checks.handed_in import handed_in
from rnnlib.checks.introduction import perplexity, sequential_batches, smoothed_bigram
from rnnlib.checks.lab import remembers, rescues
from rnnlib.checks.structure import rnn_forward, rnn_step, unrolled_twice
from rnnlib.checks.verdict import Verdict

__all__ = [
    "Verdict",
    "beats_the_ngram",
    "bptt",
    "clip_by_norm",
    "clip_by_value",
    "clipped_once",
    "gru_step",
    "handed_in",
    "lstm_step",
    "missing_detach",
    "model",
    "perplexity",
    "remembers",
    "rescues",
    "rnn_forward",
    "rnn_step",
    "sequential_batches",
    "smoothed_bigram",
    "time_stays_time",
    "truncated",
    "unrolled_twice",
]

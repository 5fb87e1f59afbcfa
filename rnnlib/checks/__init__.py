"""Exercises: what a reader's answer is checked against, and what is said about it.  One file for each notebook.

Before: figures/.  Next: widgets/, which show what all of this computes.

A check never raises at a reader.  An exercise is a table (exercise.py): what is asked, inputs, and the mistakes that
have a name.  Its mechanism calls the reader's function (running.py), looks at what came back (seeing.py) and says
what it found (verdict.py).  An open exercise is told apart from a wrong one, so that Run All goes on.
"""

from rnnlib.checks.backpropagation import bptt
from rnnlib.checks.carrying import missing_detach
from rnnlib.checks.concise_implementation import model
from rnnlib.checks.contest import beats_the_ngram
from rnnlib.checks.exercise import Exercise
from rnnlib.checks.gates import gru_step, lstm_step
from rnnlib.checks.gradient_problems import clip_by_norm, clip_by_value
from rnnlib.checks.handed_in import handed_in
from rnnlib.checks.introduction import perplexity, smoothed_bigram
from rnnlib.checks.lab import remembers, rescues
from rnnlib.checks.minibatches import sequential_batches
from rnnlib.checks.repairs import clipped_once, time_stays_time
from rnnlib.checks.structure import rnn_forward, rnn_step, unrolled_twice
from rnnlib.checks.truncation import truncated
from rnnlib.checks.verdict import Verdict

__all__ = [
    "Exercise",
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

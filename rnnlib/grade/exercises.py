"""What there is to solve in each notebook: the check of each exercise, as the notebook calls it.

Comes first in grade/.  Next: table.py.
"""

import re

REPAIR = "{0} if {1} else lambda *arguments: ..."
NOTEBOOKS = {
    "01 Introduction": [
        "checks.sequential_batches(my_batches)",
        "checks.perplexity(my_perplexity)",
        "checks.smoothed_bigram(my_bigram)",
    ],
    "02 Structure": ["checks.rnn_step(my_step)", "checks.unrolled_twice(my_h_2)", "checks.rnn_forward(my_forward)"],
    "03 Backpropagation through time": [
        "checks.bptt(my_bptt)",
        "checks.truncated(my_truncated)",
        f"checks.missing_detach({REPAIR.format('train', 'repaired')})",
    ],
    "04 Gradient problems": [
        "checks.clip_by_norm(my_clip_by_norm)",
        "checks.clip_by_value(my_clip_by_value)",
        f"checks.clipped_once({REPAIR.format('train_clipped', 'repaired')})",
        "checks.lstm_step(my_lstm_step)",
        "checks.gru_step(my_gru_step)",
        "checks.time_stays_time(my_loss)",
    ],
    "05 Concise implementation": [
        "checks.model(MyModel)",
        "checks.beats_the_ngram(my_trainer, corpus, step_budget=2000)",
    ],
    "06 Lab": [
        "checks.rescues(my_rescue)",
        "checks.beats_the_ngram(my_trainer, corpus, step_budget=300)",
        "checks.handed_in(my_file, step_budget=1000)",
        "checks.remembers(my_start)",
    ],
}


def name_of(call: str) -> str:
    """The exercise that a call checks: "checks.rnn_step(my_step)" -> "rnn_step"."""
    match = re.match(r"checks\.(\w+)\(", call)
    assert match is not None, call
    return match[1]


def notebook_of(code: str) -> str | None:
    """The notebook that has most of the checks called in this code; None if it calls none."""
    called = set(re.findall(r"checks\.\w+\([^,)\n]*", code))

    def shared(title: str) -> int:
        return sum(any(call.startswith(each) for each in called) for call in NOTEBOOKS[title])

    best = max(NOTEBOOKS, key=shared)
    return best if shared(best) else None

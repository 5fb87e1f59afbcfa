"""A long training, epoch by epoch: perplexity on what is read again and again, on text never read, and what it writes.

Before: worker_view.py.
"""

import copy
import time

import numpy as np

from rnnlib import engine
from rnnlib.baselines import NGram
from rnnlib.figures.chart import Chart, Level, Line, Panel
from rnnlib.live.diary import Entry, changed_words
from rnnlib.live.worker import Worker
from rnnlib.sampling import check_prefix, write
from rnnlib.text import Corpus
from rnnlib.training import Trainer, evaluate, perplexity
from rnnlib.widgets.knobs import row
from rnnlib.widgets.worker_view import WorkerView

CHARACTERS_WRITTEN = 70
MOST_LOOKS, MOST_TEXTS = 50, 10  # in a whole training


class TrainingByEpochs(WorkerView):
    """Trains a trainer for so many epochs in the background, while its curves and its texts are shown.

    `start` trains or goes on, and returns at once; `pause` stops after the epoch under way; `wait` waits for the end.
    trained, validation: (epoch, perplexity) of every epoch, and of every look at the validation text.  written: what it
    writes after `prefix`, greedily, MOST_TEXTS times.  best: a copy of the model as it was at the lowest validation
    perplexity.  Running the cell again replaces the view: the earlier one stops.
    """

    def __init__(self, trainer: Trainer, corpus: Corpus, counted: NGram, *, prefix: str, epochs: int = 500):
        """trainer: has made no step yet.  counted: the line to compare with.  Raises ValueError for a wrong prefix."""
        check_prefix(prefix, corpus.vocab)
        if trainer.steps_made > 0 or epochs < 1:
            raise ValueError(f"a fresh trainer and 1 epoch or more; these are {trainer.steps_made} steps and {epochs}.")
        super().__init__()
        self.trainer, self.corpus, self.prefix, self.epochs, self._asked_for = trainer, corpus, prefix, epochs, 0
        self.trained, self.validation = list[tuple[int, float]](), list[tuple[int, float]]()
        self.written, self.best, self._seconds = list[Entry](), copy.deepcopy(trainer.model), 0.0
        self._panel = self._describe_panel(counted, len(corpus.vocab))
        self.worker = Worker("training by epochs", self._train_one, at_rest=self.show_soon)
        buttons = self.make_buttons(
            [("Start", "Train, or go on", self.start), ("Pause", "Stop after the epoch under way", self.pause)]
        )
        self.children = [row(*buttons), self.plot]
        self.add_class("training-by-epochs")
        self._look()
        self.paint()

    @property
    def epoch(self) -> int:
        """How many epochs are made."""
        return len(self.trained)

    def start(self, epochs: int | None = None) -> None:
        """Train in the background for so many epochs more; by default until all are made."""
        self._asked_for = min(self.epochs, self.epochs if epochs is None else self.epoch + epochs)
        self.worker.start()

    # -------------------------------------------------------------------------- the background thread

    def _train_one(self) -> float | None:
        """One epoch, and a look at the network when it is time to."""
        if self.epoch >= self._asked_for:
            return None
        started, steps = time.monotonic(), self.trainer.batches.num_batches
        self.trainer.run(steps)
        losses = self.trainer.history.columns(self.trainer.steps_made - steps)["loss"]
        self.trained.append((self.epoch + 1, perplexity(losses.mean())))
        self._look()
        self._seconds += time.monotonic() - started
        self.show_soon()
        return None if self.epoch == self._asked_for else 0.0

    @engine.undisturbed()
    def _look(self) -> None:
        """Ask for the validation text, and for a text, if this is one of the epochs for that."""
        epoch, model = self.epoch, self.trainer.model
        if epoch % max(1, self.epochs // MOST_LOOKS) == 0 or epoch == self.epochs:
            reached = perplexity(evaluate(model, self.corpus.validation))
            if reached < min((each for _, each in self.validation), default=np.inf):
                self.best.load_state_dict(model.state_dict())
            self.validation.append((epoch, reached))
        if epoch % max(1, self.epochs // MOST_TEXTS) == 0 or epoch == self.epochs:
            text = write(model, self.corpus.vocab, self.prefix, CHARACTERS_WRITTEN, temperature=0)
            changed = changed_words(self.written[-1]["text"], text) if self.written else []
            self.written.append({"step": epoch, "text": text, "changed": changed})

    # ---------------------------------------------------------------------------------- what is shown

    def _describe_panel(self, counted: NGram, vocab_size: int) -> Panel:
        line = counted.perplexity(self.corpus.validation)
        return Panel(
            "perplexity",
            (Line("training", "training", "blue"), Line("validation", "validation", "orange", "marked")),
            x_name="epoch",
            x_limits=(0, self.epochs),
            at_least=(1.0, 2 * vocab_size),
            levels=(
                Level(line, f"counted {counted.order}-gram, validation: {line:.2f}", at_end=True),
                Level(vocab_size, f"blind guess: {vocab_size}", "grey"),
            ),
        )

    def compute(self) -> Chart:
        """What is known by now."""
        series = {
            name: np.array(list(points), np.float32).reshape(-1, 2)
            for name, points in (("training", self.trained), ("validation", self.validation))
        }
        return Chart((self._panel,), series, columns=1)

    def texts(self) -> list[Entry]:
        """What it has written so far."""
        return list(self.written)

    def words(self, result: Chart) -> str:
        """How far it is, how long it will take, and what it writes."""
        epoch, left = self.epoch, self.epochs - self.epoch
        doing = "training" if self.running and left else "at its end" if not left else "not running"
        told = [f"Epoch {epoch:,} of {self.epochs:,}, {doing}."]
        if epoch and left:
            seconds = self._seconds / epoch * left
            time_left = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
            told.append(f"About {time_left} of training left.")
        if epoch:
            looked_at, reached = self.validation[-1]
            told.append(
                f"Perplexity {self.trained[-1][1]:.2f} in training; {reached:.2f} on validation, epoch {looked_at}."
            )
        return " ".join([*told, f"At epoch {self.written[-1]['step']} it writes: {self.written[-1]['text']}"])

    def told(self) -> dict[str, object]:
        """Its words are its status and its diary, which counts epochs."""
        return {**super().told(), "status": self.text.split(" At epoch ")[0], "words": "", "unit": "epoch"}

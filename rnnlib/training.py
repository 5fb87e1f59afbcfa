"""Training: one step = forward, loss, backward, clip, update, record.

Before: optimizers.py.  Next: sampling.py lets the trained network write.
"""

import math
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnnlib import arguments, engine
from rnnlib.cells import State
from rnnlib.models import Backpropagation, LanguageModel, Model
from rnnlib.optimizers import OPTIMIZERS, Optimizer, clip_by_norm, clip_by_value, global_norm, largest_component
from rnnlib.text import Batches


@dataclass(frozen=True)
class Knobs:
    """The hyperparameters that may be changed while a network trains.

    learning_rate: the step along the negative gradient.  clip_threshold: the largest gradient norm (or, by value, the
    largest size of each component) that is let through; math.inf switches clipping off.  clip_by: "norm" or "value".
    Numbers of any library become plain ones.  Raises ValueError, in one sentence, for a value outside its range.
    """

    learning_rate: float = 1.0
    clip_threshold: float = 1.0
    clip_by: str = "norm"

    def __post_init__(self) -> None:
        if self.clip_by not in ("norm", "value"):
            raise ValueError(f'clip_by must be "norm" or "value"; it is {self.clip_by!r}.')
        object.__setattr__(self, "learning_rate", arguments.learning_rate(self.learning_rate))
        object.__setattr__(self, "clip_threshold", arguments.clip_threshold(self.clip_threshold))


class StepResult(NamedTuple):
    """What one minibatch gave, on the model's device, not waited for; () each.

    loss: nats per token.  gradient_norm: before clipping.  clipped: 1 if clipping changed the gradient, else 0.
    """

    loss: Tensor
    gradient_norm: Tensor
    clipped: Tensor


class History:
    """One row for each training step.

    Columns: loss (nats per token), gradient_norm (before clipping), clipped (1 if the gradient was, else 0),
    learning_rate, clip_threshold, seconds (training time so far, pauses not counted).
    """

    COLUMNS = (*StepResult._fields, "learning_rate", "clip_threshold", "seconds")

    def __init__(self, device: torch.device | str = "cpu"):
        # what is measured stays on a GPU until it is asked for
        self._on_device, self._on_host = torch.empty(1024, 3, dtype=torch.float32, device=device), np.empty((1024, 3))
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, result: StepResult, learning_rate: float, clip_threshold: float, seconds: float) -> StepResult:
        """Record one step, without waiting for a GPU -> its result where it is recorded: no later step changes it."""
        row = self._length
        if row == len(self._on_device):
            self._on_device = torch.cat([self._on_device, self._on_device])
            self._on_host = np.concatenate([self._on_host, self._on_host])
        torch.stack(tuple(result), out=self._on_device[row])
        self._on_host[row] = learning_rate, clip_threshold, seconds
        self._length = row + 1
        return StepResult(*self._on_device[row])

    def columns(self, first: int = 0) -> dict[str, NDArray[np.float64]]:
        """The columns from step `first` on, copied, float64, each (steps - first,)."""
        last = self._length
        measured = self._on_device[first:last].cpu().double().numpy()
        table = np.hstack([measured, self._on_host[first:last]])
        return dict(zip(self.COLUMNS, table.T, strict=True))

    def forget_after(self, steps: int) -> None:
        """Keep the first `steps` steps."""
        self._length = steps

    def clipped_fraction(self, first: int = 0) -> float:
        """The share of the steps from `first` on whose gradient was clipped; nan without steps."""
        return float(self.columns(first)["clipped"].mean()) if len(self) > first else math.nan


class Trainer:
    """Trains a model on batches, one minibatch a step.

    knobs: read before every step; `set` changes them.  steps_made, steps_checked: how many steps it made, and how many
    of them `raise_if_diverged` has seen.  state: carried into the next batch.  last_result: what the last step gave.
    """

    @engine.undisturbed()
    def __init__(self, model: Model, batches: Batches, *, knobs: Knobs | None = None, optimizer: str = "sgd"):
        """optimizer: "sgd" or "adam".  Raises ValueError for another name, and for tokens the model does not know."""
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"there is no optimizer {optimizer!r}; choose from: {', '.join(OPTIMIZERS)}.")
        self.batches, self.steps_made, self.seconds, self.steps_checked = batches, 0, 0.0, 0
        self.last_result: StepResult
        self.history = History(model.device)
        self._learning_rate, self._threshold = torch.ones(2, dtype=torch.float32, device=model.device).unbind()
        self.knobs, self._runner = knobs or Knobs(), engine.runner(model.device)
        self.use_model(model, OPTIMIZERS[optimizer](model.trainable))
        self.set(**asdict(self.knobs))

    @engine.undisturbed()
    def use_model(self, model: Model, optimizer: Optimizer) -> None:
        """Go on with another model (of another size, say), from an empty hidden state.  What fails changes nothing."""
        arguments.check_tokens(self.batches.tokens.cpu()[:, None], model.vocab_size)
        state: State = model.initial_state(self.batches.batch_size)
        self._safety_net = SafetyNet(learned_by(model, optimizer))
        self.model, self.optimizer, self.state = model, optimizer, state
        self.release_memory()

    def release_memory(self) -> None:
        """Give back what steps need beside the weights; the next step takes it anew."""
        self._runner.forget()
        if isinstance(self.model, LanguageModel):
            self._engine = engine.quickest(self.model.cell, self.model.device)

    def set(self, **changes: Any) -> None:
        """Change knobs: set(learning_rate=0.5, clip_threshold=math.inf).  Takes effect with the next step."""
        knobs = replace(self.knobs, **changes)
        self._learning_rate.fill_(knobs.learning_rate)
        self._threshold.fill_(knobs.clip_threshold)
        if knobs.clip_by != self.knobs.clip_by:
            self._runner.forget()
        self.knobs = knobs

    @engine.undisturbed()
    def step(self) -> StepResult:
        """One minibatch.  Waits for a GPU only where that is some steps behind."""
        started = time.perf_counter()
        batch = self.batches[self.steps_made]
        if not batch.continues:
            self.clear_state()
        self._runner(self._learn, batch.tokens, batch.targets)
        self.steps_made += 1
        self.seconds += time.perf_counter() - started
        return self.history.append(self.last_result, self.knobs.learning_rate, self.knobs.clip_threshold, self.seconds)

    def _learn(self, tokens: Tensor, targets: Tensor) -> None:
        """One step: backpropagate, clip, update, carry the state.  Asks for no number of a GPU on the way."""
        found = self.backpropagate(tokens, targets, self.state)
        norm = global_norm(found.gradients)
        self._safety_net.keep(self._learned(), found.loss + norm)
        if self.knobs.clip_by == "norm":
            clipped = norm > self._threshold
            clip_by_norm(found.gradients, self._threshold, norm)
        else:
            clipped = largest_component(found.gradients) > self._threshold
            clip_by_value(found.gradients, self._threshold)
        self.optimizer.update(self.model.trainable, found.gradients, self._learning_rate)
        for part, new_part in zip(self.state, found.state, strict=True):
            part.copy_(new_part)
        self.last_result = StepResult(found.loss.float(), norm.float(), clipped.float())

    @engine.undisturbed()
    def backpropagate(self, tokens: Tensor, targets: Tensor, state: State) -> Backpropagation:
        """What model.backpropagate gives; for a cell from scratch the quickest engine gives the same numbers."""
        if isinstance(self.model, LanguageModel):
            return self._engine.backpropagate(self.model.weights, tokens, targets, state)
        return self.model.backpropagate(tokens, targets, state)

    def run(self, steps: int) -> None:
        """Train for `steps` steps.  Stops early at a loss that is not finite with FloatingPointError."""
        for _ in range(steps):
            self.step()
            if self.model.device.type == "cpu" or self.steps_made % 100 == 0:
                self.raise_if_diverged()
        self.raise_if_diverged()

    def clear_state(self) -> None:
        """Forget what was read so far: the hidden state becomes zero."""
        for part in self.state:
            part.zero_()

    def _learned(self) -> list[Tensor]:
        return learned_by(self.model, self.optimizer)

    @engine.undisturbed()
    def raise_if_diverged(self) -> None:
        """FloatingPointError if a step's loss or gradient was not finite; the weights go back to those before it.

        Steps after that one are taken back.  A step is checked once.  Waits for a GPU.
        """
        first, self.steps_checked = self.steps_checked, self.steps_made
        if first == self.steps_made:
            return
        if self._safety_net.holds() and math.isfinite(self.last_result.loss + self.last_result.gradient_norm):
            return
        self._safety_net.restore(self._learned())
        self.clear_state()
        measured = self.history.columns(first)
        broken = int((~np.isfinite(measured["loss"] + measured["gradient_norm"])).argmax())
        self.steps_made = self.steps_checked = len(self.history) - len(measured["loss"]) + broken + 1
        self.history.forget_after(self.steps_made)
        raise FloatingPointError(
            f"the loss is {measured['loss'][broken]:.3g} and the gradient norm {measured['gradient_norm'][broken]:.3g} "
            f"at step {self.steps_made}; the weights are the last that were found good. Lower the learning rate "
            f"({self.knobs.learning_rate:g}) or the clipping threshold ({self.knobs.clip_threshold:g})."
        )


def learned_by(model: Model, optimizer: Optimizer) -> list[Tensor]:
    """What a step changes and a failed one spoils: the weights, and the optimizer's memory."""
    return [*model.trainable, *(tensor for tensors in optimizer.memory.values() for tensor in tensors)]


class SafetyNet:
    """A copy of the last weights that gave a finite loss and gradient.  It is kept without waiting for a GPU."""

    def __init__(self, learned: list[Tensor]):
        self._good = [tensor.detach().clone() for tensor in learned]
        self._holds = torch.ones((), dtype=torch.bool, device=learned[0].device)

    def keep(self, learned: list[Tensor], numbers: Tensor) -> None:
        """Before an update: what was learned so far gives these numbers, (); nothing is kept once they are broken."""
        self._holds.logical_and_(numbers < math.inf)  # and nan is not, either
        for good, tensor in zip(self._good, learned, strict=True):
            engine.copy_where(self._holds, tensor, good)

    def holds(self) -> bool:
        """Whether all numbers were finite.  Waits for a GPU."""
        return bool(self._holds)

    def restore(self, learned: list[Tensor]) -> None:
        """Go back."""
        self._holds.fill_(True)
        for good, tensor in zip(self._good, learned, strict=True):
            tensor.copy_(good)


# -------------------------------------------------------------------------------------- evaluation


def perplexity(loss: float) -> float:
    """exp(loss): the number of equally likely tokens among which a model is as unsure.  loss in nats per token."""
    return math.exp(min(loss, 700.0))


def evaluate(model: Model, tokens: Tensor, *, batch_size: int = 32) -> float:
    """Mean cross-entropy (nats per token) of a model on a text (n,) it was not trained on.

    The text is read as `batch_size` pieces side by side (a short one as fewer), each from an empty state.
    """
    return float(losses_of_pieces(model, tokens, batch_size, len(tokens)).mean())


@engine.undisturbed()
def losses_of_pieces(model: Model, tokens: Tensor, pieces: int, most_tokens: int) -> Tensor:
    """Mean cross-entropy of each of so many equal pieces that make up a text (n,), (pieces,), on the CPU.

    Of every piece the beginning is read, most_tokens in all.  Memory does not grow with the length of the text.
    """
    if len(tokens) < 2:
        raise ValueError(f"a text needs two tokens or more, one to read and one to predict; it has {len(tokens)}.")
    pieces = min(pieces, len(tokens) - 1)
    steps = (len(tokens) - 1) // pieces
    read = min(steps, max(1, most_tokens // pieces))
    places = torch.arange(pieces, device=tokens.device) * steps + torch.arange(read + 1, device=tokens.device)[:, None]
    text, state = tokens[places].to(model.device), model.initial_state(pieces)
    total = torch.zeros(pieces, dtype=torch.float64, device="cpu")
    at_once = max(1, 10_000_000 // (pieces * model.vocab_size))  # so many logits
    for inputs, targets in zip(text[:-1].split(at_once), text[1:].split(at_once), strict=True):
        logits, state = model(inputs, state)
        losses = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        total += losses.view(targets.shape).sum(0).cpu()
    return total / read

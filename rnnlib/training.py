"""Training: one step = forward, loss, backward, clip, update, record.  Knobs, optimizers, checkpoints.

Before: gradients.py.  Next: sampling.py lets the trained network write.
"""

import hashlib
import io
import math
import pickle
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnlib.models import Backpropagation, LanguageModel, Model, RNNModel, State, parts
from rnnlib.text import Batches, write_whole

# Gradients that vanish become denormal numbers, which a CPU multiplies up to 40 times more slowly than zeros.
torch.set_flush_denormal(True)


def choose_device(name: str = "auto") -> torch.device:
    """The device to train on: "cuda", "mps" or "cpu"; "auto" takes the first of them that is there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name != "auto" and not there.get(name, False):
        names = ", ".join(device for device, is_there in there.items() if is_there)
        raise ValueError(f"there is no device {name!r} here; choose from: auto, {names}.")
    return torch.device(name if name != "auto" else next(device for device, is_there in there.items() if is_there))


# ------------------------------------------------------------------------------------------ knobs


def is_number(value: object) -> bool:
    """Whether a value is a number, and not text, say."""
    return isinstance(value, Real)


@dataclass(frozen=True)
class Knobs:
    """What may be changed while a network trains.

    learning_rate: the step along the negative gradient.  clip_threshold: the largest gradient norm (or, by value, the
    largest size of each component) that is let through; math.inf switches clipping off.  clip_by: "norm" or "value".
    Raises ValueError, in one sentence, for a value outside its range.
    """

    learning_rate: float = 1.0
    clip_threshold: float = 1.0
    clip_by: str = "norm"

    def __post_init__(self) -> None:
        if not is_number(self.learning_rate) or not 0 < self.learning_rate < math.inf:
            raise ValueError(f"the learning rate must be a number above 0; it is {self.learning_rate!r}.")
        if not is_number(self.clip_threshold) or not self.clip_threshold > 0:
            raise ValueError(
                "the clipping threshold must be above 0 (math.inf switches clipping off); "
                f"it is {self.clip_threshold!r}."
            )
        if self.clip_by not in ("norm", "value"):
            raise ValueError(f'clip_by must be "norm" or "value"; it is {self.clip_by!r}.')


def global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """The norm of all gradients laid end to end in one vector, ()."""
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))


def largest_component(gradients: Sequence[Tensor]) -> Tensor:
    """The largest size of a component of any gradient, ()."""
    return torch.stack([gradient.abs().max() for gradient in gradients]).max()


def clip_by_norm(gradients: Sequence[Tensor], threshold: Tensor | float, norm: Tensor | None = None) -> None:
    """g <- g * min(1, threshold / |g|), in place: shorter, never turned.   Pascanu et al. 2013; D2L, section 8.5.

    norm: the global norm, where it is known already.
    """
    norm = global_norm(gradients) if norm is None else norm
    scale = torch.clamp(threshold / norm, max=1)
    for gradient in gradients:
        gradient.mul_(scale)


def clip_by_value(gradients: Sequence[Tensor], threshold: Tensor | float) -> None:
    """Every component to [-threshold, threshold], in place: shorter and turned.   Mikolov 2012."""
    limit = torch.as_tensor(threshold)
    for gradient in gradients:
        torch.clamp(gradient, -limit, limit, out=gradient)


# ------------------------------------------------------------------------------------- optimizers


class SGD:
    """p <- p - learning_rate * g."""

    name = "sgd"

    def __init__(self, parameters: Sequence[Tensor]):
        self.memory: list[Tensor] = []

    def update(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], learning_rate: Tensor) -> None:
        """Change the parameters in place."""
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.addcmul_(gradient, learning_rate, value=-1)


class Adam:
    """p <- p - learning_rate * m' / (sqrt(v') + 1e-8).   Kingma and Ba 2015, algorithm 1.

    m, v: running means of g and g^2, which begin at 0.  m' = m / (1 - 0.9^n) and v' = v / (1 - 0.999^n) make up for
    that at step n.
    """

    name = "adam"

    def __init__(self, parameters: Sequence[Tensor]):
        """memory: the means m, then the means v, one tensor for each parameter, then the number of steps, ()."""
        zeros = [torch.zeros_like(parameter) for _ in range(2) for parameter in parameters]
        self.memory = [*zeros, torch.zeros((), device=parameters[0].device)]

    def update(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], learning_rate: Tensor) -> None:
        """Change the parameters in place."""
        *means, count = self.memory
        count += 1
        running = zip(means[: len(gradients)], means[len(gradients) :], strict=True)
        for parameter, gradient, (m, v) in zip(parameters, gradients, running, strict=True):
            m.lerp_(gradient, 0.1)
            v.lerp_(gradient * gradient, 0.001)
            unbiased_m, unbiased_v = m / (1 - 0.9**count), v / (1 - 0.999**count)
            parameter.addcmul_(unbiased_m / (unbiased_v.sqrt() + 1e-8), learning_rate, value=-1)


CHECKPOINT_FORMAT = "rnnlib checkpoint 2"
OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}


# ---------------------------------------------------------------------------------------- history


class History:
    """One row for each training step.

    Columns: loss (nats per token), gradient_norm (before clipping), clipped (1 if the gradient was, else 0),
    learning_rate, clip_threshold, seconds (training time so far, pauses not counted).
    """

    COLUMNS = ("loss", "gradient_norm", "clipped", "learning_rate", "clip_threshold", "seconds")

    def __init__(self, device: torch.device | str = "cpu"):
        # what is measured stays on a GPU until somebody looks
        self._measured, self._known = torch.empty(1024, 3, device=device), np.empty((1024, 3))
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, measured: Sequence[Tensor], known: Sequence[float]) -> None:
        """Record one step: its first three columns as 0-dim tensors, which are not waited for, and the others."""
        row = self._length
        if row == len(self._measured):
            self._measured = torch.cat([self._measured, self._measured])
            self._known = np.concatenate([self._known, self._known])
        table: Any = self._measured.numpy() if self._measured.device.type == "cpu" else self._measured
        for column, value in enumerate(measured):
            table[row, column] = value
        self._known[row] = known
        self._length = row + 1

    def columns(self, first: int = 0) -> dict[str, np.ndarray]:
        """The columns from step `first` on, copied, float64, each (steps - first,)."""
        last = self._length
        measured = self._measured[first:last].double().cpu().numpy()
        table = np.hstack([measured, self._known[first:last]])
        return dict(zip(self.COLUMNS, table.T, strict=True))

    def clipped_fraction(self, first: int = 0) -> float:
        """The share of the steps from `first` on whose gradient was clipped; nan without steps."""
        return float(self.columns(first)["clipped"].mean()) if len(self) > first else math.nan


def perplexity(loss: float) -> float:
    """exp(loss): the number of equally likely tokens among which a model is as unsure.  loss in nats per token."""
    return math.exp(min(loss, 700.0))


# ---------------------------------------------------------------------------------------- trainer


class Trainer:
    """Trains a model on batches, one minibatch a step.

    knobs: read before every step; `set` changes them.  steps_made: how many steps it made so far.  state: the hidden
    state carried into the next batch.  hidden_gradients: dL/dh_t of the last step, as in models.Backpropagation; the
    next step writes over them.
    """

    def __init__(self, model: Model, batches: Batches, *, knobs: Knobs | None = None, optimizer: str = "sgd"):
        """optimizer: "sgd" or "adam".  Raises ValueError for another name."""
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"there is no optimizer {optimizer!r}; choose from: {', '.join(OPTIMIZERS)}.")
        self.batches, self.steps_made, self.seconds = batches, 0, 0.0
        self._checked_step = 0
        self.history = History(model.device)
        self._learning_rate, self._threshold = torch.ones(2, device=model.device).unbind()
        self.use_model(model, OPTIMIZERS[optimizer](model.trainable))
        self.knobs = Knobs()
        self.set(**asdict(knobs or Knobs()))

    def use_model(self, model: Model, optimizer: SGD | Adam) -> None:
        """Go on with another model (of another size, say), from an empty hidden state."""
        self.model, self.optimizer = model, optimizer
        self.hidden_gradients: tuple[Tensor, ...] = ()
        self._good, self._unproven = ([tensor.detach().clone() for tensor in self._learned()] for _ in range(2))
        self._capture = Capture(self._learn) if model.device.type == "cuda" else None
        self.state: State = model.initial_state(self.batches.batch_size)

    def set(self, **changes: Any) -> None:
        """Change knobs: set(learning_rate=0.5, clip_threshold=math.inf).  Takes effect with the next step."""
        knobs = replace(self.knobs, **changes)
        self._learning_rate.fill_(knobs.learning_rate)
        self._threshold.fill_(knobs.clip_threshold)
        if self._capture is not None and knobs.clip_by != self.knobs.clip_by:
            self._capture = Capture(self._learn)
        self.knobs = knobs

    def step(self) -> None:
        """One minibatch.  Does not wait for a GPU.  Leaves torch with as many threads as suit the model."""
        torch.set_num_threads(self.model.torch_threads)
        started = time.perf_counter()
        batch = self.batches[self.steps_made]
        if not batch.continues:
            self.clear_state()
        learn = self._capture or self._learn
        learn(batch.tokens, batch.targets)
        self.steps_made += 1
        self.seconds += time.perf_counter() - started
        known = self.knobs.learning_rate, self.knobs.clip_threshold, self.seconds
        self.history.append((self._loss, self._norm, self._clipped), known)

    def run(self, steps: int) -> None:
        """So many steps.  Stops early at a loss that is not finite, with FloatingPointError: `raise_if_diverged`."""
        threads = torch.get_num_threads()
        try:
            for _ in range(steps):
                self.step()
                if self.model.device.type == "cpu" or self.steps_made % 100 == 0:
                    self.raise_if_diverged()
            self.raise_if_diverged()
        finally:
            torch.set_num_threads(threads)

    def _learned(self) -> list[Tensor]:
        """What a step changes and a failed one spoils: the weights, and the optimizer's memory."""
        return [*self.model.trainable, *self.optimizer.memory]

    @torch.no_grad()
    def raise_if_diverged(self) -> None:
        """FloatingPointError if the last step's loss or gradient was not finite; the weights go back to good ones.

        Good are the weights (and the optimizer's memory) of the last but one step that was checked and finite: those
        of the last one are only proven by the next loss.  A step is checked once.  Waits for a GPU.
        """
        if self.steps_made == self._checked_step:
            return
        self._checked_step = self.steps_made
        if math.isfinite(self._loss + self._norm):
            self._good, self._unproven = self._unproven, self._good
            for kept, learned in zip(self._unproven, self._learned(), strict=True):
                kept.copy_(learned)
        else:
            self.clear_state()
            for good, *spoiled in zip(self._good, self._unproven, self._learned(), strict=True):
                for tensor in spoiled:
                    tensor.copy_(good)
            raise FloatingPointError(
                f"the loss is {float(self._loss):.3g} and the gradient norm {float(self._norm):.3g} at step "
                f"{self.steps_made}; the weights are the last that were found good. "
                f"Lower the learning rate ({self.knobs.learning_rate:g}) or the clipping threshold "
                f"({self.knobs.clip_threshold:g})."
            )

    def clear_state(self) -> None:
        """Forget what was read so far: the hidden state becomes zero."""
        for part in parts(self.state):
            part.zero_()

    def _learn(self, tokens: Tensor, targets: Tensor) -> None:
        """One step, without asking for any number on the way."""
        self._update(self.model.backpropagate(tokens, targets, self.state))

    @torch.no_grad()
    def _update(self, result: Backpropagation) -> None:
        """Clip, step, and carry the state."""
        self._loss, self._norm = result.loss, global_norm(result.gradients)
        if self.knobs.clip_by == "norm":
            self._clipped = self._norm > self._threshold
            clip_by_norm(result.gradients, self._threshold, self._norm)
        else:
            self._clipped = largest_component(result.gradients) > self._threshold
            clip_by_value(result.gradients, self._threshold)
        self.optimizer.update(self.model.trainable, result.gradients, self._learning_rate)
        for part, new_part in zip(parts(self.state), parts(result.state), strict=True):
            part.copy_(new_part)
        self.hidden_gradients = result.hidden_gradients

    # ------------------------------------------------------------------------------- checkpoints

    def content(self) -> dict[str, Any]:
        """Everything needed to continue bit for bit, as plain numbers and tensors."""
        return {
            "format": CHECKPOINT_FORMAT,
            "model": describe_model(self.model),
            "weights": self.model.state_dict(),
            "optimizer": self.optimizer.name,
            "optimizer_memory": self.optimizer.memory,
            "knobs": asdict(self.knobs),
            "steps_made": self.steps_made,
            "state": self.state,
            "batches": describe_batches(self.batches),
            "history": {name: torch.from_numpy(column) for name, column in self.history.columns().items()},
        }

    @classmethod
    def from_content(cls, content: dict[str, Any], batches: Batches) -> "Trainer":
        """A trainer that continues from `content`.  Raises ValueError if that was made with other batches."""
        if content["batches"] != describe_batches(batches):
            raise ValueError(f"this was trained on {content['batches']}, not on {describe_batches(batches)}.")
        device = batches.tokens.device
        trainer = cls(build_model(content["model"], device), batches, optimizer=content["optimizer"])
        trainer.model.load_state_dict(content["weights"])
        for mine, saved in zip(trainer.optimizer.memory, content["optimizer_memory"], strict=True):
            mine.copy_(saved)
        trainer.use_model(trainer.model, trainer.optimizer)  # its last good weights are these
        trainer.set(**content["knobs"])
        trainer.steps_made = content["steps_made"]
        for mine, saved in zip(parts(trainer.state), parts(content["state"]), strict=True):
            mine.copy_(saved)
        for row in zip(*content["history"].values(), strict=True):
            measured, known = [value.float().to(device) for value in row[:3]], [float(value) for value in row[3:]]
            trainer.history.append(measured, known)
            trainer._loss, trainer._norm, trainer._clipped = measured
            trainer.seconds = known[-1]
        return trainer

    def save(self, path: str | Path) -> None:
        """Write a checkpoint; the file is written whole or not at all."""
        write_content(path, self.content())

    @classmethod
    def load(cls, path: str | Path, batches: Batches) -> "Trainer":
        """A trainer that continues where the saved one stopped.  batches: as the saved one had them.

        Never executes code from the file.  Raises FileNotFoundError, and ValueError for a file that is no checkpoint
        of this course or was made with other batches.
        """
        return cls.from_content(read_content(path, CHECKPOINT_FORMAT), batches)


class Capture:
    """Runs a function of two tensors on a GPU as one CUDA graph: three calls to warm up, then replays.

    The graph reads its inputs where it was captured, so each call copies them there.
    Source: PyTorch documentation, "CUDA semantics: CUDA Graphs".
    """

    def __init__(self, function: Callable[[Tensor, Tensor], None]):
        self.function, self.calls = function, 0
        self.graph, self.stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()

    def __call__(self, tokens: Tensor, targets: Tensor) -> None:
        self.calls += 1
        if self.calls <= 3:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self.function(tokens, targets)
            torch.cuda.current_stream().wait_stream(self.stream)
            return
        if self.calls == 4:
            self.tokens, self.targets = tokens.clone(), targets.clone()
            with torch.cuda.graph(self.graph):
                self.function(self.tokens, self.targets)
        self.tokens.copy_(tokens)
        self.targets.copy_(targets)
        self.graph.replay()


def write_content(path: str | Path, content: dict[str, Any]) -> None:
    """Write plain numbers and tensors to a file, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_whole(Path(path), buffer.getvalue())


def read_content(path: str | Path, format_name: str) -> dict[str, Any]:
    """The content of a file written by `write_content`; never executes code from it.

    Raises FileNotFoundError, and ValueError if it is damaged or its "format" is not `format_name`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    try:
        with warnings.catch_warnings(action="ignore"):  # of pickles that are not torch's: they are refused just below
            content = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError):
        raise ValueError(f"{path} is damaged or was not written by this course; it was not loaded.") from None
    if not isinstance(content, dict) or content.get("format") != format_name:
        raise ValueError(f"{path} is not a file of the kind {format_name!r}; it was not loaded.")
    return content


def describe_model(model: Model) -> dict[str, Any]:
    """What has to be known, beside the weights, to build a model like this one."""
    if isinstance(model, LanguageModel):
        return {"cell": model.cell.name, "vocab_size": model.vocab_size, "hidden_size": model.hidden_size}
    rnn = model.rnn
    sizes = {"vocab_size": model.vocab_size, "hidden_size": model.hidden_size}
    return {"layer": rnn.mode, **sizes, "num_layers": rnn.num_layers, "bidirectional": rnn.bidirectional}


def build_model(description: dict[str, Any], device: torch.device) -> Model:
    """A model as `describe_model` describes it, with fresh weights."""
    if "cell" in description:
        return LanguageModel(**description, device=device, generator=torch.Generator())
    layer = {"RNN_TANH": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}[description["layer"]]
    options = {name: description[name] for name in ("num_layers", "bidirectional")}
    rnn = layer(description["vocab_size"], description["hidden_size"], **options, device=device)
    return RNNModel(rnn, description["vocab_size"])


def describe_batches(batches: Batches) -> dict[str, Any]:
    """What has to agree for two sets of batches to be the same."""
    checksum = hashlib.sha1(batches.tokens.cpu().numpy().tobytes()).hexdigest()[:12]
    sizes = {"batch_size": batches.batch_size, "num_steps": batches.num_steps, "seed": batches.seed}
    return {"kind": type(batches).__name__, **sizes, "tokens": len(batches.tokens), "text_sha1": checksum}


# -------------------------------------------------------------------------------------- evaluation


@torch.no_grad()
def evaluate(model: Model, tokens: Tensor, *, batch_size: int = 32) -> float:
    """Mean cross-entropy (nats per token) of a model on a text (n,) it was not trained on.

    The text is read as `batch_size` pieces side by side (a short one as fewer), each from an empty state.
    """
    if len(tokens) < 2:
        raise ValueError(f"a text needs two tokens or more, one to read and one to predict; it has {len(tokens)}.")
    pieces = min(batch_size, len(tokens) - 1)
    steps = (len(tokens) - 1) // pieces
    inputs = tokens[: steps * pieces].view(pieces, steps).T
    targets = tokens[1 : steps * pieces + 1].view(pieces, steps).T
    logits, _ = model(inputs, model.initial_state(pieces))
    return float(nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()))

"""Trainers on disk: everything that is needed to continue bit for bit, as plain numbers and tensors.

Before: settings.py.  Next: resizing.py.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnnlib.arguments import check_cell, check_hidden_size
from rnnlib.cells import CELLS
from rnnlib.live.curves import MOST_POINTS
from rnnlib.live.fields import Check, array, as_for, by_name, either, many, one_of, raise_if_wrong, record, whole, word
from rnnlib.live.histories import DRAWN, LongHistory, long_history_of
from rnnlib.live.plain_files import NOT_LOADED, read_file, write_file
from rnnlib.live.settings import KNOBS, LARGEST_SEED, LARGEST_SIZE, MOST_TOKENS, check_optimizer
from rnnlib.models import LanguageModel, Model, RNNModel
from rnnlib.text import Batches
from rnnlib.training import Knobs, StepResult, Trainer

CHECKPOINT_FORMAT = "rnnlib checkpoint 5"
MOST_STEPS, MOST_LAYERS, MOST_STATES = 10**10, 100, 2
LAYERS = {"RNN_TANH": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (torch.float32, torch.float64)}

# ---------------------------------------------------------------------------------------- what a file has to hold

_SIZES = {
    "vocab_size": whole(1, LARGEST_SIZE), "hidden_size": as_for(check_hidden_size, int), "dtype": one_of(*DTYPES),
}  # fmt: skip
_DRAWN = {name: array(torch.float32, len(DRAWN), None, 2) for name in ("kept", "waiting")}
TRAINER: Check = record(
    model=either(
        "cell",
        cell=record(cell=as_for(check_cell, str), **_SIZES),
        layer=record(
            layer=one_of(*LAYERS), num_layers=whole(1, MOST_LAYERS), bidirectional=one_of(True, False), **_SIZES
        ),
    ),
    weights=by_name(array(), most=1000),
    optimizer=as_for(check_optimizer, str),
    optimizer_memory=by_name(many(array(), most=1000), most=10),
    knobs=record(**{name: KNOBS[name] for name in asdict(Knobs())}),
    steps_made=whole(0, MOST_STEPS),
    state=many(array(), most=MOST_STATES),
    batches=record(
        kind=word(100),
        batch_size=whole(1, LARGEST_SIZE),
        num_steps=whole(1, LARGEST_SIZE),
        seed=whole(-LARGEST_SEED, LARGEST_SEED),
        tokens=whole(1, MOST_TOKENS),
        text_sha1=word(100),
    ),
    history=record(
        steps_dropped=whole(0, MOST_STEPS),
        kept=record(**{name: array(torch.float64, None) for name in LongHistory.COLUMNS}),
        curves=record(most_points=whole(MOST_POINTS, MOST_POINTS), stretch=whole(1, MOST_STEPS), **_DRAWN),
    ),
)


def save(trainer: Trainer, path: str | Path) -> None:
    """Write a checkpoint; the file is written whole or not at all."""
    write_file(path, {"format": CHECKPOINT_FORMAT, **state_dict(trainer)})


def load(path: str | Path, batches: Batches) -> Trainer:
    """A trainer that continues where the saved one stopped.  batches: as the saved one had them.

    Never executes code from the file.  Raises FileNotFoundError, OSError for a file that cannot be read, and ValueError
    for one that is damaged, is no checkpoint of this course, was written in another format, or was made with other
    batches.
    """
    content = read_file(path, CHECKPOINT_FORMAT)
    del content["format"]
    try:
        raise_if_wrong(TRAINER, content, "checkpoint")
        return from_state_dict(content, batches)
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).removesuffix('.')}; {NOT_LOADED}.") from None


def state_dict(trainer: Trainer) -> dict[str, Any]:
    """Everything needed to continue bit for bit."""
    return {
        "model": describe_model(trainer.model),
        "weights": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.name,
        "optimizer_memory": trainer.optimizer.memory,
        "knobs": asdict(trainer.knobs),
        "steps_made": trainer.steps_made,
        "state": trainer.state,
        "batches": describe_batches(trainer.batches),
        "history": long_history_of(trainer.history).state_dict(),
    }


def from_state_dict(saved: dict[str, Any], batches: Batches) -> Trainer:
    """A trainer that continues from `state_dict`.

    saved: what TRAINER allows.  Raises ValueError, in one sentence and before anything large is made, for other batches
    and for parts that do not belong together.
    """
    if saved["batches"] != describe_batches(batches):
        raise ValueError(f"this was trained on {saved['batches']}, not on {describe_batches(batches)}.")
    _check_shapes("the weights", saved["weights"], weight_shapes(saved["model"]), DTYPES[saved["model"]["dtype"]])
    _check_history(saved)
    device = batches.tokens.device
    trainer = Trainer(build_model(saved["model"], device), batches, optimizer=saved["optimizer"])
    _check_like("what the optimizer remembers", saved["optimizer_memory"], trainer.optimizer.memory)
    _check_like("the state", {"state": saved["state"]}, {"state": trainer.state})
    trainer.model.load_state_dict(saved["weights"])
    for name, tensors in trainer.optimizer.memory.items():
        for mine, theirs in zip(tensors, saved["optimizer_memory"][name], strict=True):
            mine.copy_(theirs)
    trainer.use_model(trainer.model, trainer.optimizer)  # its last good weights are these
    trainer.set(**saved["knobs"])
    trainer.steps_made = saved["steps_made"]
    trainer.steps_checked = max(0, trainer.steps_made - 1)  # the last one may be where it diverged
    for mine, theirs in zip(trainer.state, saved["state"], strict=True):
        mine.copy_(theirs)
    trainer.history = LongHistory.from_state_dict(saved["history"], device)
    last = trainer.history.columns(len(trainer.history) - 1)
    if trainer.steps_made:
        trainer.seconds = float(last["seconds"][0])
        trainer.last_result = StepResult(
            *(torch.tensor(last[name][0], device=device).float() for name in StepResult._fields)
        )
    return trainer


# ------------------------------------------------------------------------------------------- descriptions


def describe_model(model: Model) -> dict[str, Any]:
    """What has to be known, beside the weights, to build a model like this one."""
    sizes: dict[str, Any] = {"vocab_size": model.vocab_size, "hidden_size": model.hidden_size}
    sizes["dtype"] = str(model.trainable[0].dtype).removeprefix("torch.")
    if isinstance(model, LanguageModel):
        return {"cell": model.cell.name, **sizes}
    rnn = model.rnn
    return {"layer": rnn.mode, **sizes, "num_layers": rnn.num_layers, "bidirectional": rnn.bidirectional}


def build_model(description: Mapping[str, Any], device: torch.device | str) -> Model:
    """A model as `describe_model` describes it, with fresh weights, which take no random number from the reader's."""
    sizes, dtype = {name: description[name] for name in ("vocab_size", "hidden_size")}, DTYPES[description["dtype"]]
    if "cell" in description:
        scratch = LanguageModel(description["cell"], **sizes, device=device, generator=torch.Generator())
        return scratch.to(dtype)
    options = {name: description[name] for name in ("num_layers", "bidirectional")}
    with torch.random.fork_rng(devices=[]):
        rnn = LAYERS[description["layer"]](*sizes.values(), **options, device=device, dtype=dtype)
        return RNNModel(rnn, description["vocab_size"])


def weight_shapes(description: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shapes of a model's weights by name, without making them."""
    if "cell" in description:
        V, H = description["vocab_size"], description["hidden_size"]
        return {"vector": (math.prod(CELLS[description["cell"]].gates) * (V + H + 1) * H + (H + 1) * V,)}
    return {name: tuple(weight.shape) for name, weight in build_model(description, "meta").state_dict().items()}


def _check_shapes(
    what: str, saved: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], dtype: torch.dtype
) -> None:
    found = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in saved.items()}
    if found != {name: (shape, dtype) for name, shape in wanted.items()}:
        raise ValueError(f"{what} are not of the size and kind that its model has.")


def _check_like(what: str, saved: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises ValueError unless there are as many tensors of each name, of the same shapes and data types."""
    saved, wanted = (
        {name: [(tuple(tensor.shape), tensor.dtype) for tensor in tensors] for name, tensors in each.items()}
        for each in (saved, wanted)
    )
    if saved != wanted:
        raise ValueError(f"{what} is not of the size and kind that its model and its optimizer have.")


def _check_history(saved: Mapping[str, Any]) -> None:
    """Raises ValueError unless the steps on the curve are those that were made."""
    history, steps_made = saved["history"], saved["steps_made"]
    steps = {history["steps_dropped"] + len(column) for column in history["kept"].values()}
    if steps != {steps_made} or (steps_made and history["steps_dropped"] == steps_made):
        raise ValueError(f"{max(steps)} steps are on its curve, and {steps_made} in its record.")
    curves = history["curves"]
    if curves["kept"].shape[1] > curves["most_points"] or curves["waiting"].shape[1] >= max(2, curves["stretch"]):
        raise ValueError("its drawn curve has more points than one can have.")


def describe_batches(batches: Batches) -> dict[str, Any]:
    """What has to agree for two sets of batches to be the same."""
    checksum = hashlib.sha1(batches.tokens.cpu().numpy().tobytes()).hexdigest()[:12]
    sizes = {"batch_size": batches.batch_size, "num_steps": batches.num_steps, "seed": batches.seed}
    return {"kind": type(batches).__name__, **sizes, "tokens": len(batches.tokens), "text_sha1": checksum}

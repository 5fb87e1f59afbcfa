"""Trainers on disk: everything that is needed to continue bit for bit, as plain numbers and tensors."""

import hashlib
import io
import pickle
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rnnlib.files import write_atomically
from rnnlib.live.histories import LongHistory, long_history_of
from rnnlib.models import LanguageModel, Model, RNNModel
from rnnlib.text import Batches
from rnnlib.training import StepResult, Trainer

CHECKPOINT_FORMAT = "rnnlib checkpoint 4"
NOT_LOADED = "it was not loaded"


def save(trainer: Trainer, path: str | Path) -> None:
    """Write a checkpoint; the file is written whole or not at all."""
    write_file(path, {"format": CHECKPOINT_FORMAT, **state_dict(trainer)})


def load(path: str | Path, batches: Batches) -> Trainer:
    """A trainer that continues where the saved one stopped.  batches: as the saved one had them.

    Never executes code from the file.  Raises FileNotFoundError, and ValueError for a file that is no checkpoint of
    this course, was written in another format, or was made with other batches.
    """
    return from_state_dict(read_file(path, CHECKPOINT_FORMAT), batches)


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
    """A trainer that continues from `state_dict`.  Raises ValueError if that was made with other batches."""
    if saved["batches"] != describe_batches(batches):
        raise ValueError(f"this was trained on {saved['batches']}, not on {describe_batches(batches)}.")
    device = batches.tokens.device
    trainer = Trainer(build_model(saved["model"], device), batches, optimizer=saved["optimizer"])
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
    sizes = {"vocab_size": model.vocab_size, "hidden_size": model.hidden_size}
    if isinstance(model, LanguageModel):
        return {"cell": model.cell.name, **sizes}
    rnn = model.rnn
    return {"layer": rnn.mode, **sizes, "num_layers": rnn.num_layers, "bidirectional": rnn.bidirectional}


def build_model(description: dict[str, Any], device: torch.device) -> Model:
    """A model as `describe_model` describes it, with fresh weights, which take no random number from the reader's."""
    if "cell" in description:
        return LanguageModel(**description, device=device, generator=torch.Generator())
    layer = {"RNN_TANH": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}[description["layer"]]
    options = {name: description[name] for name in ("num_layers", "bidirectional")}
    with torch.random.fork_rng(devices=[]):
        rnn = layer(description["vocab_size"], description["hidden_size"], **options, dtype=torch.float32)
        return RNNModel(rnn, description["vocab_size"]).to(device)


def describe_batches(batches: Batches) -> dict[str, Any]:
    """What has to agree for two sets of batches to be the same."""
    checksum = hashlib.sha1(batches.tokens.cpu().numpy().tobytes()).hexdigest()[:12]
    sizes = {"batch_size": batches.batch_size, "num_steps": batches.num_steps, "seed": batches.seed}
    return {"kind": type(batches).__name__, **sizes, "tokens": len(batches.tokens), "text_sha1": checksum}


# -------------------------------------------------------------------------------------------------- files


def write_file(path: str | Path, content: dict[str, Any]) -> None:
    """Write plain numbers and tensors to a file, whole or not at all.  content["format"] says which kind it is."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(Path(path), buffer.getvalue())


def read_file(path: str | Path, format_name: str) -> dict[str, Any]:
    """The content of a file written by `write_file`; never executes code from it.

    format_name: kind and version, as "rnnlib checkpoint 4".  Raises FileNotFoundError, and ValueError for a file that
    is damaged, of another kind or of another version.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    try:
        with zipfile.ZipFile(path) as parts:  # as torch.save writes them, with a checksum each, which it does not read
            damaged = parts.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(damaged)
        content = torch.load(path, weights_only=True, map_location="cpu")
    except (zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError):
        raise ValueError(f"{path} is damaged or was not written by this course; {NOT_LOADED}.") from None
    found = content.get("format") if isinstance(content, dict) else None
    kind, _, version = format_name.rpartition(" ")
    found_kind, _, found_version = found.rpartition(" ") if isinstance(found, str) else ("", "", "")
    if found_kind == kind and found_version != version:
        raise ValueError(f"{path} was saved in format {found_version}; this version reads {version}; {NOT_LOADED}.")
    if found_kind != kind:
        raise ValueError(f"{path} is not a file of the kind {kind!r}; {NOT_LOADED}.")
    return dict(content)

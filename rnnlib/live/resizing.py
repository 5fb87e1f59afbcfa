"""Changing the hidden size of a network while it trains: growing keeps what it computes, shrinking loses little.

Before: checkpoints.py.  Next: experiments.py, in which a reader does this with a slider.

Every weight is a view whose axes are known: `to`, the axis of the units it leads to, and `source`, the axis of the
units it comes from.  The rest follows: new units may listen to everything (random weights), but nothing listens to
them yet (zero weights), so no output changes; and from the first step on those zeros receive a gradient.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rnnlib import engine
from rnnlib.arguments import check_hidden_size
from rnnlib.cells import State
from rnnlib.live.checkpoints import build_model, describe_model
from rnnlib.models import LanguageModel, Model
from rnnlib.optimizers import Optimizer
from rnnlib.training import Trainer

BATCHES_TO_RANK_UNITS, UNITS_AT_ONCE = 4, 256


class Piece(NamedTuple):
    """A weight (or its gradient, or its place in an optimizer's memory) with its axes of hidden units."""

    view: Tensor
    to: int | None
    source: int | None


def pieces(model: Model, tensors: Sequence[Tensor]) -> list[Piece]:
    """The weights of a model as pieces.  tensors: model.trainable, or as many tensors of the same shapes."""
    H = model.hidden_size
    if isinstance(model, LanguageModel):
        W_xh, W_hh, b_h, W_hq, b_q = model.named(tensors[0])
        hidden = [Piece(W_xh, -1, None), Piece(W_hh, -1, -2), Piece(b_h, -1, None)]
        return [*hidden, Piece(W_hq, None, 0), Piece(b_q, None, None)]
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    D = model.num_directions
    found = []
    for name, tensor in zip(names, tensors, strict=True):
        if name.startswith("output"):
            is_weight = tensor.dim() == 2
            found.append(Piece(tensor.view(-1, D, H), None, 2) if is_weight else Piece(tensor, None, None))
        elif "bias" in name or "weight_ih_l0" in name:
            found.append(Piece(tensor.view(-1, H, *tensor.shape[1:]), 1, None))
        else:  # weight_hh (blocks, H, H); weight_ih of a deeper layer (blocks, H, directions, H)
            from_directions = 1 if "weight_hh" in name else D
            found.append(Piece(tensor.view(-1, H, from_directions, H), 1, 3))
    return found


@engine.undisturbed()
def resize(trainer: Trainer, hidden_size: int, *, seed: int = 0) -> None:
    """Give the model of a trainer another hidden size, between two steps.

    The optimizer's memory and the hidden state come along.  seed: of the new units' incoming weights.
    Raises ValueError for a hidden size outside 1 to 4096, and for shrinking a model over PyTorch's layers; MemoryError
    where a step of this size finds no room.  Then the trainer is as it was.
    """
    check_hidden_size(hidden_size)
    if hidden_size == trainer.model.hidden_size:
        return
    before, state = (trainer.model, trainer.optimizer), trainer.state
    try:
        _resize(trainer, hidden_size, seed=seed)
    except (MemoryError, RuntimeError):  # torch's error of an allocation is a RuntimeError
        use(trainer, *before, state)
        raise MemoryError(f"there is not enough memory for {hidden_size} units") from None


def use(trainer: Trainer, model: Model, optimizer: Optimizer, state: State) -> None:
    """Let a trainer go on with a model from a state."""
    trainer.use_model(model, optimizer)
    for new_part, old_part in zip(trainer.state, state, strict=True):
        new_part.copy_(old_part)


def _resize(trainer: Trainer, hidden_size: int, *, seed: int) -> None:
    old = trainer.model
    if hidden_size > old.hidden_size:
        kept = torch.arange(old.hidden_size, device=old.device)
        model = grow(old, hidden_size, generator=torch.Generator().manual_seed(seed))
    elif isinstance(old, LanguageModel):
        hidden, gradients = _hidden_states_and_gradients(trainer)
        kept = rank_units(hidden, gradients)[:hidden_size].sort().values
        model = shrink(old, kept, hidden)
    else:
        raise ValueError("a model over PyTorch's layers can grow but not shrink here; use a LanguageModel.")
    optimizer = type(trainer.optimizer)(model.trainable)
    carry_memory(trainer.optimizer, optimizer, old, model, kept)
    old_state = trainer.state
    trainer.use_model(model, optimizer)
    for new_part, old_part in zip(trainer.state, old_state, strict=True):
        new_part[..., : len(kept)] = old_part[..., kept]
    _see_that_there_is_room(trainer)


def grow(old: Model, hidden_size: int, *, generator: torch.Generator | None = None) -> Model:
    """A wider model that computes the same.   Chen et al. 2016, "Net2Net", gives the idea.

    In every block: new units' incoming weights uniform in +-1/sqrt(hidden_size), old units' weights from new units
    zero.  Layers, directions and cells of every kind.
    """
    new = build_model({**describe_model(old), "hidden_size": hidden_size}, old.device)
    bound = hidden_size**-0.5
    with torch.no_grad():
        for before, after in zip(pieces(old, old.trainable), pieces(new, new.trainable), strict=True):
            random = torch.empty(after.view.shape, dtype=torch.float32, device="cpu")  # whatever the reader's default
            after.view.copy_(random.uniform_(-bound, bound, generator=generator))
            if after.source is not None:
                from_new_to_old = [slice(None)] * after.view.dim()
                from_new_to_old[after.source] = slice(old.hidden_size, None)
                if after.to is not None:
                    from_new_to_old[after.to] = slice(0, old.hidden_size)
                after.view[tuple(from_new_to_old)] = 0
            _corner(after.view, before.view).copy_(before.view)
    return new


def rank_units(hidden: Tensor, gradients: Tensor) -> Tensor:
    """The units, most useful first, (H,).  hidden, gradients = h_t and dL/dh_t, (N, H) over all steps and rows.

    A unit's use is sum |dL/dh * (h - mean of h)|: to first order, what the loss would change if the unit were held
    at its mean.   Molchanov et al. 2017, "Pruning convolutional neural networks", eq. 7.
    """
    return (gradients * (hidden - hidden.mean(0))).abs().sum(0).argsort(descending=True)


def shrink(old: LanguageModel, kept: Tensor, hidden: Tensor) -> LanguageModel:
    """A narrower model of the units `kept` (k,), which take over what the others carried.

    Each dropped unit is written as a sum of kept ones by least squares over the hidden states seen, (N, H), and its
    outgoing weights are added to theirs in these proportions.
    """
    is_dropped = torch.ones(old.hidden_size, dtype=torch.bool, device=old.device)
    is_dropped[kept] = False
    dropped = is_dropped.nonzero()[:, 0]
    K = hidden[:, kept].cpu().double()  # no other device need have float64
    gram = K.T @ K
    ridge = 1e-3 * gram.diagonal().mean() + 1e-12  # keeps the proportions small where kept units are alike
    gram.diagonal().add_(ridge)
    overlaps = torch.cat([K.T @ hidden[:, some].cpu().double() for some in dropped.split(UNITS_AT_ONCE)], dim=1)
    proportions = torch.linalg.solve(gram, overlaps).to(hidden)  # (k, dropped)
    sizes = {"vocab_size": old.vocab_size, "hidden_size": len(kept)}
    new = LanguageModel(old.cell.name, **sizes, device=old.device, generator=torch.Generator())
    with torch.no_grad():
        for before, after in zip(pieces(old, old.trainable), pieces(new, new.trainable), strict=True):
            view = before.view
            if before.source is not None:
                by_source = view.movedim(before.source, -2)
                taken_over = proportions @ by_source[..., dropped, :]
                view = (by_source[..., kept, :] + taken_over).movedim(-2, before.source)
            after.view.copy_(view if before.to is None else view.index_select(before.to, kept))
    return new


def carry_memory(old: Optimizer, new: Optimizer, old_model: Model, new_model: Model, kept: Tensor) -> None:
    """Copy an optimizer's memory of the kept units.  New units: m = 0, v = the mean of v over the old weights."""
    for name, tensors in old.memory.items():
        if name == "n":
            new.memory[name][0].copy_(tensors[0])
            continue
        before, after = pieces(old_model, tensors), pieces(new_model, new.memory[name])
        for old_piece, new_piece in zip(before, after, strict=True):
            selected = old_piece.view
            for axis in (old_piece.to, old_piece.source):
                selected = selected if axis is None else selected.index_select(axis, kept)
            new_piece.view.fill_(selected.mean() if name == "v" else 0.0)
            _corner(new_piece.view, selected).copy_(selected)


def _corner(large: Tensor, small: Tensor) -> Tensor:
    """The part of `large` that begins at index 0 on every axis and has the shape of `small`."""
    return large[tuple(slice(0, length) for length in small.shape)]


def _hidden_states_and_gradients(trainer: Trainer) -> tuple[Tensor, Tensor]:
    """h_t and dL/dh_t over the next few batches, (N, H) each; nothing is learned from them."""
    hidden, gradients, state = list[Tensor](), list[Tensor](), trainer.state
    for number in range(trainer.steps_made, trainer.steps_made + BATCHES_TO_RANK_UNITS):
        batch = trainer.batches[number]
        state = state if batch.continues else trainer.model.initial_state(trainer.batches.batch_size)
        result = trainer.backpropagate(batch.tokens, batch.targets, state)
        assert result.hidden is not None and result.hidden_gradients is not None
        hidden.append(result.hidden.flatten(0, 1).clone())
        gradients.append(result.hidden_gradients.flatten(0, 1).clone())
        state = tuple(part.clone() for part in result.state)
    return torch.cat(hidden), torch.cat(gradients)


def _see_that_there_is_room(trainer: Trainer) -> None:
    """Find the memory for a step, which is kept, and that for the way back to a smaller size, which is not."""
    batch = trainer.batches[trainer.steps_made]
    trainer.backpropagate(batch.tokens, batch.targets, trainer.model.initial_state(batch.tokens.shape[1]))
    rows = BATCHES_TO_RANK_UNITS * batch.tokens.numel()
    parts = 6  # hidden states and gradients, one by one and together, and one of them in float64
    torch.empty(rows, parts, trainer.model.hidden_size, dtype=torch.float32, device=trainer.model.device)

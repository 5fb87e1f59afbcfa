"""What an exception of a reader's function says to the reader: its words, its line, and what may be done about it.

Comes first in checks/.  Next: running.py.
"""

import contextlib
import difflib
import linecache
import sys
import sysconfig
import textwrap
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import torch

LONGEST_MESSAGE, LONGEST_LINE = 200, 80
NOT_THE_READERS = (
    str(Path(__file__).parents[1]), *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    "<frozen", "<string>",  # of imports, and of dataclasses
)  # fmt: skip
EXPLANATIONS = {  # what an exception's message contains -> what a reader may do about it
    "ellipsis": "A `...` is still there: put your line in its place.",
    "out of bounds for dimension": "Counted from 0, the last of n entries has the number n - 1.",
    "index out of range": "Counted from 0, the last of n entries has the number n - 1.",
    "values to unpack": "On the left stand as many names as there are entries on the right: for a shape, one an axis.",
    "name 'F' is not defined": "In full, `F` is `torch.nn.functional`.",
    "shapes cannot be multiplied": "Look at the order of the two factors: the inner sizes must be the same.",
    "must match the size of tensor": "`*` and `+` work entry by entry, on equal shapes; the matrix product is `@`.",
    "match the broadcast shape": "In place, a result must have the shape of what it is written into.",
    "match except in dimension": "`torch.cat` goes along the first axis; along the second: `torch.cat([x, h], 1)`.",
    "same number of dimensions": "`torch.cat` needs tensors with as many axes: flatten each of them first.",
    "slice indices must be integers": "`/` gives a fraction; `//` divides whole numbers.",
    "cannot be interpreted as an integer": "`/` gives a fraction; `//` divides whole numbers.",
    "converted to an index": "A whole number is asked for: go through a list with `for`, or count with `enumerate`.",
    "tensors used as indices": "An index is a whole number: have two arguments changed places?",
    "does not require grad and does not have a grad_fn": (
        "Nothing leads from the loss to the weights: `detach`, `.item()`, `torch.tensor` or `no_grad` has cut them off."
    ),
    "backward through the graph a second time": (
        "A way back frees the graph that it goes through: add up the losses first, and go back once."
    ),
    "modified by an inplace operation": "The way back needs a tensor that was overwritten: make a new one instead.",
    "leaf Variable that requires grad": "A weight cannot be changed in place while its graph is recorded.",
    "Expected input batch_size": "`cross_entropy` takes logits (T B, V) and targets (T B): flatten both.",
    "Expected target size": (
        "`cross_entropy` takes the second axis for the V tokens: flatten logits to (T B, V) and targets to (T B)."
    ),
    "Expected hidden size": "The layer reads (T, B, V): have time and batch changed places?",
    "should also be": "A layer reads one-hot inputs (T, B, V) and a state (1, B, H): has one of them lost an axis?",
    "equal to input_size": "The last axis is the vocabulary's: `one_hot` needs its size, or takes the largest token's.",
    "match weight dtype": "`one_hot` gives whole numbers: `.float()` makes others of them.",
    "must be Tensor, not tuple": "A layer like `nn.RNN` returns two things: `hidden, state = self.rnn(...)`.",
    'the required "forward"': "Is its name misspelt, or does it stand outside the class?",
    "to have the same dtype": "One of them holds whole numbers: `.float()` makes others of them.",
    "Module.__init__() call": "`super().__init__()` comes first in `__init__`.",
    "'float' object has no attribute": "It is a plain number, without graph: `.item()` and `float` make one.",
    "'list' object has no attribute": "It is a list: go through what is in it, `for each in ...`.",
    "'tuple' object has no attribute": "It is a tuple: take it apart first, as in `h, c = state`.",
    "'NoneType' object": "Something is None here: what a function without `return` gives, or an attribute not set.",
    "Boolean value of Tensor": "`if`, `min` and `max` take one number; for many there are `torch.where` and `clamp`.",
    "cannot be converted to Scalar": "Only a tensor with a single entry becomes a number.",
    "implicitly created only for scalar": "A way back begins at a single number: add up the losses, or average them.",
    "appears to not have been used in the graph": (
        "The loss does not come from this tensor: was a copy of it used, or was the gradient lost on the way?"
    ),
    "view size is not compatible": "What was transposed lies in another order: `.reshape` copies where `.view` cannot.",
    "is invalid for input of size": "The new shape has another number of entries than the old one.",
    "Dimension out of range": "There are fewer axes; they are counted from 0, and -1 is the last.",
    "set() takes 1 positional argument": "What is given to it has a name: `set(name=value)`.",
    "__init__() takes 1 positional argument": "A layer is made first and then called: `torch.nn.Tanh()(x)`.",
    "and 'function'": "A function is called with brackets behind its name.",
    "invalid combination of arguments": "It takes other things than what it was given: a tensor, perhaps, not a list.",
    "target dtype to be Long": "Targets are the whole numbers of tokens, as they came.",
    "'generator' object has no attribute": "A generator can only be gone through: make a list of it first.",
    "not implemented for 'Long'": "Whole numbers came where others are needed: have two arguments changed places?",
    "target with class probabilities": "`cross_entropy` takes the numbers of the tokens, not one-hot ones.",
    "For 1D input": "Logits keep their last axis, the vocabulary's: `logits.flatten(0, 1)`.",
    "1D tensors expected": "`dot` is for two vectors; the matrix product is `@`.",
    "Expected 1-D argument": "`outer` is for two vectors; the matrix product is `@`.",
    "expanded size of the tensor": "What is put in must have the shape of the place where it is put.",
    "name 'np' is not defined": "NumPy is not imported, and torch has all that is needed here.",
    "object is not callable": "Round brackets call a function; square ones take an entry: `h[t]`.",
    "cannot assign 'torch": "A weight of a layer is changed in place: `weight.copy_(...)`, `weight.fill_(...)`.",
    "cannot assign to field": "Settings say how something began and stay as they are; knobs are turned with `set`.",
    "Can't call numpy() on Tensor that requires grad": "Stay with torch, so that the gradient can be found.",
}


def words_of(error: BaseException) -> str:
    """The kind of an exception and the first line of what it says; the kind alone, if it cannot say it."""
    try:
        lines = str(error).strip().splitlines()
    except BaseException:
        lines = []
    said = textwrap.shorten(lines[0], LONGEST_MESSAGE, placeholder=" ...").rstrip(".") if lines else ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def line_of(error: BaseException) -> str:
    """Where in the reader's own code an exception came from, as words to put behind it."""
    for frame, number in _readers_lines(error):
        line = linecache.getline(frame.f_code.co_filename, number).strip()
        quoted = f": `{line}`" if line and "`" not in line and len(line) <= LONGEST_LINE else ""
        return f" (line {number}{quoted})"
    return ""


def help_with(error: BaseException) -> str:
    """What a reader may do about an exception, a sentence to put behind it; empty where nothing is known."""
    said, meant = words_of(error), ""
    with contextlib.suppress(BaseException):  # what a reader's own objects may raise when they are asked
        meant = _meant(error)
    return meant or next((f" {what_to_do}" for part, what_to_do in EXPLANATIONS.items() if part in said), "")


def _meant(error: BaseException) -> str:
    """What a name that is not known was perhaps meant to be."""
    if not isinstance(error, NameError | AttributeError) or not isinstance(error.name, str):
        return ""
    if isinstance(error, AttributeError):
        close = difflib.get_close_matches(error.name, dir(error.obj), n=1)
        return f" Is `{close[0]}` meant?" if close else ""
    if error.name in sys.stdlib_module_names:
        return f" Is `import {error.name}` missing?"
    names = next((frame.f_locals for frame, _ in _readers_lines(error)), {})
    for place, thing in (("self", names.get("self")), ("torch", torch)):
        if hasattr(thing, error.name):
            return f" Is `{place}.{error.name}` meant?"
    close = difflib.get_close_matches(error.name, names, n=1, cutoff=0.5)
    return f" Is `{close[0]}` meant?" if close else ""


def _readers_lines(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """The reader's own lines through which an exception came, the innermost first."""
    for frame, number in reversed(list(traceback.walk_tb(error.__traceback__))):
        if not frame.f_code.co_filename.startswith(NOT_THE_READERS):
            yield frame, number
    if error.__context__ is not None:  # it came while another one was on its way
        yield from _readers_lines(error.__context__)

"""Files of plain numbers, words and arrays, read without executing anything and without trusting a size.

    rnnlib session 5
    the SHA-256 of all that follows, in 64 digits
    {"arrays": [["float32", [3, 4]], ...], "content": {...}}
    the numbers of the arrays, one after another, little-endian

The third line is JSON; {"$array": n} in it stands for the n-th array.
Before: files.py.  Next: fields.py says what such a file has to hold.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from rnnlib.files import write_atomically

MOST_BYTES_OF_HEADER = 32_000_000
MOST_AXES = 8
ARRAY = "$array"
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (torch.float32, torch.float64, torch.float16,
                                                                 torch.bfloat16, torch.int64)}  # fmt: skip
NOT_LOADED = "it was not loaded"
DIGITS_OF_SHA256, CHUNK = 64, 1 << 20


class _Damaged(Exception):
    """What is found is not what `write_file` writes."""


# ------------------------------------------------------------------------------------------------- writing


def write_file(path: str | Path, content: dict[str, Any]) -> None:
    """Write plain numbers, words and tensors to a file, whole or not at all.

    content["format"]: kind and version, as "rnnlib session 5".  Tuples become lists.  Raises OSError, in one sentence,
    if it cannot be written, and ValueError for what is neither number nor word nor tensor of them.
    """
    arrays: list[Tensor] = []
    plain = {name: _without_arrays(value, arrays, name) for name, value in content.items() if name != "format"}
    header = {"arrays": [[_dtype_name(array), list(array.shape)] for array in arrays], "content": plain}
    line, digest = json.dumps(header).encode() + b"\n", hashlib.sha256()
    digest.update(line)
    for array in arrays:  # not all of their bytes in memory at once
        digest.update(_bytes_of(array))
    beginning = f"{content['format']}\n{digest.hexdigest()}\n".encode()
    write_atomically(Path(path), chain([beginning, line], map(_bytes_of, arrays)))


def _without_arrays(value: Any, arrays: list[Tensor], where: str) -> Any:
    """The same with a number in the place of every tensor, which goes into `arrays`."""
    if isinstance(value, Tensor) and value.layout == torch.strided and value.dtype in DTYPES.values():
        arrays.append(value)
        return {ARRAY: len(arrays) - 1}
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _without_arrays(part, arrays, f"{where}.{name}") for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(part, arrays, where) for part in value]
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ValueError(f"{where} is a {type(value).__name__}, which cannot be kept in a file.")


def _dtype_name(array: Tensor) -> str:
    return str(array.dtype).removeprefix("torch.")


def _bytes_of(array: Tensor) -> memoryview:
    flat = array.detach().cpu().contiguous().flatten()
    flat = flat.as_strided(flat.shape, (1,))  # a single number may have any stride
    return flat.view(torch.uint8).numpy().data if len(flat) else memoryview(b"")


# ------------------------------------------------------------------------------------------------- reading


def read_file(
    path: str | Path, format_name: str, *, most_bytes_of_header: int = MOST_BYTES_OF_HEADER
) -> dict[str, Any]:
    """The content of a file written by `write_file`; the numbers in it are what was written, or it is refused.

    format_name: kind and version, as "rnnlib checkpoint 5".  Raises FileNotFoundError, OSError for a file that cannot
    be read, and ValueError for one that is damaged, of another kind or of another version.
    """
    if not os.path.isfile(path):  # nor is a pipe or a device opened
        raise FileNotFoundError(f"there is no file {path}.")
    try:
        with open(path, "rb") as file:
            _check_format(path, file.read(CHUNK), format_name)
            file.seek(len(format_name) + 1)
            content = _read_body(file, os.fstat(file.fileno()).st_size, most_bytes_of_header)
    except OSError as error:
        raise OSError(f"{path} could not be read ({error.strerror or error}); {NOT_LOADED}.") from None
    except _Damaged:
        raise ValueError(f"{path} is damaged or was not written by this course; {NOT_LOADED}.") from None
    return {"format": format_name, **content}


def _check_format(path: str | Path, beginning: bytes, format_name: str) -> None:
    """Raises ValueError unless a file begins with the line `format_name`."""
    if beginning.startswith(f"{format_name}\n".encode()):
        return
    kind, _, version = format_name.rpartition(" ")
    # up to format 4 it was a zip file with the name of its format somewhere near its beginning
    begins_with = rb"PK.*?" if beginning.startswith(b"PK") else rb""
    found = re.match(begins_with + rb"(rnnlib [a-z]{1,20}) ([0-9]{1,4})[^0-9]", beginning, re.S)
    if found is None:
        raise _Damaged
    if found[1].decode() == kind and found[2].decode() != version:
        raise ValueError(
            f"{path} was saved in format {found[2].decode()}; this version reads {version}; {NOT_LOADED}. "
            "Train it again from its settings."
        )
    if found[1].decode() != kind:
        raise ValueError(f"{path} is not a file of the kind {kind!r}; {NOT_LOADED}.")
    raise _Damaged


def _read_body(file: BinaryIO, size: int, most_bytes_of_header: int) -> dict[str, Any]:
    checksum, begin = file.read(DIGITS_OF_SHA256 + 1), file.tell()
    line = file.readline(most_bytes_of_header)
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        raise _Damaged from None
    if not isinstance(header, dict) or header.keys() != {"arrays", "content"}:
        raise _Damaged
    shapes = [_shape_of(described) for described in _list(header["arrays"])]
    if sum(bytes_ for _, _, bytes_ in shapes) != size - file.tell():  # before anything of that size is made
        raise _Damaged
    first, digest = file.tell(), hashlib.sha256()
    file.seek(begin)
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    if checksum != digest.hexdigest().encode() + b"\n":
        raise _Damaged
    file.seek(first)
    arrays = (_read_array(file, *shape) for shape in shapes)
    content = _with_arrays(header["content"], arrays)
    if not isinstance(content, dict) or "format" in content or next(arrays, None) is not None:
        raise _Damaged
    return content


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Damaged
    return value


def _shape_of(described: Any) -> tuple[torch.dtype, list[int], int]:
    """Data type, shape and number of bytes of an array."""
    if not isinstance(described, list) or len(described) != 2 or str(described[0]) not in DTYPES:
        raise _Damaged
    dtype, shape = DTYPES[str(described[0])], _list(described[1])
    if len(shape) > MOST_AXES or not all(type(length) is int and 0 <= length < 2**48 for length in shape):
        raise _Damaged
    return dtype, shape, math.prod(shape) * dtype.itemsize


def _read_array(file: BinaryIO, dtype: torch.dtype, shape: list[int], size: int) -> Tensor:
    numbers = bytearray(file.read(size))
    if len(numbers) != size:  # somebody is writing it
        raise _Damaged
    flat = torch.frombuffer(numbers, dtype=dtype) if numbers else torch.empty(0, dtype=dtype, device="cpu")
    return flat.reshape(shape)


def _with_arrays(value: Any, arrays: Iterator[Tensor]) -> Any:
    """The same with the next array in the place of every number of one: they stand in the order of the arrays."""
    if isinstance(value, dict):
        if value.keys() == {ARRAY}:
            array = next(arrays, None)
            if array is None:
                raise _Damaged
            return array
        return {name: _with_arrays(part, arrays) for name, part in value.items()}
    return [_with_arrays(part, arrays) for part in value] if isinstance(value, list) else value

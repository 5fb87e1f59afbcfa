"""What the loops of cells.py are made of: Numba compiles them to machine code, BLAS multiplies, and a quick tanh.

Before: baselines.py.  Next: cells.py.

A loop over T steps that Python interprets spends more time between its small operations than in them, and holds
Python's lock meanwhile.  Compiled, the same lines run without either, so that two threads can train two halves of a batch.
The first call of a function compiles it, which takes a second or two; the result is kept on disk (`__pycache__`).
"""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy
import scipy.linalg.cython_blas  # noqa: F401  the matrix products of compiled code; loaded here, to be limited below
import threadpoolctl
from numba import extending

# contract: a * b + c may be rounded once instead of twice, as processors do it.
compiled = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})

# A matrix product stays on one thread.  Two would wait for each other 70 times a training step: half the time on an
# idle machine, 20 times as long beside a browser.  Threads that take rows of a batch wait once.
threadpoolctl.threadpool_limits(1, user_api="blas")


@compiled
def multiply(a: Any, b: Any) -> Any:
    """The matrix product a b, as compiled functions multiply."""
    return numpy.dot(a, b)


def warm_blas_up(threads: int) -> None:
    """Multiply something large on so many threads at once, in NumPy's BLAS and in SciPy's.

    OpenBLAS packs matrices into buffers, one for each product that is under way.  Until a large product has gone
    through a buffer, a processor without AVX-512 takes three times as long for one like (32, 256) @ (256, 256).
    """
    square = numpy.ones((512, 512), numpy.float32)
    multiply(square, square)  # compiled here: a thread would wait for the import under way
    with ThreadPoolExecutor(threads) as pool:
        for product in (numpy.matmul, multiply):
            list(pool.map(product, [square] * threads, [square] * threads))


warm_blas_up(os.cpu_count() or 1)


def tanh(a: float) -> float:
    """tanh(a) of one number, inside compiled functions."""
    return math.tanh(a)


def sigmoid(a: float) -> float:
    """sigmoid(a) = 1 / (1 + exp(-a)) = 1/2 tanh(a/2) + 1/2 of one number, inside compiled functions."""
    return 0.5 * math.tanh(0.5 * a) + 0.5


LARGEST = numpy.float32(7.9053111)  # where the quotient reaches 1
NUMERATOR = tuple(
    numpy.float32(coefficient)
    for coefficient in (
        4.89352455891786e-03,
        6.37261928875436e-04,
        1.48572235717979e-05,
        5.12229709037114e-08,
        -8.60467152213735e-11,
        2.00018790482477e-13,
        -2.76076847742355e-16,
    )
)
DENOMINATOR = tuple(
    numpy.float32(coefficient)
    for coefficient in (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
)


def _tanh_float32(a: Any) -> Any:
    """tanh(a) = a P(a^2) / Q(a^2), to a few units in the last place.  Not a number stays so.

    Source: the coefficients of Eigen's `ptanh_float` (MathFunctionsImpl.h), which TensorFlow and XLA use too.
    """
    a = LARGEST if a > LARGEST else a
    a = -LARGEST if a < -LARGEST else a
    square = a * a
    p, q = NUMERATOR[6], DENOMINATOR[3]
    p = p * square + NUMERATOR[5]
    p = p * square + NUMERATOR[4]
    p = p * square + NUMERATOR[3]
    p = p * square + NUMERATOR[2]
    p = p * square + NUMERATOR[1]
    p = p * square + NUMERATOR[0]
    q = q * square + DENOMINATOR[2]
    q = q * square + DENOMINATOR[1]
    q = q * square + DENOMINATOR[0]
    return a * p / q


def _tanh_float64(a: Any) -> Any:
    return math.tanh(a)


@extending.overload(tanh)
def _compile_tanh(a: Any) -> Callable[[Any], Any]:
    """float32: a quotient of polynomials, which a processor computes for 8 or 16 numbers at once; else C's tanh."""
    return _tanh_float32 if a == numba.float32 else _tanh_float64


@extending.overload(sigmoid)
def _compile_sigmoid(a: Any) -> Callable[[Any], Any]:
    half = numpy.float32(0.5) if a == numba.float32 else 0.5

    def formula(a: Any) -> Any:
        return half * tanh(half * a) + half

    return formula

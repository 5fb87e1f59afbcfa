"""tanh, sigmoid and exp of one number inside compiled loops, which processors compute for 8 or 16 numbers at once.

Compiled functions call `tanh`, `sigmoid` and `exp`; what is compiled for them depends on the type of the number, and
stands in the functions marked `overload`: polynomials for float32, the C library's for float64.
"""

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import extending, types


def tanh(a: Any) -> Any:
    """tanh(a)."""
    return math.tanh(a)


def sigmoid(a: Any) -> Any:
    """sigmoid(a) = 1 / (1 + exp(-a)) = 1/2 tanh(a/2) + 1/2."""
    return 0.5 * tanh(0.5 * a) + 0.5


def exp(a: Any) -> Any:
    """exp(a), for a <= 0, as a softmax needs it."""
    return math.exp(a)


LARGEST = np.float32(7.9053111)  # as far as the quotient follows tanh
ONE, ROUNDED_TO_ONE = np.float32(1), np.float32(9.02)  # beyond it the float32 nearest to tanh is 1
NUMERATOR = tuple(
    np.float32(coefficient)
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
    np.float32(coefficient)
    for coefficient in (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
)


def _tanh_float32(a: Any) -> Any:
    """tanh(a) = a P(a^2) / Q(a^2), to 3e-7, and exactly 1 for a large a.  Not a number stays so.

    Source: the coefficients of Eigen's `ptanh_float` (MathFunctionsImpl.h), which TensorFlow and XLA use too.
    """
    x = LARGEST if a > LARGEST else a
    x = -LARGEST if a < -LARGEST else x
    square = x * x
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
    quotient = x * p / q
    quotient = ONE if a > ROUNDED_TO_ONE else quotient
    return -ONE if a < -ROUNDED_TO_ONE else quotient


LOG2_E, ROUNDING = np.float32(1.44269504088896341), np.float32(12582912.0)  # adding 1.5 * 2^23 rounds to a whole number
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
SMALLEST_EXPONENT = np.float32(-87.3)  # exp of less is below the normal numbers
EXP_SERIES = tuple(
    np.float32(coefficient)
    for coefficient in (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    )
)


@extending.intrinsic
def _power_of_two(typing_context, n):  # type: ignore[no-untyped-def]
    """2^n as float32, for a whole number n from -126 to 127: its bits are the exponent's."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        bits = builder.shl(builder.add(arguments[0], ir.Constant(ir.IntType(32), 127)), ir.Constant(ir.IntType(32), 23))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.int32), generate


def _exp_float32(a: Any) -> Any:
    """exp(a) = 2^n exp(r), r = a - n log 2, to 2e-7, for a <= 0; 0 far below.  Not a number stays so.

    Source: Moshier's Cephes library, `expf`.
    """
    x = SMALLEST_EXPONENT if a < SMALLEST_EXPONENT else a
    n = (x * LOG2_E + ROUNDING) - ROUNDING
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    p = EXP_SERIES[0]
    p = p * r + EXP_SERIES[1]
    p = p * r + EXP_SERIES[2]
    p = p * r + EXP_SERIES[3]
    p = p * r + EXP_SERIES[4]
    p = p * r + EXP_SERIES[5]
    value = (p * r * r + r + ONE) * _power_of_two(np.int32(n))
    value = np.float32(0) if a < SMALLEST_EXPONENT else value
    return value if a == a else a


@extending.overload(tanh)
def _compile_tanh(a: Any) -> Callable[[Any], Any]:
    return _tanh_float32 if a == numba.float32 else tanh


@extending.overload(exp)
def _compile_exp(a: Any) -> Callable[[Any], Any]:
    return _exp_float32 if a == numba.float32 else exp


@extending.overload(sigmoid)
def _compile_sigmoid(a: Any) -> Callable[[Any], Any]:
    half = np.float32(0.5) if a == numba.float32 else 0.5

    def formula(a: Any) -> Any:
        return half * tanh(half * a) + half

    return formula

"""The loops over time of cells.py, compiled to machine code by Numba.

Before: cells.py, which says what they compute.  Next: models.py puts a cell between tokens and predictions.

A loop over T steps that Python interprets spends more time between its small operations than in them, and holds
Python's lock meanwhile.  Compiled, the same lines run without either, so that two threads can train two halves of a
batch.  The first call of a function compiles it, which takes a second or two; the result is kept on disk, in
`__pycache__`, until this file changes.

Each `for j` does one thing to one row of units: so a processor does it for 8 or 16 units at once.
"""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  the matrix products of compiled code; loaded here, to be limited below
import threadpoolctl
from numba import extending

Array = Any  # a NumPy array

# contract: a * b + c may be rounded once instead of twice, as processors do it.
compiled = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})

# A matrix product stays on one thread.  Two would wait for each other 70 times a training step: half the time on an
# idle machine, 20 times as long beside a browser.  Threads that take rows of a batch wait once.
threadpoolctl.threadpool_limits(1, user_api="blas")


# ----------------------------------------------------------------------------------------- the cells


@compiled
def rnn_forward(shares: Array, W_hh_T: Array, h: Array) -> None:
    """Fill in h_1 to h_T (T + 1, B, H)."""
    T, B, H = shares.shape
    product = np.empty_like(h[0])
    for t in range(T):
        multiply(h[t], W_hh_T, product)
        for b in range(B):
            x, p, new = shares[t, b], product[b], h[t + 1, b]
            for j in range(H):
                new[j] = tanh(x[j] + p[j])


@compiled
def rnn_backward(h: Array, W_hh: Array, dh: Array, da: Array, dh_0: Array) -> None:
    """Add to dh (T, B, H) what comes back from later steps, da_{t+1} W_hh^T, and fill in da (T, B, H)."""
    T, B, H = dh.shape
    one = h.dtype.type(1)
    product = np.empty_like(dh_0)
    for t in range(T - 1, -1, -1):
        for b in range(B):
            d, y, d_a = dh[t, b], h[t + 1, b], da[t, b]
            for j in range(H):
                d_a[j] = d[j] * (one - y[j] * y[j])
        multiply(da[t], W_hh, product)
        add(product, dh[t - 1] if t > 0 else dh_0)


@compiled
def gru_forward(gates: Array, W_hh_T: Array, h: Array, h_n: Array) -> None:
    """Turn pre-activations into gates (3, T, B, H); fill in h_1 to h_T and h_n = h_{t-1} W_hn (T, B, H)."""
    T, B, H = h_n.shape
    product = np.empty((B, 3 * H), h.dtype)
    for t in range(T):
        multiply(h[t], W_hh_T, product)
        for b in range(B):
            r, z, n = gates[0, t, b], gates[1, t, b], gates[2, t, b]
            p_r, p_z, p_n = product[b, :H], product[b, H : 2 * H], product[b, 2 * H :]
            before, new, kept = h[t, b], h[t + 1, b], h_n[t, b]
            for j in range(H):
                r[j] = sigmoid(r[j] + p_r[j])
            for j in range(H):
                z[j] = sigmoid(z[j] + p_z[j])
            keep(p_n, kept)
            for j in range(H):
                n[j] = tanh(n[j] + r[j] * p_n[j])
            for j in range(H):
                new[j] = n[j] + z[j] * (before[j] - n[j])


@compiled
def gru_backward(h: Array, W_hh: Array, dh: Array, gates: Array, h_n: Array, dh_0: Array) -> None:
    """Turn gates into dr, dz, dn r (3, T, B, H) and h_n into dn (T, B, H); add to dh what comes back."""
    T, B, H = dh.shape
    one = h.dtype.type(1)
    product, da = np.empty_like(dh_0), np.empty((B, 3 * H), h.dtype)
    for t in range(T - 1, -1, -1):
        dh_before = dh[t - 1] if t > 0 else dh_0
        for b in range(B):
            r, z, n, kept, before = gates[0, t, b], gates[1, t, b], gates[2, t, b], h_n[t, b], h[t, b]
            d, d_before, d_r, d_z, d_nr = dh[t, b], dh_before[b], da[b, :H], da[b, H : 2 * H], da[b, 2 * H :]
            for j in range(H):
                d_before[j] += d[j] * z[j]
            for j in range(H):
                d_z[j] = d[j] * (before[j] - n[j]) * z[j] * (one - z[j])
            for j in range(H):
                n[j] = d[j] * (one - z[j]) * (one - n[j] * n[j])  # the memory of n now holds dn
            for j in range(H):
                d_r[j] = n[j] * kept[j] * r[j] * (one - r[j])
            for j in range(H):
                d_nr[j] = n[j] * r[j]
            keep(n, kept)
            keep(d_r, r)
            keep(d_z, z)
            keep(d_nr, n)
        multiply(da, W_hh, product)
        add(product, dh_before)


@compiled
def lstm_forward(gates: Array, W_hh_T: Array, h: Array, c: Array, tanh_c: Array) -> None:
    """Turn pre-activations into gates (4, T, B, H); fill in h_1 to h_T, c_1 to c_T and tanh(c_1) to tanh(c_T)."""
    T, B, H = tanh_c.shape
    product = np.empty((B, 4 * H), h.dtype)
    for t in range(T):
        multiply(h[t], W_hh_T, product)
        for b in range(B):
            i, f, g, o = gates[0, t, b], gates[1, t, b], gates[2, t, b], gates[3, t, b]
            p_i, p_f, p_g, p_o = product[b, :H], product[b, H : 2 * H], product[b, 2 * H : 3 * H], product[b, 3 * H :]
            c_before, c_new, tanh_of_c, new = c[t, b], c[t + 1, b], tanh_c[t, b], h[t + 1, b]
            for j in range(H):
                i[j] = sigmoid(i[j] + p_i[j])
            for j in range(H):
                f[j] = sigmoid(f[j] + p_f[j])
            for j in range(H):
                g[j] = tanh(g[j] + p_g[j])
            for j in range(H):
                o[j] = sigmoid(o[j] + p_o[j])
            for j in range(H):
                c_new[j] = f[j] * c_before[j] + i[j] * g[j]
            for j in range(H):
                tanh_of_c[j] = tanh(c_new[j])
            for j in range(H):
                new[j] = o[j] * tanh_of_c[j]


@compiled
def lstm_backward(c: Array, tanh_c: Array, W_hh: Array, dh: Array, gates: Array, dh_0: Array, dc: Array) -> None:
    """Turn gates into da_i, da_f, da_g, da_o (4, T, B, H), dc = dL/dc_T into dL/dc_0; add to dh what comes back."""
    T, B, H = dh.shape
    one = c.dtype.type(1)
    product, da = np.empty_like(dh_0), np.empty((B, 4 * H), c.dtype)
    for t in range(T - 1, -1, -1):
        for b in range(B):
            i, f, g, o = gates[0, t, b], gates[1, t, b], gates[2, t, b], gates[3, t, b]
            d_i, d_f, d_g, d_o = da[b, :H], da[b, H : 2 * H], da[b, 2 * H : 3 * H], da[b, 3 * H :]
            d, d_c, c_before, tanh_of_c = dh[t, b], dc[b], c[t, b], tanh_c[t, b]
            for j in range(H):
                d_c[j] += d[j] * o[j] * (one - tanh_of_c[j] * tanh_of_c[j])
            for j in range(H):
                d_i[j] = d_c[j] * g[j] * i[j] * (one - i[j])
            for j in range(H):
                d_f[j] = d_c[j] * c_before[j] * f[j] * (one - f[j])
            for j in range(H):
                d_g[j] = d_c[j] * i[j] * (one - g[j] * g[j])
            for j in range(H):
                d_o[j] = d[j] * tanh_of_c[j] * o[j] * (one - o[j])
            for j in range(H):
                d_c[j] *= f[j]
            keep(d_i, i)
            keep(d_f, f)
            keep(d_g, g)
            keep(d_o, o)
        multiply(da, W_hh, product)
        add(product, dh[t - 1] if t > 0 else dh_0)


# ----------------------------------------------------------------------------------- what they share


@compiled
def multiply(x: Array, W_T: Array, product: Array) -> None:
    """product <- x W.  x (B, R), product (B, N); what is handed in is the transpose of W, W_T (N, R).

    By way of its transpose, W^T x^T: with 16 rows in x, OpenBLAS 0.3.30 takes two thirds of the time for that without
    AVX-512.  It is turned back 16 columns at a time.
    """
    B, N = product.shape
    columns = np.dot(W_T, x.T)
    for first in range(0, N, 16):
        for b in range(B):
            for q in range(first, min(first + 16, N)):
                product[b, q] = columns[q, b]


@compiled
def keep(values: Array, place: Array) -> None:
    """place <- values, (H,) each."""
    for j in range(len(place)):
        place[j] = values[j]


@compiled
def add(values: Array, place: Array) -> None:
    """place <- place + values, (B, H) each."""
    for b in range(len(place)):
        v, p = values[b], place[b]
        for j in range(len(p)):
            p[j] += v[j]


# Compiled functions call `tanh` and `sigmoid`; what is compiled for them depends on the type of the number, and stands
# in the functions marked `overload` below.


def tanh(a: Any) -> Any:
    """tanh(a) of one number, inside compiled functions."""
    return math.tanh(a)


def sigmoid(a: Any) -> Any:
    """sigmoid(a) = 1 / (1 + exp(-a)) = 1/2 tanh(a/2) + 1/2 of one number, inside compiled functions."""
    return 0.5 * tanh(0.5 * a) + 0.5


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


@extending.overload(tanh)
def _compile_tanh(a: Any) -> Callable[[Any], Any]:
    """float32: a quotient of polynomials, which a processor computes for 8 or 16 numbers at once; else C's tanh."""
    return _tanh_float32 if a == numba.float32 else tanh


@extending.overload(sigmoid)
def _compile_sigmoid(a: Any) -> Callable[[Any], Any]:
    half = np.float32(0.5) if a == numba.float32 else 0.5

    def formula(a: Any) -> Any:
        return half * tanh(half * a) + half

    return formula


# ------------------------------------------------------------------------------------------- BLAS


def warm_blas_up(threads: int) -> None:
    """Multiply something large on so many threads at once, in NumPy's BLAS and in SciPy's.

    OpenBLAS packs matrices into buffers, one for each product that is under way.  Until a large product has gone
    through a buffer, a processor without AVX-512 takes three times as long for one like (32, 256) @ (256, 256).
    """
    square = np.ones((512, 512), np.float32)
    multiply(square, square, np.empty_like(square))  # compiled here: a thread would wait for the import under way
    nobody_reads = np.empty_like(square)  # all threads write the same numbers into it
    with ThreadPoolExecutor(threads) as pool:
        for product in (np.matmul, multiply):
            list(pool.map(product, *([square] * threads for _ in range(2)), [nobody_reads] * threads))


warm_blas_up(os.cpu_count() or 1)

"""Matrix products inside compiled loops, without BLAS.

A BLAS has threads of its own, which would have to be limited for the whole process of the reader; and for matrices as
small as those of one time step, (16, 64) @ (64, 64), it spends half of its time elsewhere.  Here a tile of 4 rows and
one vector of columns of the result stays in the processor's registers while k runs, as every fast product does it:

    out[b : b + 4, columns] += sum_k x[b : b + 4, k] w[k, columns]

So that w is read from memory in the order in which it is used, it is packed first: cut into panels of as many columns
as a vector has (`pack`).   Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication".

The result has room for whole panels: its number of columns is `padded(N)`, and columns beyond N are zero.
"""

from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rnnlib.engine.compiling import compiled

Array = Any  # a NumPy array

# A tile holds 4 such vectors of results: 8 registers of 32 bytes, or of 64 where the processor has them.
PANEL_BYTES = 128 if llvmlite.binding.get_host_cpu_features().get("avx512f", False) else 64
ROWS_OF_A_TILE, STEPS_AT_ONCE, LONGEST_RUN = 4, 4, 256


def panel_width(dtype: np.dtype) -> int:
    """How many columns a panel has."""
    return PANEL_BYTES // dtype.itemsize


def padded(size: int, dtype: np.dtype) -> int:
    """The next whole number of panels, in columns."""
    return -(-size // panel_width(dtype)) * panel_width(dtype)


def panels_for(rows: int, columns: int, dtype: np.dtype) -> tuple[int, int, int]:
    """The shape of a packed matrix (rows, columns): panels, rows, columns of a panel."""
    width = panel_width(dtype)
    return -(-columns // width), rows, width


# ----------------------------------------------------------------------------------------- one tile


def _make_tile(rows: int, steps_at_once: int) -> Any:
    """A function of compiled code that computes one tile, LLVM's vectors written out, so that they stay in registers.

    x: its first number at `x_first`; x_row and x_step lead to the next row of the tile and to the next k.  panel: its
    first number at `panel_first`.  out: the tile's first number at `out_first`, out_row leads to the next row.  steps:
    the number of k, a multiple of `steps_at_once`.  accumulate: whether to add to what stands in out.
    """

    @intrinsic
    def tile(  # type: ignore[no-untyped-def]
        typing_context, x, x_first, x_row, x_step, panel, panel_first, steps, out, out_first, out_row, accumulate
    ):
        size = types.intp
        signature = types.void(x, size, size, size, panel, size, size, out, size, size, types.boolean)

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            number = signature.args[0].dtype
            scalar, width = context.get_value_type(number), PANEL_BYTES // (number.bitwidth // 8)
            vector, index = ir.VectorType(scalar, width), ir.IntType(64)
            _, x_first, x_row, x_step, _, panel_first, steps, _, out_first, out_row, accumulate = arguments
            arrays = [(signature.args[place], arguments[place]) for place in (0, 4, 7)]
            x, panel, out = (context.make_array(kind)(context, builder, array).data for kind, array in arrays)

            def constant(value: int) -> Any:
                return ir.Constant(index, value)

            def place_of(base: Any, position: Any) -> Any:
                return builder.bitcast(builder.gep(base, [position]), vector.as_pointer())

            def load(base: Any, position: Any) -> Any:
                loaded = builder.load(place_of(base, position))
                loaded.align = number.bitwidth // 8
                return loaded

            def spread(value: Any) -> Any:
                nothing, lane = ir.Constant(vector, ir.Undefined), ir.Constant(ir.IntType(32), 0)
                first_lane = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
                return builder.shuffle_vector(builder.insert_element(nothing, value, lane), nothing, first_lane)

            positions = [builder.add(out_first, builder.mul(constant(row), out_row)) for row in range(rows)]
            with builder.if_else(accumulate) as (adding, beginning):
                with adding:
                    standing = [load(out, position) for position in positions]
                    adding_block = builder.block
                with beginning:
                    beginning_block = builder.block
            sums = []
            for row in range(rows):
                begin = builder.phi(vector)
                begin.add_incoming(standing[row], adding_block)
                begin.add_incoming(ir.Constant(vector, [0.0] * width), beginning_block)
                sums.append(begin)

            before = builder.block
            loop, after = builder.append_basic_block("k"), builder.append_basic_block("after")
            builder.branch(loop)
            builder.position_at_end(loop)
            k = builder.phi(index)
            k.add_incoming(constant(0), before)
            carried = []
            for begin in sums:
                total = builder.phi(vector)
                total.add_incoming(begin, before)
                carried.append(total)
            totals: list[Any] = list(carried)
            for ahead in range(steps_at_once):
                step = builder.add(k, constant(ahead))
                w = load(panel, builder.add(panel_first, builder.mul(step, constant(width))))
                first = builder.add(x_first, builder.mul(step, x_step))
                for row in range(rows):
                    position = builder.add(first, builder.mul(constant(row), x_row))
                    product = builder.fmul(spread(builder.load(builder.gep(x, [position]))), w, flags=("contract",))
                    totals[row] = builder.fadd(product, totals[row], flags=("contract",))
            following = builder.add(k, constant(steps_at_once))
            k.add_incoming(following, loop)
            for total, grown in zip(carried, totals, strict=True):
                total.add_incoming(grown, loop)
            builder.cbranch(builder.icmp_signed("<", following, steps), loop, after)
            builder.position_at_end(after)
            for position, total in zip(positions, totals, strict=True):
                builder.store(total, place_of(out, position)).align = number.bitwidth // 8
            return context.get_dummy_value()

        return signature, generate

    return tile


_tile, _tile_step = _make_tile(ROWS_OF_A_TILE, STEPS_AT_ONCE), _make_tile(ROWS_OF_A_TILE, 1)
_row, _row_step = _make_tile(1, STEPS_AT_ONCE), _make_tile(1, 1)


# -------------------------------------------------------------------------------------- whole products


@compiled
def pack(w: Array, panel: Array, first: int) -> None:
    """panel (K, width) <- the columns of w (K, N) from `first` on, with zeros beyond the last."""
    K, N = w.shape
    columns = min(panel.shape[1], N - first)
    for k in range(K):
        row, place = w[k, first : first + columns], panel[k]
        for j in range(columns):
            place[j] = row[j]
        for j in range(columns, len(place)):
            place[j] = 0


@compiled
def pack_transposed(w: Array, panel: Array, first: int) -> None:
    """panel (K, width) <- the columns of w^T, the rows of w (N, K), from `first` on, with zeros beyond the last."""
    N, K = w.shape
    columns = min(panel.shape[1], N - first)
    panel[:] = 0
    for j in range(columns):
        row = w[first + j]
        for k in range(K):
            panel[k, j] = row[k]


@compiled
def multiply(x: Array, first: int, last: int, panels: Array, out: Array, accumulate: bool) -> None:
    """out[first:last] <- x[first:last] w, added to what stands there if `accumulate`.

    x (B, K or more), w (K, N) packed: panels (N / width, K, width), out (B, N padded).
    """
    P, K, width = panels.shape
    x_row, out_row, at_once = x.shape[1], out.shape[1], K - K % STEPS_AT_ONCE
    for p in range(P):
        panel = p * K * width
        rest = panel + at_once * width
        b = first
        while b + ROWS_OF_A_TILE <= last:
            place = b * out_row + p * width
            if at_once > 0:
                _tile(x, b * x_row, x_row, 1, panels, panel, at_once, out, place, out_row, accumulate)
            if at_once < K:
                left = K - at_once
                _tile_step(
                    x, b * x_row + at_once, x_row, 1, panels, rest, left, out, place, out_row, accumulate or at_once > 0
                )
            b += ROWS_OF_A_TILE
        while b < last:
            place = b * out_row + p * width
            if at_once > 0:
                _row(x, b * x_row, x_row, 1, panels, panel, at_once, out, place, out_row, accumulate)
            if at_once < K:
                left = K - at_once
                _row_step(
                    x, b * x_row + at_once, x_row, 1, panels, rest, left, out, place, out_row, accumulate or at_once > 0
                )
            b += 1


@compiled
def multiply_transposed(x: Array, rows: int, panel: Array, out: Array) -> None:
    """out (rows, width) <- x^T panel, for the first `rows` columns of x.   x (N, rows or more), panel (N, width).

    LONGEST_RUN steps of N at a time, so that the piece of the panel that is used stays in the fastest cache.
    """
    N, width = panel.shape
    x_row = x.shape[1]
    for first in range(0, N, LONGEST_RUN):
        steps = min(LONGEST_RUN, N - first)
        row = 0
        while row + ROWS_OF_A_TILE <= rows:
            begin = first * x_row + row
            _tile_step(x, begin, 1, x_row, panel, first * width, steps, out, row * width, width, first > 0)
            row += ROWS_OF_A_TILE
        while row < rows:
            _row_step(x, first * x_row + row, 1, x_row, panel, first * width, steps, out, row * width, width, first > 0)
            row += 1

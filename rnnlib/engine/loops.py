"""The loops over time of cells.py, and the output layer of models.py, compiled to machine code by Numba.

A loop over T steps that Python interprets spends more time between its small operations than in them, and holds
Python's lock meanwhile.  Compiled, the same lines run without either, so that threads can take some rows of a batch
each, first <= b < last.  Each `for j` does one thing to one row of units, so that a processor does it for 8 or 16
units at once.

Arrays: H and V padded to whole panels (products.py), zeros beyond.  h (T + 1, B, H): h_0 to h_T, and c alike.  gates
(G, T, B, H) hold x_in at first, the gates' values after the forward pass, and dL/d(pre-activation) after the backward
pass.  dh (T, B, H) holds what the output of each step says of h_t, and becomes dL/dh_t.  W (G, panels, H, width): W_hh
packed; W_back: W_hh^T packed.
"""

import math

from rnnlib.engine.activations import exp, sigmoid, tanh
from rnnlib.engine.compiling import compiled
from rnnlib.engine.products import Array, multiply, multiply_transposed, pack

# ----------------------------------------------------------------------------------------- the cells


@compiled
def rnn_forward(gates: Array, W: Array, h: Array, first: int, last: int) -> None:
    """x_in -> h_1 to h_T."""
    T, _, H = gates[0].shape
    for t in range(T):
        multiply(h[t], first, last, W[0], gates[0, t], True)
        for b in range(first, last):
            a, new = gates[0, t, b], h[t + 1, b]
            for j in range(H):
                new[j] = tanh(a[j])


@compiled
def rnn_backward(gates: Array, W_back: Array, h: Array, dh: Array, first: int, last: int) -> None:
    """dh -> dL/dh_t, gates -> dL/dx_in."""
    T, _, H = dh.shape
    one = h.dtype.type(1)
    for t in range(T - 1, -1, -1):
        for b in range(first, last):
            d, y, da = dh[t, b], h[t + 1, b], gates[0, t, b]
            for j in range(H):
                da[j] = d[j] * (one - y[j] * y[j])
        if t > 0:
            multiply(gates[0, t], first, last, W_back[0], dh[t - 1], True)


@compiled
def gru_forward(gates: Array, W: Array, h: Array, first: int, last: int) -> None:
    """x_in -> r, z, n, and h_{t-1} W_hn in a fourth place; h_1 to h_T."""
    T, _, H = gates[0].shape
    for t in range(T):
        multiply(h[t], first, last, W[0], gates[0, t], True)
        multiply(h[t], first, last, W[1], gates[1, t], True)
        multiply(h[t], first, last, W[2], gates[3, t], False)
        for b in range(first, last):
            r, z, n, h_n = gates[0, t, b], gates[1, t, b], gates[2, t, b], gates[3, t, b]
            before, new = h[t, b], h[t + 1, b]
            for j in range(H):
                r[j] = sigmoid(r[j])
            for j in range(H):
                z[j] = sigmoid(z[j])
            for j in range(H):
                n[j] = tanh(n[j] + r[j] * h_n[j])
            for j in range(H):
                new[j] = n[j] + z[j] * (before[j] - n[j])


@compiled
def gru_backward(gates: Array, W_back: Array, h: Array, dh: Array, first: int, last: int) -> None:
    """dh -> dL/dh_t; gates -> dr, dz, dn r (what W_hh learns from), and dn in the fourth place (what x_t W_xn does)."""
    T, _, H = dh.shape
    one = h.dtype.type(1)
    for t in range(T - 1, -1, -1):
        for b in range(first, last):
            r, z, n, h_n = gates[0, t, b], gates[1, t, b], gates[2, t, b], gates[3, t, b]
            d, before = dh[t, b], h[t, b]
            if t > 0:
                d_before = dh[t - 1, b]
                for j in range(H):
                    d_before[j] += d[j] * z[j]
            for j in range(H):
                dn = d[j] * (one - z[j]) * (one - n[j] * n[j])
                z[j] = d[j] * (before[j] - n[j]) * z[j] * (one - z[j])
                n[j] = dn * r[j]
                r[j] = dn * h_n[j] * r[j] * (one - r[j])
                h_n[j] = dn
        if t > 0:
            for gate in range(3):
                multiply(gates[gate, t], first, last, W_back[gate], dh[t - 1], True)


@compiled
def lstm_forward(gates: Array, W: Array, h: Array, c: Array, tanh_c: Array, first: int, last: int) -> None:
    """x_in -> i, f, g, o; h_1 to h_T, c_1 to c_T and tanh(c_1) to tanh(c_T)."""
    T, _, H = tanh_c.shape
    for t in range(T):
        for gate in range(4):
            multiply(h[t], first, last, W[gate], gates[gate, t], True)
        for b in range(first, last):
            i, f, g, o = gates[0, t, b], gates[1, t, b], gates[2, t, b], gates[3, t, b]
            c_before, c_new, tanh_of_c, new = c[t, b], c[t + 1, b], tanh_c[t, b], h[t + 1, b]
            for j in range(H):
                i[j] = sigmoid(i[j])
            for j in range(H):
                f[j] = sigmoid(f[j])
            for j in range(H):
                g[j] = tanh(g[j])
            for j in range(H):
                o[j] = sigmoid(o[j])
            for j in range(H):
                c_new[j] = f[j] * c_before[j] + i[j] * g[j]
            for j in range(H):
                tanh_of_c[j] = tanh(c_new[j])
            for j in range(H):
                new[j] = o[j] * tanh_of_c[j]


@compiled
def lstm_backward(
    gates: Array, W_back: Array, c: Array, tanh_c: Array, dh: Array, dc: Array, first: int, last: int
) -> None:
    """dh -> dL/dh_t; gates -> da_i, da_f, da_g, da_o; dc (B, H), zeros -> dL/dc_0."""
    T, _, H = dh.shape
    one = c.dtype.type(1)
    for t in range(T - 1, -1, -1):
        for b in range(first, last):
            i, f, g, o = gates[0, t, b], gates[1, t, b], gates[2, t, b], gates[3, t, b]
            d, d_c, c_before, tanh_of_c = dh[t, b], dc[b], c[t, b], tanh_c[t, b]
            for j in range(H):
                d_c[j] += d[j] * o[j] * (one - tanh_of_c[j] * tanh_of_c[j])
            for j in range(H):
                o[j] = d[j] * tanh_of_c[j] * o[j] * (one - o[j])
            for j in range(H):
                d_i = d_c[j] * g[j] * i[j] * (one - i[j])
                g[j] = d_c[j] * i[j] * (one - g[j] * g[j])
                i[j] = d_i
            for j in range(H):
                f_j, d_f = f[j], d_c[j] * c_before[j] * f[j] * (one - f[j])
                d_c[j] *= f_j
                f[j] = d_f
        if t > 0:
            for gate in range(4):
                multiply(gates[gate, t], first, last, W_back[gate], dh[t - 1], True)


# ------------------------------------------------------------------------ tokens, logits, loss, weights


@compiled
def embed(tokens: Array, W_xh: Array, b_h: Array, gates: Array, first: int, last: int) -> None:
    """x_in = x_t W_xh + b_h, x_t one-hot: row x_t of W_xh.   tokens (T, B), W_xh (G, V, H), b_h (G, H)."""
    T = len(tokens)
    G, _, H = W_xh.shape
    for gate in range(G):
        bias = b_h[gate]
        for t in range(T):
            for b in range(first, last):
                row, x_in = W_xh[gate, tokens[t, b]], gates[gate, t, b]
                for j in range(H):
                    x_in[j] = row[j] + bias[j]
                for j in range(H, len(x_in)):
                    x_in[j] = 0


@compiled
def output(
    h: Array,
    targets: Array,
    W_hq: Array,
    W_hq_back: Array,
    b_q: Array,
    d_logits: Array,
    losses: Array,
    dh: Array,
    first: int,
    last: int,
) -> None:
    """Output layer, softmax and cross-entropy, there and back: models.softmax_cross_entropy over some rows.

    Fills in d_logits (T, B, V), losses (T, B), and dh (T, B, H) with what the output of each step says of its h_t.
    """
    (T, B), V = targets.shape, len(b_q)
    share = h.dtype.type(1 / (T * B))
    for t in range(T):
        multiply(h[t + 1], first, last, W_hq, d_logits[t], False)
        for b in range(first, last):
            logits, right = d_logits[t, b], targets[t, b]
            for q in range(V):
                logits[q] += b_q[q]
            largest, right_logit = logits[0], logits[right]
            for q in range(V):
                largest = max(largest, logits[q])
            for q in range(V):
                logits[q] = exp(logits[q] - largest)
            total = h.dtype.type(0)
            for q in range(V):
                total += logits[q]
            losses[t, b] = math.log(total) + largest - right_logit
            scale = share / total
            for q in range(V):
                logits[q] *= scale
            logits[right] -= share
        multiply(d_logits[t], first, last, W_hq_back, dh[t], False)


@compiled
def learn_recurrent(gate: int, first: int, h: Array, da: Array, panel: Array, product: Array, dW_hh: Array) -> None:
    """dW_hh = sum_t h_{t-1}^T da_t of one gate, columns from `first` on: all steps share W_hh, so it is one product.

    da (T, B, H): dL/d(h_{t-1} W_hh).  panel (T B, width), product (H, width): memory to work in.
    """
    T, B, wide = da.shape
    H = dW_hh.shape[1]
    columns = min(product.shape[1], H - first)
    pack(da.reshape(T * B, wide)[:, :H], panel, first)
    multiply_transposed(h[:-1].reshape(T * B, wide), H, panel, product)
    for k in range(H):
        for j in range(columns):
            dW_hh[gate, k, first + j] = product[k, j]


@compiled
def learn_input(gate: int, tokens: Array, dx: Array, dW_xh: Array, db_h: Array) -> None:
    """dW_xh = sum_t x_t^T dx_t of one gate: each dx_t goes to row x_t;  db_h = sum_t dx_t.   dx (T, B, H): dL/dx_in."""
    T, B = tokens.shape
    H = dW_xh.shape[2]
    rows, bias = dW_xh[gate], db_h[gate]
    rows[:] = 0
    bias[:] = 0
    for t in range(T):
        for b in range(B):
            row, step = rows[tokens[t, b]], dx[t, b]
            for j in range(H):
                row[j] += step[j]
            for j in range(H):
                bias[j] += step[j]


@compiled
def learn_output(
    first: int, h: Array, d_logits: Array, panel: Array, product: Array, dW_hq: Array, db_q: Array
) -> None:
    """dW_hq = sum_t h_t^T dL/dlogits_t, the columns from `first` on;  db_q = sum_t dL/dlogits_t."""
    T, B, wide = d_logits.shape
    H, V = dW_hq.shape
    columns = min(product.shape[1], V - first)
    pack(d_logits.reshape(T * B, wide)[:, :V], panel, first)
    multiply_transposed(h[1:].reshape(T * B, -1), H, panel, product)
    for k in range(H):
        for j in range(columns):
            dW_hq[k, first + j] = product[k, j]
    db_q[first : first + columns] = 0
    for n in range(T * B):
        for j in range(columns):
            db_q[first + j] += panel[n, j]

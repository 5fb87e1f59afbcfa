"""A library of mistakes, written as students write them: the right answer passes, every mistake is named."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib import checks
from rnnlib.checks import Verdict

Case = tuple[Callable, str]


def expect(verdict: Verdict, named: str) -> None:
    assert verdict.result == "wrong" and named in verdict.message, verdict


# ------------------------------------------------------------------------------------ perplexity


def right_perplexity(logits, targets):
    log_p = logits - torch.logsumexp(logits, dim=-1, keepdim=True)
    total, T, B = 0.0, *targets.shape
    for t in range(T):
        for b in range(B):
            total -= float(log_p[t, b, targets[t, b]])
    return math.exp(total / (T * B))


def flat_loss(logits, targets, **options):
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), **options)


def probability_of(logits, targets):
    return F.softmax(logits, dim=2).gather(2, targets.unsqueeze(2))


PERPLEXITY: list[Case] = [
    (lambda o, y: flat_loss(o, y), "this is the cross-entropy"),
    (lambda o, y: torch.exp(flat_loss(o, y, reduction="sum")), "the losses were added up"),
    (lambda o, y: torch.exp(flat_loss(o, y, reduction="none")).mean(), "the mean of the exponentials"),
    (lambda o, y: 2 ** flat_loss(o, y).item(), "the base is e"),
    (lambda o, y: torch.exp(flat_loss(o.softmax(2), y)), "a softmax was applied before"),
    (lambda o, y: math.exp(-flat_loss(o, y)), "the sign is wrong"),
    (lambda o, y: probability_of(o, y).prod() ** (-1 / y.numel()), "the product of so many probabilities is 0"),
    (lambda o, y: math.sqrt(1 / probability_of(o, y).prod()) if y.numel() < 99 else math.inf, "the square root of the"),
    (
        lambda o, y: (-torch.log(o.exp() / o.exp().sum(2)[..., None]).gather(2, y[..., None])).mean().exp(),
        "is infinite",
    ),
    (lambda o, y: (-torch.log(probability_of(o, y) + 1e-8).mean()).exp(), "a small number was added before the log"),
    (lambda o, y: torch.distributions.Categorical(logits=o).entropy().mean().exp(), "the targets were not used"),
    (lambda o, y: 3.0, "the perplexity is 3.000; expected 2.9"),
    (lambda o, y: torch.exp(F.cross_entropy(o, y)), "takes the second axis for the V tokens: flatten"),
    (lambda o, y: (-torch.log(F.softmax(o, 1)).gather(2, y.unsqueeze(2)).mean()).exp(), "went along B"),
    (lambda o, y: (-torch.log(F.softmax(o, dim=0)).gather(2, y.unsqueeze(2)).mean()).exp(), "went along T"),
    (lambda o, y: "three", "it returned a str; expected numbers, or a tensor"),
]


def test_the_right_perplexity_passes() -> None:
    assert checks.perplexity(right_perplexity).result == "passed"
    assert checks.perplexity(lambda o, y: flat_loss(o, y).exp()).result == "passed"
    assert checks.perplexity(lambda o, y: ...).result == "open"


@pytest.mark.parametrize(("wrong", "named"), PERPLEXITY)
def test_mistakes_in_perplexity_are_named(wrong: Callable, named: str) -> None:
    expect(checks.perplexity(wrong), named)


# ---------------------------------------------------------------------------------------- bigram


def pair_counts(tokens, V, start=0.0):
    table = torch.full((V, V), start)
    for previous, following in zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True):
        table[previous, following] += 1
    return table


def gapped_counts(tokens, V):
    table = torch.zeros(V, V)
    for previous, later in zip(tokens.tolist(), tokens[2:].tolist(), strict=False):
        table[previous, later] += 1
    return table


BIGRAM: list[Case] = [
    (lambda x, V: pair_counts(x, V, 1.0), "these are counts"),
    (lambda x, V: pair_counts(x, V) / pair_counts(x, V).sum(1, keepdim=True), "nothing was added to the counts"),
    (lambda x, V: F.normalize(pair_counts(x.flip(0), V, 1.0), p=1, dim=1), "rows and columns are swapped"),
    (lambda x, V: pair_counts(x, V, 1.0) / (len(x) - 1 + V * V), "divided by the sum of all pairs"),
    (lambda x, V: F.normalize(pair_counts(x, V, 1.0), p=1, dim=0), "the columns sum to 1"),
    (lambda x, V: pair_counts(x, V, 1.0) / pair_counts(x, V).sum(1, keepdim=True), "1 was added above the line"),
    (lambda x, V: F.normalize(pair_counts(x, V, 2.0), p=1, dim=1), "the counts begin at 2"),
    (lambda x, V: F.normalize(pair_counts(x, V, 0.5), p=1, dim=1), "the counts begin at 1/2"),
    (lambda x, V: F.normalize(pair_counts(x, V, 3.0), p=1, dim=1), "wrong values: entry [0, 0] of the table"),
    (lambda x, V: F.normalize(pair_counts(x, V, 1.0), p=1, dim=1).T, "the finished table is transposed"),
    (lambda x, V: F.normalize(pair_counts(x, V).clamp(min=1), p=1, dim=1), "only the counts of 0 were raised"),
    (
        lambda x, V: F.normalize(pair_counts(x, V, 1.0), p=1, dim=1).numpy(),
        "a tensor, as its inputs are: `torch.from_numpy`",
    ),
    (lambda x, V: F.normalize(pair_counts(torch.cat((x, x[:1])), V, 1.0), p=1, dim=1), "nothing follows it"),
    (
        lambda x, V: pair_counts(x, V) / pair_counts(x, V).sum(1, keepdim=True).clamp(min=1) + 1,
        "was added to the shares",
    ),
    (lambda x, V: pair_counts(x, V, 1.0) / (pair_counts(x, V, 1.0).sum(1)[:, None] + V), "in the sum already"),
    (lambda x, V: F.normalize(1 + gapped_counts(x, V), p=1, dim=1), "two tokens apart"),
    (lambda x, V: F.normalize(pair_counts(x, V, 1.0), p=1, dim=1).half(), "about three digits; expected torch.float32"),
    (lambda x, V: torch.ones(V) / V, "the table has the shape (5,); expected (V, V) = (5, 5)"),
]


def test_the_right_bigram_passes() -> None:
    assert checks.smoothed_bigram(lambda x, V: F.normalize(pair_counts(x, V, 1.0), p=1, dim=1)).result == "passed"
    assert checks.smoothed_bigram(lambda x, V: ...).result == "open"


@pytest.mark.parametrize(("wrong", "named"), BIGRAM)
def test_mistakes_in_the_bigram_are_named(wrong: Callable, named: str) -> None:
    expect(checks.smoothed_bigram(wrong), named)


# --------------------------------------------------------------------------------------- batches


def batches(tokens, B, T, shift=1, batch_first=False):
    length = (len(tokens) - 1) // (B * T) * T
    inputs, targets = (tokens[s : s + B * length].view(B, length) for s in (0, shift))
    pieces = zip(inputs.split(T, 1), targets.split(T, 1), strict=True)
    return [(x, y) if batch_first else (x.T, y.T) for x, y in pieces]


def batches_of_neighbours(tokens, B, T):
    count = (len(tokens) - 1) // (B * T)
    return [tuple(tokens[s + n * B * T : s + (n + 1) * B * T].reshape(B, T).T for s in (0, 1)) for n in range(count)]


def batches_filled_the_wrong_way(tokens, B, T):
    count = (len(tokens) - 1) // (B * T)
    return [tuple(tokens[s + n * B * T : s + (n + 1) * B * T].view(T, B) for s in (0, 1)) for n in range(count)]


def batches_with_rows_of(tokens, B, T, row):
    """Rows that begin so many tokens apart."""
    begins = row * torch.arange(B) + torch.arange((len(tokens) - 1) // (B * T) * T)[:, None]
    begins = begins.clamp(max=len(tokens) - 2)
    return list(zip(tokens[begins].split(T), tokens[begins + 1].split(T), strict=True))


def batches_of_chunks(tokens, B, T):
    rows = list(zip(tokens[:-1].chunk(B), tokens[1:].chunk(B), strict=True))
    shortest = min(len(inputs) for inputs, _ in rows)
    pieces = range(0, shortest // T * T, T)
    return [tuple(torch.stack([row[side][s : s + T] for row in rows], 1) for side in (0, 1)) for s in pieces]


def batches_rolled(tokens, B, T):
    length = (len(tokens) - 1) // (B * T) * T
    rows = tokens[: B * length].view(B, length)
    return list(zip(rows.T.split(T), rows.roll(-1, dims=1).T.split(T), strict=True))


BATCHES: list[Case] = [
    (lambda x, B, T: batches(x, B, T, shift=0), "the targets are the inputs themselves"),
    (lambda x, B, T: batches(x, B, T, batch_first=True), "the batches are (B, T)"),
    (batches_filled_the_wrong_way, "neighbours in the text lie side by side"),
    (batches_of_neighbours, "the rows of a batch are neighbours"),
    (lambda x, B, T: batches(x, B, T)[1:], "the first batch is missing"),
    (lambda x, B, T: batches(x[1:], B, T), "the first token is left out"),
    (lambda x, B, T: [(x, x + 1) for x, _ in batches(x, B, T)], "the next token of the text is meant"),
    (lambda x, B, T: batches(x, B, T)[:-1] or batches(x, B, T), "the last batch is missing"),
    (lambda x, B, T: [(a.T.reshape(T, B), b.T.reshape(T, B)) for a, b in batches(x, B, T)], "swap no axes; use `.T`"),
    (lambda x, B, T: batches_of_chunks(x, B, T), "the shape"),
    (lambda x, B, T: batches_rolled(x, B, T), "`roll` goes round in a circle"),
    (lambda x, B, T: batches(x[(len(x) - 1) % (B * T) :], B, T), "counted from the end of the text"),
    (
        lambda x, B, T: tuple(torch.stack(each) for each in zip(*batches(x, B, T), strict=True)),
        "a pair (inputs, targets)",
    ),
    (lambda x, B, T: [(x - 500, y) for x, y in batches(x, B, T)], "entry [0, 0, 0] of the inputs (batch 0, step 0"),
    (lambda x, B, T: [(x, y - 500) for x, y in batches(x, B, T)], "the inputs are right; right shape, wrong values: e"),
    (lambda x, B, T: batches_with_rows_of(x, B, T, (len(x) - 1) // (B * T) * T + 1), "entry [0, 0, 1] of the inputs"),
]


def test_the_right_batches_pass() -> None:
    assert checks.sequential_batches(batches).result == "passed"
    assert checks.sequential_batches(lambda x, B, T: ...).result == "open"


@pytest.mark.parametrize(("wrong", "named"), BATCHES)
def test_mistakes_in_batches_are_named(wrong: Callable, named: str) -> None:
    expect(checks.sequential_batches(wrong), named)


# -------------------------------------------------------------------------------------- rnn_step


def step(x, h, W_xh, W_hh, b_h):
    return torch.tanh(torch.cat([x, h], 1) @ torch.cat([W_xh, W_hh]) + b_h)


STEP: list[Case] = [
    (lambda x, h, W_xh, W_hh, b_h: torch.addmm(b_h, x, W_xh) + h.mm(W_hh), "the tanh is missing"),
    (lambda x, h, W_xh, W_hh, b_h: step(x, h, W_xh, W_hh, 0), "the bias b_h is missing"),
    (lambda x, h, W_xh, W_hh, b_h: step(x, h, W_xh, W_hh.T, b_h), "W_hh is transposed"),
    (lambda x, h, W_xh, W_hh, b_h: step(x, 0 * h, W_xh, W_hh, b_h), "the state h is not used"),
    (lambda x, h, W_xh, W_hh, b_h: (x @ W_xh).tanh() + (h @ W_hh + b_h).tanh(), "the tanh was taken of each part"),
    (lambda x, h, W_xh, W_hh, b_h: (1 + (-(x @ W_xh + h @ W_hh + b_h)).exp()) ** -1, "this is a sigmoid"),
    (lambda x, h, W_xh, W_hh, b_h: torch.tanh(x @ W_xh + h + b_h), "it is multiplied by W_hh first"),
    (lambda x, h, W_xh, W_hh, b_h: x @ W_xh + torch.tanh(h @ W_hh + b_h), "only the part of the state went"),
    (lambda *a: step(*a).tolist(), "`.tolist()` unmakes it"),
    (lambda *a: step(*a).numpy(), "expected a tensor, as its inputs are: `torch.from_numpy`"),
    (lambda *a: list(step(*a)), "it returned 3 things; expected one tensor, the state (B, H): `torch.stack`"),
    (lambda *a: (a[1], step(*a)), "it returned 2 things; expected one: the state (B, H)."),
    (
        lambda x, h, W_xh, W_hh, b_h: step(x, h, W_xh, W_hh, b_h) ** 2,
        "wrong values: entry [0, 0] of the state (sequence 0, unit 0; counted from 0)",
    ),
    (
        lambda x, h, W_xh, W_hh, b_h: step(x, h, W_xh, W_hh, b_h).sum(0),
        "right but for the axis B: this is the sum along it; expected (B, H) = (3, 4)",
    ),
]


def test_the_right_step_passes() -> None:
    assert checks.rnn_step(step).result == "passed"
    assert checks.rnn_step(lambda *a: ...).result == "open"


@pytest.mark.parametrize(("wrong", "named"), STEP)
def test_mistakes_in_a_step_are_named(wrong: Callable, named: str) -> None:
    expect(checks.rnn_step(wrong), named)


# ----------------------------------------------------------------------------------- rnn_forward


def forward(xs, h, *weights):
    states = torch.empty(len(xs), *h.shape)
    for t in range(len(xs)):
        states[t] = h = step(xs[t], h, *weights)
    return states, h


def forward_never_carried(xs, h, *weights):
    states = torch.stack([step(x, h, *weights) for x in xs])
    return states, states[-1]


def forward_one_early(xs, h, *weights):
    states = []
    for x in xs:
        states.append(h)
        h = step(x, h, *weights)
    return torch.stack(states), h


def forward_without_assigning(xs, h, W_xh, W_hh, b_h):
    states = []
    for x in xs:
        states.append(torch.tanh(x @ W_xh + h @ W_hh + b_h))
    return torch.stack(states), h


def forward_with_return_in_the_loop(xs, h, *weights):
    states = []
    for x in xs:
        h = step(x, h, *weights)
        states.append(h)
        return torch.stack(states), h


def forward_of_steps(xs, h, weights, steps):
    states = []
    for t in steps:
        h = step(xs[t], h, *weights)
        states.append(h)
    return torch.stack(states), h


def forward_with(wrong_step):
    def wrong(xs, h, *weights):
        states = []
        for x in xs:
            h = wrong_step(x, h, *weights)
            states.append(h)
        return torch.stack(states), h

    return wrong


def forward_last_only(xs, h, *weights):
    for x in xs:
        h = step(x, h, *weights)
    return h, h


FORWARD: list[Case] = [
    (lambda xs, h, *w: forward(xs, torch.zeros_like(h), *w), "the first step began with zeros"),
    (forward_never_carried, "every step began with the state given"),
    (forward_one_early, "the states are h_0 to h_{T-1}"),
    (lambda xs, h, *w: (forward(xs, h, *w)[0][-1:], forward(xs, h, *w)[1]), "`append` belongs into the loop"),
    (forward_without_assigning, "h never changes"),
    (forward_with_return_in_the_loop, "does `return` stand inside the loop?"),
    (lambda xs, h, *w: forward_of_steps(xs, h, w, range(len(xs) - 1)), "the last step is missing"),
    (lambda xs, h, *w: forward_of_steps(xs, h, w, range(1, len(xs))), "the first input was not read"),
    (lambda xs, h, *w: forward_of_steps(xs, h, w, [0] * len(xs)), "every step read the first input"),
    (forward_with(lambda x, h, W, U, b: torch.tanh(x @ W + h @ U) + b), "the bias was added after the tanh"),
    (forward_with(lambda x, h, W, U, b: torch.relu(x @ W + h @ U + b)), "this is a ReLU"),
    (lambda xs, h, *w: (list(forward(xs, h, *w)[0]), forward(xs, h, *w)[1]), "`torch.stack` makes one of several"),
    (
        lambda xs, h, *w: forward(torch.cat([xs[:2], 2 * xs[2:]]), h, *w),
        "of the steps 0 to 3, steps 0 and 1 are right; ",
    ),
    (lambda xs, h, *w: (forward(xs, h, *w)[0], h), "the state returned is the one that came in"),
    (forward_last_only, "only the last state was kept"),
    (lambda xs, h, *w: (forward(xs, h, *w)[0].permute(1, 0, 2), forward(xs, h, *w)[1]), "the batch comes first"),
    (lambda xs, h, *w: forward(xs, h, *w)[0], "only one thing was returned"),
    (lambda xs, h, *w: forward(xs.flip(0), h, *w), "read from its end"),
    (
        lambda xs, h, *w: forward(2 * xs, h, *w),
        "wrong values: entry [0, 0, 0] of the states (step 0, sequence 0, unit 0; counted from 0) is",
    ),
]


def test_the_right_forward_passes() -> None:
    assert checks.rnn_forward(forward).result == "passed"
    assert checks.rnn_forward(lambda *a: (..., ...)).result == "open"


@pytest.mark.parametrize(("wrong", "named"), FORWARD)
def test_mistakes_in_forward_are_named(wrong: Callable, named: str) -> None:
    expect(checks.rnn_forward(wrong), named)


# -------------------------------------------------------------------------------- unrolled twice

TWICE: list[Case] = [
    (lambda x1, x2, h, *w: step(x1, step(x2, h, *w), *w), "x_1 and x_2 are swapped"),
    (
        lambda x1, x2, h, W, U, b: torch.tanh(x2 @ W + (x1 @ W + h @ U + b) @ U + b),
        "in the inner step: the tanh is missing",
    ),
    (
        lambda x1, x2, h, W, U, b: torch.tanh(x2 @ W + torch.tanh(x1 @ W + h @ U) @ U + b),
        "in the inner step: the bias b_h is missing",
    ),
    (lambda x1, x2, h, W, U, b: x2 @ W + (x1 @ W + h @ U + b) @ U + b, "the tanh is missing: this is the sum"),
    (
        lambda x1, x2, h, W, U, b: torch.tanh(x2 @ W + torch.tanh((x1 @ W + h @ U + b) @ U) + b),
        "must end before `@ W_h",
    ),
    (lambda x1, x2, h, W, U, b: torch.tanh(x2 @ W + torch.tanh(x1 @ W + h @ U + b @ U) + b), "multiplies b_h alone, i"),
    (
        lambda x1, x2, h, W, U, b: torch.tanh(x2 @ W + torch.tanh(x1 @ W + h @ U) + b @ U + b),
        "ends before its b_h, so",
    ),
    (
        lambda x1, x2, h, W, U, b: torch.tanh(x2 @ W + step(x1, h, W, U, b) @ U) + b,
        "in the outer step: the bias was added after the tanh",
    ),
    (lambda x1, x2, h, *w: (step(x1, h, *w), step(x2, step(x1, h, *w), *w)), "h_1 was returned, too"),
    (lambda x1, x2, h, W, U, b: torch.tanh(step(x1, h, W, U, b) @ U + b), "in the outer step: the input x is not used"),
    (lambda x1, x2, h, *w: step(x1, h, *w), "this is h_1"),
    (lambda x1, x2, h, *w: step(x2, h, *w), "the outer step begins with h_0"),
    (lambda x1, x2, h, *w: step(x2, step(x2, h, *w), *w), "both steps read x_2"),
    (lambda x1, x2, h, *w: step(x2, step(x1, h, *w), *w) ** 2, "wrong values: h_2[0, 0]"),
]


def test_two_steps_unrolled_pass() -> None:
    assert checks.unrolled_twice(lambda x1, x2, h, *w: forward(torch.stack([x1, x2]), h, *w)[1]).result == "passed"
    assert checks.unrolled_twice(lambda *a: ...).result == "open"


@pytest.mark.parametrize("exercise", [checks.rnn_step, checks.rnn_forward, checks.unrolled_twice])
def test_in_the_cases_of_notebook_02_no_tanh_is_near_its_bounds(exercise: checks.Exercise) -> None:
    states = exercise.answer(*exercise.cases()[0][1])
    assert (states[0] if isinstance(states, tuple) else states).abs().max() < 0.97


@pytest.mark.parametrize(("wrong", "named"), TWICE)
def test_mistakes_in_unrolling_are_named(wrong: Callable, named: str) -> None:
    expect(checks.unrolled_twice(wrong), named)


# ------------------------------------------------------------------------------------------ bptt


def by_library_s_loop(h, direct, W_hh, *, later=0.0, piles_up=0.0, rows=slice(None), scale=1.0):
    """The loop as notebook 03 writes it, with more ways in which it goes wrong."""
    dh, dW_hh = torch.empty_like(direct), torch.zeros_like(W_hh)
    for t in reversed(range(len(direct))):
        dh[t] = direct[t] + later
        da = dh[t] * (1 - h[t + 1] ** 2)
        dW_hh += scale * h[t, rows].T @ da[rows]
        later = piles_up * later + da @ W_hh.T
    return dh, dW_hh


def by_loop(h, direct, W_hh, *, W_back=None, slope=1, connect=1.0, through_tanh=True, share="all", left=0, of="da"):
    """The loop of notebook 03, with a switch for each way in which it goes wrong."""
    T, B, H = direct.shape
    dh, dW, after = torch.zeros(T, B, H), torch.zeros(H, H), torch.zeros(B, H)
    for t in range(T - 1, -1, -1):
        dh[t] = direct[t] + connect * after @ (W_hh.T if W_back is None else W_back)
        da = dh[t] * (1 - h[t + slope].square())
        term = h[t + left].T @ (da if of == "da" else dh[t])
        dW = dW + term if share == "all" else term
        after = da if through_tanh else dh[t]
    return dh, dW


BPTT: list[Case] = [
    (lambda h, d, W: by_loop(h, d, W, W_back=W), "it must be W_hh.T"),
    (lambda h, d, W: by_loop(h, d, W, connect=0.0), "these are the direct terms alone"),
    (lambda h, d, W: by_loop(h, d, W, through_tanh=False), "pass on da, not dh"),
    (lambda h, d, W: by_loop(h, d, W, slope=0), "tanh' is taken at h_{t-1}"),
    (lambda h, d, W: by_loop(h, d, W, left=1), "dW_hh is made of h_t"),
    (lambda h, d, W: by_loop(h, d, W, share="last"), "dW_hh has only the first step's share"),
    (lambda h, d, W: by_loop(h, d, W, of="dh"), "dW_hh is made of dh"),
    (lambda h, d, W: (by_loop(h, d, W)[0], by_loop(h, d, W)[1].T), "dW_hh is transposed"),
    (lambda h, d, W: by_library_s_loop(h, d, W, later=d[-1]), "begins with the last direct term"),
    (lambda h, d, W: by_library_s_loop(h, d, W, piles_up=1.0), "adds up from step to step"),
    (lambda h, d, W: by_library_s_loop(h, d, W, scale=1 / d.shape[1]), "the mean over the rows"),
    (lambda h, d, W: by_library_s_loop(h, d, W, rows=slice(1)), "the share of the first row alone"),
    (lambda h, d, W: by_loop(h, d, W)[::-1], "returned in the wrong order: first dh, then dW_hh"),
    (lambda h, d, W: (d + 1, W), "wrong values: dh[0, 0, 0]"),
    (lambda h, d, W: by_loop(h, d, W)[0], "it returned 1 thing; expected 2: dh (T, B, H), dW_hh (H, H)"),
]


def test_the_right_bptt_passes() -> None:
    assert checks.bptt(by_loop).result == "passed"
    assert checks.bptt(by_library_s_loop).result == "passed"
    assert checks.bptt(lambda h, d, W: (..., ...)).result == "open"


@pytest.mark.parametrize(("wrong", "named"), BPTT)
def test_mistakes_in_bptt_are_named(wrong: Callable, named: str) -> None:
    expect(checks.bptt(wrong), named)


# -------------------------------------------------------------------------------- missing detach


def cut(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def training_loop(model, batches, state, *, between=cut, retain=False, keep=Tensor.item, last=cut, logits_cut=False):
    losses = []
    for tokens, targets in batches:
        logits, state = model(tokens, between(state))
        loss = F.cross_entropy((logits.detach() if logits_cut else logits).flatten(0, 1), targets.flatten())
        if not logits_cut:
            loss.backward(retain_graph=retain)
        losses.append(keep(loss))
    return losses, last(state)


def zeros(state):
    return tuple(torch.zeros_like(part) for part in state) if isinstance(state, tuple) else torch.zeros_like(state)


DETACH: list[tuple[dict, str]] = [
    ({"between": lambda state: state}, "runs into the first batch's graph"),
    ({"between": lambda state: state, "retain": True}, "the graph grows with every batch"),
    ({"between": zeros}, "each batch begins with a state of zeros"),
    ({"logits_cut": True}, "no gradient reached W_hh"),
    ({"keep": lambda loss: loss}, "the losses kept still belong to their graphs"),
    ({"between": lambda state: state.detach()}, "a state is a tuple, (h,) or for an LSTM (h, c)"),
    ({"between": lambda state: (state[0].detach(),)}, "an LSTM's state has two parts, (h, c), and the model was given"),
    ({"between": lambda state: tuple(part.detach() for part in unpacked(state))}, "go through the parts"),
    ({"between": lambda state: cut(state) if not isinstance(state, tuple) else tuple(2 * p for p in cut(state))},
     "another state than the batch before it left"),
]  # fmt: skip


def unpacked(state):
    h, c = state
    return h, c


def as_leaves(state):
    return tuple(part.detach().requires_grad_() for part in state)


def test_a_loop_that_detaches_passes() -> None:
    assert checks.missing_detach(training_loop).result == "passed"
    assert checks.missing_detach(lambda *a: training_loop(*a, last=lambda state: state)).result == "passed"
    assert checks.missing_detach(lambda *a: training_loop(*a, between=as_leaves)).result == "passed"
    assert checks.missing_detach(lambda *a: ...).result == "open"


@pytest.mark.parametrize(("switches", "named"), DETACH)
def test_mistakes_in_carrying_the_state_are_named(switches: dict, named: str) -> None:
    expect(checks.missing_detach(lambda *a: training_loop(*a, **switches)), named)


def test_other_wrong_loops_are_told_what_is_expected() -> None:
    expect(checks.missing_detach(lambda model, batches, state: 3), "return two things")
    expect(checks.missing_detach(lambda model, batches, state: ([], state)), "was run 0 times, and 0 losses were ret")
    expect(checks.missing_detach(lambda model, batches, state: (0.5, state)), "the list of losses, one for each batch")
    expect(checks.missing_detach(lambda *a: (training_loop(*a)[0], None)), "return two things")


def test_a_loop_that_ends_after_its_first_batch_is_told_so() -> None:
    expect(checks.missing_detach(lambda m, batches, s: training_loop(m, batches[:1], s)), "`return` stand inside the l")
    one_loss = checks.missing_detach(lambda *a: (training_loop(*a)[0][:1], training_loop(*a)[1]))
    assert "for 4 batches the model was run 8 times, and 1 loss was returned." in one_loss.message


def test_a_state_in_a_generator_is_told_so() -> None:
    def as_generator(state):
        return (part.detach() for part in state)

    expect(checks.missing_detach(lambda *a: training_loop(*a, last=as_generator)), "the state is a generator")


def test_what_is_not_repaired_yet_is_told_what_to_do() -> None:
    verdict = checks.missing_detach(lambda *a: ...)
    assert repr(verdict).startswith("Not yet: repair `train`, then set `repaired = True`")


def test_an_lstms_state_in_a_list_passes() -> None:
    def cut_into_a_list(state):
        return [part.detach() for part in state] if isinstance(state, tuple | list) else state.detach()

    between = {"between": cut_into_a_list, "last": cut_into_a_list}
    assert checks.missing_detach(lambda *a: training_loop(*a, **between)).result == "passed"


def test_checking_a_loop_leaves_the_readers_random_numbers_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    checks.missing_detach(training_loop)
    assert torch.equal(torch.rand(4), expected)


# ------------------------------------------------------------------------------------- truncated


def truncated(xs, h, W_hh, loss_of, k, *, cuts=None, by=torch.detach, losses=slice(None), reduce=torch.sum):
    W = W_hh.clone().requires_grad_(True)
    cuts = range(k, len(xs), k) if cuts is None else cuts
    found = []
    for t in range(len(xs)):
        h = by(h) if t in cuts else h
        h = torch.tanh(xs[t] + h @ W)
        found.append(loss_of(t, h))
    reduce(torch.stack(found)[losses]).backward()
    return W.grad


def truncated_after_the_tanh(xs, h, W_hh, loss_of, k, *, first=1):
    """The detach where it loses a loss: between the step and its own loss."""
    W, total = W_hh.clone().requires_grad_(True), torch.zeros(())
    for t in range(len(xs)):
        h = torch.tanh(xs[t] + h @ W)
        if t >= first and t % k == 0:
            h = h.detach()
        total = total + loss_of(t, h)
    return torch.autograd.grad(total, W)[0]


def truncated_after_the_loss(xs, h, W_hh, loss_of, k):
    W, total = W_hh.clone().requires_grad_(True), torch.zeros(())
    for t in range(len(xs)):
        h = torch.tanh(xs[t] + h @ W)
        total = total + loss_of(t, h)
        if t % k == 0:
            h = h.detach()
    return torch.autograd.grad(total, W)[0]


def truncated_by_a_window(xs, h, W_hh, loss_of, k):
    W, total, states = W_hh.clone().requires_grad_(True), torch.zeros(()), [h]
    for t in range(len(xs)):
        first = max(0, t + 1 - k)
        h = states[first].detach()
        for x in xs[first : t + 1]:
            h = torch.tanh(x + h @ W)
        states.append(h)
        total = total + loss_of(t, h)
    return torch.autograd.grad(total, W)[0]


def truncated_in_whole_pieces(xs, h, W_hh, loss_of, k):
    W = W_hh.clone().requires_grad_(True)
    for piece in range(len(xs) // k):
        h, total = h.detach(), 0.0
        for t in range(piece * k, piece * k + k):
            h = torch.tanh(xs[t] + h @ W)
            total = total + loss_of(t, h)
        total.backward()
    return W.grad


def truncated_in_pieces_that_count_anew(xs, h, W_hh, loss_of, k):
    W = W_hh.clone().requires_grad_(True)
    for piece in xs.split(k):
        h, total = h.detach(), 0.0
        for t, x in enumerate(piece):
            h = torch.tanh(x + h @ W)
            total = total + loss_of(t, h)
        total.backward()
    return W.grad


def truncated_by_many_backward_passes(xs, h, W_hh, loss_of, k):
    W = W_hh.clone().requires_grad_(True)
    for t, x in enumerate(xs):
        h = torch.tanh(x + (h if t % k else h.detach()) @ W)
        loss_of(t, h).backward()
    return W.grad


TRUNCATED: list[Case] = [
    (truncated_in_pieces_that_count_anew, "loss_of was given t counted anew"),
    (truncated_by_many_backward_passes, "add up the losses first, and go back once"),
    (lambda *a: truncated_after_the_tanh(*a), "detached after its tanh, and its own loss lost"),
    (lambda *a: truncated_after_the_tanh(*a, first=0), "detached after its tanh, at step 0, too"),
    (truncated_after_the_loss, "the cuts come before steps 1, k + 1"),
    (lambda *a: truncated(*a, cuts=[t for t in range(len(a[0])) if t % a[4] == 1]), "the cuts come before steps 1, k"),
    (truncated_by_a_window, "each loss reaches back over its own last k steps"),
    (truncated_in_whole_pieces, "the last steps are missing"),
    (lambda *a: truncated(*a, cuts=()), "nothing is cut"),
    (lambda *a: truncated(*a, by=torch.zeros_like), "the state is set to zero at a cut"),
    (lambda *a: truncated(*a, cuts=range(len(a[0]))), "the state is detached at every step"),
    (lambda *a: truncated(*a, cuts=range(a[4] + 1, len(a[0]), a[4] + 1)), "the cuts come one step late"),
    (lambda *a: truncated(*a, cuts=range(a[4] - 1, len(a[0]), a[4])), "the cuts come one step early"),
    (
        lambda *a: truncated(*a, losses=slice((len(a[0]) - 1) // a[4] * a[4], None)),
        "only the losses since the last cut",
    ),
    (lambda *a: truncated(*a, reduce=torch.mean), "this is the mean over the steps"),
    (lambda *a: -truncated(*a), "the sign is wrong"),
    (lambda *a: truncated(*a) ** 2, "wrong values: dL/dW_hh[0, 0]"),
]


def test_the_right_truncation_passes() -> None:
    assert checks.truncated(truncated).result == "passed"
    assert checks.truncated(lambda *a: ...).result == "open"


@pytest.mark.parametrize(("wrong", "named"), TRUNCATED)
def test_mistakes_in_truncation_are_named(wrong: Callable, named: str) -> None:
    expect(checks.truncated(wrong), named)


def test_help_grows_and_shows_an_answer_at_last() -> None:
    first, second, third = (checks.rnn_step(lambda *a: torch.zeros(1)) for _ in range(3))
    assert not first.hint and second.hint and not second.answer
    assert "return torch.tanh(x @ W_xh + h @ W_hh + b_h)" in third.answer


def test_a_function_that_overwrites_its_arguments_is_told_which() -> None:
    def in_place(x: Tensor, h: Tensor, W_xh: Tensor, W_hh: Tensor, b_h: Tensor) -> Tensor:
        result = step(x, h, W_xh, W_hh, b_h)
        for argument in (x, h, W_xh, W_hh, b_h):
            argument.zero_()
        return result

    expect(checks.rnn_step(in_place), "the values are right, but it changed its argument x in place")
